"""The routes of assistants: the graph under names, with settings and versions of their own."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from msgspec import UNSET

from mockserver.core.assistants import GRAPH, Assistant, AssistantError
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
from mockserver.schemas.common import Body, Json
from mockserver.views import records
from mockserver.web.http import ENGINE, Refusal, holds, json_answer, page_answer, query, read
from mockserver.web.lookups import path_uuid, uuid_in
from mockserver.web.route import Route


class GraphQuery(Body, frozen=True):
    """Whether to draw the child graph; it has none of its own, so every depth gives the same."""

    xray: bool | int = False


class SubgraphsQuery(Body, frozen=True):
    """How deep to look for subgraphs; those that there are have none."""

    recurse: bool = False


class DeleteQuery(Body, frozen=True):
    """Whether the threads on which the assistant ran last are deleted with it."""

    delete_threads: bool = False


async def create(request: web.Request) -> web.StreamResponse:
    """Create an assistant."""
    order, threads = await read(request, AssistantCreate), _threads(request)
    moment = threads.moment()
    assistant_id = threads.new_id(moment) if order.assistant_id is UNSET else uuid_in(order.assistant_id, "assistant")
    existing = threads.assistants.get(assistant_id)
    if existing is not None and order.if_exists == "raise":
        raise Refusal(409, f"Assistant {assistant_id} already exists")
    try:
        made = existing or threads.assistants.create(assistant_id, order, moment)
    except AssistantError as error:
        raise _refused(error) from None
    return json_answer(records.assistant(made))


async def get(request: web.Request) -> web.StreamResponse:
    """Show an assistant."""
    return json_answer(records.assistant(_assistant_of(request)))


async def patch(request: web.Request) -> web.StreamResponse:
    """Change an assistant, in a new version that runs from now on."""
    assistant, order, threads = _assistant_of(request), await read(request, AssistantPatch), _threads(request)
    try:
        threads.assistants.change(assistant, order, threads.moment())
    except AssistantError as error:
        raise _refused(error) from None
    return json_answer(records.assistant(assistant))


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete an assistant with its versions and crons, and its threads if asked; the runs that it made stay."""
    assistant, asked = _assistant_of(request), query(request, DeleteQuery)
    delete_assistant(request.app[ENGINE], assistant, threads=asked.delete_threads)
    return web.Response(status=204)


async def graph(request: web.Request) -> web.StreamResponse:
    """Draw the graph of an assistant."""
    _assistant_or_graph(request)
    return json_answer(records.graph(_threads(request).script, xray=bool(query(request, GraphQuery).xray)))


async def schemas(request: web.Request) -> web.StreamResponse:
    """Describe what the graph of an assistant takes and gives."""
    _assistant_or_graph(request)
    return json_answer(records.graph_schemas(_threads(request).script))


async def subgraphs(request: web.Request) -> web.StreamResponse:
    """List the subgraphs of an assistant."""
    _assistant_or_graph(request)
    query(request, SubgraphsQuery)
    return json_answer(records.subgraphs(_threads(request).script))


async def subgraphs_of(request: web.Request) -> web.StreamResponse:
    """List the subgraph that a node runs; none for a node that runs none."""
    _assistant_or_graph(request)
    query(request, SubgraphsQuery)
    name = request.match_info["namespace"]
    return json_answer(
        {key: shown for key, shown in records.subgraphs(_threads(request).script).items() if key == name}
    )


async def versions(request: web.Request) -> web.StreamResponse:
    """List the versions of an assistant, newest first."""
    assistant = _assistant_of(request)
    asked = await read(request, AssistantVersions, default=b"{}")
    newest_first = sorted(assistant.versions.values(), key=lambda one: one.number, reverse=True)
    found = [
        records.assistant_version(assistant, version)
        for version in newest_first
        if holds(version.metadata, asked.metadata)
    ]
    return json_answer(found[asked.offset : asked.offset + asked.limit])


async def set_latest(request: web.Request) -> web.StreamResponse:
    """Let another version of an assistant be the one that runs."""
    assistant, threads = _assistant_of(request), _threads(request)
    named = await read(request, AssistantLatest, default=b"{}")
    asked = named if named.version is not UNSET else query(request, AssistantLatest)
    if asked.version is UNSET:
        raise Refusal(422, "Say which `version`, in the body or in the query.")
    try:
        threads.assistants.set_latest(assistant, asked.version, threads.moment())
    except AssistantError as error:
        raise _refused(error) from None
    return json_answer(records.assistant(assistant))


async def count(request: web.Request) -> web.StreamResponse:
    """Count assistants."""
    asked = await read(request, AssistantCount, default=b"{}")
    return json_answer(sum(_matches(one, asked) for one in _threads(request).assistants))


async def search(request: web.Request) -> web.StreamResponse:
    """List assistants."""
    asked = await read(request, AssistantSearch, default=b"{}")
    found = [one for one in _threads(request).assistants if _matches(one, asked)]
    found.sort(key=lambda one: _sort_key(one, asked.sort_by), reverse=asked.sort_order == "desc")
    return page_answer(found, asked, records.assistant)


def _threads(request: web.Request) -> Threads:
    return request.app[ENGINE].threads


def _refused(error: AssistantError) -> Refusal:
    return Refusal(404 if error.missing else 400, str(error))


def _assistant_of(request: web.Request) -> Assistant:
    """The assistant that the path names by its id; raises `Refusal` 422 or 404."""
    assistant_id = path_uuid(request, "assistant")
    found = _threads(request).assistants.get(assistant_id)
    if found is None:
        raise Refusal(404, f"Assistant with ID {assistant_id} not found")
    return found


def _assistant_or_graph(request: web.Request) -> None:
    """See that the path names an assistant, by id or by graph; raises `Refusal` 422 or 404."""
    if request.match_info["assistant_id"] != GRAPH:
        _assistant_of(request)


def _matches(assistant: Assistant, asked: AssistantCount) -> bool:
    return (
        asked.graph_id in (UNSET, assistant.graph_id)
        and (asked.name is UNSET or asked.name.lower() in assistant.name.lower())
        and holds(assistant.current.metadata, asked.metadata)
    )


def _sort_key(assistant: Assistant, field: str) -> tuple[Any, ...]:
    if field == "name":
        return (assistant.name.casefold(), assistant.assistant_id)
    return (getattr(assistant, field), assistant.assistant_id)


ASSISTANT: Final = "/assistants/{assistant_id}"

ROUTES: Final = (
    Route(
        "POST",
        "/assistants/search",
        search,
        AssistantSearch,
        body_optional=True,
        statuses=(200, 422),
        response=list[responses.SelectedFields],
    ),
    Route("POST", "/assistants/count", count, AssistantCount, body_optional=True, statuses=(200, 422), response=int),
    Route("GET", f"{ASSISTANT}/graph", graph, query=GraphQuery, statuses=(200, 404, 422), response=responses.Drawn),
    Route("GET", f"{ASSISTANT}/schemas", schemas, statuses=(200, 404, 422), response=responses.GraphSchemas),
    Route(
        "GET",
        f"{ASSISTANT}/subgraphs",
        subgraphs,
        query=SubgraphsQuery,
        statuses=(200, 404, 422),
        response=dict[str, Json],
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
        response=dict[str, Json],
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
