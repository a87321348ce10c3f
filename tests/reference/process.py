"""Runs a real server as a process of its own, and makes sure that nothing of it stays behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import httpx

# A deployment in a test talks to nobody but the test, and keeps nothing.
QUIET = {
    "LANGSMITH_TRACING": "false",
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "true",
    "LANGGRAPH_DISABLE_FILE_PERSISTENCE": "true",
}
READY_SECONDS = 120.0

_TAIL_LINES = 30
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 5.0


class ServerError(RuntimeError):
    """A server that cannot be started, or did not become ready. The text has the remedy or the end of its log."""


@contextlib.contextmanager
def serving(
    command: Sequence[str],
    *,
    url: str,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    deadline: float,
    path: str = "/ok",
) -> Iterator[None]:
    """Run a server for the duration of a block, which starts once `GET url/ok` answers 200. Then end its process group.

    `path` is for a server without `/ok`. `env` is added to this process's environment. Raise `ServerError` if the
    server ends before it is ready, or is not ready in `deadline` seconds.
    """
    with httpx.Client(trust_env=False, timeout=_GRACE_SECONDS) as client:

        def ready() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return client.get(f"{url}{path}").status_code == httpx.codes.OK
            return False

        with running(command, ready=ready, cwd=cwd, env=env, log=log, deadline=deadline):
            yield


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    ready: Callable[[], bool],
    cwd: Path,
    log: Path,
    deadline: float,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
) -> Iterator[None]:
    """Run a server of any protocol as `serving` does. The block starts once `ready` returns true.

    `user` is the user of the operating system that runs the server, and needs the rights of root.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with _sigterm_unwinds(), log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            user=user,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            # A process group of its own, so that the server's children end with it.
            start_new_session=True,
        )
        try:
            _wait_until_ready(process, ready, log, deadline)
            yield
        finally:
            _end(process)


@contextlib.contextmanager
def _sigterm_unwinds() -> Iterator[None]:
    """Raise an exception in the block on SIGTERM, so that a job that is cancelled ends its servers too.

    Only the main thread may handle signals. In another thread nothing changes.
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


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path, deadline: float) -> None:
    until = time.monotonic() + deadline
    while time.monotonic() < until:
        if ready():
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


def free_port() -> int:
    """Return a port of this machine on which nothing listened a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _tail(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    return f"; the end of {log}:\n" + ("\n".join(lines) if lines else "(it printed nothing)")
