"""Crons: they create the wrong runs, or cannot be deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from msgspec import structs

from mockserver.core.ids import canonical
from mockserver.core.records import Thread
from mockserver.defects.answers import RUNS, json_body, matches, refusal, rewritten, with_body
from mockserver.defects.base import Defect
from mockserver.schemas.common import RunRequest
from mockserver.web.http import ENGINE
from mockserver.web.interceptors import Handler


class CronStrategyIgnored(Defect):
    """A cron's run waits in the queue, whatever strategy the cron has."""

    id = "D120"
    rule = "CRN-11"
    seen = ()
    client = "A report that a cron should create at noon arrives only when the conversation is over."

    def cron_order(self, thread: Thread, order: RunRequest) -> RunRequest:
        right = super().cron_order(thread, order)
        return structs.replace(right, multitask_strategy="enqueue") if self.strikes() else right


class CronStrategyLost(Defect):
    """The answer that creates a cron does not report the cron's strategy."""

    id = "D121"
    rule = "CRN-01"
    seen = ()
    client = "After a cron is created, the user interface shows another strategy than the user chose."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if matches(request, "POST", f"{RUNS}/crons") and self.strikes():
            return rewritten(response, self._without)
        return response

    def _without(self, cron: Any) -> Any:
        payload = {name: value for name, value in cron["payload"].items() if name != "multitask_strategy"}
        return {**cron, "payload": payload}


class CronStays(Defect):
    """Deleting a cron is answered with success, but the cron continues to fire."""

    id = "D122"
    rule = "CRN-04"
    seen = ()
    client = "A deleted cron continues to create runs, which cost money."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "DELETE", "/runs/crons/{cron_id}"):
            # An unknown cron is still refused with 404.
            known = canonical(request.match_info["cron_id"]) in request.app[ENGINE].crons.by_id
            if known and self.strikes():
                return web.Response(status=204)
        return await super().answer(request, handler)


class CronNextRunShifted(Defect):
    """The `next_run_date` of a cron is an hour after the moment of its schedule."""

    id = "D221"
    rule = "CRN-10"
    seen = ()
    client = "A calendar shows the wrong time for the next report."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if matches(request, "POST", f"{RUNS}/crons") and response.status == 200 and self.strikes():
            return rewritten(response, self._shifted)
        return response

    def _shifted(self, cron: Any) -> Any:
        later = datetime.fromisoformat(cron["next_run_date"]) + timedelta(hours=1)
        return {**cron, "next_run_date": later.isoformat()}


class CronMetadataLost(Defect):
    """The runs of a cron do not have the metadata of the cron."""

    id = "D222"
    rule = "CRN-11"
    seen = ()
    client = "A search for the runs of the cron by their metadata finds nothing."

    def cron_order(self, thread: Thread, order: RunRequest) -> RunRequest:
        right = super().cron_order(thread, order)
        return structs.replace(right, metadata={}) if self.strikes() else right


class CronAssistantUnknown(Defect):
    """A cron is shown with the id of no assistant."""

    id = "D243"
    rule = "ECH-04"
    seen = ()
    client = "A list of crons by assistant shows this one under none."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if matches(request, "POST", f"{RUNS}/crons") and response.status == 200 and self.strikes():
            return rewritten(response, lambda cron: {**cron, "assistant_id": "00000000-0000-4000-8000-000000000000"})
        return response


class NextRunUnknown(Defect):
    """The `next_run_date` of a cron is always null."""

    id = "D285"
    rule = "CRN-15"
    seen = ()
    client = "A page of planned reports shows no times."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if matches(request, "POST", "/runs/crons/search") and self.strikes():
            return rewritten(response, lambda crons: [{**cron, "next_run_date": None} for cron in crons])
        return response


class CronEndLost(Defect):
    """The `end_time` of a cron is lost, so that it never ends."""

    id = "D295"
    rule = "ECH-04"
    seen = ()
    client = "A report that was planned for a month is made for ever, and paid for."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        creates = any(matches(request, "POST", path) for path in ("/runs/crons", "/threads/{thread_id}/runs/crons"))
        body = await json_body(request) if creates else None
        if isinstance(body, dict) and body.get("end_time") and self.strikes():
            request = with_body(request, {name: value for name, value in body.items() if name != "end_time"})
        return await super().answer(request, handler)


class CronNeedsThread(Defect):
    """There is no endpoint for a cron without a thread."""

    id = "D280"
    rule = "CRN-14"
    seen = ("https://github.com/langchain-ai/langgraphjs/issues/1484",)
    client = "A report that should be made every morning can be scheduled in no new conversation."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if matches(request, "POST", "/runs/crons") and self.strikes():
            return refusal(404, "Not Found")
        return await super().answer(request, handler)


class CronNeedsInput(Defect):
    """A cron without input is refused."""

    id = "D281"
    rule = "CRN-14"
    seen = ("https://github.com/aegra/aegra/issues/516",)
    client = "A graph that needs no input cannot be scheduled."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body = await json_body(request) if matches(request, "POST", f"{RUNS}/crons") else None
        if isinstance(body, dict) and "schedule" in body and "input" not in body and self.strikes():
            return refusal(422, "The field input is required.")
        return await super().answer(request, handler)
