"""The routes of crons: making, finding, changing and deleting them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import UNSET

from mockserver.core.crons import Cron, CronError
from mockserver.core.records import Thread
from mockserver.engine.cron_request import cron_request
from mockserver.schemas import responses
from mockserver.schemas.common import CronCount, CronCreate, CronPatch, CronSearch
from mockserver.views import records
from mockserver.web.http import ENGINE, Refusal, holds, json_answer, read
from mockserver.web.lookups import thread_of, uuid_in
from mockserver.web.route import THREAD, Route
from mockserver.web.routes_runs import assistant_of, check_order

CHANGEABLE = ("schedule", "timezone", "end_time", "enabled", "on_run_completed")
"""What of a cron is more than a part of the run that it asks for."""


async def create_on_thread(request: web.Request) -> web.StreamResponse:
    """Make a cron whose runs are on a thread."""
    return await _create(request, thread_of(request))


async def create(request: web.Request) -> web.StreamResponse:
    """Make a cron whose runs have a thread each."""
    return await _create(request, None)


async def get(request: web.Request) -> web.StreamResponse:
    """Show a cron."""
    return json_answer(records.cron(_cron_of(request)))


async def patch(request: web.Request) -> web.StreamResponse:
    """Change a cron; its runs are asked for with what is new."""
    cron, order = _cron_of(request), await read(request, CronPatch)
    engine = request.app[ENGINE]
    given: dict[str, Any] = msgspec.json.decode(await request.read())
    for name in ("assistant_id", *(("on_run_completed",) if cron.thread is not None else ())):
        if name in given:
            raise Refusal(422, f"`{name}` of this cron cannot be changed.")
    before = {name: getattr(cron, name) for name in (*CHANGEABLE, "metadata", "payload", "updated_at")}
    for name in CHANGEABLE:
        if name in given:
            setattr(cron, name, getattr(order, name))
    cron.end_time = _moment(given["end_time"]) if "end_time" in given else cron.end_time
    cron.metadata = cron.metadata | given.get("metadata", {})
    cron.payload = cron.payload | given
    cron.updated_at = engine.threads.moment()
    try:
        check_order(request, cron_request(cron))
        engine.crons.changed(cron)
    except (CronError, Refusal) as error:
        for name, value in before.items():
            setattr(cron, name, value)
        raise Refusal(422, str(error)) from None
    return json_answer(records.cron(cron))


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a cron; the runs that it made stay."""
    request.app[ENGINE].crons.remove(_cron_of(request))
    return web.Response(status=204)


async def search(request: web.Request) -> web.StreamResponse:
    """List crons."""
    asked = await read(request, CronSearch, default=b"{}")
    found = [cron for cron in _matching(request, asked) if asked.enabled in (UNSET, cron.enabled)]
    shown = [records.cron(cron) for cron in found]
    shown.sort(key=lambda one: (str(one[asked.sort_by] or ""), one["cron_id"]), reverse=asked.sort_order == "desc")
    page = shown[asked.offset : asked.offset + asked.limit]
    if asked.select is not UNSET:
        page = [{name: one[name] for name in asked.select} for one in page]
    return json_answer(page, headers={"X-Pagination-Total": str(len(shown))})


async def count(request: web.Request) -> web.StreamResponse:
    """Count crons."""
    asked = await read(request, CronCount, default=b"{}")
    return json_answer(len(_matching(request, asked)))


def _matching(request: web.Request, asked: CronCount) -> list[Cron]:
    return [
        cron
        for cron in request.app[ENGINE].crons.by_id.values()
        if asked.assistant_id in (UNSET, cron.assistant.assistant_id, cron.assistant.graph_id)
        and asked.thread_id in (UNSET, None if cron.thread is None else cron.thread.thread_id)
        and holds(cron.metadata, asked.metadata)
    ]


async def _create(request: web.Request, thread: Thread | None) -> web.StreamResponse:
    order = await read(request, CronCreate)
    engine = request.app[ENGINE]
    if thread is not None and order.on_run_completed is not UNSET:
        raise Refusal(422, "`on_run_completed` is for crons without a thread.")
    moment = engine.threads.moment()
    cron = Cron(
        cron_id=engine.threads.new_id(moment),
        thread=thread,
        assistant=assistant_of(request, order.assistant_id),
        payload=msgspec.json.decode(await request.read()),
        schedule=order.schedule,
        timezone=order.timezone,
        end_time=_moment(order.end_time),
        metadata=order.metadata,
        on_run_completed=None if thread is not None else order.on_run_completed or "delete",
        enabled=order.enabled,
        created_at=moment,
        updated_at=moment,
        now=moment,
    )
    check_order(request, cron_request(cron))
    try:
        engine.crons.add(cron)
    except CronError as error:
        raise Refusal(422, str(error)) from None
    return json_answer(records.cron(cron))


def _cron_of(request: web.Request) -> Cron:
    cron_id = uuid_in(request.match_info["cron_id"], "cron")
    cron = request.app[ENGINE].crons.by_id.get(cron_id)
    if cron is None:
        raise Refusal(404, f"Cron with ID {cron_id} not found")
    return cron


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(422, f"`end_time` must be a time in ISO 8601, not {text!r}.") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


CRON: Final = "/runs/crons/{cron_id}"

ROUTES: Final = (
    Route(
        "POST",
        f"{THREAD}/runs/crons",
        create_on_thread,
        CronCreate,
        statuses=(200, 400, 404, 422),
        response=responses.Cron,
    ),
    Route("POST", "/runs/crons", create, CronCreate, statuses=(200, 400, 404, 422), response=responses.Cron),
    Route(
        "POST",
        "/runs/crons/search",
        search,
        CronSearch,
        body_optional=True,
        statuses=(200, 422),
        response=list[responses.SelectedFields],
    ),
    Route("POST", "/runs/crons/count", count, CronCount, body_optional=True, statuses=(200, 422), response=int),
    Route("GET", CRON, get, statuses=(200, 404, 422), response=responses.Cron),
    Route("PATCH", CRON, patch, CronPatch, statuses=(200, 404, 422), response=responses.Cron),
    Route("DELETE", CRON, delete, statuses=(204, 404, 422)),
)
