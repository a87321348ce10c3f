"""`interrupt` and `rollback`: B stops what is in flight."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.scenarios.catalogue.blocks import (
    BOSTON,
    CLEANING_UP,
    ENDPOINTS,
    FIRST_STEP,
    HELD_PHASES,
    IN_TOOLS,
    LA,
    LOOKS,
    SF,
    held_first,
    over,
    second,
    superseding,
)
from conformance.scenarios.moves import (
    OTHER,
    AwaitEnd,
    AwaitPoint,
    ListRuns,
    Move,
    Observe,
    ReadState,
    Release,
    SearchThreads,
    Strategy,
    Submit,
)
from conformance.scenarios.scenario import Scenario


def scenarios(strategy: Strategy) -> Iterator[Scenario]:
    """`interrupt` and `rollback` stop what is in flight; they differ in what is kept of it."""
    yield from _stopped_while_held(strategy)
    yield from _stopped_while_pending(strategy)
    yield from over(strategy)
    yield from _stubborn(strategy)
    yield from _races(strategy)
    yield from _variants(strategy)


def _stopped_while_held(strategy: Strategy) -> Iterator[Scenario]:
    """A is held in a step when B arrives; with and without a client that waits for A."""
    for phase, (point, where) in HELD_PHASES.items():
        for watch in (False, True):
            yield Scenario(
                id=f"{strategy}/{phase}/create/{'joined' if watch else 'unwatched'}",
                about=f"B double-texts A {where}" + ("; a client waits for A in join." if watch else "."),
                moves=(*held_first(point, watch=watch), *superseding(strategy)),
            )


def _stopped_while_pending(strategy: Strategy) -> Iterator[Scenario]:
    """Z holds the thread, A waits behind it, B supersedes both; for a rollback also after an earlier turn."""
    for watch in (False, True):
        yield Scenario(
            id=f"{strategy}/pending/create/{'joined' if watch else 'unwatched'}",
            about="B double-texts a thread on which Z is held in its tool and A waits behind it.",
            moves=_waiting_behind(strategy, watch=watch),
        )
    if strategy == "rollback":
        yield Scenario(
            id="rollback/pending/create/unwatched/second-turn",
            about="After an earlier turn B rolls back Z, which is held in its tool, and A, which waits behind it.",
            moves=(Submit(label="E", text=BOSTON), AwaitEnd(label="E"), ReadState(), *_waiting_behind(strategy)),
        )


def _waiting_behind(strategy: Strategy, *, watch: bool = False) -> tuple[Move, ...]:
    return (
        Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
        AwaitPoint(label="Z", point=IN_TOOLS),
        Submit(label="A", text=SF, strategy="enqueue", watch=watch),
        *LOOKS,
        *superseding(strategy, first="Z"),
        AwaitEnd(label="Z"),
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
                second(strategy),
                AwaitPoint(label="A", point=CLEANING_UP),
                Observe(until_begun="B"),
                *LOOKS,
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
                second(strategy),
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
        moves=(Submit(label="A", text=SF, hold=(FIRST_STEP,)), *superseding(strategy)),
    )
    yield Scenario(
        id=f"{strategy}/finishing/create/unwatched",
        about="A is let go in the last moment of its answer, and B arrives just then.",
        moves=(
            *held_first("agent:2/exit"),
            Release(label="A"),
            second(strategy),
            AwaitEnd(label="A"),
            AwaitEnd(label="B"),
            Observe(),
        ),
    )
    yield Scenario(
        id=f"{strategy}/thrice/create/unwatched",
        about="Three more texts follow A without a pause; only the last may be answered.",
        moves=(
            *held_first(IN_TOOLS),
            Submit(label="C", text=LA, strategy=strategy, hold=(IN_TOOLS,)),
            Submit(label="D", text=BOSTON, strategy=strategy, hold=(IN_TOOLS,)),
            *superseding(strategy),
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
            moves=(*held_first(IN_TOOLS), *superseding(strategy, endpoint)),
        )
    for first in ("reject", "rollback" if strategy == "interrupt" else "interrupt"):
        yield Scenario(
            id=f"{plain}/first-{first}",
            about=f"A itself was asked for with `{first}`.",
            moves=(*held_first(IN_TOOLS, strategy=first), *superseding(strategy)),
        )
    for durability in ("sync", "exit"):
        yield Scenario(
            id=f"{plain}/durability-{durability}",
            about=f"A writes its checkpoints with durability `{durability}`.",
            moves=(*held_first(IN_TOOLS, durability=durability), ReadState(), *superseding(strategy)),
        )
    yield Scenario(
        id=f"{plain}/second-turn",
        about="An earlier turn has finished on the thread before A.",
        moves=(
            Submit(label="E", text=LA),
            AwaitEnd(label="E"),
            ReadState(),
            *held_first(IN_TOOLS),
            *superseding(strategy),
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
            *held_first(IN_TOOLS),
            Submit(label="X", text=BOSTON, hold=(IN_TOOLS,), thread=OTHER),
            AwaitPoint(label="X", point=IN_TOOLS, optional=True),
            SearchThreads(status="busy"),
            SearchThreads(status="idle"),
            *superseding(strategy),
            AwaitEnd(label="X"),
            SearchThreads(status="busy"),
            SearchThreads(status="idle"),
        ),
    )
