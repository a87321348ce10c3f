"""Interceptors between the network and the routes: the journal, the faults and the defects.

They are a list and not aiohttp middlewares, because aiohttp fixes its middlewares when the server starts, and defects
are switched on and off while it runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Interceptor(Protocol):
    """A function that answers a request itself or calls the handler: the interceptors behind it and then the route."""

    def __call__(self, request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        """Return the answer."""


CONTROL: Final = "/_mock"
"""The path prefix of the control API. Its requests are not intercepted."""

INTERCEPTORS: Final = web.AppKey[list[Interceptor]]("interceptors", list)
"""The interceptors of an application, the outermost first."""
