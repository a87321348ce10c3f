"""What is stored is right, and what is shown of it is not."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from mockserver.core.ids import canonical
from mockserver.core.records import Thread
from mockserver.defects.answers import RUNS, asks, rewritten, sent, with_body
from mockserver.defects.base import Defect
from mockserver.views import records
from mockserver.web.http import ENGINE
from mockserver.web.interceptors import Handler

STATE: Final = "/threads/{thread_id}/state"
_HISTORY: Final = (("GET", "/threads/{thread_id}/history"), ("POST", "/threads/{thread_id}/history"))


def thread_asked_for(request: web.Request) -> Thread | None:
    """The thread that the path names."""
    return request.app[ENGINE].threads.by_id.get(canonical(request.match_info.get("thread_id", "")) or "")


class _Shown(Defect):
    """Something about how the state of a thread, or its history, is shown."""

    asked: tuple[tuple[str, str], ...] = (("GET", STATE),)

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        thread = thread_asked_for(request)
        if thread is None or not any(asks(request, method, path) for method, path in self.asked):
            return response
        return rewritten(response, lambda body: self.shown(thread, body))

    def shown(self, thread: Thread, body: Any) -> Any:
        """What is shown instead of `body`."""
        raise NotImplementedError


class CheckpointsLag(_Shown):
    """While a run executes the newest checkpoint is not in the history yet."""

    id = "D128"
    seen = ()
    client = "The history of a run under way is always one step behind."
    asked = _HISTORY

    def shown(self, thread: Thread, body: Any) -> Any:
        return body[1:] if thread.in_flight and len(body) > 1 and self.strikes(thread) else body


class HistoryShrinks(_Shown):
    """The oldest checkpoint is not shown any more once a thread has had two runs."""

    id = "D129"
    seen = ()
    client = "A checkpoint that was bookmarked is not found any more."
    asked = _HISTORY

    def shown(self, thread: Thread, body: Any) -> Any:
        return body[:-1] if len(thread.runs) > 1 and len(body) > 1 and self.strikes(thread) else body


class StateLags(_Shown):
    """The state of a thread is that of the checkpoint before the newest one."""

    id = "D130"
    seen = ()
    client = "The newest message is missing from the state."

    def shown(self, thread: Thread, body: Any) -> Any:
        chain = list(thread.history.newest_first())
        return records.state(thread, chain[1]) if len(chain) > 1 and self.strikes(thread) else body


class MessageIdsReused(_Shown):
    """The newest human message has the id of the oldest one."""

    id = "D131"
    seen = ()
    client = "A list that is keyed by message ids shows one message in place of the other."

    def shown(self, thread: Thread, body: Any) -> Any:
        found = [one for one in (body["values"] or {}).get("messages", ()) if one["type"] == "human"]
        if len(found) > 1 and self.strikes(thread):
            found[-1]["id"] = found[0]["id"]
        return body


class NextCleared(_Shown):
    """After a run was stopped in a step, the state does not name that step as the next one."""

    id = "D132"
    seen = ()
    client = "An application cannot tell that the conversation was stopped in the middle of a step."

    def shown(self, thread: Thread, body: Any) -> Any:
        stopped = any(run.fate == "stop" for run in thread.runs.values())
        return {**body, "next": [], "tasks": []} if stopped and body["next"] and self.strikes(thread) else body


class TaskResultsMissing(_Shown):
    """What a finished step of an unfinished superstep wrote is not told with its task."""

    id = "D133"
    seen = ()
    client = "What a finished branch had found is not shown after a stop."

    def shown(self, thread: Thread, body: Any) -> Any:
        told = any(task["result"] is not None for task in body["tasks"])
        if told and self.strikes(thread):
            body["tasks"] = [{**task, "result": None} for task in body["tasks"]]
        return body


class ListOldestFirst(Defect):
    """The runs of a thread are listed oldest first."""

    id = "D134"
    seen = ()
    client = "The newest run is at the end of the list, or on a page that nobody fetches."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if asks(request, "GET", RUNS):
            return rewritten(response, lambda found: found[::-1] if len(found) > 1 and self.strikes() else found)
        return response


class SearchIgnoresStatus(Defect):
    """A search for threads by status finds all of them."""

    id = "D135"
    seen = ()
    client = "A list of busy threads shows all threads."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if asks(request, "POST", "/threads/search"):
            body = await sent(request)
            if isinstance(body, dict) and "status" in body and self.strikes():
                request = with_body(request, {name: value for name, value in body.items() if name != "status"})
        return await super().answer(request, handler)
