"""The transport of the requests that read a status, which are most requests of a play.

It is aiohttp's client, which takes a third of the time of httpx's own transport. Faults have the types of httpx.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import aiohttp
import httpx
from yarl import URL

MAX_HEAD = 100 * 1024
"""The greatest number of bytes of a line of a head. It is that of h11, so that both transports read the same."""


class Looks(httpx.AsyncBaseTransport):
    """A transport for requests that change nothing. An idle connection is kept for `kept_alive` seconds.

    A request is repeated once if it met a connection that the server had just closed.
    """

    def __init__(self, tls: ssl.SSLContext, kept_alive: float) -> None:
        self._tls = tls
        self._kept_alive = kept_alive
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request without a body. Raise TransportError."""
        if self._session is None:
            # aiohttp repeats a request also where its connection was new, which is a fault of the server.
            new = aiohttp.TraceConfig()
            new.on_connection_create_start.append(_expect_first)
            # aiohttp needs a running loop here.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, limit=0, keepalive_timeout=self._kept_alive),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trace_configs=[new],
                max_line_size=MAX_HEAD,
                max_field_size=MAX_HEAD,
            )
        limit = request.extensions.get("timeout", {}).get("connect")
        with _as_httpx():
            answer = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers.multi_items(),
                allow_redirects=False,
                trace_request_ctx=[],
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=limit),
            )
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for chunk in self._answer.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        # It gives the connection back where the body was read to its end, and closes it otherwise.
        self._answer.release() if self._answer.content.at_eof() else self._answer.close()


async def _expect_first(_session: object, context: SimpleNamespace, _parameters: object) -> None:
    """Raise RemoteProtocolError for the second new connection of one request."""
    opened: list[None] = context.trace_request_ctx
    if opened:
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
    opened.append(None)


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Raise aiohttp's errors as those of httpx."""
    try:
        yield
    except aiohttp.ServerTimeoutError as error:
        raise httpx.ConnectTimeout(str(error)) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx.ConnectError(str(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        raise httpx.RemoteProtocolError(str(error) or type(error).__name__) from error
