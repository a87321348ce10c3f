"""Connections of the official client straight on asyncio: the plays of the kill matrix make some 350 000 requests.

httpx goes through anyio, which runs on every kind of loop and costs a third of a request's time.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx


def transport() -> httpx.AsyncHTTPTransport:
    """The transport under the official client, as a session has it, but for what its connections run on."""
    # The mock speaks plain HTTP, and to load certificates takes a quarter of the time of a play.
    made = httpx.AsyncHTTPTransport(verify=False, trust_env=False)
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
    """Nothing is limited here: the suite's deadlines are those of whole requests."""

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
        """Only whether there is something to read, which shows that the other side has closed an idle connection."""
        if info != "is_readable":
            return None
        if self._reader.at_eof() or self._writer.is_closing():
            return True
        poll = select.poll()
        poll.register(self._writer.get_extra_info("socket"), select.POLLIN)
        return bool(poll.poll(0))
