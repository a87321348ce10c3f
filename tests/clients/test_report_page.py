"""`report.html` in a headless Chromium: at three sizes, light and dark, by keyboard, and without script."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from conformance.report.compare import compare, in_html
from conformance.report.html import write_page
from conformance.report.load import read_transcript
from conformance.report.report import Report, Result, summarise, transcript_path, write_report, write_transcript
from tests.clients.javascript import Node
from tests.conformance.plays import CataloguePlays
from tests.conformance.reports import broken, write_folder
from tests.conformance.test_compare import NEW, OLD

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

VERDICTS = 10_000
SECONDS = 1.0
"""Seconds in which a large report opens: several times the measured time."""

LARGEST = 3_000_000
"""The number of bytes of the page of a server with a thousand failures."""

VIEWS = {f"{size} {scheme}": True for size in ("phone", "tablet", "desktop") for scheme in ("light", "dark")}


@pytest.fixture(scope="session")
def plays() -> CataloguePlays:
    return CataloguePlays()


def test_the_page_can_be_read(browser_node: Node, chromium: str, plays: CataloguePlays, tmp_path: Path) -> None:
    names = ("interrupt/lingering/create/unwatched", "reject/during-tools/create/unwatched")
    write_folder(tmp_path, [broken(plays), *(plays[name] for name in names)])
    shots = Path("build") / "screenshots"
    shots.mkdir(parents=True, exist_ok=True)
    page = (tmp_path / "report.html").as_uri()
    found = browser_node.play("read_report", "current", "", CHROMIUM=chromium, PAGE=page, SHOTS=str(shots.resolve()))
    took = found.pop("took")
    assert took < 1000 * SECONDS
    assert {problem for problems in found.pop("problems").values() for problem in problems} == set()
    assert max(found.pop("wider").values()) <= 0
    assert found == {
        "errors": [],
        # By a click on the finding, twice, and by its address. The mark of the moment is highlighted and in view.
        "clicked": VIEWS,
        "linked": VIEWS,
        "skips": True,
        "searches": True,
        "filtered": ["r-INT-07"],
        "told": found["told"],
        "unfiltered": True,
        "opened": True,
        "follows": True,
        "followsWithoutScript": True,
        "formWithoutScript": False,
    }
    assert found["told"].startswith("1 of ")


def test_a_large_report_opens_at_once(browser_node: Node, chromium: str, plays: CataloguePlays, tmp_path: Path) -> None:
    large = enlarged(tmp_path, write_folder(tmp_path, plays.values()))
    assert large.summary["FAIL"] > 1000
    assert write_page(tmp_path, large).stat().st_size <= LARGEST
    found = browser_node.play("open_page", "current", "", CHROMIUM=chromium, PAGE=(tmp_path / "report.html").as_uri())
    assert found["scenarios"] >= len(plays)
    assert min(found["took"]) < 1000 * SECONDS


def enlarged(folder: Path, report: Report) -> Report:
    """Return the report with its scenarios repeated, and every seventh verdict a failure."""
    results: list[Result] = []
    while len(results) < VERDICTS:
        for result in report.results:
            again = f"{result.scenario}/again-{len(results) // len(report.results)}"
            path = folder / transcript_path(again)
            if not path.exists():
                transcript = read_transcript(folder / str(result.transcript))
                write_transcript(folder, replace(transcript, scenario=replace(transcript.scenario, id=again)))
            failed = len(results) % 7 == 0
            results.append(
                replace(
                    result,
                    scenario=again,
                    transcript=transcript_path(again),
                    verdict="FAIL" if failed else "PASS",
                    expected="something" if failed else "",
                    observed=f"something else, {len(results) % 50}" if failed else "",
                    see=(5,) if failed else (),
                )
            )
    return replace(report, results=results, summary=summarise(results))


def test_a_reader_s_own_report_becomes_a_column_and_goes_nowhere(
    browser_node: Node, chromium: str, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text(in_html(compare([OLD], ["a"])), "utf-8")
    write_report(tmp_path, replace(NEW, target=replace(NEW.target, server="<b>mine</b>")))
    (tmp_path / "broken.json").write_text('{"format": "something"}')
    found = browser_node.play(
        "compare_reports",
        "current",
        "",
        CHROMIUM=chromium,
        PAGE=(tmp_path / "index.html").as_uri(),
        OWN=str(tmp_path / "report.json"),
        BROKEN=str(tmp_path / "broken.json"),
    )
    assert found == {
        "errors": [],
        "asked": [],
        "said": [
            "broken.json cannot be shown: this is not a report.json of doubletext",
            "<b>mine</b> 2.0 is now the last column of the table.",
        ],
        "before": ["Requirement", "Level", "theirs 1.0"],
        "after": ["Requirement", "Level", "theirs 1.0", "<b>mine</b> 2.0 (yours)"],
        "verdicts": ["PASS", "FAIL 1 of 2", "PASS"],
    }
