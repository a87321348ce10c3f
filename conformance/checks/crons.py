"""CRN: crons on a thread, and the runs that they create."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from conformance.api import GONE, LABEL_KEY, objects
from conformance.checks.common import expect_each_answered, expect_order, status_word
from conformance.judge.check import check
from conformance.judge.expect import Unproven, all_facts, declare, expect
from conformance.judge.messages import text_of
from conformance.judge.play import Exchange, Play, status_text
from conformance.judge.queries import answer, asked, has, items, page, queries
from conformance.judge.requests import status_of
from conformance.judge.shapes import instant
from conformance.scenarios import moves as s
from conformance.transcript.text import snippet

NO_CRONS = (404, 405, 501)
"""The statuses with which a deployment without crons answers their endpoints."""


@check("CRN-01")
@all_facts
def cron_keeps_its_strategy(play: Play) -> None:
    """CRN-01: compare the strategy and thread that a cron reports with what was sent."""
    thread = play.thread()
    for move in _crons_of(play):
        created = _created(play, move.label)
        see = play.last("create cron", move.label).sent
        listed = [one for one in _listed(play, 0) if one.get("cron_id") == created.get("cron_id")]
        expect(
            len(listed) == 1, f"the cron `{move.label}` once in the list of the thread's crons", f"{len(listed)}", see
        )
        # Both places count: a client that edits crons reads them from the list, not from the answer to the creation.
        for cron in (created, *listed):
            reported = cron.get("thread_id")
            expect(
                reported == thread, f"thread_id `{thread}` in the cron `{move.label}`", f"`{snippet(reported)}`", see
            )
            payload = cron.get("payload")
            kept = payload.get("multitask_strategy") if isinstance(payload, dict) else None
            # A cron without a strategy may report none, or the documented default.
            expect(
                kept == move.strategy or (move.strategy is None and kept == "enqueue"),
                f"multitask_strategy `{snippet(move.strategy)}` in the cron `{move.label}`, as it was sent",
                f"`{snippet(kept)}`",
                see,
            )


@check("CRN-02")
@all_facts
def cron_follows_its_strategy(play: Play) -> None:
    """CRN-02: compare the end of run A with `interrupted`, and the cron's run B with one that starts after it."""
    _created(play, "B")
    began = play.began("B")
    # A deployment may accept crons although its scheduler is off. Then nothing shows how a cron's run would behave.
    if began is None:
        raise Unproven(
            "the cron did not create a run that reported to the witness in time. Check that the deployment's cron "
            "scheduler is running",
            play.last("create cron", "B").sent,
        )
    late = [trace for trace in play.steps("A") if trace.enter < began < trace.last]
    expected = "no step of the cron's run B before the step of run A had stopped"
    expect(not late, expected, "run A was still executing", began, *(trace.last for trace in late[:1]))
    status = play.final_status("A")
    see = play.last("final run", "run A").sent
    expect(status == "interrupted", "run A to be interrupted by the cron's run B", status_word(status), see)
    # Read by hand: B is created by the cron, so the play has no submission of it that `final_status` could require.
    own = _status(play.last("final run", "run B"))
    # A cron that is due again before it is deleted interrupts its own run, as its strategy says.
    if own == "interrupted" and _fired_again(play):
        return
    expect(
        own == "success", "the cron's run B to end `success`", status_word(own), play.last("final run", "run B").sent
    )


@check("CRN-03")
@all_facts
def wrong_cron_is_refused(play: Play) -> None:
    """CRN-03: compare the answer to every invalid cron with a 4xx, and look for it in the list."""
    # A 404 from a deployment without crons is a 4xx too, and would pass without this.
    _require_crons(play.exchanges_for("ask")[:1])
    expect_each_answered(play, "a 4xx answer", lambda _, exchange: 400 <= status_of(exchange) < 500)
    left = _listed(play, -1)
    see = play.last("list crons", s.MAIN).sent
    expect(not left, "no cron on the thread after every creation was refused", f"crons in its list: {len(left)}", see)


@check("CRN-04")
@all_facts
def deleted_cron_is_gone(play: Play) -> None:
    """CRN-04: look in the list of the thread's crons for one that was deleted."""
    for move in _crons_of(play):
        _created(play, move.label)
        exchange = play.last("delete cron", move.label)
        expect(
            exchange.ok, f"a 2xx answer to the deletion of the cron `{move.label}`", exchange.outcome(), exchange.sent
        )
    # The scenario deletes all of its crons, and its thread is new, so the list has to be empty.
    left = _listed(play, -1)
    see = play.last("list crons", s.MAIN).sent
    expect(not left, "no cron in the thread's list after all were deleted", f"crons in its list: {len(left)}", see)


@check("CRN-05", premises=())
def crons_are_listed_by_filter(play: Play) -> None:
    """CRN-05: compare every list of crons with the part of the whole list with its options, and with its order."""
    due = [_created(play, move.label).get("cron_id") for move in _crons_of(play)]
    whole = _whole_list(play)
    got = [one.get("cron_id") for one in whole]
    see = play.exchanges_for("filter crons")[0].sent
    # CRN-01 and SHP-04 judge the answer to the creation.
    if None in due:
        raise Unproven("the creation of a cron was answered without a cron_id, so its entry in a list is unknown", see)
    expect(sorted(map(snippet, got)) == sorted(map(snippet, due)), f"the crons {snippet(due)}", snippet(got), see)
    # Two crons that were created at the same time have no defined order.
    times = {snippet(one.get("created_at")) for one in whole}
    for exchange, options in queries(play, "filter crons"):
        if isinstance(field := options.get("sort_by"), str):
            expect_order(exchange, field, descending=options.get("sort_order") == "desc")
        fitting = _fitting(whole, options)
        ids = [one.get("cron_id") for one in page(fitting, options)]
        found = [one.get("cron_id") for one in items(exchange)]
        cut = len(ids) < len(fitting)
        same = sorted(map(snippet, found)) == sorted(map(snippet, ids)) if not cut else found == ids
        expect(
            same or (cut and len(times) < len(whole)),
            f"the crons {snippet(ids)} for {asked(exchange)}",
            snippet(found),
            exchange.sent,
        )


@check("CRN-06", premises=())
def crons_are_counted(play: Play) -> None:
    """CRN-06: compare every count of crons with the number of fitting entries of the whole list."""
    for move in _crons_of(play):
        _created(play, move.label)
    whole = _whole_list(play)
    for exchange, options in queries(play, "count crons"):
        due, got = len(_fitting(whole, options)), answer(exchange)
        expect(got == due, f"{due} for {asked(exchange)}", snippet(got), exchange.sent)


def _fitting(whole: list[dict[str, Any]], options: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        one
        for one in whole
        if options.get("thread_id") in (None, one.get("thread_id"))
        and has(one.get("metadata"), options.get("metadata"))
    ]


def _whole_list(play: Play) -> list[dict[str, Any]]:
    """Return the crons of the thread, oldest first. It is the first list that the scenario reads."""
    for exchange, _ in queries(play, "filter crons"):
        return items(exchange)
    return []


@check("CRN-10")
def next_run_is_that_of_the_schedule(play: Play) -> None:
    """CRN-10: compare the `next_run_date` of every cron with the next moment of its schedule, which is New Year."""
    for move in _crons_of(play):
        created = _created(play, move.label)
        listed = [one for one in _listed(play, 0) if one.get("cron_id") == created.get("cron_id")]
        for cron in (created, *listed):
            shown = cron.get("next_run_date")
            # The field may be null or left out. SHP-04 judges a value that is no time.
            moment = instant(shown)
            if moment is None:
                continue
            utc = moment.astimezone(UTC)
            expect(
                (utc.month, utc.day, utc.hour, utc.minute) == (1, 1, 0, 0),
                f"the beginning of a year in UTC as next_run_date of the cron `{move.label}`, with the schedule of "
                f"1 January",
                f"`{snippet(shown)}`",
                play.last("create cron", move.label).sent,
            )
            made = instant(cron.get("created_at"))
            expect(
                made is None or moment > made,
                f"a next_run_date of the cron `{move.label}` after its created_at, {snippet(cron.get('created_at'))}",
                f"`{snippet(shown)}`",
                play.last("create cron", move.label).sent,
            )


@check("CRN-15")
def next_run_is_shown(play: Play) -> None:
    """CRN-15: look for the `next_run_date` in every list of the enabled crons, which are due at New Year."""
    crons = [cron for exchange in play.exchanges_for("list crons", s.MAIN) for cron in objects(exchange.body)]
    if not crons:
        _require_crons(play.exchanges_for("create cron"))
        raise Unproven("no list has a cron")
    for cron in crons:
        shown = cron.get("next_run_date")
        expected = f"a next_run_date of the cron {snippet(cron.get('cron_id'))}, which is enabled"
        see = play.last("list crons", s.MAIN).sent
        expect(cron.get("enabled") is False or shown is not None, expected, f"`{snippet(shown)}`", see)


@check("CRN-11")
def run_of_a_cron_is_as_ordered(play: Play) -> None:
    """CRN-11: compare the strategy, the metadata and the input of the cron's run B with those of the cron."""
    _created(play, "B")
    exchange = play.last("final run", "run B")
    run = exchange.body if isinstance(exchange.body, dict) else {}
    if not run:
        raise Unproven("the cron's run B could not be read", exchange.sent)
    [cron] = _crons_of(play)
    metadata, kwargs = run.get("metadata"), run.get("kwargs")
    order = kwargs.get("input") if isinstance(kwargs, dict) else None
    facts: dict[str, tuple[object, object]] = {}
    # SHP-01 judges a run without these fields, and ECH-01 has the form of `kwargs`, which a deployment need not show.
    if "multitask_strategy" in run:
        facts["multitask_strategy"] = (cron.strategy, run["multitask_strategy"])
    if isinstance(metadata, dict):
        facts["metadata.doubletext_label"] = ("B", metadata.get(LABEL_KEY))
    if isinstance(order, dict):
        texts = [text_of(message.get("content")) for message in objects(order.get("messages"))]
        facts["kwargs.input"] = ([cron.text], texts)
    if not facts:
        raise Unproven("the cron's run B shows no strategy, no metadata and no input", exchange.sent)
    wrong = {name: found for name, (due, found) in facts.items() if due != found}
    expect(
        not wrong,
        "the run of the cron with the " + ", ".join(f"{name} `{snippet(facts[name][0])}`" for name in wrong or facts),
        ", ".join(f"{name} `{snippet(found)}`" for name, found in wrong.items()),
        exchange.sent,
    )


@check("CRN-14")
@all_facts
def little_is_enough(play: Play) -> None:
    """CRN-14: compare the answers to a cron without a thread, and to one without input, with 2xx."""
    asked_for = {move: play.last("create cron", move.label) for move in _crons_of(play)}
    # The other cron shows whether the deployment has crons at all.
    if not any(exchange.ok for exchange in asked_for.values()):
        _require_crons(list(asked_for.values()))
    for move, exchange in asked_for.items():
        what = "input" if move.bare else "a thread"
        expect(exchange.ok, f"a 2xx answer to a cron without {what}", exchange.outcome(), exchange.sent)


def _crons_of(play: Play) -> list[s.CreateCron]:
    return [move for move in play.scenario.moves if isinstance(move, s.CreateCron)]


def _created(play: Play, label: str) -> dict[str, Any]:
    """Return the cron in the answer to its creation. Raise Unproven when it was not created."""
    _require_crons(play.exchanges_for("create cron", label)[-1:])
    body: dict[str, Any] = play.body("create cron", label, dict)
    return body


def _require_crons(exchanges: list[Exchange]) -> None:
    """Raise Unproven when the deployment seems to have no crons, which is not a fault."""
    for exchange in exchanges:
        if exchange.response is not None and exchange.response.status in NO_CRONS:
            raise Unproven(
                f"the deployment seems to have no crons ({exchange.outcome()}). If so, {declare('cron/*')}",
                exchange.sent,
            )


def _listed(play: Play, position: int) -> list[dict[str, Any]]:
    """Return the crons of the thread in the first list (position 0) or in the last (position -1)."""
    lists = play.exchanges_for("list crons", s.MAIN)
    if not lists or not isinstance(lists[position].body, list):
        raise Unproven("the record has no usable list of the thread's crons")
    return [one for one in lists[position].body if isinstance(one, dict)]


def _fired_again(play: Play) -> bool:
    """Return whether a list of the thread's runs has a run that no move of the scenario created."""
    lists = (*play.exchanges_for("final runs", s.MAIN), *play.exchanges_for("cron runs"))
    ours = [play.run_id(label) for label in "AB"]
    return any(run.get("run_id") not in ours for exchange in lists for run in objects(exchange.body))


def _status(exchange: Exchange) -> str:
    """Return the status in the answer to a GET of a run. A 404 reads as `gone`."""
    if exchange.response is not None and exchange.response.status == 404:
        return GONE
    return status_text(exchange.body.get("status") if isinstance(exchange.body, dict) else None)
