"""The transport of httpx on asyncio alone, for races between requests.

By default httpx goes through anyio, which supports several kinds of event loop and costs a third of a request's time.
Where requests race with each other, the turns of the event loop that the pool of httpx takes decide the outcome, so
`connections` cannot replace it there.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx


def transport() -> httpx.AsyncHTTPTransport:
    """Return the transport that a session gives the official client, with connections on asyncio."""
    # `verify=False`: the mock speaks plain HTTP, and loading certificates takes a quarter of the time of a play.
    made = httpx.AsyncHTTPTransport(verify=False, trust_env=False)
    # httpx has no parameter for the network backend of its pool.
    made._pool = httpcore.AsyncConnectionPool(max_connections=None, network_backend=_Network())
    return made


class _Network(httpcore.AsyncNetworkBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                return _Stream(*await asyncio.open_connection(host, port))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error


class _Stream(httpcore.AsyncNetworkStream):
    """A connection without timeouts, because the deadlines of the suite cover whole requests."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return await self._reader.read(max_bytes)
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._writer.close()

    def get_extra_info(self, info: str) -> Any:
        """Return whether the socket is readable: on an idle connection that means that the server has closed it."""
        if info != "is_readable":
            return None
        if self._reader.at_eof() or self._writer.is_closing():
            return True
        poll = select.poll()
        poll.register(self._writer.get_extra_info("socket"), select.POLLIN)
        return bool(poll.poll(0))
