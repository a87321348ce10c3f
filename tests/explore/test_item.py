"""The exploration as a test of the suite."""

from __future__ import annotations

import argparse
import importlib.util
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance.explore import item
from conformance.explore.explorer import Budget
from conformance.explore.findings import Findings
from conformance.report.report import Report
from conformance.session import options, players
from conformance.session.session import CaseResult, Session
from doubletext.pytest_conformance import OPTIONS
from mockserver import serving
from tests.conformance.runs import run_suite

pytestmark = pytest.mark.slow  # each explores a deployment, which takes several seconds

DEFECT = "idle_conflict"
"""A defect that most histories show: a run with `reject` on an idle thread is refused."""

FINDING = "submit refused: create run (reject): refused, HTTP 409"
EVERYTHING = 'name = "mine"\n[[findings]]\nfinding = "*"\nreason = "as agreed"\nevidence = "a contract"\n'


@contextmanager
def session(monkeypatch: pytest.MonkeyPatch, defects: list[str], **given: Any) -> Iterator[Session]:
    """Yield the session of a run that explores an embedded mock with defects, within a budget of histories."""
    monkeypatch.setattr(players, "embedded", lambda: serving(defects=defects))
    monkeypatch.setattr(item, "Budget", lambda seconds: Budget(histories=20, findings=1, shrinks=20))
    names = {name.removeprefix("--").replace("-", "_"): None for name in OPTIONS}
    chosen = {**names, "conformance_strict": False, "collectonly": False, "conformance_explore": 600.0, **given}
    run = Session(options.parse(argparse.Namespace(**chosen)))
    try:
        yield run
    finally:
        run.close()


def explore(run: Session, folder: Path) -> CaseResult:
    """Return the result of an exploration that is not interrupted."""
    return item.explore(run, 0, lambda: folder, interrupted=lambda record: pytest.fail(f"interrupted: {record}"))


def test_the_correct_mock_passes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with session(monkeypatch, []) as run:
        result = explore(run, tmp_path)
    assert (result.how, result.text) == ("pass", "")
    found = result.record["exploration"]
    assert (found["verdict"], found["histories"], len(found["findings"])) == ("PASS", 20, 0)


def test_a_finding_fails_in_words_and_again_in_the_next_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {"conformance_report": str(tmp_path)}
    with session(monkeypatch, [DEFECT], **given) as run:
        first = explore(run, tmp_path)
    with session(monkeypatch, [DEFECT], **given) as run:
        second = explore(run, tmp_path)
    assert (first.how, second.how) == ("fail", "fail")
    kept = tmp_path / "exploration" / "submit-refused-create-run-reject-refused-http-409.history.json"
    assert kept.exists()
    for result in (first, second):
        head, laws = result.text.splitlines()[:2]
        assert head == "FAIL  exploration of mock"
        assert laws.startswith("some histories break a law: ")
        assert FINDING in laws
        assert "no order of these explains create run" in result.text
        assert "    1. submit run A (create, multitask_strategy" in result.text
        assert f"repeat  doubletext play {kept}\n" in result.text
        assert result.text.endswith(f"page  {tmp_path / 'exploration' / 'explore.html'}")


def test_what_the_profile_declares_is_expected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text(EVERYTHING)
    with session(monkeypatch, [DEFECT], deployment_profile=str(profile)) as run:
        result = explore(run, tmp_path)
    assert result.how == "xfail"
    assert f"{FINDING}: as agreed" in result.text


def test_an_exploration_that_is_interrupted_keeps_what_it_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add, records = Findings.add, list[dict[str, Any]]()
    with session(monkeypatch, [DEFECT]) as run:

        def interrupts(findings: Findings, *found: Any) -> None:
            add(findings, *found)
            run.interrupt()

        monkeypatch.setattr(Findings, "add", interrupts)
        monkeypatch.setattr(item, "Budget", lambda seconds: Budget(shrinks=5))
        with pytest.raises(players.Interrupted):
            item.explore(run, 0, lambda: tmp_path, interrupted=records.append)
    assert FINDING in [one["finding"] for one in records[0]["exploration"]["findings"]]
    assert list(tmp_path.rglob("explore.html"))


def test_what_judged_nothing_is_no_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with session(monkeypatch, []) as run:
        monkeypatch.setattr(item, "Budget", lambda seconds: Budget(histories=0))
        result = explore(run, tmp_path)
    assert result.how == "fail"
    assert result.text == "INCONCLUSIVE  exploration of mock\nno history was judged within 600 s"


def test_a_deployment_that_cannot_be_judged_is_not_explored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, unused_tcp_port: int
) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    with session(monkeypatch, [], deployment_url=[url]) as run:
        result = explore(run, tmp_path)
    assert result.how == "fail"
    assert "INCONCLUSIVE  exploration of 127.0.0.1" in result.text
    assert "the deployment cannot be judged: " in result.text


def test_the_extra_is_required_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with (
        pytest.raises(pytest.UsageError, match=r"hypothesis is missing. Install doubletext\[suite,explore\]"),
        session(monkeypatch, []),
    ):
        pass


def test_a_profile_with_a_wrong_choice_is_refused_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text('name = "mine"\n[exploration]\nlate = false\n')
    with (
        pytest.raises(pytest.UsageError, match="unknown field `late`"),
        session(monkeypatch, [], deployment_profile=str(profile)),
    ):
        pass


async def test_a_run_of_pytest_reports_the_exploration_everywhere(tmp_path: Path) -> None:
    async with serving(defects=[DEFECT]) as url:
        run = await run_suite(
            *("--conformance-explore=10", f"--deployment-url=ours={url}"),
            *(f"--conformance-report={tmp_path}", f"--junitxml={tmp_path / 'junit.xml'}"),
            suite=("conformance/suites/test_explore.py",),
        )
    assert run.code == 1, run.output
    assert f"doubletext play {tmp_path / 'exploration'}" in run.output
    assert "exploration: FAIL, " in run.output
    assert "INTERNALERROR" not in run.output
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=Report)
    assert report.exploration is not None
    assert FINDING in [one.finding for one in report.exploration.findings]
    assert "exploration/explore.html" in (tmp_path / "report.html").read_text("utf-8")
    [case] = ET.fromstring((tmp_path / "junit.xml").read_text("utf-8")).iter("testcase")
    assert (case.attrib["classname"], case.attrib["name"]) == ("ours.exploration", "exploration")
    [failure] = case.iter("failure")
    assert failure.attrib["message"].startswith("FAIL: some histories break a law: ")


async def test_the_test_exists_only_with_its_option() -> None:
    without = await run_suite("--collect-only", "-q", suite=("conformance/suites/test_explore.py",))
    assert "conformance/suites/test_explore.py: give --conformance-explore=SECONDS" in without.output
    whole = await run_suite("--collect-only", "-q", "--conformance-explore=60", suite=("conformance",))
    listed = [line for line in whole.output.splitlines() if "::" in line]
    assert [line for line in listed if "test_explore" in line] == listed[-1:]
    assert listed[-1] == "conformance/suites/test_explore.py::test_explore[mock]"
