"""SHP: the shapes of answers: their fields and types, HTTP statuses and content types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from langgraph_sdk import schema

from conformance.checks.common import gives_reason
from conformance.judge.check import check
from conformance.judge.expect import Broken, Inapplicable, Unproven
from conformance.judge.objects import Kind, shown
from conformance.judge.play import Exchange, Play
from conformance.judge.queries import options_of
from conformance.judge.shapes import FRAMES, NO, Misfit, checkpoint_is_missing, misfits, untyped
from conformance.transcript.text import snippet
from conformance.transcript.transcript import StreamEvent

SHOWN = 4
"""The number of misfits that a failure text names."""


@check("SHP-01", premises=())
def runs_fit_their_type(play: Play) -> None:
    """SHP-01: compare every run in an answer or a webhook with the published type."""
    _expect_shape(play, "run", schema.Run)


@check("SHP-02", premises=())
def threads_fit_their_type(play: Play) -> None:
    """SHP-02: compare every thread in an answer with the published type."""
    _expect_shape(play, "thread", schema.Thread)


@check("SHP-03", premises=())
def states_fit_their_type(play: Play) -> None:
    """SHP-03: compare every state and every entry of a history with the published type."""
    _expect_shape(play, "state", schema.ThreadState)


@check("SHP-04", premises=())
def crons_fit_their_type(play: Play) -> None:
    """SHP-04: compare every cron in an answer with the published type."""
    _expect_shape(play, "cron", schema.Cron)


def _expect_shape(play: Play, kind: Kind, hint: Any) -> None:
    """Raise Broken if an object of this kind does not fit its type. Raise Unproven if no answer has one."""
    found = shown(play, kind)
    # CRN judges whether there are crons. A deployment may have none.
    if not found and kind == "cron":
        raise Inapplicable("no answer contained a cron")
    if not found:
        raise Unproven(f"no answer contained a {kind}")
    wrong: dict[tuple[str, str], _Wrong] = {}
    # By identity, because the recorder keeps equal bodies as one object, and a play polls the same few dozens of times.
    bad: dict[int, Sequence[Misfit]] = {}
    for one in found:
        if id(one.value) not in bad:
            bad[id(one.value)] = _misfits(kind, one.value, hint)
        for misfit in bad[id(one.value)]:
            # The webhook of a run that was rolled back may report a status of its own (WHK-04).
            if one.purpose == "webhook" and misfit.path == "status":
                continue
            # One fault shows in many answers, and each is named once.
            wrong.setdefault((misfit.path, misfit.wanted), _Wrong(one.place, misfit, one.sent))
    _expect_no_misfit(list(wrong.values()), f"each {kind}")


def _misfits(kind: Kind, value: Any, hint: Any) -> Sequence[Misfit]:
    found = misfits(value, hint, "")
    if kind == "state" and not found and checkpoint_is_missing(value):
        return (Misfit("checkpoint", "`null`", "the checkpoint that holds the values"),)
    return found


class _Wrong(NamedTuple):
    """A misfit, the answer or event in which it is, and the seq of the moment that shows it."""

    place: str
    misfit: Misfit
    sent: int


def _expect_no_misfit(wrong: list[_Wrong], of_each: str) -> None:
    if not wrong:
        return
    shown = wrong[:SHOWN]
    wanted = ", and ".join(
        f"{', '.join(_named(one.misfit) for one in alike)} of {place} to be {due}"
        # An answer that lacks many fields is named once.
        for (place, due), alike in groupby(shown, key=lambda one: (one.place, one.misfit.wanted))
    )
    found = ", and ".join(_found(one.misfit) for one in shown)
    more = f" ({len(wrong)} fields in all)" if len(wrong) > SHOWN else ""
    raise Broken(f"{of_each} to have its published type: {wanted}", found + more, *(one.sent for one in shown))


def _named(misfit: Misfit) -> str:
    return f"`{misfit.path or 'the whole'}`"


def _found(misfit: Misfit) -> str:
    return misfit.found if misfit.found.startswith(NO) else f"{misfit.found} in {_named(misfit)}"


@check("SHP-05", premises=())
def events_fit_their_names(play: Play) -> None:
    """SHP-05: compare the data of every stream event with what its name promises."""
    events = [m for m in play.moments if isinstance(m, StreamEvent)]
    for exchange in play.exchanges:
        if exchange.fault is not None and "JSONDecodeError" in exchange.fault.error:
            raise Broken("each event to have JSON as its data", snippet(exchange.fault.error), exchange.sent)
    if not events:
        raise Unproven("no stream had an event")
    wrong: dict[tuple[str, str], _Wrong] = {}
    for event in events:
        # The name of an event of a subgraph is followed by its namespace: `updates|research:ID`.
        name = event.event.partition("|")[0]
        for misfit in _of_event(name, event.data):
            wrong.setdefault((name, misfit.path), _Wrong(f"the event `{event.event}`", misfit, event.seq))
    _expect_no_misfit(list(wrong.values()), "each event")


def _of_event(name: str, data: Any) -> Iterator[Misfit]:
    if name == "metadata":
        run_id = data.get("run_id") if isinstance(data, dict) else None
        yield from misfits(run_id, str, "run_id")
    elif name in FRAMES:
        yield from misfits(data, FRAMES[name], "data")


@check("SHP-06", premises=())
def heads_are_documented(play: Play) -> None:
    """SHP-06: compare the status and content type of every answer to a valid request with the documented ones."""
    # The description has no OPTIONS: CLI-11 judges the answer to a browser's preflight request. FRM judges the requests
    # that were refused in one form and sent again in another.
    refused = {before.sent for _, before, _ in play.adaptations}
    skipped = [e for e in play.exchanges if e.serves("ask", "preflight") or e.sent in refused]
    answered = [e for e in play.exchanges if e.response is not None and e not in skipped]
    if not answered:
        raise Unproven("the deployment answered no request")
    wrong: dict[tuple[str, str], tuple[Exchange, str, str]] = {}
    for exchange in answered:
        for expected, observed in (*_wrong_status(exchange), *_wrong_type(exchange)):
            wrong.setdefault((exchange.request.purpose, expected), (exchange, expected, observed))
    if wrong:
        found = list(wrong.values())[:SHOWN]
        raise Broken(
            ", and ".join(
                f"{expected} for {e.request.method} {e.request.path} ({e.request.purpose})" for e, expected, _ in found
            ),
            ", and ".join(observed for *_, observed in found),
            *(e.sent for e, *_ in found),
        )


def _wrong_status(exchange: Exchange) -> Iterator[tuple[str, str]]:
    status = exchange.response.status if exchange.response else 0
    # A 5xx is for ERR-06 to judge. With 405 the endpoint is not there, and the requirements on it judge that.
    if status >= 500 or status == 405 or status in _statuses(exchange):
        return
    yield f"one of the statuses {', '.join(map(str, sorted(_statuses(exchange))))}", f"HTTP {status}"


def _statuses(exchange: Exchange) -> set[int]:
    """Return the statuses that a valid request may be answered with."""
    method, path = exchange.request.method, exchange.request.path.partition("?")[0]
    refusals = {404, 409, 422}
    if method == "POST" and path.endswith("/threads") and not _chooses_id(exchange):
        return {200}
    if method == "GET" or path.endswith(("/search", "/history")):
        # A read changes nothing and conflicts with nothing. Of a 404 the requirements on what is gone judge.
        return {200, 404}
    if _cancels(exchange) and _waits(exchange):
        # 202 says that the work is not done: https://www.rfc-editor.org/rfc/rfc9110#name-202-accepted
        return {200, 204} | refusals
    if _cancels(exchange) or method == "DELETE":
        # The description lists 200 for most of them. The reference server answers 202 and 204, which mean the same.
        return {200, 202, 204} | refusals
    # RUN-02 judges the status of a background run that is created.
    return {200, *refusals, *({201} if path.endswith("/runs") else ())}


def _cancels(exchange: Exchange) -> bool:
    return exchange.request.path.partition("?")[0].endswith("/cancel")


def _waits(exchange: Exchange) -> bool:
    """Return whether a request waits for the end of what it starts."""
    return options_of(exchange).get("wait") in ("1", "true", True)


def _chooses_id(exchange: Exchange) -> bool:
    """Return whether a thread is created under an id that the client chose, which another thread may have."""
    return isinstance(exchange.request.body, dict) and "thread_id" in exchange.request.body


def _wrong_type(exchange: Exchange) -> Iterator[tuple[str, str]]:
    response = exchange.response
    if response is None or response.status in (202, 204) or (response.body is None and not response.streamed):
        return
    # Where an endpoint is not there, the framework below the deployment answers. SHP-07 judges the form of a refusal.
    if response.status in (404, 405) or response.status >= 500:
        return
    # The names of media types have no case.
    found = response.headers.get("content-type", "").lower()
    if not found and response.body in ({}, "null") and (exchange.request.method == "DELETE" or _cancels(exchange)):
        # It says no more than the empty answer that the description allows, which has no type.
        return
    # Any JSON, such as `application/problem+json`, is decoded by both clients.
    path = exchange.request.path.partition("?")[0]
    if response.streamed or (response.status < 300 and path.endswith("/stream")):
        fits, due = found.startswith("text/event-stream"), "text/event-stream"
    else:
        fits, due = "json" in found.partition(";")[0], "application/json"
    if not fits:
        yield f"the content type {due}", f"`{snippet(found)}`" if found else "no content type"


@check("SHP-07", premises=())
def refusals_have_a_detail(play: Play) -> None:
    """SHP-07: look in every 4xx answer to a valid request for a `detail` that is a text."""
    refused = [
        e for e in play.exchanges if e.response and 400 <= e.response.status < 500 and not e.serves("ask", "preflight")
    ]
    if not refused:
        raise Inapplicable("the deployment refused no request")
    for exchange in refused:
        if not gives_reason(exchange.response):
            raise Broken(
                f'{{"detail": text}} with the {exchange.outcome()} for {exchange.request.method} '
                f"{exchange.request.path} ({exchange.request.purpose})",
                f"`{snippet(exchange.response and exchange.response.body)}`",
                exchange.sent,
            )


@check("SHP-08", premises=())
def connections_do_not_break(play: Play) -> None:
    """SHP-08: look for a valid request whose connection broke before it was answered."""
    # A client that gave up at its deadline broke the connection itself. Other requirements judge what it waited for.
    broken = [
        e
        for e in play.exchanges
        if e.fault is not None and e.fault.error.startswith("connection broken") and not e.serves("ask")
    ]
    if not play.exchanges:
        raise Unproven("the driver sent no request")
    if broken:
        raise Broken(
            "an answer to every valid request",
            ", and ".join(
                f"`{snippet(e.outcome(), 80)}` for {e.request.method} {e.request.path} ({e.request.purpose})"
                for e in broken[:SHOWN]
            ),
            *(e.sent for e in broken[:SHOWN]),
        )


@check("SHP-09", premises=())
def typed_fields_are_there(play: Play) -> None:
    """SHP-09: look in threads, states and crons for the fields that the client's types have in every object."""
    found = shown(play, "thread", "state", "cron")
    if not found:
        raise Unproven("no answer contained a thread, a state or a cron")
    kinds = {"thread": schema.Thread, "state": schema.ThreadState, "cron": schema.Cron}
    wrong: dict[tuple[str, str], _Wrong] = {}
    for one in found:
        # An answer that has no cron is for CRN to judge.
        for misfit in untyped(one.value, kinds[one.kind]) if one.id or one.kind == "state" else ():
            wrong.setdefault((one.kind, misfit.path), _Wrong(one.place, misfit, one.sent))
    _expect_no_misfit(list(wrong.values()), "each object")
