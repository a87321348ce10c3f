"""HIL: a run that waits for a human, and how it is told from one that was superseded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance import scenarios as s
from conformance.checks import Check
from conformance.checks.common import settled
from conformance.checks.state import new_input_enters_at_the_start
from conformance.evidence import Exchange, Play
from conformance.findings import Unproven, expect
from conformance.statuses import TERMINAL


def pause_shows_in_the_thread(play: Play) -> None:
    """HIL-01."""
    thread, see = _while_parked(play)
    status, interrupts = thread.get("status"), thread.get("interrupts")
    expect(status == "interrupted", "the thread to be `interrupted` while it waits for a human", f"`{status}`", see)
    expect(bool(interrupts), "the open question in the thread's `interrupts`", f"`{interrupts}`", see)
    arrived = play.submission("B").asked
    last = [reading.status for reading in play.readings("A") if reading.told < arrived][-1:]
    expect(
        all(status in TERMINAL for status in last),
        "nothing in flight while the thread waits for a human",
        f"run A `{''.join(last)}`",
        see,
    )


def status_of_a_paused_run(play: Play) -> str:
    """HIL-02: the freedom taken."""
    _while_parked(play)
    arrived = play.submission("B").asked
    return str([reading.status for reading in play.readings("A") if reading.told < arrived][-1])


def nothing_waits_after_the_newcomer(play: Play) -> None:
    """HIL-03."""
    settled(play)
    if play.final_status("B") != "success":
        raise Unproven(f"run B did not end normally but `{play.final_status('B')}`")
    interrupts = play.final_thread().get("interrupts")
    expect(
        not interrupts,
        "no `interrupts` in the thread when run B has ended and nobody waits for a human",
        f"`{interrupts}`",
        play.last("final thread", s.MAIN).asked,
    )


def _while_parked(play: Play) -> tuple[dict[str, Any], int]:
    """The thread as it was read after A had parked and before B came, and where; Unproven without that."""
    if not any(report.outcome == "interrupted" for report in play.reports("A")):
        raise Unproven("the witness did not see run A call interrupt()")
    ended, arrived = play.ended("A"), play.submission("B").asked
    readings = [exchange for exchange in play.asked_for("look", s.MAIN) if _lies_between(exchange, ended, arrived)]
    if not readings or not isinstance(readings[-1].body, dict):
        raise Unproven("the thread was not read between the pause of run A and run B")
    return readings[-1].body, readings[-1].asked


def _lies_between(exchange: Exchange, since: int, until: int) -> bool:
    return exchange.over is not None and since < exchange.asked and exchange.over < until


CHECKS: Mapping[str, Check] = {
    "HIL-01": pause_shows_in_the_thread,
    "HIL-02": status_of_a_paused_run,
    "HIL-03": nothing_waits_after_the_newcomer,
    "HIL-04": new_input_enters_at_the_start,
}
