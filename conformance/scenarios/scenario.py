"""What a scenario is: which runs are asked for on a thread, when, and where each is held; move by move.

The scenarios themselves are in `catalogue`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from doubletext.probe import OnCancel, Work

Strategy = Literal["enqueue", "reject", "interrupt", "rollback"]
Endpoint = Literal["create", "stream", "wait"]
RunStatus = Literal["pending", "running", "error", "success", "timeout", "interrupted"]
StreamMode = Literal["values", "updates", "messages-tuple", "custom"]

Fault = Literal["strategy", "assistant", "thread", "unknown", "id", "json", "field", "query", "bulk", "odd"]
"""What is wrong with a request: `unknown` ids are well-formed, an `id` is not; `odd` is strange, maybe no fault."""

MAIN = "main"
OTHER = "other"
FRESH = "fresh"
MISSING = "missing"
NOBODY = "nobody"
"""The scenario's names for threads and runs; the missing thread and nobody's run are never created.

The fresh thread has an id of the client's choice, and is left to the first run on it to create.
"""

STATELESS = "stateless"
"""In place of a thread: the run is asked for without one, and its own is called `thread_of(label)`."""

ASKED = "asked"
"""The label of the runs that an `Ask` would make, if it were accepted."""


RACES = frozenset({"at-once", "finishing", "thrice", "burst"})
"""The phases (second part of an id) that are races."""


def thread_of(label: str) -> str:
    """The name of the thread of the stateless run `label`."""
    return f"thread of {label}"


class Submit(msgspec.Struct, frozen=True, kw_only=True, tag="submit", omit_defaults=True):
    """Ask for a run. `hold`, `fail`, `interrupt`, `on_cancel`, `work` are its probe; `watch` joins it elsewhere.

    `strategy` None sends no `multitask_strategy`, and likewise for other fields of the request. `stream_mode` empty is
    `values` and `updates` where the run is streamed, and not sent elsewhere. `reads` False: the client that asked for
    the stream reads its first event and then no more. `from_step`: go on from the checkpoint that this entry of the
    state's `steps` was the newest of, as the history told when it was last read. `answers`: instead of input the run is
    sent a `command.resume`, for the question that the run of this label asked about its tool call; `text` is the text
    of that run. `webhook`: a listener of the suite's own is to be told of its end, and answers with success or,
    `failing`, with 500.
    """

    label: str
    text: str
    strategy: Strategy | None = None
    endpoint: Endpoint = "create"
    watch: bool = False
    hold: tuple[str, ...] = ()
    fail: tuple[str, ...] = ()
    interrupt: tuple[str, ...] = ()
    on_cancel: OnCancel = "stop"
    work: Work = "tools"
    answers: str | None = None
    durability: Literal["sync", "async", "exit"] | None = None
    stream_mode: tuple[StreamMode, ...] = ()
    resumable: bool = False
    subgraphs: bool = False
    on_disconnect: Literal["cancel", "continue"] | None = None
    reads: bool = True
    from_step: str | None = None
    after_seconds: float | None = None
    if_not_exists: Literal["create", "reject"] | None = None
    on_completion: Literal["delete", "keep"] | None = None
    webhook: Literal["heard", "failing"] | None = None
    thread: str = MAIN

    @property
    def steered(self) -> bool:
        """Whether the run must do what only the probe agent does: fail, park, go on, be stubborn, work otherwise."""
        return bool(self.fail or self.interrupt or self.answers or self.on_cancel != "stop" or self.work != "tools")


class Watch(msgspec.Struct, frozen=True, kw_only=True, tag="watch", omit_defaults=True):
    """A further client, `name`, watches run `label` through `join` or through its stream.

    `since`: what it sends as Last-Event-ID: `-1`, or the last id that the client of that name has seen (a run's label
    is the name of the client that asked for it). `modes` and `cancel_on_disconnect` are sent unless empty or None.
    """

    name: str
    label: str
    how: Literal["join", "stream"] = "stream"
    modes: tuple[StreamMode, ...] = ()
    since: str | None = None
    cancel_on_disconnect: bool | None = None


class AwaitEvent(msgspec.Struct, frozen=True, kw_only=True, tag="await-event"):
    """Wait until the client `name` has been sent an event of this name."""

    name: str
    event: str


class Leave(msgspec.Struct, frozen=True, kw_only=True, tag="leave"):
    """The client `name` closes its connection; a run's label is the name of the client that asked for it."""

    name: str


class AwaitPoint(msgspec.Struct, frozen=True, kw_only=True, tag="await-point", omit_defaults=True):
    """Wait until run `label` is at `point`.

    `optional`: a deployment without a free worker need not get there in time, and the run is not held there then.
    """

    label: str
    point: str
    optional: bool = False


class AwaitHeard(msgspec.Struct, frozen=True, kw_only=True, tag="await-heard"):
    """Wait until run `label` has reported a step, or is over, or has long had the time to report."""

    label: str


class AwaitSuperseded(msgspec.Struct, frozen=True, kw_only=True, tag="await-superseded"):
    """Wait until run `label` stopped or run `by` began; if neither happens in time, let `label` go on."""

    label: str
    by: str


class AwaitEnd(msgspec.Struct, frozen=True, kw_only=True, tag="await-end", omit_defaults=True):
    """Wait until run `label` has a terminal status, through `join` and by reading it.

    `if_begun`: only if its first step was seen; otherwise go on.
    """

    label: str
    if_begun: bool = False


class AwaitStopped(msgspec.Struct, frozen=True, kw_only=True, tag="await-stopped"):
    """Wait until the newest step of run `label` was told to stop; if that does not happen in time, let it go on."""

    label: str


class AwaitGone(msgspec.Struct, frozen=True, kw_only=True, tag="await-gone"):
    """Wait until the thread of the stateless run `label` is not there any more."""

    label: str


class AwaitWebhook(msgspec.Struct, frozen=True, kw_only=True, tag="await-webhook"):
    """Wait until the webhook of run `label` has come."""

    label: str


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag="cancel", omit_defaults=True):
    """Cancel run `label`; the run of the label NOBODY does not exist.

    `wait` and `action` are sent as they are, None not at all. `patient`: go on while the answer is still to come.
    `unless_begun`: only if no step of it was seen.
    """

    label: str
    wait: bool | None = None
    action: str | None = None
    patient: bool = False
    unless_begun: bool = False


class CancelMany(msgspec.Struct, frozen=True, kw_only=True, tag="cancel-many"):
    """Cancel several runs of this play's thread in one request, by their ids."""

    labels: tuple[str, ...]


class Together(msgspec.Struct, frozen=True, kw_only=True, tag="together"):
    """Send several requests at the same time, and go on when each is answered."""

    moves: tuple[Submit | Cancel, ...]


class AwaitOneLeft(msgspec.Struct, frozen=True, kw_only=True, tag="await-one-left"):
    """Wait until all runs but one at most are over."""


class Delete(msgspec.Struct, frozen=True, kw_only=True, tag="delete", omit_defaults=True):
    """Delete run `label`, or the thread with everything on it when absent."""

    label: str | None = None


class Release(msgspec.Struct, frozen=True, kw_only=True, tag="release", omit_defaults=True):
    """Let run `label` (all runs when absent) go on from where it is held."""

    label: str | None = None
    point: str | None = None


class Observe(msgspec.Struct, frozen=True, kw_only=True, tag="observe", omit_defaults=True):
    """Look on for a while, for something that must not happen; over early when run `until_begun` begins."""

    until_begun: str | None = None


class Look(msgspec.Struct, frozen=True, kw_only=True, tag="look"):
    """Read the status of the thread and of every run, the thread both before and after."""


class ReadState(msgspec.Struct, frozen=True, kw_only=True, tag="read-state"):
    """Read state and history now, in the middle of the scenario."""


class ReadChild(msgspec.Struct, frozen=True, kw_only=True, tag="read-child"):
    """Read the history of the child graph that the thread stands in; once it was read, it is read at the end, too."""


class UpdateState(msgspec.Struct, frozen=True, kw_only=True, tag="update-state"):
    """Try to write a human message `text` into the thread's state."""

    text: str


class ListRuns(msgspec.Struct, frozen=True, kw_only=True, tag="list-runs", omit_defaults=True):
    """List the thread's runs with a filter."""

    limit: int = 10
    offset: int = 0
    status: RunStatus | None = None


class SearchThreads(msgspec.Struct, frozen=True, kw_only=True, tag="search-threads"):
    """Search this play's thread by `status`."""

    status: Literal["idle", "busy", "interrupted", "error"]


class CreateCron(msgspec.Struct, frozen=True, kw_only=True, tag="create-cron", omit_defaults=True):
    """Make a cron on the thread, whose run `label` asks `text`. No cron outlives its play.

    `often`: it is due every second where the deployment takes such a schedule, else every minute; if not, at New Year.
    """

    label: str
    text: str
    strategy: Strategy | None = None
    often: bool = False
    hold: tuple[str, ...] = ()


class AwaitCron(msgspec.Struct, frozen=True, kw_only=True, tag="await-cron"):
    """Wait until the run of the cron `label` has begun."""

    label: str


class DeleteCron(msgspec.Struct, frozen=True, kw_only=True, tag="delete-cron"):
    """Delete the cron `label`."""

    label: str


class ListCrons(msgspec.Struct, frozen=True, kw_only=True, tag="list-crons"):
    """List the crons of the thread."""


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag="ask", omit_defaults=True):
    """Send one wrong or odd request as it stands, past the client; `what` names it, and is unique in its scenario.

    `path` and what is sent may hold `{main}`, `{other}` and `{missing}` (threads), `{nobody}` and labels (runs).
    `order` is laid over a correct request for a run, `without` takes fields out of that; else `body` is sent as JSON,
    or `text` as it is.
    """

    fault: Fault
    what: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    order: dict[str, Any] | None = None
    without: tuple[str, ...] = ()
    body: Any = None
    text: str | None = None


Move = (
    Submit
    | Watch
    | AwaitEvent
    | Leave
    | Ask
    | AwaitPoint
    | AwaitHeard
    | AwaitSuperseded
    | AwaitStopped
    | AwaitEnd
    | AwaitOneLeft
    | CreateCron
    | AwaitCron
    | DeleteCron
    | ListCrons
    | AwaitGone
    | AwaitWebhook
    | Cancel
    | CancelMany
    | Together
    | Delete
    | Release
    | Observe
    | Look
    | ReadState
    | ReadChild
    | UpdateState
    | ListRuns
    | SearchThreads
)


def parts(move: Move) -> tuple[Move, ...]:
    """A move, or those that it makes at the same time."""
    return move.moves if isinstance(move, Together) else (move,)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One double text, told move by move; `about` is one sentence for a reader."""

    id: str
    about: str
    moves: tuple[Move, ...]

    @property
    def race(self) -> bool:
        """Whether the moment of the second run is not made, so that several outcomes are legal."""
        return self.id.split("/")[1] in RACES

    @property
    def family(self) -> str:
        """The first part of the id: the second run's strategy."""
        return self.id.partition("/")[0]

    @property
    def requests(self) -> tuple[Move, ...]:
        """The moves, with those that are made at the same time one by one."""
        return tuple(one for move in self.moves for one in parts(move))

    @property
    def all_submits(self) -> tuple[Submit, ...]:
        """The runs asked for on any thread, in order."""
        return tuple(move for move in self.requests if isinstance(move, Submit))

    @property
    def steered(self) -> bool:
        """Whether a run must do what only the probe agent does."""
        return any(submit.steered for submit in self.all_submits)

    def submits(self, thread: str = MAIN) -> tuple[Submit, ...]:
        """The runs asked for on `thread`, in order."""
        return tuple(submit for submit in self.all_submits if submit.thread == thread)

    def submit(self, label: str) -> Submit:
        """How run `label` was asked for; raises KeyError when the scenario has no such run."""
        for submit in self.all_submits:
            if submit.label == label:
                return submit
        raise KeyError(label)
