from itertools import product
from typing import get_args

import pytest

from mockserver.core.lifecycle import (
    RUN_STATUSES,
    RUN_TRANSITIONS,
    TERMINAL,
    IllegalTransitionError,
    RunEvent,
    after,
    thread_status,
)
from mockserver.vocabulary import RunStatus, ThreadStatus

EVERY = list(product(RUN_STATUSES, get_args(RunEvent)))


@pytest.mark.parametrize(("status", "event"), EVERY)
def test_each_event_in_each_status_moves_on_or_is_illegal(status: RunStatus, event: RunEvent) -> None:
    expected = {
        ("pending", "start"): "running",
        ("pending", "stop"): "interrupted",
        ("running", "succeed"): "success",
        ("running", "fail"): "error",
        ("running", "time_out"): "timeout",
        ("running", "stop"): "interrupted",
    }.get((status, event))
    if expected is not None:
        assert after(status, event) == expected
        return
    with pytest.raises(IllegalTransitionError, match=f"a run that is {status} cannot {event}"):
        after(status, event)


def test_nothing_leads_out_of_a_terminal_status_and_every_status_is_reached() -> None:
    assert {status for status, _ in RUN_TRANSITIONS}.isdisjoint(TERMINAL)
    assert {"pending", *RUN_TRANSITIONS.values()} == set(get_args(RunStatus)) == set(RUN_STATUSES)


@pytest.mark.parametrize(
    ("in_flight", "failed", "unfinished", "expected"),
    [
        (True, True, True, "busy"),
        (True, True, False, "busy"),
        (True, False, True, "busy"),
        (True, False, False, "busy"),
        (False, True, True, "error"),
        (False, True, False, "error"),
        (False, False, True, "interrupted"),
        (False, False, False, "idle"),
    ],
)
def test_the_status_of_a_thread_follows_from_three_facts(
    in_flight: bool, failed: bool, unfinished: bool, expected: ThreadStatus
) -> None:
    assert thread_status(in_flight=in_flight, failed=failed, unfinished=unfinished) == expected
