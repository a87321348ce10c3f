"""CORS headers, for pages that call the mock from another origin, as a front end under development does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

# Browsers hide all other headers from scripts, and the clients read the run id and the next page from these.
_EXPOSED: Final = "Content-Location, Location, X-Pagination-Total, X-Pagination-Next"


@web.middleware
async def answer_preflight(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer the preflight request of a browser, and pass every other request on."""
    # An OPTIONS request without this header is not a preflight.
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return await handler(request)
    headers = {
        "Access-Control-Allow-Methods": request.headers["Access-Control-Request-Method"],
        "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", "*"),
        "Access-Control-Max-Age": "600",
    }
    if "Access-Control-Request-Private-Network" in request.headers:
        # Browsers ask this before a page from the internet may call a server on this machine.
        # https://wicg.github.io/private-network-access/
        headers["Access-Control-Allow-Private-Network"] = "true"
    return web.Response(status=204, headers=headers)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add `Server` and permissive CORS headers to every response. The mock holds no data that needs protection."""
    response.headers["Server"] = "doubletext-mockserver"
    # Also without an Origin: a cache must not serve that response to a page of another origin.
    response.headers["Vary"] = "Origin"
    if "Origin" in request.headers:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED
