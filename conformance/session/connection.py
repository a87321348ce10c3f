"""The connection to a deployment: trusted certificates, a client certificate, and a proxy."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from conformance.driver.http import LOOK

KEPT_ALIVE = 2.0
"""Seconds for which an idle connection is kept for another request."""

REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods of requests that change nothing."""


class BadConnectionError(Exception):
    """An option cannot be used. The text names the option and quotes no secret."""


@dataclass(frozen=True)
class Connection:
    """The TLS settings and the proxy of all requests. Environment variables are ignored, as machines differ in them."""

    tls: ssl.SSLContext
    proxy: httpx.Proxy | None = None

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return the connections of one play."""
        # Imported here: aiohttp takes longer than to collect the whole suite.
        from conformance.session.looks import Looks

        # One pool per play: httpcore searches the whole pool for each request, and in a pool that all plays share that
        # takes longer than opening connections. No limit: an open stream must not delay another request.
        # Many servers close a connection that is idle for five seconds, and so does httpx. With the shorter time a
        # request is seldom sent on a connection that is just being closed.
        kept = httpx.Limits(max_connections=None, keepalive_expiry=KEPT_ALIVE)
        fresh = self._transport(httpx.Limits(max_keepalive_connections=0))
        return _Transport(self._transport(kept), fresh, Looks(self.tls, KEPT_ALIVE) if self.proxy is None else None)

    def _transport(self, limits: httpx.Limits) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=self.tls, proxy=self.proxy, limits=limits, trust_env=False)

    @property
    def secret(self) -> str | None:
        """The user and the password of the proxy, as `USER:PASSWORD`."""
        auth = None if self.proxy is None else self.proxy.raw_auth
        return None if auth is None else b":".join(auth).decode()


class _Transport(httpx.AsyncBaseTransport):
    """A transport whose connections break only because of the server: none that breaks was idle before.

    A server may close a connection that is idle at any time, also while a request is on its way. Clients have to
    recover from that, and they may repeat a request only if that is safe (RFC 9112, sections 9.3.1 and 9.5). So a
    request that changes something gets a connection of its own.
    """

    def __init__(
        self, kept: httpx.AsyncBaseTransport, fresh: httpx.AsyncBaseTransport, looks: httpx.AsyncBaseTransport | None
    ) -> None:
        self._kept = kept
        self._fresh = fresh
        self._looks = looks

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and once more if it met a connection that the server had closed."""
        if LOOK in request.extensions and self._looks is not None:
            return await self._looks.handle_async_request(request)
        if request.method not in REPEATABLE:
            return await self._fresh.handle_async_request(request)
        opened: list[str] = []

        async def trace(event: str, _info: object) -> None:
            if event == "connection.connect_tcp.started":
                opened.append(event)

        request.extensions = {**request.extensions, "trace": trace}
        try:
            return await self._kept.handle_async_request(request)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if opened:
                raise
        return await self._fresh.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        async with AsyncExitStack() as stack:
            for one in (self._kept, self._fresh, self._looks):
                if one is not None:
                    # All are closed, also if one of them fails or this is cancelled meanwhile.
                    stack.push_async_callback(one.aclose)


def connection(
    *, ca: str | None = None, cert: str | None = None, key: str | None = None, proxy: str | None = None
) -> Connection:
    """Return the connection that these options describe. Raise BadConnectionError.

    `ca` is a PEM file of certificates that are trusted in addition to the usual ones. `cert` and `key` are PEM files
    with the client certificate and its private key. `proxy` is a URL.
    """
    tls = httpx.create_ssl_context(trust_env=False)
    if ca is not None:
        _load("--deployment-ca", ca, lambda: tls.load_verify_locations(cafile=ca))
    if cert is not None:
        # Without a password callback OpenSSL asks for one on the terminal, and a CI job would hang.
        _load("--deployment-cert", cert, lambda: tls.load_cert_chain(cert, key, password=_no_password))
    elif key is not None:
        raise BadConnectionError("--deployment-key: a key belongs to a certificate; give --deployment-cert as well")
    return Connection(tls, None if proxy is None else _proxy(proxy))


def _load(option: str, path: str, load: Callable[[], None]) -> None:
    if not Path(path).is_file():
        raise BadConnectionError(f"{option}: there is no file {path}")
    try:
        load()
    except _EncryptedError:
        raise BadConnectionError(f"{option}: the key needs a passphrase; give a key without one") from None
    except ssl.SSLError as error:
        reason = (error.reason or "not PEM").lower().replace("_", " ")
        raise BadConnectionError(f"{option}: {path} is not a PEM file for this purpose: {reason}") from None
    except OSError as error:
        raise BadConnectionError(f"{option}: {path} cannot be read: {error.strerror}") from None


class _EncryptedError(Exception):
    pass


def _no_password() -> str:
    raise _EncryptedError


def _proxy(url: str) -> httpx.Proxy:
    form = "http://[USER:PASSWORD@]HOST:PORT"
    try:
        proxy = httpx.Proxy(url)
    except (ValueError, httpx.InvalidURL):
        raise BadConnectionError(f"--deployment-proxy: the URL is not of the form {form}") from None
    if proxy.url.scheme not in ("http", "https") or not proxy.url.host:
        raise BadConnectionError(f"--deployment-proxy: the URL is not of the form {form}")
    return proxy
