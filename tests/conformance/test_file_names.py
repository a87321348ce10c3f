"""Names of files and folders that every system takes, whatever a user or a deployment is called."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.report.report import slug, transcript_path
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.scenario import Scenario
from conformance.session.options import _NAMED

RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10))}


def problem(name: str) -> str | None:
    """Return why Windows, or any other system, does not take a name."""
    if not name or name in (".", ".."):
        return "not a name"
    if re.search(r'[<>:"/\\|?*\x00-\x1f]', name) or name != name.strip() or name.endswith("."):
        return "a sign that is not allowed"
    return "the name of a device" if name.partition(".")[0].lower() in RESERVED else None


@pytest.mark.parametrize("scenario", catalogue(), ids=lambda one: one.id)
def test_a_transcript_has_a_name_that_every_system_takes(scenario: Scenario) -> None:
    path = PurePosixPath(transcript_path(getattr(scenario, "id")))  # noqa: B009 - mypy knows no scenario here
    assert [problem(part) for part in path.parts] == [None] * len(path.parts)
    assert len(str(path)) < 150


def test_no_two_scenarios_have_names_that_differ_in_case_only() -> None:
    paths = [transcript_path(scenario.id).lower() for scenario in catalogue()]
    assert len(set(paths)) == len(paths)


@given(url=st.text() | st.builds("http://{}/{}".format, st.text(), st.text()))
def test_a_folder_that_is_named_after_a_url(url: str) -> None:
    # The position of the deployment stands before it, so it is never the name of a device.
    assert problem(f"1-{slug(url)}") is None


@given(name=st.text("abcCON._-/\\: ", min_size=1))
def test_a_folder_that_is_named_by_the_user(name: str) -> None:
    found = _NAMED.fullmatch(f"{name}=http://host")
    if found is not None:
        assert problem(f"1-{found[1]}") is None
