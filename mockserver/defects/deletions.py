"""Deletions: the queue behind a deleted run, and a thread that is created again, remember what was deleted."""

from __future__ import annotations

from aiohttp import web

from mockserver.core.ids import canonical
from mockserver.core.records import Run, Thread
from mockserver.defects.answers import RUN, json_body, matches, requested_run
from mockserver.defects.base import Defect
from mockserver.defects.states import STATE, requested_thread
from mockserver.views import records
from mockserver.web.http import ENGINE, json_answer
from mockserver.web.interceptors import Handler

THREAD = "/threads/{thread_id}"


class QueueStandsAfterDeletion(Defect):
    """Runs that wait behind a run never start if that run is deleted."""

    id = "D212"
    rule = "RUN-14"
    seen = ()
    client = "After a message was deleted, the messages behind it are never answered."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._waiting: set[str] = set()

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        run = requested_run(request) if matches(request, "DELETE", RUN) else None
        if run is not None and not run.over:
            later = [one for one in run.thread.in_flight.values() if one.task is None and one is not run]
            self._waiting |= {one.run_id for one in later}
        return await super().answer(request, handler)

    def next_to_start(self, thread: Thread) -> Run | None:
        run = super().next_to_start(thread)
        return None if run is not None and run.run_id in self._waiting and self.strikes(run) else run


class _Remembers(Defect):
    """A defect for which a deployment keeps the threads that are deleted."""

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self.deleted: dict[str, Thread] = {}

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        thread = requested_thread(request) if matches(request, "DELETE", THREAD) else None
        if thread is None:
            return await super().answer(request, handler)
        self.deleted[thread.thread_id], runs = thread, thread.runs
        response = await super().answer(request, handler)
        # The deletion empties the record.
        thread.runs = runs
        return response


class DeletedStateStays(_Remembers):
    """The state of a deleted thread can still be read."""

    id = "D213"
    rule = "THR-30"
    seen = ()
    client = "A conversation that the user deleted is still readable for everyone who knows its address."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        old = self.deleted.get(canonical(request.match_info.get("thread_id", "")) or "")
        if old is not None and matches(request, "GET", STATE) and response.status == 404 and self.strikes(old):
            return json_answer(records.newest_state(old))
        return response


class CreatedAgainRemembers(_Remembers):
    """A thread that is created under the id of a deleted thread has the state and the runs of that thread."""

    id = "D214"
    rule = "THR-31"
    seen = ()
    client = "A conversation that the user deleted comes back."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if matches(request, "POST", "/threads") and response.status == 200:
            body = await json_body(request)
            thread_id = canonical(str(body.get("thread_id"))) if isinstance(body, dict) else None
            old = self.deleted.get(thread_id or "")
            if old is not None and self.strikes(old):
                new = request.app[ENGINE].threads.by_id[old.thread_id]
                new.history, new.runs, new.settled = old.history, old.runs, old.settled
                # The moments of the old checkpoints are over, and those of the new ones must come after them.
                new.timeline.now = max(new.timeline.now, old.timeline.now)
        return response
