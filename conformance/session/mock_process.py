"""The mock deployment in a process of its own, for a run of many scenarios without a URL.

Theory of operation. What plays and the mock would take turns in one process, because one thread of Python runs at a
time. The suite reaches the process as any other deployment, by its URL.

The process never outlives the suite. Its standard input is a pipe that only the suite holds, and the mock ends when the
pipe is closed (`--stop-on-eof`). The system closes it whatever ends the suite, SIGKILL included. The process has a
session of its own, so that Ctrl+C reaches the suite alone, which then ends its plays first.

What the mock logs, such as the traceback of an internal error, becomes a record of the logger `mockserver` here. pytest
shows it where it shows that of a mock in its own process.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Final

MANY: Final = 50
"""The number of scenarios from which a process of its own pays: its start takes longer than an import."""

_START: Final = """\
import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
from doubletext.__main__ import main
sys.exit(main())
"""
"""The program of the process. It gets the path of this one, which pytest may have changed."""

_log: Final = logging.getLogger("mockserver")


def pays(scenarios: int) -> bool:
    """Return whether the mock, and what plays on it, are faster for so many scenarios in processes of their own."""
    # The workers of xdist keep the other cores busy. On Windows asyncio cannot wait for a pipe beside its sockets.
    if scenarios < MANY or "PYTEST_XDIST_WORKER" in os.environ or os.name != "posix":
        return False
    # A container may have fewer cores than the machine. macOS does not say how many a process may use.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores > 1


@asynccontextmanager
async def mock_process() -> AsyncIterator[str]:
    """Start the mock in a process and yield its URL. Raise OSError if it does not start."""
    process = started(_START, json.dumps(sys.path), "mock", "--port=0", "--log-level=warning", "--stop-on-eof")
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


def started(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a Python program with pipes for its input, its output and its log. Raise OSError if it does not start."""
    return subprocess.Popen(
        [sys.executable, *(f"-W{one}" for one in sys.warnoptions), "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def forward(lines: IO[bytes]) -> None:
    """Log what a process logs, line by line. All of it is at least a warning."""
    with lines:
        for line in lines:
            _log.warning("%s", line.decode("utf-8", "replace").rstrip("\r\n"))
