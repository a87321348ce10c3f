"""The routes of crons: create, list, change and delete them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from aiohttp import web
from msgspec import UNSET, UnsetType

from mockserver.core.crons import Cron, CronError
from mockserver.core.json_text import as_json
from mockserver.core.records import Thread
from mockserver.engine.cron_request import cron_request
from mockserver.schemas import responses
from mockserver.schemas.common import CronCount, CronCreate, CronPatch, CronSearch
from mockserver.views import records
from mockserver.web.http import ENGINE, ApiError, holds, json_answer, page_answer, read, read_with_json
from mockserver.web.leniency import ignore
from mockserver.web.lookups import thread_of, uuid_in
from mockserver.web.route import THREAD, Route
from mockserver.web.routes_runs import assistant_of, check_order

UNDESCRIBED: Final = ("if_not_exists", "checkpoint_during")
"""Fields of crons that the published description does not have. Clients send them."""

CHANGEABLE = ("schedule", "timezone", "end_time", "enabled", "on_run_completed")
"""The fields of a cron itself. All others belong to the request from which its runs are created."""


async def create_on_thread(request: web.Request) -> web.StreamResponse:
    """Create a cron whose runs share a thread."""
    return await _create(request, thread_of(request))


async def create(request: web.Request) -> web.StreamResponse:
    """Create a cron whose runs each get a new thread."""
    return await _create(request, None)


async def get(request: web.Request) -> web.StreamResponse:
    """Return a cron."""
    return json_answer(records.cron(_cron_of(request)))


async def patch(request: web.Request) -> web.StreamResponse:
    """Change a cron. Its next runs use the new values."""
    cron, engine = _cron_of(request), request.app[ENGINE]
    # The typed body has defaults for everything. Only the raw one shows which fields the client sent.
    undescribed = (*UNDESCRIBED, "multitask_strategy", "assistant_id")
    order, given = await read_with_json(request, CronPatch, undescribed=undescribed)
    # Not `given`, which is without the fields that were ignored.
    if await request.json() == {}:
        raise ApiError(400, "The body is empty. Send at least one field to change.")
    if "assistant_id" in given:
        ignore("`assistant_id` of a cron cannot be changed")
        del given["assistant_id"]
    if cron.thread is not None and "on_run_completed" in given:
        raise ApiError(
            422, "`on_run_completed` of this cron cannot be changed; delete the cron and create another one."
        )
    # Read first: a time that cannot be read must leave the cron as it was.
    end_time = _moment(given["end_time"]) if "end_time" in given else cron.end_time
    # Changed in place and restored on failure, because only the complete cron can be checked.
    before = {name: getattr(cron, name) for name in (*CHANGEABLE, "metadata", "payload", "updated_at")}
    for name in CHANGEABLE:
        if name in given:
            setattr(cron, name, getattr(order, name))
    cron.end_time = end_time
    cron.metadata = cron.metadata | given.get("metadata", {})
    cron.payload = cron.payload | given
    cron.updated_at = engine.threads.moment()
    try:
        check_order(request, cron_request(cron))
        engine.crons.changed(cron)
    except (CronError, ApiError) as error:
        for name, value in before.items():
            setattr(cron, name, value)
        raise ApiError(422, str(error)) from None
    return json_answer(records.cron(cron))


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a cron. The runs that it created are kept."""
    request.app[ENGINE].crons.remove(_cron_of(request))
    return web.Response(status=204)


async def search(request: web.Request) -> web.StreamResponse:
    """List crons."""
    params = await read(request, CronSearch)
    found = [cron for cron in _matching(request, params) if params.enabled in (UNSET, cron.enabled)]
    # Sorted as they are shown: `end_time` and `next_run_date` may be null, which sorts as empty text.
    shown = [records.cron(cron) for cron in found]
    shown.sort(key=lambda one: (str(one[params.sort_by] or ""), one["cron_id"]), reverse=params.sort_order == "desc")
    return page_answer(shown, params, lambda one: one)


async def count(request: web.Request) -> web.StreamResponse:
    """Count crons."""
    params = await read(request, CronCount)
    return json_answer(len(_matching(request, params)))


def _matching(request: web.Request, params: CronCount) -> list[Cron]:
    return [
        cron
        for cron in request.app[ENGINE].crons.by_id.values()
        if params.assistant_id in (UNSET, cron.assistant.assistant_id)
        and params.thread_id in (UNSET, None if cron.thread is None else cron.thread.thread_id)
        and holds(cron.metadata, params.metadata)
    ]


async def _create(request: web.Request, thread: Thread | None) -> web.StreamResponse:
    undescribed = (*UNDESCRIBED, "multitask_strategy" if thread is None else "on_run_completed")
    order, payload = await read_with_json(request, CronCreate, undescribed=undescribed)
    engine = request.app[ENGINE]
    if thread is not None and order.on_run_completed is not UNSET:
        ignore("`on_run_completed` is only for crons without a thread; leave it out.")
    moment = engine.threads.moment()
    cron = Cron(
        cron_id=engine.threads.new_id(moment),
        thread=thread,
        assistant=assistant_of(request, order.assistant_id, malformed=404),
        # Kept as the client sent it, because the API returns it in this form.
        payload=payload,
        schedule=order.schedule,
        timezone=order.timezone or None,
        end_time=_moment(order.end_time),
        metadata=order.metadata,
        on_run_completed=None if thread is not None else order.on_run_completed or "delete",
        enabled=order.enabled,
        created_at=moment,
        updated_at=moment,
        now=moment,
    )
    # Checked now, because a run that the schedule creates later has no client to receive the error.
    check_order(request, cron_request(cron))
    try:
        engine.crons.add(cron)
    except CronError as error:
        raise ApiError(422, str(error)) from None
    return json_answer(records.cron(cron))


def _cron_of(request: web.Request) -> Cron:
    cron_id = uuid_in(request.match_info["cron_id"], "cron")
    cron = request.app[ENGINE].crons.by_id.get(cron_id)
    if cron is None:
        raise ApiError(404, f"Cron with ID {cron_id} not found")
    return cron


def _moment(text: str | UnsetType | None) -> datetime | None:
    if text is None or text is UNSET:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ApiError(422, f"`end_time` must be a time in ISO 8601, not {as_json(text)}.") from None
    # A time without a zone is UTC, so that the server's time zone does not matter.
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
        statuses=(200, 422),
        response=list[responses.SelectedCron],
    ),
    Route("POST", "/runs/crons/count", count, CronCount, statuses=(200, 422), response=int),
    Route("GET", CRON, get, statuses=(200, 404, 422), response=responses.Cron),
    Route("PATCH", CRON, patch, CronPatch, statuses=(200, 400, 404, 422), response=responses.Cron),
    Route("DELETE", CRON, delete, statuses=(204, 404, 422)),
)
