"""The routes of threads: create, list, change, copy, prune, stream and delete them."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from msgspec import UNSET, UnsetType

from mockserver.core.json_text import as_json
from mockserver.core.policy import policy_of
from mockserver.core.records import Thread
from mockserver.core.thread_stream import ThreadStreamMode
from mockserver.engine.deletion import delete_thread
from mockserver.engine.manual_writes import ManualWrite
from mockserver.schemas import responses
from mockserver.schemas.common import Body, Json
from mockserver.schemas.threads import (
    Superstep,
    SuperstepUpdate,
    ThreadCount,
    ThreadCreate,
    ThreadPatch,
    ThreadPrune,
    ThreadSearch,
    TimeToLive,
)
from mockserver.views import records
from mockserver.views.extract import extracted
from mockserver.web.http import ENGINE, EXPIRY, ApiError, holds, json_answer, page_answer, query, read, several
from mockserver.web.leniency import ignore
from mockserver.web.lookups import thread_of, uuid_in
from mockserver.web.route import THREAD, Route
from mockserver.web.routes_state import write_state
from mockserver.web.sse import frame_event, listener_stream


class IncludeQuery(Body, frozen=True):
    """The additional fields to show, separated by commas. `ttl` is the only one."""

    include: str = ""


class StreamQuery(Body, frozen=True):
    """The modes of a thread's stream.

    The official API description names the parameter `stream_modes`, and the official clients send `stream_mode`.
    """

    stream_modes: str | list[str] | None = None
    stream_mode: str | list[str] | None = None

    def modes(self) -> frozenset[ThreadStreamMode]:
        """Return the modes to stream. Raises `ApiError` 422 for an unknown mode."""
        params = self.stream_modes or self.stream_mode or "run_modes"
        return frozenset(several(params, ThreadStreamMode, "stream_modes"))


async def create(request: web.Request) -> web.StreamResponse:
    """Create a thread."""
    body = await read(request, ThreadCreate)
    threads = request.app[ENGINE].threads
    thread_id = None if body.thread_id is UNSET else uuid_in(body.thread_id, "thread")
    existing = None if thread_id is None else threads.by_id.get(thread_id)
    if existing is not None and body.if_exists == "raise":
        raise ApiError(409, f"Thread with ID {thread_id} already exists")
    thread = existing or threads.create_thread(thread_id, body.metadata)
    if existing is None:
        _set_ttl(request, thread, body.ttl)
        try:
            _write_supersteps(request, thread, body.supersteps)
        except ApiError:
            # The supersteps can only be checked by writing them, and a failed request must not leave half a thread.
            threads.remove(thread)
            raise
    return json_answer(records.thread(thread))


async def get(request: web.Request) -> web.StreamResponse:
    """Return a thread."""
    thread, params = thread_of(request), query(request, IncludeQuery)
    for name in (wanted := params.include.split(",")):
        if name not in ("", "ttl"):
            ignore(f"`include` names {as_json(name)}, and `ttl` is all that can be included")
    return json_answer(records.thread(thread) | (records.ttl(thread) if "ttl" in wanted else {}))


async def patch(request: web.Request) -> web.StreamResponse:
    """Change the metadata of a thread by merging the given fields into it."""
    thread, body = thread_of(request), await read(request, ThreadPatch)
    thread.metadata |= body.metadata
    _set_ttl(request, thread, body.ttl)
    request.app[ENGINE].threads.touch(thread, thread.timeline.moment())
    # The SDKs send this header to save the response. https://www.rfc-editor.org/rfc/rfc7240#section-4.2
    if "return=minimal" in request.headers.get("Prefer", ""):
        return web.Response(status=204)
    return json_answer(records.thread(thread))


async def prune(request: web.Request) -> web.StreamResponse:
    """Delete several threads, or all but the newest checkpoint of each. Unknown threads are not counted."""
    params = await read(request, ThreadPrune)
    engine = request.app[ENGINE]
    ids = dict.fromkeys(uuid_in(thread_id, "thread") for thread_id in params.thread_ids)
    found = [engine.threads.by_id[thread_id] for thread_id in ids if thread_id in engine.threads.by_id]
    # A run in flight continues from checkpoints that pruning would remove. Deletion is possible, because it cancels.
    busy = next((thread.thread_id for thread in found if thread.in_flight), None)
    if params.strategy == "keep_latest" and busy is not None:
        raise ApiError(409, f"Thread {busy} has runs in flight, so its history cannot be pruned; wait or cancel them.")
    for thread in found:
        if params.strategy == "keep_latest":
            thread.history.keep_newest()
        else:
            delete_thread(engine, thread)
    return json_answer({"pruned_count": len(found)})


async def storage(request: web.Request) -> web.StreamResponse:
    """Return the size of a thread's checkpoints in bytes, measured as JSON."""
    return json_answer(records.storage(thread_of(request)))


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a thread and cancel its runs in flight."""
    delete_thread(request.app[ENGINE], thread_of(request))
    return web.Response(status=204)


async def copy(request: web.Request) -> web.StreamResponse:
    """Copy a thread with its history, but without its runs."""
    return json_answer(records.thread(request.app[ENGINE].threads.copy_thread(thread_of(request))))


async def stream(request: web.Request) -> web.StreamResponse:
    """Stream the events of all runs of a thread until the client disconnects."""
    thread, params = thread_of(request), query(request, StreamQuery)
    listener = thread.stream.listen(params.modes(), request.headers.get("Last-Event-ID"))
    try:
        return await listener_stream(request, thread.thread_id, listener, frame_event)
    finally:
        thread.stream.remove(listener)


async def search(request: web.Request) -> web.StreamResponse:
    """List threads."""
    params = await read(request, ThreadSearch)
    found = [
        thread
        for thread in request.app[ENGINE].threads.by_id.values()
        if _matches(thread, params) and (not params.ids or thread.thread_id in params.ids)
    ]
    found.sort(key=lambda thread: _sort_key(thread, params.sort_by), reverse=params.sort_order == "desc")
    return page_answer(found, params, lambda thread: records.thread(thread) | extracted(thread, params.extract))


async def count(request: web.Request) -> web.StreamResponse:
    """Count threads."""
    params = await read(request, ThreadCount)
    return json_answer(sum(_matches(thread, params) for thread in request.app[ENGINE].threads.by_id.values()))


def _set_ttl(request: web.Request, thread: Thread, params: TimeToLive | UnsetType) -> None:
    if params and params.ttl:
        request.app[EXPIRY].set(thread, params.strategy, params.ttl)


def _write_supersteps(request: web.Request, thread: Thread, supersteps: list[Superstep]) -> None:
    """Write the given supersteps to a new thread, usually copied from another one. Raises `ApiError`."""
    for superstep in supersteps:
        writes = [ManualWrite(_values(update), update.as_node) for update in superstep.updates]
        write_state(request, thread, thread.history.head, writes)


def _values(update: SuperstepUpdate) -> Json | None:
    if update.command is None:
        return update.values
    if update.command.goto or update.command.resume is not None:
        raise ApiError(422, "A `command` in `supersteps` can only have an `update`; leave `goto` and `resume` out.")
    return {**(update.values or {}), **(update.command.written or {})}


def _matches(thread: Thread, params: ThreadSearch | ThreadCount) -> bool:
    return (
        (params.status is UNSET or policy_of(thread).thread_status(thread) == params.status)
        and holds(thread.metadata, params.metadata)
        and holds(policy_of(thread).thread_values(thread) or {}, params.values)
    )


def _sort_key(thread: Thread, field: str) -> tuple[Any, ...]:
    # The id makes the order total, so that pages neither repeat nor omit a thread.
    value = policy_of(thread).thread_status(thread) if field == "status" else getattr(thread, field)
    return (value, thread.thread_id)


ROUTES: Final = (
    Route(
        "POST",
        "/threads",
        create,
        ThreadCreate,
        statuses=(200, 400, 409, 422),
        response=responses.Thread,
    ),
    Route(
        "POST",
        "/threads/search",
        search,
        ThreadSearch,
        statuses=(200, 422),
        response=list[responses.SelectedThread],
    ),
    Route("POST", "/threads/count", count, ThreadCount, statuses=(200, 422), response=int),
    Route("POST", "/threads/prune", prune, ThreadPrune, statuses=(200, 409, 422), response=responses.Pruned),
    Route("GET", f"{THREAD}/stream", stream, query=StreamQuery, statuses=(200, 404, 422), streams=True, resumes=True),
    Route("GET", f"{THREAD}/storage", storage, statuses=(200, 404, 422), response=responses.Storage),
    Route("GET", THREAD, get, query=IncludeQuery, statuses=(200, 404, 422), response=responses.Thread),
    Route("PATCH", THREAD, patch, ThreadPatch, statuses=(200, 204, 404, 422), response=responses.Thread),
    Route("DELETE", THREAD, delete, statuses=(204, 404, 422)),
    Route("POST", f"{THREAD}/copy", copy, statuses=(200, 404, 422), response=responses.Thread),
)
