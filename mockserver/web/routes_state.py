"""The routes of a thread's state: as it is, as it was, and writing to it by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec
from aiohttp import web

from mockserver.agent import graph
from mockserver.core.checkpoints import END, START, Checkpoint, History
from mockserver.core.records import Thread
from mockserver.core.updates import InvalidUpdateError
from mockserver.schemas import responses
from mockserver.schemas.common import Body, CheckpointConfig, Json, Limit
from mockserver.schemas.threads import HistoryRequest, StateField, StateRequest, StateUpdate
from mockserver.views import records
from mockserver.web.http import ENGINE, Refusal, holds, json_answer, list_answer, query, read
from mockserver.web.lookups import refuse_subgraph, thread_of
from mockserver.web.route import THREAD, Route


class StateQuery(Body, frozen=True):
    """Whether to show the states of child graphs inside that of their thread, and which fields."""

    subgraphs: bool = False
    select: str | list[str] | None = None

    def fields(self) -> list[str] | None:
        """The fields to show, None for all; raises `Refusal` 422 for one that is unknown."""
        asked = [self.select] if isinstance(self.select, str) else self.select
        try:
            return msgspec.convert(asked, list[StateField] | None)
        except msgspec.ValidationError as error:
            raise Refusal(422, f"select: {error}") from None


class HistoryQuery(Body, frozen=True):
    """Which checkpoints to list."""

    limit: Limit = 10
    before: str | None = None


async def state(request: web.Request) -> web.StreamResponse:
    """Show the state of a thread."""
    thread, asked = thread_of(request), query(request, StateQuery)
    return json_answer(selected(records.newest_state(thread, subgraphs=asked.subgraphs), asked.fields()))


async def state_at(request: web.Request) -> web.StreamResponse:
    """Show the state of a thread at a checkpoint."""
    thread, asked = thread_of(request), query(request, StateQuery)
    checkpoint = _checkpoint(thread.history, request.match_info["checkpoint_id"])
    return json_answer(selected(records.state(thread, checkpoint, subgraphs=asked.subgraphs), asked.fields()))


async def state_at_checkpoint(request: web.Request) -> web.StreamResponse:
    """Show the state of a thread at a checkpoint that the body names; without an id, at the newest."""
    thread, body = thread_of(request), await read(request, StateRequest)
    asked, namespace = body.checkpoint.checkpoint_id, body.checkpoint.checkpoint_ns or ""
    if not asked:
        shown = records.newest_state(thread, namespace=namespace, subgraphs=body.subgraphs)
    else:
        checkpoint = _checkpoint(_history_of(thread, body.checkpoint), asked)
        shown = records.state(thread, checkpoint, namespace=namespace, subgraphs=body.subgraphs)
    return json_answer(selected(shown, body.select))


async def update_state(request: web.Request) -> web.StreamResponse:
    """Write to the state of a thread as if one of its nodes had done it."""
    thread, body = thread_of(request), await read(request, StateUpdate)
    refuse_subgraph(body.checkpoint)
    asked = (body.checkpoint.checkpoint_id if body.checkpoint else None) or body.checkpoint_id
    base = _checkpoint(thread.history, asked) if asked else thread.history.head
    written = write_state(request, thread, base, body.values, body.as_node)
    return json_answer(records.updated_state(thread, written))


def write_state(
    request: web.Request, thread: Thread, base: Checkpoint | None, values: Json | None, as_node: str | None
) -> Checkpoint:
    """Write to a state as if a node had done it; raises `Refusal` 422."""
    if as_node is not None and as_node not in (*graph.nodes(thread.script), START, END):
        raise Refusal(422, f"Node {as_node} does not exist")
    try:
        return request.app[ENGINE].update_state(thread, base, values, as_node)
    except (InvalidUpdateError, ValueError) as error:
        raise Refusal(422, str(error)) from error


def selected(shown: records.Shown, fields: Sequence[str] | None) -> records.Shown:
    """The fields of a state that are asked for, all without a choice; `values.NAME` is one channel."""
    if not fields:
        return shown
    picked = {name: value for name, value in shown.items() if name in fields}
    channels = {field.removeprefix("values.") for field in fields if field.startswith("values.")}
    if channels and "values" not in fields:
        picked["values"] = {name: value for name, value in shown["values"].items() if name in channels}
    return picked


async def history(request: web.Request) -> web.StreamResponse:
    """List the checkpoints of a thread, newest first."""
    thread, asked = thread_of(request), query(request, HistoryQuery)
    return await list_answer(_history(thread, HistoryRequest(limit=asked.limit, before=asked.before)))


async def history_search(request: web.Request) -> web.StreamResponse:
    """List some of the checkpoints of a thread, newest first."""
    thread = thread_of(request)
    return await list_answer(_history(thread, await read(request, HistoryRequest, default=b"{}")))


def _history(thread: Thread, asked: HistoryRequest) -> Iterator[records.Shown]:
    before = asked.before_id
    namespace = (asked.checkpoint and asked.checkpoint.checkpoint_ns) or ""
    found = (
        checkpoint
        for checkpoint in _history_of(thread, asked.checkpoint).newest_first()
        if (before is None or checkpoint.checkpoint_id < before) and holds(checkpoint.metadata, asked.metadata)
    )
    # A list: the thread may change while a long answer is made.
    for checkpoint in list(islice(found, asked.limit)):
        yield selected(records.state(thread, checkpoint, namespace=namespace), asked.select)


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


ROUTES: Final = (
    Route(
        "GET", f"{THREAD}/state", state, query=StateQuery, statuses=(200, 404, 422), response=responses.SelectedFields
    ),
    Route(
        "POST",
        f"{THREAD}/state",
        update_state,
        StateUpdate,
        statuses=(200, 404, 409, 422),
        response=responses.StateWritten,
    ),
    Route(
        "POST",
        f"{THREAD}/state/checkpoint",
        state_at_checkpoint,
        StateRequest,
        statuses=(200, 404, 422),
        response=responses.SelectedFields,
    ),
    Route(
        "GET",
        f"{THREAD}/state/{{checkpoint_id}}",
        state_at,
        query=StateQuery,
        statuses=(200, 404, 422),
        response=responses.SelectedFields,
    ),
    Route(
        "GET",
        f"{THREAD}/history",
        history,
        query=HistoryQuery,
        statuses=(200, 404, 422),
        response=list[responses.SelectedFields],
    ),
    Route(
        "POST",
        f"{THREAD}/history",
        history_search,
        HistoryRequest,
        body_optional=True,
        statuses=(200, 404, 422),
        response=list[responses.SelectedFields],
    ),
)
