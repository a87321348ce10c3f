"""Reasons why single edits of records that were not caught break no requirement.

`explained_edits.toml` has one entry for each edit that the page on the mutation of the judge samples, and some more,
because the sample moves by a few edits when a requirement is added.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable
from pathlib import Path

import msgspec

FILE = Path(__file__).with_name("explained_edits.toml")


class Explained(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reason of one edit. `overlooked` marks an edit that a better judge would catch."""

    scenario: str
    edit: str
    why: str
    overlooked: bool = False


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    explained: list[Explained]


def read() -> dict[tuple[str, str], Explained]:
    """Return the entries of the file by scenario and edit. Raise ValueError if two are of one edit."""
    entries = msgspec.convert(tomllib.loads(FILE.read_text("utf-8")), _Table).explained
    found = {(entry.scenario, entry.edit): entry for entry in entries}
    if len(found) != len(entries):
        raise ValueError(f"{FILE.name} has two entries of one edit")
    return found


def drawn(missed: Iterable[tuple[str, str]], number: int) -> list[tuple[str, str]]:
    """Draw `number` of the edits at random, but nearly the same ones when a few edits are added or caught."""
    # The order of the hashes is random. An edit keeps its hash whatever other edits there are.
    return sorted(sorted(set(missed), key=_rank)[:number])


def _rank(edit: tuple[str, str]) -> str:
    return hashlib.sha256("\n".join(edit).encode()).hexdigest()
