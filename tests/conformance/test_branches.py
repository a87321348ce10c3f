"""Races: how often they are played, and the branches that their plays took."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from conformance.judge.branches import RACE_PLAYS, branch, branches, has_branches, needs_another
from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.report.report import Result
from conformance.report.summary import _replays
from conformance.requirements import registry
from conformance.scenarios.catalogue import catalogue
from conformance.session.players import PlayPool
from conformance.transcript.transcript import Transcript
from tests.conformance.plays import SUITE, edited, run_status, target_at
from tests.conformance.twins.edits import TOOLS

ROOT = Path(__file__).parents[2]
RACE = "interrupt/finishing/create/unwatched"
SCENARIOS = {scenario.id: scenario for scenario in catalogue()}


@pytest.mark.parametrize("real", [True, False], ids=["a-real-deployment", "the-embedded-mock"])
def test_a_race_is_played_within_a_budget(real: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = PlayPool(suite=SUITE, jobs=1, witness_host=None)
    pool.start()
    try:
        url = pool.embed_mock()
        # A mock that the pool has not embedded itself is a deployment like any other.
        if real:
            monkeypatch.setattr(pool, "_embedded", set())
        transcript = pool.transcript(target_at(url), SCENARIOS[RACE])
    finally:
        pool.stop()
    verdict = judge(registry.load().get("INT-17"), Play(transcript), NOTHING_DECLARED)
    assert verdict.word == "PASS"
    # The mock takes one branch only, unless the machine is very busy.
    assert verdict.plays == sum(verdict.branches.values() or [1])
    assert (verdict.plays > 1) == real
    assert verdict.plays <= RACE_PLAYS


def test_a_race_is_played_until_two_branches_were_met(plays: Mapping[str, Transcript]) -> None:
    met = Play(plays[RACE])
    other = Play(edited(plays[RACE], run_status("A", "interrupted")))
    assert [branch(met), branch(other)] == ["A success", "A interrupted"]
    assert branches([met, other, met]) == {"A interrupted": 1, "A success": 2}
    assert needs_another([met] * (RACE_PLAYS - 1))
    assert not needs_another([met] * RACE_PLAYS)
    assert not needs_another([met, other])


def test_only_races_between_two_are_repeated(plays: Mapping[str, Transcript]) -> None:
    assert branch(Play(plays[TOOLS])) is None
    assert not needs_another([Play(plays[TOOLS])])
    assert {name.split("/")[1] for name in SCENARIOS if has_branches(SCENARIOS[name])} == {"at-once", "finishing"}


def test_every_branch_is_judged_and_counted(plays: Mapping[str, Transcript]) -> None:
    wrong = edited(plays[RACE], run_status("A", "cancelled"))
    transcript = msgspec.structs.replace(plays[RACE], earlier=(plays[RACE], wrong))
    verdict = judge(registry.load().get("RUN-01"), Play(transcript), NOTHING_DECLARED)
    assert (verdict.word, verdict.branches) == ("FAIL", {"A cancelled": 1, "A success": 2})
    assert verdict.reason.startswith("in play 2 of 3: ")


def test_the_summary_says_how_often_each_branch_was_met() -> None:
    result = Result(
        requirement="INT-17",
        level="MUST",
        scenario=RACE,
        verdict="PASS",
        reason="",
        plays=4,
        branches={"A interrupted": 1, "A success": 3},
    )
    note = f"race {RACE}: A interrupted in 1, A success in 3 of 4"
    assert _replays([result]) == [note]
    assert note in (ROOT / "docs" / "explanation" / "why-no-sleeps.md").read_text("utf-8")
