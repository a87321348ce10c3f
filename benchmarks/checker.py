"""The time that the checker needs for a history, as histories grow."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from statistics import median
from typing import Final

from benchmarks.tables import Goal, Table
from conformance.histories.checker import check
from conformance.histories.history import History
from conformance.histories.transcribe import transcribe
from conformance.judge.play import Play
from tests.conformance.bursts import burst
from tests.conformance.plays import play

RUNS: Final = (2, 5, 10, 15, 20)
TIMES: Final = 5
GOAL: Final = 10
"""The number of runs whose history, with three times as many operations, has to be checked in `LEAST` milliseconds."""
LEAST: Final = 100


async def measure() -> list[Table]:
    """Return the table."""
    transcripts = await asyncio.to_thread(play, [burst(runs) for runs in RUNS])
    rows, found = [], 0.0
    for runs in RUNS:
        history = transcribe(Play(transcripts[burst(runs).id]))
        legal, illegal = _cost(history, "legal"), _cost(_wrong(history), "illegal")
        found = max(legal, illegal) if runs == GOAL else found
        sizes = len(history.operations), len(history.readings), len(history.reports)
        rows.append((f"{runs}", *map(str, sizes), f"{legal:.0f} ms", f"{illegal:.0f} ms"))
    return [
        Table(
            "Check of a history",
            ("runs", "operations", "readings", "reports", "legal", "illegal"),
            rows,
            "Each history is a burst on the mock: runs with three strategies are created at once, and all are "
            "cancelled at once, twice. The client polls the status of each until it ends, which makes most readings. "
            f"Median of the CPU time of {TIMES} checks of a legal history, and of the same with another last status.",
            [Goal(f"ms for {GOAL} runs", found, LEAST, at_most=True)],
        )
    ]


def _cost(history: History, kind: str) -> float:
    """Return the CPU time of a check in milliseconds. Raise AssertionError for another verdict."""
    spent = []
    for _ in range(TIMES):
        began = time.process_time()
        verdict = check(history)
        spent.append(time.process_time() - began)
        assert verdict.kind == kind, verdict
    return median(spent) * 1000


def _wrong(history: History) -> History:
    """Return a history with an error as the last status of a run that was interrupted."""
    number = max(
        n for n, one in enumerate(history.readings) if (one.subject, one.shown) == ("run status", "interrupted")
    )
    changed = replace(history.readings[number], shown="error")
    return replace(history, readings=(*history.readings[:number], changed, *history.readings[number + 1 :]))
