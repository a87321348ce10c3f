"""Interceptors between the network and the routes: the journal, the faults and the defects.

They are a list and not aiohttp middlewares, because aiohttp fixes its middlewares when the server starts, and defects
are switched on and off while it runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Interceptor = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
"""A function that answers a request itself or calls the handler: the interceptors behind it and then the route."""

CONTROL: Final = "/_mock"
"""The path prefix of the control API. Its requests are not intercepted."""

INTERCEPTORS: Final = web.AppKey[list[Interceptor]]("interceptors", list)
"""The interceptors of an application, the outermost first."""


@web.middleware
async def intercept(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Pass a request through the interceptors, the outermost first."""
    # A test has to be able to remove a fault that breaks every response.
    if not request.path.startswith(CONTROL):
        interceptors = request.app[INTERCEPTORS]
        for interceptor in reversed(interceptors):
            handler = _wrapped(interceptor, handler)
    return await handler(request)


def _wrapped(interceptor: Interceptor, handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await interceptor(request, handler)

    return answer
