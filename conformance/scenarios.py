"""The scenarios: which runs are made on a thread, when, and where each is held.

A scenario is data. Its id is `STRATEGY/PHASE/ENDPOINT/OBSERVER[/VARIANT]`:

- STRATEGY: the `multitask_strategy` of the second run (`default`: none is sent).
- PHASE: where the first run is when the second arrives.
- ENDPOINT: how the second run is asked for: `create`, `stream` or `wait`.
- OBSERVER: who watches the first run: `unwatched`, or `joined` (a client waits in `join`).

Labels: `A` is the first run, `B` the one that double-texts it. `E` is an earlier turn, `Z` a run that is in flight
before `A`, `C` a third text, `X` a run on another thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from conformance.probe import OnCancel

Strategy = Literal["enqueue", "reject", "interrupt", "rollback"]
Endpoint = Literal["create", "stream", "wait"]
RunStatus = Literal["pending", "running", "error", "success", "timeout", "interrupted"]

MAIN = "main"
OTHER = "other"


class Submit(msgspec.Struct, frozen=True, kw_only=True, tag="submit", omit_defaults=True):
    """Ask for a run. `hold`, `fail`, `interrupt` and `on_cancel` are its probe; `watch` joins it from a second client.

    `strategy` None sends no `multitask_strategy`.
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
    durability: Literal["sync", "async", "exit"] | None = None
    thread: str = MAIN


class AwaitPoint(msgspec.Struct, frozen=True, kw_only=True, tag="await-point", omit_defaults=True):
    """Wait until run `label` is at `point`. `optional`: a deployment without a free worker need not get there."""

    label: str
    point: str
    optional: bool = False


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


Move = (
    Submit
    | AwaitPoint
    | AwaitSuperseded
    | AwaitEnd
    | Release
    | Observe
    | Look
    | ReadState
    | UpdateState
    | ListRuns
    | SearchThreads
)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One double text, told move by move; `about` is one sentence for a reader."""

    id: str
    about: str
    moves: tuple[Move, ...]

    @property
    def family(self) -> str:
        """The first part of the id: the second run's strategy."""
        return self.id.partition("/")[0]

    def submits(self, thread: str = MAIN) -> tuple[Submit, ...]:
        """The runs asked for on `thread`, in order."""
        return tuple(move for move in self.moves if isinstance(move, Submit) and move.thread == thread)

    def submit(self, label: str) -> Submit:
        """How run `label` was asked for; raises KeyError when the scenario has no such run."""
        for move in self.moves:
            if isinstance(move, Submit) and move.label == label:
                return move
        raise KeyError(label)


SF = "what's the weather in sf?"
NYC = "what's the weather in nyc?"
LA = "what's the weather in la?"
BOSTON = "what's the weather in boston?"
SMALL_TALK = "thanks, that is all"

FIRST_STEP = "agent:1/enter"
IN_TOOLS = "tools:1/enter"
MID_ANSWER = "agent:2/token"
CLEANING_UP = "tools:1/cancelled"

HELD_PHASES = {
    "during-agent": (FIRST_STEP, "before its first step has written anything"),
    "during-tools": (IN_TOOLS, "while its tool is running, the tool call written, the result not"),
    "during-answer": (MID_ANSWER, "half-way through the tokens of its answer"),
}


_LOOKS: tuple[Move, ...] = (Look(), Look())
"""Two in a row, so that the thread is read between two readings of every run."""


def _held_first(point: str, **how: Any) -> tuple[Move, ...]:
    """A is asked for and reaches `point`, where it is held; `how` goes to its Submit."""
    first = Submit(label="A", text=SF, hold=(point,), **how)
    return (first, AwaitPoint(label="A", point=point), *_LOOKS)


def _second(strategy: Strategy | None, endpoint: Endpoint = "create", *, hold: tuple[str, ...] = ()) -> Submit:
    return Submit(label="B", text=NYC, strategy=strategy, endpoint=endpoint, hold=hold)


def _superseding(strategy: Strategy, endpoint: Endpoint = "create") -> tuple[Move, ...]:
    """B supersedes A, is held when it has begun, and runs to its end before A could be let go.

    Nothing may come after.
    """
    return (
        _second(strategy, endpoint, hold=(FIRST_STEP,)),
        AwaitSuperseded(label="A", by="B"),
        AwaitPoint(label="B", point=FIRST_STEP),
        *_LOOKS,
        Release(label="B"),
        AwaitEnd(label="B"),
        Release(),
        AwaitEnd(label="A"),
        Observe(),
    )


def _held(strategy: Strategy) -> Iterator[Scenario]:
    """A is held in a step when B arrives; with and without a client that waits for A."""
    for phase, (point, where) in HELD_PHASES.items():
        for watch in (False, True):
            observer = "joined" if watch else "unwatched"
            yield Scenario(
                id=f"{strategy}/{phase}/create/{observer}",
                about=f"B double-texts A {where}" + ("; a client waits for A in join." if watch else "."),
                moves=(*_held_first(point, watch=watch), *_superseding(strategy)),
            )


def _pending(strategy: Strategy) -> Iterator[Scenario]:
    """Z holds the thread, A waits behind it, B supersedes both."""
    for watch in (False, True):
        observer = "joined" if watch else "unwatched"
        yield Scenario(
            id=f"{strategy}/pending/create/{observer}",
            about="B double-texts a thread on which Z is held in its tool and A waits behind it.",
            moves=(
                Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
                AwaitPoint(label="Z", point=IN_TOOLS),
                Submit(label="A", text=SF, strategy="enqueue", watch=watch),
                *_LOOKS,
                _second(strategy, hold=(FIRST_STEP,)),
                AwaitSuperseded(label="Z", by="B"),
                AwaitPoint(label="B", point=FIRST_STEP),
                *_LOOKS,
                Release(label="B"),
                AwaitEnd(label="B"),
                Release(),
                AwaitEnd(label="A"),
                AwaitEnd(label="Z"),
                Observe(),
            ),
        )


def _over(strategy: Strategy) -> Iterator[Scenario]:
    """Nothing is in flight when B arrives: never used, finished, failed, parked."""
    idle: dict[str, tuple[str, tuple[Move, ...]]] = {
        "idle": ("B arrives on a thread that has never been used.", ()),
        "finished": (
            "B arrives after A has finished.",
            (Submit(label="A", text=SF), AwaitEnd(label="A"), Look()),
        ),
        "failed": (
            "B arrives after A's tool has raised an exception.",
            (Submit(label="A", text=SF, fail=("tools:1",)), AwaitEnd(label="A"), Look()),
        ),
        "parked": (
            "B arrives while A is parked at a human-in-the-loop interrupt() in its tool.",
            (Submit(label="A", text=SF, interrupt=("tools:1",)), AwaitEnd(label="A"), Look()),
        ),
    }
    for phase, (about, before) in idle.items():
        yield Scenario(
            id=f"{strategy}/{phase}/create/unwatched",
            about=about,
            moves=(*before, _second(strategy), AwaitEnd(label="B")),
        )


def _stubborn(strategy: Strategy) -> Iterator[Scenario]:
    """A does not stop at once: its node cleans up, or catches the cancellation and carries on."""
    for watch in (False, True):
        observer = "joined" if watch else "unwatched"
        yield Scenario(
            id=f"{strategy}/lingering/create/{observer}",
            about="A's tool takes its time to clean up after being cancelled, and is held in that.",
            moves=(
                Submit(label="A", text=SF, hold=(IN_TOOLS, CLEANING_UP), on_cancel="linger", watch=watch),
                AwaitPoint(label="A", point=IN_TOOLS),
                _second(strategy, hold=(FIRST_STEP,)),
                AwaitPoint(label="A", point=CLEANING_UP),
                Observe(until_begun="B"),
                *_LOOKS,
                Release(label="A"),
                AwaitPoint(label="B", point=FIRST_STEP),
                *_LOOKS,
                Release(label="B"),
                AwaitEnd(label="B"),
                AwaitEnd(label="A"),
                Observe(),
            ),
        )
        yield Scenario(
            id=f"{strategy}/swallowing/create/{observer}",
            about="A's tool catches the cancellation and returns its result all the same, as late as it can.",
            moves=(
                Submit(label="A", text=SF, hold=(IN_TOOLS, CLEANING_UP), on_cancel="swallow", watch=watch),
                AwaitPoint(label="A", point=IN_TOOLS),
                _second(strategy),
                AwaitPoint(label="A", point=CLEANING_UP),
                Observe(until_begun="B"),
                AwaitEnd(label="B", if_begun=True),
                Release(label="A"),
                AwaitEnd(label="B"),
                AwaitEnd(label="A"),
                Observe(),
            ),
        )


def _races(strategy: Strategy) -> Iterator[Scenario]:
    """The moment is not made: several outcomes are legal, losing something is not."""
    yield Scenario(
        id=f"{strategy}/at-once/create/unwatched",
        about="B follows A without a pause, so A may not have been started at all.",
        moves=(
            Submit(label="A", text=SF, hold=(FIRST_STEP,)),
            *_superseding(strategy),
        ),
    )
    yield Scenario(
        id=f"{strategy}/finishing/create/unwatched",
        about="A is let go in the last moment of its answer, and B arrives just then.",
        moves=(
            *_held_first("agent:2/exit"),
            Release(label="A"),
            _second(strategy),
            AwaitEnd(label="A"),
            AwaitEnd(label="B"),
            Observe(),
        ),
    )
    yield Scenario(
        id=f"{strategy}/thrice/create/unwatched",
        about="Three more texts follow A without a pause; only the last may be answered.",
        moves=(
            *_held_first(IN_TOOLS),
            Submit(label="C", text=LA, strategy=strategy, hold=(IN_TOOLS,)),
            Submit(label="D", text=BOSTON, strategy=strategy, hold=(IN_TOOLS,)),
            *_superseding(strategy),
            AwaitEnd(label="C"),
            AwaitEnd(label="D"),
        ),
    )


def _variants(strategy: Strategy) -> Iterator[Scenario]:
    """The plainest case, during-tools, with one thing changed."""
    endpoints: tuple[Endpoint, ...] = ("stream", "wait")
    for endpoint in endpoints:
        yield Scenario(
            id=f"{strategy}/during-tools/{endpoint}/unwatched",
            about=f"B is asked for through the {endpoint} endpoint.",
            moves=(*_held_first(IN_TOOLS), *_superseding(strategy, endpoint)),
        )
    for first_strategy in ("reject", "rollback"):
        yield Scenario(
            id=f"{strategy}/during-tools/create/unwatched/first-{first_strategy}",
            about=f"A itself was asked for with `{first_strategy}`.",
            moves=(*_held_first(IN_TOOLS, strategy=first_strategy), *_superseding(strategy)),
        )
    for durability in ("sync", "exit"):
        yield Scenario(
            id=f"{strategy}/during-tools/create/unwatched/durability-{durability}",
            about=f"A writes its checkpoints with durability `{durability}`.",
            moves=(*_held_first(IN_TOOLS, durability=durability), ReadState(), *_superseding(strategy)),
        )
    yield Scenario(
        id=f"{strategy}/during-tools/create/unwatched/second-turn",
        about="An earlier turn has finished on the thread before A.",
        moves=(
            Submit(label="E", text=LA),
            AwaitEnd(label="E"),
            ReadState(),
            *_held_first(IN_TOOLS),
            *_superseding(strategy),
            ListRuns(status="success"),
            ListRuns(status="interrupted"),
            ListRuns(limit=1),
            ListRuns(limit=1, offset=1),
        ),
    )
    yield Scenario(
        id=f"{strategy}/during-tools/create/unwatched/elsewhere",
        about="Another thread has a run in flight while B supersedes A.",
        moves=(
            *_held_first(IN_TOOLS),
            Submit(label="X", text=BOSTON, hold=(IN_TOOLS,), thread=OTHER),
            AwaitPoint(label="X", point=IN_TOOLS, optional=True),
            SearchThreads(status="busy"),
            SearchThreads(status="idle"),
            *_superseding(strategy),
            AwaitEnd(label="X"),
            SearchThreads(status="busy"),
            SearchThreads(status="idle"),
        ),
    )


def _plain() -> Iterator[Scenario]:
    """No second strategy is sent, or no second run at all."""
    yield Scenario(
        id="default/during-tools/create/unwatched",
        about="B double-texts A without saying what should happen.",
        moves=(
            *_held_first(IN_TOOLS),
            _second(None),
            Observe(until_begun="B"),
            *_LOOKS,
            Release(),
            AwaitEnd(label="A"),
            AwaitEnd(label="B"),
        ),
    )
    yield Scenario(
        id="none/during-tools/create/unwatched/update-state",
        about="A client tries to update the thread's state while A is held in its tool.",
        moves=(
            *_held_first(IN_TOOLS),
            ReadState(),
            UpdateState(text="an update in the middle of a run"),
            ReadState(),
            Release(),
            AwaitEnd(label="A"),
        ),
    )


def catalogue() -> tuple[Scenario, ...]:
    """Every scenario, in a readable order; ids are unique.

    Absent on purpose: `joined` with finished, failed, parked and idle (there is nothing left to wait for), and with
    the races and variants (who watches A is not what they vary). `stream` and `wait` vary how B asks, which is decided
    when B is admitted; one phase shows it.
    """
    strategy: Strategy = "interrupt"
    return (
        *_held(strategy),
        *_pending(strategy),
        *_over(strategy),
        *_stubborn(strategy),
        *_races(strategy),
        *_variants(strategy),
        *_plain(),
    )
