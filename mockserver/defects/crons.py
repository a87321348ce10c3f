"""Crons ask for other runs than they were to, or cannot be got rid of."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from msgspec import structs

from mockserver.core.ids import canonical
from mockserver.core.records import Thread
from mockserver.defects.answers import RUNS, asks, rewritten
from mockserver.defects.base import Defect
from mockserver.schemas.common import RunRequest
from mockserver.web.http import ENGINE
from mockserver.web.interceptors import Handler


class CronStrategyIgnored(Defect):
    """A cron's run waits in the queue, whatever strategy the cron has."""

    id = "D120"
    seen = ()
    client = "The report that a cron makes at noon comes when the conversation is over."

    def cron_order(self, thread: Thread, order: RunRequest) -> RunRequest:
        right = super().cron_order(thread, order)
        return structs.replace(right, multitask_strategy="enqueue") if self.strikes() else right


class CronStrategyLost(Defect):
    """A cron does not tell the strategy that it was made with."""

    id = "D121"
    seen = ()
    client = "The page that lists crons shows another strategy than was chosen."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await super().answer(request, handler)
        if asks(request, "POST", f"{RUNS}/crons") and self.strikes():
            return rewritten(response, self._without)
        return response

    def _without(self, cron: Any) -> Any:
        payload = {name: value for name, value in cron["payload"].items() if name != "multitask_strategy"}
        return {**cron, "payload": payload}


class CronStays(Defect):
    """The deletion of a cron is answered with success, and the cron goes on."""

    id = "D122"
    seen = ()
    client = "A cron that was deleted goes on, and costs money."

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if asks(request, "DELETE", "/runs/crons/{cron_id}"):
            known = canonical(request.match_info["cron_id"]) in request.app[ENGINE].crons.by_id
            if known and self.strikes():
                return web.Response(status=204)
        return await super().answer(request, handler)
