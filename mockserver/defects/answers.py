"""Answers: a request gets a wrong status or body, is answered too early, or has no effect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import msgspec
from aiohttp import web

from mockserver.core.ids import canonical
from mockserver.core.records import Run
from mockserver.core.strategies import STRATEGIES
from mockserver.defects.base import Defect
from mockserver.web.http import ENGINE, ApiError, json_answer, query
from mockserver.web.interceptors import Handler
from mockserver.web.lookups import run_or_none
from mockserver.web.routes_runs import CancelQuery

RUNS: Final = "/threads/{thread_id}/runs"
RUN: Final = "/threads/{thread_id}/runs/{run_id}"
CREATING: Final = (RUNS, f"{RUNS}/stream", f"{RUNS}/wait")


def matches(request: web.Request, method: str, *paths: str) -> bool:
    """Return whether a request has this method and one of these paths, written as in the table of routes."""
    resource = request.match_info.route.resource
    return request.method == method and resource is not None and resource.canonical in paths


def refusal(status: int, detail: str) -> web.Response:
    """Return a refusal in the form that the deployment uses."""
    return json_answer({"detail": detail}, status)


def requested_run(request: web.Request) -> Run | None:
    """Return the run that the path names, None if it does not exist or an id is malformed."""
    try:
        return run_or_none(request)
    except ApiError:
        return None


def names_missing_run(request: web.Request) -> bool:
    """Return whether the path names a run that does not exist, with well-formed ids."""
    # Malformed ids are left to the routes, which refuse them with 422.
    well_formed = canonical(request.match_info["thread_id"]) and canonical(request.match_info["run_id"])
    return bool(well_formed) and run_or_none(request) is None


async def json_body(request: web.Request) -> Any:
    """Return the body of a request, None if it is not JSON."""
    try:
        return msgspec.json.decode(await request.read())
    except msgspec.DecodeError:
        return None


def with_body(request: web.Request, body: Any) -> web.Request:
    """Return the same request with another body."""
    # aiohttp has no public way to change a body. `_read_bytes` is its cache of the body that `read` returns, and the
    # routes and later defects read from it.
    request._read_bytes = msgspec.json.encode(body)
    return request


def rewritten(response: web.StreamResponse, change: Callable[[Any], Any]) -> web.StreamResponse:
    """Return a complete JSON answer with a changed body, and any other answer as it is."""
    # A stream is sent piece by piece and has no body that could be replaced.
    if isinstance(response, web.Response) and response.status == 200 and isinstance(response.body, bytes):
        response.body = msgspec.json.encode(change(msgspec.json.decode(response.body)))
    return response


class Reject422(Defect):
    """A conflict is reported as 422.

    Seen in the JavaScript server (runs.mts), and by users of open-canvas (296).
    """

    id = "D28"
    rule = "REJ-01"
    seen = (
        "https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/src/api/runs.mts",
        "https://github.com/langchain-ai/open-canvas/issues/296",
    )
    client = "The SDK does not raise the exception of a conflict, so a retry that waits for 409 does not happen."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        # Other conflicts, such as an update of a busy thread, are no refusals of a run.
        if matches(request, "POST", *CREATING) and response.status == 409 and self.strikes():
            return refusal(422, "Thread is already running a task.")
        return response


class Created201(Defect):
    """Creating a run is answered with 201."""

    id = "D66"
    rule = "RUN-02"
    seen = ("https://github.com/Duragraph/duragraph",)
    client = "A client that accepts only 200 treats a created run as a failure."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if matches(request, "POST", RUNS) and response.status == 200 and self.strikes():
            response.set_status(201)
        return response


class MissingThreadConflict(Defect):
    """A run on a thread that does not exist is refused with a conflict."""

    id = "D64"
    rule = "REJ-07"
    seen = ("https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/src/api/runs.mts",)
    client = "A deleted thread is reported as busy, so a retry never ends."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if matches(request, "POST", *CREATING) and response.status == 404 and self.strikes():
            return refusal(409, "Thread is already running a task.")
        return response


class InvalidStrategyCoerced(Defect):
    """An unknown strategy silently becomes the default."""

    id = "D65"
    rule = "ERR-01"
    seen = (
        "https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/tests/protocol-v2/multitask-strategy.test.mts",
    )
    client = "A misspelt strategy is accepted, and the run is queued."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", *CREATING, "/runs", "/runs/stream", "/runs/wait"):
            body = await json_body(request)
            strategy = body.get("multitask_strategy", "enqueue") if isinstance(body, dict) else "enqueue"
            # A valid strategy is not changed.
            if strategy not in STRATEGIES and self.strikes():
                request = with_body(request, {**body, "multitask_strategy": "enqueue"})
        return await super().answer(request, handler)


class StrategyOnlyOnCreate(Defect):
    """The stream and wait endpoints ignore the strategy, so the new run waits in the queue."""

    id = "D73"
    rule = "INT-14"
    seen = ("https://github.com/langchain-ai/langgraphjs/issues/864",)
    client = "`interrupt` works from the backend, but not from a user interface that streams."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", f"{RUNS}/stream", f"{RUNS}/wait"):
            body = await json_body(request)
            if isinstance(body, dict) and "multitask_strategy" in body and self.strikes():
                request = with_body(request, {**body, "multitask_strategy": "enqueue"})
        return await super().answer(request, handler)


class StrategyNotEchoed(Defect):
    """A run reports another strategy than the one that was sent for it.

    Seen in Duragraph, where a default of the database fills the column.
    """

    id = "D89"
    rule = "RUN-06"
    seen = ("https://github.com/Duragraph/duragraph",)
    client = "A run shows another strategy than it was given."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if matches(request, "POST", RUNS) or matches(request, "GET", RUNS, RUN):
            return rewritten(
                response,
                lambda body: [self._other(run) for run in body] if isinstance(body, list) else self._other(body),
            )
        return response

    def _other(self, run: Any) -> Any:
        wrong = isinstance(run, dict) and run.get("multitask_strategy") in STRATEGIES and self.strikes(run["run_id"])
        # Some valid strategy, so that only the comparison with the request shows the defect.
        return (
            {**run, "multitask_strategy": "reject" if run["multitask_strategy"] != "reject" else "enqueue"}
            if wrong
            else run
        )


class RunMetadataLost(Defect):
    """A run does not report the metadata that was sent for it."""

    id = "D144"
    rule = "RUN-15"
    seen = ()
    client = "An application cannot read the notes that it stored with its runs."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        return rewritten(response, self._without) if matches(request, "GET", RUN) else response

    def _without(self, run: Any) -> Any:
        found = isinstance(run, dict) and "metadata" in run and self.strikes(run["run_id"])
        return {**run, "metadata": {}} if found else run


class HistoryGap(Defect):
    """The history lacks the checkpoints of a stopped run, although the state was built on them.

    Inferred from the page about cancelling, which says that they are kept.
    """

    id = "D69"
    rule = "CHK-03"
    seen = ("https://docs.langchain.com/langsmith/cancel-run",)
    client = "Time travel cannot return to the steps of the stopped run."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if request.path.endswith("/history"):
            return rewritten(response, lambda found: [one for one in found if not self._gone(request, one)])
        return response

    def _gone(self, request: web.Request, entry: dict[str, Any]) -> bool:
        thread = request.app[ENGINE].threads.by_id[str(canonical(request.match_info["thread_id"]))]
        run = thread.runs.get((entry.get("metadata") or {}).get("run_id", ""))
        # Not before the run is over, so that a client has seen the checkpoints that disappear.
        return run is not None and run.over and run.fate == "stop" and self.strikes(run)


class CheckpointIdCollision(Defect):
    """The first checkpoint after a stop or a rollback has the id of an older one."""

    id = "D85"
    rule = "CHK-04"
    seen = ("https://github.com/bytedance/deer-flow/issues/2554",)
    client = "Two checkpoints have the same id, so returning to one of them leads to the wrong state."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        return rewritten(response, self._collided) if request.path.endswith("/history") else response

    def _collided(self, found: list[Any]) -> list[Any]:
        """Return the history, newest first, in which a run's first checkpoint has the id of its parent."""
        for newer, older in pairwise(found):
            run_id = newer["metadata"].get("run_id")
            if run_id and run_id != older["metadata"].get("run_id") and self.strikes(run_id):
                # The id occurs twice in each entry, and the two must agree.
                newer["checkpoint_id"] = older["checkpoint_id"]
                newer["checkpoint"] = {**newer["checkpoint"], "checkpoint_id": older["checkpoint_id"]}
        return found


class _Cancelling(Defect):
    """A defect in the answer to a cancel of a single run."""

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not matches(request, "POST", f"{RUN}/cancel"):
            return await super().answer(request, handler)
        wrong = self.cancelled(request, requested_run(request))
        return await super().answer(request, handler) if wrong is None else wrong

    def cancelled(self, request: web.Request, run: Run | None) -> web.StreamResponse | None:
        """Return a wrong answer to a cancel, None to let the deployment answer. `run` is None if it does not exist."""
        raise NotImplementedError


class RollbackUnsupported(_Cancelling):
    """A cancel with the action `rollback` is refused with 422."""

    id = "D36"
    rule = "CAN-06"
    seen = ("https://github.com/aegra/aegra/issues/607",)
    client = "A cancel with `action=rollback` raises 422, and the run continues."

    def cancelled(self, request: web.Request, run: Run | None) -> web.StreamResponse | None:
        rollback = request.query.get("action") == "rollback" and run is not None
        return refusal(422, "action=rollback is not supported") if rollback and self.strikes() else None


class WaitReturnsEarly(_Cancelling):
    """A cancel with `wait` is answered while the run still executes."""

    id = "D37"
    rule = "CAN-04"
    seen = ("https://github.com/aegra/aegra/issues/528", "https://github.com/langchain-ai/langgraphjs/issues/2755")
    client = "`cancel(wait=True)` returns while the run is still `running`."

    def cancelled(self, request: web.Request, run: Run | None) -> web.StreamResponse | None:
        waits = request.query.get("wait", "").lower() in ("1", "true")
        if run is None or run.over or not waits or not self.strikes(run):
            return None
        # The run is really stopped. Only the answer does not wait for it.
        request.app[ENGINE].stop(run, "erase" if request.query.get("action") == "rollback" else "stop")
        return json_answer({})


class CancelNotDelivered(_Cancelling):
    """A cancel is accepted but has no effect.

    Seen in aegra (539, 528), and in the JavaScript server when it is embedded.
    """

    id = "D38"
    rule = "CAN-12"
    seen = (
        "https://github.com/aegra/aegra/issues/539",
        "https://github.com/aegra/aegra/issues/528",
        "https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/src/experimental/embed/runs.mts",
    )
    client = "The stop button has no effect: the cancel succeeds, and the answer continues."

    def cancelled(self, request: web.Request, run: Run | None) -> web.StreamResponse | None:
        try:
            # An invalid cancel is still refused, because refusals are right here.
            query(request, CancelQuery)
        except ApiError:
            return None
        return web.Response(status=202) if run is not None and not run.over and self.strikes(run) else None


class Cancel500(_Cancelling):
    """A cancel without `wait` fails with a 500.

    Seen in the official server (langgraph 3660).
    """

    id = "D39"
    rule = "CAN-05"
    seen = ("https://github.com/langchain-ai/langgraph/issues/3660",)
    client = "`cancel` raises an internal server error."

    def cancelled(self, request: web.Request, run: Run | None) -> web.StreamResponse | None:
        missing = "wait" not in request.query and run is not None
        return refusal(500, "Internal Server Error") if missing and self.strikes() else None


class CancelTerminalFlip(_Cancelling):
    """A cancel of a finished run makes it `interrupted`."""

    id = "D40"
    rule = "CAN-07"
    seen = ("https://github.com/langchain-ai/deepagents/pull/6257",)
    client = "A finished run becomes `interrupted` after a late click on stop."

    def cancelled(self, request: web.Request, run: Run | None) -> web.StreamResponse | None:
        # The lifecycle has no transition out of a terminal status, so `run_status` shows the wrong one.
        return web.Response(status=202) if run is not None and run.over and self.strikes(run) else None

    def run_status(self, run: Run) -> Any:
        return "interrupted" if self.struck(run) else super().run_status(run)


class CancelTerminal409(_Cancelling):
    """A cancel of a finished run is refused with a conflict."""

    id = "D41"
    rule = "CAN-08"
    seen = ("https://github.com/bytedance/deer-flow/issues/3905",)
    client = "A late click on stop raises a conflict instead of 404."

    def cancelled(self, request: web.Request, run: Run | None) -> web.StreamResponse | None:
        over = run is not None and run.over
        return (
            refusal(409, "Run is not active on this worker and cannot be cancelled")
            if over and self.strikes()
            else None
        )


class CancelWrongWorker409(_Cancelling):
    """The first cancel of a run reaches a worker that does not execute the run, and is refused with a conflict."""

    id = "D42"
    rule = "CAN-03"
    seen = ("https://github.com/bytedance/deer-flow/issues/3239", "https://github.com/bytedance/deer-flow/pull/4500")
    client = "The stop button works only at the second click."

    def cancelled(self, request: web.Request, run: Run | None) -> web.StreamResponse | None:
        # One refusal per run: the second cancel reaches the right worker.
        if run is None or run.over or self.struck(run) or not self.strikes(run):
            return None
        return refusal(409, "Run is not active on this worker and cannot be cancelled")


class LastActionWins(_Cancelling):
    """Of two cancels with different actions, the second one applies."""

    id = "D83"
    rule = "CAN-10"
    seen = ("https://github.com/bytedance/deer-flow/pull/4500",)
    client = "A second click on stop deletes the data that the first one kept."

    def cancelled(self, request: web.Request, run: Run | None) -> web.StreamResponse | None:
        action = "erase" if request.query.get("action") == "rollback" else "stop"
        if (
            run is not None
            and not run.over
            and run.fate in ("stop", "erase")
            and run.fate != action
            and self.strikes(run)
        ):
            run.fate = "erase" if action == "erase" else "stop"
        # The cancel itself is answered correctly.
        return None


class UnknownId2xx(_Cancelling):
    """A cancel of a run that does not exist is accepted."""

    id = "D82"
    rule = "CAN-09"
    seen = ()
    client = "A cancel with a wrong id appears to work."

    def cancelled(self, request: web.Request, run: Run | None) -> web.StreamResponse | None:
        return web.Response(status=202) if run is None and self.strikes() else None


class CrashOnCancel(_Cancelling):
    """A cancel crashes the process: the connection breaks, and the run never ends.

    Seen in the JavaScript server with a subagent (langgraphjs 2873).
    """

    id = "D61"
    rule = "SHP-08"
    seen = ("https://github.com/langchain-ai/langgraphjs/issues/2873",)
    client = "The connection breaks at the cancel, and the run never ends."

    def cancelled(self, request: web.Request, run: Run | None) -> web.StreamResponse | None:
        if run is None or run.over or not self.strikes(run):
            return None
        # A process that dies sends no response.
        if request.transport is not None:
            request.transport.abort()
        # aiohttp answers any other exception with a 500.
        raise asyncio.CancelledError


class BulkCancelMix(Defect):
    """A bulk cancel with contradictory or incomplete parameters is accepted.

    Seen by users of open-swe (1843).
    """

    id = "D67"
    rule = "ERR-13"
    seen = ("https://github.com/langchain-ai/open-swe/pull/1843",)
    client = "A contradictory bulk cancel succeeds and cancels nothing."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if matches(request, "POST", "/runs/cancel") and response.status == 422:
            # A body that is not an object is refused for another reason.
            wrong = isinstance(await json_body(request), dict) and self.strikes()
            return web.Response(status=204) if wrong else response
        return response


class CancelPendingStopsAll(_Cancelling):
    """A cancel of a queued run also stops the run ahead of it."""

    id = "D136"
    rule = "ENQ-06"
    seen = ()
    client = "Withdrawing a queued message stops the answer that is being written."

    def cancelled(self, request: web.Request, run: Run | None) -> web.StreamResponse | None:
        # A queued run has no task yet.
        ahead = None if run is None or run.over or run.task is not None else run.thread.active
        if ahead is not None and self.strikes(ahead):
            request.app[ENGINE].stop(ahead, "stop")
        return None


class CancelledPendingExecutes(_Cancelling):
    """A cancelled queued run is reported as `interrupted`, but executes when its turn comes."""

    id = "D137"
    rule = "CAN-02"
    seen = ()
    client = "A queued message that was withdrawn is still answered."

    def cancelled(self, request: web.Request, run: Run | None) -> web.StreamResponse | None:
        waits = run is not None and not run.over and run.task is None
        # Without a fate the run keeps its turn in the queue.
        return web.Response(status=202) if waits and run is not None and self.strikes(run) else None

    def run_status(self, run: Run) -> Any:
        return "interrupted" if self.struck(run) else super().run_status(run)


class DeletedRunStays(Defect):
    """Deleting a run is answered with 204 but has no effect."""

    id = "D138"
    rule = "RUN-13"
    seen = ()
    client = "A deleted run is still listed."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        known = matches(request, "DELETE", RUN) and requested_run(request) is not None
        return web.Response(status=204) if known and self.strikes() else await super().answer(request, handler)


class DeletedRunGoesOn(Defect):
    """A run that is deleted while it executes disappears from the lists but continues to execute."""

    id = "D139"
    rule = "RUN-14"
    seen = ()
    client = "After a run was deleted, its tools still act."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        run = requested_run(request) if matches(request, "DELETE", RUN) else None
        if run is None or run.over or not self.strikes(run):
            return await super().answer(request, handler)
        # Only the record goes. The run stays in flight, so its task continues.
        run.thread.runs.pop(run.run_id, None)
        return web.Response(status=204)


class DeletedThreadGoesOn(Defect):
    """A thread that is deleted while a run executes is gone, but the run continues to execute."""

    id = "D140"
    rule = "THR-11"
    seen = ()
    client = "After a conversation was deleted, its tools still act."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        threads = request.app[ENGINE].threads
        thread = threads.by_id.get(canonical(request.match_info.get("thread_id", "")) or "")
        if not matches(request, "DELETE", "/threads/{thread_id}") or thread is None or not thread.in_flight:
            return await super().answer(request, handler)
        if not self.strikes(thread):
            return await super().answer(request, handler)
        # The route would also stop the runs in flight.
        threads.remove(thread)
        return web.Response(status=204)


class FirstMessagesConflict(Defect):
    """A run with if_not_exists=create is refused if its thread already exists and is busy."""

    id = "D141"
    rule = "ERR-16"
    seen = ()
    client = "Of two quick first messages, the second one is refused."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", *CREATING):
            body = await json_body(request)
            thread = request.app[ENGINE].threads.by_id.get(canonical(request.match_info["thread_id"]) or "")
            creates = isinstance(body, dict) and body.get("if_not_exists") == "create"
            if creates and thread is not None and thread.in_flight and self.strikes():
                return refusal(409, "Thread already exists")
        return await super().answer(request, handler)
