"""`cancel`: a client stops a run; nobody double-texts, but where B is queued or comes right behind."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.catalogue.blocks import CLEANING_UP, HELD_PHASES, IN_TOOLS, LA, LOOKS, SF, held_first, second
from conformance.scenarios import (
    NOBODY,
    AwaitEnd,
    AwaitPoint,
    AwaitStopped,
    Cancel,
    Move,
    Observe,
    ReadState,
    Release,
    Scenario,
    Strategy,
    Submit,
)


def scenarios() -> Iterator[Scenario]:
    """A client cancels A; nobody double-texts, but where B is queued or comes right behind the cancel.

    The id's third part is the cancel's action.
    """
    stopped: tuple[Move, ...] = (AwaitStopped(label="A"), AwaitEnd(label="A"), Release(), Observe())
    for phase, (point, where) in HELD_PHASES.items():
        for watch in (False, True):
            yield Scenario(
                id=f"cancel/{phase}/interrupt/{'joined' if watch else 'unwatched'}",
                about=f"A is cancelled {where}" + ("; a client waits for A in join." if watch else "."),
                moves=(*held_first(point, watch=watch), Cancel(label="A"), *stopped),
            )
    yield Scenario(
        id="cancel/during-tools/interrupt/unwatched/waited",
        about="A is cancelled while its tool is running, and the answer is waited for.",
        moves=(*held_first(IN_TOOLS), Cancel(label="A", wait=True), *LOOKS, *stopped),
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
            *LOOKS,
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
            *held_first(IN_TOOLS),
            Cancel(label="A", action="rollback"),
            *stopped,
        ),
    )
    yield Scenario(
        id="cancel/finished/interrupt/unwatched",
        about="A is cancelled after it has finished.",
        moves=(Submit(label="A", text=SF), AwaitEnd(label="A"), Cancel(label="A"), *LOOKS),
    )
    yield Scenario(
        id="cancel/pending/interrupt/unwatched",
        about="A is cancelled while it is queued behind Z, and B behind A.",
        moves=(
            Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
            AwaitPoint(label="Z", point=IN_TOOLS),
            Submit(label="A", text=SF, strategy="enqueue"),
            second("enqueue"),
            Cancel(label="A"),
            *LOOKS,
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
                *held_first(IN_TOOLS),
                Cancel(label="A"),
                second(strategy),
                AwaitStopped(label="A"),
                AwaitEnd(label="B"),
                AwaitEnd(label="A"),
                Observe(),
            ),
        )
