"""Lists: a filter, a page or an order in a request is ignored."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from mockserver.defects.answers import RUNS, json_body, matches, refusal, rewritten, with_body
from mockserver.defects.base import Defect
from mockserver.defects.states import HISTORIES, HISTORY, requested_thread
from mockserver.views import records
from mockserver.web.interceptors import Handler


async def _options(request: web.Request) -> dict[str, Any]:
    """Return the options of a list, from the query or from the body."""
    body = await json_body(request) if request.method == "POST" else None
    return body if isinstance(body, dict) else dict(request.query)


class _Dropped(Defect):
    """A request that is answered as if some of its options had not been sent."""

    method = "POST"
    path: str
    options: tuple[str, ...]

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, self.method, self.path):
            body = await json_body(request)
            # Not where the option is the default, which changes nothing.
            if isinstance(body, dict) and any(body.get(name) for name in self.options) and self.strikes():
                request = with_body(request, {name: given for name, given in body.items() if name not in self.options})
        return await super().answer(request, handler)


class HistoryLimitIgnored(Defect):
    """A history that is read with a limit has all entries."""

    id = "D189"
    rule = "CHK-20"
    seen = ()
    client = "The first page of a long history has megabytes."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        thread = requested_thread(request) if any(matches(request, *endpoint) for endpoint in HISTORIES) else None
        if thread is None or {"limit"} != (await _options(request)).keys():
            return response
        whole = [records.state(thread, one) for one in thread.history.newest_first()]
        return rewritten(response, lambda body: whole if len(whole) > len(body) and self.strikes() else body)


class HistoryBeforeInclusive(Defect):
    """A page of the history begins with the checkpoint before which it should end."""

    id = "D190"
    rule = "CHK-21"
    seen = ()
    client = "Where two pages of a history meet, one entry is shown twice."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        thread = requested_thread(request) if any(matches(request, *endpoint) for endpoint in HISTORIES) else None
        before = (await _options(request)).get("before") if thread is not None else None
        named = before.get("checkpoint_id") if isinstance(before, dict) else before
        found = None if thread is None or not isinstance(named, str) else thread.history.get(named)
        if thread is None or found is None or not self.strikes():
            return response
        repeated = records.state(thread, found)
        return rewritten(response, lambda body: [repeated, *body])


class BeforeCheckpointFails(Defect):
    """A history with a checkpoint as `before` fails with a 500.

    Seen in `langgraph dev`, which expects the checkpoint under `configurable`.
    """

    id = "D191"
    rule = "CHK-22"
    seen = ("https://pypi.org/project/langgraph-api/0.16.7/",)
    client = "The second page of a history is an internal server error."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", HISTORY):
            before = (await _options(request)).get("before")
            if isinstance(before, dict) and "configurable" not in before and self.strikes():
                return refusal(500, "Internal Server Error")
        return await super().answer(request, handler)


class HistoryMetadataIgnored(_Dropped):
    """A history that is filtered by metadata has all entries."""

    id = "D192"
    rule = "CHK-23"
    seen = ()
    client = "The checkpoints of one run cannot be found."
    path = HISTORY
    options = ("metadata",)


class StateAtIsNewest(Defect):
    """The state at an old checkpoint is the newest state, under the id in the request."""

    id = "D193"
    rule = "CHK-24"
    seen = ()
    client = "Time travel shows the present."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        one, two = "/threads/{thread_id}/state/{checkpoint_id}", "/threads/{thread_id}/state/checkpoint"
        thread = requested_thread(request) if matches(request, "GET", one) or matches(request, "POST", two) else None
        head = None if thread is None else thread.history.head
        if thread is None or head is None:
            return response
        newest = records.state(thread, head)
        return rewritten(response, lambda body: self._shown(body, newest))

    def _shown(self, body: dict[str, Any], newest: dict[str, Any]) -> dict[str, Any]:
        old = body["checkpoint_id"] != newest["checkpoint_id"]
        return {**body, "values": newest["values"], "next": newest["next"]} if old and self.strikes() else body


class SearchIgnoresMetadata(_Dropped):
    """A search for threads by metadata finds all threads."""

    id = "D194"
    rule = "THR-20"
    seen = ()
    client = "A list of the threads of one user shows those of all users."
    path = "/threads/search"
    options = ("metadata",)


class SearchIgnoresOffset(_Dropped):
    """A search for threads begins with the first thread, whatever its offset."""

    id = "D195"
    rule = "THR-21"
    seen = ()
    client = "Every page of a list of threads is the first one."
    path = "/threads/search"
    options = ("offset",)


class SearchIgnoresOrder(_Dropped):
    """A search for threads is sorted newest first, whatever its order."""

    id = "D196"
    rule = "THR-22"
    seen = ()
    client = "A list of threads cannot be sorted."
    path = "/threads/search"
    options = ("sort_by", "sort_order")


class CountIgnoresFilters(_Dropped):
    """A count of threads counts all threads."""

    id = "D197"
    rule = "THR-23"
    seen = ()
    client = "The number of a user's failed threads is that of all threads."
    path = "/threads/count"
    options = ("status", "metadata")


class CronSortIgnored(_Dropped):
    """A search for crons is sorted by their creation, whatever order was requested."""

    id = "D239"
    rule = "CRN-05"
    seen = ()
    client = "A list of crons cannot be sorted by the time at which they expire."
    path = "/runs/crons/search"
    options = ("sort_by",)


class CronOffsetIgnored(_Dropped):
    """A search for crons begins with the first cron, whatever its offset."""

    id = "D198"
    rule = "CRN-05"
    seen = ()
    client = "Every page of a list of crons is the first one."
    path = "/runs/crons/search"
    options = ("offset",)


class CronCountIgnoresFilters(_Dropped):
    """A count of crons ignores its metadata."""

    id = "D199"
    rule = "CRN-06"
    seen = ()
    client = "The number of one user's crons is that of all crons of the thread."
    path = "/runs/crons/count"
    options = ("metadata",)


class SearchByTextsOnly(Defect):
    """A search for threads by a value of their metadata that is no text finds none."""

    id = "D269"
    rule = "THR-20"
    seen = ("https://github.com/aegra/aegra/issues/302",)
    client = "A list of the pinned conversations is empty."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await json_body(request) if matches(request, "POST", "/threads/search") else None
        wanted = body.get("metadata") if isinstance(body, dict) else None
        typed = isinstance(wanted, dict) and any(not isinstance(value, str) for value in wanted.values())
        response = await super().answer(request, handler)
        return rewritten(response, lambda found: [] if found and self.strikes() else found) if typed else response


class HistoryWithoutDefaultLimit(Defect):
    """A history that is read without a limit has all entries."""

    id = "D293"
    rule = "CHK-33"
    seen = ()
    client = "A page of earlier versions loads a whole conversation of thousands."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        thread = requested_thread(request) if matches(request, "GET", HISTORY) else None
        if thread is None or "limit" in request.query:
            return response
        whole = [records.state(thread, one) for one in thread.history.newest_first()]
        return rewritten(response, lambda body: whole if len(whole) > len(body) and self.strikes() else body)


class FailedRunsNotListed(Defect):
    """The list of a thread's runs lacks those that failed."""

    id = "D294"
    rule = "RUN-37"
    seen = ()
    client = "A user sees no trace of a message that was never answered."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if not matches(request, "GET", RUNS):
            return response

        def cut(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
            kept = [run for run in runs if run.get("status") != "error"]
            return kept if kept != runs and self.strikes() else runs

        return rewritten(response, cut)


class HistoryOfOneEntry(Defect):
    """A history that is read without a limit has the newest entry alone."""

    id = "D274"
    rule = "CHK-33"
    seen = ("langgraph-api 0.16.7",)
    client = "A page of earlier versions shows one version."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if matches(request, "GET", HISTORY) and "limit" not in request.query:
            return rewritten(response, lambda body: body[:1] if len(body) > 1 and self.strikes() else body)
        return response
