"""The requests of a play that read with a filter or a page, and their options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from conformance.api import Purpose
from conformance.judge.expect import Unproven, expect
from conformance.judge.play import Exchange, Play
from conformance.transcript.text import snippet


def queries(play: Play, *purposes: Purpose) -> Iterator[tuple[Exchange, dict[str, Any]]]:
    """Yield every request with one of these purposes, with its options. Raise Unproven without one."""
    found = [exchange for exchange in play.exchanges if exchange.serves(*purposes)]
    if not found:
        raise Unproven(f"the driver did not reach a request `{' or '.join(purposes)}`")
    for exchange in found:
        yield exchange, options_of(exchange)


def options_of(exchange: Exchange) -> dict[str, Any]:
    """Return the options of a request: the fields of its body, or the parameters in its path."""
    body = exchange.request.body
    given: dict[str, Any] = (
        dict(body) if isinstance(body, dict) else dict(parse_qsl(urlsplit(exchange.request.path).query))
    )
    # A parameter is text, and the same option in a body is a number.
    return {
        name: int(value) if name in ("limit", "offset") and str(value).isdigit() else value
        for name, value in given.items()
    }


def items(exchange: Exchange) -> list[dict[str, Any]]:
    """Return the objects in the list that answers a request. Raise Broken when it was refused."""
    body = answer(exchange)
    if not isinstance(body, list):
        raise Unproven(f"the answer to {asked(exchange)} is not a list", exchange.sent)
    return [one for one in body if isinstance(one, dict)]


def answer(exchange: Exchange) -> Any:
    """Return the body of the answer to a request. Raise Broken when it was refused, Unproven without an answer."""
    if exchange.response is None:
        raise Unproven(f"no answer to {asked(exchange)}: {exchange.outcome()}", exchange.sent)
    expect(exchange.ok, f"a 2xx answer to {asked(exchange)}", exchange.outcome(), exchange.sent)
    return exchange.body


def asked(exchange: Exchange) -> str:
    """Return a request in one line: its method, its path and its body."""
    body = exchange.request.body
    return f"{exchange.request.method} {exchange.request.path}" + ("" if body is None else f" {snippet(body, 200)}")


def has(whole: object, part: object) -> bool:
    """Return whether an object has every pair of a filter."""
    # `true` and `1` are equal in Python, but not in JSON.
    return isinstance(whole, dict) and all(
        key in whole and whole[key] == value and isinstance(whole[key], bool) == isinstance(value, bool)
        for key, value in (part.items() if isinstance(part, dict) else ())
    )


def page(found: list[Any], options: Mapping[str, Any]) -> list[Any]:
    """Return the part of a whole list at `limit` and `offset`."""
    start = _number(options.get("offset"), 0)
    return found[start : start + _number(options.get("limit"), len(found))]


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) and value >= 0 else default
