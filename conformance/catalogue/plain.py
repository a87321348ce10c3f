"""No second strategy is sent, or no second run at all."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.catalogue.blocks import IN_TOOLS, LOOKS, held_first, second
from conformance.scenarios import (
    AwaitEnd,
    Observe,
    ReadState,
    Release,
    Scenario,
    UpdateState,
)


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
            UpdateState(text="an update in the middle of a run"),
            ReadState(),
            Release(),
            AwaitEnd(label="A"),
        ),
    )
