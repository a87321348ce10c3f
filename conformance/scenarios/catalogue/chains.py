"""Chains and bursts: more than two texts, one after the other or all at the same time.

The runs of a chain are held, so that each text finds the situation that it is meant for. A burst is several texts at
the same time. Every run of a burst that reaches its tool is held there, so that none ends before all texts have
arrived. A deployment may start any of them first, so several outcomes are legal.

Absent on purpose: chains that other scenarios cover (`enqueue` after `enqueue` is `enqueue/pending`, `interrupt` after
`interrupt` is `thrice`), and other endpoints and observers, which chains and bursts do not vary.
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.scenarios.catalogue.blocks import (
    BOSTON,
    CLEANING_UP,
    FIRST_STEP,
    IN_TOOLS,
    LA,
    LOOKS,
    SF,
    held_first,
    second,
    superseding,
)
from conformance.scenarios.moves import (
    AwaitEnd,
    AwaitOneLeft,
    AwaitPoint,
    AwaitSuperseded,
    Move,
    Observe,
    Release,
    Strategy,
    Submit,
    Together,
)
from conformance.scenarios.scenario import Scenario

WAITING: tuple[Strategy, ...] = ("enqueue",)
STOPPING: tuple[Strategy, ...] = ("interrupt", "rollback")
PLACES = ("oslo", "rome", "lima", "cairo", "delhi", "quito", "paris", "dakar", "osaka", "perth")
"""The places in the texts of a burst, one for each run, so that every message shows which run wrote it."""


def scenarios() -> Iterator[Scenario]:
    """Yield every chain and every burst."""
    yield from _over_a_queue()
    yield from _behind_a_superseding_run()
    yield from _on_a_superseding_run()
    yield from _bursts()


def _over_a_queue() -> Iterator[Scenario]:
    """Yield the scenarios in which B stops a run and the three that are queued behind it."""
    for strategy in STOPPING:
        yield Scenario(
            id=f"{strategy}/queue/create/unwatched",
            about="B double-texts a thread on which Z is held in its tool and A, C and D are queued behind it.",
            moves=(
                Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
                AwaitPoint(label="Z", point=IN_TOOLS),
                Submit(label="A", text=SF, strategy="enqueue"),
                Submit(label="C", text=BOSTON, strategy="enqueue"),
                Submit(label="D", text=_text("oslo"), strategy="enqueue"),
                *LOOKS,
                # Only Z executes, so only Z reports that it is cancelled. The queued runs are polled for their end.
                *superseding(strategy, first="Z"),
                *(AwaitEnd(label=label) for label in "ZCD"),
            ),
        )


def _behind_a_superseding_run() -> Iterator[Scenario]:
    """Yield the scenarios in which C stops A and is held, and B is queued behind C or rejected because of C."""
    for stopping in STOPPING:
        stopped: tuple[Move, ...] = (
            *held_first(IN_TOOLS),
            Submit(label="C", text=LA, strategy=stopping, hold=(FIRST_STEP,)),
            AwaitSuperseded(label="A", by="C"),
            AwaitPoint(label="C", point=FIRST_STEP),
        )
        done: tuple[Move, ...] = (Release(label="C"), AwaitEnd(label="C"), Release(), AwaitEnd(label="A"))
        yield Scenario(
            id=f"enqueue/behind-{stopping}/create/unwatched",
            about=f"C stops A with `{stopping}`, and B is queued behind C.",
            moves=(
                *stopped,
                second("enqueue"),
                Observe(until_begun="B"),
                *LOOKS,
                *done,
                AwaitEnd(label="B"),
            ),
        )
        yield Scenario(
            id=f"reject/behind-{stopping}/create/unwatched",
            about=f"C stops A with `{stopping}`, and B arrives with `reject`.",
            moves=(*stopped, second("reject"), *LOOKS, *done),
        )


def _on_a_superseding_run() -> Iterator[Scenario]:
    """Yield the scenarios in which B stops a run that has itself just stopped A, or was rejected because of A."""
    for strategy, other in (STOPPING, STOPPING[::-1]):
        yield Scenario(
            id=f"{strategy}/upon-{other}/create/unwatched",
            about=f"C stops A with `{other}`, is held in its tool, and is itself stopped by B.",
            moves=(
                *held_first(IN_TOOLS),
                Submit(label="C", text=LA, strategy=other, hold=(IN_TOOLS,)),
                AwaitSuperseded(label="A", by="C"),
                AwaitPoint(label="C", point=IN_TOOLS),
                *superseding(strategy, first="C"),
                AwaitEnd(label="C"),
            ),
        )
        yield Scenario(
            id=f"{strategy}/while-stopping/create/unwatched",
            about="C stops A, and B stops both while A's tool is still cleaning up.",
            moves=(
                Submit(label="A", text=SF, hold=(IN_TOOLS, CLEANING_UP), on_cancel="linger"),
                AwaitPoint(label="A", point=IN_TOOLS),
                Submit(label="C", text=LA, strategy=strategy, hold=(IN_TOOLS,)),
                AwaitPoint(label="A", point=CLEANING_UP),
                second(strategy),
                Observe(until_begun="B"),
                *LOOKS,
                # If B does not wait for A, B must end before A does, so that A's last writes come too late.
                AwaitEnd(label="B", if_begun=True),
                Release(label="A"),
                AwaitEnd(label="B"),
                AwaitEnd(label="A"),
                Release(),
                AwaitEnd(label="C"),
                Observe(),
            ),
        )

    yield Scenario(
        id="interrupt/upon-reject/create/unwatched",
        about="C is rejected because of A, and B stops A.",
        moves=(
            *held_first(IN_TOOLS),
            Submit(label="C", text=LA, strategy="reject"),
            *superseding("interrupt"),
        ),
    )


def _bursts() -> Iterator[Scenario]:
    alone: tuple[Strategy, ...] = ("interrupt", "rollback", "reject")
    for strategy in alone:
        yield Scenario(
            id=f"{strategy}/burst/create/unwatched",
            about=f"Ten texts arrive at the same time on a new thread, each with `{strategy}`.",
            moves=_burst((strategy,) * len(PLACES), hold=(IN_TOOLS,)),
        )
    # The smallest race in which a check and a write that are not one transaction show.
    yield Scenario(
        id="reject/burst/create/unwatched/two",
        about="Two texts arrive at the same time on a new thread, both with `reject`.",
        moves=_burst(("reject", "reject"), hold=(IN_TOOLS,)),
    )
    yield Scenario(
        id="enqueue/burst/create/unwatched",
        about="Ten texts arrive at the same time on a new thread, each with `enqueue`.",
        # Not held: each run waits for the one before it anyway.
        moves=_burst(WAITING * len(PLACES), hold=()),
    )
    for strategy in STOPPING:
        yield Scenario(
            id=f"{strategy}/burst/create/unwatched/three",
            about=f"A is held in its tool when three more texts arrive at the same time, each with `{strategy}`.",
            moves=(*held_first(IN_TOOLS), *_burst((strategy,) * 3, hold=(IN_TOOLS,)), AwaitEnd(label="A")),
        )
    mixed: tuple[Strategy, ...] = (
        *("enqueue", "reject", "interrupt", "enqueue", "enqueue"),
        *("rollback", "reject", "enqueue", "interrupt", "enqueue"),
    )
    yield Scenario(
        id="interrupt/burst/create/unwatched/mixed",
        about="Ten texts with all four strategies follow A, which is held in its tool, without a pause.",
        moves=(
            *held_first(IN_TOOLS),
            *_texts(mixed, hold=(IN_TOOLS,)),
            # At most two runs are left: R9, the last that interrupts, and R10, which is queued behind it.
            AwaitSuperseded(label="A", by="R9"),
            *LOOKS,
            Release(label="R9"),
            AwaitEnd(label="R9"),
            Release(label="R10"),
            AwaitEnd(label="R10"),
            Release(),
            AwaitEnd(label="A"),
            *(AwaitEnd(label=f"R{number}") for number in range(1, 9)),
        ),
    )


def _burst(strategies: tuple[Strategy, ...], hold: tuple[str, ...]) -> tuple[Move, ...]:
    """Return the moves that send texts at the same time, and release the held runs when at most one is in flight."""
    texts = _texts(strategies, hold=hold)
    # Released only when one run is left. Released earlier, a run that the others supersede could finish first.
    settled: tuple[Move, ...] = (AwaitOneLeft(), *LOOKS, Release()) if hold else ()
    return (Together(moves=texts), *settled, *(AwaitEnd(label=text.label) for text in texts), Observe())


def _texts(strategies: tuple[Strategy, ...], *, hold: tuple[str, ...]) -> tuple[Submit, ...]:
    """Return the moves that create R1, R2 and so on, each with a place of its own."""
    return tuple(
        Submit(label=f"R{number}", text=_text(place), strategy=strategy, hold=hold)
        for number, (strategy, place) in enumerate(zip(strategies, PLACES, strict=False), start=1)
    )


def _text(place: str) -> str:
    return f"what's the weather in {place}?"
