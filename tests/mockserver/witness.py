"""A small witness for the mock's own tests: it sees every report, holds on request, and can be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web

from doubletext.probe import StepReport

DEADLINE = 60.0
"""Seconds after which something that was waited for will not come."""


class FakeWitness:
    """Records reports in the order in which they came."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[str] = []
        """Every report as `LABEL/STEP/EVENT`, with `=OUTCOME` behind an exit."""
        self.status = 200
        self._held: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Condition()

    def hold(self, *points: str) -> None:
        """Do not answer reports of these points (`A/tools:1/enter`) until they are released."""
        for point in points:
            self._held[point] = asyncio.Event()

    def release(self, *points: str) -> None:
        """Answer what is held: these points, or all."""
        for point in points or list(self._held):
            self._held[point].set()

    async def reached(self, point: str) -> None:
        """Return once a report of this point has come."""
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(lambda: any(seen.split("=")[0] == point for seen in self.seen))

    def of(self, label: str) -> list[str]:
        """Return the reports of one run, without its label."""
        return [seen.removeprefix(f"{label}/") for seen in self.seen if seen.startswith(f"{label}/")]

    async def _take(self, request: web.Request) -> web.Response:
        report = msgspec.json.decode(await request.read(), type=StepReport)
        point = f"{report.label}/{report.step}/{report.event}"
        async with self._changed:
            self.seen.append(point if report.outcome is None else f"{point}={report.outcome}")
            self._changed.notify_all()
        if point in self._held:
            await self._held[point].wait()
        return web.Response(status=self.status)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[FakeWitness]:
        """Listen on a free port of the loopback."""
        app = web.Application()
        app.router.add_post("/", self._take)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
            yield self
        finally:
            await runner.cleanup()
