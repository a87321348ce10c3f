"""ERR: what comes of requests that are wrong. Each request of a play is judged by itself, and named where it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conformance.checks import Check
from conformance.checks.common import conversation_is_legal, status_word
from conformance.judge.expect import Broken, Unproven, expect
from conformance.judge.play import Exchange, Play
from conformance.scenarios import scenario as s

SHOWN = 6
"""Requests that a failure names; the others are counted."""


def refused(*faults: s.Fault) -> Check:
    """ERR-01, 04, 09, 10, 12 and 13: requests with these faults are refused. That none crashes is ERR-08's business."""
    return lambda play: _each(play, "a refusal", lambda _, e: _status(e) >= 400, *faults)


def not_found(fault: s.Fault) -> Check:
    """ERR-02 and ERR-14: what is asked for does not exist."""
    return lambda play: _each(play, "404", lambda _, e: _status(e) == 404, fault)


def unknown_assistant_is_refused(play: Play) -> None:
    """ERR-03."""

    def fair(ask: s.Ask, exchange: Exchange) -> bool:
        by_id = "assistant id that nobody has" in ask.what
        return _status(exchange) == 404 if by_id else _status(exchange) >= 400

    _each(play, "404 for an unknown id and a refusal of what is no assistant", fair, "assistant")


def valid_request_never_fails(play: Play) -> None:
    """ERR-06."""
    answered = [e for e in play.exchanges if e.response is not None and e.request.purpose != "ask"]
    if not answered:
        raise Unproven("nothing was ever answered")
    for exchange in answered:
        expect(
            _status(exchange) < 500,
            f"no failure of the server at a request that is right (`{exchange.request.purpose}`)",
            exchange.outcome(),
            exchange.asked,
        )


def invalid_is_422(play: Play) -> None:
    """ERR-07. An assistant or a thread that does not exist is another matter, and so is what was not refused at all."""

    def fair(ask: s.Ask, exchange: Exchange) -> bool:
        exists = ask.what.endswith("the id of a thread that there is")
        return _status(exchange) == (409 if exists else 422) or not 400 <= _status(exchange) < 500

    _each(play, "422", fair, "strategy", "id", "json", "field", "query", "bulk")


def wrong_request_never_fails(play: Play) -> None:
    """ERR-08."""
    _each(play, "any answer but a 5xx", lambda _, e: _status(e) < 500)


def refusal_leaves_nothing(play: Play) -> None:
    """ERR-11. Where a request was let in, what it did may be there: another requirement is for that."""
    posted = [exchange for _, exchange in _asked(play) if exchange.request.method == "POST"]
    let_in = [exchange for exchange in posted if exchange.ok or exchange.response is None]
    see = play.last("list runs", s.MAIN).asked
    listed = play.body("list runs", s.MAIN, list)
    ours = {play.run_id(submit.label) for submit in play.scenario.submits()}
    strangers = [run for run in listed if isinstance(run, dict) and run.get("run_id") not in ours]
    expect(
        len(strangers) <= len(let_in),
        "no run of a request that was refused",
        f"{len(strangers)} more in the list of runs, and {len(let_in)} requests that were not refused",
        see,
    )
    if let_in:
        return
    for submit in play.scenario.submits():
        status = play.final_status(submit.label)
        see = play.last("final run", f"run {submit.label}").asked
        expect(status == "success", f"run {submit.label} to succeed all the same", status_word(status), see)
    executed = play.reports(s.ASKED)
    expect(not executed, "no step of a run that was refused", "the witness saw one", *(r.seq for r in executed[:1]))
    conversation_is_legal(play)


def refusal_says_why(play: Play) -> None:
    """ERR-15."""

    def fair(_: s.Ask, exchange: Exchange) -> bool:
        body = exchange.response.body if exchange.response else None
        detail = body.get("detail") if isinstance(body, dict) else None
        return not 400 <= _status(exchange) < 500 or (isinstance(detail, str) and bool(detail.strip()))

    _each(play, 'a refusal of the form {"detail": "some text"}', fair)


def missing_thread_is_created(play: Play) -> None:
    """ERR-16."""
    on_it = play.scenario.submits(s.FRESH)
    for submit in on_it:
        submission = play.submission(submit.label)
        expected = f"run {submit.label} with if_not_exists=create to be accepted"
        expect(submission.ok, expected, submission.outcome(), submission.asked)
        status = play.final_status(submit.label)
        see = play.last("final run", f"run {submit.label}").asked
        expect(status == "success", f"run {submit.label} to succeed on the new thread", status_word(status), see)
    see = play.last("final thread", s.FRESH).asked
    told = play.final_thread(s.FRESH).get("thread_id")
    asked_for = play.transcript.threads[s.FRESH]
    expect(told == asked_for, f"the thread under the id that the client chose, {asked_for}", f"`{told}`", see)


Fair = Callable[[s.Ask, Exchange], bool]


def _each(play: Play, expected: str, fair: Fair, *faults: s.Fault) -> None:
    """Broken unless every request with one of `faults` (none given: every request) was answered fairly."""
    asked = [(ask, exchange) for ask, exchange in _asked(play) if not faults or ask.fault in faults]
    answered = [(ask, exchange) for ask, exchange in asked if exchange.response is not None]
    unfair = [(ask, exchange) for ask, exchange in answered if not fair(ask, exchange)]
    if unfair:
        named = "; ".join(f"{exchange.outcome()} for {ask.what}" for ask, exchange in unfair[:SHOWN])
        more = f"; and {len(unfair) - SHOWN} more" if len(unfair) > SHOWN else ""
        raise Broken(
            f"{expected} for each of {len(asked)} wrong requests",
            f"{len(unfair)} answered otherwise: {named}{more}",
            *(exchange.asked for _, exchange in unfair[:SHOWN]),
        )
    for ask, exchange in asked:
        if exchange.response is None:
            raise Unproven(f"no answer to {ask.what}: {exchange.outcome()}", exchange.asked)


def each_is_answered(play: Play, expected: str, fair: Callable[[int], bool]) -> None:
    """Broken unless the status of the answer to every wrong request is fair."""
    _each(play, expected, lambda _, exchange: fair(_status(exchange)))


def _asked(play: Play) -> list[tuple[s.Ask, Exchange]]:
    """Every wrong request with what came of it."""
    return [(move, play.last("ask", move.what)) for move in play.scenario.moves if isinstance(move, s.Ask)]


def _status(exchange: Exchange) -> int:
    return exchange.response.status if exchange.response is not None else 0


CHECKS: Mapping[str, Check] = {
    "ERR-01": refused("strategy"),
    "ERR-02": not_found("thread"),
    "ERR-03": unknown_assistant_is_refused,
    "ERR-04": refused("id"),
    "ERR-06": valid_request_never_fails,
    "ERR-07": invalid_is_422,
    "ERR-08": wrong_request_never_fails,
    "ERR-09": refused("json"),
    "ERR-10": refused("field"),
    "ERR-11": refusal_leaves_nothing,
    "ERR-12": refused("query"),
    "ERR-13": refused("bulk"),
    "ERR-14": not_found("unknown"),
    "ERR-15": refusal_says_why,
    "ERR-16": missing_thread_is_created,
}
