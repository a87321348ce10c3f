"""CORS headers, for pages that call the mock from another origin, as a front end under development does."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from mockserver.web.guard import GUARD
from mockserver.web.http import ENGINE
from mockserver.web.interceptors import CONTROL

# Browsers hide all other headers from scripts, and the clients read the run id and the next page from these. Not
# `Location`: a page that reads it works here and not on the official server.
_EXPOSED: Final = "Content-Location, X-Pagination-Total, X-Pagination-Next"


def is_preflight(request: web.Request) -> bool:
    """Return whether an OPTIONS request is the preflight of a browser."""
    return "Access-Control-Request-Method" in request.headers


async def answer_preflight(request: web.Request) -> web.StreamResponse:
    """Answer the preflight request of a browser."""
    if not _may_be_read(request):
        return web.Response(status=403)
    headers = {
        "Access-Control-Allow-Methods": request.headers["Access-Control-Request-Method"],
        "Access-Control-Allow-Headers": request.app[ENGINE].threads.policy.allowed_to_pages(
            request.headers.get("Access-Control-Request-Headers", "*")
        ),
        "Access-Control-Max-Age": "600",
    }
    if "Access-Control-Request-Private-Network" in request.headers:
        # Browsers ask this before a page from the internet may call a server on this machine.
        # https://wicg.github.io/private-network-access/
        headers["Access-Control-Allow-Private-Network"] = "true"
    return web.Response(status=204, headers=headers)


def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add permissive CORS headers to every answer that any page may read."""
    # Also without an Origin: a cache must not serve that response to a page of another origin.
    response.headers["Vary"] = "Origin"
    if request.path.startswith(CONTROL):
        # A page could still make a browser load the answer as an image or a script.
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["X-Content-Type-Options"] = "nosniff"
    if "Origin" in request.headers and _may_be_read(request):
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = request.app[ENGINE].threads.policy.exposed_to_pages(
            _EXPOSED
        )


def _may_be_read(request: web.Request) -> bool:
    """Return whether the page that sends a request may read the answer: any, except for the control API."""
    return not request.path.startswith(CONTROL) or request.app[GUARD].allows_origin(request.headers.get("Origin", ""))
