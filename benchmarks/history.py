"""The ratios of earlier runs, in `history.jsonl`: one line of JSON for each run of `python -m benchmarks`.

A ratio compares two servers of the same run, so that those of different days can be compared. On another machine it may
differ by more than noise, because bare aiohttp gains more from a fast one than the mock does. Each is compared with the
median of the newest runs that have it: one busy run must not hide a regression, and a slow decline must not pass as
noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from benchmarks.tables import Goal, Table

FILE: Final = Path(__file__).with_name("history.jsonl")
COMPARED: Final = 5
"""The number of runs whose median a ratio is compared with."""
TOLERATED: Final = 0.1
"""The part by which a ratio may become worse. The same code differs by less from run to run on an idle machine."""


class Entry(msgspec.Struct, frozen=True):
    """The ratios of one run."""

    date: str
    machine: str
    ratios: Mapping[str, float]


def read(file: Path = FILE) -> list[Entry]:
    """Return all runs, the oldest first."""
    lines = file.read_bytes().splitlines() if file.exists() else []
    return [msgspec.json.decode(line, type=Entry) for line in lines]


def append(entry: Entry, file: Path = FILE) -> None:
    """Add a run."""
    with file.open("ab") as lines:
        lines.write(msgspec.json.encode(entry) + b"\n")


def ratios(goals: Iterable[Goal]) -> dict[str, float]:
    """Return the numbers of goals that are ratios, by their names."""
    return {goal.ratio: round(goal.found, 4) for goal in goals if goal.ratio}


def is_worse(goal: Goal, before: float) -> bool:
    """Return whether a ratio is worse than before by more than noise."""
    if goal.at_most:
        return goal.found > before * (1 + TOLERATED)
    return goal.found < before * (1 - TOLERATED)


def table(goals: Iterable[Goal], entries: Sequence[Entry]) -> Table:
    """Return the ratios of a run beside those of earlier runs."""
    rows = []
    for goal in (goal for goal in goals if goal.ratio):
        earlier = [entry.ratios[goal.ratio] for entry in entries if goal.ratio in entry.ratios][-COMPARED:]
        before = median(earlier) if earlier else None
        change = "" if before is None else f"{goal.found / before - 1:+.0%}"
        marked = f"**{change}, a regression**" if before is not None and is_worse(goal, before) else change
        rows.append((goal.ratio, goal.shown(goal.found), "" if before is None else goal.shown(before), marked))
    return Table(
        "Change of the ratios",
        ("", "now", f"median of the last {COMPARED} runs", "change"),
        rows,
        f"From `benchmarks/history.jsonl`. A ratio that is more than {TOLERATED:.0%} worse is marked as a regression.",
    )
