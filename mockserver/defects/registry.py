"""The registry of all defects by name, and of the candidates that were not built."""

from __future__ import annotations

import importlib
import json
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
from mockserver.words import quoted

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
    "stream_content",
    "texts",
    "failures",
    "deletions",
    "threads",
    "headers",
    "webhooks",
    "crons",
    "lists",
    "chain",
    "waiting",
    "given",
    "fields",
    "forms",
)
"""The modules that define defects, in the order of the page."""

STATED: Final = ("id", "rule", "seen", "client")
"""The class attributes that every listed defect defines itself and does not inherit."""


class UnknownDefectError(Exception):
    """A name that no defect has. The text suggests the nearest one."""


class Candidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A candidate for a defect that was not built, with the reason."""

    id: str
    name: str
    seen: tuple[str, ...]
    left_out: str


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    candidate: tuple[Candidate, ...]


@cache
def not_built() -> tuple[Candidate, ...]:
    """Return the candidates that were not built, in the order of the list."""
    text = files("mockserver.defects").joinpath("not_built.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Table).candidate


@cache
def defects() -> Mapping[str, type[Defect]]:
    """Return every defect that can be switched on, by name."""
    # Imported here: a deployment without defects starts faster if it loads none of them.
    found: dict[str, type[Defect]] = {}
    for name in MODULES:
        found |= defects_in(importlib.import_module(f"mockserver.defects.{name}"))
    return found


def defects_in(module: ModuleType) -> dict[str, type[Defect]]:
    """Return the defects that a module defines, by name. Raises `TypeError` if one lacks an attribute."""
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Defect)]
    # Modules import `Defect` and helpers of each other. A leading underscore marks a base class of several defects.
    own = [kind for kind in kinds if kind.__module__ == module.__name__ and not kind.__name__.startswith("_")]
    for kind in own:
        # `hasattr` would accept the `id` of another defect that this one is derived from.
        missing = [f"`{name}`" for name in STATED if name not in vars(kind)]
        if missing:
            raise TypeError(
                f"the defect {kind.__module__}.{kind.__name__} lacks {', '.join(missing)}; add it as a class "
                "attribute, as the docstrings of `Defect` describe"
            )
    return {kind.name(): kind for kind in own}


@cache
def _renamed() -> Mapping[str, type[Defect]]:
    """Return the defects that were renamed, by their names in earlier releases."""
    return {former: kind for kind in defects().values() for former in kind.former_names}


def named(name: str) -> type[Defect]:
    """Return the defect with this present or earlier name. Raises `UnknownDefectError`."""
    known = defects()
    found = (known.get(name) or _renamed().get(name)) if isinstance(name, str) else None
    if found is not None:
        return found
    if not isinstance(name, str):
        raise UnknownDefectError(f"{quoted(name)} is not a defect. Give a name or a Defect. Several need a call each")
    if "," in name:
        raise UnknownDefectError(f"{quoted(name)} is more than one name. Write a list, or switch each on with a call")
    if (count := name.rpartition(":"))[2].isdigit():
        text = f"there is no defect {quoted(name)}. In a call, the number is an argument"
        raise UnknownDefectError(f"{text}: defect_on({json.dumps(count[0])}, times={count[2]})")
    by_id = {kind.id: known_name for known_name, kind in known.items()}
    if name.upper() in by_id:
        raise UnknownDefectError(f"{quoted(name)} is the id of a defect. Write its name, `{by_id[name.upper()]}`")
    # Without a cutoff there is always a nearest name, and a guess that is far off does no harm.
    first, *others = get_close_matches(name.lower().replace("-", "_").replace(" ", "_"), known, n=4, cutoff=0)
    raise UnknownDefectError(
        f"there is no defect {quoted(name)}; the nearest is `{first}`, then {', '.join(others)}. "
        f"`doubletext mock defects` lists all {len(known)}"
    )


def listing() -> str:
    """Return every candidate in a few lines for a terminal, in the order of the ids."""
    entries = [(one.id, f"{one.name}  ({one.id})", f"left out: {one.left_out}") for one in not_built()]
    for name, kind in defects().items():
        formerly = f", formerly {' and '.join(kind.former_names)}" if kind.former_names else ""
        seen = f"Seen: {' '.join(kind.seen)}" if kind.seen else "Not seen on a server: it proves that a check works."
        description = f"{kind.summary()} {seen}"
        entries.append((kind.id, f"{name}  ({kind.id}{formerly})", description))
    # As numbers, because there are more than 99: D100 comes after D99.
    lines = []
    for _, heading, description in sorted(entries, key=lambda entry: int(entry[0].removeprefix("D"))):
        lines.append(heading)
        lines += textwrap.wrap(
            description,
            110,
            initial_indent="    ",
            subsequent_indent="    ",
            # A link that is broken over two lines cannot be opened from a terminal.
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)
