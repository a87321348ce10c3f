"""Requests and answers as all routes need them: JSON in and out, refusals, and answers that take their time."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final, Protocol, TypeVar

import msgspec
from aiohttp import web
from msgspec import UNSET

from mockserver.core.clock import Clock
from mockserver.core.policy import policy_of
from mockserver.core.records import Run
from mockserver.engine.engine import Engine, ThreadBusyError
from mockserver.views import records

_log = logging.getLogger(__name__)

ENGINE: Final = web.AppKey("engine", Engine)
KEEP_ALIVE: Final = web.AppKey("keep_alive", float)
"""Seconds of silence after which an open answer shows that it is alive."""

ANSWER_WITH: Final = ContextVar[Callable[[Mapping[str, str]], web.StreamResponse]]("answer_with")
"""What makes an answer that is written bit by bit, from its headers, where a request wants another than usual."""

A_TURN: Final = 1024 * 1024
"""Bytes of JSON that are made in one turn of the event loop, in about a millisecond."""

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    """An answer other than success; `detail` says why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer with a JSON body."""
    return web.Response(body=_encoded(body), status=status, headers=headers, content_type="application/json")


async def list_answer(items: Iterable[Any]) -> web.Response:
    """Return an answer with a JSON list that may be large, and let other requests have their turns meanwhile."""
    pieces, size = [], 0
    for item in items:
        pieces.append(_encoded(item))
        size += len(pieces[-1])
        if size >= A_TURN:
            size = 0
            await asyncio.sleep(0)
    return web.Response(body=b"[" + b",".join(pieces) + b"]", content_type="application/json")


def _encoded(body: Any) -> bytes:
    try:
        return _encode(body)
    except UnicodeEncodeError:
        # Bytes of a request line or a header that are not UTF-8, in a text that quotes them or in the journal.
        return json.dumps(msgspec.to_builtins(body)).encode()


@web.middleware
async def refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn whatever a route refuses, or fails at, into `{"detail": ...}`."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return json_answer({"detail": refusal.detail}, refusal.status)
    except ThreadBusyError as busy:
        return json_answer({"detail": str(busy)}, 409)
    except web.HTTPException as error:
        if isinstance(error, web.HTTPMove):
            return web.Response(status=error.status, headers={"Location": str(error.location)})
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        detail = f"Not Found: the mock has no {request.path}" if error.status == 404 else error.reason
        return json_answer({"detail": detail}, error.status, allow)
    except (asyncio.CancelledError, ConnectionError):
        raise
    except Exception:  # noqa: BLE001 - a fault of ours is an answer too
        _log.exception("%s %s failed", request.method, request.path)
        return json_answer({"detail": "Internal Server Error"}, 500)


async def read(request: web.Request, schema: type[T], *, default: bytes = b"") -> T:
    """The body of a request; raises `Refusal` 422, naming the place of what is wrong, or 415."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise Refusal(415, f"Content-Encoding: {encoding} is not supported; send the body as it is.")
    raw = await request.read() or default
    try:
        return msgspec.json.decode(raw, type=schema)
    except msgspec.ValidationError as error:
        raise Refusal(422, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(422, "Invalid JSON in request body") from None


class Page(Protocol):
    """Which of the things found to show, and what of each."""

    @property
    def limit(self) -> int: ...  # noqa: D102 - the names say it
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def select(self) -> Any: ...  # noqa: D102


def page_answer(found: Sequence[T], asked: Page, show: Callable[[T], records.Shown]) -> web.Response:
    """One page of what was found, with the headers by which clients find the next."""
    end = asked.offset + asked.limit
    headers = {"X-Pagination-Total": str(len(found))}
    if end < len(found):
        headers["X-Pagination-Next"] = str(end)
    page = [show(one) for one in found[asked.offset : end]]
    if asked.select is not UNSET:
        chosen = {*asked.select, "extracted"}
        page = [{field: value for field, value in shown.items() if field in chosen} for shown in page]
    return json_answer(page, headers=headers)


def query(request: web.Request, schema: type[T]) -> T:
    """The query parameters of a request; one that is repeated is a list. Raises `Refusal` 422."""
    plain: dict[str, Any] = {}
    for key in request.query:
        found = request.query.getall(key)
        plain[key] = found if len(found) > 1 else found[0]
    try:
        # Not strict: in a query everything is text.
        return msgspec.convert(plain, schema, strict=False)
    except msgspec.ValidationError as error:
        raise Refusal(422, str(error)) from None


def several(given: str | list[str], one: Any, name: str) -> Any:
    """One or several values of the query parameter `name`; older JavaScript clients write a list as JSON."""
    several = [given] if isinstance(given, str) else given
    try:
        if len(several) == 1 and several[0].startswith("["):
            return msgspec.json.decode(several[0], type=list[one])
        return msgspec.convert(several, list[one])
    except msgspec.MsgspecError as error:
        raise Refusal(422, f"{name}: {error}") from None


def holds(whole: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    """Whether an object has these fields with these values; `true` and `1` are equal in Python, but not in JSON."""
    return all(
        key in whole and whole[key] == value and isinstance(whole[key], bool) == isinstance(value, bool)
        for key, value in part.items()
    )


def run_location(thread_id: str, run_id: str, suffix: str = "") -> str:
    """The path of a run."""
    return f"/threads/{thread_id}/runs/{run_id}{suffix}"


def run_headers(run: Run, suffix: str) -> dict[str, str]:
    """What the head of an answer that takes its time says of its run, and where to come back for the rest."""
    location = run_location(run.thread.thread_id, run.run_id)
    named = {"Content-Location": location} if policy_of(run.thread).names_run(run) else {}
    return {"Location": location + suffix, **named}


def created(run: Run) -> web.Response:
    """The answer to a request that created a run and does not wait for it."""
    location = run_location(run.thread.thread_id, run.run_id)
    return json_answer(records.run(run), headers={"Content-Location": location})


async def when_over(
    request: web.Request, run: Run | None, body: Callable[[], Any], headers: Mapping[str, str]
) -> web.StreamResponse:
    """A JSON answer that is known once `run` is over; until then a newline now and then keeps it alive."""
    response = await begin_answer(request, {**headers, "Content-Type": "application/json"})
    while run is not None and not (ended := policy_of(run.thread).awaited(run)).is_set():
        try:
            async with clock_of(request, run).silence(request.app[KEEP_ALIVE]):
                await ended.wait()
        except TimeoutError:
            await response.write(b"\n")
    await response.write_eof(_encode(body()))
    return response


def clock_of(request: web.Request, run: Run) -> Clock:
    """Return the clock of a run's thread."""
    return request.app[ENGINE].clock.of(run.thread.thread_id)


async def begin_answer(request: web.Request, headers: Mapping[str, str]) -> web.StreamResponse:
    """Send the head of an answer that is written bit by bit."""
    make = ANSWER_WITH.get(None)
    response = web.StreamResponse(headers=headers) if make is None else make(headers)
    await response.prepare(request)
    return response
