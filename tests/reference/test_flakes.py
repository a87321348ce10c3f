"""The command that judges a server several times and lists what changed from run to run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from conformance.judge import profiles
from conformance.judge.judging import Word
from conformance.report.load import Unreadable
from conformance.report.report import Report, Result, summarise, write_report
from conformance.transcript.transcript import SuiteInfo, TargetInfo
from tests.reference.flakes import __main__ as command
from tests.reference.flakes.page import UNDECLARED, render
from tests.reference.flakes.result import Flakes, compare
from tests.reference.references import Reference

PROFILE = "langgraph-api"
FLAKY = "rollback/finishing/create/unwatched"
"""A scenario for which the profile declares RBK-02 as flaky."""

STEADY = "interrupt/idle/create/unwatched"


def report(*verdicts: tuple[str, str, Word], version: str = "0.16.7") -> Report:
    """Return a report with these verdicts by requirement and scenario."""
    results = [
        Result(requirement=requirement, level="MUST", scenario=scenario, verdict=word, reason=f"seen: {word}")
        for requirement, scenario, word in verdicts
    ]
    return Report(
        suite=SuiteInfo.here("2026-01-01"),
        target=TargetInfo("http://there", PROFILE, version, PROFILE),
        summary=summarise(results),
        results=results,
        finished_at="2026-01-02T03:04:05Z",
    )


def one(word: Word) -> Report:
    """Return a report in which one verdict is always the same, and another is `word`."""
    return report(("RBK-02", FLAKY, word), ("RBK-02", STEADY, "PASS"))


def test_only_what_changed_is_listed_with_its_worst_fact() -> None:
    found = compare("a server", [one("PASS"), one("FAIL"), one("PASS")])
    [changed] = found.changed
    assert (changed.requirement, changed.scenario) == ("RBK-02", FLAKY)
    assert changed.verdicts == {"PASS": 2, "FAIL": 1}
    assert changed.reason == "seen: FAIL"
    assert (found.runs, found.scenarios, found.judged, found.last) == (3, 2, 2, "2026-01-02")


def test_the_page_says_what_luck_decides_and_what_no_profile_declares() -> None:
    [entry] = [known for known in profiles.load(PROFILE).known if known.flaky and known.covers("RBK-02", FLAKY)]
    declared = compare("a server", [one("PASS"), one("FAIL")])
    new = compare("another", [report(("RUN-01", STEADY, "PASS")), report(("RUN-01", STEADY, "FAIL"))])
    assert declared.undeclared() == []
    assert new.undeclared() == new.changed
    calm = compare("calm", [one("PASS")], "-k burst")
    page = render(Flakes(servers={"a": declared, "b": new, "c": calm}))
    assert f"| RBK-02 | `{FLAKY}` | FAIL 1, PASS 1 | {entry.reason} |" in page
    assert f"| RUN-01 | `{STEADY}` | FAIL 1, PASS 1 | {UNDECLARED} |" in page
    assert page.count("Not all scenarios") == page.count("`-k burst`") == 1
    assert "Every run gave the same 2 verdicts." in page


@pytest.mark.parametrize(("other", "open_ones"), [("INCONCLUSIVE", 0), ("PASS", 1)])
def test_a_steady_entry_declares_only_changes_between_failures(other: Word, open_ones: int) -> None:
    steady = "interrupt/lingering/create/unwatched"
    assert any(known.covers("INT-18", steady) and not known.flaky for known in profiles.load(PROFILE).known)
    found = compare("a server", [report(("INT-18", steady, "FAIL")), report(("INT-18", steady, other))])
    assert len(found.undeclared()) == open_ones


def test_runs_of_two_versions_are_not_compared() -> None:
    with pytest.raises(Unreadable, match="several versions or rule books"):
        compare("a server", [report(version="0.16.7"), report(version="0.16.8")])


def test_the_command_plays_what_is_missing_and_is_red_for_what_is_not_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    played: list[str] = []
    words: list[Word] = ["PASS", "FAIL"]

    def judge(reference: Reference, folder: Path, extra: Sequence[str]) -> int:
        played.append(folder.name)
        number = int(folder.name.removeprefix("run-"))
        write_report(folder / reference.name, report(("RUN-01", STEADY, words[number % 2])))
        return 1

    monkeypatch.setattr(command, "judge", judge)
    monkeypatch.setattr(command, "KEPT", tmp_path / "kept.json")
    monkeypatch.setattr(command, "PAGE", tmp_path / "page.md")
    reports = ["--report-dir", str(tmp_path / "runs"), "--workers", "10"]
    assert command.main(["--runs", "1", *reports]) == 0
    assert command.main(["--runs", "3", *reports]) == 1
    assert played == ["run-01", "run-02", "run-03"]
    assert f"{STEADY}::RUN-01: FAIL 2, PASS 1: seen: FAIL" in capsys.readouterr().out
    written = command.PAGE.read_text("utf-8")
    assert "| langgraph dev, 10 workers (langgraph-api 0.16.7) |" in written
    command.PAGE.unlink()
    assert command.main(["--page"]) == 1
    assert command.PAGE.read_text("utf-8") == written == render(command.read_kept())


@pytest.mark.parametrize("arguments", [[], ["--page", "--report-dir", "there"], ["--runs", "0", "--page"]])
def test_the_command_says_what_it_wants(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert "--report-dir" in (said := capsys.readouterr().err) or "--runs" in said


# -- what is committed ---------------------------------------------------------------------------------------------


def test_the_page_is_made_from_what_is_kept_and_the_profiles() -> None:
    page = command.PAGE.read_text("utf-8")
    assert page == render(command.read_kept()), "run: python -m tests.reference.flakes --page"


def test_every_change_is_declared_by_a_profile() -> None:
    assert {name: runs.undeclared() for name, runs in command.read_kept().servers.items() if runs.undeclared()} == {}
