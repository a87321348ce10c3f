"""Starts `langgraph dev` with the probe agent, and makes sure that nothing of it stays behind."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx

from conformance import probe

PROBE_AGENT = Path(probe.__file__).parent / "agents" / "python"
INSTALL = 'pip install "langgraph-cli[inmem]>=0.4,<1"'

# A deployment in a test talks to nobody but the test, and keeps nothing.
_QUIET = {
    "LANGSMITH_TRACING": "false",
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "true",
    "LANGGRAPH_DISABLE_FILE_PERSISTENCE": "true",
}
_TAIL_LINES = 30
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 5.0


class ServerError(RuntimeError):
    """The server cannot be started, or did not come up; the text has the remedy or the tail of its log."""


@contextlib.contextmanager
def langgraph_dev(*, workers: int, log: Path, deadline: float = 120.0) -> Iterator[str]:
    """Serve the probe agent under the graph name `agent`, and yield the URL once `GET /ok` answers 200.

    `workers` is the number of runs that the server plays at once; what the server prints goes to `log`.
    Raises `ServerError` if langgraph-cli is not installed, or the server is not ready in `deadline` seconds.
    """
    command = _langgraph()
    with tempfile.TemporaryDirectory(prefix="probe-agent-") as scratch:
        # A copy: the server writes into the folder it runs in, and the agent must not need its neighbours.
        folder = Path(shutil.copytree(PROBE_AGENT, Path(scratch) / "agent"))
        port = _free_port()
        arguments = ["dev", "--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", str(port)]
        arguments += ["--n-jobs-per-worker", str(workers)]
        url = f"http://127.0.0.1:{port}"
        with serving([*command, *arguments], url=url, cwd=folder, env=_QUIET, log=log, deadline=deadline):
            yield url


@contextlib.contextmanager
def serving(
    command: Sequence[str], *, url: str, cwd: Path, env: Mapping[str, str], log: Path, deadline: float
) -> Iterator[None]:
    """Run a server around the block, which starts once `GET url/ok` answers 200; then end its process group.

    `env` is added to this process's environment. Raises `ServerError` if the server ends before it is ready,
    or is not ready in `deadline` seconds.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with _sigterm_unwinds(), log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            # A process group of its own, so that the server's children end with it.
            start_new_session=True,
        )
        try:
            _wait_until_ready(process, url, log, deadline)
            yield
        finally:
            _end(process)


@contextlib.contextmanager
def _sigterm_unwinds() -> Iterator[None]:
    """Let SIGTERM leave the block as an exception, so that a job that is called off ends its servers too.

    Only the main thread may say what a signal does; elsewhere nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path, deadline: float) -> None:
    with httpx.Client(trust_env=False, timeout=_GRACE_SECONDS) as client:
        until = time.monotonic() + deadline
        while time.monotonic() < until:
            with contextlib.suppress(httpx.TransportError):
                if client.get(f"{url}/ok").status_code == httpx.codes.OK:
                    return
            # The pause between two looks is also where the end of the process is noticed.
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(_POLL_SECONDS)
                raise ServerError(f"the server ended with exit code {code} before it was ready{_tail(log)}")
    raise ServerError(f"the server was not ready after {deadline:g} s{_tail(log)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server and every process of its group, and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    # Also when the server has ended by itself: its children may not have.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _langgraph() -> list[str]:
    """The command that starts the CLI: this Python's, else the one on PATH."""
    if all(importlib.util.find_spec(module) for module in ("langgraph_cli", "langgraph_api")):
        return [sys.executable, "-m", "langgraph_cli"]
    found = shutil.which("langgraph")
    if found is None:
        raise ServerError(f"langgraph dev is not installed; install it with: {INSTALL}")
    return [found]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _tail(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    return f"; the end of {log}:\n" + ("\n".join(lines) if lines else "(it printed nothing)")
