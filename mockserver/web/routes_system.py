"""The routes that tell of the server itself, and of what it does not offer."""

from __future__ import annotations

from typing import Any, Final, Literal

from aiohttp import web

from doubletext import __version__
from mockserver.schemas import responses
from mockserver.schemas.common import Body
from mockserver.vocabulary import RunStatus
from mockserver.web.http import ENGINE, Refusal, json_answer, query
from mockserver.web.route import Route

NOT_OFFERED: Final = {
    "/mcp": "MCP is not offered by the mock; ask a real deployment.",
    "/a2a/{assistant_id}": "A2A is not offered by the mock; ask a real deployment.",
    "/ui/{assistant_id}": "Components of a user interface are not offered by the mock; ask a real deployment.",
}
"""Paths of real deployments that are answered with 501, whatever the method; `/openapi.json` does not tell of them."""


class OkQuery(Body, frozen=True):
    """What health checks of real deployments ask; there is no database whose check could fail."""

    check_db: bool = False


class MetricsQuery(Body, frozen=True):
    """As what to write the metrics."""

    format: Literal["prometheus", "json"] = "prometheus"


async def ok(request: web.Request) -> web.StreamResponse:
    """Say that the server is there."""
    query(request, OkQuery)
    return json_answer({"ok": True})


async def root(_: web.Request) -> web.StreamResponse:
    """Say that the server is there, to who only knows its address."""
    return json_answer({"ok": True})


async def info(_: web.Request) -> web.StreamResponse:
    """Say what server this is."""
    return json_answer(
        {
            "name": "doubletext-mockserver",
            "version": __version__,
            "langgraph_py_version": None,
            "flags": {"assistants": True, "crons": True, "langsmith": False, "strict_resume": True},
            "host": {"kind": "mock"},
            "metadata": {},
        }
    )


async def metrics(request: web.Request) -> web.StreamResponse:
    """Count the runs in flight, for monitoring."""
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


async def not_offered(request: web.Request) -> web.StreamResponse:
    """Refuse what a mock deployment does not have."""
    resource = request.match_info.route.resource
    raise Refusal(501, NOT_OFFERED[resource.canonical] if resource is not None else "Not Implemented")


ROUTES: Final = (
    Route("GET", "/", root, response=responses.Ok),
    Route("GET", "/ok", ok, query=OkQuery, statuses=(200, 422), response=responses.Ok),
    Route("GET", "/info", info, response=responses.Info),
    Route(
        "GET", "/metrics", metrics, query=MetricsQuery, statuses=(200, 422), kinds=("text/plain", "application/json")
    ),
)
