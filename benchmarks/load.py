"""A client that costs as little as it can, so that the server is what is measured: prepared bytes on plain sockets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit

PATIENCE: Final = 300.0
"""Seconds after which a server that does not answer is given up."""

_HEAD_END = b"\r\n\r\n"
_BODY_END = b"\r\n0\r\n\r\n"


class AnswerError(Exception):
    """An answer that is not a success, or none at all."""


def request(method: str, path: str, body: object = None) -> bytes:
    """Return a request as bytes."""
    data = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


class Connection(asyncio.Protocol):
    """One kept connection, for one request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._whole: asyncio.Future[bytes] | None = None
        self._first: tuple[bytes, asyncio.Future[float]] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Look whether the answer is whole."""
        self._received += data
        if self._first is not None and not self._first[1].done() and self._first[0] in self._received:
            self._first[1].set_result(time.perf_counter())
        if self._whole is not None and not self._whole.done() and (end := _end(self._received)):
            answer = bytes(self._received[:end])
            del self._received[:end]
            self._whole.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """Give up on an answer that will not come."""
        for waiting in (self._whole, self._first and self._first[1]):
            if waiting is not None and not waiting.done():
                waiting.set_exception(AnswerError(f"the server closed the connection: {error}"))

    async def ask(self, sent: bytes) -> bytes:
        """Send a request and return the body of the response. Raise `AnswerError`."""
        self._whole = asyncio.get_running_loop().create_future()
        self._write(sent)
        return _body(await asyncio.wait_for(self._whole, PATIENCE))

    async def ask_json(self, method: str, path: str, body: object = None) -> Any:
        """Send a request and return the JSON of the response. Raise `AnswerError`."""
        return json.loads(await self.ask(request(method, path, body)) or b"null")

    async def first(self, sent: bytes, mark: bytes) -> float:
        """Send a request and return when `mark` was received. The response continues. Raise `AnswerError`."""
        self._first = (mark, asyncio.get_running_loop().create_future())
        self._write(sent)
        return await asyncio.wait_for(self._first[1], PATIENCE)

    def close(self) -> None:
        """Leave."""
        if self._transport is not None:
            self._transport.abort()

    def _write(self, sent: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise AnswerError("the connection is closed")
        self._transport.write(sent)


def _end(received: bytearray) -> int:
    """Return the length of a complete response, or 0 while it is incomplete."""
    head = received.find(_HEAD_END)
    if head < 0:
        return 0
    names = bytes(received[:head]).lower()
    if b"transfer-encoding: chunked" in names:
        end = received.find(_BODY_END, head + 2)
        return 0 if end < 0 else end + len(_BODY_END)
    length = int(names.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
    whole = head + len(_HEAD_END) + length
    return whole if len(received) >= whole else 0


def _body(answer: bytes) -> bytes:
    head, _, body = answer.partition(_HEAD_END)
    if not head.split(b" ", 2)[1].startswith(b"2"):
        raise AnswerError(answer.decode("utf-8", "replace")[:500])
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    parts, rest = [], body
    while (size := int(rest.partition(b"\r\n")[0], 16)) > 0:
        rest = rest.partition(b"\r\n")[2]
        parts.append(rest[:size])
        rest = rest[size + 2 :]
    return b"".join(parts)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """Connect to a server for the duration of a block."""
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, str(address.hostname), address.port or 80)
    try:
        yield connection
    finally:
        connection.close()


async def send_all(url: str, requests: Iterator[bytes], clients: int) -> int:
    """Send requests from several clients, each after its previous response. Return the number of requests."""
    sent = 0

    async def client() -> None:
        nonlocal sent
        async with connected(url) as connection:
            for one in requests:
                await connection.ask(one)
                sent += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return sent


async def rate(url: str, requests: Iterator[bytes], clients: int, seconds: float) -> float:
    """Answers per second, for about so many seconds."""
    began = time.perf_counter()
    until = began + seconds
    sent = await send_all(url, _while(lambda: time.perf_counter() < until, requests), clients)
    return sent / (time.perf_counter() - began)


def _while(goes_on: Callable[[], bool], requests: Iterator[bytes]) -> Iterator[bytes]:
    while goes_on():
        yield from islice(requests, 1)
