from __future__ import annotations

import msgspec

from conformance.explore import actions as a
from conformance.explore.arrange import scenario
from conformance.explore.generate import history_of, scenario_of
from conformance.scenarios import moves as s
from conformance.scenarios.scenario import Scenario


def test_a_seed_gives_the_same_histories_again() -> None:
    series = [[history_of(seed, number) for number in range(6)] for seed in (5, 5, 6)]
    assert series[0] == series[1] != series[2]
    assert len({str(history) for history in series[0]}) == 6


def test_a_history_is_a_scenario_that_is_json_and_comes_to_an_end() -> None:
    for number in range(20):
        made = scenario_of(history_of(2, number), 2, number)
        assert msgspec.json.decode(msgspec.json.encode(made), type=Scenario) == made
        runs = {submit.label for submit in made.all_submits}
        assert {move.label for move in made.moves if isinstance(move, s.AwaitEnd)} == runs
        # Every message names its run, so no two runs ask the same.
        texts = [submit.text for submit in made.all_submits if submit.answers is None]
        assert len(set(texts)) == len(texts)


def test_every_second_history_holds_no_run() -> None:
    moves = [move for number in range(1, 20, 2) for move in scenario_of(history_of(2, number), 2, number).requests]
    assert [move for move in moves if isinstance(move, s.Submit) and move.hold] == []


def test_overlaps_are_common() -> None:
    made = [scenario_of(history_of(1, number), 1, number) for number in range(0, 100, 2)]
    stopping = [one for one in made if any(isinstance(move, s.AwaitSuperseded) for move in one.moves)]
    assert len(stopping) > len(made) / 6


def test_a_superseding_run_waits_for_the_stop_of_the_run_that_is_held() -> None:
    made = scenario([a.Text(hold="tools:1/enter"), a.Text(strategy="interrupt", hold="agent:1/enter")])
    kinds = [type(move).__name__ for move in made.moves]
    assert kinds[:5] == ["Submit", "AwaitPoint", "Submit", "AwaitSuperseded", "AwaitPoint"]


def test_an_action_that_makes_no_sense_has_no_moves() -> None:
    made = scenario([a.Leave(), a.Stop(), a.Let(), a.Join(), a.Reply(), a.Remove(), a.StopAll()])
    assert [type(move).__name__ for move in made.moves] == ["Release", "ReadState"]
