from itertools import product

import pytest

from mockserver.core.strategies import DECISIONS, PHASES, STRATEGIES, Decision, Phase, decide
from mockserver.vocabulary import Strategy


def test_a_decision_stands() -> None:
    decision = decide("reject", {})
    with pytest.raises(AttributeError):
        decision.accepted = False  # type: ignore[misc]


def test_the_table_decides_every_case() -> None:
    assert set(DECISIONS) == set(product(STRATEGIES, PHASES))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_on_an_idle_thread_every_strategy_is_a_plain_run(strategy: Strategy) -> None:
    assert decide(strategy, {}) == Decision(accepted=True)


@pytest.mark.parametrize("phase", PHASES)
def test_enqueue_touches_nobody(phase: Phase) -> None:
    assert decide("enqueue", {"a": phase, "b": "pending"}) == Decision(accepted=True)


@pytest.mark.parametrize("phase", PHASES)
def test_reject_refuses_whatever_is_in_flight_and_touches_nobody(phase: Phase) -> None:
    assert decide("reject", {"a": phase}) == Decision(accepted=False)


def test_interrupt_stops_all_that_is_in_flight() -> None:
    decision = decide("interrupt", {"a": "running", "b": "pending", "c": "pending"})
    assert decision == Decision(accepted=True, fates={"a": "stop", "b": "stop", "c": "stop"})


def test_rollback_erases_all_that_is_in_flight() -> None:
    decision = decide("rollback", {"a": "running", "b": "pending"})
    assert decision == Decision(accepted=True, fates={"a": "erase", "b": "erase"})


@pytest.mark.parametrize("strategy", ["interrupt", "rollback"])
def test_a_run_that_is_stopping_keeps_its_first_fate(strategy: Strategy) -> None:
    assert decide(strategy, {"a": "stopping"}) == Decision(accepted=True)
