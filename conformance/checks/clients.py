"""CLI: guarantees that a client relies on to show a conversation."""

from __future__ import annotations

from urllib.parse import urlsplit

from conformance.judge.check import check
from conformance.judge.expect import Inapplicable, Unproven, all_facts, expect
from conformance.judge.messages import read_messages, spell
from conformance.judge.play import Exchange, Play
from conformance.judge.premises import REST
from conformance.judge.queries import asked, items, queries
from conformance.judge.watchers import streaming, streams
from conformance.scenarios import moves as s
from conformance.transcript.text import snippet

NEXT, TOTAL = "x-pagination-next", "x-pagination-total"


@check("CLI-04")
def shown_values_stay(play: Play) -> None:
    """CLI-04: look in the state for every message that the last `values` event showed."""
    # A `values` event is the state after a step. Its messages are committed, unlike the tokens of a `messages` event.
    # A client that has shown them must not see them vanish: https://github.com/langchain-ai/langgraph/issues/5672
    kept = [message.id for message in play.messages()]
    for stream in streaming(play, "A"):
        shown = [(event, read_messages(event.data, play.scenario)) for event in stream.named("values")]
        if not shown:
            raise Unproven(f"{stream.title} had no `values` event", stream.exchange.sent)
        # Each `values` event is the whole state, so the last one contains what the earlier ones showed.
        event, messages = shown[-1]
        # By id: clients merge messages by id, so the same text under a new id is shown twice.
        lost = [message for message in messages if message.id not in kept]
        expect(
            not lost,
            f"every message in the last `values` event of {stream.title} to be in the thread's state under its id",
            f"no {spell(lost)} under that id",
            event.seq,
            play.last("final state", s.MAIN).sent,
        )


@check("CLI-10")
def stream_says_where_it_continues(play: Play) -> None:
    """CLI-10: compare the Location of every stream with the URL of the stream of its run."""
    # Both official clients reconnect to a cut stream at this URL, and not at all without it.
    for stream in streams(play):
        response = stream.exchange.response
        location = "" if response is None else response.headers.get("location", "")
        due = f"/runs/{play.run_id(stream.label)}/stream"
        expect(
            urlsplit(location).path.rstrip("/").endswith(due),
            f"a Location header of {stream.title} that names it: ...{due}",
            f"`{snippet(location)}`" if location else "no such header",
            stream.exchange.sent,
        )


@check("CLI-14")
def wait_says_where_it_continues(play: Play) -> None:
    """CLI-14: compare the Location of the answer to every wait that created a run with the URL of its join."""
    # The official client requests this URL when the connection breaks before the values came.
    waited = [e for e in play.exchanges_for("submit") if e.made_run and urlsplit(e.request.path).path.endswith("/wait")]
    if not waited:
        raise Unproven("no run was created through wait")
    for exchange in waited:
        location = "" if exchange.response is None else exchange.response.headers.get("location", "")
        due = f"/runs/{play.run_id(exchange.request.about)}/join"
        expect(
            urlsplit(location).path.rstrip("/").endswith(due),
            f"a Location header of the answer to {exchange.request.method} {exchange.request.path} that names where "
            f"its run can be joined: ...{due}",
            f"`{snippet(location)}`" if location else "no such header",
            exchange.sent,
        )


@check("CLI-15", premises=(REST,))
@all_facts
def pages_lead_to_the_next(play: Play) -> None:
    """CLI-15: compare the pagination headers of every search with the end of its page and with the next page."""
    seen = False
    for exchange, options in queries(play, "list threads", "filter crons"):
        following, total = _number(exchange, NEXT), _number(exchange, TOTAL)
        if not exchange.ok or (following is None and total is None):
            continue
        seen = True
        offset, rows = options.get("offset", 0), len(items(exchange))
        end = offset + rows
        expect(
            following in (None, end),
            f"X-Pagination-Next {end} for {asked(exchange)}, which is answered with {rows} objects",
            f"`{following}`",
            exchange.sent,
        )
        # Of a page behind the last object, only its own offset is known.
        if total is None or not (rows or not offset):
            continue
        answered = f"{asked(exchange)}, which is answered with {rows} objects"
        if following is None:
            # A full page may be followed by another one, so that the total may be right.
            full = rows == options.get("limit")
            expected = f"X-Pagination-Next {end}, or a total of {end}," if full else f"X-Pagination-Total {end}"
            expect(total == end, f"{expected} for {answered}", f"`{total}`, and no next", exchange.sent)
        else:
            expected = f"X-Pagination-Total above {end}, or no X-Pagination-Next {following},"
            expect(total > end, f"{expected} for {answered}", f"`{total}`", exchange.sent)
    if not seen:
        raise Inapplicable("no answer to a search has a pagination header, which no description requires")


def _number(exchange: Exchange, header: str) -> int | None:
    """Return the number in a header of an answer. Return None without one, and -1 for another text."""
    value = "" if exchange.response is None else exchange.response.headers.get(header, "")
    return None if not value else int(value) if value.isdecimal() else -1


@check("CLI-11")
def preflight_allows_json(play: Play) -> None:
    """CLI-11: compare the answer to a preflight request with the permission to send JSON with POST."""
    exchange = _allowed(play, "preflight")
    response = exchange.response
    headers = {} if response is None else response.headers
    methods = _listed(headers.get("access-control-allow-methods", ""))
    fields = _listed(headers.get("access-control-allow-headers", ""))
    missing = [
        what
        for what, there in {
            "a 2xx answer": exchange.ok,
            "Access-Control-Allow-Origin": _lets_the_page_read(exchange),
            # POST is always allowed: https://fetch.spec.whatwg.org/#cors-safelisted-method
            "`POST` in Access-Control-Allow-Methods": not methods or methods & {"*", "post"},
            "`content-type` in Access-Control-Allow-Headers": fields & {"*", "content-type"},
        }.items()
        if not there
    ]
    expect(
        not missing,
        f"{' and '.join(missing)} for a preflight request, since this deployment serves pages of other origins",
        f"{exchange.outcome()}, methods `{', '.join(sorted(methods))}`, headers `{', '.join(sorted(fields))}`",
        exchange.sent,
    )


@check("CLI-12")
def page_reads_what_clients_need(play: Play) -> None:
    """CLI-12: look for headers that clients read and that a page of another origin cannot see."""
    for what in ("wait", "search"):
        exchange = _allowed(play, what)
        headers = {} if exchange.response is None else exchange.response.headers
        expect(
            _lets_the_page_read(exchange),
            f"Access-Control-Allow-Origin in the answer to `{what}`, as in other answers to this origin",
            f"`{snippet(headers.get('access-control-allow-origin', ''))}`",
            exchange.sent,
        )
        exposed = _listed(headers.get("access-control-expose-headers", ""))
        # Location is not among them: the official server does not expose it, and clients in browsers do without.
        needed = [name for name in NEEDED if name in headers]
        hidden = [name for name in needed if not exposed & {"*", name}]
        expect(
            not hidden,
            f"Access-Control-Expose-Headers with {' and '.join(hidden)}, which clients in browsers read",
            f"`{', '.join(sorted(exposed))}`",
            exchange.sent,
        )


NEEDED = ("content-location", TOTAL, NEXT)
"""The headers that clients read, and that browsers hide from pages of another origin unless they are exposed."""


def _allowed(play: Play, what: str) -> Exchange:
    """Return the exchange of a page. Raise Inapplicable when the deployment serves no pages of other origins."""
    found = [exchange for exchange in play.exchanges if exchange.serves("page", "preflight")]
    if not any(e.response is not None and "access-control-allow-origin" in e.response.headers for e in found):
        raise Inapplicable("the deployment allows no page of another origin, which is its operator's decision")
    return play.last("preflight" if what == "preflight" else "page", what)


def _lets_the_page_read(exchange: Exchange) -> bool:
    headers = {} if exchange.response is None else exchange.response.headers
    return headers.get("access-control-allow-origin") in ("*", exchange.request.headers.get("origin"))


def _listed(value: str) -> set[str]:
    return {name.strip().lower() for name in value.split(",") if name.strip()}
