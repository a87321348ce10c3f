"""Runs that a signal ends at each of their moments: what they leave, and what is played when they are resumed."""

from __future__ import annotations

import asyncio
import json
import signal
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.conformance.deployments import PLAINEST, creates_with_201, deployment
from tests.conformance.ending import MOMENTS
from tests.conformance.runs import DEADLINE, run_suite, start_suite
from tests.conformance.test_junit import obey_the_rules

SECOND = f"{PLAINEST}/second-turn"
# One job: the first verdict of a run does not wait for its second play.
RUN = ("--conformance-jobs=1", "-k", f"{PLAINEST}::RUN or {SECOND}::RUN")
WHOLE: dict[tuple[str, str], str] = {}
"""The verdicts of a run that nothing ends."""


async def whole(url: str, folder: Path) -> dict[tuple[str, str], str]:
    if not WHOLE:
        await run_suite(f"--deployment-url={url}", *RUN, f"--conformance-report={folder}")
        WHOLE.update(verdicts(folder))
    assert set(WHOLE.values()) == {"PASS", "FAIL"}
    return WHOLE


def verdicts(folder: Path) -> dict[tuple[str, str], str]:
    report = json.loads((folder / "report.json").read_text())
    return {(one["requirement"], one["scenario"]): one["verdict"] for one in report["results"]}


async def ended(url: str, moment: str, number: signal.Signals, folder: Path) -> int:
    """Run the suite until the signal ends it, and return its exit code."""
    ending = ("-p", "tests.conformance.ending", f"--end-at={moment}", f"--end-by={number.name}")
    files = (f"--conformance-report={folder}", f"--junitxml={folder}.xml")
    process = await start_suite(f"--deployment-url={url}", *RUN, *ending, *files)
    async with asyncio.timeout(DEADLINE):
        await process.stdout.read()
        return await process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_run_may_end_at_any_moment(moment: str, number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    async with deployment(creates_with_201) as there:
        expected = await whole(there.url, tmp_path / "whole")
        there.played.clear()
        code = await ended(there.url, moment, number, folder)
        if number == signal.SIGTERM:
            partly = verdicts(folder)
            assert partly.items() <= expected.items()
            assert (folder / "report.html").read_text().rstrip().endswith("</html>")
            assert ET.parse(f"{folder}.xml").getroot().tag == "testsuites"
            obey_the_rules(Path(f"{folder}.xml"))
            reason = json.loads((folder / "report.json").read_text()).get("incomplete")
            # A run of which nothing is missing ends as any other.
            over = partly == expected
            assert (code, reason is None) == ((1, True) if over else (2, False))
        else:
            assert code == -signal.SIGKILL
        before = there.scenarios
        kept = list(folder.glob("transcripts/**/*.json"))
        run = await run_suite(f"--deployment-url={there.url}", *RUN, f"--conformance-resume={folder}")
        assert run.code == 1, run.output
        assert verdicts(folder) == expected
        assert json.loads((folder / "report.json").read_text()).get("incomplete") is None
        # What was kept is not played again.
        again = there.scenarios - before
        assert sum(again.values()) == 2 - len(kept), (again, kept)
