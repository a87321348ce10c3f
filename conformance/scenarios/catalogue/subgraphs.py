"""A is in the middle of something that has parts: a child graph, or a superstep with two steps.

PHASE: `in-subgraph`, the child graph's first step has finished, and the second is held; `half-superstep`, of two steps
one has finished, and the other is held. Both need a probe agent that knows the contract's version 2.

Absent on purpose: `reject` (which does not touch A), other endpoints and observers, and for `half-superstep` a
stubborn A: what a single step does with its cancellation is shown where there is only one.
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
    """A child graph, then a superstep with two steps."""
    for strategy in STOPPING:
        yield Scenario(
            id=f"{strategy}/in-subgraph/create/unwatched",
            about="B stops A, whose child graph is held in its second step.",
            moves=(*_in_child(), *superseding(strategy)),
        )
        yield Scenario(
            id=f"{strategy}/in-subgraph/create/unwatched/swallowing",
            about="A's child graph catches the cancellation in its first step and returns it as if nothing had been.",
            moves=(
                _with_child(hold=(FIRST_IN_CHILD, FIRST_CLEANING_UP), on_cancel="swallow"),
                AwaitPoint(label="A", point=FIRST_IN_CHILD),
                second(strategy),
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
            about="B stops A, one of whose two steps has finished, while the other is held.",
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
        about="A is cancelled when one of its two steps has finished, while the other is held.",
        moves=(*_half_done(), *_cancelled("interrupt"), ReadState()),
    )
    yield Scenario(
        id="cancel/half-superstep/rollback/unwatched",
        about="After an earlier turn A is rolled back half-way through a superstep; B follows, with two steps, too.",
        moves=(
            *EARLIER_TURN,
            *_half_done(),
            *_cancelled("rollback"),
            Submit(label="B", text="what's the weather in nyc?", work="parallel"),
            AwaitEnd(label="B"),
        ),
    )


def _with_child(**how: Any) -> Submit:
    return Submit(label="A", text=SF, work="subgraph", **how)


def _in_child() -> tuple[Move, ...]:
    """A is held in the second step of its child graph."""
    return (_with_child(hold=(IN_CHILD,)), AwaitPoint(label="A", point=IN_CHILD), ReadChild(), *LOOKS)


def _half_done() -> tuple[Move, ...]:
    """A's `audit` has finished, and `tools`, which it shares a superstep with, is held."""
    return (
        Submit(label="A", text=SF, work="parallel", hold=(IN_TOOLS,)),
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
