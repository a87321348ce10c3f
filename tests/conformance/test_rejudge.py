"""`python -m conformance judge`: kept transcripts, judged offline by this rule book or another."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from conformance.__main__ import main
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.report.load import read_report
from conformance.report.rejudge import ENDED, judge_again, read_transcripts
from conformance.report.report import Report, rules_of, write_report
from conformance.requirements import registry
from conformance.transcript.transcript import Transcript
from tests.conformance.plays import SUITE, edited, play_named, run_status
from tests.conformance.reports import AS_ERROR, NAMES, TOOLS, write_folder


@pytest.fixture(scope="module")
def plays() -> dict[str, Transcript]:
    return play_named(*NAMES)


@pytest.fixture
def folder(tmp_path: Path, plays: dict[str, Transcript]) -> Path:
    write_folder(tmp_path, [plays[TOOLS]])
    return tmp_path


def rewrite(folder: Path, change: object) -> Report:
    assert callable(change)
    report: Report = change(read_report(folder))
    write_report(folder, report)
    return report


def test_the_same_rule_book_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = len(read_report(folder).results)
    assert main(["judge", str(folder)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("1 scenarios of http://127.0.0.1:")
    assert said[1] == f"{count} PASS"
    assert said[2].startswith("no verdict changed since they were judged by rule book ")


def test_changed_verdicts_are_listed_with_the_worst_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def older(report: Report) -> Report:
        results = [replace(r, verdict="FAIL") if r.requirement == "INT-02" else r for r in report.results]
        return replace(report, results=[r for r in results if r.requirement != "INT-03"])

    rewrite(folder, older)
    assert main(["judge", str(folder)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[2].startswith("2 verdicts changed since")
    assert said[3:] == [f"  {TOOLS}::INT-02: FAIL -> PASS", f"  {TOOLS}::INT-03: not judged -> PASS"]


def test_an_older_rule_book_is_the_one_that_its_report_carries(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def older(report: Report) -> Report:
        kept = [replace(rule, level="SHOULD") for rule in report.rules if rule.id == "INT-02"]
        # A rule that this version has no check for any more, as an older book may have.
        gone = replace(kept[0], id="INT-99", level="MUST")
        return replace(report, rules=[*kept, gone], suite=replace(report.suite, revision="2025-01-01"))

    rewrite(folder, older)
    assert main(["judge", str(folder), "--rule-book", "kept", "--write", str(folder / "again")]) == 1
    assert "judged by rule book 2025-01-01" in capsys.readouterr().out
    again = read_report(folder / "again")
    assert again.suite.revision == "2025-01-01"
    assert [(r.requirement, r.level, r.verdict) for r in again.results] == [
        ("INT-02", "SHOULD", "PASS"),
        ("INT-99", "MUST", "INCONCLUSIVE"),
    ]
    assert "no check for this requirement" in again.results[1].reason
    assert (folder / "again" / "report.html").exists()
    assert (folder / "again" / f"transcripts/{TOOLS}.json").exists()
    assert main(["judge", str(folder), "--rule-book", str(folder / "again")]) == 1


def test_a_broken_record_fails_and_a_profile_that_knows_it_does_not(
    tmp_path: Path, plays: dict[str, Transcript], capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path, [edited(plays[TOOLS], AS_ERROR)])
    assert main(["judge", str(tmp_path)]) == 1
    red = {r.requirement for r in read_report(tmp_path).results if r.verdict != "PASS"}
    profile = tmp_path / "theirs.toml"
    named = ", ".join(f'"{name}"' for name in sorted(red))
    entry = 'scenario = "*"\nreason = "so it is"\nevidence = "seen"\n'
    profile.write_text(f'name = "theirs"\n[[known]]\nrequirements = [{named}]\n{entry}')
    out = tmp_path / "out"
    assert main(["judge", str(tmp_path), "--deployment-profile", str(profile), "--write", str(out)]) == 0
    assert read_report(out).target.profile == "theirs"
    assert "so it is" in {r.known for r in read_report(out).results}


def test_transcripts_without_a_report_are_judged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "report.json").unlink()
    assert main(["judge", str(folder), "--write", str(folder / "new")]) == 0
    assert "has no report.json to compare with, so no changes are listed" in capsys.readouterr().out
    # A run that was killed may have had more scenarios.
    assert read_report(folder / "new").incomplete == ENDED


@pytest.mark.parametrize("field", ["incomplete", "problem"])
def test_a_report_of_a_run_that_ended_early_stays_incomplete(folder: Path, field: str) -> None:
    rewrite(folder, lambda report: replace(report, **{field: "the power failed"}))
    main(["judge", str(folder), "--write", str(folder / "new")])
    assert read_report(folder / "new").incomplete == "the power failed"


def test_a_report_that_is_judged_again_has_causes(folder: Path) -> None:
    [(path, transcript)] = read_transcripts(folder)
    broken = edited(transcript, run_status("A", "success"))
    report = judge_again([(path, broken)], rules_of(registry.load()), SUITE, NOTHING_DECLARED)
    assert "INT-02" in {one for cause in report.causes for one in (cause.requirement, *cause.explains)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{empty}"], "no transcripts in this folder; give the folder of --conformance-report"),
        (["{folder}", "--rule-book", "{empty}"], "cannot be read: No such file"),
        (["{folder}", "--deployment-profile", "nobody"], "no profile `nobody`"),
    ],
)
def test_what_cannot_be_judged_is_reported_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    empty = folder / "empty"
    empty.mkdir()
    assert main(["judge", *(a.format(folder=folder, empty=empty) for a in arguments)]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_report_with_a_profile_that_is_not_here_asks_for_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(folder, lambda report: replace(report, target=replace(report.target, profile="their-own")))
    assert main(["judge", str(folder)]) == 2
    assert "give the report's profile with --deployment-profile=PATH" in capsys.readouterr().err
