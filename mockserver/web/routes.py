"""The route table of the mock: the routes of all modules, from which the router is built."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from mockserver.schemas.common import Json
from mockserver.web import (
    routes_assistants,
    routes_crons,
    routes_protocol,
    routes_runs,
    routes_state,
    routes_store,
    routes_system,
    routes_threads,
)
from mockserver.web.http import json_answer
from mockserver.web.leniency import ignore
from mockserver.web.route import THREAD, Route


async def description(_: web.Request) -> web.StreamResponse:
    """Return the OpenAPI description of this server."""
    # Imported here: the module is slow to import and rarely requested.
    from mockserver.web.openapi import describe

    return json_answer(describe(ROUTES))


async def documentation(_: web.Request) -> web.StreamResponse:
    """Return a page that lists the paths of this server."""
    rows = "".join(f"<li><code>{one.method} {one.path}</code> {one.summary}</li>" for one in ROUTES)
    head = "<!doctype html><title>doubletext-mockserver</title><p>See <a href=/openapi.json>openapi.json</a>."
    return web.Response(text=f"{head}<ul>{rows}</ul>", content_type="text/html")


# aiohttp's router tries the paths below /threads in this order, and those of runs are requested most.
ROUTES: Final[tuple[Route, ...]] = (
    *routes_system.ROUTES,
    Route("GET", "/openapi.json", description, response=Json),
    Route("GET", "/docs", documentation, kinds=("text/html",)),
    *routes_assistants.ROUTES,
    *routes_runs.ROUTES,
    *routes_threads.ROUTES,
    *routes_state.ROUTES,
    *routes_protocol.ROUTES,
    *routes_crons.ROUTES,
    *routes_store.ROUTES,
)


def add_to(app: web.Application) -> None:
    """Add every route of the table to an application."""
    # Not shared between applications, although they take most of the time of one: each may be mounted under a prefix,
    # which aiohttp writes into its resources.
    resources: dict[str, Any] = {}
    # The statuses of threads are what is read most, and aiohttp tries the paths below `/threads` in this order.
    for route in sorted(ROUTES, key=lambda one: one.path != THREAD):
        resource = resources.get(route.path)
        if resource is None:
            # One resource per path, so that a wrong method is answered with a 405 that lists the allowed ones.
            resource = resources[route.path] = app.router.add_resource(route.path)
        resource.add_route(route.method, _checked(route))
        # A HEAD of a stream would have to wait for its end.
        if route.method == "GET" and not route.streams:
            resource.add_route("HEAD", _checked(route))

    app.router.add_route("POST", routes_system.TRUNCATE, routes_system.truncate)
    for path in routes_system.NOT_OFFERED:
        app.router.add_route("*", path, routes_system.not_offered)


def _checked(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the handler of a route, which notices query parameters although the route has none."""
    # A route with a query type notices unknown parameters itself, because such types forbid unknown fields.
    if route.query is not None:
        return route.handler

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.rel_url.raw_query_string:
            for name in request.query:
                ignore(f"unknown query parameter `{name}`, where this path takes none")
        return await route.handler(request)

    return handler
