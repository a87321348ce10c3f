"""Records what passes between the driver and a deployment, bounded in size and free of secrets.

`RecordingTransport` sits under the official client, so the record holds what was really sent and answered,
whatever the client makes of it.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import msgspec

from conformance.api import Purpose, again
from conformance.transcript.redaction import Redactor, TooDeep
from conformance.transcript.transcript import AnyMoment, Closed, NetworkFault, Request, Response

MAX_BODY = 8 * 1024 * 1024
"""Bytes of one answer, or of one whole stream, that are read before it counts as a fault."""

MAX_PLAY = 8 * MAX_BODY
"""Bytes of all answers of one play; once they are read, every further answer is a fault."""

KEPT_REQUEST_HEADERS = frozenset({"content-type", "accept", "last-event-id"})
MAX_FAULT = 300
"""Characters of the text of a fault, which may quote what the deployment sent."""

CLOCK_SLACK = 0.95
"""The share of a deadline after which being cancelled means that the deadline had passed: clocks differ a little."""

_M = TypeVar("_M", bound=AnyMoment)


@dataclass
class Call:
    """Why requests are sent, which run or thread of the scenario they are about, and how many seconds they may take.

    The official client may send more than one: it reconnects to a stream that was cut. `exchange` is the newest.
    """

    purpose: Purpose
    about: str
    seconds: float
    exchange: int = 0


CURRENT_CALL: ContextVar[Call] = ContextVar("CURRENT_CALL")


def now() -> float:
    """Seconds on the clock that the deadlines run on, too."""
    return asyncio.get_running_loop().time()


class Recorder:
    """Collects the moments of one play; `seq` is given in the order in which they are seen here."""

    def __init__(self, redactor: Redactor, clock: Callable[[], float] = now) -> None:
        self.redactor = redactor
        self.moments: list[AnyMoment] = []
        self.on_moment: Callable[[], None] = lambda: None
        self.bytes_left = MAX_PLAY
        self._clock = clock
        self._began = clock()
        self._exchanges = 0

    def add(self, kind: type[_M], /, **fields: Any) -> _M:
        """Record one moment of type `kind` and wake whoever waits for one."""
        moment = kind(seq=len(self.moments), t=round(self._clock() - self._began, 6), **fields)
        self.moments.append(moment)
        self.on_moment()
        return moment

    def next_exchange(self) -> int:
        """A number for the next request of this play."""
        self._exchanges += 1
        return self._exchanges

    def body(self, raw: bytes, content_type: str) -> Any:
        """A body as it is recorded: JSON where it is JSON, else text; None where it is empty.

        An object or a list is JSON whatever its type is said to be: so it is to the clients, too.
        """
        if not raw:
            return None
        if "json" in content_type or raw.lstrip()[:1] in (b"{", b"["):
            try:
                return self.redactor.value(msgspec.json.decode(raw))
            except (msgspec.DecodeError, RecursionError, TooDeep):
                pass  # recorded as the text that it is
        return self.redactor.text(raw.decode("utf-8", "replace"))


class UnusableAnswer(httpx.TransportError):
    """The deployment's answer cannot be used: too large, or in an encoding nobody asked for."""


class RecordingTransport(httpx.AsyncBaseTransport):
    """An httpx transport that records every exchange of one play and bounds its size."""

    def __init__(self, recorder: Recorder, inner: httpx.AsyncBaseTransport) -> None:
        self._recorder = recorder
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, record, and hand on; faults are recorded and raised on."""
        # Nobody needs compression here, and an answer that expands without bound is a known weapon.
        request.headers["accept-encoding"] = "identity"
        exchange = self._recorder.next_exchange()
        self._record_request(exchange, request)
        began, wanted = now(), "answer"
        try:
            response = await self._inner.handle_async_request(request)
            wanted = "whole answer"
            return await self._receive(exchange, response)
        except httpx.TransportError as error:
            self._fault(exchange, _describe(error))
            raise
        except asyncio.CancelledError:
            # Either our own deadline, or the play is over and nobody needs the answer any more.
            seconds = CURRENT_CALL.get().seconds
            late = now() - began >= seconds * CLOCK_SLACK
            self._fault(exchange, f"no {wanted} within {seconds:g} s" if late else f"given up without {wanted}")
            raise
        except Exception as error:  # whatever the client's own machinery makes of it: recorded, and raised on
            self._fault(exchange, f"unusable answer: {type(error).__name__}: {error}")
            raise

    async def aclose(self) -> None:
        """Close the connections underneath."""
        await self._inner.aclose()

    def _record_request(self, exchange: int, request: httpx.Request) -> None:
        call = CURRENT_CALL.get()
        purpose = call.purpose if call.exchange == 0 else again(call.purpose)
        call.exchange = exchange
        recorder = self._recorder
        kept = [
            (name, value)
            for name, value in request.headers.multi_items()
            if name.lower() in KEPT_REQUEST_HEADERS or recorder.redactor.is_secret(name)
        ]
        path = recorder.redactor.text(request.url.raw_path.decode("ascii", "replace"))
        recorder.add(
            Request,
            exchange=exchange,
            purpose=purpose,
            about=call.about,
            method=request.method,
            path=path,
            headers=recorder.redactor.headers(kept),
            body=recorder.body(request.content, request.headers.get("content-type", "")),
        )

    async def _receive(self, exchange: int, response: httpx.Response) -> httpx.Response:
        content_type = response.headers.get("content-type", "")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        bounded = _Bounded(response.stream, response.headers.get("content-encoding", ""), self._recorder)
        headers = httpx.Headers(
            [pair for pair in response.headers.multi_items() if pair[0].lower() != "content-encoding"]
        )
        for cookie in headers.get_list("set-cookie"):
            self._recorder.redactor.learn_cookie(cookie)
        recorded = self._recorder.redactor.headers(headers.multi_items())
        if "text/event-stream" in content_type and response.status_code < 300:
            self._recorder.add(
                Response, exchange=exchange, status=response.status_code, headers=recorded, streamed=True
            )
            bounded.on_error = lambda error: self._fault(exchange, _describe(error))
            bounded.on_end = lambda: self._recorder.add(Closed, exchange=exchange)
            return httpx.Response(response.status_code, headers=headers, stream=bounded, extensions=response.extensions)
        try:
            raw = b"".join([chunk async for chunk in bounded])
        finally:
            await bounded.aclose()
        self._recorder.add(
            Response,
            exchange=exchange,
            status=response.status_code,
            headers=recorded,
            body=self._recorder.body(raw, content_type),
        )
        return httpx.Response(response.status_code, headers=headers, content=raw, extensions=response.extensions)

    def _fault(self, exchange: int, error: str) -> None:
        self._recorder.add(NetworkFault, exchange=exchange, error=self._recorder.redactor.text(error)[:MAX_FAULT])


class _Bounded(httpx.AsyncByteStream):
    """A byte stream that is decoded as it comes and stops at `MAX_BODY` bytes, or at what is left of the play's."""

    def __init__(self, inner: httpx.AsyncByteStream, encoding: str, recorder: Recorder) -> None:
        self._inner = inner
        self._encoding = encoding.strip().lower()
        self._recorder = recorder
        self.on_error: Callable[[httpx.TransportError], None] = lambda _: None
        self.on_end: Callable[[], object] = lambda: None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._decoded():
                yield chunk
            self.on_end()
        except httpx.TransportError as error:
            self.on_error(error)
            raise

    async def _decoded(self) -> AsyncIterator[bytes]:
        if self._encoding not in ("", "identity", "gzip", "deflate"):
            raise UnusableAnswer(f"content-encoding {self._encoding!r} although identity was asked for")
        inflate = zlib.decompressobj(wbits=47) if self._encoding in ("gzip", "deflate") else None
        left = MAX_BODY
        async for raw in self._inner:
            try:
                chunk = inflate.decompress(raw, left + 1) if inflate else raw
            except zlib.error as error:
                raise UnusableAnswer(f"broken {self._encoding} body: {error}") from error
            # What was read counts even where it decodes to nothing.
            size = max(len(raw), len(chunk))
            left -= size
            self._recorder.bytes_left -= size
            if left < 0:
                raise UnusableAnswer(f"answer larger than {MAX_BODY // 2**20} MiB")
            if self._recorder.bytes_left < 0:
                raise UnusableAnswer(f"the answers of this play add up to more than {MAX_PLAY // 2**20} MiB")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def _describe(error: httpx.TransportError) -> str:
    """A fault in the words of a reader who does not know httpx."""
    text = str(error) or type(error).__name__
    match error:
        case UnusableAnswer():
            return text
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return f"no connection: {text}"
        case httpx.RemoteProtocolError() | httpx.ReadError() | httpx.WriteError():
            return f"connection broken: {text}"
        case httpx.TimeoutException():
            return f"no answer in time: {text}"
        case _:
            return text
