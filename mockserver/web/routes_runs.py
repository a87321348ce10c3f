"""The routes of runs: creating them, watching them, stopping them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from itertools import islice
from typing import Final, Literal

import msgspec
from aiohttp import web
from msgspec import UNSET

from mockserver.agent import graph
from mockserver.core.assistants import BOTH, GRAPH, Assistant
from mockserver.core.checkpoints import END
from mockserver.core.ids import canonical
from mockserver.core.policy import policy_of
from mockserver.core.records import Run, Thread
from mockserver.core.strategies import Fate
from mockserver.engine import webhooks
from mockserver.engine.deletion import delete_run
from mockserver.schemas import responses
from mockserver.schemas.common import BatchedRun, Body, BulkCancel, Json, Limit, Offset, RunRequest, Send, StreamMode
from mockserver.views import records
from mockserver.vocabulary import RunStatus
from mockserver.web.http import (
    ENGINE,
    Refusal,
    created,
    json_answer,
    query,
    read,
    run_headers,
    run_location,
    several,
    when_over,
)
from mockserver.web.lookups import path_uuid, refuse_subgraph, run_of, run_or_none, thread_of
from mockserver.web.route import RUN, THREAD, Route
from mockserver.web.sse import event_stream, frame, open_stream

RunField = Literal[
    "run_id",
    "thread_id",
    "assistant_id",
    "created_at",
    "updated_at",
    "status",
    "metadata",
    "kwargs",
    "multitask_strategy",
]
NOTHING_TO_CANCEL = "No runs found to cancel."
GONE = {"error": "HTTPException", "message": "404: Run not found"}


class ListQuery(Body, frozen=True):
    """Which runs of a thread to list."""

    limit: Limit = 10
    offset: Offset = 0
    status: RunStatus | None = None
    select: str | list[str] | None = None

    def fields(self) -> list[RunField] | None:
        """The fields to show, None for all; raises `Refusal` 422 for one that is unknown."""
        return several(self.select, RunField, "select") if self.select else None


class CancelQuery(Body, frozen=True):
    """How to cancel."""

    wait: bool = False
    action: Literal["interrupt", "rollback"] = "interrupt"


class BulkCancelQuery(Body, frozen=True):
    """How to cancel many."""

    action: Literal["interrupt", "rollback"] = "interrupt"


class JoinQuery(Body, frozen=True):
    """How to join."""

    cancel_on_disconnect: bool = False


class JoinStreamQuery(Body, frozen=True):
    """How to join a stream, and which of its modes to see."""

    cancel_on_disconnect: bool = False
    stream_mode: str | list[str] | None = None
    checkpoint_id: str | None = None
    """The checkpoint that the client shows already. Servers may send the whole run all the same; this one does."""

    def modes(self) -> frozenset[str] | None:
        """The modes to see, None for all; raises `Refusal` 422 for one that is unknown."""
        return frozenset(several(self.stream_mode, StreamMode, "stream_mode")) if self.stream_mode else None


async def create(request: web.Request) -> web.StreamResponse:
    """Create a run on a thread."""
    return created(created_run(request, await read(request, RunRequest)))


async def create_and_stream(request: web.Request) -> web.StreamResponse:
    """Create a run on a thread and watch it."""
    return await _watch(request, created_run(request, await read(request, RunRequest)))


async def create_and_wait(request: web.Request) -> web.StreamResponse:
    """Create a run on a thread and wait for its values."""
    return await _await(request, created_run(request, await read(request, RunRequest)))


async def create_stateless(request: web.Request) -> web.StreamResponse:
    """Create a run on a throw-away thread."""
    run = _stateless(request, await read(request, RunRequest))
    return json_answer(records.run(run), headers={"Content-Location": f"/runs/{run.run_id}"})


async def create_batch(request: web.Request) -> web.StreamResponse:
    """Create several runs, each on a throw-away thread; all of them or none."""
    orders = await read(request, list[BatchedRun])
    for order in orders:
        _check_stateless(request, order)
    return json_answer([records.run(_stateless(request, order)) for order in orders])


async def stateless_and_stream(request: web.Request) -> web.StreamResponse:
    """Create a run on a throw-away thread and watch it."""
    return await _watch(request, _stateless(request, await read(request, RunRequest)))


async def stateless_and_wait(request: web.Request) -> web.StreamResponse:
    """Create a run on a throw-away thread and wait for its values."""
    return await _await(request, _stateless(request, await read(request, RunRequest)))


async def listing(request: web.Request) -> web.StreamResponse:
    """List the runs of a thread, newest first."""
    thread, asked = thread_of(request), query(request, ListQuery)
    fields = asked.fields()
    found = (run for run in reversed(thread.runs.values()) if asked.status in (None, policy_of(thread).run_status(run)))
    shown = [records.run(run) for run in islice(found, asked.offset, asked.offset + asked.limit)]
    if fields is not None:
        shown = [{field: run[field] for field in fields} for run in shown]
    return json_answer(shown)


async def get(request: web.Request) -> web.StreamResponse:
    """Show a run."""
    return json_answer(records.run(run_of(request)))


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a run; one in flight is stopped and rolled back first."""
    run = run_of(request, "Run not found")
    request.app[ENGINE].stop(run, "erase")
    await run.ended.wait()
    delete_run(request.app[ENGINE], run)
    return web.Response(status=204)


async def join(request: web.Request) -> web.StreamResponse:
    """Wait for a run and give its values."""
    asked, run = query(request, JoinQuery), run_or_none(request)
    if run is None:
        location = run_location(path_uuid(request, "thread"), path_uuid(request, "run"))
        headers = {"Location": f"{location}/join", "Content-Location": location}
        return await when_over(request, None, lambda: {"__error__": GONE}, headers)
    return await _answered(request, run, cancel=asked.cancel_on_disconnect)


async def join_stream(request: web.Request) -> web.StreamResponse:
    """Watch a run that exists; `Last-Event-ID` says from where if the run is resumable."""
    asked, run = query(request, JoinStreamQuery), run_or_none(request)
    modes = asked.modes()
    location = run_location(path_uuid(request, "thread"), path_uuid(request, "run"))
    headers = {"Location": f"{location}/stream", "Content-Location": location}
    if run is None:
        response = await open_stream(request, headers)
        await response.write(frame("error", msgspec.json.encode(GONE)))
        await response.write_eof()
        return response
    offset = policy_of(run.thread).reader_offset(run, request.headers.get("Last-Event-ID"))
    watching = event_stream(request, run, offset, modes, headers)
    return await _unless_gone(request, run, watching, cancel=asked.cancel_on_disconnect)


async def cancel(request: web.Request) -> web.StreamResponse:
    """Cancel a run: now, or with `wait` until it has stopped."""
    asked = query(request, CancelQuery)
    run = run_or_none(request)
    if run is None or run.over:
        raise Refusal(404, NOTHING_TO_CANCEL)
    request.app[ENGINE].stop(run, _fate(asked.action))
    if not asked.wait:
        return web.Response(status=202)
    return await when_over(request, run, dict, run_headers(run, "/join"))


async def cancel_many(request: web.Request) -> web.StreamResponse:
    """Cancel all runs of a status, or some of one thread."""
    asked, body = query(request, BulkCancelQuery), await read(request, BulkCancel)
    threads = request.app[ENGINE].threads
    by_status = body.status is not UNSET
    by_ids = body.thread_id is not UNSET and body.run_ids is not UNSET
    by_part = (body.thread_id is not UNSET) != (body.run_ids is not UNSET)
    if by_status == by_ids or (by_status and (body.thread_id is not UNSET or body.run_ids is not UNSET)) or by_part:
        raise Refusal(422, "Give either `status`, or `thread_id` and `run_ids`.")
    if body.status is not UNSET:
        wanted = {"pending", "running"} if body.status == "all" else {body.status}
        found = [run for thread in threads.by_id.values() for run in thread.in_flight.values() if run.status in wanted]
    else:
        thread = threads.by_id.get(str(canonical(str(body.thread_id))))
        ids = {canonical(run_id) for run_id in (body.run_ids or ())}
        found = [] if thread is None else [run for key, run in thread.in_flight.items() if key in ids]
    if not found:
        raise Refusal(404, NOTHING_TO_CANCEL)
    request.app[ENGINE].stop_all(dict.fromkeys(found, _fate(asked.action)))
    return web.Response(status=204)


def _fate(action: Literal["interrupt", "rollback"]) -> Fate:
    return "erase" if action == "rollback" else "stop"


def created_run(request: web.Request, order: RunRequest) -> Run:
    """Create a run on the thread that the path names. Raises `Refusal` and `ThreadBusyError`."""
    thread_id = path_uuid(request, "thread")
    engine = request.app[ENGINE]
    check_order(request, order)
    thread = engine.threads.by_id.get(thread_id)
    if thread is None:
        if order.if_not_exists == "reject":
            raise Refusal(404, "Thread or assistant not found.")
        thread = engine.threads.create_thread(thread_id, order.metadata)
    _check_on_thread(thread, order)
    return engine.create_run(thread, order)


def _check_stateless(request: web.Request, order: RunRequest) -> None:
    """Refuse what the types cannot tell; raises `Refusal`. A strategy may be given: there is nobody to meet."""
    check_order(request, order)
    for field in ("checkpoint", "checkpoint_id", "command"):
        if getattr(order, field) is not None:
            raise Refusal(422, f"A stateless run takes no `{field}`.")


def _stateless(request: web.Request, order: RunRequest) -> Run:
    _check_stateless(request, order)
    engine = request.app[ENGINE]
    return engine.create_run(engine.threads.create_thread(metadata=order.metadata), order, temporary=True)


def assistant_of(request: web.Request, name: str) -> Assistant:
    """The assistant that a run asks for, by id or by graph; raises `Refusal` 404 or 422."""
    assistant = request.app[ENGINE].threads.assistants.find(name)
    if assistant is None and name != GRAPH and canonical(name) is None:
        raise Refusal(
            422,
            f"Invalid assistant: {name!r}. Must be either:\n- A valid assistant UUID, or\n"
            f"- One of the registered graphs: {GRAPH}",
        )
    if assistant is None:
        raise Refusal(404, "Thread or assistant not found.")
    return assistant


def check_order(request: web.Request, order: RunRequest) -> None:
    """Refuse what the types cannot tell; raises `Refusal`."""
    assistant_of(request, order.assistant_id)
    if order.config.configurable and order.context:
        raise Refusal(400, BOTH)
    refuse_subgraph(order.checkpoint)
    if order.command is not None:
        _check_targets(order.command.targets, graph.nodes(request.app[ENGINE].threads.script))
    if order.webhook is not None and (problem := webhooks.problem_of(order.webhook)) is not None:
        raise Refusal(422, problem)
    for field in ("interrupt_before", "interrupt_after"):
        for node in getattr(order, field) or ():
            if node not in (*graph.nodes(request.app[ENGINE].threads.script), "*"):
                raise Refusal(422, f"`{field}` names the node {node!r}, which the graph does not have.")


def _check_targets(targets: Sequence[str | Send], nodes: Sequence[str]) -> None:
    """Refuse to go on where a script cannot; raises `Refusal`."""
    for target in targets:
        if isinstance(target, Send):
            raise Refusal(422, "`command.goto` with an `input` of its own is not offered by the mock; name the node.")
        if target not in (*nodes, END):
            raise Refusal(422, f"`command.goto` names the node {target!r}, which the graph does not have.")
    if len(targets) > 1:
        raise Refusal(422, "`command.goto` takes one node; the mock does not run several from there.")


def _check_on_thread(thread: Thread, order: RunRequest) -> None:
    """Refuse what does not go with the thread; raises `Refusal`."""
    if order.on_completion is not UNSET:
        raise Refusal(422, "`on_completion` is for stateless runs.")
    if order.checkpoint is not None and order.checkpoint.thread_id not in (None, thread.thread_id):
        raise Refusal(422, "`checkpoint` is of another thread.")
    asked = order.checkpoint_asked_for
    if asked is not None and thread.history.get(asked) is None:
        raise Refusal(404, f"Checkpoint {asked} not found")


async def _watch(request: web.Request, run: Run) -> web.StreamResponse:
    watching = event_stream(request, run, 0, None, run_headers(run, "/stream"))
    return await _unless_gone(request, run, watching, cancel=run.request.on_disconnect == "cancel")


async def _await(request: web.Request, run: Run) -> web.StreamResponse:
    return await _answered(request, run, cancel=run.request.on_disconnect == "cancel")


async def _answered(request: web.Request, run: Run, *, cancel: bool) -> web.StreamResponse:
    waiting = when_over(request, run, lambda: policy_of(run.thread).output(run), run_headers(run, "/join"))
    return await _unless_gone(request, run, waiting, cancel=cancel)


async def _unless_gone(
    request: web.Request, run: Run, answer: Awaitable[web.StreamResponse], *, cancel: bool
) -> web.StreamResponse:
    """The answer; if the client leaves before its end the run is stopped, where that was asked for."""
    engine = request.app[ENGINE]
    starts = engine.starts
    try:
        return await answer
    except (asyncio.CancelledError, ConnectionError):
        # A server that died has not seen its clients leave.
        if engine.starts == starts and policy_of(run.thread).stops_when_left(run, asked=cancel):
            engine.stop(run, "stop", "client disconnected from the run stream (on_disconnect=cancel)")
        raise


ROUTES: Final = (
    Route("POST", f"{THREAD}/runs", create, RunRequest, statuses=(200, 400, 404, 409, 422), response=responses.Run),
    Route(
        "GET",
        f"{THREAD}/runs",
        listing,
        query=ListQuery,
        statuses=(200, 404, 422),
        response=list[responses.SelectedFields],
    ),
    Route(
        "POST", f"{THREAD}/runs/stream", create_and_stream, RunRequest, statuses=(200, 400, 404, 409, 422), streams=True
    ),
    Route(
        "POST",
        f"{THREAD}/runs/wait",
        create_and_wait,
        RunRequest,
        statuses=(200, 400, 404, 409, 422),
        response=responses.Output,
    ),
    Route("GET", RUN, get, statuses=(200, 404, 422), response=responses.Run),
    Route("DELETE", RUN, delete, statuses=(204, 404, 422)),
    Route("GET", f"{RUN}/join", join, query=JoinQuery, statuses=(200, 422), response=responses.Output),
    Route("GET", f"{RUN}/stream", join_stream, query=JoinStreamQuery, statuses=(200, 422), streams=True, resumes=True),
    Route("POST", f"{RUN}/cancel", cancel, query=CancelQuery, statuses=(200, 202, 404, 422), response=Json),
    Route("POST", "/runs/cancel", cancel_many, BulkCancel, query=BulkCancelQuery, statuses=(204, 404, 422)),
    Route(
        "POST",
        "/runs/batch",
        create_batch,
        list[BatchedRun],
        statuses=(200, 400, 404, 422),
        response=list[responses.Run],
    ),
    Route("POST", "/runs", create_stateless, RunRequest, statuses=(200, 400, 404, 422), response=responses.Run),
    Route("POST", "/runs/stream", stateless_and_stream, RunRequest, statuses=(200, 400, 404, 422), streams=True),
    Route(
        "POST", "/runs/wait", stateless_and_wait, RunRequest, statuses=(200, 400, 404, 422), response=responses.Output
    ),
)
