"""The declaration of a route, from which the router, `/openapi.json`, `/docs` and `GET /_mock` are generated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from msgspec import Struct

THREAD: Final = "/threads/{thread_id}"
RUN: Final = f"{THREAD}/runs/{{run_id}}"


class Route(Struct, frozen=True):
    """A method and a path with their handler. `body` and `query` are the types that the handler reads."""

    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    body: Any = None
    query: type | None = None
    statuses: tuple[int, ...] = (200,)
    streams: bool = False
    kinds: tuple[str, ...] = ("application/json",)
    """The content types of a successful response."""
    response: Any = None
    """The type of a JSON response with status 200. Only `/openapi.json` and its test read it."""
    body_optional: bool = False
    resumes: bool = False
    """True if the route reads `Last-Event-ID`."""
    malformed: Any = None
    """The type of a response with status 400, if it is not `{"detail": ...}`."""

    @property
    def summary(self) -> str:
        """The docstring of the handler, which users read as the description of the route."""
        return (self.handler.__doc__ or "").strip()
