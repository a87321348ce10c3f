"""Why conversations differ: a reviewed table of reasons, and what it leaves unexplained."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Literal

import msgspec

from conformance.toml_lines import line_of_error
from tests.reference.side_by_side.differences import Difference

TABLE: Final = Path(__file__).with_name("explained.toml")

Kind = Literal["freedom", "mock", "fault", "luck"]
"""The causes: a freedom of the documents, an omission of the mock, a fault of the reference, or luck."""


class TableError(ValueError):
    """An unusable table of reasons. The text is one line with the place and the problem."""


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reason with the differences that it explains, by patterns that must all fit.

    `known`: only in scenarios in which the reference's report has a known failure of one of these requirements.
    `seldom`: a recording may have no such difference.
    """

    name: str
    kind: Kind
    reason: str
    scenario: tuple[str, ...] = ("*",)
    topic: tuple[str, ...] = ("*",)
    path: tuple[str, ...] = ("*",)
    reference: tuple[str, ...] = ("*",)
    mock: tuple[str, ...] = ("*",)
    known: tuple[str, ...] = ()
    seldom: bool = False

    def explains(self, difference: Difference, known: frozenset[str]) -> bool:
        """Return whether this reason fits. `known` are the requirements that the reference is known to break there."""
        return (not self.known or not known.isdisjoint(self.known)) and all(
            any(fnmatchcase(value, pattern) for pattern in patterns)
            for value, patterns in (
                (difference.scenario, self.scenario),
                (difference.topic, self.topic),
                (difference.path, self.path),
                (difference.reference, self.reference),
                (difference.mock, self.mock),
            )
        )


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    explained: list[Reason]


def read_table(path: Path = TABLE) -> list[Reason]:
    """Return the reasons in their order. The first that fits counts. Raise TableError."""
    text = path.read_text("utf-8")
    try:
        reasons = msgspec.convert(tomllib.loads(text), _Table).explained
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise TableError(f"{path.name}, line {line_of_error(text, str(error))}: {error}") from None
    names = [reason.name for reason in reasons]
    for name in names:
        if names.count(name) > 1:
            raise TableError(f"{path.name}: two reasons are called {name!r}; give one of them another name")
    return reasons


def reason_for(difference: Difference, reasons: Sequence[Reason], known: frozenset[str]) -> str | None:
    """Return the name of the first reason that fits, or None."""
    return next((reason.name for reason in reasons if reason.explains(difference, known)), None)
