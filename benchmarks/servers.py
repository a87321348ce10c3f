"""The servers that are measured, each in a process of its own, and what the system says of those processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.reference.langgraph_dev import langgraph_dev

OFFICIAL_WORKERS: Final = 10
"""Runs that `langgraph dev` plays at once, which is its default."""
MOCK: Final = ("--port", "0", "--log-level", "warning")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    name: str
    url: str
    pid: int

    def resident(self) -> float:
        """Megabytes that its processes keep in memory."""
        return sum(kilobytes for *_, session, kilobytes in _sessions() if session == self.pid) / 1024

    def cpu(self) -> float:
        """Seconds of CPU time that it has used, to the system's tick of some ten milliseconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def mock(*options: str) -> Iterator[Server]:
    """Start the mock as a user does, except that it logs no requests."""
    with _printing_its_url("mockserver", *MOCK, *options) as (process, url):
        yield Server("mock", url, process.pid)


@dataclass(frozen=True, slots=True)
class Held:
    """The content of a server at one moment."""

    blocks: int
    """Blocks of memory that are in use, as Python counts them: whatever is kept has some."""
    tasks: int


@contextlib.contextmanager
def counted(*options: str) -> Iterator[tuple[Server, Callable[[], Held]]]:
    """Start the mock, and yield it with a function that returns what it holds."""
    with _printing_its_url("benchmarks.counted", *MOCK, *options) as (process, url):

        def held() -> Held:
            process.send_signal(signal.SIGUSR1)
            assert process.stdout is not None
            return Held(**json.loads(process.stdout.readline()))

        yield Server("mock", url, process.pid), held


@contextlib.contextmanager
def bare() -> Iterator[Server]:
    """Start the plainest server."""
    with _printing_its_url("benchmarks.bare") as (process, url):
        yield Server("bare aiohttp", url, process.pid)


@contextlib.contextmanager
def official(workers: int = OFFICIAL_WORKERS) -> Iterator[Server]:
    """`langgraph dev` with the probe agent. Raises `ServerError` when it cannot be started."""
    with tempfile.TemporaryDirectory() as folder:
        before = _leaders()
        with langgraph_dev(workers=workers, log=Path(folder) / "log") as url:
            (pid,) = _leaders() - before
            yield Server("langgraph dev", url, pid)


@contextlib.contextmanager
def _printing_its_url(module: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        start_new_session=True,
        # Its modules are compiled once, as they are where it was installed.
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().rpartition(" ")[2].strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def _sessions() -> list[tuple[int, int, int, int]]:
    """Return the id, parent, session and resident kilobytes of every process."""
    lines = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid=,sid=,rss="], encoding="utf-8").splitlines()
    return [tuple(map(int, line.split())) for line in lines]  # type: ignore[misc]


def _leaders() -> set[int]:
    """Return the servers that this process has started. Each has a session of its own."""
    return {pid for pid, parent, session, _ in _sessions() if parent == os.getpid() and session == pid}
