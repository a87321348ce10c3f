"""The scenarios without a strategy, and those in which a client updates the state while a run is in flight."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.scenarios.catalogue.blocks import FIRST_STEP, IN_TOOLS, LOOKS, held_first, second
from conformance.scenarios.moves import (
    AwaitEnd,
    AwaitPoint,
    AwaitSuperseded,
    Endpoint,
    Observe,
    ReadState,
    Release,
    Strategy,
    UpdateState,
)
from conformance.scenarios.scenario import Scenario

# Unlike any text of the conversation, so that the message is recognised wherever it turns up.
UPDATE = "an update in the middle of a run"


def scenarios() -> Iterator[Scenario]:
    """Yield the double text without a strategy, and an update of the state in each situation."""
    endpoints: tuple[Endpoint, ...] = ("create", "stream", "wait")
    for endpoint in endpoints:
        yield Scenario(
            id=f"default/during-tools/{endpoint}/unwatched",
            about=f"B double-texts A without a multitask_strategy ({endpoint}).",
            moves=(
                *held_first(IN_TOOLS),
                # The default is a freedom of the deployment: B may be queued, be rejected, or stop A. So nothing is
                # awaited that only one of these outcomes has, and no requirement on streams applies to B's.
                second(None, endpoint=endpoint),
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
            + ("was queued behind A, is held." if strategy == "enqueue" else "has stopped A, is held."),
            moves=(
                *held_first(IN_TOOLS),
                second(strategy, hold=(FIRST_STEP,)),
                # A queued B begins only after A has ended. A superseding B has stopped A by itself.
                *((*LOOKS, Release(label="A"), AwaitEnd(label="A")) if strategy == "enqueue" else ()),
                AwaitSuperseded(label="A", by="B"),
                AwaitPoint(label="B", point=FIRST_STEP),
                ReadState(),
                # Read before and after, because an update that is rejected must leave the state as it was.
                UpdateState(text=UPDATE),
                ReadState(),
                *LOOKS,
                Release(label="B"),
                AwaitEnd(label="B"),
                Release(),
                AwaitEnd(label="A"),
            ),
        )
