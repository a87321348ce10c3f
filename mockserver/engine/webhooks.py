"""Webhooks: the record of an ended run is posted to the URL that its request named.

Theory of operation. Each delivery is a task, so a run never waits for one. The first attempts of a thread's
deliveries form a chain: each waits until the first attempt of the one before is over, so a target receives the
runs of a thread in the order in which they ended. Retries are not part of the chain, so an unreachable target
delays the next delivery by at most one attempt. After `ATTEMPTS` attempts a delivery is dropped.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import msgspec
from yarl import URL

from mockserver.core.callbacks import AGENT, Callbacks
from mockserver.core.clock import Clock

# Enough to bridge a restart of the target, and few enough that a test of a dead target ends soon.
ATTEMPTS: Final = 3
ANSWER_SECONDS: Final = 5.0
"""The time in which a target must respond."""

# A target that never responds must not collect tasks and connections without limit.
MAX_WAITING: Final = 1000
"""The number of deliveries under way. More are dropped and logged."""

_log = logging.getLogger(__name__)


class Webhooks:
    """All deliveries of a server, through one HTTP client. Pauses between attempts run on `clock`."""

    def __init__(self, clock: Clock, callbacks: Callbacks) -> None:
        self._clock = clock
        self._callbacks = callbacks
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._newest: dict[str, asyncio.Event] = {}
        """The end of the first attempt of each thread's newest delivery, by thread."""

    def send(self, thread_id: str, url: str, body: dict[str, Any], failed: Callable[[], None]) -> None:
        """Start the delivery of `body`. `failed` is called after each attempt that fails."""
        if not self._callbacks.allows("webhook", url, URL(url).host, body.get("run_id")):
            failed()
            return
        if len(self._tasks) >= MAX_WAITING:
            _log.warning("webhook to %s dropped: %d deliveries are under way", json.dumps(url), len(self._tasks))
            return
        before, tried = self._newest.get(thread_id), asyncio.Event()
        self._newest[thread_id] = tried

        async def deliver() -> None:
            try:
                if before is not None:
                    await before.wait()
                await self._deliver(url, msgspec.json.encode(body), tried, failed)
            finally:
                tried.set()
                if self._newest.get(thread_id) is tried:
                    del self._newest[thread_id]

        task = asyncio.create_task(deliver())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, url: str, body: bytes, tried: asyncio.Event, failed: Callable[[], None]) -> None:
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._clock.sleep(2.0 ** (attempt - 1))
            delivered = await self._post(url, body)
            tried.set()
            if delivered:
                return
            failed()
        _log.info("webhook to %s dropped after %d attempts", json.dumps(url), ATTEMPTS)

    async def _post(self, url: str, body: bytes) -> bool:
        if self._session is None:
            # No cookies: deliveries to different targets share this session and must not depend on each other.
            timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        try:
            headers = {"Content-Type": "application/json", "User-Agent": AGENT}
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status < 400
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError):
            return False

    async def close(self) -> None:
        """Cancel the deliveries under way, and return when none is left."""
        for task in self._tasks:
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._session is not None:
            await self._session.close()
            self._session = None
