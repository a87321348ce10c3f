"""Interceptors between the network and the routes: the journal, faults and defects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Interceptor = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
"""Answers a request; what it hands to the handler is answered by those behind it, and in the end by the route."""

CONTROL: Final = "/_mock"
"""The prefix of the requests that steer the mock; they are not intercepted."""

INTERCEPTORS: Final = web.AppKey[list[Interceptor]]("interceptors", list)
"""Every interceptor of an application, the outermost first."""


@web.middleware
async def intercept(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request to each interceptor in turn."""
    if not request.path.startswith(CONTROL):
        interceptors = request.app[INTERCEPTORS]
        for interceptor in reversed(interceptors):
            handler = _before(interceptor, handler)
    return await handler(request)


def _before(interceptor: Interceptor, handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await interceptor(request, handler)

    return answer
