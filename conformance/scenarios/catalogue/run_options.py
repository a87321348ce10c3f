"""What a request for a run may say besides its strategy: if_not_exists, after_seconds.

- `missing-thread/ENDPOINT`: runs on a thread that does not exist are to create it. One that may not is bad input.
- `STRATEGY/delayed/...`: the first run has an `after_seconds` when the second arrives, so it is pending and stays so.
- `none/delayed/...` and `enqueue/behind-delay/...`: the delay itself, on an idle thread and behind a run in flight.

Absent: a delayed run under other endpoints than `create`, since the delay begins where the run is created; and one that
is rolled back, which writes nothing either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from conformance.scenarios.catalogue.blocks import BOSTON, FIRST_STEP, IN_TOOLS, LA, LOOKS, NYC, SF, held_first, second
from conformance.scenarios.moves import (
    FRESH,
    AwaitEnd,
    AwaitPoint,
    Cancel,
    Endpoint,
    ListRuns,
    Move,
    Observe,
    ReadState,
    Release,
    Submit,
    Together,
)
from conformance.scenarios.scenario import Scenario

SOON: Final = 1.5
"""Seconds: longer than a run that is not delayed takes to start."""

LATE: Final = 600.0
"""Seconds: longer than any play."""


def scenarios() -> Iterator[Scenario]:
    """Threads that are created by the way, and runs that are to start later."""
    endpoints: tuple[Endpoint, ...] = ("create", "stream", "wait")
    for endpoint in endpoints:
        yield _created(endpoint)
    yield _created_at_once()
    yield Scenario(
        id="none/delayed/create/unwatched",
        about="A is asked for with after_seconds on an idle thread.",
        moves=(Submit(label="A", text=SF, after_seconds=SOON), *LOOKS, AwaitEnd(label="A")),
    )
    yield Scenario(
        id="enqueue/behind-delay/create/unwatched",
        about="B is asked for with after_seconds while A is held in its tool, for longer than that.",
        moves=(
            *held_first(IN_TOOLS),
            Submit(label="B", text=NYC, strategy="enqueue", after_seconds=SOON, hold=(FIRST_STEP,)),
            Observe(until_begun="B"),
            *LOOKS,
            Release(label="A"),
            AwaitEnd(label="A"),
            AwaitPoint(label="B", point=FIRST_STEP),
            Release(label="B"),
            AwaitEnd(label="B"),
        ),
    )
    delayed = Submit(label="A", text=SF, after_seconds=LATE)
    yield Scenario(
        id="interrupt/delayed/create/unwatched",
        about="B interrupts A, which waits for its after_seconds.",
        moves=(delayed, *LOOKS, second("interrupt"), AwaitEnd(label="B"), AwaitEnd(label="A"), Observe()),
    )
    yield Scenario(
        id="reject/delayed/create/unwatched",
        about="B arrives with `reject` while A waits for its after_seconds; then A is cancelled, and C asks again.",
        moves=(
            delayed,
            *LOOKS,
            second("reject"),
            ListRuns(),
            Cancel(label="A"),
            AwaitEnd(label="A"),
            ReadState(),
            Submit(label="C", text=LA, strategy="reject"),
            AwaitEnd(label="C"),
        ),
    )
    yield Scenario(
        id="cancel/delayed/interrupt/unwatched",
        about="A is cancelled while it waits for its after_seconds; then comes a plain turn.",
        moves=(
            delayed,
            *LOOKS,
            Cancel(label="A"),
            AwaitEnd(label="A"),
            Observe(),
            second("enqueue"),
            AwaitEnd(label="B"),
        ),
    )


def _created_at_once() -> Scenario:
    first_messages = tuple(
        # With a strategy, because by default the later one may be rejected.
        Submit(label=label, text=text, thread=FRESH, if_not_exists="create", strategy="enqueue")
        for label, text in (("X", BOSTON), ("D", LA))
    )
    return Scenario(
        id="missing-thread/burst",
        about="After a turn elsewhere X and D arrive at the same time, each to create the same thread by the way.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            Together(moves=first_messages),
            AwaitEnd(label="X"),
            AwaitEnd(label="D"),
        ),
    )


def _created(endpoint: Endpoint) -> Scenario:
    again: tuple[Move, ...] = (
        Submit(label="D", text=LA, endpoint=endpoint, thread=FRESH, if_not_exists="create"),
        AwaitEnd(label="D"),
    )
    return Scenario(
        id=f"missing-thread/{endpoint}",
        about=f"After a turn elsewhere X is to create its thread by the way ({endpoint}); D asks for the same again.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            Submit(label="X", text=BOSTON, endpoint=endpoint, thread=FRESH, if_not_exists="create"),
            AwaitEnd(label="X"),
            *again,
        ),
    )
