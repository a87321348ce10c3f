"""The objects of the API in the answers of a play: runs, threads, states and crons, and where each was shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import msgspec

from conformance.judge.play import Exchange, Play
from conformance.transcript.transcript import Delivery

Kind = Literal["run", "thread", "state", "cron"]


class Route(NamedTuple):
    """An endpoint and what its answer is. `many`: a list of it."""

    method: str
    path: str
    kind: Kind
    many: bool = False


# The first segment has no name, because a proxy may serve the API below any path.
_THREAD: Final = r".*/threads/(?P<thread_id>[^/]+)"
ROUTES: Final = (
    Route("POST", r".*/threads", "thread"),
    Route("POST", r".*/threads/search", "thread", many=True),
    Route("GET", _THREAD, "thread"),
    Route("GET", rf"{_THREAD}/state", "state"),
    Route("GET", rf"{_THREAD}/state/[^/]+", "state"),
    Route("POST", rf"{_THREAD}/state/checkpoint", "state"),
    Route("GET", rf"{_THREAD}/history", "state", many=True),
    Route("POST", rf"{_THREAD}/history", "state", many=True),
    Route("POST", rf"{_THREAD}/runs/crons", "cron"),
    Route("POST", r".*/runs/crons/search", "cron", many=True),
    Route("POST", rf"{_THREAD}/runs", "run"),
    Route("POST", r"(?!.*/threads/).*/runs", "run"),
    Route("POST", r".*/runs/batch", "run", many=True),
    Route("GET", rf"{_THREAD}/runs", "run", many=True),
    Route("GET", rf"{_THREAD}/runs/(?P<run_id>[^/]+)", "run"),
)


class Shown(NamedTuple):
    """An object in an answer.

    The deployment held it at a moment between the seqs `sent` and `received`. `asked` are the ids in the request's
    path, and `place` is the object's place for failure texts.
    """

    kind: Kind
    value: Any
    place: str
    asked: dict[str, str]
    sent: int
    received: int
    purpose: str
    about: str
    id: str
    """The id of the object, empty if it has none."""

    def get(self, name: str) -> Any:
        """Return a field of the object, None if it has none."""
        return self.value.get(name) if isinstance(self.value, dict) else None


def route_of(exchange: Exchange) -> tuple[Route, dict[str, str]] | None:
    """Return the endpoint of a request with the ids in its path, None for an endpoint without such an object."""
    return _route(exchange.request.method, exchange.request.path)


@lru_cache(1024)  # a play reads the same few paths dozens of times
def _route(method: str, whole_path: str) -> tuple[Route, dict[str, str]] | None:
    path = urlsplit(whole_path).path.rstrip("/")
    for route in ROUTES:
        if route.method == method and (found := re.fullmatch(route.path, path)):
            return route, found.groupdict()
    return None


_shown: WeakKeyDictionary[Play, list[Shown]] = WeakKeyDictionary()
"""By play, because every law of the objects reads them. Weak, because the record of a play may be large."""


def shown(play: Play, *kinds: Kind) -> list[Shown]:
    """Return every object of these kinds in the answers to valid requests and in webhooks, in order of arrival."""
    if play not in _shown:
        _shown[play] = _all_shown(play)
    return [one for one in _shown[play] if one.kind in kinds]


def _all_shown(play: Play) -> list[Shown]:
    found = [one for exchange in play.exchanges for one in _in_answer(exchange)]
    found += [
        Shown("run", m.body, f"the webhook of run {m.label}", {}, m.seq, m.seq, "webhook", m.label, _id("run", m.body))
        for m in play.moments
        if isinstance(m, Delivery)
    ]
    return sorted(found, key=lambda one: one.received)


def _in_answer(exchange: Exchange) -> Iterator[Shown]:
    found = None if exchange.serves("ask") or not exchange.ok else route_of(exchange)
    if found is None or exchange.response is None:
        return
    route, asked = found
    place = f"the answer to {exchange.request.method} {exchange.request.path} ({exchange.request.purpose})"
    rest = (asked, exchange.sent, exchange.response.seq, exchange.request.purpose, exchange.request.about)
    body = _read(exchange.response.body)
    if not route.many:
        yield Shown(route.kind, body, place, *rest, _id(route.kind, body))
    elif isinstance(body, list):
        for at, one in enumerate(body):
            yield Shown(route.kind, one, f"entry {at} of {place}", *rest, _id(route.kind, one))
    else:
        yield Shown(route.kind, body, f"the list in {place}", *rest, _id(route.kind, body))


def _id(kind: Kind, value: Any) -> str:
    found = value.get(f"{kind}_id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _read(body: Any) -> Any:
    """Return the body of an answer. JSON that is nested too deeply to be searched for secrets was recorded as text."""
    if not isinstance(body, str) or body[:1] not in ("{", "["):
        return body
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return body


def of_each(found: list[Shown]) -> dict[str, list[Shown]]:
    """Return the objects by their ids, each in the order of arrival."""
    each: dict[str, list[Shown]] = {}
    for one in found:
        if one.id:
            each.setdefault(one.id, []).append(one)
    return each


def contains(found: Any, sent: Any) -> bool:
    """Return whether a value is what was sent. A server may add fields, for example to the messages of an input."""
    if isinstance(sent, dict) and isinstance(found, dict):
        return all(key in found and contains(found[key], value) for key, value in sent.items())
    if isinstance(sent, list) and isinstance(found, list):
        return len(found) == len(sent) and all(map(contains, found, sent))
    return bool(found == sent)
