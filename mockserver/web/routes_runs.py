"""The routes of runs: create, list, join, stream, cancel and delete them.

Three pairs of routes create a run in the same way and differ only in the response: the run itself, its stream, or its
final values. The same three exist for stateless runs, each of which gets a thread of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from itertools import islice
from typing import Final, Literal, get_args

import msgspec
from aiohttp import web
from msgspec import UNSET
from msgspec.structs import replace

from mockserver.agent import graph
from mockserver.core.assistants import BOTH, Assistant, AssistantError
from mockserver.core.checkpoints import END
from mockserver.core.ids import canonical
from mockserver.core.json_text import as_json
from mockserver.core.policy import policy_of
from mockserver.core.records import Run, Thread
from mockserver.core.strategies import Fate
from mockserver.engine.deletion import delete_run
from mockserver.schemas import responses
from mockserver.schemas.common import BatchedRun, Body, BulkCancel, Json, RunRequest, Send, StreamMode, Whole
from mockserver.views import records
from mockserver.vocabulary import RunStatus
from mockserver.web.http import (
    ENGINE,
    ApiError,
    created,
    json_answer,
    part,
    query,
    read,
    run_headers,
    run_location,
    several,
    when_ended,
)
from mockserver.web.leniency import ignore
from mockserver.web.lookups import ignore_subgraph, path_uuid, run_of, run_or_none, thread_of
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
    "langsmith_session_name",
]
UNDESCRIBED: Final = ("strict_resume", "langsmith_tracer")
"""Fields of every run that the published description does not have. Clients send them."""
ON_THREAD: Final = (*UNDESCRIBED, "on_completion")
STATELESS: Final = (
    *UNDESCRIBED,
    "multitask_strategy",
    "if_not_exists",
    "interrupt_before",
    "interrupt_after",
    "checkpoint",
)
# The texts of the official server.
NOTHING_TO_CANCEL = "No runs found to cancel."
GONE = {"error": "HTTPException", "message": "404: Run not found"}


class ListQuery(Body, frozen=True):
    """The page and the filter of a listing of runs."""

    limit: Whole = 10
    offset: Whole = 0
    status: RunStatus | None = None
    select: str | list[str] | None = None

    def fields(self) -> list[RunField] | None:
        """Return the fields to show, or None for all. Raises `ApiError` 422 for an unknown field."""
        return several(self.select, RunField, "select") if self.select else None


class CancelQuery(Body, frozen=True):
    """The options of a cancellation."""

    wait: bool = False
    action: Literal["interrupt", "rollback"] = "interrupt"


class BulkCancelQuery(Body, frozen=True):
    """The option of a bulk cancellation."""

    action: Literal["interrupt", "rollback"] = "interrupt"


class JoinQuery(Body, frozen=True):
    """The option of a join."""

    cancel_on_disconnect: bool = False


class JoinStreamQuery(Body, frozen=True):
    """The options of a joined stream."""

    cancel_on_disconnect: bool = False
    stream_mode: str | list[str] | None = None
    checkpoint_id: str | None = None
    """The newest checkpoint that the client has. It has no effect: servers may send the whole run, as the mock does."""

    def modes(self) -> frozenset[str] | None:
        """Return the stream modes to show, or None for all.

        The API description allows any text, so an unknown mode is ignored, and shows nothing.
        """
        if not self.stream_mode:
            return None
        given = frozenset(several(self.stream_mode, str, "stream_mode"))
        known = given & set(get_args(StreamMode))
        for unknown in sorted(given - known):
            ignore(f'`stream_mode` names "{unknown}", and the modes are {", ".join(get_args(StreamMode))}')
        return known


async def create(request: web.Request) -> web.StreamResponse:
    """Create a run on a thread."""
    return created(created_run(request, await read(request, RunRequest, undescribed=(*ON_THREAD, "on_disconnect"))))


async def create_and_stream(request: web.Request) -> web.StreamResponse:
    """Create a run on a thread and stream its events."""
    return await _stream(request, created_run(request, await read(request, RunRequest, undescribed=ON_THREAD)))


async def create_and_wait(request: web.Request) -> web.StreamResponse:
    """Create a run on a thread, wait for it and return its final values."""
    return await _wait(request, created_run(request, await read(request, RunRequest, undescribed=ON_THREAD)))


async def create_stateless(request: web.Request) -> web.StreamResponse:
    """Create a run on a temporary thread."""
    run = _stateless(request, await read(request, RunRequest, undescribed=(*STATELESS, "on_disconnect")))
    return json_answer(records.run(run), headers={"Content-Location": f"/runs/{run.run_id}"})


async def create_batch(request: web.Request) -> web.StreamResponse:
    """Create several runs, each on a temporary thread. If one of them is invalid, none is created."""
    orders = await read(request, list[BatchedRun], undescribed=(*STATELESS, "on_disconnect", "assistantId"))
    if not orders:
        raise ApiError(422, "A batch has at least one run, and this one is empty. Send one or more.")
    # All are checked before the first is created, because a created run cannot be undone.
    for order in orders:
        _check_stateless(request, order)
    return json_answer([records.run(_stateless(request, order)) for order in orders])


async def stateless_and_stream(request: web.Request) -> web.StreamResponse:
    """Create a run on a temporary thread and stream its events."""
    return await _stream(request, _stateless(request, await read(request, RunRequest, undescribed=STATELESS)))


async def stateless_and_wait(request: web.Request) -> web.StreamResponse:
    """Create a run on a temporary thread, wait for it and return its final values."""
    return await _wait(request, _stateless(request, await read(request, RunRequest, undescribed=STATELESS)))


async def listing(request: web.Request) -> web.StreamResponse:
    """List the runs of a thread, newest first."""
    thread, params = thread_of(request), query(request, ListQuery)
    fields, wanted = params.fields(), part(params.limit, params.offset)
    # Lazy, because a thread may have thousands of runs and clients poll this path.
    found = (
        run for run in reversed(thread.runs.values()) if params.status in (None, policy_of(thread).run_status(run))
    )
    shown = [records.run(run) for run in islice(found, wanted.start, wanted.stop)]
    if fields is not None:
        shown = [{field: run[field] for field in fields} for run in shown]
    return json_answer(shown)


async def get(request: web.Request) -> web.StreamResponse:
    """Return a run."""
    return json_answer(records.run(run_of(request)))


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a run. A run in flight is cancelled and rolled back first."""
    run = run_of(request, "Run not found")
    request.app[ENGINE].stop(run, "erase")
    # A node may take time to stop, and must not write to a run that is gone.
    await run.ended.wait()
    delete_run(request.app[ENGINE], run)
    return web.Response(status=204)


async def join(request: web.Request) -> web.StreamResponse:
    """Wait for a run and return its final values."""
    params, run = query(request, JoinQuery), run_or_none(request)
    # The official server answers the join of an unknown run with 200 and an error in the body.
    if run is None:
        location = run_location(path_uuid(request, "thread"), path_uuid(request, "run"))
        headers = {"Location": f"{location}/join", "Content-Location": location}
        return await when_ended(request, None, lambda: {"__error__": GONE}, headers)
    joining = when_ended(request, run, lambda: policy_of(run.thread).joined(run), run_headers(run, "/join"))
    return await _cancel_on_disconnect(request, run, joining, cancel=params.cancel_on_disconnect)


async def join_stream(request: web.Request) -> web.StreamResponse:
    """Stream the events of an existing run, after `Last-Event-ID` if its stream is resumable."""
    params, run = query(request, JoinStreamQuery), run_or_none(request)
    modes = params.modes()
    location = run_location(path_uuid(request, "thread"), path_uuid(request, "run"))
    headers = {"Location": f"{location}/stream", "Content-Location": location}
    # As for `join`: the official server reports an unknown run inside a successful response.
    if run is None:
        response = await open_stream(request, headers)
        await response.write(frame("error", msgspec.json.encode(GONE)))
        await response.write_eof()
        return response
    offset = policy_of(run.thread).reader_offset(run, request.headers.get("Last-Event-ID"))
    streaming = event_stream(request, run, offset, modes, headers)
    return await _cancel_on_disconnect(request, run, streaming, cancel=params.cancel_on_disconnect)


async def cancel(request: web.Request) -> web.StreamResponse:
    """Cancel a run. With `wait`, the response is sent once the run has stopped."""
    params = query(request, CancelQuery)
    run = run_or_none(request)
    # A run that has finished is a 404, too: on the official server there is nothing to cancel then.
    if run is None or run.over:
        raise ApiError(404, NOTHING_TO_CANCEL)
    request.app[ENGINE].stop(run, _fate(params.action))
    if not params.wait:
        return web.Response(status=202)
    # The body is `{}` and not the values of the run, as on the official server.
    return await when_ended(request, run, dict, run_headers(run, "/join"))


async def cancel_many(request: web.Request) -> web.StreamResponse:
    """Cancel all runs with a status, or the given runs of one thread."""
    params, body = query(request, BulkCancelQuery), await read(request, BulkCancel)
    threads = request.app[ENGINE].threads
    by_status = body.status is not UNSET
    by_ids = body.thread_id is not UNSET and body.run_ids is not UNSET
    # Half of the pair is an error as well, because it would otherwise be ignored.
    by_part = (body.thread_id is not UNSET) != (body.run_ids is not UNSET)
    if by_status == by_ids or (by_status and (body.thread_id is not UNSET or body.run_ids is not UNSET)) or by_part:
        raise ApiError(422, "Send either `status`, or `thread_id` and `run_ids`.")
    if body.status is not UNSET:
        wanted = {"pending", "running"} if body.status == "all" else {body.status}
        found = [run for thread in threads.by_id.values() for run in thread.in_flight.values() if run.status in wanted]
    else:
        thread = threads.by_id.get(str(canonical(str(body.thread_id))))
        ids = {canonical(run_id) for run_id in (body.run_ids or ())}
        found = [] if thread is None else [run for key, run in thread.in_flight.items() if key in ids]
    if not found:
        raise ApiError(404, NOTHING_TO_CANCEL)
    # Together, so that no run of the list starts because another one has just stopped.
    request.app[ENGINE].stop_all(dict.fromkeys(found, _fate(params.action)))
    return web.Response(status=204)


def _fate(action: Literal["interrupt", "rollback"]) -> Fate:
    return "erase" if action == "rollback" else "stop"


def created_run(request: web.Request, order: RunRequest) -> Run:
    """Create a run on the thread in the path. Raises `ApiError` and `ThreadBusyError`."""
    thread_id = path_uuid(request, "thread")
    engine = request.app[ENGINE]
    # Checked before the thread: with `if_not_exists`, an invalid request must not create one.
    check_order(request, order)
    thread = engine.threads.by_id.get(thread_id)
    if thread is None:
        if order.if_not_exists == "reject":
            raise ApiError(404, "Thread or assistant not found.")
        thread = engine.threads.create_thread(thread_id, order.metadata)
    _check_on_thread(thread, order)
    return engine.create_run(thread, order)


def _check_stateless(request: web.Request, order: RunRequest) -> None:
    """Raise `ApiError` for a stateless run that passes the types and is invalid all the same."""
    check_order(request, order)
    # A strategy is accepted without effect, because a new thread has no other runs.
    if order.command is not None and order.command.resume is not None:
        # 400 and the text of the official server. A new thread accepts the other parts of a command.
        raise ApiError(400, "You must provide a thread_id when resuming.")
    for field in ("checkpoint", "checkpoint_id"):
        if getattr(order, field) not in (None, UNSET):
            ignore(f"A stateless run has no `{field}`; leave it out or create the run on a thread.")


def _stateless(request: web.Request, order: RunRequest) -> Run:
    _check_stateless(request, order)
    engine, thread = request.app[ENGINE], request.app[ENGINE].threads.create_thread(metadata=order.metadata)
    return engine.create_run(thread, replace(order, checkpoint=UNSET, checkpoint_id=None), temporary=True)


def assistant_of(request: web.Request, name: str, *, malformed: int = 422) -> Assistant:
    """Return the assistant with an id or of a graph.

    Raises `ApiError` 404, or `malformed` for a name that is neither, with the official server's texts.
    """
    threads = request.app[ENGINE].threads
    assistant = threads.assistants.find(name)
    if assistant is None and name not in threads.graphs and canonical(name) is None:
        raise ApiError(
            malformed,
            f"Invalid assistant: {name!r}. Must be either:\n- A valid assistant UUID, or\n"
            f"- One of the registered graphs: {', '.join(threads.graphs)}",
        )
    if assistant is None:
        raise ApiError(404, "Thread or assistant not found.")
    try:
        # Other scripts may have been loaded since the assistant was created.
        threads.assistants.check_graph(assistant.graph_id)
    except AssistantError as error:
        raise ApiError(404, str(error)) from None
    return assistant


def check_order(request: web.Request, order: RunRequest) -> None:
    """Raise `ApiError` for a run that passes the types and is invalid all the same."""
    assistant = assistant_of(request, order.assistant_id)
    # 400 and not 422, as on the official server.
    if order.config.configurable and order.context:
        raise ApiError(400, BOTH)
    ignore_subgraph(order.checkpoint)
    if order.after_seconds < 0:
        ignore("`after_seconds` is negative, so the run starts at once")
    if order.command is not None or order.interrupt_before or order.interrupt_after:
        _check_nodes(order, graph.nodes(request.app[ENGINE].threads.graphs[assistant.graph_id]))


def _check_nodes(order: RunRequest, nodes: Sequence[str]) -> None:
    """Note the nodes that a request names and the graph does not have. Raise `ApiError` as `_check_targets` does."""
    if order.command is not None:
        _check_targets(order.command.targets, nodes)
    for field in ("interrupt_before", "interrupt_after"):
        # For "*" this iterates over its one character, which passes.
        for node in getattr(order, field) or ():
            if node not in (*nodes, "*"):
                ignore(_unknown_node(field, node, nodes))


def _unknown_node(field: str, node: str, nodes: Sequence[str]) -> str:
    return f"`{field}` names the node {as_json(node)}, which the graph does not have; it has {', '.join(nodes)}."


def _check_targets(targets: Sequence[str | Send], nodes: Sequence[str]) -> None:
    """Note the targets of `goto` that the graph does not have. Raise `ApiError` for a mixture of their two forms."""
    for target in (one.node if isinstance(one, Send) else one for one in targets):
        if target not in (*nodes, END):
            ignore(_unknown_node("command.goto", target, nodes))
    if len({type(target) for target in targets}) > 1:
        raise ApiError(422, "`command.goto` has names and objects; send either names or objects.")


def _check_on_thread(thread: Thread, order: RunRequest) -> None:
    """Raise `ApiError` for a run that is not possible on its thread."""
    if order.on_completion is not UNSET:
        ignore("`on_completion` is only for stateless runs; leave it out.")
    if order.checkpoint and order.checkpoint.thread_id not in (UNSET, thread.thread_id):
        ignore("`checkpoint.thread_id` names another thread than the path; leave it out.")
    wanted = order.requested_checkpoint
    if wanted is not None and thread.visible.get(wanted) is None:
        raise ApiError(404, f"Checkpoint {wanted} not found")


async def _stream(request: web.Request, run: Run) -> web.StreamResponse:
    streaming = event_stream(request, run, 0, None, run_headers(run, "/stream"))
    return await _cancel_on_disconnect(request, run, streaming, cancel=run.request.on_disconnect == "cancel")


async def _wait(request: web.Request, run: Run) -> web.StreamResponse:
    waiting = when_ended(request, run, lambda: policy_of(run.thread).output(run), run_headers(run, "/join"))
    return await _cancel_on_disconnect(request, run, waiting, cancel=run.request.on_disconnect == "cancel")


async def _cancel_on_disconnect(
    request: web.Request, run: Run, response: Awaitable[web.StreamResponse], *, cancel: bool
) -> web.StreamResponse:
    """Return the response. If the client disconnects before its end and `cancel` is set, cancel the run."""
    engine = request.app[ENGINE]
    starts = engine.starts
    try:
        return await response
    except (asyncio.CancelledError, ConnectionError):
        # After a simulated crash the connections break too, but a server that crashed cannot have noticed it.
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
        response=list[responses.SelectedRun],
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
