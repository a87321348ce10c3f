"""The dependencies: every one has a reason, a range and a licence, and CI installs what the lock file names."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

CHECKOUT = Path(__file__).parents[1]
PAGE = CHECKOUT / "docs" / "explanation" / "dependencies.md"
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def requirements(lines: list[str]) -> list[Requirement]:
    found = [Requirement(line) for line in lines]
    return [one for one in found if one.name != "doubletext"]


RUNTIME = requirements(
    [
        *(*PROJECT["dependencies"], *EXTRAS["suite"], *EXTRAS["explore"]),
        *(*EXTRAS["langgraph"], *EXTRAS["respx"], *EXTRAS["snapshots"]),
    ]
)
ALL = [*RUNTIME, *requirements(EXTRAS["dev"])]


def locked() -> dict[str, Version]:
    lines = (CHECKOUT / "requirements.lock").read_text().splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.lstrip().startswith("#")]
    return {one.name.lower(): Version(next(iter(one.specifier)).version) for one in pinned}


@pytest.mark.parametrize("requirement", ALL, ids=lambda one: one.name)
def test_a_dependency_is_a_range_with_a_lower_bound_and_one_line_says_why(requirement: Requirement) -> None:
    assert {one.operator for one in requirement.specifier} <= {">=", "<"}
    assert any(one.operator == ">=" for one in requirement.specifier)
    text = (CHECKOUT / "pyproject.toml").read_text()
    lines = re.findall(rf'^  "{re.escape(requirement.name)}[\[><=].*$', text, re.MULTILINE)
    assert lines
    assert all(re.search(r'",\s+# \S', line) for line in lines), lines


@pytest.mark.parametrize("requirement", ALL, ids=lambda one: one.name)
def test_the_lock_file_is_within_the_ranges(requirement: Requirement) -> None:
    again = "run the command in the first lines of requirements.lock"
    pinned = locked().get(requirement.name.lower())
    assert pinned is not None, again
    assert pinned in requirement.specifier, again


def test_the_lock_file_names_no_host() -> None:
    assert "://" not in (CHECKOUT / "requirements.lock").read_text()


@pytest.mark.parametrize("requirement", RUNTIME, ids=lambda one: one.name)
def test_the_licence_of_what_is_installed_with_us_is_on_the_page(requirement: Requirement) -> None:
    [row] = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {requirement.name} |")]
    stated = row.split("|")[2].strip()
    about = metadata.metadata(requirement.name)
    classified = [text for text in about.get_all("Classifier", []) if text.startswith("License")]
    known = " ".join([*about.get_all("License-Expression", []), *about.get_all("License", []), *classified])
    assert stated.partition("-")[0].partition(" ")[0] in known, f"{requirement.name}: {known}"
