"""The moves of a scenario: one class for each kind, with its effect on a play and its description.

A new kind of move needs a class here with `traits` and `describe`, an entry in `Move`, and a case in
`driver/dispatch.py`. Everything else derives from these three places.

The tags and the fields are JSON in every transcript, and kept transcripts are judged again by later versions. So they
keep their names, and a new field has a default.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final, Literal, get_args

import msgspec

from conformance.scenarios.kind import AWAITS_REQUEST, PASSIVE, READS, Kind, Traits, setting, settings
from doubletext.probe import OnCancel, Version, Work

Strategy = Literal["enqueue", "reject", "interrupt", "rollback"]
Endpoint = Literal["create", "stream", "wait"]
RunStatus = Literal["pending", "running", "error", "success", "timeout", "interrupted"]
StreamMode = Literal[
    "values", "updates", "messages-tuple", "messages", "custom", "events", "tasks", "checkpoints", "debug"
]

Mistake = Literal["strategy", "assistant", "thread", "unknown", "join", "id", "json", "field", "query", "bulk", "odd"]
"""The kind of error in a request.

`unknown` is a well-formed id of nothing, and `join` the same in a request that waits for a run. `id` is a malformed id.
`odd` is unusual, but possibly valid.
"""

MAIN = "main"
OTHER = "other"
FRESH = "fresh"
MISSING = "missing"
UNKNOWN_RUN = "nobody"
"""The names of threads and runs in a scenario.

The client chooses the id of the fresh thread, and the first run on it creates it.
The missing thread and the unknown run are never created.
"""

STATELESS = "stateless"
"""Used in place of a thread: the run is created without one. The thread it gets is named `thread_of(label)`."""

UNKNOWN_ASSISTANT: Final = "00000000-0000-4000-8000-000000000000"
"""A well-formed id that no assistant has."""

ASKED = "asked"
"""The label of the runs that a server creates if it accepts the request of an `Ask`."""


ON_THREAD: Final = {
    MAIN: None,
    OTHER: "on another thread",
    FRESH: "on a thread that does not exist yet",
    MISSING: "on a thread that does not exist",
    STATELESS: "without a thread",
}
"""The descriptions of the threads. The main thread is the usual one and is not mentioned."""


def thread_of(label: str) -> str:
    """Return the name of the thread of the stateless run `label`."""
    return f"thread of {label}"


def nodes(named: tuple[str, ...]) -> Literal["*"] | list[str] | None:
    """Return nodes at which a run stops as a request names them."""
    return "*" if named == ("*",) else list(named) or None


class Submit(Kind, frozen=True, kw_only=True, tag="submit", omit_defaults=True):
    """Create run `label`, with `text` as the human message.

    A field of the request that is None or empty is not sent.
    """

    traits = Traits(passive=False, quiet=False, may_end=True, changes="submit", by_hand=True)

    label: str
    text: str
    message_id: str | None = None
    """The id of the human message. React's client sends one, so that it can show the message before it is stored."""

    strategy: Strategy | None = None
    endpoint: Endpoint = "create"

    watch: bool = False
    """A further client joins the run."""

    hold: tuple[str, ...] = ()
    """The points at which the run is held. This field and the next four are keys of its probe."""

    fail: tuple[str, ...] = ()
    interrupt: tuple[str, ...] = ()
    on_cancel: OnCancel = "stop"
    work: Work = "tools"

    answers: str | None = None
    """The label of a parked run. Instead of input, the request carries a `command.resume` for its `interrupt()`.

    `text` is then the text of that run.
    """

    resume_value: Any = None
    """The answer to the question, in place of a text that has no meaning."""

    by_id: bool = False
    """The resume value is an object with an answer for the id of each open question, as the state showed them last."""

    partly: bool = False
    """Only the first of the open questions is answered."""

    stop_before: tuple[str, ...] = ()
    stop_after: tuple[str, ...] = ()
    """The nodes in `interrupt_before` and `interrupt_after`. `("*",)` is sent as `"*"`, which stands for all nodes."""

    durability: Literal["sync", "async", "exit"] | None = None

    stream_mode: tuple[StreamMode, ...] = ()
    """Empty stands for `values` and `updates` on the stream endpoint."""

    resumable: bool = False
    subgraphs: bool = False
    on_disconnect: Literal["cancel", "continue"] | None = None

    reads: bool = True
    """False if the client that created the run reads the first event of its stream, and no more until a `ReadOn`."""

    from_step: str | None = None
    """Continue from the checkpoint at which this was the newest entry of `steps`, in the history that was read last."""

    continues: bool = False
    """The request has no input and no command, so that the run continues with what is next at the checkpoint.

    `text` is then the text of the run that wrote the checkpoint.
    """

    goto: str | None = None
    """A node. Instead of input, the request carries a command that adds the text to the state and starts this node."""

    after_seconds: float | None = None
    if_not_exists: Literal["create", "reject"] | None = None
    on_completion: Literal["delete", "keep"] | None = None

    webhook: Literal["heard", "failing"] | None = None
    """Send the URL of the suite's own webhook listener, which answers with success, or with 500 if `failing`."""

    thread: str = MAIN

    show: bool = False
    """The agent reports what it was given, which needs version 3 of the probe contract."""

    configurable: dict[str, Any] = msgspec.field(default_factory=dict)
    """Further entries of the run's configurable. The agent shows those whose names begin with `doubletext_`."""

    @property
    def probe_version(self) -> Version:
        """The lowest version of the probe contract that suffices, so that older agents can play most scenarios."""
        return 3 if self.show else 1 if self.work == "tools" else 2

    @property
    def steered(self) -> bool:
        """True if the run has to do something that only the probe agent can do."""
        return bool(self.fail or self.interrupt or self.answers or self.on_cancel != "stop" or self.probe_version > 1)

    def describe(self) -> str:
        texts = (
            self.endpoint,
            # Shown, because different requirements judge the two cases. `null` would be a third one.
            setting("multitask_strategy", self.strategy) or "no multitask_strategy",
            ON_THREAD.get(self.thread, f"on thread {self.thread}"),
            # The hold comes before the rarer settings: it is the point of most submits.
            f"hold at {' and '.join(self.hold)}" if self.hold else None,
            f"fails in {' and '.join(self.fail)}" if self.fail else None,
            f"parked by an interrupt in {' and '.join(self.interrupt)}" if self.interrupt else None,
            setting("on_cancel", None if self.on_cancel == "stop" else self.on_cancel),
            setting("work", None if self.work == "tools" else self.work),
            self.answers and f"resumes run {self.answers}" + ", each question by its id" * self.by_id,
            "only the first question" if self.partly else None,
            setting("resume", self.resume_value),
            setting("the message's id", self.message_id),
            setting("configurable", self.configurable or None),
            "the agent reports what it was given" if self.show else None,
            setting("interrupt_before", nodes(self.stop_before)),
            setting("interrupt_after", nodes(self.stop_after)),
            setting("durability", self.durability),
            setting("stream_mode", self.stream_mode),
            setting("stream_resumable", self.resumable or None),
            setting("stream_subgraphs", self.subgraphs or None),
            setting("on_disconnect", self.on_disconnect),
            None if self.reads else "its client stops reading after the first event",
            self.from_step and f"from the checkpoint of {self.from_step}",
            "without input" * self.continues,
            self.goto and f"a command that adds the text and goes to {self.goto}",
            setting("after_seconds", self.after_seconds),
            setting("if_not_exists", self.if_not_exists),
            setting("on_completion", self.on_completion),
            "with a webhook" if self.webhook == "heard" else None,
            "with a webhook that answers 500" if self.webhook == "failing" else None,
            "with a client in join" if self.watch else None,
        )
        return f"submit run {self.label}" + settings(*texts)

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        # The other strategies never end a run in flight, and a strategy only applies to the runs of its own thread.
        return self.strategy in ("interrupt", "rollback") and self.thread == thread


class Watch(Kind, frozen=True, kw_only=True, tag="watch", omit_defaults=True):
    """Connect a further client, `name`, to run `label`, through `join` or through the run's stream.

    `since` is sent as Last-Event-ID. It is `-1`, or the name of a client whose last event id is sent. The client that
    created a run has the run's label as its name. `modes` and `cancel_on_disconnect` are sent unless empty or None.
    """

    traits = PASSIVE

    name: str
    label: str
    how: Literal["join", "stream"] = "stream"
    modes: tuple[StreamMode, ...] = ()
    since: str | None = None
    cancel_on_disconnect: bool | None = None

    def describe(self) -> str:
        last = self.since and (self.since if self.since == "-1" else f"the last that client {self.since} received")
        texts = (
            last and f"Last-Event-ID: {last}",
            setting("stream_mode", self.modes),
            setting("cancel_on_disconnect", self.cancel_on_disconnect),
        )
        # `join` returns the values of the run, and the stream its events. A failure text must show which.
        target = "run" if self.how == "join" else "the stream of run"
        return f"client {self.name} joins {target} {self.label}" + settings(*texts)


class AwaitEvent(Kind, frozen=True, kw_only=True, tag="await-event"):
    """Wait until the client `name` has received an event of this name."""

    traits = PASSIVE

    name: str
    event: str

    def describe(self) -> str:
        return f"wait until client {self.name} receives an event `{self.event}`"


class Leave(Kind, frozen=True, kw_only=True, tag="leave"):
    """Disconnect the client `name`. The client that created a run has the run's label as its name."""

    # A disconnect is no request: it can end a run, but a timeline has nothing to show for it but the closed stream.
    traits = Traits(passive=False, quiet=False, may_end=True, changes=None, by_hand=False)

    name: str

    def describe(self) -> str:
        return f"client {self.name} disconnects"

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        return cancels_on_disconnect


class ReadOn(Kind, frozen=True, kw_only=True, tag="read-on"):
    """Let the client that created run `label` read the rest of its stream, after `reads=False`."""

    traits = PASSIVE

    label: str

    def describe(self) -> str:
        return f"client {self.label} reads the rest of its stream"


class AwaitPoint(Kind, frozen=True, kw_only=True, tag="await-point", omit_defaults=True):
    """Wait until run `label` is at `point`.

    If `optional`, a deployment without a free worker need not reach the point in time. The hold is then released, so
    that the run cannot keep the only worker later on.
    """

    traits = PASSIVE

    label: str
    point: str
    optional: bool = False

    def describe(self) -> str:
        return f"wait until run {self.label} is at {self.point}" + settings("if a worker is free" * self.optional)


class AwaitHeard(Kind, frozen=True, kw_only=True, tag="await-heard"):
    """Wait until run `label` has reported a step, has ended, or has had ample time to report."""

    traits = PASSIVE

    label: str

    def describe(self) -> str:
        return f"wait until run {self.label} reports a step or ends"


class AwaitSuperseded(Kind, frozen=True, kw_only=True, tag="await-superseded"):
    """Wait until run `label` is cancelled or run `by` begins. Release `label` if neither happens in time.

    Both orders are legal. A deployment that waits for the superseded run would wait for the suite's hold forever, and
    the play with it, hence the release.
    """

    traits = PASSIVE

    label: str
    by: str

    def describe(self) -> str:
        return f"wait until run {self.label} is cancelled or run {self.by} begins"


class AwaitEnd(Kind, frozen=True, kw_only=True, tag="await-end", omit_defaults=True):
    """Wait until run `label` has a terminal status, both through `join` and by polling.

    If `if_begun`, wait only if a step of the run was reported.
    """

    traits = PASSIVE

    label: str
    if_begun: bool = False

    def describe(self) -> str:
        return f"wait until run {self.label} ends" + settings("if it has begun" * self.if_begun)


class AwaitStopped(Kind, frozen=True, kw_only=True, tag="await-stopped"):
    """Wait until the newest step of run `label` is cancelled. Release the run if that does not happen in time."""

    traits = PASSIVE

    label: str

    def describe(self) -> str:
        return f"wait until run {self.label} is being cancelled"


class AwaitGone(Kind, frozen=True, kw_only=True, tag="await-gone"):
    """Wait until the thread of the stateless run `label` no longer exists."""

    traits = AWAITS_REQUEST

    label: str

    def describe(self) -> str:
        return f"wait until the thread of run {self.label} is deleted"


class AwaitWebhook(Kind, frozen=True, kw_only=True, tag="await-webhook"):
    """Wait until the webhook of run `label` has arrived."""

    traits = AWAITS_REQUEST

    label: str

    def describe(self) -> str:
        return f"wait for the webhook of run {self.label}"


class Cancel(Kind, frozen=True, kw_only=True, tag="cancel", omit_defaults=True):
    """Cancel run `label`. The run of the label UNKNOWN_RUN does not exist.

    `wait` and `action` are query parameters, and None is not sent. If `patient`, continue with the next move before
    the answer arrives. If `unless_begun`, cancel only if no step of the run was reported.
    """

    traits = Traits(passive=False, quiet=False, may_end=True, changes="cancel", by_hand=True)

    label: str
    wait: bool | None = None
    action: str | None = None
    patient: bool = False
    unless_begun: bool = False

    def describe(self) -> str:
        run = "a run that does not exist" if self.label == UNKNOWN_RUN else f"run {self.label}"
        texts = (
            setting("wait", self.wait),
            setting("action", self.action),
            "not waiting for the answer" * self.patient,
            "unless it has begun" * self.unless_begun,
        )
        return f"cancel {run}" + settings(*texts)

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        # With either action: `interrupt` ends the run, and `rollback` deletes it.
        return self.label == label


class CancelMany(Kind, frozen=True, kw_only=True, tag="cancel-many"):
    """Cancel several runs of this play's thread in one request, by their ids."""

    traits = Traits(passive=False, quiet=False, may_end=True, changes="cancel many", by_hand=False)

    labels: tuple[str, ...]

    def describe(self) -> str:
        return f"cancel run{'s' if len(self.labels) > 1 else ''} {' and '.join(self.labels)} in one request"

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        return label in self.labels


class Together(Kind, frozen=True, kw_only=True, tag="together"):
    """Send several requests at the same time, or wait for several points, and continue when that is over."""

    # The effects are those of its moves: see `parts`, through which the judge and the reports read them one by one.
    traits = Traits(passive=False, quiet=False, may_end=False, changes=None, by_hand=False)

    moves: tuple[Submit | Cancel | AwaitPoint, ...]

    def describe(self) -> str:
        # Equal requests are counted: ten equal cancels would fill a screen.
        texts = Counter(move.describe() for move in self.moves)
        return "at the same time: " + ", ".join(text if n == 1 else f"{n} x {text}" for text, n in texts.items())


class AwaitOneLeft(Kind, frozen=True, kw_only=True, tag="await-one-left"):
    """Wait until at most one run has no terminal status."""

    traits = PASSIVE

    def describe(self) -> str:
        return "wait until at most one run is in flight"


class Delete(Kind, frozen=True, kw_only=True, tag="delete", omit_defaults=True):
    """Delete run `label`, or the whole thread if there is no label."""

    traits = Traits(passive=False, quiet=False, may_end=True, changes="delete", by_hand=False)

    label: str | None = None

    def describe(self) -> str:
        return "delete the thread" if self.label is None else f"delete run {self.label}"

    def may_end(self, label: str, thread: str, *, cancels_on_disconnect: bool) -> bool:
        # Without a label the thread is deleted, and with it every run.
        return self.label in (None, label)


class CreateAgain(Kind, frozen=True, kw_only=True, tag="create-again"):
    """Create the thread that was deleted again, under the same id."""

    traits = Traits(passive=False, quiet=False, may_end=False, changes="create again", by_hand=False)

    def describe(self) -> str:
        return "create the deleted thread again under its id"


class CreateTogether(Kind, frozen=True, kw_only=True, tag="create-together"):
    """Send several requests at the same time, each of which creates the thread `name` under an id of the client.

    None for `if_exists` is not sent.
    """

    traits = Traits(passive=False, quiet=False, may_end=False, changes="create together", by_hand=False)

    name: str
    times: int
    if_exists: Literal["raise", "do_nothing"] | None

    def describe(self) -> str:
        sent = settings(setting("if_exists", self.if_exists) or "no if_exists")
        return f"at the same time: {self.times} x create thread {self.name}{sent}"


class CopyThread(Kind, frozen=True, kw_only=True, tag="copy-thread"):
    """Copy the thread. The copy is the thread `name` of the scenario."""

    traits = Traits(passive=False, quiet=False, may_end=False, changes="copy thread", by_hand=False)

    name: str

    def describe(self) -> str:
        return f"copy the thread as {self.name}"


class ChangeThread(Kind, frozen=True, kw_only=True, tag="change-thread"):
    """Add `metadata` to that of the thread."""

    traits = Traits(passive=False, quiet=False, may_end=False, changes="change thread", by_hand=False)

    metadata: dict[str, Any]

    def describe(self) -> str:
        return "change the thread" + settings(setting("metadata", self.metadata))


class Browse(Kind, frozen=True, kw_only=True, tag="browse"):
    """Send a request as a browser sends it for a page of another origin.

    `preflight` asks whether the page may send JSON with POST. `search` and `wait` are such requests themselves: a
    search for threads, and the creation of a run whose values are waited for.
    """

    traits = Traits(passive=False, quiet=False, may_end=False, changes="page", by_hand=False)

    what: Literal["preflight", "search", "wait"]

    def describe(self) -> str:
        requests = {"preflight": "a preflight request", "search": "a search for threads", "wait": "a run to wait for"}
        return f"send {requests[self.what]} for a page of another origin"


class Release(Kind, frozen=True, kw_only=True, tag="release", omit_defaults=True):
    """Release run `label` (every run if there is no label) from `point` (every point if there is none)."""

    traits = PASSIVE

    label: str | None = None
    point: str | None = None

    def describe(self) -> str:
        run = "every run" if self.label is None else f"run {self.label}"
        return f"release {run}" + (f" from {self.point}" if self.point else "")


class Observe(Kind, frozen=True, kw_only=True, tag="observe", omit_defaults=True):
    """Poll for a while, for something that must not happen. End early if run `until_begun` begins.

    The absence of an event is the one thing that the suite cannot wait for. `driver/deadlines.py` derives the time
    from how fast this deployment starts a run.
    """

    traits = Traits(passive=True, quiet=True, may_end=False, changes=None, by_hand=False)

    until_begun: str | None = None

    def describe(self) -> str:
        return "observe for a while" + (f", or until run {self.until_begun} begins" if self.until_begun else "")


class Look(Kind, frozen=True, kw_only=True, tag="look"):
    """Read the status of the thread, of every run, and of the thread again."""

    traits = PASSIVE

    def describe(self) -> str:
        return "read the statuses of the thread and its runs"


class ReadState(Kind, frozen=True, kw_only=True, tag="read-state"):
    """Read state and history now, in the middle of the scenario."""

    traits = READS

    def describe(self) -> str:
        return "read state and history"


class ReadChild(Kind, frozen=True, kw_only=True, tag="read-child"):
    """Read the history of the child graph that is executing. It is then read at the end of the play, too."""

    traits = READS

    def describe(self) -> str:
        return "read the history of the child graph"


class UpdateState(Kind, frozen=True, kw_only=True, tag="update-state", omit_defaults=True):
    """Try to add a human message `text` to the thread's state, or to the state at an older checkpoint."""

    traits = Traits(passive=False, quiet=False, may_end=False, changes="update state", by_hand=True)

    text: str

    from_step: str | None = None
    """Update the state at the checkpoint of this step, which is found like that of `Submit.from_step`."""

    as_node: str | None = None

    def describe(self) -> str:
        at = f" at the checkpoint of {self.from_step}" if self.from_step else ""
        return f"try to update the state{at}" + settings(setting("as_node", self.as_node))


class ListRuns(Kind, frozen=True, kw_only=True, tag="list-runs", omit_defaults=True):
    """List the thread's runs with a filter."""

    traits = READS

    limit: int = 10
    offset: int = 0
    status: RunStatus | None = None

    def describe(self) -> str:
        texts = (setting("status", self.status), setting("limit", self.limit), setting("offset", self.offset or None))
        return "list the runs" + settings(*texts)


class SearchThreads(Kind, frozen=True, kw_only=True, tag="search-threads"):
    """Search this play's thread by `status`."""

    traits = READS

    status: Literal["idle", "busy", "interrupted", "error"]

    def describe(self) -> str:
        return "search the threads" + settings(setting("status", self.status))


class Query(Kind, frozen=True, kw_only=True, tag="query", omit_defaults=True):
    """Send one valid request that reads, such as a list with a filter. `purpose` names what it reads.

    The placeholders in `path` and `body` are the names of threads and the labels of runs, as in `Ask`, and two more.
    One is `{play}`, the value by which the threads of this play are found. The other is `{checkpoint N}`, the id at
    position N of the history that was read last. The newest is at 0.
    """

    traits = READS

    purpose: Literal[
        "list history",
        "copied history",
        "state at",
        "state with children",
        "list threads",
        "count threads",
        "filter crons",
        "count crons",
    ]
    method: Literal["GET", "POST"]
    path: str
    body: Any = None

    def describe(self) -> str:
        return f"{self.purpose}: {self.method} {self.path}" + settings(setting("body", self.body))


class CreateCron(Kind, frozen=True, kw_only=True, tag="create-cron", omit_defaults=True):
    """Create a cron, whose run `label` has `text` as its human message. No cron outlives its play.

    If `often`, it is due every second, or every minute where the deployment accepts no seconds. Otherwise it is due at
    New Year, so that it does not fire during a play.
    """

    traits = Traits(passive=False, quiet=False, may_end=False, changes="create cron", by_hand=False)

    label: str
    text: str
    strategy: Strategy | None = None
    often: bool = False
    hold: tuple[str, ...] = ()

    until: int | None = None
    """The year at whose beginning it ends."""

    thread: Literal["main", "stateless"] = "main"
    """`stateless` stands for no thread: each run of the cron gets one of its own."""

    bare: bool = False
    """The request has no input."""

    def describe(self) -> str:
        texts = (
            "due every second or minute" if self.often else "due at New Year",
            ON_THREAD[self.thread],
            "without input" * self.bare,
            setting("end_time", self.until),
            setting("multitask_strategy", self.strategy) or "no multitask_strategy",
            f"hold at {' and '.join(self.hold)}" if self.hold else None,
        )
        return f"create cron {self.label}" + settings(*texts)


class AwaitCron(Kind, frozen=True, kw_only=True, tag="await-cron"):
    """Wait until the run of the cron `label` has begun."""

    traits = AWAITS_REQUEST

    label: str

    def describe(self) -> str:
        return f"wait until cron {self.label} fires"


class DeleteCron(Kind, frozen=True, kw_only=True, tag="delete-cron"):
    """Delete the cron `label`."""

    traits = Traits(passive=False, quiet=False, may_end=False, changes="delete cron", by_hand=False)

    label: str

    def describe(self) -> str:
        return f"delete cron {self.label}"


class ListCrons(Kind, frozen=True, kw_only=True, tag="list-crons"):
    """List the crons of the thread."""

    traits = AWAITS_REQUEST

    def describe(self) -> str:
        return "list the crons of the thread"


class Ask(Kind, frozen=True, kw_only=True, tag="ask", omit_defaults=True):
    """Send one wrong or odd request unchanged, bypassing the client. `what` names it, uniquely in its scenario.

    `path` and the content may contain the placeholders `{main}`, `{other}` and `{missing}` (threads), `{nobody}` (the
    unknown run) and the labels of runs. `order` is merged into a correct request for a run, and `without` removes
    fields from that. Otherwise `body` is sent as JSON, or `text` unchanged.
    """

    traits = Traits(passive=False, quiet=False, may_end=False, changes="ask", by_hand=False)

    fault: Mistake
    what: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    order: dict[str, Any] | None = None
    without: tuple[str, ...] = ()
    body: Any = None
    text: str | None = None

    def describe(self) -> str:
        return f"send {self.what}"


Move = (
    Submit
    | Watch
    | AwaitEvent
    | Leave
    | ReadOn
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
    | CreateAgain
    | CreateTogether
    | CopyThread
    | ChangeThread
    | Browse
    | Release
    | Observe
    | Look
    | ReadState
    | ReadChild
    | UpdateState
    | ListRuns
    | SearchThreads
    | Query
)


KINDS: Final[tuple[type[Kind], ...]] = get_args(Move)
"""Every kind of move."""


def parts(move: Move) -> tuple[Move, ...]:
    """Return the moves that a `Together` makes at the same time, or the move itself."""
    return move.moves if isinstance(move, Together) else (move,)
