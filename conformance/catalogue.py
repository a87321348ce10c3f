"""Every scenario of the suite.

A scenario's id is `STRATEGY/PHASE/ENDPOINT/OBSERVER[/VARIANT]`:

- STRATEGY: the `multitask_strategy` of the second run; `default`: none is sent; `none`: there is no second run;
  `cancel`: the first is cancelled, and ENDPOINT is the cancel's action.
- PHASE: where the first run is when the second arrives.
- ENDPOINT: how the second run is asked for: `create`, `stream` or `wait`.
- OBSERVER: who watches the first run: `unwatched`, or `joined` (a client waits in `join`).

Labels: `A` is the first run, `B` the one that double-texts it. `E` is an earlier turn, `Z` a run that is in flight
before `A`, `C` and `D` are further texts, `X` is a run on another thread.

Absent on purpose: `joined` where the first run is over (there is nothing left to wait for), with `enqueue` and
`reject` (which do not touch it), and with the races and variants (who watches is not what they vary). `stream` and
`wait` vary how B asks, which is decided when B is admitted; one phase shows it. `enqueue` and `reject` never stop A,
so they have no stubborn A.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from conformance.scenarios import (
    MISSING,
    NOBODY,
    OTHER,
    AwaitEnd,
    AwaitPoint,
    AwaitStopped,
    AwaitSuperseded,
    Cancel,
    Endpoint,
    ListRuns,
    Look,
    Move,
    Observe,
    ReadState,
    Release,
    Scenario,
    SearchThreads,
    Strategy,
    Submit,
    UpdateState,
)

SF = "what's the weather in sf?"
NYC = "what's the weather in nyc?"
LA = "what's the weather in la?"
BOSTON = "what's the weather in boston?"

FIRST_STEP = "agent:1/enter"
IN_TOOLS = "tools:1/enter"
MID_ANSWER = "agent:2/token"
CLEANING_UP = "tools:1/cancelled"

HELD_PHASES: Final = {
    "during-agent": (FIRST_STEP, "before its first step has written anything"),
    "during-tools": (IN_TOOLS, "while its tool is running, the tool call written, the result not"),
    "during-answer": (MID_ANSWER, "half-way through the tokens of its answer"),
}
ENDPOINTS: Final[tuple[Endpoint, ...]] = ("stream", "wait")

_LOOKS: tuple[Move, ...] = (Look(), Look())
"""Two in a row, so that the thread is read between two readings of every run."""


@cache
def catalogue() -> tuple[Scenario, ...]:
    """Every scenario, in a readable order; ids are unique."""
    return (
        *_stopping("interrupt"),
        *_stopping("rollback"),
        *_enqueue(),
        *_reject(),
        *_cancel(),
        *_plain(),
    )


def _stopping(strategy: Strategy) -> Iterator[Scenario]:
    """`interrupt` and `rollback` stop what is in flight; they differ in what is kept of it."""
    yield from _stopped_while_held(strategy)
    yield from _stopped_while_pending(strategy)
    yield from _over(strategy)
    yield from _stubborn(strategy)
    yield from _races(strategy)
    yield from _variants(strategy)


# -- building blocks ---------------------------------------------------------------------------------------


def _held_first(point: str, **how: Any) -> tuple[Move, ...]:
    """A is asked for and reaches `point`, where it is held; `how` goes to its Submit."""
    first = Submit(label="A", text=SF, hold=(point,), **how)
    return (first, AwaitPoint(label="A", point=point), *_LOOKS)


def _second(strategy: Strategy | None, endpoint: Endpoint = "create", *, hold: tuple[str, ...] = ()) -> Submit:
    return Submit(label="B", text=NYC, strategy=strategy, endpoint=endpoint, hold=hold)


def _superseding(strategy: Strategy, endpoint: Endpoint = "create", first: str = "A") -> tuple[Move, ...]:
    """B supersedes run `first`, is held when it has begun, and runs to its end before anything else could go on.

    Nothing may come after.
    """
    return (
        _second(strategy, endpoint, hold=(FIRST_STEP,)),
        AwaitSuperseded(label=first, by="B"),
        AwaitPoint(label="B", point=FIRST_STEP),
        *_LOOKS,
        Release(label="B"),
        AwaitEnd(label="B"),
        Release(),
        AwaitEnd(label="A"),
        Observe(),
    )


def _waiting(endpoint: Endpoint = "create") -> tuple[Move, ...]:
    """B is queued behind A, may not begin while A is held, and is held when it has begun."""
    return (
        _second("enqueue", endpoint, hold=(FIRST_STEP,)),
        Observe(until_begun="B"),
        *_LOOKS,
        ListRuns(status="pending"),
        Release(label="A"),
        AwaitEnd(label="A"),
        AwaitPoint(label="B", point=FIRST_STEP),
        *_LOOKS,
        Release(label="B"),
        AwaitEnd(label="B"),
    )


# -- interrupt and rollback --------------------------------------------------------------------------------


def _stopped_while_held(strategy: Strategy) -> Iterator[Scenario]:
    """A is held in a step when B arrives; with and without a client that waits for A."""
    for phase, (point, where) in HELD_PHASES.items():
        for watch in (False, True):
            yield Scenario(
                id=f"{strategy}/{phase}/create/{'joined' if watch else 'unwatched'}",
                about=f"B double-texts A {where}" + ("; a client waits for A in join." if watch else "."),
                moves=(*_held_first(point, watch=watch), *_superseding(strategy)),
            )


def _stopped_while_pending(strategy: Strategy) -> Iterator[Scenario]:
    """Z holds the thread, A waits behind it, B supersedes both."""
    for watch in (False, True):
        yield Scenario(
            id=f"{strategy}/pending/create/{'joined' if watch else 'unwatched'}",
            about="B double-texts a thread on which Z is held in its tool and A waits behind it.",
            moves=(
                Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
                AwaitPoint(label="Z", point=IN_TOOLS),
                Submit(label="A", text=SF, strategy="enqueue", watch=watch),
                *_LOOKS,
                *_superseding(strategy, first="Z"),
                AwaitEnd(label="Z"),
            ),
        )


def _over(strategy: Strategy) -> Iterator[Scenario]:
    """Nothing is in flight when B arrives: never used, finished, failed, parked."""
    phases: dict[str, tuple[str, tuple[Move, ...]]] = {
        "idle": ("B arrives on a thread that has never been used.", ()),
        "finished": (
            "B arrives after A has finished.",
            (Submit(label="A", text=SF), AwaitEnd(label="A"), Look(), ReadState()),
        ),
        "failed": (
            "B arrives after A's tool has raised an exception.",
            (Submit(label="A", text=SF, fail=("tools:1",)), AwaitEnd(label="A"), Look(), ReadState()),
        ),
        "parked": (
            "B arrives while A is parked at a human-in-the-loop interrupt() in its tool.",
            (Submit(label="A", text=SF, interrupt=("tools:1",)), AwaitEnd(label="A"), Look(), ReadState()),
        ),
    }
    for phase, (about, before) in phases.items():
        yield Scenario(
            id=f"{strategy}/{phase}/create/unwatched",
            about=about,
            moves=(*before, _second(strategy), AwaitEnd(label="B")),
        )


def _stubborn(strategy: Strategy) -> Iterator[Scenario]:
    """A does not stop at once: its node cleans up, or catches the cancellation and carries on."""
    hold = (IN_TOOLS, CLEANING_UP)
    for watch in (False, True):
        observer = "joined" if watch else "unwatched"
        yield Scenario(
            id=f"{strategy}/lingering/create/{observer}",
            about="A's tool takes its time to clean up after being cancelled, and is held in that.",
            moves=(
                Submit(label="A", text=SF, hold=hold, on_cancel="linger", watch=watch),
                AwaitPoint(label="A", point=IN_TOOLS),
                _second(strategy),
                AwaitPoint(label="A", point=CLEANING_UP),
                Observe(until_begun="B"),
                *_LOOKS,
                # Where B does not wait for A, it is to be over before A is: what A does last must not count.
                AwaitEnd(label="B", if_begun=True),
                Release(label="A"),
                AwaitEnd(label="B"),
                AwaitEnd(label="A"),
                Observe(),
            ),
        )
        yield Scenario(
            id=f"{strategy}/swallowing/create/{observer}",
            about="A's tool catches the cancellation and returns its result all the same, as late as it can.",
            moves=(
                Submit(label="A", text=SF, hold=hold, on_cancel="swallow", watch=watch),
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
        moves=(Submit(label="A", text=SF, hold=(FIRST_STEP,)), *_superseding(strategy)),
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
    plain = f"{strategy}/during-tools/create/unwatched"
    for endpoint in ENDPOINTS:
        yield Scenario(
            id=f"{strategy}/during-tools/{endpoint}/unwatched",
            about=f"B is asked for through the {endpoint} endpoint.",
            moves=(*_held_first(IN_TOOLS), *_superseding(strategy, endpoint)),
        )
    for first in ("reject", "rollback" if strategy == "interrupt" else "interrupt"):
        yield Scenario(
            id=f"{plain}/first-{first}",
            about=f"A itself was asked for with `{first}`.",
            moves=(*_held_first(IN_TOOLS, strategy=first), *_superseding(strategy)),
        )
    for durability in ("sync", "exit"):
        yield Scenario(
            id=f"{plain}/durability-{durability}",
            about=f"A writes its checkpoints with durability `{durability}`.",
            moves=(*_held_first(IN_TOOLS, durability=durability), ReadState(), *_superseding(strategy)),
        )
    yield Scenario(
        id=f"{plain}/second-turn",
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
        id=f"{plain}/elsewhere",
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


# -- enqueue, reject and the rest --------------------------------------------------------------------------


def _enqueue() -> Iterator[Scenario]:
    """B waits its turn."""
    for phase, (point, where) in HELD_PHASES.items():
        yield Scenario(
            id=f"enqueue/{phase}/create/unwatched",
            about=f"B is queued behind A, which is held {where}.",
            moves=(*_held_first(point), *_waiting()),
        )
    for endpoint in ENDPOINTS:
        yield Scenario(
            id=f"enqueue/during-tools/{endpoint}/unwatched",
            about=f"B is queued behind A through the {endpoint} endpoint.",
            moves=(*_held_first(IN_TOOLS), *_waiting(endpoint)),
        )
    yield Scenario(
        id="enqueue/pending/create/unwatched",
        about="A and then B are queued behind Z, which is held in its tool.",
        moves=(
            Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
            AwaitPoint(label="Z", point=IN_TOOLS),
            Submit(label="A", text=SF, strategy="enqueue"),
            _second("enqueue"),
            Observe(until_begun="B"),
            *_LOOKS,
            Release(label="Z"),
            AwaitEnd(label="Z"),
            AwaitEnd(label="A"),
            AwaitEnd(label="B"),
        ),
    )
    yield Scenario(
        id="enqueue/failing/create/unwatched",
        about="B is queued behind A, whose tool raises an exception when it is let go.",
        moves=(*_held_first(IN_TOOLS, fail=("tools:1",)), *_waiting()),
    )
    yield from _over("enqueue")


def _reject() -> Iterator[Scenario]:
    """B is refused while A is in flight; the same request is accepted, as C, when A is over."""
    afterwards: tuple[Move, ...] = (
        *_LOOKS,
        Release(label="A"),
        AwaitEnd(label="A"),
        ReadState(),
        ListRuns(),
        Submit(label="C", text=LA, strategy="reject"),
        AwaitEnd(label="C"),
    )
    for phase, (point, where) in HELD_PHASES.items():
        yield Scenario(
            id=f"reject/{phase}/create/unwatched",
            about=f"B arrives with `reject` while A is held {where}.",
            moves=(*_held_first(point), _second("reject"), *afterwards),
        )
    for endpoint in ENDPOINTS:
        yield Scenario(
            id=f"reject/during-tools/{endpoint}/unwatched",
            about=f"B arrives with `reject` through the {endpoint} endpoint.",
            moves=(*_held_first(IN_TOOLS), _second("reject", endpoint), *afterwards),
        )
    yield Scenario(
        id="reject/at-once/create/unwatched",
        about="B follows A without a pause, so A may still be pending.",
        moves=(Submit(label="A", text=SF, hold=(FIRST_STEP,)), _second("reject"), *afterwards),
    )
    yield Scenario(
        id="reject/missing-thread/create/unwatched",
        about="A run with `reject` is asked for on a thread that does not exist.",
        moves=(Submit(label="X", text=BOSTON, strategy="reject", thread=MISSING),),
    )
    yield from _over("reject")


def _cancel() -> Iterator[Scenario]:
    """A client cancels A; nobody double-texts, but where B is queued or comes right behind the cancel.

    The id's third part is the cancel's action.
    """
    stopped: tuple[Move, ...] = (AwaitStopped(label="A"), AwaitEnd(label="A"), Release(), Observe())
    for phase, (point, where) in HELD_PHASES.items():
        for watch in (False, True):
            yield Scenario(
                id=f"cancel/{phase}/interrupt/{'joined' if watch else 'unwatched'}",
                about=f"A is cancelled {where}" + ("; a client waits for A in join." if watch else "."),
                moves=(*_held_first(point, watch=watch), Cancel(label="A"), *stopped),
            )
    yield Scenario(
        id="cancel/during-tools/interrupt/unwatched/waited",
        about="A is cancelled while its tool is running, and the answer is waited for.",
        moves=(*_held_first(IN_TOOLS), Cancel(label="A", wait=True), *_LOOKS, *stopped),
    )
    yield Scenario(
        id="cancel/lingering/interrupt/unwatched/waited",
        about="A is cancelled with wait, and its tool is held in its cleaning up.",
        moves=(
            Submit(label="A", text=SF, hold=(IN_TOOLS, CLEANING_UP), on_cancel="linger"),
            AwaitPoint(label="A", point=IN_TOOLS),
            Cancel(label="A", wait=True, patient=True),
            AwaitPoint(label="A", point=CLEANING_UP),
            Observe(),
            Release(label="A"),
            AwaitEnd(label="A"),
            Observe(),
        ),
    )
    yield Scenario(
        id="cancel/lingering/interrupt/unwatched/twice",
        about="A is cancelled, and cancelled again with another action while its tool is cleaning up.",
        moves=(
            Submit(label="A", text=SF, hold=(IN_TOOLS, CLEANING_UP), on_cancel="linger"),
            AwaitPoint(label="A", point=IN_TOOLS),
            Cancel(label="A", action="interrupt"),
            AwaitPoint(label="A", point=CLEANING_UP),
            *_LOOKS,
            Cancel(label="A", action="rollback"),
            Release(label="A"),
            AwaitEnd(label="A"),
            Observe(),
        ),
    )
    yield Scenario(
        id="cancel/during-tools/rollback/unwatched",
        about="After an earlier turn A is cancelled with the action `rollback`.",
        moves=(
            Submit(label="E", text=LA),
            AwaitEnd(label="E"),
            ReadState(),
            *_held_first(IN_TOOLS),
            Cancel(label="A", action="rollback"),
            *stopped,
        ),
    )
    yield Scenario(
        id="cancel/finished/interrupt/unwatched",
        about="A is cancelled after it has finished.",
        moves=(Submit(label="A", text=SF), AwaitEnd(label="A"), Cancel(label="A"), *_LOOKS),
    )
    yield Scenario(
        id="cancel/pending/interrupt/unwatched",
        about="A is cancelled while it is queued behind Z, and B behind A.",
        moves=(
            Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
            AwaitPoint(label="Z", point=IN_TOOLS),
            Submit(label="A", text=SF, strategy="enqueue"),
            _second("enqueue"),
            Cancel(label="A"),
            *_LOOKS,
            Release(label="Z"),
            AwaitEnd(label="Z"),
            AwaitEnd(label="A"),
            AwaitEnd(label="B"),
        ),
    )
    yield Scenario(
        id="cancel/unknown/interrupt/unwatched",
        about="A run that does not exist is cancelled on a thread that does.",
        moves=(Submit(label="A", text=SF), AwaitEnd(label="A"), Cancel(label=NOBODY)),
    )
    followers: tuple[Strategy, ...] = ("interrupt", "rollback", "enqueue")
    for strategy in followers:
        yield Scenario(
            id=f"cancel/during-tools/interrupt/unwatched/then-{strategy}",
            about=f"A is cancelled without waiting, and B follows at once with `{strategy}`.",
            moves=(
                *_held_first(IN_TOOLS),
                Cancel(label="A"),
                _second(strategy),
                AwaitStopped(label="A"),
                AwaitEnd(label="B"),
                AwaitEnd(label="A"),
                Observe(),
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
