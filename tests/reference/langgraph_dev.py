"""Starts `langgraph dev` with the Python probe agent."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conformance import AGENTS
from tests.reference.process import QUIET, READY_SECONDS, ServerError, free_port, serving

PROBE_AGENT = AGENTS / "python"
INSTALL = 'pip install "langgraph-cli[inmem]>=0.4,<1"'


@contextlib.contextmanager
def langgraph_dev(
    *, workers: int, log: Path, deadline: float = READY_SECONDS, agent: Path = PROBE_AGENT
) -> Iterator[str]:
    """Serve the agent in a folder (default: the probe agent), and yield the URL once `GET /ok` answers 200.

    `workers` is the number of runs that the server plays at once. The output of the server goes to `log`. Raise
    `ServerError` if langgraph-cli is not installed, or the server is not ready in `deadline` seconds.
    """
    command = _langgraph()
    with tempfile.TemporaryDirectory(prefix="probe-agent-") as scratch:
        # A copy: the server writes into the folder it runs in, and the agent must not need its neighbours.
        folder = Path(shutil.copytree(agent, Path(scratch) / "agent"))
        port = free_port()
        arguments = ["dev", "--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", str(port)]
        arguments += ["--n-jobs-per-worker", str(workers)]
        url = f"http://127.0.0.1:{port}"
        with serving([*command, *arguments], url=url, cwd=folder, env=QUIET, log=log, deadline=deadline):
            yield url


def _langgraph() -> list[str]:
    """Return the command that starts the CLI: this Python's, else the one on PATH."""
    if all(importlib.util.find_spec(module) for module in ("langgraph_cli", "langgraph_api")):
        return [sys.executable, "-m", "langgraph_cli"]
    found = shutil.which("langgraph")
    if found is None:
        raise ServerError(f"langgraph dev is not installed; install it with: {INSTALL}")
    return [found]
