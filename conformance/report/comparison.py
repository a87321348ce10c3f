"""Reports side by side, as data: the types of a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from conformance.judge.judging import Word
from conformance.requirements.areas import AREAS
from conformance.requirements.registry import Level

FORMAT: Literal["doubletext-comparison"] = "doubletext-comparison"
VERSION: Literal[1] = 1


class Cell(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The verdict on one deployment by one requirement: the worst one, in `count` of `of` scenarios.

    `known` is true when the profile declares every failure. `freedom` is the documented freedom that was taken.
    """

    verdict: Word
    count: int
    of: int
    known: bool = False
    freedom: str | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One requirement. A cell is null where the report does not judge the requirement."""

    id: str
    level: Level
    sentence: str
    cells: tuple[Cell | None, ...]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One report: the deployment, the time, the revision of the rule book, and the number of requirements.

    `rules` counts the requirements of the rule book, `judged` those with a verdict, and `holds` those that PASS.
    """

    name: str
    url: str
    profile: str | None
    revision: str
    finished_at: str | None
    rules: int
    judged: int
    holds: int
    file: str


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict that differs between the first and the last report."""

    id: str
    before: Word
    after: Word
    reason: str


class Freed(msgspec.Struct, frozen=True, kw_only=True):
    """A documented freedom that the deployment took differently in the last report than in the first."""

    id: str
    before: str
    after: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Several reports side by side.

    `better`, `worse` and `freed` compare the first report with the last, if both are of one server.
    """

    format: Literal["doubletext-comparison"] = FORMAT
    version: Literal[1] = VERSION
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    better: tuple[Moved, ...]
    worse: tuple[Moved, ...]
    freed: tuple[Freed, ...] = ()

    @property
    def areas(self) -> Iterator[tuple[str, list[Row]]]:
        """The rows by area, in the order of the rule book."""
        for letters in dict.fromkeys([*AREAS, *(row.id.partition("-")[0] for row in self.rows)]):
            mine = [row for row in self.rows if row.id.partition("-")[0] == letters]
            if mine:
                yield AREAS.get(letters, letters), mine
