"""No second strategy is sent, no second run, or a client writes to the state in the middle of one."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.scenarios.catalogue.blocks import FIRST_STEP, IN_TOOLS, LOOKS, held_first, second
from conformance.scenarios.moves import (
    AwaitEnd,
    AwaitPoint,
    AwaitSuperseded,
    Observe,
    ReadState,
    Release,
    Strategy,
    UpdateState,
)
from conformance.scenarios.scenario import Scenario

UPDATE = "an update in the middle of a run"


def scenarios() -> Iterator[Scenario]:
    """No second strategy is sent, or no second run at all."""
    yield Scenario(
        id="default/during-tools/create/unwatched",
        about="B double-texts A without saying what should happen.",
        moves=(
            *held_first(IN_TOOLS),
            second(None),
            Observe(until_begun="B"),
            *LOOKS,
            Release(),
            AwaitEnd(label="A"),
            AwaitEnd(label="B"),
        ),
    )
    yield Scenario(
        id="none/during-tools/create/unwatched/update-state",
        about="A client tries to update the thread's state while A is held in its tool.",
        moves=(
            *held_first(IN_TOOLS),
            ReadState(),
            UpdateState(text=UPDATE),
            ReadState(),
            *LOOKS,
            Release(),
            AwaitEnd(label="A"),
        ),
    )
    strategies: tuple[Strategy, ...] = ("enqueue", "interrupt", "rollback")
    for strategy in strategies:
        yield Scenario(
            id=f"{strategy}/held-newcomer/create/unwatched/update-state",
            about="A client tries to update the thread's state while B, which "
            + ("waits behind A, is held." if strategy == "enqueue" else "has stopped A, is held."),
            moves=(
                *held_first(IN_TOOLS),
                second(strategy, hold=(FIRST_STEP,)),
                *((*LOOKS, Release(label="A"), AwaitEnd(label="A")) if strategy == "enqueue" else ()),
                AwaitSuperseded(label="A", by="B"),
                AwaitPoint(label="B", point=FIRST_STEP),
                ReadState(),
                UpdateState(text=UPDATE),
                ReadState(),
                *LOOKS,
                Release(label="B"),
                AwaitEnd(label="B"),
                Release(),
                AwaitEnd(label="A"),
            ),
        )
