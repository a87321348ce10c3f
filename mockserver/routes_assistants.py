"""The routes of assistants, of which a mock deployment has one."""

from __future__ import annotations

from aiohttp import web
from msgspec import UNSET

from mockserver import views
from mockserver.http import ENGINE, Refusal, json_answer, path_uuid, read
from mockserver.schemas import AssistantSearch


async def get(request: web.Request) -> web.StreamResponse:
    """Show an assistant."""
    assistant = request.app[ENGINE].store.assistant
    if path_uuid(request, "assistant") != assistant.assistant_id:
        raise Refusal(404, "Not Found")
    return json_answer(views.assistant(assistant))


async def search(request: web.Request) -> web.StreamResponse:
    """List assistants."""
    asked = await read(request, AssistantSearch, default=b"{}")
    shown = views.assistant(request.app[ENGINE].store.assistant)
    matches = (
        asked.graph_id in (UNSET, shown["graph_id"])
        and (asked.name is UNSET or asked.name.lower() in shown["name"].lower())
        and all(shown["metadata"].get(key) == value for key, value in asked.metadata.items())
    )
    found = [shown] if matches else []
    headers = {"X-Pagination-Total": str(len(found))}
    page = found[asked.offset : asked.offset + asked.limit]
    if asked.select is not UNSET:
        page = [{field: one[field] for field in asked.select} for one in page]
    return json_answer(page, headers=headers)
