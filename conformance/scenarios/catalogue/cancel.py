"""The `cancel` scenarios: a client cancels a run. There is no double text except where B is queued or follows at once.

The third part of the id is the action of the cancel.

Absent on purpose: `joined` outside the simple phases (the others do not vary the observer), and `rollback` where the
action makes no visible difference: before a second run, with `wait`, with another durability, and for a run that has
ended. Durability `sync` makes no visible difference here.
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.scenarios.catalogue.blocks import (
    CLEANING_UP,
    EARLIER_TURN,
    FIRST_STEP,
    HELD_PHASES,
    IN_TOOLS,
    LA,
    LOOKS,
    SF,
    held_first,
    second,
)
from conformance.scenarios.moves import (
    UNKNOWN_RUN,
    AwaitEnd,
    AwaitPoint,
    AwaitStopped,
    Cancel,
    CancelMany,
    Look,
    Move,
    Observe,
    Release,
    Strategy,
    Submit,
    Together,
)
from conformance.scenarios.scenario import Scenario
from doubletext.probe import OnCancel

# Released only after A has ended: a deployment that has not really stopped the step shows it by continuing now.
STOPPED: tuple[Move, ...] = (AwaitStopped(label="A"), AwaitEnd(label="A"), Release(), Observe())


def scenarios() -> Iterator[Scenario]:
    """Yield the scenarios in which A is cancelled once, twice, or in a race."""
    yield from _once()
    yield from _twice()
    yield from _races()


def _once() -> Iterator[Scenario]:
    for phase, (point, where) in HELD_PHASES.items():
        for watch in (False, True):
            yield Scenario(
                id=f"cancel/{phase}/interrupt/{'joined' if watch else 'unwatched'}",
                about=f"A is cancelled {where}" + (", while a client waits for A in `join`." if watch else "."),
                moves=(*held_first(point, watch=watch), Cancel(label="A"), *STOPPED),
            )
    yield Scenario(
        id="cancel/during-tools/interrupt/unwatched/waited",
        about="A is cancelled with `wait` while its tool is running.",
        moves=(*held_first(IN_TOOLS), Cancel(label="A", wait=True), *LOOKS, *STOPPED),
    )
    yield Scenario(
        id="cancel/during-tools/rollback/unwatched/waited",
        about="After an earlier turn A is cancelled with `wait` and the action `rollback` while its tool is running.",
        moves=(
            *EARLIER_TURN,
            *held_first(IN_TOOLS),
            Cancel(label="A", wait=True, action="rollback"),
            *LOOKS,
            *STOPPED,
        ),
    )
    yield Scenario(
        id="cancel/pending/interrupt/unwatched/waited",
        about="A is cancelled with `wait` while A is queued behind Z, and B behind A.",
        moves=(
            Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
            AwaitPoint(label="Z", point=IN_TOOLS),
            Submit(label="A", text=SF, strategy="enqueue"),
            second("enqueue"),
            # Patient: a deployment that answers only when the queue has come to A is judged, but not waited for.
            Cancel(label="A", wait=True, patient=True),
            Observe(),
            *LOOKS,
            Release(label="Z"),
            AwaitEnd(label="Z"),
            AwaitEnd(label="A"),
            AwaitEnd(label="B"),
        ),
    )
    yield Scenario(
        id="cancel/lingering/interrupt/unwatched/waited",
        about="A is cancelled with `wait`, and its tool is held while it cleans up.",
        moves=(
            Submit(label="A", text=SF, hold=(IN_TOOLS, CLEANING_UP), on_cancel="linger"),
            AwaitPoint(label="A", point=IN_TOOLS),
            *LOOKS,
            # Patient: the answer may come only when A has ended, and A is released further down.
            Cancel(label="A", wait=True, patient=True),
            AwaitPoint(label="A", point=CLEANING_UP),
            Observe(),
            Release(label="A"),
            AwaitEnd(label="A"),
            Observe(),
        ),
    )
    # An earlier turn, because on an empty thread a rollback to the start looks like one to the state before A.
    for phase, (point, where) in HELD_PHASES.items():
        yield Scenario(
            id=f"cancel/{phase}/rollback/unwatched",
            about=f"After an earlier turn A is cancelled with the action `rollback` {where}.",
            moves=(*EARLIER_TURN, *held_first(point), Cancel(label="A", action="rollback"), *STOPPED),
        )
    for action in ("interrupt", "rollback"):
        yield Scenario(
            id=f"cancel/swallowing/{action}/unwatched",
            about=f"A is cancelled with the action `{action}`, and its tool returns its result anyway.",
            moves=(
                *(*EARLIER_TURN, *_resisting("swallow", action)),
                # While A is held: a status that is read later may be that of its next step's end.
                Look(),
                *(Release(label="A"), AwaitEnd(label="A"), Observe()),
            ),
        )
    yield Scenario(
        id="cancel/finished/interrupt/unwatched",
        about="A is cancelled after it has finished.",
        moves=(Submit(label="A", text=SF), AwaitEnd(label="A"), Cancel(label="A"), *LOOKS),
    )
    yield Scenario(
        id="cancel/parked/interrupt/unwatched",
        about="A is cancelled while it is parked at a human-in-the-loop interrupt() in its tool.",
        moves=(
            Submit(label="A", text=SF, interrupt=("tools:1",)),
            AwaitEnd(label="A"),
            Cancel(label="A"),
            *LOOKS,
        ),
    )
    yield Scenario(
        id="cancel/during-tools/interrupt/unwatched/durability-exit",
        about="A, which writes its checkpoints with durability `exit`, is cancelled.",
        moves=(*held_first(IN_TOOLS, durability="exit"), Cancel(label="A"), *STOPPED),
    )
    yield Scenario(
        id="cancel/during-tools/many/unwatched",
        about="Z, which is held in its tool, and A, queued behind it, are cancelled in one request, but B is not.",
        moves=(
            Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
            AwaitPoint(label="Z", point=IN_TOOLS),
            Submit(label="A", text=SF, strategy="enqueue"),
            second("enqueue"),
            *LOOKS,
            # B is not in the list, and must execute: a bulk cancel ends the runs that it names and no other.
            CancelMany(labels=("Z", "A")),
            AwaitStopped(label="Z"),
            AwaitEnd(label="Z"),
            AwaitEnd(label="A"),
            AwaitEnd(label="B"),
            Release(),
        ),
    )
    for action in ("interrupt", "rollback"):
        yield Scenario(
            id=f"cancel/pending/{action}/unwatched",
            about=f"A is cancelled with the action `{action}` while A is queued behind Z, and B behind A.",
            moves=(
                Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
                AwaitPoint(label="Z", point=IN_TOOLS),
                Submit(label="A", text=SF, strategy="enqueue"),
                second("enqueue"),
                # `interrupt` is the default, so this pair also covers a cancel without an action.
                Cancel(label="A", action=None if action == "interrupt" else action),
                *LOOKS,
                Release(label="Z"),
                AwaitEnd(label="Z"),
                AwaitEnd(label="A"),
                AwaitEnd(label="B"),
            ),
        )
    yield Scenario(
        id="cancel/unknown/interrupt/unwatched",
        about="A client cancels a run that does not exist, on a thread that does.",
        moves=(Submit(label="A", text=SF), AwaitEnd(label="A"), Cancel(label=UNKNOWN_RUN)),
    )
    followers: tuple[Strategy, ...] = ("interrupt", "rollback", "enqueue")
    for strategy in followers:
        yield Scenario(
            id=f"cancel/during-tools/interrupt/unwatched/then-{strategy}",
            about=f"A is cancelled without `wait`, and B follows at once with `{strategy}`.",
            moves=(
                *held_first(IN_TOOLS),
                Cancel(label="A"),
                # Before A is awaited: B must find a run that is being cancelled, and not one that has ended.
                second(strategy),
                AwaitStopped(label="A"),
                AwaitEnd(label="B"),
                AwaitEnd(label="A"),
                Observe(),
            ),
        )


def _twice() -> Iterator[Scenario]:
    """Yield the scenarios in which A is cancelled again while it is still stopping. The first action decides."""
    for first, then in (("interrupt", "rollback"), ("rollback", "interrupt")):
        yield Scenario(
            id=f"cancel/lingering/{first}/unwatched/twice",
            about=f"A is cancelled with `{first}`, and again with `{then}` while its tool is cleaning up.",
            moves=(
                *EARLIER_TURN,
                *_resisting("linger", first),
                *LOOKS,
                # A is held while it cleans up, so the second cancel certainly finds it in flight.
                Cancel(label="A", action=then),
                Release(label="A"),
                AwaitEnd(label="A"),
                Observe(),
            ),
        )


def _races() -> Iterator[Scenario]:
    """Yield the races. Several outcomes are legal, but not a crash, and not a run that never ends."""
    for action in ("interrupt", "rollback"):
        yield Scenario(
            id=f"cancel/finishing/{action}/unwatched",
            about=f"A is released at the very end of its answer, and cancelled with `{action}` at the same moment.",
            moves=(
                *EARLIER_TURN,
                *held_first("agent:2/exit"),
                Release(label="A"),
                Cancel(label="A", action=action),
                AwaitEnd(label="A"),
                *LOOKS,
            ),
        )
        yield Scenario(
            id=f"cancel/burst/{action}/unwatched",
            about=f"Ten clients cancel A with `{action}` at the same time, while its tool is running.",
            moves=(
                *EARLIER_TURN,
                *held_first(IN_TOOLS),
                Together(moves=(Cancel(label="A", action=action),) * 10),
                *STOPPED,
            ),
        )
    yield Scenario(
        id="cancel/at-once/interrupt/unwatched",
        about="A is cancelled right after it was created, so it may not have started.",
        moves=(
            *EARLIER_TURN,
            # Held in its first step, so that a run which has started cannot end before the cancel arrives.
            Submit(label="A", text=SF, hold=(FIRST_STEP,)),
            Cancel(label="A"),
            AwaitEnd(label="A"),
            Release(),
            Observe(),
        ),
    )


def _resisting(on_cancel: OnCancel, action: str) -> tuple[Move, ...]:
    """Return the moves that cancel A and hold it while it reacts to the cancellation."""
    return (
        Submit(label="A", text=SF, hold=(IN_TOOLS, CLEANING_UP), on_cancel=on_cancel),
        AwaitPoint(label="A", point=IN_TOOLS),
        *LOOKS,
        Cancel(label="A", action=action),
        AwaitPoint(label="A", point=CLEANING_UP),
    )
