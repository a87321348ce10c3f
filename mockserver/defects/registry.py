"""Every defect by name, and what became of the 91 candidates: `table.toml` tells of each where it was seen."""

from __future__ import annotations

import importlib
import textwrap
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from mockserver.defects.base import Defect

MODULES: Final = (
    "admission",
    "queue",
    "stopping",
    "state",
    "statuses",
    "rollback",
    "answers",
    "views",
    "validation",
    "streams",
    "webhooks",
    "crons",
)
"""One module per place where things go wrong."""


class UnknownDefectError(Exception):
    """A name that no defect has; the text says which is nearest."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One candidate. It was built unless it says what it was merged into, or why it was left out."""

    id: str
    name: str
    seen: tuple[str, ...]
    client: str = ""
    """What a client sees of it."""
    merged_into: str | None = None
    left_out: str | None = None


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    defect: tuple[Row, ...]


@cache
def table() -> tuple[Row, ...]:
    """Every candidate, in the order of the list."""
    text = files("mockserver.defects").joinpath("table.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Table).defect


@cache
def defects() -> Mapping[str, type[Defect]]:
    """Every defect that can be switched on, by name."""
    found: dict[str, type[Defect]] = {}
    for module in (importlib.import_module(f"mockserver.defects.{name}") for name in MODULES):
        kinds = (kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Defect))
        found |= {
            kind.name(): kind
            for kind in kinds
            if kind.__module__ == module.__name__ and not kind.__name__.startswith("_")
        }
    return found


def named(name: str) -> type[Defect]:
    """The defect with this name. Raises `UnknownDefectError`."""
    known = defects()
    if name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0)
        raise UnknownDefectError(f"there is no defect `{name}`; the nearest is `{near[0]}`")
    return known[name]


def listing() -> str:
    """Every candidate in a few lines, for a terminal."""
    lines = []
    for row in table():
        if row.merged_into is not None:
            said = f"merged into {row.merged_into}"
        elif row.left_out is not None:
            said = f"left out: {row.left_out}"
        else:
            said = f"{defects()[row.name].summary()} Seen: {' '.join(row.seen) or 'nowhere'}"
        lines.append(f"{row.name}  ({row.id})")
        lines += textwrap.wrap(
            said, 110, initial_indent="    ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
        )
    return "\n".join(lines)
