"""The routes of a thread's state: the current one, its history, and updates by a client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from mockserver.core.checkpoints import Checkpoint, History
from mockserver.core.messages import NoContentError
from mockserver.core.records import Thread
from mockserver.core.updates import InvalidUpdateError
from mockserver.engine.manual_writes import ManualWrite
from mockserver.schemas import responses
from mockserver.schemas.common import Body, CheckpointConfig, Whole
from mockserver.schemas.threads import Before, HistoryRequest, StateField, StateRequest, StateUpdate
from mockserver.views import records
from mockserver.web.http import ENGINE, ApiError, holds, json_answer, list_answer, part, query, read
from mockserver.web.leniency import ignore
from mockserver.web.lookups import thread_of
from mockserver.web.route import THREAD, Route


class StateQuery(Body, frozen=True):
    """The options to include the states of child graphs, and to select fields."""

    subgraphs: bool = False
    select: str | list[str] | None = None

    def fields(self) -> list[str] | None:
        """Return the fields to show, or None for all. An unknown one is ignored, because `select` is not published."""
        params = [self.select] if isinstance(self.select, str) else self.select
        try:
            return msgspec.convert(params, list[StateField] | None)
        except msgspec.ValidationError as error:
            ignore(f"select: {error}")
            return None


class HistoryQuery(Body, frozen=True):
    """The page of a listing of checkpoints."""

    limit: Whole = 10
    before: str | None = None


async def state(request: web.Request) -> web.StreamResponse:
    """Return the current state of a thread."""
    thread, params = thread_of(request), query(request, StateQuery, undescribed=("select",))
    return json_answer(selected(records.newest_state(thread, subgraphs=params.subgraphs), params.fields()))


async def state_at(request: web.Request) -> web.StreamResponse:
    """Return the state of a thread at a checkpoint."""
    thread, params = thread_of(request), query(request, StateQuery, undescribed=("select",))
    checkpoint = _checkpoint(thread.visible, request.match_info["checkpoint_id"])
    return json_answer(selected(records.state(thread, checkpoint, subgraphs=params.subgraphs), params.fields()))


async def state_at_checkpoint(request: web.Request) -> web.StreamResponse:
    """Return the state of a thread at the checkpoint in the body, or at the newest one without an id."""
    thread, body = thread_of(request), await read(request, StateRequest, undescribed=("select",))
    wanted, namespace = body.checkpoint.checkpoint_id, body.checkpoint.checkpoint_ns or ""
    if not wanted:
        # Not the state at the newest checkpoint: this one includes the writes of an unfinished superstep.
        shown = records.newest_state(thread, namespace=namespace, subgraphs=body.subgraphs)
    else:
        checkpoint = _checkpoint(_history_of(thread, body.checkpoint), wanted)
        shown = records.state(thread, checkpoint, namespace=namespace, subgraphs=body.subgraphs)
    return json_answer(selected(shown, body.select))


async def update_state(request: web.Request) -> web.StreamResponse:
    """Update the state of a thread as if one of its nodes had written the values."""
    thread, body = thread_of(request), await read(request, StateUpdate)
    namespace = (body.checkpoint.checkpoint_ns or "") if body.checkpoint else ""
    history = thread.visible.find(namespace)
    if namespace and history.head is None:
        raise ApiError(
            422, f"No child graph of this thread has the namespace {namespace}, so it has no state to update"
        )
    # Clients use either form. The complete one takes precedence.
    wanted = (body.checkpoint.checkpoint_id if body.checkpoint else None) or body.checkpoint_id
    base = _checkpoint(history, wanted) if wanted else history.head
    as_node = None if body.as_node is UNSET else body.as_node
    written = write_state(request, thread, base, [ManualWrite(body.values, as_node)], namespace)
    return json_answer(records.updated_state(thread, written, namespace))


def write_state(
    request: web.Request, thread: Thread, base: Checkpoint | None, writes: Sequence[ManualWrite], namespace: str = ""
) -> Checkpoint:
    """Update a state in one superstep as if nodes had written the values, and return the new checkpoint.

    `namespace` is that of the child graph with the state.
    Raises `ApiError` 422 for an unknown node or invalid values, 400 for a message without content, and
    `ThreadBusyError`.
    """
    try:
        return request.app[ENGINE].update_state(thread, base, writes, namespace)
    except NoContentError as error:
        # As on the official server.
        raise ApiError(400, str(error)) from error
    except (InvalidUpdateError, ValueError) as error:
        # 422 is the status of the published description. `langgraph dev` answers 400.
        raise ApiError(422, str(error)) from error


def selected(shown: records.Shown, fields: Sequence[str] | None) -> records.Shown:
    """Return the given fields of a state, or all of them without `fields`. `values.NAME` selects one channel."""
    if not fields:
        return shown
    picked = {name: value for name, value in shown.items() if name in fields}
    # `values` includes every channel, so a channel beside it selects nothing more.
    channels = {field.removeprefix("values.") for field in fields if field.startswith("values.")}
    if channels and "values" not in fields:
        picked["values"] = {name: value for name, value in shown["values"].items() if name in channels}
    return picked


async def history(request: web.Request) -> web.StreamResponse:
    """List the checkpoints of a thread, newest first."""
    thread, params = thread_of(request), query(request, HistoryQuery)
    before = UNSET if params.before is None else Before(checkpoint_id=params.before)
    return await list_answer(_history(thread, HistoryRequest(limit=part(params.limit).stop, before=before)))


async def history_search(request: web.Request) -> web.StreamResponse:
    """List the checkpoints of a thread that match a filter, newest first."""
    thread = thread_of(request)
    return await list_answer(_history(thread, await read(request, HistoryRequest, undescribed=("select",))))


def _history(thread: Thread, params: HistoryRequest) -> Iterator[records.Shown]:
    before = params.before_id
    named = params.checkpoint or CheckpointConfig()
    namespace, wanted = named.checkpoint_ns or "", named.checkpoint_id
    # Checkpoint ids are sortable and grow with time, so `before` needs no look-up.
    found = (
        checkpoint
        for checkpoint in _history_of(thread, params.checkpoint).newest_first()
        if (before is None or checkpoint.checkpoint_id < before)
        # As in LangGraph, the history of a checkpoint is itself alone, and not those before it.
        and wanted in (UNSET, checkpoint.checkpoint_id)
        and holds(checkpoint.metadata, params.metadata)
    )
    # A list, because the thread may change while a large response is encoded.
    for checkpoint in list(islice(found, params.limit)):
        yield selected(records.state(thread, checkpoint, namespace=namespace), params.select)


def _history_of(thread: Thread, named: CheckpointConfig | UnsetType) -> History:
    """Return the history of a thread or of the child graph that a request names, empty if there is no such graph."""
    if not named or not named.of_subgraph:
        return thread.visible
    return thread.visible.find(named.checkpoint_ns or "")


def _checkpoint(history: History, checkpoint_id: str) -> Checkpoint:
    checkpoint = history.get(checkpoint_id)
    if checkpoint is None:
        raise ApiError(404, f"Checkpoint {checkpoint_id} not found")
    return checkpoint


ROUTES: Final = (
    Route(
        "GET", f"{THREAD}/state", state, query=StateQuery, statuses=(200, 404, 422), response=responses.SelectedState
    ),
    Route(
        "POST",
        f"{THREAD}/state",
        update_state,
        StateUpdate,
        statuses=(200, 400, 404, 409, 422),
        response=responses.StateWritten,
    ),
    Route(
        "POST",
        f"{THREAD}/state/checkpoint",
        state_at_checkpoint,
        StateRequest,
        statuses=(200, 404, 422),
        response=responses.SelectedState,
    ),
    Route(
        "GET",
        f"{THREAD}/state/{{checkpoint_id}}",
        state_at,
        query=StateQuery,
        statuses=(200, 404, 422),
        response=responses.SelectedState,
    ),
    Route(
        "GET",
        f"{THREAD}/history",
        history,
        query=HistoryQuery,
        statuses=(200, 404, 422),
        response=list[responses.SelectedState],
    ),
    Route(
        "POST",
        f"{THREAD}/history",
        history_search,
        HistoryRequest,
        statuses=(200, 404, 422),
        response=list[responses.SelectedState],
    ),
)
