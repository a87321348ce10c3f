"""The `interrupt` and `rollback` scenarios: B stops the run in flight."""

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
    """Yield the scenarios of one of the two strategies, which differ only in what they keep of the stopped run."""
    yield from _stopped_while_held(strategy)
    yield from _stopped_while_pending(strategy)
    yield from over(strategy)
    yield from _stubborn(strategy)
    yield from _races(strategy)
    yield from _variants(strategy)


def _stopped_while_held(strategy: Strategy) -> Iterator[Scenario]:
    """Yield the scenarios in which A is held in a step when B arrives, with and without a client that has joined A."""
    for phase, (point, where) in HELD_PHASES.items():
        for watch in (False, True):
            yield Scenario(
                id=f"{strategy}/{phase}/create/{'joined' if watch else 'unwatched'}",
                about=f"B double-texts A {where}" + (", while a client waits for A in `join`." if watch else "."),
                moves=(*held_first(point, watch=watch), *superseding(strategy)),
            )


def _stopped_while_pending(strategy: Strategy) -> Iterator[Scenario]:
    """Yield the scenarios in which B supersedes both Z, which is held, and A, which is queued behind it."""
    for watch in (False, True):
        yield Scenario(
            id=f"{strategy}/pending/create/{'joined' if watch else 'unwatched'}",
            about="B double-texts a thread on which Z is held in its tool and A is queued behind it"
            + (", while a client waits for A in `join`." if watch else "."),
            moves=_waiting_behind(strategy, watch=watch),
        )
    if strategy == "rollback":
        # An empty thread would not show a rollback that removes more than the runs that it stops.
        yield Scenario(
            id="rollback/pending/create/unwatched/second-turn",
            about="After an earlier turn B rolls back Z, which is held in its tool, and A, which is queued behind it.",
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
    """Yield the scenarios in which A does not stop at once: it cleans up, or catches the cancellation and continues."""
    hold = (IN_TOOLS, CLEANING_UP)
    for watch in (False, True):
        observer, more = ("joined", ", while a client waits for A in `join`.") if watch else ("unwatched", ".")
        yield Scenario(
            id=f"{strategy}/lingering/create/{observer}",
            about=f"B double-texts A, whose tool is held while it cleans up after its cancellation{more}",
            moves=(
                Submit(label="A", text=SF, hold=hold, on_cancel="linger", watch=watch),
                AwaitPoint(label="A", point=IN_TOOLS),
                second(strategy),
                AwaitPoint(label="A", point=CLEANING_UP),
                Observe(until_begun="B"),
                *LOOKS,
                # If B does not wait for A, B must end before A does, so that A's last writes cannot affect the verdict.
                AwaitEnd(label="B", if_begun=True),
                Release(label="A"),
                AwaitEnd(label="B"),
                AwaitEnd(label="A"),
                Observe(),
            ),
        )
        yield Scenario(
            id=f"{strategy}/swallowing/create/{observer}",
            about=f"B double-texts A, whose tool catches the cancellation and returns its result anyway{more}",
            moves=(
                Submit(label="A", text=SF, hold=hold, on_cancel="swallow", watch=watch),
                AwaitPoint(label="A", point=IN_TOOLS),
                second(strategy),
                AwaitPoint(label="A", point=CLEANING_UP),
                Observe(until_begun="B"),
                # As above. A result that the tool returns before B has begun could pass for a timely one.
                AwaitEnd(label="B", if_begun=True),
                Release(label="A"),
                AwaitEnd(label="B"),
                AwaitEnd(label="A"),
                Observe(),
            ),
        )


def _races(strategy: Strategy) -> Iterator[Scenario]:
    """Yield the races. Several outcomes are legal, but none in which a message is lost."""
    yield Scenario(
        id=f"{strategy}/at-once/create/unwatched",
        about="B follows A without a pause, so A may not have started.",
        moves=(Submit(label="A", text=SF, hold=(FIRST_STEP,)), *superseding(strategy)),
    )
    yield Scenario(
        id=f"{strategy}/finishing/create/unwatched",
        about="A is released at the very end of its answer, and B arrives at the same moment.",
        moves=(
            # The last step has done its work. What remains is the deployment's own: to write a checkpoint and a status.
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
        about="Three more texts follow A without a pause, and only the last may be answered.",
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
    """Yield variants of the simplest case, during-tools, each with one difference."""
    plain = f"{strategy}/during-tools/create/unwatched"
    for endpoint in ENDPOINTS:
        yield Scenario(
            id=f"{strategy}/during-tools/{endpoint}/unwatched",
            about=f"B double-texts A, which is held in its tool, through the {endpoint} endpoint.",
            moves=(*held_first(IN_TOOLS), *superseding(strategy, endpoint)),
        )
    # A run's own strategy counts when it is created. A server that looks it up later would apply A's instead of B's.
    for first in ("reject", "rollback" if strategy == "interrupt" else "interrupt"):
        yield Scenario(
            id=f"{plain}/first-{first}",
            about=f"B double-texts A, which was itself created with `{first}`.",
            moves=(*held_first(IN_TOOLS, strategy=first), *superseding(strategy)),
        )
    # `async` is the default, which every other scenario has.
    for durability in ("sync", "exit"):
        yield Scenario(
            id=f"{plain}/durability-{durability}",
            about=f"B double-texts A, which writes its checkpoints with durability `{durability}`.",
            moves=(*held_first(IN_TOOLS, durability=durability), ReadState(), *superseding(strategy)),
        )
    yield Scenario(
        id=f"{plain}/second-turn",
        about="After an earlier turn B double-texts A, and the runs are listed with filters.",
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
        about="B double-texts A while X, a run on another thread, is in flight.",
        moves=(
            *held_first(IN_TOOLS),
            Submit(label="X", text=BOSTON, hold=(IN_TOOLS,), thread=OTHER),
            # Optional: a deployment with one worker cannot start X while A is held, and that is not a fault.
            AwaitPoint(label="X", point=IN_TOOLS, optional=True),
            SearchThreads(status="busy"),
            SearchThreads(status="idle"),
            *superseding(strategy),
            AwaitEnd(label="X"),
            SearchThreads(status="busy"),
            SearchThreads(status="idle"),
        ),
    )
