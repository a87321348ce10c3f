from __future__ import annotations

import re
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest

from conformance.explore import actions as a
from conformance.explore import kept
from conformance.explore.arrange import scenario
from conformance.explore.explorer import Budget, Explorer
from conformance.explore.findings import Findings, file_name, key_of
from conformance.explore.page import write_page
from conformance.explore.player import playing
from conformance.explore.replay import as_test
from conformance.histories.checker import Verdict
from conformance.histories.freedoms import DEFAULT, EXACT, Freedoms, narrowed
from conformance.histories.history import Operation, Reading
from conformance.judge.profiles import KnownFinding, Profile, load, shipped
from conformance.schemas import schema
from doubletext.__main__ import main
from mockserver import serving
from tests.explore.proof import connection, target_at

pytestmark = pytest.mark.slow  # each explores a deployment, which takes several seconds


async def explored(defect: str | None, folder: Path | None, **budget: int) -> Explorer:
    """Explore a mock with a defect."""
    async with (
        serving(defects=[defect] if defect else []) as url,
        playing(target_at(url), freedoms=EXACT, connection=connection()) as player,
    ):
        explorer = Explorer(player, Findings(folder), Budget(**budget), seed=1, jobs=8)
        await explorer.run()
        if folder is not None:
            write_page(folder, explorer.findings, player.target.info, explorer.progress())
        return explorer


async def test_no_history_of_the_correct_mock_is_a_finding() -> None:
    explorer = await explored(None, None, histories=20)
    assert (explorer.played, explorer.findings.counts) == (20, {})
    assert explorer.verdicts["legal"] > 17


async def test_a_finding_is_reduced_and_kept_and_counted_the_next_time(tmp_path: Path) -> None:
    first = await explored("interrupt_as_reject", tmp_path, histories=40, findings=1, shrinks=20)
    [(key, history)] = first.findings.new.items()
    assert key == "submit refused: create run (interrupt): refused, HTTP 409"
    assert history.failures == history.plays == 3
    assert history.order
    second = await explored("interrupt_as_reject", tmp_path, histories=10)
    assert second.findings.new == {}
    assert second.findings.counts[key] > 0
    path = tmp_path / f"{file_name(history)}.history.json"
    assert kept.read(path).seen >= second.findings.counts[key]
    page = (tmp_path / "explore.html").read_text("utf-8")
    assert "<svg" in page
    assert history.why in re.sub(r"</?code>", "`", page)
    assert "doubletext play" in page


async def test_a_finding_that_the_profile_declares_is_counted_and_not_reduced() -> None:
    declared = KnownFinding(finding="submit refused: *", reason="as agreed", evidence="a contract")
    async with (
        serving(defects=["interrupt_as_reject"]) as url,
        playing(target_at(url), freedoms=EXACT, connection=connection()) as player,
    ):
        findings = Findings(None, Profile(name="mine", findings=(declared,)))
        explorer = Explorer(player, findings, Budget(histories=20), seed=1, jobs=8)
        await explorer.run()
    assert findings.new == {}
    assert set(findings.declared.values()) == {"as agreed"}
    assert all(findings.counts[key] for key in findings.declared)


def test_a_profile_narrows_the_freedoms_of_the_model() -> None:
    assert narrowed(DEFAULT, {"stopping_is_idle": False, "lag": 1.5}) == Freedoms(stopping_is_idle=False, lag=1.5)
    with pytest.raises(ValueError, match=r"unknown field `late`.*late_commit"):
        narrowed(DEFAULT, {"late": False})


@pytest.mark.parametrize("name", shipped())
def test_the_choices_of_every_profile_exist(name: str) -> None:
    assert narrowed(DEFAULT, load(name).exploration)


def test_a_choice_that_does_not_exist_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[exploration]\nlate = false\n')
    assert main(["explore", "--deployment-profile", str(path)]) == 2
    assert "[exploration]: Object contains unknown field `late`" in capsys.readouterr().err


async def test_a_kept_history_fits_its_schema_and_is_a_test(tmp_path: Path) -> None:
    explorer = await explored("interrupt_as_reject", tmp_path, histories=40, findings=1, shrinks=0)
    [history] = explorer.findings.new.values()
    path = tmp_path / f"{file_name(history)}.history.json"
    found = msgspec.json.decode(path.read_bytes())
    jsonschema.validate(found, schema("history-1.schema.json"))
    text = as_test(history, "http://127.0.0.1:1")
    compile(text, "pasted.py", "exec")
    assert "assert not broken, broken" in text


def test_a_legal_history_has_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(msgspec.json.encode(scenario([a.Text(hold="tools:1/enter"), a.Text(strategy="interrupt")])))
    assert main(["play", str(path), "--times", "2"]) == 0
    assert capsys.readouterr().out == "0 of 2 plays show a finding, the order of 0 was not judged\n"


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "fixtures" / "explored").glob("*.json")), ids=str)
def test_what_showed_a_fault_of_a_server_is_legal_on_the_mock(path: Path) -> None:
    assert main(["play", str(path)]) == 0


def test_the_profile_of_langgraph_dev_declares_its_finding() -> None:
    joined = Reading("result", "A", "error", 0, 1, "error from join of run A")
    verdict = Verdict("illegal", law="result", broken=joined)
    assert key_of(verdict) == "result: `error`"
    findings = Findings(None, load("langgraph-api"))
    assert not findings.count(verdict)
    assert findings.declared[key_of(verdict)].startswith("The join of a run that has ended")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["explore", "--for", "soon"], "--for: `soon` is not a time such as 90s, 5m or 1h"),
        (["explore", "--deployment-url", "here"], "--deployment-url: `here` is not of the form"),
        (["explore", "--jobs", "0"], "--conformance-jobs: 0 is neither `auto` nor between 1 and 1000"),
        (["play", "missing.json"], "missing.json cannot be read: No such file or directory"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_line(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert reason in capsys.readouterr().err


def test_a_file_that_is_no_history_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.json"
    path.write_text("[]")
    assert main(["play", str(path)]) == 2
    assert "is neither a history nor a scenario" in capsys.readouterr().err


def test_a_folder_with_a_wrong_history_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wrong.history.json").write_text("{}")
    assert main(["explore", "--report", str(tmp_path)]) == 2
    assert "wrong.history.json is not a history" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("texts", "same"),
    [
        (("create run A (reject): refused, HTTP 409", "create run C (reject): refused, HTTP 409"), True),
        (("create run A (reject): refused, HTTP 409", "create run A (enqueue): refused, HTTP 409"), False),
    ],
)
def test_findings_differ_by_their_law_and_shape_and_not_by_their_runs(texts: tuple[str, str], same: bool) -> None:
    keys = {
        key_of(Verdict("illegal", law="submit refused", broken=Operation("submit", "A", "refused", 0, 1, text)))
        for text in texts
    }
    assert (len(keys) == 1) == same
