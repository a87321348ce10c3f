"""Helpers of all routes: JSON bodies, query parameters, errors, pages, and responses that wait for a run.

A response that waits for a run starts at once, with its headers, and is written piece by piece. While there is nothing
to send, a newline (JSON) or a heartbeat (server-sent events) keeps proxies and clients from closing the connection.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol, TypeVar, cast

import msgspec
from aiohttp import web
from yarl import URL

from mockserver.core.clock import Clock
from mockserver.core.policy import policy_of
from mockserver.core.records import Run
from mockserver.engine.engine import Engine, ThreadBusyError
from mockserver.engine.expiry import Expiry
from mockserver.views import records
from mockserver.web.interceptors import CONTROL
from mockserver.web.leniency import MeaninglessError, accepted, ignore
from mockserver.words import similar_path

_log = logging.getLogger(__name__)

ENGINE: Final = web.AppKey("engine", Engine)
EXPIRY: Final = web.AppKey("expiry", Expiry)
KEEP_ALIVE: Final = web.AppKey("keep_alive", float)
"""The seconds of silence after which an open response sends a keep-alive."""

RESPONSE_FACTORY: Final = ContextVar[Callable[[Mapping[str, str]], web.StreamResponse]]("response_factory")
"""The function that creates the piece-by-piece response to the current request, if a fault or a defect replaces it."""

MAX_PAGE: Final = 1000
"""The largest `limit` where the official description has a bound."""

A_TURN: Final = 1024 * 1024
"""Bytes of JSON that are made in one turn of the event loop, in about a millisecond."""

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


class ApiError(Exception):
    """An error response. `detail` is the text that the client receives."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a response with a JSON body."""
    return web.Response(body=_encoded(body), status=status, headers=headers, content_type="application/json")


async def list_answer(items: Iterable[Any]) -> web.Response:
    """Return a response with a JSON list that may be large. Other requests are handled in between."""
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


class _Line(NamedTuple):
    """The parts of a request by which the router finds its route."""

    method: str
    rel_url: URL


async def _without_slash(request: web.Request) -> str | None:
    """Return the path and query of a request without the slash at its end, if a route is there, else None."""
    path, query = request.rel_url.raw_path, request.rel_url.raw_query_string
    if not path.endswith("/") or not path.strip("/"):
        return None
    # One slash at the front: `//host/` would lead to another host.
    bare = URL(f"/{path.strip('/')}", encoded=True)
    # The middleware of aiohttp for this clones the request, which fails once the body was read.
    match = await request.app.router.resolve(cast("web.Request", _Line(request.method, bare)))
    return None if match.http_exception is not None else str(bare) + (f"?{query}" if query else "")


_COMMANDS_MEANT: Final = {
    **dict.fromkeys(("release", "resume", "unhold"), "DELETE /_mock/holds"),
    **dict.fromkeys(("pause", "block"), "POST /_mock/holds"),
    **dict.fromkeys(("requests", "calls", "log", "logs", "history"), "GET /_mock/journal"),
    **dict.fromkeys(("scripts", "load_script"), "POST /_mock/script"),
    **dict.fromkeys(("set_time", "clock"), "POST /_mock/time"),
    **dict.fromkeys(("wait_for_status", "wait_until_held", "wait_for_request"), "POST /_mock/wait"),
    **dict.fromkeys(("assert_requested", "verify"), "POST /_mock/assert"),
}
"""The commands that are not called like what they do."""


_PATHS_MEANT: Final = {
    **dict.fromkeys(("stop", "abort", "interrupt", "kill"), "/threads/{id}/runs/{id}/cancel"),
    **dict.fromkeys(("messages", "message", "chat", "invoke", "resume"), "/threads/{id}/runs"),
    **dict.fromkeys(("/health", "/healthz", "/ping", "/status"), "/ok"),
}
"""The paths of other APIs, by their last part or as a whole."""


def path_meant(path: str) -> str | None:
    """Return the path that does what an unknown one does on other APIs."""
    return _PATHS_MEANT.get(path) or _PATHS_MEANT.get(path.rpartition("/")[2])


def _no_path(request: web.Request) -> str:
    """Return the text that refuses an unknown path, with the nearest one."""
    # `{}` and not the name of the id, which no request has in its path.
    known = list(dict.fromkeys(_IN_BRACES.sub("{id}", one.canonical) for one in request.app.router.resources()))
    path = _UUID.sub("{id}", request.path.rstrip("/"))
    control = request.path.startswith(CONTROL)
    above, _, last = path.rpartition("/")
    # A base URL may have a prefix, and a path may lack its middle.
    behind = [one for one in known if len(one) > 1 and path.endswith(one)]
    inside = [one for one in known if one.startswith(f"{above}/") and one.endswith(f"/{last}")]
    meant = _COMMANDS_MEANT.get(last.replace("-", "_")) if control else path_meant(path)
    near = meant or similar_path(path, known)
    near = near or min(inside, key=len, default=None) or max(behind, key=len, default=None)
    suggestion = f". Did you mean {near}?" if near is not None else "."
    return f"the mock has no {request.path}{suggestion} {'GET /_mock' if control else 'GET /docs'} lists its paths"


_UUID: Final = re.compile(r"(?<=/)[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}(?=/|$)")
_IN_BRACES: Final = re.compile(r"\{[^}]*\}")


def _detail(request: web.Request, error: web.HTTPException) -> str:
    """Return the text of an error of the router. The API has those of the official server, the control API more."""
    if error.status == 404:
        return f"Not Found: {_no_path(request)}"
    if error.status == 405 and request.path.startswith(CONTROL):
        allowed = ", ".join(one for one in error.headers["Allow"].split(",") if one not in ("HEAD", "OPTIONS"))
        above = request.path.rpartition("/")[0]
        routes = [one for one in request.app.router.routes() if one.resource and one.resource.canonical == above]
        instead = request.method in {one.method for one in routes} and above != CONTROL
        more = f", or {request.method} to {above}" if instead else ""
        return f"{request.path} does not take {request.method}. Send {allowed}{more}"
    return error.reason


@web.middleware
async def error_responses(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every exception of a route into the error response `{"detail": ...}`."""
    if request.raw_path.startswith("//") and await _without_slash(request) is None:
        # aiohttp takes `//threads` for the root of the host `threads`, and would answer as `/` does.
        text = f"Not Found: {request.raw_path} begins with two slashes. Remove the slash at the end of the base URL"
        return json_answer({"detail": text}, 404)
    try:
        return await handler(request)
    except ApiError as error:
        return json_answer({"detail": error.detail}, error.status)
    except MeaninglessError as error:
        return json_answer({"detail": str(error)}, 422)
    except ThreadBusyError as busy:
        return json_answer({"detail": str(busy)}, 409)
    except web.HTTPException as error:
        if error.status == 404 and (location := await _without_slash(request)) is not None:
            # A temporary redirect (307) keeps the method and the body of a POST, which 301 and 302 do not.
            return web.Response(status=307, headers={"Location": location})
        # HTTP requires Allow in a 405. https://www.rfc-editor.org/rfc/rfc9110#name-405-method-not-allowed
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return json_answer({"detail": _detail(request, error)}, error.status, allow)
    except (asyncio.CancelledError, ConnectionError):
        # The client has disconnected: no response can be sent, and aiohttp has to see the exception.
        raise
    except Exception:  # noqa: BLE001 - a bug of the mock, too, has to reach the client as a response
        _log.exception("%s %s failed", request.method, request.path)
        return json_answer({"detail": "Internal Server Error"}, 500)


async def read(request: web.Request, schema: type[T], *, default: bytes = b"", undescribed: Collection[str] = ()) -> T:
    """Return the body of a request, or `default` if it is empty.

    `undescribed` names fields of the type that the published description of this request does not have. Raises
    `ApiError` 422 with the path of the invalid field, or 415 for a compressed body.
    """
    raw = await _body(request) or default
    with _refusals:
        try:
            # In one step, which is faster. The few bodies with something meaningless are read again.
            return msgspec.json.decode(raw, type=schema)
        except msgspec.ValidationError:
            return accepted(msgspec.json.decode(raw), schema, _parser(schema), undescribed)[0]


async def read_with_json(
    request: web.Request, schema: type[T], *, undescribed: Collection[str] = ()
) -> tuple[T, dict[str, Any]]:
    """Return the body of a request like `read`, and the object that was sent, without what was ignored."""
    raw = await _body(request)
    with _refusals:
        return accepted(msgspec.json.decode(raw), schema, _parser(schema), undescribed)


async def _body(request: web.Request) -> bytes:
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise ApiError(415, f"Content-Encoding: {encoding} is not supported; send the body uncompressed.")
    return await request.read()


def _parser(schema: type[T]) -> Callable[[Any], T]:
    # Through JSON, where 1.0 is a whole number.
    return lambda known: msgspec.json.decode(_encode(known), type=schema)


class _Refusals:
    """A context that turns the errors of msgspec into `ApiError` 422."""

    # A class, because nearly every request passes it without an error: the generator of a `contextmanager` costs more
    # than the reading of a short body.
    def __enter__(self) -> None:
        pass

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(error, msgspec.ValidationError):
            raise ApiError(422, str(error)) from None
        if isinstance(error, (msgspec.DecodeError, UnicodeDecodeError, RecursionError)):
            # The text of the official server. A RecursionError means JSON that is nested too deeply to be decoded.
            raise ApiError(422, "Invalid JSON in request body") from None


_refusals: Final = _Refusals()


class Page(Protocol):
    """The page of a listing that a request wants, and the fields to show."""

    @property
    def limit(self) -> int: ...  # noqa: D102 - the names say it
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def select(self) -> Any: ...  # noqa: D102


def page_answer(found: Sequence[T], wanted: Page, show: Callable[[T], records.Shown]) -> web.Response:
    """Return one page of a listing, with the headers by which clients find the next page."""
    end = wanted.offset + wanted.limit
    headers = {"X-Pagination-Total": str(len(found))}
    if end < len(found):
        headers["X-Pagination-Next"] = str(end)
    page = [show(one) for one in found[wanted.offset : end]]
    # As on the official server, an empty list selects everything.
    if wanted.select:
        # `extract` names fields of its own, so `select` does not remove them.
        chosen = {*wanted.select, "extracted"}
        page = [{field: value for field, value in shown.items() if field in chosen} for shown in page]
    return json_answer(page, headers=headers)


def part(limit: int, offset: int = 0) -> slice:
    """Return the part of a listing that a request wants, whose bounds the published description does not state."""
    if not 1 <= limit <= MAX_PAGE:
        ignore(f"`limit` is {limit}, and a page has 1 to {MAX_PAGE} entries")
    if offset < 0:
        ignore(f"`offset` is {offset}, and no entry is before the first")
    start = max(0, offset)
    return slice(start, start + max(0, limit))


def query(request: web.Request, schema: type[T], *, undescribed: Collection[str] = ()) -> T:
    """Return the query parameters of a request. A repeated parameter is a list. Raises `ApiError` 422."""
    if not request.rel_url.raw_query_string:
        # Most requests have none, and nearly every parameter has a default.
        try:
            return schema()
        except TypeError:
            # A parameter has none. What follows names it.
            pass
    plain: dict[str, Any] = {}
    for key in request.query:
        found = request.query.getall(key)
        plain[key] = found if len(found) > 1 else found[0]
    with _refusals:
        # Not strict, because every query parameter is text: "10" has to pass for a number.
        return accepted(plain, schema, lambda known: msgspec.convert(known, schema, strict=False), undescribed)[0]


def several(given: str | list[str], one: Any, name: str) -> Any:
    """Return the values of the query parameter `name` as a list. Raises `ApiError` 422."""
    values = [given] if isinstance(given, str) else given
    try:
        # Older JavaScript clients write a list as JSON instead of repeating the parameter.
        if len(values) == 1 and values[0].startswith("["):
            return msgspec.json.decode(values[0], type=list[one])
        return msgspec.convert(values, list[one])
    except msgspec.MsgspecError as error:
        raise ApiError(422, f"{name}: {error}") from None


def holds(whole: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    """Return whether an object has all fields of another with the same values."""
    # `true` and `1` are equal in Python, but not in JSON.
    return all(
        key in whole and whole[key] == value and isinstance(whole[key], bool) == isinstance(value, bool)
        for key, value in part.items()
    )


def run_location(thread_id: str, run_id: str, suffix: str = "") -> str:
    """Return the path of a run."""
    return f"/threads/{thread_id}/runs/{run_id}{suffix}"


def run_headers(run: Run, suffix: str) -> dict[str, str]:
    """Return the headers that name the run of a waiting response, and the URL at which to resume it."""
    location = run_location(run.thread.thread_id, run.run_id)
    policy = policy_of(run.thread)
    named = {"Content-Location": location} if policy.names_run(run) else {}
    return named | ({"Location": location + suffix} if policy.names_stream(run) else {})


def created(run: Run) -> web.Response:
    """Return the response to a request that created a run and does not wait for it."""
    location = run_location(run.thread.thread_id, run.run_id)
    return json_answer(records.run(run), headers={"Content-Location": location})


async def when_ended(
    request: web.Request, run: Run | None, body: Callable[[], Any], headers: Mapping[str, str]
) -> web.StreamResponse:
    """Send a JSON response whose body is known once `run` has ended. Until then, newlines keep it alive.

    The status is 200 in any case, because it is sent before the run ends. This is what the official server does.
    """
    response = await start_response(request, {**headers, "Content-Type": "application/json"})
    # The event is fetched again in each round: a defect may be switched off while a client waits.
    while run is not None and not (ended := policy_of(run.thread).awaited(run)).is_set():
        try:
            async with clock_of(request, run).silence(request.app[KEEP_ALIVE]):
                await ended.wait()
        except TimeoutError:
            # White space before a JSON document is valid. The official server sends a newline every 5 s, too.
            await response.write(b"\n")
    await response.write_eof(_encode(body()))
    return response


def clock_of(request: web.Request, run: Run) -> Clock:
    """Return the clock of a run's thread."""
    return request.app[ENGINE].clock.of(run.thread.thread_id)


async def start_response(request: web.Request, headers: Mapping[str, str]) -> web.StreamResponse:
    """Send the status and the headers of a response that is written piece by piece."""
    create = RESPONSE_FACTORY.get(None)
    response = web.StreamResponse(headers=headers) if create is None else create(headers)
    await response.prepare(request)
    return response
