"""A route as each module of routes lists it: the router, `/openapi.json` and `GET /_mock` are made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

THREAD: Final = "/threads/{thread_id}"
RUN: Final = f"{THREAD}/runs/{{run_id}}"


@dataclass(frozen=True, slots=True)
class Route:
    """A path, what answers it, and what it takes: `body` and `query` are the types of what it reads."""

    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    body: Any = None
    query: type | None = None
    statuses: tuple[int, ...] = (200,)
    streams: bool = False
    kinds: tuple[str, ...] = ("application/json",)
    """The content types that a successful answer may have."""
    response: Any = None
    """The type of an answer with 200, where that is JSON. Only `/openapi.json` and its test read it."""
    body_optional: bool = False
    resumes: bool = False
    """Whether it takes `Last-Event-ID`."""
    malformed: Any = None
    """The type of an answer with 400, where it is not the usual one."""

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return (self.handler.__doc__ or "").strip()
