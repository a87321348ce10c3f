"""Forms: a request that the API description allows is refused, redirected, put off or misread for its form.

Clients send requests in several forms. A server that was tried with one client knows only the forms of that client.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from mockserver.core.ids import canonical
from mockserver.defects.answers import CREATING, RUN, RUNS, json_body, matches, refusal, with_body
from mockserver.defects.base import Defect
from mockserver.defects.states import HISTORY
from mockserver.web.http import ENGINE
from mockserver.web.interceptors import Handler

THREAD: Final = "/threads/{thread_id}"
MOST: Final = 100
"""The greatest `limit` that a server with small pages accepts. The description allows 1000."""


class _Refusing(Defect):
    """A server that refuses requests for their form with 422."""

    reason = ""

    def refuses(self, request: web.Request, body: dict[str, Any]) -> bool:
        """Return whether a request, whose JSON object is `body`, is refused."""
        raise NotImplementedError

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await json_body(request)
        if isinstance(body, dict) and self.refuses(request, body) and self.strikes():
            return refusal(422, self.reason)
        return await super().answer(request, handler)


class ModesOnlyAsList(_Refusing):
    """A run whose stream_mode is a text and not a list is refused."""

    id = "D165"
    rule = "FRM-01"
    seen = ()
    client = "The official Python client cannot create a run, because it sends the text `values` by default."
    reason = "stream_mode: Input should be a valid list"

    def refuses(self, request: web.Request, body: dict[str, Any]) -> bool:
        return matches(request, "POST", *CREATING) and isinstance(body.get("stream_mode"), str)


class DelayInWholeSeconds(_Refusing):
    """A run whose after_seconds is a fraction is refused."""

    id = "D166"
    rule = "FRM-07"
    seen = ()
    client = "A client that delays a run by half a second gets an error."
    reason = "after_seconds: Input should be a valid integer"

    def refuses(self, request: web.Request, body: dict[str, Any]) -> bool:
        delay = body.get("after_seconds")
        return matches(request, "POST", *CREATING) and isinstance(delay, float) and not delay.is_integer()


class AssistantOnlyById(_Refusing):
    """A run that names its assistant by the graph is refused."""

    id = "D167"
    rule = "FRM-04"
    seen = ()
    client = "Every example of the guides fails, because they name the assistant `agent`."
    reason = "assistant_id: Input should be a valid UUID"

    def refuses(self, request: web.Request, body: dict[str, Any]) -> bool:
        name = body.get("assistant_id")
        return matches(request, "POST", *CREATING) and isinstance(name, str) and canonical(name) is None


class MetadataRefused(_Refusing):
    """A thread or run with metadata is refused."""

    id = "D168"
    rule = "FRM-05"
    seen = ()
    client = "A client cannot find its threads again, because it cannot mark them."
    reason = "metadata: Extra inputs are not permitted"

    def refuses(self, request: web.Request, body: dict[str, Any]) -> bool:
        return matches(request, "POST", "/threads", *CREATING) and "metadata" in body


class DefaultsRefused(_Refusing):
    """A run that sends stream_subgraphs or stream_resumable is refused."""

    id = "D169"
    rule = "FRM-06"
    seen = ()
    client = "The official Python client cannot create a run, because it sends both fields with their default."
    reason = "stream_resumable: Extra inputs are not permitted"

    def refuses(self, request: web.Request, body: dict[str, Any]) -> bool:
        return matches(request, "POST", *CREATING) and not body.keys().isdisjoint(
            ("stream_subgraphs", "stream_resumable")
        )


class SmallLimits(_Refusing):
    """A history with a limit above 100 is refused."""

    id = "D170"
    rule = "FRM-02"
    seen = ()
    client = "A client that shows a whole conversation, or searches it for a checkpoint, gets an error."
    reason = "limit: Input should be less than or equal to 100"

    def refuses(self, request: web.Request, body: dict[str, Any]) -> bool:
        limit = body.get("limit")
        return matches(request, "POST", HISTORY) and isinstance(limit, int) and limit > MOST


class CreationRedirected(Defect):
    """A POST to create a run is redirected to the same path, where it is answered the second time."""

    id = "D171"
    rule = "FRM-03"
    seen = ()
    client = "The official Python client raises an exception, because it does not follow redirects."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._redirected: set[tuple[str, bytes]] = set()

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", *CREATING):
            # By its body: several runs may be created on one path at once.
            key = (request.path, await request.read())
            if key not in self._redirected and self.strikes():
                self._redirected.add(key)
                return web.Response(status=307, headers={"location": request.path})
            self._redirected.discard(key)
        return await super().answer(request, handler)


class BusyDeletionRefused(Defect):
    """A run that executes, or its thread, cannot be deleted. The answer is 409."""

    id = "D172"
    rule = "FRM-08"
    seen = ()
    client = "A user cannot delete a conversation while it is being answered."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "DELETE", RUN, THREAD):
            thread = request.app[ENGINE].threads.by_id.get(request.match_info["thread_id"])
            run_id = request.match_info.get("run_id")
            in_flight = {} if thread is None else thread.in_flight
            if (run_id in in_flight if run_id else in_flight) and self.strikes():
                return refusal(409, "A run is in flight")
        return await super().answer(request, handler)


class PutOff(Defect):
    """The first request for a run on each thread is put off with 503 and Retry-After."""

    id = "D173"
    rule = "ERR-06"
    seen = ()
    client = "A user of the official Python client sees an error, because the client does not try again."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", RUNS):
            thread = request.match_info["thread_id"]
            if not self.struck(thread) and self.strikes(thread):
                response = refusal(503, "The server is busy")
                response.headers["retry-after"] = "1"
                return response
        return await super().answer(request, handler)


class AllNodesUnknown(Defect):
    """`interrupt_before: "*"` is taken for the name of a node, so that the run stops at none."""

    id = "D270"
    rule = "RUN-21"
    seen = ("https://github.com/aegra/aegra/pull/448",)
    client = "A debugger that executes one step at a time executes the whole run."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await json_body(request) if matches(request, "POST", RUNS, f"{RUNS}/stream", f"{RUNS}/wait") else None
        if isinstance(body, dict) and body.get("interrupt_before") == "*" and self.strikes():
            request = with_body(request, {**body, "interrupt_before": ["*"]})
        return await super().answer(request, handler)
