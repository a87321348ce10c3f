"""A transport of httpx with just the HTTP that the mock speaks, for the many requests of the kill matrix.

By default httpx goes through httpcore, anyio and h11, which take half of a request's time. This transport speaks
HTTP/1.1 over plain TCP: bodies with a length, in chunks, or up to the end of the connection. It has no time limits,
because the deadlines of the suite cover whole requests. Its faults have the types and the texts of httpx.

A connection is kept and used again as httpx does it: the oldest one that is idle, unless the server has closed it. A
request alone takes as many turns of the event loop as with httpx. Races between requests are played over `pool`.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import NamedTuple

import httpx
from httpx import _urlparse as url_parsing
from httpx import _urls as urls

FULL = 1 << 16
"""Unread bytes of a connection down to which it reads again. It pauses at twice as many, as asyncio's streams do."""

NO_ANSWER = "Server disconnected without sending a response."
CUT = "peer closed connection without sending complete message body ({})"


_read = httpx.Response.read
_extract_cookies = httpx.Cookies.extract_cookies
_parsed = lru_cache(4096)(url_parsing.urlparse)


def transport() -> httpx.AsyncBaseTransport:
    """Return the transport that a session gives the official client, with connections on asyncio."""
    _spare_the_client()
    return _Transport()


def _spare_the_client() -> None:
    """Leave out steps of httpx that take a quarter of a request.

    A URL is parsed once, cookies are extracted only from a response that sets one, and a body that is there as a whole
    and not encoded is not passed through the decoder.
    """

    def read(self: httpx.Response) -> bytes:
        stream = self.stream
        encoded = hasattr(self, "_content") or "content-encoding" in self.headers
        if isinstance(stream, httpx.ByteStream) and not encoded:
            self._content = b"".join(stream)
            self.is_closed = self.is_stream_consumed = True
        return _read(self)

    def extract_cookies(self: httpx.Cookies, response: httpx.Response) -> None:
        if "set-cookie" in response.headers:
            _extract_cookies(self, response)

    httpx.Response.read = read  # type: ignore[method-assign]
    httpx.Cookies.extract_cookies = extract_cookies  # type: ignore[method-assign]
    # By both names: one parses a URL, and the other a URL with another path, which each request of the client has.
    urls.urlparse = _parsed  # type: ignore[attr-defined]
    url_parsing.urlparse = _parsed


class _Head(NamedTuple):
    """The head of a response: its status and its headers, which decide where the body ends."""

    status: int
    headers: list[tuple[bytes, bytes]]
    named: dict[bytes, bytes]
    """The same headers by their names, both in small letters. The headers of httpx take longer than to parse a head."""

    @classmethod
    def parsed(cls, status: int, lines: list[bytes]) -> _Head:
        """Return a head with these lines of headers."""
        headers = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        named: dict[bytes, bytes] = {}
        for key, value in headers:
            name = key.lower()
            named[name] = b", ".join((named[name], value.lower())) if name in named else value.lower()
        return cls(status, headers, named)

    @property
    def length(self) -> int | None:
        """The length of the body in bytes, None if the head does not state it."""
        if self.status in (204, 304):
            return 0
        stated = self.named.get(b"content-length")
        return None if stated is None or self.chunked else int(stated)

    @property
    def chunked(self) -> bool:
        return b"chunked" in self.named.get(b"transfer-encoding", b"")


class _Connection(asyncio.Protocol):
    """One connection, and the bytes that it has received and that are still to be read."""

    def __init__(self, place: tuple[str, int]) -> None:
        self.place = place
        self.idle = False
        self._received = bytearray()
        self._over = False
        self._awaited: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        # A server must notice a client that reads slowly.
        if len(self._received) > 2 * FULL:
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._wake()

    def _wake(self) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)

    async def _more(self) -> bool:
        """Wait for more bytes. Return whether there are any."""
        had = len(self._received)
        if not self._over:
            # A chunk may be larger than all that is kept unread, and would never be whole.
            self._transport.resume_reading()
            self._awaited = asyncio.get_running_loop().create_future()
            await self._awaited
        return len(self._received) > had

    @property
    def usable(self) -> bool:
        """True if it can send another request: on an idle connection, anything to read is its end."""
        if self._over or self._transport.is_closing():
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not poll.poll(0)

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def close(self) -> None:
        self._over = True
        self._transport.close()

    async def head(self) -> _Head:
        """Read the head of a response, and pass over those that only announce it."""
        while True:
            lines = await self._until(b"\r\n\r\n", NO_ANSWER)
            first, *rest = lines.split(b"\r\n")
            version, _, status = first.partition(b" ")
            if not version.startswith(b"HTTP/1.") or not status[:3].isdigit():
                raise httpx.RemoteProtocolError("illegal status line: " + repr(first))
            if int(status[:3]) >= 200:
                return _Head.parsed(int(status[:3]), rest)

    async def some(self, most: int) -> bytes:
        """Return at most so many bytes. Return none at the end of the connection."""
        while not self._received:
            if not await self._more():
                return b""
        return self._taken(most, most)

    async def chunk(self) -> bytes:
        """Return the next chunk of a body. Return none behind the last one."""
        fault = CUT.format("incomplete chunked read")
        size = int((await self._until(b"\r\n", fault)).partition(b";")[0], 16)
        while len(self._received) < size + 2:
            if not await self._more():
                raise httpx.RemoteProtocolError(fault)
        return self._taken(size, size + 2)

    async def _until(self, end: bytes, fault: str) -> bytes:
        while (at := self._received.find(end)) < 0:
            if not await self._more():
                raise httpx.RemoteProtocolError(fault)
        return self._taken(at, at + len(end))

    def _taken(self, size: int, gone: int) -> bytes:
        """Return the first bytes, and drop those with what follows them."""
        part = bytes(self._received[:size])
        del self._received[:gone]
        if len(self._received) <= FULL and not self._transport.is_closing():
            self._transport.resume_reading()
        return part


class _Body(httpx.AsyncByteStream):
    """The body of a response. Its connection is idle when the body was read whole, and is closed otherwise."""

    def __init__(self, connection: _Connection, head: _Head, kept: bool) -> None:
        self._connection = connection
        self._chunked = head.chunked
        self._kept = kept
        self._head = head
        self._whole = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # One generator and not one for each kind of body: asyncio keeps account of each that is begun.
        try:
            left = length = None if self._chunked else self._head.length
            while left != 0:
                if self._chunked:
                    part = await self._connection.chunk()
                else:
                    part = await self._connection.some(left or 1 << 16)
                if left is not None and length is not None:
                    if not part:
                        received = f"received {length - left} bytes, expected {length}"
                        raise httpx.RemoteProtocolError(CUT.format(received))
                    left -= len(part)
                elif not part:
                    break
                yield part
        except BaseException:
            # As httpx does: a client that is cancelled while it reads disconnects at once.
            self._connection.close()
            raise
        self._whole = True

    async def aclose(self) -> None:
        await asyncio.sleep(0)  # the turn that the pool of httpx takes
        if self._whole and self._kept and (self._chunked or self._head.length is not None):
            self._connection.idle = True
        else:
            self._connection.close()


class _Transport(httpx.AsyncBaseTransport):
    """The connections of one session, oldest first."""

    def __init__(self) -> None:
        self._connections: list[_Connection] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return its response as soon as its head is there."""
        connection = await self._connected((request.url.host, request.url.port or 80))
        # The locks of httpx take two turns before a request is written. Without them a race ends in another way.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        head = b"".join([b"%b: %b\r\n" % pair for pair in request.headers.raw])
        line = b"%b %b HTTP/1.1\r\n" % (request.method.encode(), request.url.raw_path)
        connection.write(line + head + b"\r\n" + request.content)
        try:
            answer = await connection.head()
        except BaseException:
            connection.close()
            raise
        last = request.headers.get("connection") == "close"
        body = _Body(connection, answer, not last and answer.named.get(b"connection") != b"close")
        response = httpx.Response(answer.status, headers=answer.headers, stream=body)
        if last:
            response.headers["connection"] = "close"
        return response

    async def _connected(self, place: tuple[str, int]) -> _Connection:
        """Return a connection for one request: the oldest idle one, or a new one."""
        for one in [one for one in self._connections if one.idle]:
            if not one.usable:
                one.close()
                self._connections.remove(one)
            elif one.place == place:
                one.idle = False
                return one
        try:
            loop = asyncio.get_running_loop()
            _, made = await loop.create_connection(lambda: _Connection(place), *place)
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        self._connections.append(made)
        return made

    async def aclose(self) -> None:
        """Close every connection."""
        for one in self._connections:
            one.close()
