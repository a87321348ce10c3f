"""The results of a benchmark: a table, its explanation, and the goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """A number, and the least that it is to be, or the most with `at_most`."""

    what: str
    found: float
    wanted: float
    percent: bool = False
    at_most: bool = False
    ratio: str = ""
    """The name under which the history keeps the number. Empty for a number that depends on the machine."""

    @property
    def is_met(self) -> bool:
        """Return whether the goal was reached."""
        return self.found <= self.wanted if self.at_most else self.found >= self.wanted

    def in_words(self) -> str:
        """Return the goal in words."""
        met = "reached" if self.is_met else "**missed**"
        bound = "most" if self.at_most else "least"
        return f"{self.shown(self.found)} {self.what}; goal: at {bound} {self.shown(self.wanted)}, {met}."

    def shown(self, number: float) -> str:
        """Return a number as people read it. A small one has two decimals, as it may be a ratio near its goal."""
        if self.percent:
            return f"{number:.0%}"
        return f"{number:.2f}".rstrip("0").rstrip(".") if abs(number) < 10 else f"{number:.0f}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a title."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str
    goals: Sequence[Goal] = ()

    def render(self) -> str:
        """Return the table in Markdown."""
        lines = [self.columns, ["---"] + ["---:"] * (len(self.columns) - 1), *self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        parts = [f"## {self.title}", self.note, table, *(f"- {goal.in_words()}" for goal in self.goals)]
        return "\n\n".join(part for part in parts if part)
