"""Records what passes between the driver and a deployment, bounded in size and free of secrets.

`RecordingTransport` sits under the official client, so the record holds what was really sent and answered,
whatever the client makes of it.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import msgspec

from conformance.transcript import AnyMoment, Fault, Request, Response

MAX_BODY = 8 * 1024 * 1024
"""Bytes of one answer, or of one whole stream, that are read before it counts as a fault."""

REDACTED = "[redacted]"
SECRET_NAMES = frozenset({"authorization", "proxy-authorization", "x-api-key", "x-auth-token", "cookie", "set-cookie"})
SECRET_QUERY = ("token", "key", "secret", "password", "signature")
KEPT_REQUEST_HEADERS = frozenset({"content-type", "accept", "last-event-id"})
MIN_SECRET = 4
"""Shorter values are too common to be searched for in bodies; their headers are redacted all the same."""

_M = TypeVar("_M", bound=AnyMoment)


@dataclass
class Errand:
    """Why requests are sent, and which run or thread of the scenario they are about.

    The official client may send more than one: it reconnects to a stream that was cut. `exchange` is the newest.
    """

    purpose: str
    about: str
    exchange: int = 0


ERRAND: ContextVar[Errand] = ContextVar("ERRAND")


class Redactor:
    """Takes secrets out of everything that is about to be recorded."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._names = SECRET_NAMES | {name.lower() for name in headers}
        values: set[str] = set()
        for value in headers.values():
            # "Bearer abc": the scheme is no secret, and an echo may drop it.
            values.update(part for part in (value, *value.split()) if len(part) >= MIN_SECRET)
        values -= {"Bearer", "Basic", "Token"}
        self._values = sorted(values, key=len, reverse=True)

    def text(self, text: str) -> str:
        """`text` with every given header value replaced."""
        for value in self._values:
            text = text.replace(value, REDACTED)
        return text

    def value(self, value: Any) -> Any:
        """A JSON value with every given header value replaced, in keys too."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(item) for item in value]
            case dict():
                return {self.text(key): self.value(item) for key, item in value.items()}
            case _:
                return value

    def is_secret(self, name: str) -> bool:
        """Whether a header of this name is never shown."""
        return name.lower() in self._names

    def headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Headers by lower-case name, secret ones with their value replaced."""
        return {name.lower(): REDACTED if self.is_secret(name) else self.text(value) for name, value in headers}

    def url(self, url: httpx.URL) -> str:
        """The URL without user, password, fragment and the values of query parameters that look secret."""
        params: list[tuple[str, str | int | float | bool | None]] = [
            (name, REDACTED if any(word in name.lower() for word in SECRET_QUERY) else value)
            for name, value in url.params.multi_items()
        ]
        clean = url.copy_with(username=None, password=None, fragment=None, query=None)
        return self.text(str(clean.copy_merge_params(params) if params else clean))


class Recorder:
    """Collects the moments of one play; `seq` is given in the order in which they are seen here."""

    def __init__(self, redactor: Redactor, clock: Callable[[], float] = time.monotonic) -> None:
        self.redactor = redactor
        self.moments: list[AnyMoment] = []
        self.on_moment: Callable[[], None] = lambda: None
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
        """A body as it is recorded: JSON where it is JSON, else text; None where it is empty."""
        if not raw:
            return None
        if "json" in content_type:
            try:
                return self.redactor.value(msgspec.json.decode(raw))
            except msgspec.DecodeError:
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
        request.extensions["doubletext_exchange"] = exchange
        self._record_request(exchange, request)
        try:
            response = await self._inner.handle_async_request(request)
            return await self._receive(exchange, response)
        except httpx.TransportError as error:
            self._fault(exchange, _describe(error))
            raise
        except BaseException as error:  # a deadline of ours: recorded, then passed on untouched
            self._fault(exchange, f"given up: {type(error).__name__}")
            raise

    async def aclose(self) -> None:
        """Close the connections underneath."""
        await self._inner.aclose()

    def _record_request(self, exchange: int, request: httpx.Request) -> None:
        errand = ERRAND.get()
        purpose = errand.purpose if errand.exchange == 0 else f"{errand.purpose} again"
        errand.exchange = exchange
        recorder = self._recorder
        kept = [
            (name, value)
            for name, value in request.headers.multi_items()
            if name.lower() in KEPT_REQUEST_HEADERS or recorder.redactor.is_secret(name)
        ]
        url = recorder.redactor.url(request.url)
        base = str(request.url.copy_with(raw_path=b"/")).rstrip("/")
        recorder.add(
            Request,
            exchange=exchange,
            purpose=purpose,
            about=errand.about,
            method=request.method,
            path=url.removeprefix(base) or "/",
            headers=recorder.redactor.headers(kept),
            body=recorder.body(request.content, request.headers.get("content-type", "")),
        )

    async def _receive(self, exchange: int, response: httpx.Response) -> httpx.Response:
        content_type = response.headers.get("content-type", "")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        bounded = _Bounded(response.stream, response.headers.get("content-encoding", ""))
        headers = httpx.Headers(
            [pair for pair in response.headers.multi_items() if pair[0].lower() != "content-encoding"]
        )
        recorded = self._recorder.redactor.headers(headers.multi_items())
        if "text/event-stream" in content_type and response.status_code < 300:
            self._recorder.add(
                Response, exchange=exchange, status=response.status_code, headers=recorded, streamed=True
            )
            bounded.on_error = lambda error: self._fault(exchange, _describe(error))
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
        self._recorder.add(Fault, exchange=exchange, error=self._recorder.redactor.text(error))


class _Bounded(httpx.AsyncByteStream):
    """A byte stream that is decoded as it comes and stops at `MAX_BODY` decoded bytes."""

    def __init__(self, inner: httpx.AsyncByteStream, encoding: str) -> None:
        self._inner = inner
        self._encoding = encoding.strip().lower()
        self.on_error: Callable[[httpx.TransportError], None] = lambda _: None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._decoded():
                yield chunk
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
            left -= len(chunk)
            if left < 0:
                raise UnusableAnswer(f"answer larger than {MAX_BODY // 2**20} MiB")
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
