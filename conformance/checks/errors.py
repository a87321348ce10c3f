"""ERR: the answers to invalid requests. Each request of a play is judged by itself, and a failure names it."""

from __future__ import annotations

from uuid import UUID

from conformance.api import objects
from conformance.checks.common import expect_each_answered, expect_legal_conversation, gives_reason, status_word
from conformance.judge.check import check
from conformance.judge.expect import Unproven, all_facts, expect
from conformance.judge.play import Exchange, Play
from conformance.judge.requests import status_of, wrong_requests
from conformance.scenarios import moves as s
from conformance.transcript.text import snippet


@check("ERR-01")
def unknown_strategy_is_refused(play: Play) -> None:
    """ERR-01: compare the answer to every unknown strategy with a refusal."""
    _expect_refusals(play, "strategy")


@check("ERR-02")
def missing_thread_is_not_found(play: Play) -> None:
    """ERR-02: compare the answer to every run on a thread that does not exist with 404."""
    # The last of these requests is a GET of the thread: its 404 shows that the refused runs did not create it.
    expect_each_answered(play, "HTTP 404", lambda _, e: status_of(e) == 404, "thread")


@check("ERR-03")
def unknown_assistant_is_refused(play: Play) -> None:
    """ERR-03: compare the answer to every unknown assistant with 404 for a UUID, else with a refusal."""

    def accepts(ask: s.Ask, exchange: Exchange) -> bool:
        # A UUID is well-formed and names no assistant (404). Any other value may as well be a validation error (422).
        return status_of(exchange) == 404 if _names_a_uuid(ask) else status_of(exchange) >= 400

    expect_each_answered(play, "HTTP 404 where the assistant is an unknown UUID, else a refusal,", accepts, "assistant")


def _names_a_uuid(ask: s.Ask) -> bool:
    """Return whether the assistant_id that was sent is a UUID."""
    try:
        UUID((ask.order or {}).get("assistant_id"))
    except (TypeError, ValueError, AttributeError):
        return False
    return True


@check("ERR-04")
def malformed_id_is_refused(play: Play) -> None:
    """ERR-04: compare the answer to every id that is not a UUID with a refusal."""
    _expect_refusals(play, "id")


@check("ERR-06", premises=())
@all_facts
def valid_request_never_fails(play: Play) -> None:
    """ERR-06: look for a 5xx answer to a valid request."""
    answered = [e for e in play.exchanges if e.response is not None and not e.serves("ask")]
    if not answered:
        raise Unproven("the deployment answered no request")
    # A 503 that states when to come back, and keeps that, is for FRM-09 to judge.
    put_off = {before.sent for m, before, after in play.adaptations if "retry" in m.needs and status_of(after) < 500}
    answered = [e for e in answered if e.sent not in put_off]
    for exchange in answered:
        expect(
            status_of(exchange) < 500,
            f"an answer other than a 5xx to the valid request {exchange.request.method} {exchange.request.path}",
            exchange.outcome(),
            exchange.sent,
        )


@check("ERR-07")
def invalid_is_422(play: Play) -> None:
    """ERR-07: compare every refusal of an invalid request with 422.

    Requests with an unknown assistant or thread are not judged here, nor those that were not refused at all.
    """

    def accepts(ask: s.Ask, exchange: Exchange) -> bool:
        # The creation of a thread under an existing id is well-formed and conflicts with that thread, so it is a 409.
        taken = ask.path == "/threads" and isinstance(ask.body, dict) and ask.body.get("thread_id") == f"{{{s.MAIN}}}"
        return status_of(exchange) == (409 if taken else 422) or not 400 <= status_of(exchange) < 500

    expect_each_answered(play, "HTTP 422 (or no refusal)", accepts, "strategy", "id", "json", "field", "query", "bulk")


@check("ERR-08")
def wrong_request_never_fails(play: Play) -> None:
    """ERR-08: look for a 5xx answer to an invalid or unusual request."""
    expect_each_answered(play, "an answer other than a 5xx", lambda _, e: status_of(e) < 500)


@check("ERR-09")
def body_that_is_not_the_object_is_refused(play: Play) -> None:
    """ERR-09: compare the answer to every body that is not the right JSON object with a refusal."""
    _expect_refusals(play, "json")


@check("ERR-10")
def wrong_field_is_refused(play: Play) -> None:
    """ERR-10: compare the answer to every invalid field of a body with a refusal."""
    _expect_refusals(play, "field")


@check("ERR-11")
@all_facts
def refusal_leaves_nothing(play: Play) -> None:
    """ERR-11: look for a run, step or message of a refused request, and compare the other runs' ends with `success`."""
    posted = [exchange for _, exchange in wrong_requests(play) if exchange.request.method == "POST"]
    # A request that was accepted, or whose answer was lost, may have had its effect. That it should have been refused
    # is for ERR-01 to ERR-10 to judge.
    not_refused = [exchange for exchange in posted if exchange.ok or exchange.response is None]
    see = play.last("list runs", s.MAIN).sent
    listed = play.body("list runs", s.MAIN, list)
    # A list: an id of a strange deployment may be a JSON value that has no hash.
    ours = [play.run_id(submit.label) for submit in play.scenario.submits()]
    strangers = [run for run in objects(listed) if run.get("run_id") not in ours]
    expect(
        len(strangers) <= len(not_refused),
        "no run of a refused request in the list of runs",
        f"additional runs: {len(strangers)}, requests that were not refused: {len(not_refused)}",
        see,
    )
    # The rest cannot distinguish the effects of accepted requests from those of refused ones.
    if not_refused:
        return
    for submit in play.scenario.submits():
        status = play.final_status(submit.label)
        see = play.last("final run", f"run {submit.label}").sent
        expected = f"run {submit.label} to end `success` despite the invalid requests"
        expect(status == "success", expected, status_word(status), see)
    executed = play.reports(s.ASKED)
    expect(
        not executed,
        "no step of a refused run",
        f"a refused run entered {executed[0].step}" if executed else "",
        *(r.seq for r in executed[:1]),
    )
    expect_legal_conversation(play)


@check("ERR-12")
def wrong_query_is_refused(play: Play) -> None:
    """ERR-12: compare the answer to every invalid query parameter with a refusal."""
    _expect_refusals(play, "query")


@check("ERR-13")
def incomplete_bulk_cancel_is_refused(play: Play) -> None:
    """ERR-13: compare the answer to every incomplete bulk cancel with a refusal."""
    _expect_refusals(play, "bulk")


@check("ERR-14")
def missing_thread_or_run_is_not_found(play: Play) -> None:
    """ERR-14: compare the answer to every request for an unknown thread or run with 404. ERR-18 judges its state."""
    expect_each_answered(play, "HTTP 404", lambda ask, e: _is_of_a_state(ask) or status_of(e) == 404, "unknown")


@check("ERR-18")
def state_of_missing_thread_is_not_found(play: Play) -> None:
    """ERR-18: compare the answer to every request for the state or history of an unknown thread with 404."""
    expect_each_answered(play, "HTTP 404", lambda ask, e: not _is_of_a_state(ask) or status_of(e) == 404, "unknown")


@check("ERR-19")
def missing_run_cannot_be_watched(play: Play) -> None:
    """ERR-19: look in the answer to every join and stream of an unknown run for an error status or a reported error."""

    def accepts(_: s.Ask, exchange: Exchange) -> bool:
        reported = isinstance(exchange.body, dict) and "__error__" in exchange.body
        streamed = any(event.event == "error" for event in play.events(exchange))
        return status_of(exchange) >= 400 or reported or streamed

    expect_each_answered(play, "an error status, or an error in the answer,", accepts, "join")


def _is_of_a_state(ask: s.Ask) -> bool:
    """Return whether a request concerns the state or history of a thread, for which the description lists no 404."""
    return ask.path.partition("?")[0].endswith(("/state", "/history"))


@check("ERR-15")
def refusal_gives_a_reason(play: Play) -> None:
    """ERR-15: compare the body of every refusal with {"detail": text}."""

    def accepts(_: s.Ask, exchange: Exchange) -> bool:
        return not 400 <= status_of(exchange) < 500 or gives_reason(exchange.response)

    expect_each_answered(play, '{"detail": "some text"} as the body of the refusal', accepts)


@check("ERR-16")
@all_facts
def missing_thread_is_created(play: Play) -> None:
    """ERR-16: compare every run with if_not_exists=create with `success`, and its thread with the id that was sent."""
    for submit in play.scenario.submits(s.FRESH):
        submission = play.submission(submit.label)
        expected = f"a 2xx answer to the creation of run {submit.label} with if_not_exists=create"
        expect(submission.ok, expected, submission.outcome(), submission.sent)
        status = play.final_status(submit.label)
        see = play.last("final run", f"run {submit.label}").sent
        expect(status == "success", f"run {submit.label} to end `success` on the new thread", status_word(status), see)
    see = play.last("final thread", s.FRESH).sent
    reported = play.final_thread(s.FRESH).get("thread_id")
    # The client chose this id. A server that creates the thread under another one has lost it for the client.
    chosen = play.thread(s.FRESH)
    expect(reported == chosen, f"the new thread to have the id that the client chose, {chosen}",
           f"`{snippet(reported)}`", see)  # fmt: skip


def _expect_refusals(play: Play, fault: s.Mistake) -> None:
    """Raise Broken unless every request with this fault was refused."""
    # A 5xx counts as a refusal here, because the request had no effect. ERR-08 judges that it was a crash.
    expect_each_answered(play, "a refusal", lambda _, e: status_of(e) >= 400, fault)
