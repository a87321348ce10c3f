"""CRN: crons on a thread, and the runs that they ask for."""

from __future__ import annotations

from typing import Any

from conformance.api import GONE
from conformance.checks.common import expect_each_answered, status_word
from conformance.judge.check import check
from conformance.judge.expect import Unproven, expect
from conformance.judge.play import Exchange, Play, status_text
from conformance.judge.requests import status_of
from conformance.scenarios import moves as s

NO_CRONS = (404, 405, 501)
"""What a deployment answers that does not have crons."""


@check("CRN-01")
def cron_keeps_its_strategy(play: Play) -> None:
    """CRN-01: compare the strategy and thread that a cron reports with what was sent."""
    thread = play.transcript.threads[s.MAIN]
    for move in _crons_of(play):
        made = _made(play, move.label)
        see = play.last("create cron", move.label).sent
        listed = [one for one in _listed(play, 0) if one.get("cron_id") == made.get("cron_id")]
        expect(len(listed) == 1, f"the cron `{move.label}` in the list of the thread's", f"{len(listed)} of it", see)
        for told in (made, *listed):
            expect(told.get("thread_id") == thread, "a cron to tell its thread", f"`{told.get('thread_id')}`", see)
            payload = told.get("payload")
            kept = payload.get("multitask_strategy") if isinstance(payload, dict) else None
            expect(
                kept == move.strategy or (move.strategy is None and kept == "enqueue"),
                f"the cron that was asked for with the strategy `{move.strategy}` to keep it",
                f"`{kept}`",
                see,
            )


@check("CRN-02")
def cron_follows_its_strategy(play: Play) -> None:
    """CRN-02: compare the end of run A with `interrupted`, and the cron's run B with one that starts after it."""
    _made(play, "B")
    began = play.began("B")
    if began is None:
        raise Unproven("the cron was not seen to fire", play.last("create cron", "B").sent)
    late = [trace for trace in play.steps("A") if trace.enter < began < trace.last]
    expected = "no step of the cron's run B before the step of run A had stopped"
    expect(not late, expected, "run A was still executing", began, *(trace.last for trace in late[:1]))
    status = play.final_status("A")
    see = play.last("final run", "run A").sent
    expect(status == "interrupted", "run A to be interrupted by the cron's run", status_word(status), see)
    told = _status(play.last("final run", "run B"))
    expect(told == "success", "the cron's run B to succeed", status_word(told), play.last("final run", "run B").sent)


@check("CRN-03")
def wrong_cron_is_refused(play: Play) -> None:
    """CRN-03: compare the answer to every wrong cron with a 4xx, and look for it in the list."""
    _offered(play.exchanges_for("ask")[:1])
    expect_each_answered(play, "a 4xx answer", lambda _, exchange: 400 <= status_of(exchange) < 500)
    left = _listed(play, -1)
    see = play.last("list crons", s.MAIN).sent
    expect(not left, "no cron of a request that was refused", f"{len(left)} on the thread", see)


@check("CRN-04")
def deleted_cron_is_gone(play: Play) -> None:
    """CRN-04: look in the list of the thread's crons for one that was deleted."""
    for move in _crons_of(play):
        _made(play, move.label)
        exchange = play.last("delete cron", move.label)
        expect(exchange.ok, f"the cron `{move.label}` to be deleted", exchange.outcome(), exchange.sent)
    left = _listed(play, -1)
    see = play.last("list crons", s.MAIN).sent
    expect(not left, "no cron in the list of the thread's", f"{len(left)}", see)


def _crons_of(play: Play) -> list[s.CreateCron]:
    return [move for move in play.scenario.moves if isinstance(move, s.CreateCron)]


def _made(play: Play, label: str) -> dict[str, Any]:
    """Return the cron as the answer to its creation has it. Raise Unproven when it was not created."""
    _offered(play.exchanges_for("create cron", label)[-1:])
    body: dict[str, Any] = play.body("create cron", label, dict)
    return body


def _offered(exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        if exchange.response is not None and exchange.response.status in NO_CRONS:
            why = f"the deployment seems to have no crons ({exchange.outcome()}); if so, declare CRN absent"
            raise Unproven(why, exchange.sent)


def _listed(play: Play, position: int) -> list[dict[str, Any]]:
    """The crons of the thread when they were listed for the first time (0) or the last (-1)."""
    lists = play.exchanges_for("list crons", s.MAIN)
    if not lists or not isinstance(lists[position].body, list):
        raise Unproven("the crons of the thread were not listed")
    return [one for one in lists[position].body if isinstance(one, dict)]


def _status(exchange: Exchange) -> str:
    if exchange.response is not None and exchange.response.status == 404:
        return GONE
    return status_text(exchange.body.get("status") if isinstance(exchange.body, dict) else None)
