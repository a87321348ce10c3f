"""The two servers for the guides, each started when it is first needed."""

from __future__ import annotations

import contextlib
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.reference.langgraph_dev import langgraph_dev
from tests.reference.process import ServerError

READY_SECONDS = 30.0

# The guides are played at the same time, so a server that plays one run at a time would hold them up.
WORKERS = 10


class Servers:
    """The URLs of the running servers. Their logs are in `folder`."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._urls: dict[str, str] = {}

    def url(self, name: str) -> str:
        """Return the URL of `mock` or `langgraph-dev`. Raise `ServerError` when it does not start."""
        if name not in self._urls:
            log = self._folder / f"{name}.log"
            server = mock(log) if name == "mock" else langgraph_dev(workers=WORKERS, log=log)
            self._urls[name] = self._stack.enter_context(server)
        return self._urls[name]


@contextlib.contextmanager
def mock(log: Path) -> Iterator[str]:
    """Start the mock deployment as a user does, and yield its URL.

    Raise `ServerError` if it does not print its address in time.
    """
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "mockserver", "--port", "0"],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
        )
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], READY_SECONDS)
            line = process.stdout.readline() if ready else ""
            announcement, _, url = line.rstrip("\n").rpartition(" ")
            if announcement != "mockserver listening on":
                raise ServerError(f"the mock printed {line!r}; its log:\n{log.read_text('utf-8')}")
            yield url
        finally:
            process.terminate()
            process.communicate()
