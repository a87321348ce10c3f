"""Waiting: a cancel with `wait`, a stateless run or a run that stops at a node ends in the wrong way."""

from __future__ import annotations

import asyncio

from aiohttp import web

from mockserver.core.checkpoints import Values
from mockserver.core.records import Run, Thread
from mockserver.defects.answers import RUN, RUNS, json_body, matches, requested_run, with_body
from mockserver.defects.base import Defect
from mockserver.vocabulary import ThreadStatus
from mockserver.web.http import ENGINE, json_answer
from mockserver.web.interceptors import Handler


class _WaitedCancel(Defect):
    """A defect in the answer to a cancel with `wait` of a run in flight."""

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        run = requested_run(request) if matches(request, "POST", f"{RUN}/cancel") else None
        waits = request.query.get("wait", "").lower() in ("1", "true")
        if run is None or run.over or not waits or not self.concerns(request, run) or not self.strikes(run):
            return await super().answer(request, handler)
        return await self.cancelled(request, run)

    def concerns(self, request: web.Request, run: Run) -> bool:
        """Return whether the defect is in the cancel of this run."""
        raise NotImplementedError

    async def cancelled(self, request: web.Request, run: Run) -> web.StreamResponse:
        """Cancel the run in the wrong way."""
        raise NotImplementedError


class PendingWaitNeverAnswers(_WaitedCancel):
    """A cancel with `wait` of a pending run is never answered, although the run ends."""

    id = "D183"
    rule = "CAN-18"
    seen = ()
    client = "`cancel(wait=True)` of a queued run hangs."

    def concerns(self, request: web.Request, run: Run) -> bool:
        return run.status == "pending"

    async def cancelled(self, request: web.Request, run: Run) -> web.StreamResponse:
        request.app[ENGINE].stop(run, "stop")
        await asyncio.Event().wait()
        return json_answer({})


class PendingWaitQueues(_WaitedCancel):
    """A cancel with `wait` of a pending run is answered when the run ahead of it has ended."""

    id = "D184"
    rule = "CAN-19"
    seen = ()
    client = "`cancel(wait=True)` of a queued run lasts as long as the run ahead of it."

    def concerns(self, request: web.Request, run: Run) -> bool:
        return run.status == "pending" and run.thread.active is not None

    async def cancelled(self, request: web.Request, run: Run) -> web.StreamResponse:
        ahead = run.thread.active
        request.app[ENGINE].stop(run, "stop")
        if ahead is not None:
            await ahead.ended.wait()
        return json_answer({})


class WaitedRollbackInterrupts(_WaitedCancel):
    """A cancel with `wait` and the action `rollback` interrupts the run, and deletes nothing."""

    id = "D185"
    rule = "CAN-06"
    seen = ()
    client = "What a cancelled run has written is still there, although its rollback was confirmed."

    def concerns(self, request: web.Request, run: Run) -> bool:
        return request.query.get("action") == "rollback"

    async def cancelled(self, request: web.Request, run: Run) -> web.StreamResponse:
        request.app[ENGINE].stop(run, "stop")
        await run.ended.wait()
        return json_answer({})


class WaitedCancelAccepted(_WaitedCancel):
    """A cancel with `wait` is answered with 202 when the run has stopped."""

    id = "D245"
    rule = "SHP-06"
    seen = ()
    client = "A client that follows HTTP takes the cancel for unfinished, and continues to poll the run."

    def concerns(self, request: web.Request, run: Run) -> bool:
        return run.status == "running" and request.query.get("action") != "rollback"

    async def cancelled(self, request: web.Request, run: Run) -> web.StreamResponse:
        request.app[ENGINE].stop(run, "stop")
        await run.ended.wait()
        return web.Response(status=202)


class WaitWithoutQuestion(Defect):
    """The values of a run that calls interrupt() do not have its questions."""

    id = "D247"
    rule = "HIL-16"
    seen = ()
    client = "An application that waits for a run shows no question, and the run seems to be finished."

    def output(self, run: Run) -> Values:
        right = super().output(run)
        if "__interrupt__" in right and self.strikes(run):
            return {name: value for name, value in right.items() if name != "__interrupt__"}
        return right


class ExitOutputEmpty(Defect):
    """A run with durability `exit` returns no values to a client that waits for it."""

    id = "D186"
    rule = "STL-04"
    seen = ()
    client = "`wait` returns an empty object in place of the answer."

    def output(self, run: Run) -> Values:
        # What the correct server returns first: a run that failed has no values to lose.
        right = super().output(run)
        return {} if right and run.request.storing == "exit" and self.strikes(run) else right


class BreakpointsIgnored(Defect):
    """A run with `interrupt_before` or `interrupt_after` does not stop at these nodes."""

    id = "D187"
    rule = "RUN-22"
    seen = ()
    client = "The tool runs before a human has approved it."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", RUNS, f"{RUNS}/stream", f"{RUNS}/wait"):
            body = await json_body(request)
            names = {"interrupt_before", "interrupt_after"}
            if isinstance(body, dict) and names & body.keys() and self.strikes():
                request = with_body(request, {name: given for name, given in body.items() if name not in names})
        return await super().answer(request, handler)


class StoppedThreadIdle(Defect):
    """A thread whose run has stopped at a node is `idle`."""

    id = "D188"
    rule = "RUN-22"
    seen = ()
    client = "A list of threads that wait for a human lacks those that stop before a tool."

    def thread_status(self, thread: Thread) -> ThreadStatus:
        right = super().thread_status(thread)
        newest = next(reversed(thread.runs.values()), None)
        stops = newest is not None and (newest.request.interrupt_before or newest.request.interrupt_after)
        return "idle" if right == "interrupted" and stops and self.strikes(thread) else right
