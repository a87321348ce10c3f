"""The connection to a deployment: trusted certificates, a client certificate, and a proxy."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import httpx


class BadConnectionError(Exception):
    """An option cannot be used. The text names the option and quotes no secret."""


class Connection:
    """The TLS settings and the proxy of all requests. Environment variables are ignored, as machines differ in them."""

    def __init__(self, proxy: httpx.Proxy | None = None) -> None:
        self.proxy = proxy

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """The TLS settings, which trust the usual certificates. To load these takes time, and HTTP needs none."""
        return httpx.create_ssl_context(trust_env=False)

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return the connections of one play."""
        # Imported here: aiohttp takes longer than to collect the whole suite.
        from conformance.session.transport import Transport

        # One for each play: what a play leaves open ends with it.
        return Transport(lambda: self.tls, self.proxy)

    @property
    def secret(self) -> str | None:
        """The user and the password of the proxy, as `USER:PASSWORD`."""
        auth = None if self.proxy is None else self.proxy.raw_auth
        return None if auth is None else b":".join(auth).decode()


def connection(
    *, ca: str | None = None, cert: str | None = None, key: str | None = None, proxy: str | None = None
) -> Connection:
    """Return the connection that these options describe. Raise BadConnectionError.

    `ca` is a PEM file of certificates that are trusted in addition to the usual ones. `cert` and `key` are PEM files
    with the client certificate and its private key. `proxy` is a URL.
    """
    made = Connection(None if proxy is None else _proxy(proxy))
    if ca is not None:
        _load("--deployment-ca", ca, lambda: made.tls.load_verify_locations(cafile=ca))
    if cert is not None:
        # Without a password callback OpenSSL asks for one on the terminal, and a CI job would hang.
        _load("--deployment-cert", cert, lambda: made.tls.load_cert_chain(cert, key, password=_no_password))
    elif key is not None:
        raise BadConnectionError("--deployment-key: a key belongs to a certificate; give --deployment-cert as well")
    return made


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
