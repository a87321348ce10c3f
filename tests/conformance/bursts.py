"""A history with many orders: runs that are created at once with three strategies, and cancels of each at once."""

from __future__ import annotations

from typing import Final

from conformance.scenarios import moves as s
from conformance.scenarios.scenario import Scenario

STRATEGIES: Final[tuple[s.Strategy, ...]] = ("interrupt", "rollback", "enqueue", "interrupt", "enqueue")


def burst(runs: int) -> Scenario:
    """Return the scenario of a burst, with three operations for each run. None of them is rejected."""
    submits = tuple(
        s.Submit(
            label=f"R{number}",
            text=f"what's the weather in place {number}?",
            strategy=STRATEGIES[number % len(STRATEGIES)],
        )
        for number in range(1, runs + 1)
    )
    cancels = tuple(s.Cancel(label=submit.label) for submit in submits)
    ends = [s.AwaitEnd(label=submit.label) for submit in submits]
    moves: tuple[s.Move, ...] = (
        s.Together(moves=submits),
        s.Together(moves=cancels),
        s.Look(),
        s.Together(moves=cancels),
        s.ListRuns(limit=100),
        *ends,
        s.ReadState(),
    )
    return Scenario(id=f"explore/burst-{runs}", about=f"A burst of {runs} runs.", moves=moves)
