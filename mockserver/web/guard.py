"""The guard of the control API: requests that a web page could make are refused.

A page of any site can send requests to a server on the developer's machine. The control API shows what an application
sent and replaces the script, so it answers programs only. The request of a page differs in one of these ways:

- Its browser adds `Origin`, or `Sec-Fetch-Site` with another value than `same-origin` or `none`.
- A form, or `fetch` in the mode `no-cors`, cannot send the content type `application/json`.
- A page whose own name resolves to this machine (DNS rebinding) has that name in `Host`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Final

from aiohttp import web

from mockserver.core.callbacks import AGENT
from mockserver.core.json_text import as_json
from mockserver.web.http import ApiError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """The rules of the control API. `hosts` are the names that it listens on, `origins` are the pages that may use it.

    An origin is `SCHEME://HOST[:PORT]`, or `*` for any.
    """

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self.hosts = {host.strip("[]").casefold() for host in hosts}
        """The names under which programs reach the deployment."""
        self._origins = frozenset(origin.rstrip("/").casefold() for origin in origins)

    def allows_origin(self, origin: str) -> bool:
        """Return whether pages of an origin were allowed by a setting."""
        return "*" in self._origins or origin.casefold() in self._origins

    def refusal(self, headers: Mapping[str, str], *, has_body: bool) -> ApiError | None:
        """Return the refusal of a request, with the option that allows it, or None if the request is answered."""
        if headers.get("User-Agent") == AGENT:
            return ApiError(403, "the control API does not answer to webhooks and probe reports of a mock")
        host, origin = headers.get("Host", ""), headers.get("Origin")
        if host and not self._knows(host):
            name = _name(host) or "HOST"
            text = f"the control API does not answer to the host {as_json(host)}; start with --allow-host {name}"
            return ApiError(403, text)
        if origin is not None and not self._is_same(origin, host) and not self.allows_origin(origin):
            text = f"the control API does not answer to pages of {as_json(origin)}; start with --allow-origin {origin}"
            return ApiError(403, text)
        if origin is None and headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            text = "the control API does not answer to pages of other origins; start with --allow-origin ORIGIN"
            return ApiError(403, text)
        kind = headers.get("Content-Type", "").partition(";")[0].strip().casefold()
        if (has_body or kind) and kind != "application/json":
            return ApiError(415, f"the control API takes the content type application/json, not {kind or 'none'}")
        return None

    def _knows(self, host: str) -> bool:
        name = _name(host)
        # An address cannot be rebound: only a name can resolve to another machine than before.
        known = name == "localhost" or name.endswith(".localhost") or name in self.hosts or _is_address(name)
        # A header that cannot be read has no name, and an unset variable is an empty one. They must not meet.
        return name != "" and known

    def _is_same(self, origin: str, host: str) -> bool:
        return origin.casefold().partition("://")[2] == host.casefold() != ""


_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]+)?")

GUARD: Final = web.AppKey("guard", Guard)


def guarded(handler: Handler) -> Handler:
    """Return a handler that answers only what the guard of the application lets through."""

    async def answer(request: web.Request) -> web.StreamResponse:
        refusal = request.app[GUARD].refusal(request.headers, has_body=request.can_read_body)
        if refusal is not None:
            raise refusal
        return await handler(request)

    return answer


def _name(host: str) -> str:
    """Return the name or address in a `Host` header without the port, or an empty text if it has neither."""
    found = _HOST.fullmatch(host.casefold())
    return found["name"].strip("[]").rstrip(".") if found else ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
