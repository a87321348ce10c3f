"""Faults of the network: answers that come late, broken, twice or from a proxy, as seeded data.

A fault is set in a request's own header, on a thread, or in the whole deployment; for each request only the nearest
of these places counts. `cut@2` is the short spelling for a header or a command line, a JSON object that of the
control API.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from random import Random
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from aiohttp import web
from msgspec import Meta

from mockserver.core.clock import Clock
from mockserver.core.ids import canonical
from mockserver.schemas.common import Body
from mockserver.web.http import ANSWER_WITH
from mockserver.web.interceptors import Handler, Interceptor
from mockserver.web.sse import DELIMITER

HEADER: Final = "X-Mock-Fault"
"""The header in which a request asks for faults, one or several with commas; `none` is for none at all."""

Kind = Literal["delay", "bad-gateway", "truncate", "cut", "duplicate", "reorder"]
"""`delay`: the answer begins late. `bad-gateway`: a proxy answers 502, in HTML. `truncate`: half of the JSON is
missing. `cut`: the connection breaks in the middle of a stream. `duplicate`: an event of a stream comes twice.
`reorder`: it changes places with the next one."""

_HTML: Final = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class BadFaultError(Exception):
    """A fault that cannot be read; the text says what is wrong and what there is."""


class Fault(Body, frozen=True, kw_only=True):
    """One fault, and which requests it befalls: those to `path` (a pattern), with this `chance`, up to `times` times.

    `at` is the seconds of a delay, or the number of events that go before a fault of a stream.
    """

    kind: Kind
    at: Annotated[float, Meta(ge=0, le=3600)] = 0
    path: str = "*"
    method: str = "*"
    chance: Annotated[float, Meta(gt=0, le=1)] = 1
    times: Annotated[int, Meta(ge=1)] | None = None


def spelled(text: str) -> Fault:
    """The fault that `KIND` or `KIND@AT` spells. Raises `BadFaultError`."""
    kind, _, at = text.strip().partition("@")
    try:
        return msgspec.convert({"kind": kind, "at": float(at or 0)}, Fault)
    except ValueError as error:
        raise BadFaultError(f"{text.strip()!r} is no fault ({error}); there are {', '.join(get_args(Kind))}") from None


class Faults:
    """The faults of one deployment. Which of them strikes is decided by `seed` and the order of requests alone."""

    def __init__(self, interceptors: list[Interceptor], clock: Clock, seed: int) -> None:
        self._interceptors = interceptors
        self._clock = clock
        self._random = Random(seed)
        self._everywhere: list[_Armed] = []
        self._of_thread: dict[str, list[_Armed]] = {}
        # Before everybody else: a proxy stands before the whole deployment.
        interceptors.insert(0, self._intercept)

    def set(self, fault: Fault, thread_id: str | None = None) -> None:
        """Add a fault, to a thread or to the whole deployment."""
        found = self._everywhere if thread_id is None else self._of_thread.setdefault(thread_id, [])
        found.append(_Armed(fault))

    def clear(self, thread_id: str | None = None) -> None:
        """Take away the faults of a thread; without one, all that there are."""
        if thread_id is None:
            self._everywhere.clear()
            self._of_thread.clear()
        else:
            self._of_thread.pop(thread_id, None)

    def shown(self) -> list[dict[str, Any]]:
        """What is set, as the control API shows it."""
        scopes: list[tuple[str | None, list[_Armed]]] = [(None, self._everywhere), *self._of_thread.items()]
        return [
            {**msgspec.to_builtins(one.fault), "thread_id": scope, "struck": one.struck}
            for scope, found in scopes
            for one in found
        ]

    def _nearest(self, request: web.Request) -> list[_Armed]:
        asked = request.headers.get(HEADER)
        if asked is not None:
            return [] if asked.strip() == "none" else [_Armed(spelled(one)) for one in asked.split(",")]
        thread_id = canonical(request.match_info.get("thread_id", ""))
        return self._of_thread.get(thread_id or "") or self._everywhere

    async def _intercept(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._everywhere and not self._of_thread and HEADER not in request.headers:
            return await handler(request)
        try:
            struck = [one.fault for one in self._nearest(request) if one.strikes(request, self._random)]
        except BadFaultError as error:
            return web.json_response({"detail": f"{HEADER}: {error}"}, status=400)
        for fault in struck:
            if fault.kind == "delay":
                await self._clock.sleep(fault.at)
            elif fault.kind == "bad-gateway":
                return web.Response(text=_HTML, status=502, content_type="text/html", headers={"Server": "proxy"})
        broken = [fault for fault in struck if fault.kind not in ("delay", "bad-gateway")]
        if not broken:
            return await handler(request)
        begun: list[BrokenAnswer] = []

        def begin(headers: Mapping[str, str]) -> BrokenAnswer:
            begun.append(BrokenAnswer(broken, headers))
            return begun[0]

        usual = ANSWER_WITH.set(begin)
        try:
            return _broken_whole(await handler(request), broken)
        except CutError:
            return begun[0]
        finally:
            ANSWER_WITH.reset(usual)


class CutError(ConnectionResetError):
    """The connection was cut by a fault; for the deployment it looks as if the client had left."""


class _Armed:
    """A fault that is set, and how often it struck."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.struck = 0

    def strikes(self, request: web.Request, random: Random) -> bool:
        fault = self.fault
        if not fnmatchcase(request.path, fault.path) or not fnmatchcase(request.method, fault.method):
            return False
        if self.struck == fault.times or (fault.chance < 1 and random.random() >= fault.chance):
            return False
        self.struck += 1
        return True


def _broken_whole(response: web.StreamResponse, faults: list[Fault]) -> web.StreamResponse:
    """An answer that was made in one piece, as a truncating proxy hands it on."""
    truncated = any(fault.kind == "truncate" for fault in faults)
    if truncated and isinstance(response, web.Response) and isinstance(response.body, bytes):
        response.body = response.body[: len(response.body) // 2]
    return response


class BrokenAnswer(web.StreamResponse):
    """An answer that is written bit by bit, and breaks on the way to the client."""

    def __init__(self, faults: list[Fault], headers: Mapping[str, str]) -> None:
        super().__init__(headers=headers)
        self._faults = faults
        self._events = 0
        self._held = b""

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write what is left of `data`. Raises ConnectionResetError where the connection is cut."""
        whole = bytes(data)
        if self.content_type == "text/event-stream":
            for frame in whole.split(DELIMITER)[:-1]:
                await self._write_event(frame + DELIMITER)
        elif whole.strip() and any(fault.kind == "truncate" for fault in self._faults):
            await super().write(whole[: len(whole) // 2])
        else:
            await super().write(whole)

    async def write_eof(self, data: bytes = b"") -> None:
        """Write `data` as any other, and end the answer; an event that was held back comes last."""
        if data:
            await self.write(data)
        if self._held:
            await super().write(self._held)
            self._held = b""
        await super().write_eof()

    async def _write_event(self, frame: bytes) -> None:
        if frame.startswith(b":"):
            await super().write(frame)
            return
        out, self._held = frame + self._held, b""
        for fault in (one for one in self._faults if one.at == self._events):
            if fault.kind == "cut":
                if self._req is not None and self._req.transport is not None:
                    self._req.transport.close()
                raise CutError
            if fault.kind == "duplicate":
                out += frame
            elif fault.kind == "reorder":
                out, self._held = b"", frame
        self._events += 1
        if out:
            await super().write(out)
