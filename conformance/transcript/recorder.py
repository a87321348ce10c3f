"""The recorder of a play, and the HTTP transport that feeds it. Records are bounded in size and free of secrets.

Theory of operation
-------------------

A `Recorder` collects all moments of one play: requests and responses, stream events, reports to the witness, missed
deadlines. `Recorder.add` gives each the next `seq`. Everything runs in one event loop and `add` does not await, so the
sequence numbers are a total order without a lock. `t` is the loop's clock, on which the deadlines run, too.

The order has a precise meaning, on which all proofs of the judge rest:

* A `request` is recorded before it is handed to the network. The deployment cannot have seen it earlier.
* A `response` is recorded after its body has been read completely, or after its headers for a stream. The deployment
  had processed the request by then.
* A `stream` event is recorded when the client has parsed it. The deployment sent it earlier, possibly much earlier.
* A report to the witness is recorded when it arrives, and before it is answered. Until the answer the step waits, so it
  cannot do anything that would belong later in the order.
* `released` is recorded before the held report is answered. A step that is held at that point continues after it.

The deployment therefore processed a request at some moment *between* the seqs of the request and of the response. For
two requests only one conclusion is valid: when the response to the first has a smaller seq than the second request, the
first was processed first. Requests that overlap may have been processed in either order. Nothing may be concluded from
the order of responses alone.

`RecordingTransport` is below the official client and above the network. The record therefore holds the bytes that were
sent and received, however the client interprets them, and also the requests that the client sends by itself: it
reconnects to a stream that was cut, and verifies that a stream has ended. The driver states the reason for its requests
in `CURRENT_CALL`. This is a context variable because the client offers no other way to pass it through, and because
every play and every task of a play has its own. The second request of one call gets the purpose "... again".

Every request gets a `response` or a `fault`. A stream with a `response` later ends with `closed` or with a `fault`,
unless the driver disconnects, which is recorded as `left`.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import httpx
import msgspec

from conformance.api import Purpose, again
from conformance.transcript.index import Index
from conformance.transcript.redaction import Redactor, TooDeep
from conformance.transcript.text import snippet
from conformance.transcript.transcript import AnyMoment, Closed, NetworkFault, Request, Response

# Ordinary answers are far smaller. The bounds keep a broken or hostile deployment from filling the tester's memory.
MAX_BODY = 8 * 1024 * 1024
"""The greatest number of bytes read of one response or one stream. More is recorded as a fault."""

MAX_PLAY = 8 * MAX_BODY
"""The greatest number of bytes read of all responses of one play. Every further response is recorded as a fault."""

MAX_KEY = 4 * 1024
"""Bytes up to which a body is its own key, where equal bodies are looked up. Longer ones are kept by their digests."""

# The headers that can change an answer. The others are the client's own and would differ with each of its releases.
KEPT_REQUEST_HEADERS = frozenset({"content-type", "accept", "last-event-id", "origin"})

MAX_FAULT = 300
"""The greatest number of characters of a fault, whose text may quote an answer."""

# A timeout cancels the request, and so does the end of the play. Only the time since the beginning of the call, with
# what the client does before it sends the request, distinguishes them. Sums of times are not exact.
CLOCK_SLACK = 0.999
"""The share of a deadline after which a cancelled request counts as timed out."""

_M = TypeVar("_M", bound=AnyMoment)


def now() -> float:
    """Return the time of the event loop's clock, on which the deadlines run, in seconds."""
    return asyncio.get_running_loop().time()


@dataclass
class Call:
    """One call of the official client: its purpose, the run or thread that it is about, and its limit in seconds.

    The client may send several requests for one call, because it reconnects to a stream that was cut. The newest one
    has the number `exchange`, which is 0 before the first. It is the first one, in some form, while `first` is true.
    """

    purpose: Purpose
    about: str
    seconds: float
    exchange: int = 0
    first: bool = True
    began: float = field(default_factory=now)
    """The time of the event loop's clock at which the deadline began."""


CURRENT_CALL: ContextVar[Call] = ContextVar("CURRENT_CALL")


class Recorder:
    """The moments of one play, in the order in which they were added.

    `on_moment` is called with each. It wakes the driver, which waits for events and never polls its own record.
    """

    def __init__(self, redactor: Redactor, clock: Callable[[], float] = now) -> None:
        self.redactor = redactor
        self.moments: list[AnyMoment] = []
        self.index = Index()
        self.on_moment: Callable[[AnyMoment], None] = lambda _: None
        self.bytes_left = MAX_PLAY
        self._clock = clock
        self._began = clock()
        self._exchanges = 0
        self._bodies: dict[tuple[bytes, str], Any] = {}
        """Equal bodies are one object. A status is polled dozens of times in a play."""

    def add(self, kind: type[_M], /, **fields: Any) -> _M:
        """Record one moment of type `kind`, call `on_moment` and return the moment."""
        # Microseconds: more digits would only make transcripts longer and their differences larger.
        moment = kind(seq=len(self.moments), t=round(self._clock() - self._began, 6), **fields)
        self.moments.append(moment)
        self.index.add(moment)
        self.on_moment(moment)
        return moment

    def next_exchange(self) -> int:
        """Return the number of the next request of this play."""
        self._exchanges += 1
        return self._exchanges

    def body(self, raw: bytes, content_type: str) -> Any:
        """Return a body for the record: a JSON value, text if it is not JSON, or None if it is empty."""
        if not raw:
            return None
        key = (raw if len(raw) <= MAX_KEY else hashlib.sha256(raw).digest(), content_type)
        if key not in self._bodies:
            self._bodies[key] = self._body(raw, content_type)
        return self._bodies[key]

    def _body(self, raw: bytes, content_type: str) -> Any:
        # Some servers send JSON with another content type. The official clients parse it regardless, and so does this.
        if "json" in content_type or raw.lstrip()[:1] in (b"{", b"["):
            try:
                return self.redactor.value(msgspec.json.decode(raw))
            except (msgspec.DecodeError, RecursionError, TooDeep):  # a hostile body may nest without end
                pass  # recorded as text
        return self.redactor.text(raw.decode("utf-8", "replace"))


class UnusableAnswer(httpx.TransportError):
    """An answer that is too large, or in an encoding that the request excluded."""


class RecordingTransport(httpx.AsyncBaseTransport):
    """An httpx transport that records every exchange of one play and bounds its size."""

    def __init__(self, recorder: Recorder, inner: httpx.AsyncBaseTransport) -> None:
        self._recorder = recorder
        self._inner = inner
        self._shown: WeakKeyDictionary[httpx.Request, dict[str, Any]] = WeakKeyDictionary()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send and record a request, and return its response. Faults are recorded and raised again."""
        exchange = self._recorder.next_exchange()
        self._record_request(exchange, request)
        wanted = "answer"
        try:
            response = await self._inner.handle_async_request(request)
            wanted = "whole answer"
            return await self._receive(exchange, response)
        except httpx.TransportError as error:
            self._fault(exchange, _describe(error))
            raise
        except asyncio.CancelledError:
            # Either the deadline of this call has passed, or the play has ended and cancelled its open requests.
            call = CURRENT_CALL.get()
            late = now() - call.began >= call.seconds * CLOCK_SLACK
            self._fault(exchange, f"no {wanted} within {call.seconds:g} s" if late else f"abandoned without {wanted}")
            raise
        except Exception as error:  # httpx may raise other errors for malformed responses
            self._fault(exchange, f"unusable answer: {type(error).__name__}: {error}")
            raise

    async def aclose(self) -> None:
        """Close the connections underneath."""
        await self._inner.aclose()

    def _record_request(self, exchange: int, request: httpx.Request) -> None:
        call = CURRENT_CALL.get()
        # The first request of a call is the driver's. Any further one was sent by the official client on its own.
        purpose = call.purpose if call.exchange == 0 else again(call.purpose)
        call.exchange = exchange
        # The requests that read statuses are sent again and again.
        shown = self._shown.get(request)
        if shown is None:
            shown = self._shown[request] = self._show(request)
        self._recorder.add(Request, exchange=exchange, purpose=purpose, about=call.about, **shown)

    def _show(self, request: httpx.Request) -> dict[str, Any]:
        """Return the fields of the record that depend on the request alone."""
        recorder = self._recorder
        # Plain bytes make `MAX_BODY` exact, and rule out answers that expand without bound ("zip bombs").
        # A scenario about compression accepts gzip and nothing else. The client's own default names several encodings.
        if request.headers.get("accept-encoding") != "gzip":
            request.headers["accept-encoding"] = "identity"
        kept = [
            (name, value)
            for name, value in request.headers.multi_items()
            if name in KEPT_REQUEST_HEADERS
            or (name, value) == ("accept-encoding", "gzip")
            or recorder.redactor.is_secret(name)
        ]
        return {
            "method": request.method,
            "path": recorder.redactor.text(request.url.raw_path.decode("ascii", "replace")),
            "headers": recorder.redactor.headers(kept),
            "body": recorder.body(request.content, request.headers.get("content-type", "")),
        }

    async def _receive(self, exchange: int, response: httpx.Response) -> httpx.Response:
        pairs = response.headers.multi_items()
        of_name = dict(pairs)
        content_type, encoding = of_name.get("content-type", ""), of_name.get("content-encoding", "")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        bounded = _Bounded(response.stream, encoding, self._recorder)
        headers = response.headers
        if encoding:
            # `_Bounded` decodes the body, so the client must not decode it a second time.
            headers = httpx.Headers([pair for pair in pairs if pair[0] != "content-encoding"])
        # Before the headers and the body are recorded: both may contain the cookie.
        if "set-cookie" in of_name:
            for name, value in pairs:
                if name == "set-cookie":
                    self._recorder.redactor.learn_cookie(value)
        recorded = self._recorder.redactor.headers(pairs)
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
    """A byte stream that decodes while reading, and raises UnusableAnswer beyond `MAX_BODY` or `MAX_PLAY` bytes."""

    def __init__(self, inner: httpx.AsyncByteStream, encoding: str, recorder: Recorder) -> None:
        self._inner = inner
        self._encoding = encoding.strip().lower()
        self._recorder = recorder
        self._left = MAX_BODY
        self.on_error: Callable[[httpx.TransportError], None] = lambda _: None
        self.on_end: Callable[[], object] = lambda: None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            decode = self._decoder()
            async for raw in self._inner:
                chunk = raw if decode is None else decode(raw)
                # The larger of the two: compressed bytes that decode to nothing could otherwise arrive without end.
                self._count(max(len(raw), len(chunk)))
                yield chunk
            self.on_end()
        except httpx.TransportError as error:
            self.on_error(error)
            raise

    def _decoder(self) -> Callable[[bytes], bytes] | None:
        """Return the function that decodes a piece of the body, None for a body that is not encoded."""
        if self._encoding in ("", "identity"):
            return None
        if self._encoding not in ("gzip", "deflate"):
            raise UnusableAnswer(
                f"content-encoding {snippet(self._encoding)} although the request accepts only identity"
            )
        # Some servers and proxies compress regardless. 47: the largest window (15), plus 32 to detect gzip or zlib
        # (https://docs.python.org/3/library/zlib.html#zlib.decompressobj).
        inflate = zlib.decompressobj(wbits=47)

        def decode(raw: bytes) -> bytes:
            try:
                return inflate.decompress(raw, self._left + 1)
            except zlib.error as error:
                raise UnusableAnswer(f"broken {self._encoding} body: {error}") from error

        return decode

    def _count(self, size: int) -> None:
        self._left -= size
        self._recorder.bytes_left -= size
        if self._left < 0:
            raise UnusableAnswer(f"answer larger than {MAX_BODY // 2**20} MiB")
        if self._recorder.bytes_left < 0:
            raise UnusableAnswer(f"the answers of this play add up to more than {MAX_PLAY // 2**20} MiB")

    async def aclose(self) -> None:
        await self._inner.aclose()


def _describe(error: httpx.TransportError) -> str:
    """Return the text of a fault, for readers who do not know httpx."""
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
