"""Profiles: the declarations of a vendor about a deployment.

A profile is a TOML file. It declares the freedoms that the deployment takes, the features that it does not offer, and
its known failures by requirement and scenario pattern, each with a reason and evidence. A known failure that does not
happen is stale, and fails the run. Profiles can extend a common one. Errors name the file and the line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from conformance.requirements import registry
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.moves import Strategy, Submit
from conformance.toml_lines import line_of, line_of_error
from conformance.transcript.transcript import TargetInfo

Workers = Literal["one", "several"]


class ProfileError(Exception):
    """A profile that cannot be used. The text states where and why."""


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Known failures with one reason: each of `requirements` fails in every scenario that a pattern matches.

    `scenario` is a pattern, or a list of them.
    `evidence` is a link, or a text that lets a reader repeat the failure. `flaky`: the failure does not happen every
    time, and is not stale when it does not.
    """

    requirements: tuple[str, ...]
    scenario: str | tuple[str, ...]
    reason: str
    evidence: str
    flaky: bool = False

    @property
    def patterns(self) -> tuple[str, ...]:
        """Return the patterns of scenarios."""
        return (self.scenario,) if isinstance(self.scenario, str) else self.scenario

    def covers(self, requirement_id: str, scenario_id: str) -> bool:
        """Return whether this entry declares the failure of this requirement in this scenario."""
        return requirement_id in self.requirements and registry.matches(scenario_id, self.patterns)


class Absent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A feature that the deployment does not offer. Requirements that need it are NOT-APPLICABLE.

    `requirement` or `requirements`: those that need it. Every requirement when omitted. `scenario`: a pattern of the
    scenarios that need it, or a list of them. `strategy`: the strategy that they need.
    """

    requirement: str = ""
    requirements: tuple[str, ...] = ()
    scenario: str | tuple[str, ...] = "*"
    strategy: Strategy | Literal[""] = ""
    reason: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return the requirements that are named, none where the entry is about every requirement."""
        return (self.requirement, *self.requirements) if self.requirement else self.requirements

    @property
    def patterns(self) -> tuple[str, ...]:
        """Return the patterns of scenarios."""
        return (self.scenario,) if isinstance(self.scenario, str) else self.scenario

    @property
    def feature(self) -> str:
        """Return what the deployment does not offer, as the entry names it. Empty where it names nothing."""
        patterns = [one for one in self.patterns if one != "*"]
        return ", ".join(self.names or ((self.strategy,) if self.strategy else patterns))

    def covers(self, requirement_id: str, scenario_id: str) -> bool:
        """Return whether this entry declares that the requirement does not apply in this scenario."""
        return (not self.names or requirement_id in self.names) and self.covers_scenario(scenario_id)

    def covers_scenario(self, scenario_id: str) -> bool:
        """Return whether the scenario needs what the deployment does not offer."""
        matches = registry.matches(scenario_id, self.patterns)
        return matches and (not self.strategy or scenario_id in using(self.strategy))


@cache
def using(strategy: str) -> frozenset[str]:
    """Return the ids of the scenarios in which a run is created with this strategy."""
    return frozenset(
        scenario.id
        for scenario in catalogue()
        if any(isinstance(move, Submit) and move.strategy == strategy for move in scenario.moves)
    )


class KnownFinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A finding of `doubletext explore` that is known. `finding` is its name in the report, or a pattern of names."""

    finding: str
    reason: str
    evidence: str


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The declarations for one deployment.

    `server` and `versions` (a range such as `>=0.16,<0.17`) name the server that the profile describes, as reported by
    `/info`. `workers` states whether it executes one run at a time or several. `extends` names a shipped profile, or a
    file in the same folder, whose declarations are included. The declarations of this profile take precedence.
    """

    name: str
    extends: str = ""
    server: str = ""
    versions: str = ""
    workers: Workers | None = None
    freedoms: dict[str, str] = {}
    absent: tuple[Absent, ...] = ()
    known: tuple[Known, ...] = ()
    exploration: dict[str, bool | float] = {}
    """The freedoms of the model of a thread that the deployment does not take, see `conformance.histories.freedoms`."""
    findings: tuple[KnownFinding, ...] = ()

    def freedom(self, requirement_id: str) -> str | None:
        """Return the freedom declared for a PROFILE requirement."""
        return self.freedoms.get(requirement_id)

    def absence(self, requirement_id: str, scenario_id: str) -> str | None:
        """Return why a requirement does not apply in a scenario, or None when it does."""
        return next((entry.reason for entry in self.absent if entry.covers(requirement_id, scenario_id)), None)

    def known_failure(self, requirement_id: str, scenario_id: str) -> str | None:
        """Return the reason of the entry that declares this failure, or None when it is undeclared."""
        return next((entry.reason for entry in self.known if entry.covers(requirement_id, scenario_id)), None)

    def known_finding(self, name: str) -> str | None:
        """Return the reason of the entry that declares a finding of an exploration, or None when it is undeclared.

        A finding that has the name of a requirement is declared by each entry for this requirement, whatever its
        scenarios are: a random history has none of them.
        """
        declared = next((entry.reason for entry in self.findings if fnmatchcase(name, entry.finding)), None)
        return declared or next((entry.reason for entry in self.known if name in entry.requirements), None)


NOTHING_DECLARED = Profile(name="none")


def load(name_or_path: str) -> Profile:
    """Return a shipped profile by its name, or one from a file. Raise ProfileError."""
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.exists():
        return _from_file(path, ())
    if name_or_path not in shipped():
        raise ProfileError(_no_profile(name_or_path))
    return _shipped(name_or_path)


@cache
def shipped() -> tuple[str, ...]:
    """Return the names of the profiles that come with the suite.

    Cached, because every verdict of a run looks up the profiles that fit, and reading the folder takes longer than the
    judging.
    """
    folder = files("conformance").joinpath("profiles")
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def parse(text: str, where: str, folder: Path = Path(), extended_by: tuple[str, ...] = ()) -> Profile:
    """Return a profile from its text. Raise ProfileError, whose text begins with `where` and the line.

    `folder` is searched for a file that the profile extends. `extended_by`: the files that extend this one.
    """
    try:
        profile = msgspec.convert(tomllib.loads(text), Profile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ProfileError(f"{where}:{line_of_error(text, str(error))}: {error}") from error
    # Only the first one is reported, as tomllib and msgspec do: every profile error is one line.
    for line, problem in _problems(profile, text):
        raise ProfileError(f"{where}:{line}: {problem}")
    if not profile.extends:
        return profile
    try:
        return _extended(profile, _base(profile.extends, folder, extended_by))
    except ProfileError as error:
        raise ProfileError(f"{where}:{line_of(text, key='extends')}: extends: {error}") from error


# -- the deployment of a profile ---------------------------------------------------------------------------------------


def misfit(profile: Profile, target: TargetInfo) -> str | None:
    """Return why the profile does not fit this deployment, or None when it fits or names no server."""
    seen = " ".join(part for part in (target.server, target.version) if part) or "a server that reports no name"
    if profile.server and target.server != profile.server:
        return f"profile {profile.name} is for {profile.server}, and this is {seen}"
    if profile.versions and _in_range(profile.versions, target.version) is not True:
        return f"profile {profile.name} is for versions {profile.versions}, and this is {seen}"
    return None


def proposals(target: TargetInfo) -> list[Profile]:
    """Return the shipped profiles for the server and version that `/info` reported."""
    if not target.server:
        return []
    mine = [_shipped(name) for name in shipped() if _server(name) == target.server]
    return [profile for profile in mine if misfit(profile, target) is None]


def _in_range(versions: str, version: str | None) -> bool | None:
    """Return whether a version is in the range, or None for a version that cannot be compared."""
    try:
        # Development versions of a server are in the range, too: vendors test them before a release.
        return SpecifierSet(versions).contains(Version(version or ""), prereleases=True)
    except InvalidVersion:
        return None


# -- reading -------------------------------------------------------------------------------------------------------


@cache
def _shipped(name: str) -> Profile:
    """Return a shipped profile. Cached for the same reason as their names."""
    return parse(_text(name), f"profile {name}")


@cache
def _server(name: str) -> str:
    """Return the server that a shipped profile is for, without reading all of the profile, which takes longer."""
    head = tomllib.loads(_text(name).partition("\n[")[0])
    if "server" not in head and "extends" in head:
        return _server(head["extends"])
    found: str = head.get("server", "")
    return found


def _text(name: str) -> str:
    return files("conformance").joinpath("profiles", f"{name}.toml").read_text("utf-8")


def _no_profile(name: str) -> str:
    near = get_close_matches(name, shipped(), 1)
    return f"no profile `{name}`: it is neither a file nor one of {', '.join(shipped())}" + (
        f". Did you mean `{near[0]}`?" if near else ""
    )


def _from_file(path: Path, extended_by: tuple[str, ...]) -> Profile:
    here = str(path.resolve())
    # Profiles that extend each other would be read without end.
    if here in extended_by:
        raise ProfileError(f"{path} extends itself")
    return parse(_read(path), str(path), path.parent, (*extended_by, here))


def _base(extends: str, folder: Path, extended_by: tuple[str, ...]) -> Profile:
    """Return the extended profile. A file takes precedence over a shipped profile. Raise ProfileError."""
    path = folder / extends
    if path.suffix == ".toml" or path.is_file():
        return _from_file(path, extended_by)
    if extends not in shipped():
        raise ProfileError(_no_profile(extends))
    return _shipped(extends)


def _extended(profile: Profile, base: Profile) -> Profile:
    """Return a profile that includes the declarations of its base."""
    # A look-up returns the first entry that matches, so the profile's own entries come first.
    return msgspec.structs.replace(
        profile,
        server=profile.server or base.server,
        versions=profile.versions or base.versions,
        workers=profile.workers or base.workers,
        freedoms={**base.freedoms, **profile.freedoms},
        absent=(*profile.absent, *base.absent),
        known=(*profile.known, *base.known),
        exploration={**base.exploration, **profile.exploration},
        findings=(*profile.findings, *base.findings),
    )


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: cannot be read: {error}") from error


def _problems(profile: Profile, text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every problem of a well-formed profile."""
    try:
        SpecifierSet(profile.versions)
    except InvalidSpecifier:
        yield line_of(text, key="versions"), f"`{profile.versions}` is not a range of versions such as `>=0.16,<0.17`"
    # All of these are errors and not warnings: a declaration with a typing error would silently declare nothing.
    for name in profile.freedoms:
        if problem := _unknown(name):
            yield line_of(text, "freedoms", key=name), problem
        elif registry.load().get(name).level != "PROFILE":
            yield (
                line_of(text, "freedoms", key=name),
                f"{name} is not a freedom. Declare a failure of it under [[known]]",
            )
    for index, absent in enumerate(profile.absent):
        for key, problem in _problems_of_absence(absent):
            yield line_of(text, "absent", index, key), problem
    for index, known in enumerate(profile.known):
        for key, problem in _problems_of(known):
            yield line_of(text, "known", index, key), problem
    for index, finding in enumerate(profile.findings):
        for key in ("finding", "reason", "evidence"):
            if not getattr(finding, key).strip():
                yield line_of(text, "findings", index, key), f"a known finding needs a text as `{key}`"


def _problems_of_absence(absent: Absent) -> Iterator[tuple[str, str]]:
    """Yield the key and the text of every problem of a declaration of an absence."""
    for name in absent.names:
        if problem := _unknown(name):
            yield "requirement" if name == absent.requirement else "requirements", problem
    if not absent.feature:
        yield "reason", "an absence needs a `requirement`, a `strategy`, or a pattern as `scenario`"
    for pattern in absent.patterns:
        if not any(fnmatchcase(one.id, pattern) and absent.covers_scenario(one.id) for one in catalogue()):
            yield "scenario", f"`{pattern}` matches no scenario"
    if not absent.reason.strip():
        yield "reason", f"the absence of {absent.feature} needs a reason"


def _problems_of(known: Known) -> Iterator[tuple[str, str]]:
    """Yield the key and the text of every problem of a declaration of known failures."""
    named = ", ".join(known.requirements)
    patterns = known.patterns
    if not known.requirements:
        yield "requirements", "a known failure needs at least one requirement"
    for name in known.requirements:
        if problem := _unknown(name):
            yield "requirements", problem
        elif (requirement := registry.load().get(name)).level == "PROFILE":
            yield (
                "requirements",
                f"{name} is a documented freedom and cannot be a known failure. Declare the choice under [freedoms], "
                "or under [[absent]] that the feature does not exist",
            )
        elif not any(registry.matches(one.id, patterns) and requirement.applies_to(one.id) for one in catalogue()):
            shown = "`, `".join(known.patterns)
            yield "scenario", f"`{shown}` matches no scenario in which {name} is judged"
    applicable = [registry.load().get(name) for name in known.requirements if not _unknown(name)]
    for pattern in known.patterns if len(known.patterns) > 1 else ():
        if not any(
            one.applies_to(scenario.id) and fnmatchcase(scenario.id, pattern)
            for one in applicable
            for scenario in catalogue()
        ):
            yield "scenario", f"`{pattern}` matches no scenario in which one of {named} is judged"
    for key, needed in (("reason", "a reason"), ("evidence", "evidence")):
        if not getattr(known, key).strip():
            yield key, f"the known failure of {named} needs {needed} that is not empty"


def _unknown(requirement_id: str) -> str | None:
    """Return the problem of an unknown id, with the most similar known one, or None for a known id."""
    ids = [requirement.id for requirement in registry.load().requirements]
    if requirement_id in ids:
        return None
    near = get_close_matches(requirement_id, ids, 1)
    if area := [one for one in ids if one.split("-")[0] == requirement_id]:
        return (
            f"`{requirement_id}` is an area of {len(area)} requirements. Name them, from {area[0]} to {area[-1]}, or "
            "the scenarios in which they are judged"
        )
    return f"no requirement `{requirement_id}`" + (f". Did you mean {near[0]}?" if near else "")
