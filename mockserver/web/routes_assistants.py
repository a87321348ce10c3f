"""The routes of assistants: named configurations of graphs, with versions."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final

from aiohttp import web
from msgspec import UNSET, Meta

from mockserver.core.assistants import Assistant, AssistantError
from mockserver.core.threads import Threads
from mockserver.engine.deletion import delete_assistant
from mockserver.schemas import responses
from mockserver.schemas.assistants import (
    AssistantCount,
    AssistantCreate,
    AssistantLatest,
    AssistantPatch,
    AssistantSearch,
    AssistantVersions,
)
from mockserver.schemas.common import Body
from mockserver.script.types import Script
from mockserver.views import graph_view, records
from mockserver.web.http import ENGINE, ApiError, holds, json_answer, page_answer, query, read
from mockserver.web.lookups import path_uuid, uuid_in
from mockserver.web.route import Route


class GraphQuery(Body, frozen=True):
    """The option to draw child graphs in place of their nodes: all of them, or those up to a depth."""

    xray: bool | Annotated[int, Meta(ge=1)] = False


class SubgraphsQuery(Body, frozen=True):
    """The option to include the subgraphs of subgraphs."""

    recurse: bool = False


class DeleteQuery(Body, frozen=True):
    """The option to delete the threads whose last run used the assistant."""

    delete_threads: bool = False


async def create(request: web.Request) -> web.StreamResponse:
    """Create an assistant."""
    order, threads = await read(request, AssistantCreate), _threads(request)
    moment = threads.moment()
    assistant_id = threads.new_id(moment) if order.assistant_id is UNSET else uuid_in(order.assistant_id, "assistant")
    existing = threads.assistants.get(assistant_id)
    try:
        # As on the official server before the conflict, so that an unknown graph is reported in any case.
        threads.assistants.check_graph(order.graph_id)
        if existing is not None and order.if_exists == "raise":
            raise ApiError(409, f"Assistant {assistant_id} already exists")
        made = existing or threads.assistants.create(assistant_id, order, moment)
    except AssistantError as error:
        raise _api_error(error) from None
    return json_answer(records.assistant(made))


async def get(request: web.Request) -> web.StreamResponse:
    """Return an assistant."""
    return json_answer(records.assistant(_assistant_of(request)))


async def patch(request: web.Request) -> web.StreamResponse:
    """Create a new version of an assistant and make it the active one."""
    assistant, order, threads = _assistant_of(request), await read(request, AssistantPatch), _threads(request)
    try:
        threads.assistants.change(assistant, order, threads.moment())
    except AssistantError as error:
        raise _api_error(error) from None
    return json_answer(records.assistant(assistant))


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete an assistant with its versions and crons, and on request its threads. Other runs are kept."""
    assistant, options = _assistant_of(request), query(request, DeleteQuery)
    delete_assistant(request.app[ENGINE], assistant, threads=options.delete_threads)
    return web.Response(status=204)


async def graph(request: web.Request) -> web.StreamResponse:
    """Return the nodes and edges of an assistant's graph."""
    # The one path that also takes the name of a graph, as the published description states.
    name = request.match_info["assistant_id"]
    graphs = _threads(request).graphs
    script = graphs[name] if name in graphs else _graph_of(request)[1]
    xray = query(request, GraphQuery).xray
    return json_answer(graph_view.drawing(script, depth=math.inf if xray is True else xray))


async def schemas(request: web.Request) -> web.StreamResponse:
    """Return the JSON Schemas of an assistant's graph."""
    return json_answer(graph_view.graph_schemas(*_graph_of(request)))


async def subgraphs(request: web.Request) -> web.StreamResponse:
    """List the subgraphs of an assistant."""
    _, script = _graph_of(request)
    return json_answer(graph_view.subgraphs(script, recurse=query(request, SubgraphsQuery).recurse))


async def subgraphs_of(request: web.Request) -> web.StreamResponse:
    """Return the subgraph of a node, or an empty object if the node has none."""
    _, script = _graph_of(request)
    # Accepted and without effect, as on the official server: the subgraphs of this one are not shown.
    query(request, SubgraphsQuery)
    return json_answer(graph_view.subgraphs(script, node=request.match_info["namespace"]))


async def versions(request: web.Request) -> web.StreamResponse:
    """List the versions of an assistant, newest first."""
    assistant = _assistant_of(request)
    params = await read(request, AssistantVersions, default=b"{}")
    # By number and not by time: a deployment whose clock is paused creates all versions at the same time.
    newest_first = sorted(assistant.versions.values(), key=lambda one: one.number, reverse=True)
    found = [
        records.assistant_version(assistant, version)
        for version in newest_first
        if holds(version.metadata, params.metadata)
    ]
    return json_answer(found[params.offset : params.offset + params.limit])


async def set_latest(request: web.Request) -> web.StreamResponse:
    """Make another version of an assistant the active one."""
    assistant, threads = _assistant_of(request), _threads(request)
    # Both places are accepted, because clients use either.
    body = await read(request, AssistantLatest, default=b"{}")
    given = body if body.version is not UNSET else query(request, AssistantLatest)
    if given.version is UNSET:
        raise ApiError(422, "`version` is missing; send it in the body or in the query.")
    try:
        threads.assistants.set_latest(assistant, given.version, threads.moment())
    except AssistantError as error:
        raise _api_error(error) from None
    return json_answer(records.assistant(assistant))


async def count(request: web.Request) -> web.StreamResponse:
    """Count assistants."""
    params = await read(request, AssistantCount)
    return json_answer(sum(_matches(one, params) for one in _threads(request).assistants))


async def search(request: web.Request) -> web.StreamResponse:
    """List assistants."""
    params = await read(request, AssistantSearch)
    found = [one for one in _threads(request).assistants if _matches(one, params)]
    found.sort(key=lambda one: _sort_key(one, params.sort_by), reverse=params.sort_order == "desc")
    return page_answer(found, params, records.assistant)


def _threads(request: web.Request) -> Threads:
    return request.app[ENGINE].threads


def _api_error(error: AssistantError) -> ApiError:
    return ApiError(404 if error.missing else 400, str(error))


def _assistant_of(request: web.Request) -> Assistant:
    """Return the assistant whose id is in the path. Raises `ApiError` 422 or 404."""
    assistant_id = path_uuid(request, "assistant")
    found = _threads(request).assistants.get(assistant_id)
    if found is None:
        raise ApiError(404, f"Assistant with ID {assistant_id} not found")
    return found


def _graph_of(request: web.Request) -> tuple[str, Script]:
    """Return the graph of the assistant whose id is in the path. Raises `ApiError` 422 or 404."""
    name, threads = _assistant_of(request).graph_id, _threads(request)
    try:
        threads.assistants.check_graph(name)
    except AssistantError as error:
        raise _api_error(error) from None
    return name, threads.graphs[name]


def _matches(assistant: Assistant, params: AssistantCount) -> bool:
    return (
        params.graph_id in (UNSET, assistant.graph_id)
        and (params.name is UNSET or params.name.lower() in assistant.name.lower())
        and holds(assistant.current.metadata, params.metadata)
    )


def _sort_key(assistant: Assistant, field: str) -> tuple[Any, ...]:
    # The id makes the order total, so that pages neither repeat nor omit an assistant.
    if field == "name":
        return (assistant.name.casefold(), assistant.assistant_id)
    return (getattr(assistant, field), assistant.assistant_id)


ASSISTANT: Final = "/assistants/{assistant_id}"

# The order of registration decides which path aiohttp tries first: fixed paths come before `{assistant_id}`.
ROUTES: Final = (
    Route(
        "POST",
        "/assistants/search",
        search,
        AssistantSearch,
        statuses=(200, 422),
        response=list[responses.SelectedAssistant],
    ),
    Route("POST", "/assistants/count", count, AssistantCount, statuses=(200, 422), response=int),
    Route("GET", f"{ASSISTANT}/graph", graph, query=GraphQuery, statuses=(200, 404, 422), response=responses.Drawn),
    Route("GET", f"{ASSISTANT}/schemas", schemas, statuses=(200, 404, 422), response=responses.GraphSchemas),
    Route(
        "GET",
        f"{ASSISTANT}/subgraphs",
        subgraphs,
        query=SubgraphsQuery,
        statuses=(200, 404, 422),
        response=dict[str, responses.SubgraphSchemas],
    ),
    Route(
        "POST",
        f"{ASSISTANT}/versions",
        versions,
        AssistantVersions,
        body_optional=True,
        statuses=(200, 404, 422),
        response=list[responses.AssistantVersion],
    ),
    Route(
        "GET",
        f"{ASSISTANT}/subgraphs/{{namespace}}",
        subgraphs_of,
        query=SubgraphsQuery,
        statuses=(200, 404, 422),
        response=dict[str, responses.SubgraphSchemas],
    ),
    Route(
        "POST",
        f"{ASSISTANT}/latest",
        set_latest,
        AssistantLatest,
        query=AssistantLatest,
        body_optional=True,
        statuses=(200, 404, 422),
        response=responses.Assistant,
    ),
    Route(
        "POST", "/assistants", create, AssistantCreate, statuses=(200, 400, 404, 409, 422), response=responses.Assistant
    ),
    Route("GET", ASSISTANT, get, statuses=(200, 404, 422), response=responses.Assistant),
    Route("PATCH", ASSISTANT, patch, AssistantPatch, statuses=(200, 400, 404, 422), response=responses.Assistant),
    Route("DELETE", ASSISTANT, delete, query=DeleteQuery, statuses=(204, 404, 422)),
)
