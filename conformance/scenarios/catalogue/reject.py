"""The `reject` scenarios: B is rejected while a run is in flight."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.scenarios.catalogue.blocks import (
    BOSTON,
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
)
from conformance.scenarios.moves import MISSING, AwaitEnd, ListRuns, Move, ReadState, Release, Submit
from conformance.scenarios.scenario import Scenario


def scenarios() -> Iterator[Scenario]:
    """Yield the scenarios in which B is rejected while A is in flight, and C is accepted after A has ended."""
    # C shows that the rejection was due to A, and that a deployment does not reject for good.
    afterwards: tuple[Move, ...] = (
        *LOOKS,
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
            about=f"A is held {where}, and B arrives with `reject`.",
            moves=(*held_first(point), second("reject"), *afterwards),
        )
    for endpoint in ENDPOINTS:
        yield Scenario(
            id=f"reject/during-tools/{endpoint}/unwatched",
            about=f"B arrives with `reject` through the {endpoint} endpoint while A is held in its tool.",
            moves=(*held_first(IN_TOOLS), second("reject", endpoint), *afterwards),
        )
    # One case is enough: a rejected run does not affect A, nor what A's clients receive.
    yield Scenario(
        id="reject/during-tools/create/streamed",
        about="B arrives with `reject` while A's own client reads its stream.",
        moves=(*held_first(IN_TOOLS, endpoint="stream"), second("reject"), *afterwards),
    )
    yield Scenario(
        id="reject/at-once/create/unwatched",
        about="B follows A without a pause, so A may still be pending.",
        moves=(Submit(label="A", text=SF, hold=(FIRST_STEP,)), second("reject"), *afterwards),
    )
    yield Scenario(
        id="reject/missing-thread/create/unwatched",
        about="A run with `reject` is created on a thread that does not exist.",
        moves=(Submit(label="X", text=BOSTON, strategy="reject", thread=MISSING),),
    )
    yield from over("reject")
