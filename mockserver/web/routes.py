"""Every path that the mock serves, in one table; the router and `/openapi.json` are made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from mockserver.schemas import assistants as schemas_assistants
from mockserver.schemas import common as schemas
from mockserver.schemas import store as schemas_store
from mockserver.schemas import threads as schemas_threads
from mockserver.web import (
    protocol,
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
    """The types that a successful answer may have."""
    body_optional: bool = False
    resumes: bool = False
    """Whether it takes `Last-Event-ID`."""
    malformed: Any = None
    """The type of an answer with 400, where it is not the usual one."""

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return (self.handler.__doc__ or "").strip()


async def description(_: web.Request) -> web.StreamResponse:
    """Describe this API."""
    # Here, because a server that nobody asks need not know how to describe itself.
    from mockserver.web.openapi import describe

    return json_answer(describe(ROUTES))


async def documentation(_: web.Request) -> web.StreamResponse:
    """List what this server takes, for people."""
    rows = "".join(f"<li><code>{one.method} {one.path}</code> {one.summary}</li>" for one in ROUTES)
    head = "<!doctype html><title>doubletext-mockserver</title><p>See <a href=/openapi.json>openapi.json</a>."
    return web.Response(text=f"{head}<ul>{rows}</ul>", content_type="text/html")


_T, _R, _A, _C, _S = routes_threads, routes_runs, routes_assistants, routes_crons, schemas
_Y, _SA, _ST, _I = routes_system, schemas_assistants, schemas_store, routes_store
_TS, _TA = schemas_threads, routes_state
_ASSISTANT = "/assistants/{assistant_id}"
_P = routes_protocol
_THREAD, _RUN, _CRON = "/threads/{thread_id}", "/threads/{thread_id}/runs/{run_id}", "/runs/crons/{cron_id}"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/", _Y.root),
    Route("GET", "/ok", _Y.ok, query=_Y.OkQuery, statuses=(200, 422)),
    Route("GET", "/info", _Y.info),
    Route("GET", "/openapi.json", description),
    Route("GET", "/docs", documentation, kinds=("text/html",)),
    Route(
        "GET",
        "/metrics",
        _Y.metrics,
        query=_Y.MetricsQuery,
        statuses=(200, 422),
        kinds=("text/plain", "application/json"),
    ),
    Route("POST", "/assistants/search", _A.search, _SA.AssistantSearch, body_optional=True, statuses=(200, 422)),
    Route("POST", "/assistants/count", _A.count, _SA.AssistantCount, body_optional=True, statuses=(200, 422)),
    Route("GET", f"{_ASSISTANT}/graph", _A.graph, query=_A.GraphQuery, statuses=(200, 404, 422)),
    Route("GET", f"{_ASSISTANT}/schemas", _A.schemas, statuses=(200, 404, 422)),
    Route("GET", f"{_ASSISTANT}/subgraphs", _A.subgraphs, query=_A.SubgraphsQuery, statuses=(200, 404, 422)),
    Route(
        "POST",
        f"{_ASSISTANT}/versions",
        _A.versions,
        _SA.AssistantVersions,
        body_optional=True,
        statuses=(200, 404, 422),
    ),
    Route(
        "GET",
        f"{_ASSISTANT}/subgraphs/{{namespace}}",
        _A.subgraphs_of,
        query=_A.SubgraphsQuery,
        statuses=(200, 404, 422),
    ),
    Route(
        "POST",
        f"{_ASSISTANT}/latest",
        _A.set_latest,
        _SA.AssistantLatest,
        query=_SA.AssistantLatest,
        body_optional=True,
        statuses=(200, 404, 422),
    ),
    Route("POST", "/assistants", _A.create, _SA.AssistantCreate, statuses=(200, 400, 404, 409, 422)),
    Route("GET", _ASSISTANT, _A.get, statuses=(200, 404, 422)),
    Route("PATCH", _ASSISTANT, _A.patch, _SA.AssistantPatch, statuses=(200, 400, 404, 422)),
    Route("DELETE", _ASSISTANT, _A.delete, query=_A.DeleteQuery, statuses=(204, 404, 422)),
    Route("POST", "/threads", _T.create, _TS.ThreadCreate, body_optional=True, statuses=(200, 409, 422)),
    Route("POST", "/threads/search", _T.search, _TS.ThreadSearch, body_optional=True, statuses=(200, 422)),
    Route("POST", "/threads/count", _T.count, _TS.ThreadCount, body_optional=True, statuses=(200, 422)),
    Route("POST", "/threads/prune", _T.prune, _TS.ThreadPrune, statuses=(200, 409, 422)),
    # Before the others of a thread: the router looks through its paths in this order, and these are asked for most.
    Route("POST", f"{_THREAD}/runs", _R.create, _S.RunRequest, statuses=(200, 400, 404, 409, 422)),
    Route("GET", f"{_THREAD}/runs", _R.listing, query=_R.ListQuery, statuses=(200, 404, 422)),
    Route(
        "POST",
        f"{_THREAD}/runs/stream",
        _R.create_and_stream,
        _S.RunRequest,
        statuses=(200, 400, 404, 409, 422),
        streams=True,
    ),
    Route("POST", f"{_THREAD}/runs/wait", _R.create_and_wait, _S.RunRequest, statuses=(200, 400, 404, 409, 422)),
    Route(
        "GET",
        f"{_THREAD}/stream",
        _T.stream,
        query=_T.StreamQuery,
        statuses=(200, 404, 422),
        streams=True,
        resumes=True,
    ),
    Route("GET", f"{_THREAD}/storage", _T.storage, statuses=(200, 404, 422)),
    Route("GET", _THREAD, _T.get, query=_T.IncludeQuery, statuses=(200, 404, 422)),
    Route("PATCH", _THREAD, _T.patch, _TS.ThreadPatch, statuses=(200, 204, 404, 422)),
    Route("DELETE", _THREAD, _T.delete, statuses=(204, 404, 422)),
    Route("POST", f"{_THREAD}/copy", _T.copy, statuses=(200, 404, 422)),
    Route("GET", f"{_THREAD}/state", _TA.state, query=_TA.StateQuery, statuses=(200, 404, 422)),
    Route("POST", f"{_THREAD}/state", _TA.update_state, _TS.StateUpdate, statuses=(200, 404, 409, 422)),
    Route("POST", f"{_THREAD}/state/checkpoint", _TA.state_at_checkpoint, _TS.StateRequest, statuses=(200, 404, 422)),
    Route("GET", f"{_THREAD}/state/{{checkpoint_id}}", _TA.state_at, query=_TA.StateQuery, statuses=(200, 404, 422)),
    Route("GET", f"{_THREAD}/history", _TA.history, query=_TA.HistoryQuery, statuses=(200, 404, 422)),
    Route(
        "POST",
        f"{_THREAD}/history",
        _TA.history_search,
        _TS.HistoryRequest,
        body_optional=True,
        statuses=(200, 404, 422),
    ),
    Route(
        "POST",
        f"{_THREAD}/commands",
        _P.commands,
        protocol.Envelope,
        statuses=(200, 400, 422),
        malformed=protocol.Malformed,
    ),
    Route(
        "POST",
        f"{_THREAD}/stream/events",
        _P.events,
        protocol.Subscription,
        statuses=(200, 400, 404, 422),
        streams=True,
    ),
    Route("GET", f"{_THREAD}/stream/events", _P.converse, statuses=(101, 422, 426), streams=True),
    Route("POST", f"{_THREAD}/runs/crons", _C.create_on_thread, _S.CronCreate, statuses=(200, 400, 404, 422)),
    Route("POST", "/runs/crons", _C.create, _S.CronCreate, statuses=(200, 400, 404, 422)),
    Route("POST", "/runs/crons/search", _C.search, _S.CronSearch, body_optional=True, statuses=(200, 422)),
    Route("POST", "/runs/crons/count", _C.count, _S.CronCount, body_optional=True, statuses=(200, 422)),
    Route("GET", _CRON, _C.get, statuses=(200, 404, 422)),
    Route("PATCH", _CRON, _C.patch, _S.CronPatch, statuses=(200, 404, 422)),
    Route("DELETE", _CRON, _C.delete, statuses=(204, 404, 422)),
    Route("GET", _RUN, _R.get, statuses=(200, 404, 422)),
    Route("DELETE", _RUN, _R.delete, statuses=(204, 404, 422)),
    Route("GET", f"{_RUN}/join", _R.join, query=_R.JoinQuery, statuses=(200, 422)),
    Route(
        "GET",
        f"{_RUN}/stream",
        _R.join_stream,
        query=_R.JoinStreamQuery,
        statuses=(200, 422),
        streams=True,
        resumes=True,
    ),
    Route("POST", f"{_RUN}/cancel", _R.cancel, query=_R.CancelQuery, statuses=(200, 202, 404, 422)),
    Route("POST", "/runs/cancel", _R.cancel_many, _S.BulkCancel, query=_R.BulkCancelQuery, statuses=(204, 404, 422)),
    Route("PUT", "/store/items", _I.put, _ST.ItemPut, statuses=(204, 422)),
    Route("GET", "/store/items", _I.get, query=_I.ItemQuery, statuses=(200, 422)),
    Route("DELETE", "/store/items", _I.delete, _ST.ItemDelete, statuses=(204, 422)),
    Route("POST", "/store/items/search", _I.search, _ST.ItemSearch, body_optional=True, statuses=(200, 422)),
    Route("POST", "/store/namespaces", _I.namespaces, _ST.NamespaceSearch, body_optional=True, statuses=(200, 422)),
    Route("POST", "/runs/batch", _R.create_batch, list[_S.BatchedRun], statuses=(200, 400, 404, 422)),
    Route("POST", "/runs", _R.create_stateless, _S.RunRequest, statuses=(200, 400, 404, 422)),
    Route(
        "POST",
        "/runs/stream",
        _R.stateless_and_stream,
        _S.RunRequest,
        statuses=(200, 400, 404, 422),
        streams=True,
    ),
    Route("POST", "/runs/wait", _R.stateless_and_wait, _S.RunRequest, statuses=(200, 400, 404, 422)),
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
