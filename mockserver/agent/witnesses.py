"""Reports to witnesses: the scripted agent posts the events of its steps to a listener in the tester's process.

A witness holds the agent by delaying its response, so a report has no read timeout.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from typing import Any, Final

import aiohttp
import msgspec
from yarl import URL

from doubletext.probe import StepReport
from mockserver.core.callbacks import AGENT, Callbacks
from mockserver.core.clock import Clock

CONNECT_SECONDS: Final = 2.0
"""The time in which a witness must accept a connection, as the probe contract defines."""


class Witnesses:
    """All reports of a server, through one HTTP client. `close` releases every held step."""

    def __init__(self, clock: Clock, callbacks: Callbacks) -> None:
        self._clock = clock
        self._callbacks = callbacks
        self._session: aiohttp.ClientSession | None = None
        self._tls: ssl.SSLContext | None = None
        self._waits: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def report(self, url: str, report: StepReport) -> bool:
        """Send a report. Return True after the response, False if the witness is unreachable or refuses."""
        if self._closed or not self._may_call(url, report):
            return False
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
            # No limit: a held run occupies its connection, and aiohttp's default of 100 would stop the 101st run.
            self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        # Created on first use: loading the system's certificates takes tens
        # of milliseconds, and most witnesses use plain HTTP.
        if self._tls is None and url.startswith("https:"):
            self._tls = ssl.create_default_context()
        try:
            headers = {"Content-Type": "application/json", "User-Agent": AGENT}
            body = msgspec.json.encode(report)
            tls = self._tls or True
            # A redirect would lead to a host that `callbacks` was not asked about.
            async with self._session.post(url, data=body, headers=headers, ssl=tls, allow_redirects=False) as answer:
                return answer.status < 300
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError):
            return False

    def _may_call(self, url: str, report: StepReport) -> bool:
        try:
            host = URL(url).host
        except ValueError:
            return False
        return self._callbacks.allows("witness", url, host, report.run_id)

    async def hold(self, seconds: float) -> None:
        """Wait for `seconds`, in place of a witness."""
        if not self._closed:
            await self._clock.sleep(seconds)

    def spawn(self, wait: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a wait that `close` can end, even if its owner ignores cancellation."""
        task = asyncio.create_task(wait)
        self._waits.add(task)
        task.add_done_callback(self._waits.discard)
        return task

    async def close(self) -> None:
        """Release every held step. Later reports return at once."""
        # Set before the cancellations: a step that swallows one continues
        # to its next report, which must not hold it again.
        self._closed = True
        for task in self._waits:
            task.cancel()
        if self._session is not None:
            await self._session.close()
