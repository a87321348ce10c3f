"""The scenarios in which A is inside a child graph, or inside a superstep with two steps.

PHASE `in-subgraph`: the child graph's first step has finished, and the second is held. PHASE `half-superstep`: one of
two steps has finished, and the other is held. Both need a probe agent with version 2 of the contract.

Absent on purpose: `reject` (which does not affect A), other endpoints and observers, and for `half-superstep` an A that
resists its cancellation (the scenarios with one step cover how a step reacts to a cancellation).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.scenarios.catalogue.blocks import EARLIER_TURN, IN_TOOLS, LOOKS, SF, second, superseding
from conformance.scenarios.moves import (
    AwaitEnd,
    AwaitPoint,
    AwaitStopped,
    Cancel,
    Move,
    Observe,
    ReadChild,
    ReadState,
    Release,
    Strategy,
    Submit,
)
from conformance.scenarios.scenario import Scenario

IN_CHILD = "quote:1/enter"
FIRST_IN_CHILD = "search:1/enter"
FIRST_CLEANING_UP = "search:1/cancelled"
AUDITED = "audit:1/exit"

STOPPING: tuple[Strategy, ...] = ("interrupt", "rollback")


def scenarios() -> Iterator[Scenario]:
    """Yield the scenarios with a child graph and those with a superstep of two steps."""
    for strategy in STOPPING:
        yield Scenario(
            id=f"{strategy}/in-subgraph/create/unwatched",
            about="B stops A, whose child graph is held in its second step.",
            moves=(*_in_child(), *superseding(strategy)),
        )
        yield Scenario(
            id=f"{strategy}/in-subgraph/create/unwatched/swallowing",
            about="The first step of A's child graph catches the cancellation and returns its result anyway.",
            moves=(
                _with_child(hold=(FIRST_IN_CHILD, FIRST_CLEANING_UP), on_cancel="swallow"),
                AwaitPoint(label="A", point=FIRST_IN_CHILD),
                second(strategy),
                # No step of the child may follow this one, although it returns as if it had not been cancelled.
                AwaitPoint(label="A", point=FIRST_CLEANING_UP),
                Observe(until_begun="B"),
                Release(label="A"),
                AwaitEnd(label="B"),
                AwaitEnd(label="A"),
                Observe(),
            ),
        )
        yield Scenario(
            id=f"{strategy}/half-superstep/create/unwatched",
            about="B stops A, of whose two steps one has finished and the other is held.",
            moves=(*_half_done(), *superseding(strategy)),
        )
    yield Scenario(
        id="enqueue/in-subgraph/create/unwatched",
        about="B is queued behind A, whose child graph is held in its second step.",
        moves=(*_in_child(), second("enqueue"), Observe(until_begun="B"), *LOOKS, Release(), AwaitEnd(label="A"),
               AwaitEnd(label="B")),
    )  # fmt: skip
    for action in STOPPING:
        yield Scenario(
            id=f"cancel/in-subgraph/{action}/unwatched",
            about="A is cancelled while its child graph is held in its second step.",
            moves=(*EARLIER_TURN, *_in_child(), *_cancelled(action)),
        )
    yield Scenario(
        id="cancel/half-superstep/interrupt/unwatched",
        about="A is cancelled when one of its two steps has finished and the other is held.",
        moves=(*_half_done(), *_cancelled("interrupt"), ReadState()),
    )
    yield Scenario(
        id="cancel/half-superstep/rollback/unwatched",
        about="After an earlier turn A is rolled back halfway through a superstep, and B follows, also with two steps.",
        moves=(
            *EARLIER_TURN,
            *_half_done(),
            *_cancelled("rollback"),
            Submit(label="B", text="what's the weather in nyc?", work="parallel"),
            AwaitEnd(label="B"),
        ),
    )


def _with_child(**fields: Any) -> Submit:
    return Submit(label="A", text=SF, work="subgraph", **fields)


def _in_child() -> tuple[Move, ...]:
    """Return the moves that create A and hold it in the second step of its child graph."""
    return (_with_child(hold=(IN_CHILD,)), AwaitPoint(label="A", point=IN_CHILD), ReadChild(), *LOOKS)


def _half_done() -> tuple[Move, ...]:
    """Return the moves after which A's `audit` has finished, and `tools`, in the same superstep, is held."""
    return (
        Submit(label="A", text=SF, work="parallel", hold=(IN_TOOLS,)),
        # Both, in either order: the two steps of a superstep start at the same time.
        AwaitPoint(label="A", point=IN_TOOLS),
        AwaitPoint(label="A", point=AUDITED),
        *LOOKS,
    )


def _cancelled(action: str) -> tuple[Move, ...]:
    return (
        Cancel(label="A", action=action),
        AwaitStopped(label="A"),
        AwaitEnd(label="A"),
        Release(),
        Observe(),
    )
