"""A server without file descriptors says so in one line, and serves again when there are some."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from mockserver.web import exhaustion
from tests.mockserver.witness import DEADLINE


def test_too_many_connections_are_one_line_in_the_log() -> None:
    def few_files() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    command = [sys.executable, "-m", "mockserver", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=few_files)
    assert process.stdout is not None
    assert process.stderr is not None
    url = httpx.URL(process.stdout.readline().split()[-1])
    clients = [socket.create_connection((url.host, url.port or 0), timeout=DEADLINE) for _ in range(100)]
    line = process.stderr.readline()
    assert "cannot accept connections: Too many open files; close clients, or raise `ulimit -n` (64)" in line
    for client in clients:
        client.close()
    assert httpx.get(url.join("/ok"), timeout=DEADLINE).json() == {"ok": True, "services": {}}
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert "cannot accept" not in err


async def test_it_is_reported_again_after_a_minute_and_other_errors_as_ever(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.ERROR)
    loop = asyncio.new_event_loop()
    now = 0.0
    monkeypatch.setattr(loop, "time", lambda: now)
    try:
        exhaustion.report_once(loop)
        for now in (0.0, 1.0, 59.0, 60.0, 61.0):  # noqa: B007 - the loop's clock reads it
            loop.call_exception_handler(
                {"message": "accept", "exception": OSError(errno.EMFILE, "Too many open files")}
            )
        assert caplog.text.count("cannot accept connections") == 2
        loop.call_exception_handler({"message": "something else", "exception": OSError(errno.EPIPE, "Broken pipe")})
        assert "something else" in caplog.text
    finally:
        loop.close()
