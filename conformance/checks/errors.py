"""ERR: what comes of requests that are wrong. Each request of a play is judged by itself, and named where it fails."""

from __future__ import annotations

from conformance.checks.common import expect_each_answered, expect_legal_conversation, status_word
from conformance.judge.check import check
from conformance.judge.expect import Unproven, expect
from conformance.judge.play import Exchange, Play
from conformance.judge.requests import status_of, wrong_requests
from conformance.scenarios import moves as s


@check("ERR-01")
def unknown_strategy_is_refused(play: Play) -> None:
    """ERR-01: compare the answer to every unknown strategy with a refusal."""
    _expect_refusals(play, "strategy")


@check("ERR-02")
def missing_thread_is_not_found(play: Play) -> None:
    """ERR-02: compare the answer to every run on a thread that does not exist with 404."""
    expect_each_answered(play, "404", lambda _, e: status_of(e) == 404, "thread")


@check("ERR-03")
def unknown_assistant_is_refused(play: Play) -> None:
    """ERR-03: compare the answer to every unknown assistant with 404 for a UUID, else with a refusal."""

    def fair(ask: s.Ask, exchange: Exchange) -> bool:
        by_id = "assistant id that nobody has" in ask.what
        return status_of(exchange) == 404 if by_id else status_of(exchange) >= 400

    expect_each_answered(play, "404 for an unknown id and a refusal of what is no assistant", fair, "assistant")


@check("ERR-04")
def malformed_id_is_refused(play: Play) -> None:
    """ERR-04: compare the answer to every id that is not a UUID with a refusal."""
    _expect_refusals(play, "id")


@check("ERR-06")
def valid_request_never_fails(play: Play) -> None:
    """ERR-06: look for a 5xx answer to a request that is right."""
    answered = [e for e in play.exchanges if e.response is not None and not e.serves("ask")]
    if not answered:
        raise Unproven("nothing was ever answered")
    for exchange in answered:
        expect(
            status_of(exchange) < 500,
            f"no failure of the server at a request that is right (`{exchange.request.purpose}`)",
            exchange.outcome(),
            exchange.sent,
        )


@check("ERR-07")
def invalid_is_422(play: Play) -> None:
    """ERR-07: compare every refusal of an invalid request with 422.

    Requests with an unknown assistant or thread are not judged here, nor those that were not refused at all.
    """

    def fair(ask: s.Ask, exchange: Exchange) -> bool:
        exists = ask.what.endswith("the id of a thread that there is")
        return status_of(exchange) == (409 if exists else 422) or not 400 <= status_of(exchange) < 500

    expect_each_answered(play, "422", fair, "strategy", "id", "json", "field", "query", "bulk")


@check("ERR-08")
def wrong_request_never_fails(play: Play) -> None:
    """ERR-08: look for a 5xx answer to a request that is wrong or strange."""
    expect_each_answered(play, "any answer but a 5xx", lambda _, e: status_of(e) < 500)


@check("ERR-09")
def body_that_is_not_the_object_is_refused(play: Play) -> None:
    """ERR-09: compare the answer to every body that is not the right JSON object with a refusal."""
    _expect_refusals(play, "json")


@check("ERR-10")
def wrong_field_is_refused(play: Play) -> None:
    """ERR-10: compare the answer to every wrong field of a body with a refusal."""
    _expect_refusals(play, "field")


@check("ERR-11")
def refusal_leaves_nothing(play: Play) -> None:
    """ERR-11: look for a run, step or message of a refused request, and compare the other runs' ends with `success`.

    A request that was accepted may have had its effect. Another requirement is for that.
    """
    posted = [exchange for _, exchange in wrong_requests(play) if exchange.request.method == "POST"]
    let_in = [exchange for exchange in posted if exchange.ok or exchange.response is None]
    see = play.last("list runs", s.MAIN).sent
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
        see = play.last("final run", f"run {submit.label}").sent
        expect(status == "success", f"run {submit.label} to succeed all the same", status_word(status), see)
    executed = play.reports(s.ASKED)
    expect(not executed, "no step of a run that was refused", "the witness saw one", *(r.seq for r in executed[:1]))
    expect_legal_conversation(play)


@check("ERR-12")
def wrong_query_is_refused(play: Play) -> None:
    """ERR-12: compare the answer to every wrong query parameter with a refusal."""
    _expect_refusals(play, "query")


@check("ERR-13")
def incomplete_bulk_cancel_is_refused(play: Play) -> None:
    """ERR-13: compare the answer to every incomplete bulk cancel with a refusal."""
    _expect_refusals(play, "bulk")


@check("ERR-14")
def what_does_not_exist_is_not_found(play: Play) -> None:
    """ERR-14: compare the answer to every request for an unknown thread or run with 404."""
    expect_each_answered(play, "404", lambda _, e: status_of(e) == 404, "unknown")


@check("ERR-15")
def refusal_says_why(play: Play) -> None:
    """ERR-15: compare the body of every refusal with {"detail": text}."""

    def fair(_: s.Ask, exchange: Exchange) -> bool:
        body = exchange.response.body if exchange.response else None
        detail = body.get("detail") if isinstance(body, dict) else None
        return not 400 <= status_of(exchange) < 500 or (isinstance(detail, str) and bool(detail.strip()))

    expect_each_answered(play, 'a refusal of the form {"detail": "some text"}', fair)


@check("ERR-16")
def missing_thread_is_created(play: Play) -> None:
    """ERR-16: compare every run with if_not_exists=create with `success`, and its thread with the id that was sent."""
    on_it = play.scenario.submits(s.FRESH)
    for submit in on_it:
        submission = play.submission(submit.label)
        expected = f"run {submit.label} with if_not_exists=create to be accepted"
        expect(submission.ok, expected, submission.outcome(), submission.sent)
        status = play.final_status(submit.label)
        see = play.last("final run", f"run {submit.label}").sent
        expect(status == "success", f"run {submit.label} to succeed on the new thread", status_word(status), see)
    see = play.last("final thread", s.FRESH).sent
    told = play.final_thread(s.FRESH).get("thread_id")
    asked_for = play.transcript.threads[s.FRESH]
    expect(told == asked_for, f"the thread under the id that the client chose, {asked_for}", f"`{told}`", see)


def _expect_refusals(play: Play, fault: s.Mistake) -> None:
    """Raise Broken unless every request with this fault was refused. That none crashes is for ERR-08."""
    expect_each_answered(play, "a refusal", lambda _, e: status_of(e) >= 400, fault)
