"""The requirements as data, read from `requirements.toml`."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

Level = Literal["MUST", "SHOULD", "PROFILE"]

AREAS = {
    "RUN": "run lifecycle",
    "INT": "interrupt strategy",
    "PST": "partial state",
    "CHK": "checkpoints and history",
    "ENQ": "enqueue strategy",
    "REJ": "reject strategy",
    "RBK": "rollback strategy",
    "CAN": "cancel",
    "CON": "races",
    "STR": "streaming and join",
    "HIL": "human in the loop",
    "THR": "thread status",
}
"""What the letters of a requirement's id stand for."""


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule. `sources` are pages, threads, or names from the file's `[sources]`, already resolved here."""

    id: str
    level: Level
    sentence: str
    sources: tuple[str, ...]
    shown_by: tuple[str, ...]
    not_by: tuple[str, ...] = ()
    argument: str = ""
    documented: str | None = None

    @property
    def area(self) -> str:
        """The letters of the id: `INT`."""
        return self.id.partition("-")[0]

    def applies_to(self, scenario_id: str) -> bool:
        """Whether the scenario shows this requirement."""
        shown = any(fnmatchcase(scenario_id, pattern) for pattern in self.shown_by)
        return shown and not any(fnmatchcase(scenario_id, pattern) for pattern in self.not_by)


class LeftOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A candidate that is not in this revision, and why."""

    id: str
    reason: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    revision: str
    sources: dict[str, str]
    requirement: tuple[Requirement, ...]
    left_out: tuple[LeftOut, ...]


class Registry(msgspec.Struct, frozen=True):
    """One revision of the rule book."""

    revision: str
    requirements: tuple[Requirement, ...]
    left_out: tuple[LeftOut, ...]

    def get(self, requirement_id: str) -> Requirement:
        """One requirement; raises KeyError for an unknown id."""
        for requirement in self.requirements:
            if requirement.id == requirement_id:
                return requirement
        raise KeyError(requirement_id)


@cache
def load() -> Registry:
    """The rule book that this version of the suite judges by; raises ValueError when the file contradicts itself."""
    raw = files("conformance").joinpath("requirements.toml").read_bytes()
    book = msgspec.convert(tomllib.loads(raw.decode()), _File)
    ids = [*(entry.id for entry in book.requirement), *(entry.id for entry in book.left_out)]
    if len(ids) != len(set(ids)):
        raise ValueError(f"ids are used twice: {sorted(i for i in set(ids) if ids.count(i) > 1)}")
    for requirement in book.requirement:
        for source in requirement.sources:
            if source not in book.sources and not source.startswith("https://"):
                raise ValueError(f"{requirement.id}: source `{source}` is neither a URL nor in [sources]")
    return Registry(
        revision=book.revision,
        requirements=tuple(
            msgspec.structs.replace(
                requirement,
                sources=tuple(book.sources.get(source, source) for source in requirement.sources),
            )
            for requirement in book.requirement
        ),
        left_out=book.left_out,
    )
