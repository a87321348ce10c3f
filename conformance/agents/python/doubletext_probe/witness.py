"""Reports to the witness: one HTTP client per process, usable from any event loop.

A server may play runs in several event loops and threads, while an asyncio HTTP client belongs to the loop
in which it opened its connections. So the client lives in a loop of its own, in a daemon thread, and the
runs hand their reports over.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx

CONNECT_SECONDS = 2.0


class _Messenger:
    """The process's HTTP client and the loop that it lives in."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._client = httpx.AsyncClient(
            # No read timeout: the witness holds the agent by not answering.
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            # Every report opens a connection: one that was kept may be closed by the witness just when a
            # report is written to it, and that report would be lost.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            # The witness is reached directly or not at all.
            trust_env=False,
        )
        threading.Thread(target=self.loop.run_forever, name="doubletext-probe-reports", daemon=True).start()

    async def post(self, url: str, report: dict[str, Any]) -> bool:
        try:
            response = await self._client.post(url, json=report)
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        return response.is_success


_messenger: _Messenger | None = None
_starting = threading.Lock()


async def tell(url: str, report: dict[str, Any]) -> bool:
    """Post a report and wait, for as long as it takes, until the witness answers.

    True for a 2xx answer; False if the witness cannot be reached within 2 s, breaks the connection off or
    answers anything else. May be cancelled, and abandons the request then.
    """
    # In a thread, because making an HTTP client reads certificates, and a loop must not wait for a disk.
    messenger = _messenger if _messenger is not None else await asyncio.to_thread(_start)
    posting = asyncio.run_coroutine_threadsafe(messenger.post(url, report), messenger.loop)
    return await asyncio.wrap_future(posting)


def _start() -> _Messenger:
    global _messenger
    with _starting:
        if _messenger is None:
            _messenger = _Messenger()
        return _messenger
