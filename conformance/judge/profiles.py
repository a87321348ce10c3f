"""Profiles: what a vendor declares about a deployment.

A profile is TOML: the freedoms it takes, what it does not offer, and its known failures by requirements and scenario
pattern, each with a reason and evidence. A known failure that does not happen is stale, and fails the run. What several
profiles have in common stands in one that they extend. What is wrong with a profile is said with file and line.
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
from conformance.toml_lines import line_of, line_of_error
from conformance.transcript.transcript import TargetInfo

Workers = Literal["one", "several"]


class ProfileError(Exception):
    """A profile cannot be used; the text says where and why."""


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Known failures with one reason: each of `requirements` fails in every scenario that the pattern matches.

    `evidence` is a link, or words that let a reader repeat it. `flaky`: it does not happen every time, so it is not
    stale when it does not.
    """

    requirements: tuple[str, ...]
    scenario: str
    reason: str
    evidence: str
    flaky: bool = False

    def covers(self, requirement_id: str, scenario_id: str) -> bool:
        """Whether this entry declares the failure of this requirement in this scenario."""
        return requirement_id in self.requirements and fnmatchcase(scenario_id, self.scenario)


class Absent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something that the deployment does not offer: what needs it is NOT-APPLICABLE.

    `requirement`: the one that needs it, all when left out. `scenario`: a pattern of the scenarios that need it.
    """

    requirement: str = ""
    scenario: str = "*"
    reason: str

    def covers(self, requirement_id: str, scenario_id: str) -> bool:
        """Whether this entry declares that the requirement does not apply in this scenario."""
        return self.requirement in ("", requirement_id) and fnmatchcase(scenario_id, self.scenario)


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one deployment declares; the empty profile declares nothing.

    `server` and `versions` (a range: `>=0.16,<0.17`) say for what it was written, as `/info` tells it, and `workers`
    whether for a deployment that executes one run at a time or several. `extends`: what another profile declares, one
    that is shipped or a file beside this one, is declared here, too; what is said here goes first.
    """

    name: str
    extends: str = ""
    server: str = ""
    versions: str = ""
    workers: Workers | None = None
    freedoms: dict[str, str] = {}
    absent: tuple[Absent, ...] = ()
    known: tuple[Known, ...] = ()

    def freedom(self, requirement_id: str) -> str | None:
        """The freedom declared for a PROFILE requirement."""
        return self.freedoms.get(requirement_id)

    def absence(self, requirement_id: str, scenario_id: str) -> str | None:
        """Why a requirement does not apply in a scenario, None when it does."""
        return next((entry.reason for entry in self.absent if entry.covers(requirement_id, scenario_id)), None)

    def known_failure(self, requirement_id: str, scenario_id: str) -> str | None:
        """The reason of the entry that declares this failure, None when it is undeclared."""
        return next((entry.reason for entry in self.known if entry.covers(requirement_id, scenario_id)), None)


NOTHING_DECLARED = Profile(name="none")


def load(name_or_path: str) -> Profile:
    """A shipped profile by name, or one from a file; raises ProfileError."""
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.exists():
        return _from_file(path, ())
    if name_or_path not in shipped():
        raise ProfileError(_no_profile(name_or_path))
    return _shipped(name_or_path)


def shipped() -> list[str]:
    """The names of the profiles that come with the suite."""
    folder = files("conformance").joinpath("profiles")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def parse(text: str, where: str, beside: Path = Path(), on_the_way: tuple[str, ...] = ()) -> Profile:
    """A profile from its text; raises ProfileError, which begins with `where` and the line.

    A file that it extends is looked for in the folder `beside`. `on_the_way`: the files that extend this one.
    """
    try:
        profile = msgspec.convert(tomllib.loads(text), Profile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ProfileError(f"{where}:{line_of_error(text, str(error))}: {error}") from error
    for line, problem in _problems(profile, text):
        raise ProfileError(f"{where}:{line}: {problem}")
    if not profile.extends:
        return profile
    try:
        return _extended(profile, _base(profile.extends, beside, on_the_way))
    except ProfileError as error:
        raise ProfileError(f"{where}:{line_of(text, key='extends')}: extends: {error}") from error


# -- what a profile is for ---------------------------------------------------------------------------------------


def misfit(profile: Profile, target: TargetInfo) -> str | None:
    """Why the profile was not written for this deployment, None where it was or does not tell."""
    seen = " ".join(part for part in (target.server, target.version) if part) or "a server that does not tell its name"
    if profile.server and target.server != profile.server:
        return f"profile {profile.name} is for {profile.server}, and this is {seen}"
    if profile.versions and _in_range(profile.versions, target.version) is not True:
        return f"profile {profile.name} is for versions {profile.versions}, and this is {seen}"
    return None


def proposals(target: TargetInfo) -> list[Profile]:
    """The shipped profiles that were written for what `/info` told."""
    if not target.server:
        return []
    mine = [profile for profile in map(load, shipped()) if profile.server == target.server]
    return [profile for profile in mine if misfit(profile, target) is None]


def _in_range(versions: str, version: str | None) -> bool | None:
    """Whether a version lies in the range; None for one that cannot be compared."""
    try:
        return SpecifierSet(versions).contains(Version(version or ""), prereleases=True)
    except InvalidVersion:
        return None


# -- reading -------------------------------------------------------------------------------------------------------


@cache
def _shipped(name: str) -> Profile:
    """Read once: every verdict of a run asks which profile fits."""
    text = files("conformance").joinpath("profiles", f"{name}.toml").read_text("utf-8")
    return parse(text, f"profile {name}")


def _no_profile(name: str) -> str:
    near = get_close_matches(name, shipped(), 1)
    return f"no profile `{name}`: it is neither a file nor one of {', '.join(shipped())}" + (
        f"; is `{near[0]}` meant?" if near else ""
    )


def _from_file(path: Path, on_the_way: tuple[str, ...]) -> Profile:
    here = str(path.resolve())
    if here in on_the_way:
        raise ProfileError(f"{path} extends itself")
    return parse(_read(path), str(path), path.parent, (*on_the_way, here))


def _base(extends: str, beside: Path, on_the_way: tuple[str, ...]) -> Profile:
    """The profile that is extended; raises ProfileError. Of the same name, a file goes before one that is shipped."""
    path = beside / extends
    if path.suffix == ".toml" or path.is_file():
        return _from_file(path, on_the_way)
    if extends not in shipped():
        raise ProfileError(_no_profile(extends))
    return _shipped(extends)


def _extended(profile: Profile, base: Profile) -> Profile:
    """A profile with what it extends."""
    return msgspec.structs.replace(
        profile,
        server=profile.server or base.server,
        versions=profile.versions or base.versions,
        workers=profile.workers or base.workers,
        freedoms={**base.freedoms, **profile.freedoms},
        absent=(*profile.absent, *base.absent),
        known=(*profile.known, *base.known),
    )


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: cannot be read: {error}") from error


def _problems(profile: Profile, text: str) -> Iterator[tuple[int, str]]:
    """What is wrong with a profile that is well-formed: line and problem."""
    try:
        SpecifierSet(profile.versions)
    except InvalidSpecifier:
        yield line_of(text, key="versions"), f"`{profile.versions}` is no range of versions, like >=0.16,<0.17"
    for name in profile.freedoms:
        if problem := _unknown(name):
            yield line_of(text, "freedoms", key=name), problem
        elif registry.load().get(name).level != "PROFILE":
            yield line_of(text, "freedoms", key=name), f"{name} is no freedom: it has to hold, or be declared as known"
    for index, absent in enumerate(profile.absent):
        what = absent.requirement or absent.scenario
        if absent.requirement and (problem := _unknown(absent.requirement)):
            yield line_of(text, "absent", index, "requirement"), problem
        elif what == "*":
            yield line_of(text, "absent", index, "reason"), "an absence names a requirement, or a pattern of scenarios"
        elif not any(absent.covers(absent.requirement, scenario.id) for scenario in catalogue()):
            yield line_of(text, "absent", index, "scenario"), f"no scenario matches `{absent.scenario}`"
        if not absent.reason.strip():
            yield line_of(text, "absent", index, "reason"), f"the absence of {what} needs a reason"
    for index, known in enumerate(profile.known):
        for key, problem in _problems_of(known):
            yield line_of(text, "known", index, key), problem


def _problems_of(known: Known) -> Iterator[tuple[str, str]]:
    """What is wrong with the declaration of known failures: key and problem."""
    named = ", ".join(known.requirements)
    if not known.requirements:
        yield "requirements", "a known failure names at least one requirement"
    for name in known.requirements:
        if problem := _unknown(name):
            yield "requirements", problem
        elif registry.load().get(name).level == "PROFILE":
            yield (
                "requirements",
                f"{name} is a documented freedom, which cannot be a known failure: declare under [freedoms] which one "
                "is taken, or under [[absent]] that there is nothing to judge",
            )
        elif not any(
            known.covers(name, scenario.id) and registry.load().get(name).applies_to(scenario.id)
            for scenario in catalogue()
        ):
            yield "scenario", f"no scenario in which {name} is judged matches `{known.scenario}`"
    for key, needed in (("reason", "a reason"), ("evidence", "evidence")):
        if not getattr(known, key).strip():
            yield key, f"the known failure of {named} needs {needed} that says something"


def _unknown(requirement_id: str) -> str | None:
    """That there is no such requirement, with the nearest that there is, or None."""
    ids = [requirement.id for requirement in registry.load().requirements]
    if requirement_id in ids:
        return None
    near = get_close_matches(requirement_id, ids, 1)
    return f"no requirement `{requirement_id}`" + (f"; is {near[0]} meant?" if near else "")
