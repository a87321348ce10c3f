"""The requirements as data, read from `requirements/`: `book.toml` and one file for each area."""

from __future__ import annotations

import re
import tomllib
from fnmatch import translate
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

from conformance.requirements.areas import AREAS
from conformance.transcript.transcript import ProbeUse

Level = Literal["MUST", "SHOULD", "PROFILE"]
LEVELS: tuple[Level, ...] = ("MUST", "SHOULD", "PROFILE")


Needs = Literal["any", "probe", "witness"]
"""The agent that a requirement needs.

`any`: any agent. `probe`: an agent that obeys the probe. `witness`: one that also reaches the witness.
"""


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule of the book.

    `sources` are URLs of pages and threads. Names from `[sources]` of `book.toml` have been resolved. `shown_by` and
    `not_by` are patterns of scenario ids. `documented` is the documented choice of a PROFILE requirement,
    and `also` are further choices with a source. `needs` is the agent that it needs.

    Random histories are judged by a requirement with `in_histories`, because its check states all that it needs.
    """

    id: str
    level: Level
    sentence: str
    sources: tuple[str, ...]
    shown_by: tuple[str, ...]
    not_by: tuple[str, ...] = ()
    argument: str = ""
    documented: str | None = None
    also: tuple[str, ...] = ()
    # The strictest need is the default: a requirement that omits it is judged of fewer agents, but never wrongly.
    needs: Needs = "witness"
    in_histories: bool = False

    @property
    def area(self) -> str:
        """The letters of the id, such as `INT`."""
        return self.id.partition("-")[0]

    def can_be_judged(self, probe: ProbeUse, *, steered: bool) -> bool:
        """Return whether the requirement can be judged with this agent.

        `steered`: the scenario needs a run that fails, pauses or resists its cancellation, which only the probe makes.
        """
        return probe != "none" or (self.needs == "any" and not steered)

    def applies_to(self, scenario_id: str) -> bool:
        """Return whether the requirement is judged in this scenario."""
        return matches(scenario_id, self.shown_by) and not matches(scenario_id, self.not_by)


def matches(scenario_id: str, patterns: tuple[str, ...]) -> bool:
    """Return whether one of some patterns fits the id of a scenario."""
    return bool(patterns) and compiled(patterns).match(scenario_id) is not None


@cache
def compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return one regular expression for all patterns, which `match` compares with the whole id of a scenario."""
    # `fnmatch` ignores case on some platforms, and a report has to be the same on all of them.
    return re.compile("|".join(map(translate, patterns)))


class LeftOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A candidate that is not in this revision, with the reason."""

    id: str
    reason: str


class _Book(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    revision: str
    sources: dict[str, str]


class _Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    requirement: tuple[Requirement, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def ids(self) -> list[str]:
        return [*(entry.id for entry in self.requirement), *(entry.id for entry in self.left_out)]


class Registry(msgspec.Struct, frozen=True):
    """One revision of the rule book."""

    revision: str
    requirements: tuple[Requirement, ...]
    left_out: tuple[LeftOut, ...]

    def get(self, requirement_id: str) -> Requirement:
        """Return one requirement. Raise KeyError for an unknown id."""
        for requirement in self.requirements:
            if requirement.id == requirement_id:
                return requirement
        raise KeyError(requirement_id)


@cache
def load() -> Registry:
    """Return the rule book of this version. Raise ValueError when its files contradict each other."""
    book = msgspec.convert(_read("book"), _Book)
    areas = {letters: msgspec.convert(_read(letters.lower()), _Area) for letters in AREAS}
    for letters, area in areas.items():
        if misplaced := [entry for entry in area.ids if not entry.startswith(f"{letters}-")]:
            raise ValueError(
                f"{letters.lower()}.toml: {', '.join(misplaced)} belongs in another file; "
                "move it to the file that is named after its letters"
            )
        # An id of a left-out candidate is taken, too: reports of older revisions may still name it.
        if repeated := sorted({entry for entry in area.ids if area.ids.count(entry) > 1}):
            raise ValueError(f"{letters.lower()}.toml: {', '.join(repeated)} is used twice; give one of them a new id")
    return Registry(
        revision=book.revision,
        requirements=tuple(
            msgspec.structs.replace(requirement, sources=_resolved(requirement, book.sources))
            for area in areas.values()
            for requirement in area.requirement
        ),
        left_out=tuple(entry for area in areas.values() for entry in area.left_out),
    )


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A known fault of servers: a defect of the mock, as the kill matrix found it.

    `means` states the fault. `breaks` are the ids of the requirements that it breaks, first the one that states what
    is wrong. The others follow from it. `elsewhere` is true for a fault of a server that is no defect of the mock.
    """

    means: str
    breaks: tuple[str, ...]
    elsewhere: bool = False


@cache
def faults() -> dict[str, Fault]:
    """Return the known faults by the names of the mock's defects."""
    return msgspec.convert(_read("faults"), dict[str, Fault])


@cache
def known_faults() -> dict[str, Fault]:
    """Return the faults by which causes are found: those of the mock's defects, and others that were seen."""
    seen = msgspec.convert(_read("faults_elsewhere"), dict[str, Fault])
    return faults() | {name: msgspec.structs.replace(fault, elsewhere=True) for name, fault in seen.items()}


@cache
def proofs() -> dict[str, list[str]]:
    """Return the mock's defects that change the verdict of each requirement, by its id."""
    found: dict[str, list[str]] = {}
    for name, fault in faults().items():
        for requirement in fault.breaks:
            found.setdefault(requirement, []).append(name)
    return found


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("conformance").joinpath("requirements", f"{name}.toml").read_text("utf-8"))


def _resolved(requirement: Requirement, sources: dict[str, str]) -> tuple[str, ...]:
    for source in requirement.sources:
        # A name with a typing error would otherwise be published as a source that leads nowhere.
        if source not in sources and not source.startswith("https://"):
            raise ValueError(
                f"{requirement.id}: source `{source}` is neither a URL nor in [sources] of book.toml; add it there"
            )
    return tuple(sources.get(source, source) for source in requirement.sources)
