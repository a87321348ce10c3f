"""A report that was judged by an older revision of the rule book is read, judged again and compared.

The report in `fixtures/reports` was written before the sentences of the rule book were reworded. The deployment that it
judges was the mock with the defect `strategy_not_echoed`. Its rules are reduced to those that its scenarios show.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.__main__ import main
from conformance.report.compare import compare, in_html, in_markdown
from conformance.report.html import write_page
from conformance.report.load import read_report, read_transcript
from conformance.report.report import Report
from conformance.requirements import registry

FOLDER = Path(__file__).parents[2] / "fixtures" / "reports" / "revision-2026-11-22"
REVISION = "2026-11-22"
OLD_SENTENCE = (
    "A run tells the multitask_strategy that was sent for it; when none was sent, the default that it was given."
)
BROKEN = "reject/idle/create/unwatched::RUN-06"


def sentence_in(report: Report) -> str:
    """Return the sentence of RUN-06, which is the requirement that the report says is broken."""
    return next(rule.sentence for rule in report.rules if rule.id == "RUN-06")


@pytest.fixture
def present(tmp_path: Path) -> Report:
    """Return the same transcripts, judged by the rule book of this version."""
    main(["judge", str(FOLDER), "--write", str(tmp_path / "present")])
    return read_report(tmp_path / "present")


def test_an_older_report_is_read_with_its_own_sentences(tmp_path: Path) -> None:
    report = read_report(FOLDER)
    assert report.suite.revision == REVISION != registry.load().revision
    assert sentence_in(report) == OLD_SENTENCE != registry.load().get("RUN-06").sentence
    transcripts = {result.transcript for result in report.results}
    assert {read_transcript(FOLDER / str(path)).suite.revision for path in transcripts} == {REVISION}
    for path in transcripts:
        target = tmp_path / str(path)
        target.parent.mkdir(parents=True)
        target.write_bytes((FOLDER / str(path)).read_bytes())
    write_page(tmp_path, report)
    assert OLD_SENTENCE in (tmp_path / "report.html").read_text("utf-8")


def test_the_present_rule_book_gives_an_older_report_the_same_verdicts(
    present: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["judge", str(FOLDER)]) == 1
    output = capsys.readouterr().out
    assert f"judged by rule book {registry.load().revision}\n" in output
    assert f"since they were judged by rule book {REVISION}" in output
    # A later revision may judge more, so only the requirements that the older report has are compared.
    verdicts = {result.id: result.verdict for result in read_report(FOLDER).results}
    assert {result.id: result.verdict for result in present.results if result.id in verdicts} == verdicts
    assert verdicts[BROKEN] == "FAIL"
    assert sentence_in(present) == registry.load().get("RUN-06").sentence


def test_an_older_report_is_judged_again_by_the_rule_book_that_it_carries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["judge", str(FOLDER), "--rule-book", "kept", "--write", str(tmp_path)]) == 1
    assert f"judged by rule book {REVISION}" in capsys.readouterr().out
    again = read_report(tmp_path)
    assert again.suite.revision == REVISION
    assert sentence_in(again) == OLD_SENTENCE
    assert OLD_SENTENCE in (tmp_path / "report.html").read_text("utf-8")


def test_an_older_report_is_compared_beside_a_present_one(present: Report) -> None:
    found = compare([read_report(FOLDER), present], ["old", "present"])
    assert [column.revision for column in found.columns] == [REVISION, registry.load().revision]
    assert (found.better, found.worse) == ((), ())
    row = next(row for row in found.rows if row.id == "RUN-06")
    assert [cell.verdict for cell in row.cells if cell] == ["FAIL", "FAIL"]
    assert row.sentence == registry.load().get("RUN-06").sentence


def test_a_comparison_of_older_reports_shows_their_sentences() -> None:
    old = read_report(FOLDER)
    found = compare([old, old], ["one", "two"])
    assert OLD_SENTENCE in [row.sentence for row in found.rows]
    # Markdown escapes underscores, so this sentence is one that has none.
    assert "MUST. Cancelling a run that does not exist is answered 404." in in_markdown(found)
    assert OLD_SENTENCE in in_html(found)
