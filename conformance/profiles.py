"""Profiles: what a vendor declares about a deployment.

A profile is TOML: the freedoms it takes, what it does not offer, and its known failures by requirements and scenario
pattern, each with a reason and evidence. A known failure that does not happen is stale, and fails the run.
"""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

import msgspec


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
    """Something that the deployment does not offer: the requirements that need it are NOT-APPLICABLE."""

    requirement: str
    reason: str


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one deployment declares; the empty profile declares nothing."""

    name: str
    versions: str = ""
    freedoms: dict[str, str] = {}
    absent: tuple[Absent, ...] = ()
    known: tuple[Known, ...] = ()

    def freedom(self, requirement_id: str) -> str | None:
        """The freedom declared for a PROFILE requirement."""
        return self.freedoms.get(requirement_id)

    def absence(self, requirement_id: str) -> str | None:
        """Why a requirement does not apply, None when it does."""
        return next((entry.reason for entry in self.absent if entry.requirement == requirement_id), None)

    def known_failure(self, requirement_id: str, scenario_id: str) -> str | None:
        """The reason of the entry that declares this failure, None when it is undeclared."""
        return next((entry.reason for entry in self.known if entry.covers(requirement_id, scenario_id)), None)


NOTHING_DECLARED = Profile(name="none")


def load(name_or_path: str) -> Profile:
    """A shipped profile by name, or one from a file; raises ProfileError."""
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.exists():
        return _parse(_read(path), str(path))
    shipped = files("conformance").joinpath("profiles")
    names = sorted(entry.name.removesuffix(".toml") for entry in shipped.iterdir() if entry.name.endswith(".toml"))
    if name_or_path not in names:
        raise ProfileError(
            f"no profile `{name_or_path}`: it is neither a file nor one of {', '.join(names) or 'none shipped'}"
        )
    return _parse(shipped.joinpath(f"{name_or_path}.toml").read_text(), f"profile {name_or_path}")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: cannot be read: {error}") from error


def _parse(text: str, where: str) -> Profile:
    try:
        profile = msgspec.convert(tomllib.loads(text), Profile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ProfileError(f"{where}: {error}") from error
    for entry in profile.known:
        if not entry.reason.strip() or not entry.evidence.strip():
            named = ", ".join(entry.requirements)
            raise ProfileError(f"{where}: the known failure of {named} needs a reason and evidence that say something")
    return profile
