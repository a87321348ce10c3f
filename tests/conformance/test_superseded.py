"""The rules by which the checker leaves out orders, on histories of many runs at once."""

from __future__ import annotations

from dataclasses import replace

from conformance.histories.checker import check
from conformance.histories.history import History
from conformance.histories.transcribe import transcribe
from conformance.judge.play import Play
from tests.conformance.bursts import burst
from tests.conformance.plays import play

RUNS = 10


def history() -> History:
    return transcribe(Play(play([burst(RUNS)])[burst(RUNS).id]))


def test_a_burst_with_a_wrong_reading_is_decided() -> None:
    whole = history()
    assert check(whole).kind == "legal"
    statuses = [n for n, one in enumerate(whole.readings) if one.subject == "run status" and one.shown == "interrupted"]
    for number in statuses[:: len(statuses) // 8]:
        kinds = dict[str, str]()
        for shown in ("gone", "error"):
            wrong = replace(whole.readings[number], shown=shown, text="a wrong reading")
            changed = replace(whole, readings=(*whole.readings[:number], wrong, *whole.readings[number + 1 :]))
            kinds[shown] = check(changed).kind
        # The checker does not give up before every order was tried. A run that may be rolled back can be gone.
        assert kinds["gone"] in ("legal", "illegal")
        assert kinds["error"] == "illegal"


def test_an_error_of_the_server_is_what_no_order_explains() -> None:
    whole = history()
    number = next(n for n, one in enumerate(whole.operations) if one.act == "cancel" and one.closes is not None)
    failed = replace(whole.operations[number], answer="failed")
    operations = (*whole.operations[:number], failed, *whole.operations[number + 1 :])
    verdict = check(replace(whole, operations=operations))
    assert (verdict.kind, verdict.law, verdict.broken) == ("illegal", "cancel failed", failed)
