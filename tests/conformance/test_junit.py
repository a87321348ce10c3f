"""JUnit files, as CI systems read them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from conformance.report import junit
from tests.conformance.deployments import PLAINEST, creates_with_201, deployment, lists_runs_backwards
from tests.conformance.runs import run_suite

PROFILE = """
name = "a server of ours"
[[absent]]
requirement = "INT-02"
reason = "no interrupt here"
[[known]]
requirements = ["RUN-02"]
scenario = "interrupt/during-tools/create/unwatched"
reason = "creates with 201"
evidence = "https://example.org/issues/1"
"""
TWO = ("-k", f"{PLAINEST}::RUN-02 or {PLAINEST}::INT-02 or {PLAINEST}/second-turn::RUN")


def read(path: Path) -> dict[tuple[str, str], ET.Element]:
    """Return every case by requirement and scenario."""
    found = {}
    for case in ET.fromstring(path.read_text("utf-8")).iter("testcase"):
        properties = {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}
        assert case.attrib["name"] == f"{properties['requirement']}[{properties['scenario']}]"
        found[properties["requirement"], properties["scenario"].removeprefix(PLAINEST)] = case
    return found


@pytest.mark.parametrize("how", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)], ids=["alone", "distributed"])
async def test_a_case_is_named_by_requirement_and_scenario_and_classed_by_deployment_and_area(
    tmp_path: Path, how: tuple[str, ...]
) -> None:
    profile, file = tmp_path / "ours.toml", tmp_path / "junit.xml"
    profile.write_text(PROFILE)
    async with deployment(creates_with_201) as there:
        run = await run_suite(
            f"--deployment-url=ours={there.url}", f"--deployment-profile={profile}", f"--junitxml={file}", *TWO, *how
        )
    assert run.code == 1, run.output
    cases = read(file)
    # One requirement has a case in each scenario that shows it.
    assert {("RUN-02", ""), ("RUN-02", "/second-turn")} < cases.keys()
    assert len(cases) > 8
    assert {case.attrib["classname"] for case in cases.values()} == {"ours.runs", "ours.interrupt"}
    # GitLab takes class and name for the identity of a case, and shows only one of several.
    assert len({(case.attrib["classname"], case.attrib["name"]) for case in cases.values()}) == len(cases)
    failure = cases["RUN-02", "/second-turn"].find("failure")
    assert failure is not None
    assert failure.attrib["message"].startswith(
        "FAIL: expected 200 for the create of run E, and 200 for the create of run"
    )
    assert "RUN-02 (MUST): Creating a background run returns 200" in (failure.text or "")
    for key, kind, reason in (
        (("RUN-02", ""), "pytest.xfail", "known: creates with 201"),
        (("INT-02", ""), "pytest.skip", "declared absent: no interrupt here"),
    ):
        skipped = cases[key].find("skipped")
        assert skipped is not None
        assert (skipped.attrib["type"], skipped.attrib["message"]) == (kind, reason)
    assert [key for key, case in cases.items() if len(case.findall("*")) == 1] == [
        key for key in cases if key[0].startswith("RUN") and key[0] != "RUN-02"
    ]


async def test_a_warning_is_reported_in_a_property(tmp_path: Path) -> None:
    async with deployment(lists_runs_backwards) as there:
        run = await run_suite(
            f"--deployment-url={there.url}", f"--junitxml={tmp_path / 'junit.xml'}", "-k", "interrupt/ and RUN-10"
        )
    assert run.code == 0, run.output
    [case] = read(tmp_path / "junit.xml").values()
    properties = {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}
    assert (properties["verdict"], properties["level"]) == ("WARN", "SHOULD")
    assert properties["reason"].startswith("expected ")
    # A deployment without a name is named by its URL, as in the report.
    assert case.attrib["classname"] == f"{there.url.removeprefix('http://').replace(':', '-')}.runs"


def test_other_peoples_cases_stay_as_they_are(tmp_path: Path) -> None:
    text = "<testsuites><testsuite><testcase classname='mine' name='test_mine'/></testsuite></testsuites>"
    path = tmp_path / "junit.xml"
    path.write_text(text)
    junit.name_by_requirement(path)
    [case] = ET.fromstring(path.read_text()).iter("testcase")
    assert case.attrib == {"classname": "mine", "name": "test_mine"}
    # pytest writes no file if it ends early. That must not add an error to the first one.
    junit.name_by_requirement(tmp_path / "never-written.xml")
