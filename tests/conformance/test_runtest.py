"""A test of the suite is run without pytest's steps only where this changes nothing for its user."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.deployments import PLAINEST, creates_with_201, deployment
from tests.conformance.runs import Run, run_suite

BOTH = f"{PLAINEST}::INT-02 or {PLAINEST}::RUN-02"
TWO = ("-k", BOTH, "-v")

PLUGIN = {
    "a fixture": """
import pytest

@pytest.fixture(autouse=True)
def noticed(request):
    print("NOTICED", request.node.name)
""",
    "a hook": """
def pytest_runtest_setup(item):
    print("NOTICED", item.name)
""",
    "a plugin": """
import sys, types, pytest

class Plugin:
    def pytest_runtest_call(self, item):
        print("NOTICED", item.name)

def pytest_configure(config):
    config.pluginmanager.register(Plugin())
""",
}


async def run_with(plugin: str, folder: Path, *arguments: str) -> Run:
    """Run both tests of the suite with a plugin that the user wrote."""
    (folder / "mine.py").write_text(plugin)
    return await run_suite("-p", "mine", *TWO, *arguments, env={"PYTHONPATH": str(folder)})


@pytest.mark.parametrize("what", PLUGIN)
async def test_what_the_user_wrote_for_every_test_is_run(what: str, tmp_path: Path) -> None:
    run = await run_with(PLUGIN[what], tmp_path, "-s")
    assert run.code == 0, run.output
    assert "2 passed" in run.last_line
    assert run.output.count("NOTICED test_interrupt[") == 2


async def test_a_marker_of_the_user_skips(tmp_path: Path) -> None:
    plugin = """
import pytest

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items[0].add_marker(pytest.mark.skip(reason="known"))
    items[1].add_marker(pytest.mark.xfail(reason="known", strict=True))
"""
    run = await run_with(plugin, tmp_path)
    assert run.code == 1, run.output
    assert "1 failed, 1 skipped" in run.last_line
    assert "[XPASS(strict)]" in run.output


async def test_the_steps_are_shown_on_request() -> None:
    run = await run_suite(*TWO, "--setup-show")
    assert run.output.count("SETUP    F judge") == 2


async def test_the_durations_of_the_steps_are_shown_on_request() -> None:
    run = await run_suite(*TWO, "-v", "--durations=0")
    for step in ("setup", "call", "teardown"):
        assert run.output.count(f"s {step} ") == 2, run.output


async def test_green_and_red_and_the_tests_of_others_in_one_run(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_mine(tmp_path): assert tmp_path.is_dir()\n")
    junit = tmp_path / "junit.xml"
    async with deployment(creates_with_201) as there:
        run = await run_suite(
            *("--deployment-url", there.url, *TWO[2:], f"--junitxml={junit}"),
            *("-k", f"test_mine or {BOTH}"),
            suite=(str(tmp_path), "--pyargs", "conformance", str(tmp_path / "test_mine.py")),
        )
    assert run.code == 1, run.output
    assert "1 failed, 2 passed" in run.last_line
    assert junit.read_text().count("<testcase ") == 3


async def test_every_test_is_reported_once(tmp_path: Path) -> None:
    plugin = """
def pytest_runtest_logstart(nodeid): print("START", nodeid)
def pytest_runtest_logreport(report): print("REPORT", report.when, report.nodeid)
def pytest_runtest_logfinish(nodeid): print("FINISH", nodeid)
"""
    async with deployment(creates_with_201) as there:
        run = await run_with(plugin, tmp_path, "--deployment-url", there.url, "-s")
    assert "1 failed, 1 passed" in run.last_line
    for said in ("START", "REPORT setup", "REPORT call", "REPORT teardown", "FINISH"):
        assert run.output.count(f"{said} ") == 2, (said, run.output)


async def test_a_test_has_the_place_that_pytest_finds_for_it(tmp_path: Path) -> None:
    plugin = """
def pytest_sessionfinish(session):
    for item in session.items:
        path, line, name = item.reportinfo()
        assert item.location == (item.location[0], line, name), item.location
        assert path == session.config.rootpath / item.location[0]
        print("PLACE", *item.location)
"""
    run = await run_with(plugin, tmp_path, "-s")
    assert run.code == 0, run.output
    places = {line.partition(" test_interrupt[")[0] for line in run.output.splitlines() if line.startswith("PLACE ")}
    assert run.output.count("PLACE ") == 2
    assert len(places) == 1


async def test_a_red_verdict_behind_green_ones_of_another_module_is_no_error() -> None:
    # The red tests are those of RUN-02. Between two of them a green one ends the module of the first.
    async with deployment(creates_with_201) as there:
        run = await run_suite(
            *("--deployment-url", there.url, "--conformance-tier=smoke", "-k", "RUN-02 or RUN-01 or THR-01", "-v"),
            suite=("--pyargs", "conformance"),
        )
    modules = {line.split("::")[0] for line in run.output.splitlines() if line.startswith("FAILED ")}
    assert len(modules) > 2, run.output
    assert " error" not in run.last_line
    assert "previous item" not in run.output
