"""The progress that the suite prints, and the summary of a CI job."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from conformance.report.github import SHOWN, job_summary, write_job_summary
from conformance.report.report import Report, Result, summarise
from conformance.transcript.transcript import TargetInfo
from tests.conformance.deployments import PLAINEST, deployment
from tests.conformance.plays import SUITE
from tests.conformance.runs import DEADLINE, INTERRUPT, run_suite, start_suite

TWO = ("-k", "interrupt/during-tools/create/unwatched:: or reject/during-tools/create/unwatched::")
FILES = (*INTERRUPT, "conformance/suites/test_reject.py")


async def test_a_log_names_each_scenario_and_how_many_are_left(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    run = await run_suite(*TWO, env={"GITHUB_STEP_SUMMARY": str(summary)}, suite=FILES)
    assert run.code == 0, run.output
    # In the order in which the plays end.
    first, second = re.findall(r"^\[(\d)/2\] (.*), (1 left|the last one) ", run.output, re.MULTILINE)
    assert (first[0], first[2], second[0], second[2]) == ("1", "1 left", "2", "the last one")
    assert {first[1], second[1]} == {PLAINEST, "reject/during-tools/create/unwatched"}
    # A log is no terminal: escape sequences would be shown as text.
    assert "\x1b" not in run.output
    assert "No requirement is broken, except as the profile declares." in summary.read_text("utf-8")


async def test_a_scenario_that_takes_long_keeps_no_verdict_back() -> None:
    """Hold the first scenario until the verdicts on the second are there."""
    second = "reject/during-tools/create/unwatched"
    async with deployment() as there:
        there.held[PLAINEST] = asyncio.Event()
        options = (f"--deployment-url={there.url}", "--conformance-jobs=2", "--conformance-deadline-scale=4")
        process = await start_suite(*TWO, *options, suite=FILES)
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            output = await process.stdout.readuntil(f"[1/2] {second}, 1 left ....".encode())
            there.held[PLAINEST].set()
            output += await process.stdout.read()
            assert await process.wait() == 0, output
    assert f"[2/2] {PLAINEST}, the last one ....".encode() in output


@pytest.mark.parametrize("option", ["-q", "-v"])
async def test_pytest_s_own_progress_stays_with_explicit_verbosity(option: str) -> None:
    run = await run_suite(*TWO, option, suite=FILES)
    assert run.code == 0, run.output
    # With -q or -v the user has chosen the form of the progress, so the suite adds nothing to it.
    assert "left" not in run.output.partition("=== doubletext")[0]


def report(*results: Result) -> Report:
    return Report(suite=SUITE, target=TargetInfo("http://x", "a|b"), summary=summarise(results), results=list(results))


def failure(requirement: str, reason: str = "expected this; observed that", known: str | None = None) -> Result:
    return Result(requirement=requirement, level="MUST", scenario="a", verdict="FAIL", reason=reason, known=known)


def test_failures_are_listed_by_requirement() -> None:
    text = job_summary(
        report(failure("INT-01"), failure("INT-01"), failure("INT-02", "a | b <b>"), failure("X", known="k"))
    )
    assert "| FAIL | **INT-01**  | expected this; observed that | 2 |" in text
    assert "| FAIL | **INT-02**  | a &#124; b &#60;b&#62; | 1 |" in text
    assert "**X**" not in text
    assert "a&#124;b" in text


def test_a_long_list_is_cut_and_an_empty_one_is_loud() -> None:
    many = job_summary(report(*(failure(f"INT-{number}") for number in range(SHOWN + 5))))
    assert many.count("| FAIL | **") == SHOWN
    assert "… and 5 more requirements" in many
    assert "**Nothing was judged.**" in job_summary(report())
    assert "could not be judged:** no connection" in job_summary(replace(report(), problem="no connection"))


def test_without_a_job_nothing_is_written(tmp_path: Path) -> None:
    write_job_summary([report()], {})
    write_job_summary([report()], {"GITHUB_STEP_SUMMARY": ""})
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    write_job_summary([report(), report()], {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.read_text().startswith("before\n")
    assert path.read_text().count("## doubletext: ") == 2
