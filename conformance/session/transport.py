"""The transport of the suite's requests, under the official client: aiohttp's client with the errors of httpx.

It takes a third of the time of httpx's own transport, and most of a play is requests.
"""

from __future__ import annotations

import io
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from types import SimpleNamespace
from typing import Final

import aiohttp
import httpx
from yarl import URL

KEPT_ALIVE: Final = 2.0
"""Seconds for which an idle connection is kept for another request.

Many servers close one that is idle for five seconds. With the shorter time a request is seldom sent on a connection
that is just being closed.
"""

MAX_HEAD: Final = 100 * 1024
"""The greatest number of bytes of a line of a head. It is that of h11, which httpx's own transport uses."""

REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods of requests that change nothing."""

READ_AHEAD: Final = 1024
"""Bytes of a stream that wait for their reader. Twice as many end the reading from the connection.

A client that reads slowly has to slow the server down. With aiohttp's own 64 KiB it seldom does: the JavaScript server,
which drops events of a slow client, then dropped none.
"""

RECEIVED: Final = 64 * 1024
"""Bytes of a stream that the system receives ahead of the suite, of which Linux makes twice as many.

By itself Linux receives up to 32 MiB and so, now and then, all of a stream whose client reads nothing. With this limit
some 4.3 MB of it fit between the server and the suite, as Linux sends up to 4 MiB ahead. The stream has 4.7 MB.
"""

ADDED_BY_AIOHTTP: Final = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
"""The headers that only the official client decides."""

NO_ANSWER: Final = "Server disconnected without sending a response."
CUT: Final = "peer closed connection without sending complete message body"


class Transport(httpx.AsyncBaseTransport):
    """A transport whose connections break only because of the server: none that breaks was idle before.

    A server may close a connection that is idle at any time, also while a request is on its way. Clients have to
    recover from that, and they may repeat a request only if that is safe (RFC 9112, sections 9.3.1 and 9.5). So a
    request that changes something gets a connection of its own, and any other is sent once more if it met a connection
    that the server had closed.
    """

    def __init__(self, tls: Callable[[], ssl.SSLContext], proxy: httpx.Proxy | None) -> None:
        self._tls = tls
        self._proxy = None if proxy is None else _url(proxy)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        """One with kept connections (True), and one that opens a connection for each request."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raise TransportError."""
        limit = request.extensions.get("timeout", {}).get("connect")
        # The client has turned the credentials of its URL into a header, and aiohttp would do so again.
        url = request.url.copy_with(userinfo=b"") if request.url.userinfo else request.url
        streams = request.headers.get("accept") == "text/event-stream"
        with _as_httpx():
            answer = await self._session(kept=request.method in REPEATABLE).request(
                request.method,
                URL(str(url), encoded=True),
                headers=request.headers.multi_items(),
                skip_auto_headers=ADDED_BY_AIOHTTP,
                # A file, because aiohttp warns of bytes if they are many.
                data=io.BytesIO(request.content) if request.content else None,
                allow_redirects=False,
                proxy=self._proxy,
                # Loaded only where it is used. A proxy may itself be reached over HTTPS.
                ssl=self._tls() if self._proxy is not None or request.url.scheme == "https" else True,
                trace_request_ctx=[],
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=limit),
                read_bufsize=READ_AHEAD if streams else None,
            )
        if streams:
            _receive_little(answer)
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=_Body(answer))

    def _session(self, *, kept: bool) -> aiohttp.ClientSession:
        if kept not in self._sessions:
            # aiohttp repeats a request also where its connection was new, which is a fault of the server.
            new = aiohttp.TraceConfig()
            new.on_connection_create_start.append(_expect_first)
            # No limit: an open stream must not delay another request.
            connector = (
                aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_ALIVE)
                if kept
                else aiohttp.TCPConnector(limit=0, force_close=True)
            )
            # Here and not before, because aiohttp needs a running loop.
            self._sessions[kept] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trace_configs=[new],
                max_line_size=MAX_HEAD,
                max_field_size=MAX_HEAD,
            )
        return self._sessions[kept]

    async def aclose(self) -> None:
        """Close all connections."""
        # All of them, also where the play is cancelled meanwhile.
        async with AsyncExitStack() as closing:
            for session in self._sessions.values():
                closing.push_async_callback(session.close)


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


def _receive_little(answer: aiohttp.ClientResponse) -> None:
    """Limit what the system receives of an answer ahead of its reader."""
    # An answer that has arrived whole has no connection any more, and one that broke off has no socket.
    if answer.connection is not None and answer.connection.transport is not None:
        connected = answer.connection.transport.get_extra_info("socket")
        with suppress(OSError):
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)


def _url(proxy: httpx.Proxy) -> URL:
    """Return the URL of a proxy with the user and the password, as aiohttp takes them."""
    url = URL(str(proxy.url))
    if proxy.raw_auth is None:
        return url
    user, password = (one.decode() for one in proxy.raw_auth)
    return url.with_user(user).with_password(password)


async def _expect_first(_session: object, context: SimpleNamespace, _parameters: object) -> None:
    """Raise RemoteProtocolError for the second new connection of one request."""
    opened: list[None] = context.trace_request_ctx
    if opened:
        raise httpx.RemoteProtocolError(NO_ANSWER)
    opened.append(None)


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Raise aiohttp's errors as those of httpx, with texts for readers who know neither."""
    try:
        yield
    except aiohttp.ServerTimeoutError as error:
        raise httpx.ConnectTimeout(str(error)) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx.ConnectError(_reason(error.os_error)) from error
    except aiohttp.ServerDisconnectedError as error:
        raise httpx.RemoteProtocolError(NO_ANSWER) from error
    except aiohttp.ClientPayloadError as error:
        raise httpx.RemoteProtocolError(CUT) from error
    except (aiohttp.ClientError, OSError) as error:
        raise httpx.RemoteProtocolError(str(error) or type(error).__name__) from error


def _reason(error: OSError) -> str:
    """Return why there is no connection. asyncio's own text repeats the address."""
    if isinstance(error, ssl.SSLError) or error.errno is None or error.errno <= 0:
        # The numbers of TLS and of the resolver are their own.
        return error.strerror or str(error)
    return os.strerror(error.errno)
