"""Views: the stored data is right, but it is shown wrongly."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from mockserver.core.records import Thread
from mockserver.defects.answers import RUNS, json_body, matches, rewritten, with_body
from mockserver.defects.base import Defect
from mockserver.defects.states import HISTORIES, View
from mockserver.views import records
from mockserver.web.interceptors import Handler


class CheckpointsLag(View):
    """While a run executes, the newest checkpoint is missing from the history."""

    id = "D128"
    rule = "PST-06"
    seen = ()
    client = "The history of an executing run is always one step behind."
    endpoints = HISTORIES

    def shown(self, thread: Thread, body: Any) -> Any:
        # The newest checkpoint comes first.
        return body[1:] if thread.in_flight and len(body) > 1 and self.strikes(thread) else body


class HistoryShrinks(View):
    """The oldest checkpoint is no longer shown once a thread has had two runs."""

    id = "D129"
    rule = "CHK-01"
    seen = ()
    client = "A bookmarked checkpoint is no longer found."
    endpoints = HISTORIES

    def shown(self, thread: Thread, body: Any) -> Any:
        # Not during the first run, so that a client has seen the checkpoint that disappears.
        return body[:-1] if len(thread.runs) > 1 and len(body) > 1 and self.strikes(thread) else body


class StateLags(View):
    """The state of a thread is that of the checkpoint before the newest one."""

    id = "D130"
    rule = "CHK-05"
    seen = ()
    client = "The newest message is missing from the state."

    def shown(self, thread: Thread, body: Any) -> Any:
        chain = list(thread.history.newest_first())
        return records.state(thread, chain[1]) if len(chain) > 1 and self.strikes(thread) else body


class MessageIdsReused(View):
    """The newest human message has the id of the oldest one."""

    id = "D131"
    rule = "PST-09"
    seen = ()
    client = "A list that is keyed by message ids shows one message in place of the other."

    def shown(self, thread: Thread, body: Any) -> Any:
        found = [one for one in (body["values"] or {}).get("messages", ()) if one["type"] == "human"]
        if len(found) > 1 and self.strikes(thread):
            found[-1]["id"] = found[0]["id"]
        return body


class NextCleared(View):
    """After a run was stopped in a step, the state's `next` does not name that step."""

    id = "D132"
    rule = "PST-11"
    seen = ()
    client = "An application cannot detect that the conversation was stopped in the middle of a step."

    def shown(self, thread: Thread, body: Any) -> Any:
        stopped = any(run.fate == "stop" for run in thread.runs.values())
        # `tasks` names the same step, so both have to go.
        return {**body, "next": [], "tasks": []} if stopped and body["next"] and self.strikes(thread) else body


class TaskResultsMissing(View):
    """The task of a finished step in an unfinished superstep does not show the step's result."""

    id = "D133"
    rule = "PST-07"
    seen = ()
    client = "After a stop, the results of a finished branch are not shown."

    def shown(self, thread: Thread, body: Any) -> Any:
        has_results = any(task["result"] is not None for task in body["tasks"])
        if has_results and self.strikes(thread):
            body["tasks"] = [{**task, "result": None} for task in body["tasks"]]
        return body


class ListOldestFirst(Defect):
    """The runs of a thread are listed oldest first."""

    id = "D134"
    rule = "RUN-10"
    seen = ()
    client = "The newest run is at the end of the list, or on a page that the client does not fetch."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if matches(request, "GET", RUNS):
            return rewritten(response, lambda found: found[::-1] if len(found) > 1 and self.strikes() else found)
        return response


class SearchIgnoresStatus(Defect):
    """A search for threads by status finds all threads."""

    id = "D135"
    rule = "THR-09"
    seen = ()
    client = "A list of busy threads shows all threads."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", "/threads/search"):
            body = await json_body(request)
            if isinstance(body, dict) and "status" in body and self.strikes():
                request = with_body(request, {name: value for name, value in body.items() if name != "status"})
        return await super().answer(request, handler)
