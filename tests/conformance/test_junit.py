"""JUnit files, as CI systems read them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import junitparser
import pytest
import xmlschema

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


# Of the plugin "xUnit" of Jenkins (MIT): src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd in
# https://github.com/jenkinsci/xunit-plugin.
SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("junit-10.xsd"))


def read(path: Path) -> dict[tuple[str, str], ET.Element]:
    """Return every case by requirement and scenario."""
    found = {}
    for case in ET.fromstring(path.read_text("utf-8")).iter("testcase"):
        properties = {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}
        assert case.attrib["name"] == f"{properties['requirement']}[{properties['scenario']}]"
        found[properties["requirement"], properties["scenario"].removeprefix(PLAINEST)] = case
    return found


def obey_the_rules(file: Path) -> None:
    """Require what CI systems document about JUnit files, and that junitparser reads the file as written.

    GitLab: https://docs.gitlab.com/ci/testing/unit_test_reports/. A case is the same one by its class and name, and a
    file has at most 30 MB. Jenkins: https://plugins.jenkins.io/junit/. A class is split at its last point into package
    and class, and a case has one outcome. GitHub shows no JUnit file itself. The actions that do add up the counts of
    the suites, and one of them reads the file with junitparser.

    The file is valid against the schema of the plugin "xUnit" of Jenkins, except for the properties of a case. pytest
    writes them, and the plugin "JUnit" of Jenkins accepts them, but the schema knows only those of a suite.
    """
    assert file.stat().st_size < 30_000_000
    root = ET.fromstring(file.read_bytes())
    assert root.tag == "testsuites"
    seen = set()
    for suite in root:
        cases = suite.findall("testcase")
        counted = {tag: len(suite.findall(f"testcase/{tag}")) for tag in ("failure", "error", "skipped")}
        given = (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"], suite.attrib["skipped"])
        assert given == (str(len(cases)), *map(str, counted.values()))
        for case in cases:
            package, point, name = case.attrib["classname"].rpartition(".")
            assert all((package, point, name, case.attrib["name"]))
            assert float(case.attrib["time"]) >= 0
            assert sum(case.find(tag) is not None for tag in counted) <= 1
            assert all(outcome.attrib["message"] for tag in counted for outcome in case.iter(tag))
            seen.add((case.attrib["classname"], case.attrib["name"]))
        assert len(seen) == len(cases)
    for case in root.iter("testcase"):
        for properties in case.findall("properties"):
            case.remove(properties)
    SCHEMA.validate(root)
    read_back = junitparser.JUnitXml.fromfile(str(file))
    assert {(case.classname, case.name) for suite in read_back for case in suite} == seen
    assert sum(case.is_failure or case.is_error for suite in read_back for case in suite) == sum(
        len(root.findall(f".//{tag}")) for tag in ("failure", "error")
    )


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
    obey_the_rules(file)
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
        "FAIL: expected (1) HTTP 200 for the create of run E, (2) HTTP 200 for the create of run"
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


@pytest.mark.slow
async def test_what_failed_is_selected_again(tmp_path: Path) -> None:
    """`--lf` plays only what failed, and `--ff` begins with it."""
    async with deployment(creates_with_201) as there:
        arguments = (f"--deployment-url={there.url}", "-v", "-k", f"{PLAINEST}::RUN or {PLAINEST}/second-turn::RUN-01")
        first = await run_suite(*arguments, cache=tmp_path)
        last = await run_suite(*arguments, "--lf", cache=tmp_path)
        order = await run_suite(*arguments, "--ff", cache=tmp_path)
    assert "1 failed" in first.last_line
    assert f"{PLAINEST}::RUN-02] FAILED" in last.output
    assert "1 failed, " in last.last_line
    assert "passed" not in last.last_line
    judged = [line for line in order.output.splitlines() if "::RUN-" in line and ("PASSED" in line or "FAILED" in line)]
    assert f"{PLAINEST}::RUN-02]" in judged[0]
    assert len(judged) > 5


def test_other_peoples_cases_stay_as_they_are(tmp_path: Path) -> None:
    text = "<testsuites><testsuite><testcase classname='mine' name='test_mine'/></testsuite></testsuites>"
    path = tmp_path / "junit.xml"
    path.write_text(text)
    junit.name_by_requirement(path)
    [case] = ET.fromstring(path.read_text()).iter("testcase")
    assert case.attrib == {"classname": "mine", "name": "test_mine"}
    # pytest writes no file if it ends early. That must not add an error to the first one.
    junit.name_by_requirement(tmp_path / "never-written.xml")
