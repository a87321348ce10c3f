"""What scenarios are put together from: texts, the points where runs are held, and sequences of moves."""

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

SF = "what's the weather in sf?"
NYC = "what's the weather in nyc?"
LA = "what's the weather in la?"
BOSTON = "what's the weather in boston?"

FIRST_STEP = "agent:1/enter"
IN_TOOLS = "tools:1/enter"
MID_ANSWER = "agent:2/token"
CLEANING_UP = "tools:1/cancelled"

HELD_PHASES: Final = {
    "during-agent": (FIRST_STEP, "before its first step has written anything"),
    "during-tools": (IN_TOOLS, "while its tool is running, the tool call written, the result not"),
    "during-answer": (MID_ANSWER, "half-way through the tokens of its answer"),
}
ENDPOINTS: Final[tuple[Endpoint, ...]] = ("stream", "wait")

EARLIER_TURN: tuple[Move, ...] = (Submit(label="E", text=LA), AwaitEnd(label="E"), ReadState())
"""What is there before, and is to stay."""

LOOKS: tuple[Move, ...] = (Look(), Look())
"""Two in a row, so that the thread is read between two readings of every run."""


def held_first(point: str, *, text: str = SF, **how: Any) -> tuple[Move, ...]:
    """A is asked for and reaches `point`, where it is held; `how` goes to its Submit."""
    first = Submit(label="A", text=text, hold=(point,), **how)
    return (first, AwaitPoint(label="A", point=point), *LOOKS)


def second(strategy: Strategy | None, endpoint: Endpoint = "create", *, hold: tuple[str, ...] = ()) -> Submit:
    """B, the double text, asks for nyc."""
    return Submit(label="B", text=NYC, strategy=strategy, endpoint=endpoint, hold=hold)


def superseding(strategy: Strategy, endpoint: Endpoint = "create", first: str = "A") -> tuple[Move, ...]:
    """B supersedes run `first`, is held when it has begun, and runs to its end before anything else could go on.

    Nothing may come after.
    """
    return (
        second(strategy, endpoint, hold=(FIRST_STEP,)),
        AwaitSuperseded(label=first, by="B"),
        AwaitPoint(label="B", point=FIRST_STEP),
        *LOOKS,
        Release(label="B"),
        AwaitEnd(label="B"),
        Release(),
        AwaitEnd(label="A"),
        Observe(),
    )


def waiting(endpoint: Endpoint = "create") -> tuple[Move, ...]:
    """B is queued behind A, may not begin while A is held, and is held when it has begun."""
    return (
        second("enqueue", endpoint, hold=(FIRST_STEP,)),
        Observe(until_begun="B"),
        ListRuns(status="pending"),
        *LOOKS,  # after the list: without the witness they prove that it was made while A was in flight
        Release(label="A"),
        AwaitEnd(label="A"),
        AwaitPoint(label="B", point=FIRST_STEP),
        *LOOKS,
        Release(label="B"),
        AwaitEnd(label="B"),
    )


def over(strategy: Strategy) -> Iterator[Scenario]:
    """Nothing is in flight when B arrives: never used, finished, failed, parked."""
    phases: dict[str, tuple[str, tuple[Move, ...]]] = {
        "idle": ("B arrives on a thread that has never been used.", ()),
        "finished": (
            "B arrives after A has finished.",
            (Submit(label="A", text=SF), AwaitEnd(label="A"), Look(), ReadState()),
        ),
        "failed": (
            "B arrives after A's tool has raised an exception.",
            (Submit(label="A", text=SF, fail=("tools:1",)), AwaitEnd(label="A"), Look(), ReadState()),
        ),
        "parked": (
            "B arrives while A is parked at a human-in-the-loop interrupt() in its tool.",
            (Submit(label="A", text=SF, interrupt=("tools:1",)), AwaitEnd(label="A"), Look(), ReadState()),
        ),
    }
    for phase, (about, before) in phases.items():
        yield Scenario(
            id=f"{strategy}/{phase}/create/unwatched",
            about=about,
            moves=(*before, second(strategy), AwaitEnd(label="B")),
        )
