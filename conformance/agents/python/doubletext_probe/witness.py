"""Reports to the witness: one HTTP client per process, usable from any event loop.

A server may execute runs in several event loops and threads, but an asyncio HTTP client belongs to the loop in which
it opened its connections. So the client has a loop of its own, in a daemon thread, and the runs pass their reports to
that loop.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx

# From the contract. Only the connection has a limit: a witness that is not there must not delay the run for long.
CONNECT_SECONDS = 2.0


class _Messenger:
    """The HTTP client of the process, and its event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._client = httpx.AsyncClient(
            # No read timeout: the witness holds the agent by not answering.
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            # A connection for each report. The witness may close a kept connection at the very moment at which a
            # report is written to it, and that report would be lost.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            # No proxy from the environment: it could not reach a witness on this machine.
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


async def send_report(url: str, report: dict[str, Any]) -> bool:
    """Send a report and wait without a limit until the witness answers.

    Returns True for a 2xx answer. Returns False for any other answer, a broken connection, and a witness that cannot be
    reached within 2 s. A cancellation abandons the request.
    """
    # In a thread, because creating an HTTP client reads certificates from disk, which would block the server's loop.
    # `langgraph dev` detects blocking calls and fails the run.
    messenger = _messenger if _messenger is not None else await asyncio.to_thread(_start)
    posting = asyncio.run_coroutine_threadsafe(messenger.post(url, report), messenger.loop)
    return await asyncio.wrap_future(posting)


def _start() -> _Messenger:
    global _messenger
    # Locked: the first reports of a process may come from several threads, and a second client would never be closed.
    with _starting:
        if _messenger is None:
            _messenger = _Messenger()
        return _messenger
