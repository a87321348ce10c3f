"""Every check holds on what the correct mock does, and fails on a record that was edited to break its rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.checks import all_checks
from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements import registry
from conformance.scenarios.catalogue import catalogue
from conformance.transcript.transcript import Transcript
from tests.conformance.plays import edited, run_status, says_something_else, unwitnessed
from tests.conformance.twins import all_twins
from tests.conformance.twins.edits import Twin, drop_reports

BOOK = registry.load()


@pytest.mark.parametrize("requirement", BOOK.requirements, ids=lambda r: r.id)
def test_the_correct_mock_passes(requirement: registry.Requirement, plays: dict[str, Transcript]) -> None:
    shown = [t for scenario, t in plays.items() if requirement.applies_to(scenario)]
    assert shown, "no scenario shows this requirement"
    verdicts = {t.scenario.id: judge(requirement, Play(t), NOTHING_DECLARED) for t in shown}
    assert {name: v for name, v in verdicts.items() if v.word != "PASS"} == {}


@pytest.mark.parametrize("case", all_twins(), ids=lambda t: f"{t.requirement}-{t.what}")
def test_a_broken_twin_is_found(case: Twin, plays: dict[str, Transcript]) -> None:
    requirement = BOOK.get(case.requirement)
    assert requirement.applies_to(case.scenario)
    verdict = judge(requirement, Play(edited(plays[case.scenario], *case.edits)), NOTHING_DECLARED)
    assert verdict.word == ("WARN" if requirement.level == "SHOULD" else "FAIL"), verdict
    assert case.fact in verdict.observed
    assert verdict.expected


def test_an_agent_that_is_too_old_is_told(plays: dict[str, Transcript]) -> None:
    found = plays["interrupt/in-subgraph/create/unwatched"]
    play = Play(edited(found, drop_reports("A"), run_status("A", "error")))
    verdict = judge(BOOK.get("INT-19"), play, NOTHING_DECLARED)
    assert verdict.word == "INCONCLUSIVE"
    assert "the probe agent that is deployed knows version 1 only" in verdict.reason


@pytest.mark.parametrize("requirement", BOOK.requirements, ids=lambda r: r.id)
def test_a_check_that_only_returns_would_be_found_out(
    requirement: registry.Requirement, plays: dict[str, Transcript], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its body replaced by `return` a test above fails: at a twin, or for a freedom at the correct mock."""
    monkeypatch.setattr("conformance.judge.judging.check_of", lambda _: lambda _: None)
    twins = [twin for twin in all_twins() if twin.requirement == requirement.id]
    assert any(_fails(test_a_broken_twin_is_found, twin, plays) for twin in twins) or _fails(
        test_the_correct_mock_passes, requirement, plays
    )


def _fails(test: Callable[..., None], *arguments: object) -> bool:
    try:
        test(*arguments)
    except AssertionError:
        return True
    return False


def test_every_requirement_has_a_broken_twin() -> None:
    assert {t.requirement for t in all_twins()} == {r.id for r in BOOK.requirements}


def test_every_requirement_has_a_check_and_every_check_a_requirement() -> None:
    assert set(all_checks()) == {r.id for r in BOOK.requirements}


def test_every_scenario_is_judged_by_something(plays: dict[str, Transcript]) -> None:
    unjudged = [name for name in plays if not any(r.applies_to(name) for r in BOOK.requirements)]
    assert unjudged == []


@pytest.fixture(scope="module")
def unseen(plays: dict[str, Transcript]) -> dict[str, Play]:
    """Every play as it is where the agent does not reach the witness."""
    return {name: Play(unwitnessed(transcript)) for name, transcript in plays.items()}


@pytest.mark.parametrize("requirement", BOOK.requirements, ids=lambda r: r.id)
def test_a_requirement_needs_the_witness_exactly_where_it_says_so(
    requirement: registry.Requirement, unseen: dict[str, Play]
) -> None:
    mine = [play for name, play in unseen.items() if requirement.applies_to(name)]
    words = {judge(requirement, play, NOTHING_DECLARED).word for play in mine}
    if requirement.needs == "witness":
        assert words == {"INCONCLUSIVE"}, (
            f"it is judged without the witness: say so, `needs` is `probe` or `any`, not {words}"
        )
    else:
        assert words in ({"PASS"}, {"PASS", "INCONCLUSIVE"}), (
            "it is not judged without: say needs = `witness`, or mend it"
        )


@pytest.mark.parametrize("requirement", BOOK.requirements, ids=lambda r: r.id)
def test_what_any_agent_will_do_for_is_shown_without_steering_it(requirement: registry.Requirement) -> None:
    shown = [scenario for scenario in catalogue() if requirement.applies_to(scenario.id)]
    assert requirement.needs != "any" or not all(scenario.steered for scenario in shown)


def test_what_any_agent_will_do_for_does_not_look_at_what_the_agent_says(unseen: dict[str, Play]) -> None:
    for play in unseen.values():
        mine = [r for r in BOOK.requirements if r.needs == "any" and r.applies_to(play.scenario.id)]
        other = Play(edited(play.transcript, says_something_else))
        for requirement in mine:
            words = [judge(requirement, each, NOTHING_DECLARED).word for each in (play, other)]
            assert words[0] == words[1], f"{requirement.id} in {play.scenario.id} needs the `probe` agent"
