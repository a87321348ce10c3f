"""The `enqueue` scenarios: B waits its turn."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.scenarios.catalogue.blocks import (
    ENDPOINTS,
    HELD_PHASES,
    IN_TOOLS,
    LA,
    LOOKS,
    SF,
    held_first,
    over,
    second,
    waiting,
)
from conformance.scenarios.moves import AwaitEnd, AwaitPoint, Observe, Release, Submit
from conformance.scenarios.scenario import Scenario


def scenarios() -> Iterator[Scenario]:
    """Yield the scenarios in which B is queued behind A, in each phase and through each endpoint."""
    for phase, (point, where) in HELD_PHASES.items():
        yield Scenario(
            id=f"enqueue/{phase}/create/unwatched",
            about=f"B is queued behind A, which is held {where}.",
            moves=(*held_first(point), *waiting()),
        )
    for endpoint in ENDPOINTS:
        yield Scenario(
            id=f"enqueue/during-tools/{endpoint}/unwatched",
            about=f"B is queued behind A through the {endpoint} endpoint.",
            moves=(*held_first(IN_TOOLS), *waiting(endpoint)),
        )
    yield Scenario(
        id="enqueue/pending/create/unwatched",
        about="A and then B are queued behind Z, which is held in its tool.",
        moves=(
            Submit(label="Z", text=LA, hold=(IN_TOOLS,)),
            AwaitPoint(label="Z", point=IN_TOOLS),
            Submit(label="A", text=SF, strategy="enqueue"),
            # Neither A nor B is held: after Z has ended, the deployment alone decides which of them executes first.
            second("enqueue"),
            Observe(until_begun="B"),
            *LOOKS,
            Release(label="Z"),
            AwaitEnd(label="Z"),
            AwaitEnd(label="A"),
            AwaitEnd(label="B"),
        ),
    )
    # The end of a run frees the queue behind it, and a failure is an end, too.
    yield Scenario(
        id="enqueue/failing/create/unwatched",
        about="B is queued behind A, whose tool raises an exception when it is released.",
        moves=(*held_first(IN_TOOLS, fail=("tools:1",)), *waiting()),
    )
    yield from over("enqueue")
