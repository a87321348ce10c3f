"""Runs that end early: what they leave, and how they are resumed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from conformance.report.load import read_transcript
from conformance.report.report import write_transcript
from conformance.session.resume import kept
from conformance.transcript.transcript import NetworkFault, Request, Transcript
from tests.conformance.deployments import PLAINEST, creates_with_201, deployment
from tests.conformance.runs import CHECKOUT, DEADLINE, run_suite, start_suite
from tests.conformance.test_junit import obey_the_rules
from tests.conformance.twins.edits import TOOLS

TWO = ("-k", f"{PLAINEST}::RUN or {PLAINEST}/second-turn::RUN")


def resumed(folder: Path, play: Transcript, *, url: str | None = None, assistant: str = "agent") -> Transcript | None:
    return kept(folder, play.scenario, url or play.target.url, assistant, play.suite)


def test_a_whole_play_is_kept(tmp_path: Path, plays: Mapping[str, Transcript]) -> None:
    write_transcript(tmp_path, plays[TOOLS])
    assert resumed(tmp_path, plays[TOOLS]) == plays[TOOLS]


def test_a_play_of_another_deployment_rule_book_or_scenario_is_made_again(
    tmp_path: Path, plays: Mapping[str, Transcript]
) -> None:
    play = plays[TOOLS]
    path = write_transcript(tmp_path, play)
    assert resumed(tmp_path, play, url="http://elsewhere") is None
    assert resumed(tmp_path, play, assistant="other") is None
    suite = msgspec.structs.replace(play.suite, revision="1999-01-01")
    assert kept(tmp_path, play.scenario, play.target.url, "agent", suite) is None
    scenario = msgspec.structs.replace(play.scenario, about="changed")
    assert kept(tmp_path, scenario, play.target.url, "agent", play.suite) is None
    path.write_bytes(path.read_bytes()[:-9])
    assert resumed(tmp_path, play) is None
    path.unlink()
    assert resumed(tmp_path, play) is None


@pytest.mark.parametrize("how", ["cut", "broken", "unplayed"])
def test_a_play_that_is_not_whole_is_made_again(how: str, tmp_path: Path, plays: Mapping[str, Transcript]) -> None:
    play = plays[TOOLS]
    broken = NetworkFault(seq=len(play.moments), t=9.0, exchange=1, error="connection broken")
    changed = {
        "cut": msgspec.structs.replace(play, cut=1),
        "broken": msgspec.structs.replace(play, moments=[*play.moments, broken]),
        "unplayed": Transcript.unplayed(play.suite, play.target, play.scenario),
    }[how]
    write_transcript(tmp_path, changed)
    assert resumed(tmp_path, play) is None


async def test_a_terminated_run_leaves_a_report_and_is_resumed(tmp_path: Path) -> None:
    folder, second = tmp_path / "report", f"{PLAINEST}/second-turn"
    async with deployment(creates_with_201) as there:
        there.held[second] = asyncio.Event()
        # Forty seconds for an answer: the signal comes long before.
        options = (f"--deployment-url={there.url}", "--conformance-deadline-scale=4", *TWO)
        process = await start_suite(*options, f"--conformance-report={folder}", f"--junitxml={tmp_path / 'junit.xml'}")
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            # The name of the scenario that waits for its thread is shown when the other one is judged.
            output = await process.stdout.readuntil(second.encode())
            process.send_signal(signal.SIGTERM)
            output += await process.stdout.read()
            assert await process.wait() == pytest.ExitCode.INTERRUPTED
        report = json.loads((folder / "report.json").read_text())
        assert report["incomplete"].startswith("terminated by SIGTERM, after ")
        assert "incomplete: terminated by SIGTERM, after " in output.decode()
        assert "This report is incomplete: terminated by SIGTERM, after " in (folder / "report.html").read_text()
        cases = {case.get("name"): case for case in ET.parse(tmp_path / "junit.xml").iter("testcase")}
        assert f"RUN-02[{PLAINEST}]" in cases
        # Without it, a CI system would show an incomplete run without a failure as green.
        error = cases["the run is incomplete"].find("error")
        assert error is not None
        assert error.attrib["message"] == report["incomplete"]
        obey_the_rules(tmp_path / "junit.xml")
        assert {one["scenario"] for one in report["results"]} == {PLAINEST}
        assert (folder / "calibration.json").is_file()
        there.held[second].set()
        run = await run_suite(*options, f"--conformance-resume={folder}")
        assert run.code == 1, run.output
        assert "examining the deployment with a few plain runs, before the first verdict" in run.output
        assert f"resumed: 1 of 2 scenarios are judged from {folder}, the others are played" in run.output
        # The first scenario is judged again by its transcript, and not played again.
        assert there.scenarios[PLAINEST] == 1
    whole = json.loads((folder / "report.json").read_text())
    assert whole["incomplete"] is None
    assert {one["scenario"] for one in whole["results"]} == {PLAINEST, second}


async def test_a_run_that_is_killed_before_the_first_verdict_keeps_its_plays(tmp_path: Path) -> None:
    folder, second = tmp_path / "report", f"{PLAINEST}/second-turn"
    async with deployment() as there:
        # The first scenario is not judged while it waits for its thread, and the second is played meanwhile.
        there.held[PLAINEST] = asyncio.Event()
        options = (f"--deployment-url={there.url}", "--conformance-jobs=2", "--conformance-deadline-scale=4", *TWO)
        announced = ("-s", "-p", "tests.conformance.announcing")
        process = await start_suite(*options, *announced, f"--conformance-report={folder}")
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            await process.stdout.readuntil(f"kept {second}\n".encode())
            process.kill()
            await process.wait()
        assert not (folder / "report.json").exists()
        there.held[PLAINEST].set()
        run = await run_suite(*options, f"--conformance-resume={folder}")
        assert run.code == 0, run.output
        assert there.scenarios[second] == 1


async def test_a_run_that_is_killed_in_its_examination_is_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    async with deployment() as there:
        there.held["calibration"] = asyncio.Event()
        options = (f"--deployment-url={there.url}", "--conformance-deadline-scale=4", *TWO)
        process = await start_suite(*options, f"--conformance-report={folder}")
        async with asyncio.timeout(DEADLINE):
            await there.waits.wait()
        process.kill()
        await process.wait()
        there.held["calibration"].set()
        run = await run_suite(*options, f"--conformance-resume={folder}")
    assert run.code == 0, run.output
    assert json.loads((folder / "report.json").read_text()).get("incomplete") is None


async def test_a_run_that_stops_at_its_first_failure_is_resumed(tmp_path: Path) -> None:
    """Stop in the middle of the verdicts on one scenario, while another one is played."""
    folder, second = tmp_path / "report", f"{PLAINEST}/second-turn"
    async with deployment(creates_with_201) as there:
        there.held[second] = asyncio.Event()
        options = (f"--deployment-url={there.url}", "--conformance-jobs=2", "--conformance-deadline-scale=4", *TWO)
        run = await run_suite(*options, "-x", f"--conformance-report={folder}")
        assert run.code == 1, run.output
        report = json.loads((folder / "report.json").read_text())
        assert report["incomplete"].startswith("stopping after 1 failures, after 2 of ")
        assert [(one["requirement"], one["verdict"]) for one in report["results"]] == [
            ("RUN-01", "PASS"),
            ("RUN-02", "FAIL"),
        ]
        assert f"to continue, add --conformance-resume={folder}" in run.output
        there.held[second].set()
        run = await run_suite(*options, f"--conformance-resume={folder}")
        assert run.code == 1, run.output
        # The rest of the verdicts on the first scenario needs no play. What was under way is played again.
        assert there.scenarios == {PLAINEST: 1, second: 2}
    whole = json.loads((folder / "report.json").read_text())
    assert whole.get("incomplete") is None
    assert sum(one["verdict"] == "FAIL" for one in whole["results"]) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_run_that_ends_in_its_examination_leaves_a_report(tmp_path: Path, number: signal.Signals) -> None:
    folder, file = tmp_path / "report", tmp_path / "junit.xml"
    async with deployment() as there:
        there.held["calibration"] = asyncio.Event()
        options = (f"--deployment-url=ours={there.url}", "--conformance-deadline-scale=4", *TWO)
        process = await start_suite(*options, f"--conformance-report={folder}", f"--junitxml={file}")
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            await there.waits.wait()
            process.send_signal(number)
            output = (await process.stdout.read()).decode()
            assert await process.wait() == pytest.ExitCode.INTERRUPTED, output
        report = json.loads((folder / "report.json").read_text())
        assert (report["results"], report["target"]["name"]) == ([], "ours")
        reason = report["incomplete"]
        assert ", after 0 of " in reason
        assert f"doubletext: ours, {there.url} " in output
        assert f"nothing was judged: {reason}" in output
        assert f"to continue, add --conformance-resume={folder}" in output
        assert f"This report is incomplete: {reason}" in (folder / "report.html").read_text()
        # What was sent before the end is kept, too.
        [request] = [one for one in read_transcript(folder / "calibration.json").moments if isinstance(one, Request)]
        assert request.path == "/threads"
        there.held["calibration"].set()
        run = await run_suite(*options, f"--conformance-resume={folder}")
        assert run.code == 0, run.output
    [case] = ET.parse(file).iter("testcase")
    [error] = case
    assert (case.attrib["name"], error.tag, error.attrib["message"]) == ("nothing was judged", "error", reason)
    obey_the_rules(file)


def test_a_program_that_runs_the_suite_gets_its_signal_back() -> None:
    code = (
        "import pytest, signal\n"
        "seen = []\n"
        "class Look:\n"
        "    def pytest_runtest_setup(self): seen.append(signal.getsignal(signal.SIGTERM))\n"
        "plugins = ['-p', 'doubletext.pytest_conformance', '-p', 'pytest_timeout']\n"
        f"selected = ['conformance/suites/test_interrupt.py', '-q', '-k', {PLAINEST + '::RUN-01'!r}]\n"
        "pytest.main([*plugins, *selected], [Look()])\n"
        "assert seen and seen[0] is not signal.SIG_DFL\n"
        "assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL"
    )
    # The plugins of other packages take longer than the run.
    env = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("there", [True, False])
async def test_a_folder_without_transcripts_cannot_be_resumed(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "report"
    if there:
        folder.mkdir()
        (folder / "notes.txt").touch()
    run = await run_suite(f"--conformance-resume={folder}", "-k", "nothing")
    assert run.code == 4
    assert f"ERROR: --conformance-resume: {folder} has no transcripts. Give the folder of a run with" in run.output
    assert folder.exists() is there
