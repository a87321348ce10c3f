"""The parts of scenarios: texts, points at which runs are held, and sequences of moves.

Most scenarios follow one pattern. A run is held at a point, the second run arrives, and the statuses are read before
anything is released. So what is judged happened in a known order, on a fast deployment and on a slow one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from conformance.scenarios.moves import (
    AwaitEnd,
    AwaitPoint,
    AwaitSuperseded,
    Endpoint,
    ListRuns,
    Look,
    Move,
    Observe,
    ReadState,
    Release,
    Strategy,
    Submit,
)
from conformance.scenarios.scenario import Scenario

# Each run has a place of its own. The texts of the conversation then show which run wrote a message.
SF = "what's the weather in sf?"
NYC = "what's the weather in nyc?"
LA = "what's the weather in la?"
BOSTON = "what's the weather in boston?"

FIRST_STEP = "agent:1/enter"
IN_TOOLS = "tools:1/enter"
MID_ANSWER = "agent:2/token"
CLEANING_UP = "tools:1/cancelled"

# One point for each amount of output that a superseded run can leave: nothing, a tool call without its result, and all
# but the answer. The guide shows the second.
HELD_PHASES: Final = {
    "during-agent": (FIRST_STEP, "before its first step has written anything"),
    "during-tools": (IN_TOOLS, "while its tool is running, with the tool call in the state but not the result"),
    "during-answer": (MID_ANSWER, "halfway through the tokens of its answer"),
}
ENDPOINTS: Final[tuple[Endpoint, ...]] = ("stream", "wait")

EARLIER_TURN: tuple[Move, ...] = (Submit(label="E", text=LA), AwaitEnd(label="E"), ReadState())
"""A finished turn, which a later rollback must not remove."""

LOOKS: tuple[Move, ...] = (Look(), Look())
"""Two in a row, so that every run is read both before and after a reading of the thread."""


def held_first(point: str, *, text: str = SF, **fields: Any) -> tuple[Move, ...]:
    """Return the moves that create A, with further `fields` of `Submit`, and wait until it is held at `point`."""
    first = Submit(label="A", text=text, hold=(point,), **fields)
    return (first, AwaitPoint(label="A", point=point), *LOOKS)


def second(strategy: Strategy | None, endpoint: Endpoint = "create", *, hold: tuple[str, ...] = ()) -> Submit:
    """Return the move that creates B, the double text."""
    return Submit(label="B", text=NYC, strategy=strategy, endpoint=endpoint, hold=hold)


def superseding(strategy: Strategy, endpoint: Endpoint = "create", first: str = "A") -> tuple[Move, ...]:
    """Return the moves with which B supersedes run `first`, is held when it has begun, and ends before any other run.

    The moves end with an observation: nothing may execute after B.
    """
    return (
        # Held, because a B that ran through would be over before the statuses of the moment are read.
        second(strategy, endpoint, hold=(FIRST_STEP,)),
        AwaitSuperseded(label=first, by="B"),
        AwaitPoint(label="B", point=FIRST_STEP),
        *LOOKS,
        Release(label="B"),
        AwaitEnd(label="B"),
        # A is released last. If the deployment has not really stopped it, it now writes after B, where it shows.
        Release(),
        AwaitEnd(label="A"),
        Observe(),
    )


def waiting(endpoint: Endpoint = "create") -> tuple[Move, ...]:
    """Return the moves with which B is queued behind A, does not begin while A is held, and is held in turn."""
    return (
        second("enqueue", endpoint, hold=(FIRST_STEP,)),
        Observe(until_begun="B"),
        ListRuns(status="pending"),
        *LOOKS,  # after the list: without a witness they prove that A was in flight when it was read
        Release(label="A"),
        AwaitEnd(label="A"),
        AwaitPoint(label="B", point=FIRST_STEP),
        *LOOKS,
        Release(label="B"),
        AwaitEnd(label="B"),
    )


def over(strategy: Strategy) -> Iterator[Scenario]:
    """Yield the scenarios in which no run is in flight when B arrives: unused thread, A finished, failed or parked."""
    phases: dict[str, tuple[str, tuple[Move, ...]]] = {
        "idle": (f"B arrives with `{strategy}` on a thread that has never been used.", ()),
        "finished": (
            f"B arrives with `{strategy}` after A has finished.",
            (Submit(label="A", text=SF), AwaitEnd(label="A"), Look(), ReadState()),
        ),
        "failed": (
            f"B arrives with `{strategy}` after A's tool has raised an exception.",
            (Submit(label="A", text=SF, fail=("tools:1",)), AwaitEnd(label="A"), Look(), ReadState()),
        ),
        "parked": (
            f"B arrives with `{strategy}` while A is parked at a human-in-the-loop interrupt() in its tool.",
            (Submit(label="A", text=SF, interrupt=("tools:1",)), AwaitEnd(label="A"), Look(), ReadState()),
        ),
    }
    for phase, (about, before) in phases.items():
        yield Scenario(
            id=f"{strategy}/{phase}/create/unwatched",
            about=about,
            moves=(*before, second(strategy), AwaitEnd(label="B")),
        )
