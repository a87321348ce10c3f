"""Every defect by name, and the candidates that were not built: `not_built.toml` says why."""

from __future__ import annotations

import importlib
import textwrap
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from types import ModuleType
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

STATED: Final = ("id", "seen", "client")
"""The class attributes that every listed defect states for itself; nothing of them is inherited."""


class UnknownDefectError(Exception):
    """A name that no defect has; the text says which is nearest."""


class Candidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A candidate for a defect that was not built, and why."""

    id: str
    name: str
    seen: tuple[str, ...]
    left_out: str


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    candidate: tuple[Candidate, ...]


@cache
def not_built() -> tuple[Candidate, ...]:
    """The candidates that were not built, in the order of the list."""
    text = files("mockserver.defects").joinpath("not_built.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Table).candidate


@cache
def defects() -> Mapping[str, type[Defect]]:
    """Every defect that can be switched on, by name."""
    found: dict[str, type[Defect]] = {}
    for name in MODULES:
        found |= defects_in(importlib.import_module(f"mockserver.defects.{name}"))
    return found


def defects_in(module: ModuleType) -> dict[str, type[Defect]]:
    """The defects that a module defines, by name. Raises `TypeError` if one does not state what it must."""
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Defect)]
    own = [kind for kind in kinds if kind.__module__ == module.__name__ and not kind.__name__.startswith("_")]
    for kind in own:
        missing = [f"`{name}`" for name in STATED if name not in vars(kind)]
        if missing:
            raise TypeError(
                f"the defect {kind.__module__}.{kind.__name__} lacks {', '.join(missing)}; add what is missing as a "
                "class attribute, as `Defect` describes it"
            )
    return {kind.name(): kind for kind in own}


@cache
def _renamed() -> Mapping[str, type[Defect]]:
    """The defects that had another name in earlier releases, by that name."""
    return {former: kind for kind in defects().values() for former in kind.former_names}


def named(name: str) -> type[Defect]:
    """The defect with this name, or that had it in an earlier release. Raises `UnknownDefectError`."""
    known = defects()
    found = known.get(name) or _renamed().get(name)
    if found is None:
        near = get_close_matches(name, known, n=1, cutoff=0)
        raise UnknownDefectError(f"there is no defect `{name}`; the nearest is `{near[0]}`")
    return found


def listing() -> str:
    """Every candidate in a few lines, for a terminal, in the order of the ids."""
    entries = [(one.id, f"{one.name}  ({one.id})", f"left out: {one.left_out}") for one in not_built()]
    for name, kind in defects().items():
        formerly = f", formerly {' and '.join(kind.former_names)}" if kind.former_names else ""
        description = f"{kind.summary()} Seen: {' '.join(kind.seen) or 'nowhere'}"
        entries.append((kind.id, f"{name}  ({kind.id}{formerly})", description))
    lines = []
    for _, heading, description in sorted(entries, key=lambda entry: int(entry[0].removeprefix("D"))):
        lines.append(heading)
        lines += textwrap.wrap(
            description,
            110,
            initial_indent="    ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)
