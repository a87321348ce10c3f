"""The mock deployment in a process of its own, for a run of many scenarios without a URL.

Theory of operation. What plays and the mock would take turns in one process, because one thread of Python runs at a
time. What plays reaches the process as any other deployment, by its URL.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from conformance.session.processes import forward, started

MANY: Final = 50
"""The number of scenarios from which the mock has a process of its own: its start takes longer than an import."""

_START: Final = """\
import sys
from doubletext.__main__ import main
sys.exit(main())
"""
"""The program of the process."""


@asynccontextmanager
async def mock_process() -> AsyncIterator[str]:
    """Start the mock in a process and yield its URL. Raise OSError if it does not start."""
    process = started(_START, "mock", "--port=0", "--log-level=warning", "--stop-on-eof")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    forwarding = threading.Thread(target=forward, args=(process.stderr,), name="mock's log", daemon=True)
    forwarding.start()
    try:
        with process.stdout:
            line = await asyncio.to_thread(process.stdout.readline)
        if not line:
            raise OSError(f"the mock deployment ended with code {process.wait()} before it listened. Read its log")
        yield line.decode().rpartition(" ")[2].strip()
    finally:
        process.stdin.close()
        await asyncio.to_thread(process.wait)
        forwarding.join()
