"""The routes about the server itself, and the paths of real deployments that the mock does not support."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from aiohttp import web

from doubletext import __version__
from mockserver.engine.deletion import truncate as delete_all
from mockserver.schemas import responses
from mockserver.schemas.common import Body
from mockserver.vocabulary import RunStatus
from mockserver.web.http import ENGINE, ApiError, json_answer, query
from mockserver.web.route import Route

NOT_OFFERED: Final = {
    "/mcp": "MCP is not supported by the mock; use a real deployment.",
    "/a2a/{assistant_id}": "A2A is not supported by the mock; use a real deployment.",
    "/ui/{assistant_id}": "User interface components are not supported by the mock; use a real deployment.",
}
"""The paths that are answered with 501 for every method. `/openapi.json` does not list them.

A 404 would look like a wrong URL, and the client's author would search for the mistake on the wrong side.
"""


FOLLOWED: Final = "1.2.24"
"""The release of LangGraph that the mock behaves like. Its version is published as a text, which clients may parse."""
LANGSMITH: Final = ("langsmith", "langsmith_tracing_replicas", "langsmith_tracing_session_on_runs")
"""The features of a server that is connected with LangSmith."""
TRUNCATE: Final = "/internal/truncate"
"""A path of `langgraph dev` that no description has. Test suites of clients begin with it."""


_OK: Final = msgspec.Raw(b'{"ok":true,"services":{}}')
"""Encoded once: programs poll it, and benchmarks of servers measure it."""


class OkQuery(Body, frozen=True):
    """The options of a health check. The mock has no database whose check could fail."""

    check_db: bool = False


class MetricsQuery(Body, frozen=True):
    """The format of the metrics."""

    format: Literal["prometheus", "json"] = "prometheus"


async def ok(request: web.Request) -> web.StreamResponse:
    """Return 200 once the server accepts requests."""
    query(request, OkQuery)
    return json_answer(_OK)


async def root(_: web.Request) -> web.StreamResponse:
    """Return 200, as `/ok` does, to clients that only know the base URL."""
    return json_answer(_OK)


async def info(_: web.Request) -> web.StreamResponse:
    """Return the name, the version and the features of the server."""
    return json_answer(
        {
            "name": "doubletext-mockserver",
            "version": __version__,
            "langgraph_py_version": FOLLOWED,
            "flags": dict.fromkeys(("assistants", "crons", "strict_resume"), True) | dict.fromkeys(LANGSMITH, False),
            "host": {"kind": "mock", **dict.fromkeys(("project_id", "host_revision_id", "revision_id", "tenant_id"))},
            "metadata": {},
        }
    )


async def metrics(request: web.Request) -> web.StreamResponse:
    """Return the number of pending and running runs."""
    counts: dict[RunStatus, int] = {"pending": 0, "running": 0}
    for thread in request.app[ENGINE].threads.by_id.values():
        for run in thread.in_flight.values():
            counts[run.status] += 1
    if query(request, MetricsQuery).format == "json":
        queue: dict[str, Any] = {f"n_{status}": number for status, number in counts.items()}
        return json_answer({"queue": queue})
    lines = [
        line
        for status, number in counts.items()
        for line in (f"# TYPE lg_api_num_{status}_runs gauge", f"lg_api_num_{status}_runs {number}")
    ]
    return web.Response(text="\n".join([*lines, ""]), content_type="text/plain")


async def truncate(request: web.Request) -> web.StreamResponse:
    """Delete all records of the kinds in the body, each with `true`. Any other body deletes nothing."""
    try:
        asked = msgspec.json.decode(await request.read())
    except msgspec.DecodeError:
        asked = None
    kinds = {name for name, value in asked.items() if value} if isinstance(asked, dict) else ()
    delete_all(request.app[ENGINE], kinds)
    return json_answer({"ok": True})


async def not_offered(request: web.Request) -> web.StreamResponse:
    """Return 501 for a feature of real deployments that the mock does not have."""
    resource = request.match_info.route.resource
    raise ApiError(501, NOT_OFFERED[resource.canonical] if resource is not None else "Not Implemented")


ROUTES: Final = (
    Route("GET", "/", root, response=responses.Ok),
    Route("GET", "/ok", ok, query=OkQuery, statuses=(200, 422), response=responses.Ok),
    Route("GET", "/info", info, response=responses.Info),
    Route(
        "GET", "/metrics", metrics, query=MetricsQuery, statuses=(200, 422), kinds=("text/plain", "application/json")
    ),
)
