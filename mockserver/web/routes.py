"""Every path that the mock serves: the routes of all modules in one table, from which the router is made."""

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
from mockserver.web.http import Refusal, json_answer
from mockserver.web.route import Route


async def description(_: web.Request) -> web.StreamResponse:
    """Describe this API."""
    # Imported here: generating the description is slow to import and rarely requested.
    from mockserver.web.openapi import describe

    return json_answer(describe(ROUTES))


async def documentation(_: web.Request) -> web.StreamResponse:
    """List what this server takes, for people."""
    rows = "".join(f"<li><code>{one.method} {one.path}</code> {one.summary}</li>" for one in ROUTES)
    head = "<!doctype html><title>doubletext-mockserver</title><p>See <a href=/openapi.json>openapi.json</a>."
    return web.Response(text=f"{head}<ul>{rows}</ul>", content_type="text/html")


# The router looks through the paths below /threads in this order, and those of runs are requested most.
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
    """Serve every route of the table."""
    resources: dict[str, Any] = {}
    for route in ROUTES:
        resource = resources.get(route.path)
        if resource is None:
            # One resource per path, so that a wrong method is a 405 that names the right ones.
            resource = resources[route.path] = app.router.add_resource(route.path)
        resource.add_route(route.method, _guarded(route))
        if route.method == "GET" and not route.streams:
            resource.add_route("HEAD", _guarded(route))

    for path in routes_system.NOT_OFFERED:
        app.router.add_route("*", path, routes_system.not_offered)


def _guarded(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler of a route; a query parameter that it would ignore is refused by name."""
    if route.query is not None:
        return route.handler

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.query:
            raise Refusal(422, f"Unknown query parameter `{next(iter(request.query))}`")
        return await route.handler(request)

    return handler
