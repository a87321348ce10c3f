"""The routes of threads: their records, their state, their history."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from msgspec import UNSET

from mockserver import agent, views
from mockserver.checkpoints import END, START, Checkpoint, History
from mockserver.http import (
    ENGINE,
    NOT_IN_SUBGRAPHS,
    Refusal,
    holds,
    json_answer,
    page_answer,
    query,
    read,
    thread_of,
    uuid_in,
)
from mockserver.records import Thread
from mockserver.schemas import (
    Body,
    CheckpointConfig,
    HistoryRequest,
    Limit,
    StateRequest,
    StateUpdate,
    ThreadCount,
    ThreadCreate,
    ThreadPatch,
    ThreadPrune,
    ThreadSearch,
)
from mockserver.writing import InvalidUpdateError


class StateQuery(Body, frozen=True):
    """Whether to show the states of child graphs inside that of their thread."""

    subgraphs: bool = False


class HistoryQuery(Body, frozen=True):
    """Which checkpoints to list."""

    limit: Limit = 10
    before: str | None = None


async def create(request: web.Request) -> web.StreamResponse:
    """Create a thread."""
    body = await read(request, ThreadCreate, default=b"{}")
    store = request.app[ENGINE].store
    if body.thread_id is UNSET:
        return json_answer(views.thread(store.create_thread(metadata=body.metadata)))
    thread_id = uuid_in(body.thread_id, "thread")
    existing = store.threads.get(thread_id)
    if existing is not None and body.if_exists == "raise":
        raise Refusal(409, f"Thread with ID {thread_id} already exists")
    return json_answer(views.thread(existing or store.create_thread(thread_id, body.metadata)))


async def get(request: web.Request) -> web.StreamResponse:
    """Show a thread."""
    return json_answer(views.thread(thread_of(request)))


async def patch(request: web.Request) -> web.StreamResponse:
    """Merge metadata into that of a thread."""
    thread, body = thread_of(request), await read(request, ThreadPatch)
    thread.metadata |= body.metadata
    request.app[ENGINE].store.touch(thread, thread.timeline.moment())
    if "return=minimal" in request.headers.get("Prefer", ""):
        return web.Response(status=204)
    return json_answer(views.thread(thread))


async def prune(request: web.Request) -> web.StreamResponse:
    """Delete several threads; those that are not there are not counted."""
    asked = await read(request, ThreadPrune)
    engine = request.app[ENGINE]
    ids = dict.fromkeys(uuid_in(thread_id, "thread") for thread_id in asked.thread_ids)
    found = [engine.store.threads[thread_id] for thread_id in ids if thread_id in engine.store.threads]
    for thread in found:
        engine.forget_thread(thread)
    return json_answer({"pruned_count": len(found)})


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a thread; what is in flight on it is stopped."""
    request.app[ENGINE].forget_thread(thread_of(request))
    return web.Response(status=204)


async def copy(request: web.Request) -> web.StreamResponse:
    """Copy a thread with its history, without its runs."""
    return json_answer(views.thread(request.app[ENGINE].store.copy_thread(thread_of(request))))


async def search(request: web.Request) -> web.StreamResponse:
    """List threads."""
    asked = await read(request, ThreadSearch, default=b"{}")
    found = [
        thread
        for thread in request.app[ENGINE].store.threads.values()
        if _matches(thread, asked) and (asked.ids is UNSET or thread.thread_id in asked.ids)
    ]
    found.sort(key=lambda thread: _sort_key(thread, asked.sort_by), reverse=asked.sort_order == "desc")
    return page_answer(found, asked, views.thread)


async def count(request: web.Request) -> web.StreamResponse:
    """Count threads."""
    asked = await read(request, ThreadCount, default=b"{}")
    return json_answer(sum(_matches(thread, asked) for thread in request.app[ENGINE].store.threads.values()))


async def state(request: web.Request) -> web.StreamResponse:
    """Show the state of a thread."""
    thread = thread_of(request)
    return json_answer(views.newest_state(thread, subgraphs=query(request, StateQuery).subgraphs))


async def state_at(request: web.Request) -> web.StreamResponse:
    """Show the state of a thread at a checkpoint."""
    thread, asked = thread_of(request), query(request, StateQuery)
    checkpoint = _checkpoint(thread.history, request.match_info["checkpoint_id"])
    return json_answer(views.state(thread, checkpoint, subgraphs=asked.subgraphs))


async def state_at_checkpoint(request: web.Request) -> web.StreamResponse:
    """Show the state of a thread at a checkpoint that the body names; without an id, at the newest."""
    thread, body = thread_of(request), await read(request, StateRequest)
    asked, namespace = body.checkpoint.checkpoint_id, body.checkpoint.checkpoint_ns or ""
    if not asked:
        return json_answer(views.newest_state(thread, namespace=namespace, subgraphs=body.subgraphs))
    checkpoint = _checkpoint(_history_of(thread, body.checkpoint), asked)
    return json_answer(views.state(thread, checkpoint, namespace=namespace, subgraphs=body.subgraphs))


async def update_state(request: web.Request) -> web.StreamResponse:
    """Write to the state of a thread as if one of its nodes had done it."""
    thread, body = thread_of(request), await read(request, StateUpdate)
    if body.checkpoint is not None and body.checkpoint.of_subgraph:
        raise Refusal(422, NOT_IN_SUBGRAPHS)
    asked = (body.checkpoint.checkpoint_id if body.checkpoint else None) or body.checkpoint_id
    base = _checkpoint(thread.history, asked) if asked else thread.history.head
    if body.as_node is not None and body.as_node not in (*agent.nodes(thread.script), START, END):
        raise Refusal(422, f"Node {body.as_node} does not exist")
    try:
        written = request.app[ENGINE].update_state(thread, base, body.values, body.as_node)
    except (InvalidUpdateError, ValueError) as error:
        raise Refusal(422, str(error)) from error
    return json_answer(views.updated_state(thread, written))


async def history(request: web.Request) -> web.StreamResponse:
    """List the checkpoints of a thread, newest first."""
    thread, asked = thread_of(request), query(request, HistoryQuery)
    return json_answer(_history(thread, HistoryRequest(limit=asked.limit, before=asked.before)))


async def history_search(request: web.Request) -> web.StreamResponse:
    """List some of the checkpoints of a thread, newest first."""
    thread = thread_of(request)
    return json_answer(_history(thread, await read(request, HistoryRequest, default=b"{}")))


def _history(thread: Thread, asked: HistoryRequest) -> list[views.Shown]:
    before = asked.before_id
    namespace = (asked.checkpoint and asked.checkpoint.checkpoint_ns) or ""
    shown: list[views.Shown] = []
    for checkpoint in _history_of(thread, asked.checkpoint).newest_first():
        if len(shown) == asked.limit:
            break
        if (before is None or checkpoint.checkpoint_id < before) and holds(checkpoint.metadata, asked.metadata):
            shown.append(views.state(thread, checkpoint, namespace=namespace))
    return shown


def _history_of(thread: Thread, named: CheckpointConfig | None) -> History:
    """The history of a thread or, if a request names it, of a child graph; empty for one that there is not."""
    if named is None or not named.of_subgraph:
        return thread.history
    return thread.history.children.get(named.checkpoint_ns or "", History())


def _checkpoint(history: History, checkpoint_id: str) -> Checkpoint:
    checkpoint = history.get(checkpoint_id)
    if checkpoint is None:
        raise Refusal(404, f"Checkpoint {checkpoint_id} not found")
    return checkpoint


def _matches(thread: Thread, asked: ThreadSearch | ThreadCount) -> bool:
    return (
        (asked.status is UNSET or thread.rules.thread_status(thread) == asked.status)
        and holds(thread.metadata, asked.metadata)
        and holds(thread.rules.thread_values(thread) or {}, asked.values)
    )


def _sort_key(thread: Thread, field: str) -> tuple[Any, ...]:
    if field == "thread_id":
        return (thread.thread_id,)
    if field == "created_at":
        return (thread.created_at, thread.thread_id)
    # Threads have timelines of their own, so only the server's count of changes says which changed last.
    return (thread.rules.thread_status(thread), thread.touched) if field == "status" else (thread.touched,)
