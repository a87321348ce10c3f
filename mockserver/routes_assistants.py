"""The routes of assistants, of which a mock deployment has one."""

from __future__ import annotations

from aiohttp import web
from msgspec import UNSET

from mockserver import views
from mockserver.http import ENGINE, Refusal, holds, json_answer, path_uuid, query, read
from mockserver.records import Assistant
from mockserver.schemas import AssistantCount, AssistantSearch, AssistantVersions, Body


class GraphQuery(Body, frozen=True):
    """Whether to draw the child graph; it has none of its own, so every depth gives the same."""

    xray: bool | int = False


class SubgraphsQuery(Body, frozen=True):
    """How deep to look for subgraphs; the one that there is has none."""

    recurse: bool = False


async def get(request: web.Request) -> web.StreamResponse:
    """Show an assistant."""
    if path_uuid(request, "assistant") != request.app[ENGINE].store.assistant.assistant_id:
        raise Refusal(404, "Not Found")
    return json_answer(views.assistant(request.app[ENGINE].store.assistant))


async def graph(request: web.Request) -> web.StreamResponse:
    """Draw the graph of an assistant."""
    _assistant_or_graph(request)
    return json_answer(views.graph(request.app[ENGINE].store.script, xray=bool(query(request, GraphQuery).xray)))


async def schemas(request: web.Request) -> web.StreamResponse:
    """Describe what the graph of an assistant takes and gives."""
    return json_answer(views.graph_schemas(_assistant_or_graph(request), request.app[ENGINE].store.script))


async def subgraphs(request: web.Request) -> web.StreamResponse:
    """List the subgraphs of an assistant."""
    _assistant_or_graph(request), query(request, SubgraphsQuery)
    return json_answer(views.subgraphs(request.app[ENGINE].store.script))


async def versions(request: web.Request) -> web.StreamResponse:
    """List the versions of an assistant; it has one."""
    if path_uuid(request, "assistant") != request.app[ENGINE].store.assistant.assistant_id:
        raise Refusal(404, "Not Found")
    asked = await read(request, AssistantVersions, default=b"{}")
    shown = views.assistant(request.app[ENGINE].store.assistant)
    del shown["updated_at"]
    found = [shown] if holds(shown["metadata"], asked.metadata) else []
    return json_answer(found[asked.offset : asked.offset + asked.limit])


async def count(request: web.Request) -> web.StreamResponse:
    """Count assistants."""
    asked = await read(request, AssistantCount, default=b"{}")
    return json_answer(int(_matches(views.assistant(request.app[ENGINE].store.assistant), asked)))


async def search(request: web.Request) -> web.StreamResponse:
    """List assistants."""
    asked = await read(request, AssistantSearch, default=b"{}")
    shown = views.assistant(request.app[ENGINE].store.assistant)
    found = [shown] if _matches(shown, asked) else []
    headers = {"X-Pagination-Total": str(len(found))}
    page = found[asked.offset : asked.offset + asked.limit]
    if asked.select is not UNSET:
        page = [{field: one[field] for field in asked.select} for one in page]
    return json_answer(page, headers=headers)


def _assistant_or_graph(request: web.Request) -> Assistant:
    """The assistant that the path names, by id or by graph; raises `Refusal` 422 or 404."""
    assistant = request.app[ENGINE].store.assistant
    names_graph = request.match_info["assistant_id"] == assistant.graph_id
    if not names_graph and path_uuid(request, "assistant") != assistant.assistant_id:
        raise Refusal(404, "Not Found")
    return assistant


def _matches(shown: views.Shown, asked: AssistantCount) -> bool:
    return (
        asked.graph_id in (UNSET, shown["graph_id"])
        and (asked.name is UNSET or asked.name.lower() in shown["name"].lower())
        and holds(shown["metadata"], asked.metadata)
    )
