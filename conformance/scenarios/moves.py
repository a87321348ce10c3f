"""The moves of a scenario: one class for each, with what it changes and how it is described.

A new kind of move is a class here with its `traits` and `describe`, a member of `Move`, and a case in
`driver/dispatch.py`. Nothing else need know of it.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

from conformance.scenarios.kind import ASKS, LOOKS_ON, READS, Kind, Traits, settings
from doubletext.probe import OnCancel, Work

Strategy = Literal["enqueue", "reject", "interrupt", "rollback"]
Endpoint = Literal["create", "stream", "wait"]
RunStatus = Literal["pending", "running", "error", "success", "timeout", "interrupted"]
StreamMode = Literal["values", "updates", "messages-tuple", "custom"]

Mistake = Literal["strategy", "assistant", "thread", "unknown", "id", "json", "field", "query", "bulk", "odd"]
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


def thread_of(label: str) -> str:
    """The name of the thread of the stateless run `label`."""
    return f"thread of {label}"


class Submit(Kind, frozen=True, kw_only=True, tag="submit", omit_defaults=True):
    """Ask for a run. `hold`, `fail`, `interrupt`, `on_cancel`, `work` are its probe; `watch` joins it elsewhere.

    `strategy` None sends no `multitask_strategy`, and likewise for other fields of the request. `stream_mode` empty is
    `values` and `updates` where the run is streamed, and not sent elsewhere. `reads` False: the client that asked for
    the stream reads its first event and then no more. `from_step`: go on from the checkpoint that this entry of the
    state's `steps` was the newest of, as the history told when it was last read. `answers`: instead of input the run is
    sent a `command.resume`, for the question that the run of this label asked about its tool call; `text` is the text
    of that run. `webhook`: a listener of the suite's own is to be told of its end, and answers with success or,
    `failing`, with 500.
    """

    traits = Traits(looks_on=False, quiet=False, may_end=True, changes="submit", by_hand=True)

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

    def describe(self) -> str:
        hold = f"held at {' and '.join(self.hold)}" if self.hold else None
        return f"submit {self.label}" + settings(self.strategy or "no strategy", self.endpoint, hold)

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        return self.strategy in ("interrupt", "rollback") and self.thread == thread


class Watch(Kind, frozen=True, kw_only=True, tag="watch", omit_defaults=True):
    """A further client, `name`, watches run `label` through `join` or through its stream.

    `since`: what it sends as Last-Event-ID: `-1`, or the last id that the client of that name has seen (a run's label
    is the name of the client that asked for it). `modes` and `cancel_on_disconnect` are sent unless empty or None.
    """

    traits = LOOKS_ON

    name: str
    label: str
    how: Literal["join", "stream"] = "stream"
    modes: tuple[StreamMode, ...] = ()
    since: str | None = None
    cancel_on_disconnect: bool | None = None

    def describe(self) -> str:
        since = None if self.since is None else f"since {self.since}"
        return f"{self.name} watches {self.label}" + settings(self.how, since)


class AwaitEvent(Kind, frozen=True, kw_only=True, tag="await-event"):
    """Wait until the client `name` has been sent an event of this name."""

    traits = LOOKS_ON

    name: str
    event: str

    def describe(self) -> str:
        return f"wait until {self.name} is sent `{self.event}`"


class Leave(Kind, frozen=True, kw_only=True, tag="leave"):
    """The client `name` closes its connection; a run's label is the name of the client that asked for it."""

    traits = Traits(looks_on=False, quiet=False, may_end=True, changes=None, by_hand=False)

    name: str

    def describe(self) -> str:
        return f"{self.name} closes its connection"

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        return cancels_on_disconnect


class AwaitPoint(Kind, frozen=True, kw_only=True, tag="await-point", omit_defaults=True):
    """Wait until run `label` is at `point`.

    `optional`: a deployment without a free worker need not get there in time, and the run is not held there then.
    """

    traits = LOOKS_ON

    label: str
    point: str
    optional: bool = False

    def describe(self) -> str:
        return f"wait until {self.label} is at {self.point}"


class AwaitHeard(Kind, frozen=True, kw_only=True, tag="await-heard"):
    """Wait until run `label` has reported a step, or is over, or has long had the time to report."""

    traits = LOOKS_ON

    label: str

    def describe(self) -> str:
        return f"wait until {self.label} is heard of"


class AwaitSuperseded(Kind, frozen=True, kw_only=True, tag="await-superseded"):
    """Wait until run `label` stopped or run `by` began; if neither happens in time, let `label` go on."""

    traits = LOOKS_ON

    label: str
    by: str

    def describe(self) -> str:
        return f"wait until {self.label} stops or {self.by} begins"


class AwaitEnd(Kind, frozen=True, kw_only=True, tag="await-end", omit_defaults=True):
    """Wait until run `label` has a terminal status, through `join` and by reading it.

    `if_begun`: only if its first step was seen; otherwise go on.
    """

    traits = LOOKS_ON

    label: str
    if_begun: bool = False

    def describe(self) -> str:
        return f"wait until {self.label} has ended"


class AwaitStopped(Kind, frozen=True, kw_only=True, tag="await-stopped"):
    """Wait until the newest step of run `label` was told to stop; if that does not happen in time, let it go on."""

    traits = LOOKS_ON

    label: str

    def describe(self) -> str:
        return f"wait until {self.label} is told to stop"


class AwaitGone(Kind, frozen=True, kw_only=True, tag="await-gone"):
    """Wait until the thread of the stateless run `label` is not there any more."""

    traits = ASKS

    label: str

    def describe(self) -> str:
        return f"wait until the thread of {self.label} is gone"


class AwaitWebhook(Kind, frozen=True, kw_only=True, tag="await-webhook"):
    """Wait until the webhook of run `label` has come."""

    traits = ASKS

    label: str

    def describe(self) -> str:
        return f"wait until the webhook of {self.label} has come"


class Cancel(Kind, frozen=True, kw_only=True, tag="cancel", omit_defaults=True):
    """Cancel run `label`; the run of the label NOBODY does not exist.

    `wait` and `action` are sent as they are, None not at all. `patient`: go on while the answer is still to come.
    `unless_begun`: only if no step of it was seen.
    """

    traits = Traits(looks_on=False, quiet=False, may_end=True, changes="cancel", by_hand=True)

    label: str
    wait: bool | None = None
    action: str | None = None
    patient: bool = False
    unless_begun: bool = False

    def describe(self) -> str:
        wait = None if self.wait is None else f"wait {'true' if self.wait else 'false'}"
        return f"cancel {self.label}" + settings(wait, self.action and f"action {self.action}")

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        return self.label == label


class CancelMany(Kind, frozen=True, kw_only=True, tag="cancel-many"):
    """Cancel several runs of this play's thread in one request, by their ids."""

    traits = Traits(looks_on=False, quiet=False, may_end=True, changes="cancel many", by_hand=False)

    labels: tuple[str, ...]

    def describe(self) -> str:
        return f"cancel {' and '.join(self.labels)} in one request"

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        return label in self.labels


class Together(Kind, frozen=True, kw_only=True, tag="together"):
    """Send several requests at the same time, and go on when each is answered."""

    traits = Traits(looks_on=False, quiet=False, may_end=False, changes=None, by_hand=False)

    moves: tuple[Submit | Cancel, ...]

    def describe(self) -> str:
        return "at the same time: " + ", ".join(move.describe() for move in self.moves)


class AwaitOneLeft(Kind, frozen=True, kw_only=True, tag="await-one-left"):
    """Wait until all runs but one at most are over."""

    traits = LOOKS_ON

    def describe(self) -> str:
        return "wait until all runs but one are over"


class Delete(Kind, frozen=True, kw_only=True, tag="delete", omit_defaults=True):
    """Delete run `label`, or the thread with everything on it when absent."""

    traits = Traits(looks_on=False, quiet=False, may_end=True, changes="delete", by_hand=False)

    label: str | None = None

    def describe(self) -> str:
        return f"delete {'the thread' if self.label is None else self.label}"

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        return self.label in (None, label)


class Release(Kind, frozen=True, kw_only=True, tag="release", omit_defaults=True):
    """Let run `label` (all runs when absent) go on from where it is held."""

    traits = LOOKS_ON

    label: str | None = None
    point: str | None = None

    def describe(self) -> str:
        return f"let {self.label or 'every run'} go on"


class Observe(Kind, frozen=True, kw_only=True, tag="observe", omit_defaults=True):
    """Look on for a while, for something that must not happen; over early when run `until_begun` begins."""

    traits = Traits(looks_on=True, quiet=True, may_end=False, changes=None, by_hand=False)

    until_begun: str | None = None

    def describe(self) -> str:
        return "observe"


class Look(Kind, frozen=True, kw_only=True, tag="look"):
    """Read the status of the thread and of every run, the thread both before and after."""

    traits = LOOKS_ON

    def describe(self) -> str:
        return "look at every status"


class ReadState(Kind, frozen=True, kw_only=True, tag="read-state"):
    """Read state and history now, in the middle of the scenario."""

    traits = READS

    def describe(self) -> str:
        return "read state and history"


class ReadChild(Kind, frozen=True, kw_only=True, tag="read-child"):
    """Read the history of the child graph that the thread stands in; once it was read, it is read at the end, too."""

    traits = READS

    def describe(self) -> str:
        return "read the history of the child graph"


class UpdateState(Kind, frozen=True, kw_only=True, tag="update-state"):
    """Try to write a human message `text` into the thread's state."""

    traits = Traits(looks_on=False, quiet=False, may_end=False, changes="update state", by_hand=True)

    text: str

    def describe(self) -> str:
        return "try to update the state"


class ListRuns(Kind, frozen=True, kw_only=True, tag="list-runs", omit_defaults=True):
    """List the thread's runs with a filter."""

    traits = READS

    limit: int = 10
    offset: int = 0
    status: RunStatus | None = None

    def describe(self) -> str:
        status, offset = self.status and f"status {self.status}", self.offset and f"offset {self.offset}"
        return "list runs" + settings(status, f"limit {self.limit}", offset)


class SearchThreads(Kind, frozen=True, kw_only=True, tag="search-threads"):
    """Search this play's thread by `status`."""

    traits = READS

    status: Literal["idle", "busy", "interrupted", "error"]

    def describe(self) -> str:
        return f"search threads by status {self.status}"


class CreateCron(Kind, frozen=True, kw_only=True, tag="create-cron", omit_defaults=True):
    """Make a cron on the thread, whose run `label` asks `text`. No cron outlives its play.

    `often`: it is due every second where the deployment takes such a schedule, else every minute; if not, at New Year.
    """

    traits = Traits(looks_on=False, quiet=False, may_end=False, changes="create cron", by_hand=False)

    label: str
    text: str
    strategy: Strategy | None = None
    often: bool = False
    hold: tuple[str, ...] = ()

    def describe(self) -> str:
        return f"make the cron {self.label}" + settings(self.strategy or "no strategy")


class AwaitCron(Kind, frozen=True, kw_only=True, tag="await-cron"):
    """Wait until the run of the cron `label` has begun."""

    traits = ASKS

    label: str

    def describe(self) -> str:
        return f"wait until the cron {self.label} fires"


class DeleteCron(Kind, frozen=True, kw_only=True, tag="delete-cron"):
    """Delete the cron `label`."""

    traits = Traits(looks_on=False, quiet=False, may_end=False, changes="delete cron", by_hand=False)

    label: str

    def describe(self) -> str:
        return f"delete the cron {self.label}"


class ListCrons(Kind, frozen=True, kw_only=True, tag="list-crons"):
    """List the crons of the thread."""

    traits = ASKS

    def describe(self) -> str:
        return "list the crons of the thread"


class Ask(Kind, frozen=True, kw_only=True, tag="ask", omit_defaults=True):
    """Send one wrong or odd request as it stands, past the client; `what` names it, and is unique in its scenario.

    `path` and what is sent may hold `{main}`, `{other}` and `{missing}` (threads), `{nobody}` and labels (runs).
    `order` is laid over a correct request for a run, `without` takes fields out of that; else `body` is sent as JSON,
    or `text` as it is.
    """

    traits = Traits(looks_on=False, quiet=False, may_end=False, changes="ask", by_hand=False)

    fault: Mistake
    what: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    order: dict[str, Any] | None = None
    without: tuple[str, ...] = ()
    body: Any = None
    text: str | None = None

    def describe(self) -> str:
        return f"ask with {self.what}"


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


KINDS: Final[tuple[type[Kind], ...]] = get_args(Move)
"""Every kind of move."""


def parts(move: Move) -> tuple[Move, ...]:
    """A move, or those that it makes at the same time."""
    return move.moves if isinstance(move, Together) else (move,)
