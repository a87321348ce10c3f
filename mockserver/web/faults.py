"""Network faults: responses that are late, truncated, cut, duplicated, reordered, or sent by a failing proxy.

A fault has a scope: one request (through a header), one thread, or the whole deployment. For each request only the
narrowest scope that has faults applies. Headers and the command line write a fault as `cut@2`, the control API as a
JSON object.

The faults are the outermost interceptor after the journal, as a proxy is in front of the whole deployment:

1. A delay waits on the deployment's clock, before the route is called.
2. A bad gateway answers itself and never calls the route.
3. The other kinds let the route answer. A response of one piece is truncated afterwards, or lost in a gateway timeout.
   A response that is written piece by piece is replaced by a `BrokenResponse`, through the context variable
   `RESPONSE_FACTORY`.

One seeded random generator decides about `chance`, so the same requests in the same order meet the same faults.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from fnmatch import fnmatchcase
from random import Random
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

import msgspec
from aiohttp import web
from msgspec import Meta

from mockserver.arguments import Explained
from mockserver.core.clock import Clock
from mockserver.core.ids import canonical
from mockserver.schemas.common import Body
from mockserver.web.http import RESPONSE_FACTORY
from mockserver.web.interceptors import Handler, Interceptor
from mockserver.web.journal import current_entry
from mockserver.web.sse import DELIMITER
from mockserver.words import quoted, unknown

HEADER: Final = "X-Mock-Fault"
"""The request header that names the faults of one request, separated by commas, or `none` to disable all faults."""

_HEADERS: Final = "x-mock-"
"""The begin of the names of headers that a client sends to the mock only."""

Kind = Literal["delay", "bad-gateway", "gateway-timeout", "truncate", "cut", "end", "duplicate", "reorder"]
"""`delay`: the request reaches the server late. `bad-gateway`: a proxy answers 502, in HTML, and the server gets
nothing. `gateway-timeout`: a proxy answers 504, in HTML, although the server carries out the request.
`truncate`: the second half of the JSON is missing. `cut`: the connection breaks in the middle of a stream. `end`: a
stream ends in its middle as if it were complete. `duplicate`: an event of a stream is sent twice. `reorder`: an event
of a stream is sent after the next one."""

_HTML: Final = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class BadFaultError(Exception):
    """An invalid fault. The text states the mistake and the valid kinds."""


KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

EFFECTS: Final[Mapping[Kind, str]] = {
    "bad-gateway": "It answers 502",
    "gateway-timeout": "It answers 504",
    "truncate": "It cuts an answer in half",
}
"""The kinds without `at`, with their effects."""

STREAMS: Final = ("cut", "end", "duplicate", "reorder")
"""The kinds that change a stream, `at` a number of events."""

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")

_BOUNDS: Final = {"at": (0, 3600), "chance": (0, 1), "times": (1, 10**9)}
"""The least and the largest value of each number of a fault, as its annotations state them."""


class Fault(Body, frozen=True, kw_only=True, metaclass=Explained):
    """One fault, and the requests that it affects.

    `at` is the length of a `delay` in seconds or, for a fault of a stream, the number of events before it. `path` and
    `method` are patterns with `*`. `chance` is the probability for each answer that the fault could change, and `times`
    the largest number of answers that it changes, by default without limit. A fault of a stream changes streams that
    have so many events, and `truncate` answers with a body of JSON.
    """

    meant: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("probability", "p", "rate", "ratio"), "chance"),
        **dict.fromkeys(("seconds", "after", "delay", "events"), "at"),
        **dict.fromkeys(("url", "route", "endpoint"), "path"),
        **dict.fromkeys(("count", "n", "limit"), "times"),
        **dict.fromkeys(("type", "name", "fault"), "kind"),
    }
    """The words of other tools for the fields."""

    kind: Kind
    at: Annotated[float, Meta(ge=0, le=3600)] = 0
    path: str = "*"
    method: str = "*"
    chance: Annotated[float, Meta(gt=0, le=1)] = 1
    times: Annotated[int, Meta(ge=1)] | None = None

    def __post_init__(self) -> None:
        # msgspec checks what it reads and not what Python code creates. A misspelled kind would never strike.
        if self.kind not in KINDS:
            raise BadFaultError(unknown("fault", self.kind, KINDS, meant=MEANT))
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            absent = name == "times" and value is None
            if not absent and not (is_number and least <= value <= most):
                raise BadFaultError(
                    f"`{name}` of a fault is {quoted(value)}. Give a number from {least:g} to {most:,.0f}"
                )
        for name in ("path", "method"):
            if not isinstance(getattr(self, name), str):
                raise BadFaultError(f"`{name}` of a fault is {quoted(getattr(self, name))}. Give a pattern with `*`")
        self._check_effect()

    def _check_effect(self) -> None:
        """Raise `BadFaultError` for what would never change an answer, or has no meaning."""
        if self.kind == "delay" and self.at == 0:
            raise BadFaultError("a `delay` of 0 seconds has no effect. Give its seconds in `at`, as in `delay@2`")
        if self.kind in EFFECTS and self.at != 0:
            raise BadFaultError(f"`at` has no meaning for `{self.kind}`. {EFFECTS[self.kind]}. Leave it out")
        if self.kind in STREAMS and self.at != int(self.at):
            raise BadFaultError(f"`at` of `{self.kind}` is {self.at:g}. Give a whole number of events")
        if not any(fnmatchcase(one, self.method.upper()) for one in METHODS):
            raise BadFaultError(unknown("method", self.method, METHODS))
        if self.path.startswith("^") or any(sign in self.path for sign in (".*", ".+", "[^", "\\")):
            raise BadFaultError(
                f"{quoted(self.path)}: a path is no regular expression. Write a pattern such as `*/runs`"
            )
        if "://" in self.path:
            raise BadFaultError(f"{quoted(self.path)} is a URL. Write the path alone, such as `*/runs`")
        if not self.path.startswith(("/", "*", "?", "[")):
            raise BadFaultError(
                f"the path of a fault begins with `/` or `*`, and {quoted(self.path)} does not. Did you mean "
                f"`*/{self.path.lstrip('/')}`?"
            )


MEANT: Final = {
    **dict.fromkeys(("502", "bad_gateway", "gateway", "proxy", "500", "503", "error"), "bad-gateway"),
    **dict.fromkeys(("504", "gateway_timeout", "late", "lost", "lose"), "gateway-timeout"),
    **dict.fromkeys(("slow", "latency", "wait", "sleep", "timeout"), "delay"),
    **dict.fromkeys(("disconnect", "reset", "abort", "drop", "close", "break"), "cut"),
    **dict.fromkeys(("eof", "stop", "finish"), "end"),
    **dict.fromkeys(("repeat", "twice", "double"), "duplicate"),
    **dict.fromkeys(("swap", "shuffle"), "reorder"),
    **dict.fromkeys(("half", "garbage", "invalid-json"), "truncate"),
}
"""The words of other tools for the kinds of faults."""


def parse_fault(given: str | Fault) -> Fault:
    """Return a fault, which may be written as `KIND` or `KIND@AT`. Raises `BadFaultError`."""
    if isinstance(given, Fault):
        return given
    if not isinstance(given, str):
        raise BadFaultError(f"{quoted(given)} is not a fault. Write a text like `cut@2`, or Fault(kind=..., ...)")
    if "," in given:
        raise BadFaultError(f"{quoted(given)} is more than one fault. Write a list, or set each with a call of its own")
    kind, sign, at = given.strip().partition("@")
    if kind not in KINDS:
        known = kind.partition(":")[0]
        meant = {**MEANT, **({kind.casefold(): known} if known in KINDS else {})}
        raise BadFaultError(f"{unknown('fault', kind, KINDS, meant=meant)}. Write KIND or KIND@AT, as in `cut@2`")
    try:
        number = float(at) if sign else 0.0
    except ValueError:
        what = "seconds" if kind == "delay" else "events before the fault"
        text = f"{quoted(given.strip())} is not a fault: {quoted(at)} is not a number of {what}"
        raise BadFaultError(f"{text}. Write KIND or KIND@AT, as in `{kind}@2`") from None
    return Fault(kind=kind, at=number)


class Faults:
    """The faults of one deployment. Only `seed` and the order of requests decide which of them strike."""

    def __init__(self, interceptors: list[Interceptor], clock: Clock, seed: int) -> None:
        self._interceptors = interceptors
        self._clock = clock
        self._random = Random(seed)
        self._global: list[_ActiveFault] = []
        self._by_thread: dict[str, list[_ActiveFault]] = {}
        # Outside the defects, which are part of the deployment: a proxy is in front of it.
        interceptors.insert(0, self._intercept)

    def set(self, fault: Fault, thread_id: str | None = None) -> None:
        """Add a fault to a thread or to the whole deployment."""
        active = self._global if thread_id is None else self._by_thread.setdefault(thread_id, [])
        active.append(_ActiveFault(fault))

    def restart(self, seed: int) -> None:
        """Remove all faults, and draw the same random numbers as after a start with this seed."""
        self.clear()
        self._random = Random(seed)

    def clear(self, thread_id: str | None = None) -> None:
        """Remove the faults of a thread or, without one, all faults."""
        if thread_id is None:
            self._global.clear()
            self._by_thread.clear()
        else:
            self._by_thread.pop(thread_id, None)

    def shown(self) -> list[dict[str, Any]]:
        """Return the active faults in the form of the control API."""
        scopes: list[tuple[str | None, list[_ActiveFault]]] = [(None, self._global), *self._by_thread.items()]
        return [
            {**msgspec.to_builtins(one.fault), "thread_id": scope, "struck": one.struck}
            for scope, active in scopes
            for one in active
        ]

    def _narrowest(self, request: web.Request) -> list[_ActiveFault]:
        header = request.headers.get(HEADER)
        if header is not None:
            return [] if header.strip() == "none" else [_ActiveFault(parse_fault(one)) for one in header.split(",")]
        thread_id = canonical(request.match_info.get("thread_id", ""))
        return self._by_thread.get(thread_id or "") or self._global

    def _intercept(self, request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        # Every request passes here, and most deployments have no faults.
        if self._global or self._by_thread:
            return self._apply(request, handler)
        for name in request.headers:
            if name[0] in "xX" and name[: len(_HEADERS)].lower() == _HEADERS:
                return self._apply(request, handler) if HEADER in request.headers else _refuse(name)
        return handler(request)

    async def _apply(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request under the faults that are meant for it."""
        try:
            meant = [one for one in self._narrowest(request) if one.is_for(request)]
        except BadFaultError as error:
            return web.json_response({"detail": f"{HEADER}: {error}"}, status=400)
        # These change every answer, so they are decided before there is one.
        certain = [one for one in meant if one.fault.kind in ("delay", "bad-gateway")]
        for one in [one for one in certain if one.may_strike(self._random)]:
            one.struck += 1
            if one.fault.kind == "bad-gateway":
                return _from_proxy(502, "Bad Gateway")
            await self._clock.sleep(one.fault.at)
        broken = [one for one in meant if one.fault.kind not in ("delay", "bad-gateway")]
        if not broken:
            return await handler(request)
        return await self._broken(request, handler, broken)

    async def _broken(self, request: web.Request, handler: Handler, broken: list[_ActiveFault]) -> web.StreamResponse:
        """Return the answer of the route as the faults change it, as soon as it is one that they could change."""
        started: list[BrokenResponse] = []

        late = [one for one in broken if one.fault.kind == "gateway-timeout"]

        def start(headers: Mapping[str, str]) -> BrokenResponse:
            if not _is_stream(headers):
                _give_up(late, self._random, headers)
            started.append(BrokenResponse(_striking(broken, self._random, headers), headers))
            return started[0]

        # The route creates a streamed response itself, deep in its call stack, and knows nothing of faults.
        token = RESPONSE_FACTORY.set(start)
        try:
            response = await handler(request)
            if isinstance(response, web.Response):
                _give_up(late, self._random, response.headers)
            return _truncated(response, broken, self._random)
        except GatewayTimeoutError:
            return _from_proxy(504, "Gateway Timeout")
        except CutError as cut:
            entry = current_entry()
            entry.by_fault = True
            entry.cut = cut.is_seen
            # Returned and not raised: for aiohttp this is a response whose connection happens to be closed.
            return started[0]
        finally:
            RESPONSE_FACTORY.reset(token)


class CutError(ConnectionResetError):
    """A connection that a fault has cut. The routes handle it like a disconnect of the client.

    `is_seen` is true where the client sees that the response is not whole.
    """

    def __init__(self, *, is_seen: bool) -> None:
        super().__init__()
        self.is_seen = is_seen


class GatewayTimeoutError(ConnectionResetError):
    """A proxy that has waited too long. The routes handle it like a disconnect of the client."""


class _ActiveFault:
    """A fault that is set, and the number of times that it struck."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.struck = 0

    def is_for(self, request: web.Request) -> bool:
        """Return whether a request is one of those that the fault names."""
        return fnmatchcase(request.path, self.fault.path) and fnmatchcase(request.method, self.fault.method.upper())

    @property
    def is_used_up(self) -> bool:
        """Return whether the fault has changed as many answers as it may."""
        return self.struck == self.fault.times

    def may_strike(self, random: Random) -> bool:
        """Return whether the fault is to change an answer. Called once for each answer that it could change."""
        # A certain fault draws no random number, so that adding one does not change when the others strike.
        return not self.is_used_up and (self.fault.chance == 1 or random.random() < self.fault.chance)


def _striking(faults: list[_ActiveFault], random: Random, headers: Mapping[str, str]) -> list[_ActiveFault]:
    """Return the faults that are to change a response that is written piece by piece."""
    kinds = STREAMS if _is_stream(headers) else ("truncate",)
    return [one for one in faults if one.fault.kind in kinds and one.may_strike(random)]


def _is_stream(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").startswith("text/event-stream")


async def _refuse(header: str) -> web.StreamResponse:
    """Return the answer to a request with a header that the mock does not know."""
    return web.json_response({"detail": f"there is no header {header}. Did you mean {HEADER}?"}, status=400)


def _from_proxy(status: int, reason: str) -> web.Response:
    """Return the response of a proxy in front of the server."""
    text = _HTML.format(f"{status} {reason}")
    return web.Response(text=text, status=status, content_type="text/html", headers={"Server": "proxy"})


def _give_up(faults: list[_ActiveFault], random: Random, headers: Mapping[str, str]) -> None:
    """Raise GatewayTimeoutError if a fault strikes. The journal keeps the run that the lost response named."""
    struck = [one for one in faults if one.may_strike(random)]
    for one in struck:
        one.struck += 1
    if struck:
        entry = current_entry()
        entry.cut = entry.by_fault = True
        entry.name_run(headers)
        raise GatewayTimeoutError


def _truncated(response: web.StreamResponse, faults: list[_ActiveFault], random: Random) -> web.StreamResponse:
    """Return a response of one piece without the second half of its body, if a fault truncates it."""
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes) or not response.body:
        return response
    struck = [one for one in faults if one.fault.kind == "truncate" and one.may_strike(random)]
    for one in struck:
        one.struck += 1
    if struck:
        # aiohttp computes Content-Length from the new body: the client sees valid HTTP around broken JSON.
        response.body = response.body[: len(response.body) // 2]
        entry = current_entry()
        entry.cut = entry.by_fault = True
    return response


class BrokenResponse(web.StreamResponse):
    """A response that is written piece by piece and breaks on the way to the client."""

    def __init__(self, faults: list[_ActiveFault], headers: Mapping[str, str]) -> None:
        super().__init__(headers=headers)
        self._faults = faults
        self._events = 0
        self._held = b""

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write `data` as far as the faults allow. Raises `CutError` where the connection is cut."""
        whole = bytes(data)
        if self.content_type == "text/event-stream":
            # One write may carry several events, and the faults count events.
            for frame in whole.split(DELIMITER)[:-1]:
                await self._write_event(frame + DELIMITER)
        elif whole.strip() and self._faults:
            for one in self._faults:
                one.struck += 1
            # A newline that keeps the connection alive is sent whole. The JSON body is written in one piece.
            await super().write(whole[: len(whole) // 2])
        else:
            await super().write(whole)

    async def write_eof(self, data: bytes = b"") -> None:
        """Write `data` like any other and end the response, after an event that `reorder` still holds back."""
        if data:
            await self.write(data)
        if self._held:
            await super().write(self._held)
            self._held = b""
        await super().write_eof()

    async def _write_event(self, frame: bytes) -> None:
        # Comments are heartbeats, whose number depends on time. Counting them would make `at` unpredictable.
        if frame.startswith(b":"):
            await super().write(frame)
            return
        out, self._held = frame + self._held, b""
        for active in (one for one in self._faults if one.fault.at == self._events):
            # Checked again: another stream may have used the fault up since this one began.
            if active.is_used_up:
                continue
            fault = active.fault
            active.struck += 1
            if fault.kind == "end":
                # With the last chunk, as a proxy ends a response that took too long: the client sees a whole response.
                self._held = b""
                await super().write_eof()
                raise CutError(is_seen=False)
            if fault.kind == "cut":
                # Closed without the last chunk, so that the client sees a broken and not a finished response.
                if self._req is not None and self._req.transport is not None:
                    self._req.transport.close()
                raise CutError(is_seen=True)
            if fault.kind == "duplicate":
                out += frame
            elif fault.kind == "reorder":
                out, self._held = b"", frame
        self._events += 1
        if out:
            await super().write(out)
