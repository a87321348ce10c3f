"""The processes of a run beside pytest's: where they pay, how they start, and what becomes of their logs.

A process never outlives the suite. Its standard input is a pipe that only the suite holds, and it ends when the pipe is
closed. The system closes it whatever ends the suite, SIGKILL included. It has a session of its own, so that Ctrl+C
reaches the suite alone, which then ends its plays first.

What a process logs, such as the traceback of an internal error of the mock, becomes a record of the logger `mockserver`
here. pytest shows it where it shows that of a mock in its own process.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from conformance.session.options import Options

PLAYS: Final = """\
from conformance.session.play_process import serve
serve()
"""
"""The program of the process that plays, see `play_process.py`."""

_PATH: Final = """\
import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
"""
"""The begin of every program. It gets the path of this process, which pytest may have changed."""

_log: Final = logging.getLogger("mockserver")


def pays() -> bool:
    """Return whether what plays on the embedded mock is faster in a process of its own."""
    # The workers of xdist keep the other cores busy. On Windows asyncio cannot wait for a pipe beside its sockets.
    return "PYTEST_XDIST_WORKER" not in os.environ and os.name == "posix" and cores() > 1


def cores() -> int:
    """Return the number of cores that this process may use."""
    # A container may have fewer than the machine. macOS does not say how many a process may use.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def apart(options: Options) -> bool:
    """Return whether what plays has a process of its own in a run with these options."""
    # An exploration uses the players of pytest's process. A proxy is for deployments.
    return not options.urls and options.explore is None and options.connection.proxy is None and pays()


def started(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a Python program with pipes for its input, its output and its log. Raise OSError if it does not start."""
    return subprocess.Popen(
        [
            *(sys.executable, *(f"-W{one}" for one in sys.warnoptions)),
            *("-c", _PATH + program, json.dumps(sys.path), *arguments),
        ],
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


def abandon(process: subprocess.Popen[bytes]) -> None:
    """Kill a process to which nothing was sent. It may still import."""
    process.kill()
    process.communicate()
