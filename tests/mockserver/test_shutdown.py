"""The end of a mock deployment, with clients that never finish and signals that come twice."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from mockserver import MockDeployment
from tests.mockserver.test_command_line import ROOT, running
from tests.mockserver.witness import DEADLINE

LARGE = {"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": "sf" * 3_000_000}]}}


@contextmanager
def connected(url: httpx.URL) -> Iterator[socket.socket]:
    assert url.port is not None
    with socket.create_connection((url.host, url.port), timeout=DEADLINE) as connection:
        yield connection


def post(path: str, body: object = None, *, length: int | None = None, headers: str = "") -> bytes:
    """Return a request as bytes. `length` states a longer body than the one that is sent."""
    sent = json.dumps(body).encode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}"
        f"Content-Length: {len(sent) if length is None else length}\r\n\r\n"
    ).encode() + sent


STUCK = {
    "a body that never ends": post("/threads", length=1000),
    "a body that never ends, where there is no route": post("/nothing/here", length=1000),
    "a body that never ends, to the control API": post("/_mock/reset", length=1000),
    "a head that never ends": b"POST /threads HTTP/1.1\r\nHost: loc",
    "a wait of a test": post("/_mock/wait", {"point": "agent:1/enter", "deadline": 600}),
    "a delayed answer": post("/threads", {}, headers="X-Mock-Fault: delay@60\r\n"),
    "a run that waits for its end": post("/runs/wait", {"assistant_id": "agent", "after_seconds": 3600}),
}


@pytest.mark.parametrize("sent", STUCK.values(), ids=STUCK)
def test_a_client_that_never_finishes_does_not_keep_the_process_alive(sent: bytes) -> None:
    with running() as (process, client), connected(client.base_url) as connection:
        connection.sendall(sent)
        # Answered after what was sent before, so the deployment has read that by now.
        client.get("/ok")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert "Traceback" not in err


def test_a_client_that_does_not_read_does_not_keep_the_process_alive() -> None:
    with running("--time", "instant") as (process, client), connected(client.base_url) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(post("/runs/wait", LARGE))
        # The first byte of the answer, of which the rest is left on its way.
        assert connection.recv(1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 0


@pytest.mark.parametrize("sent", STUCK.values(), ids=STUCK)
def test_a_client_that_never_finishes_does_not_keep_a_test_run_alive(sent: bytes) -> None:
    with MockDeployment() as deployment, connected(httpx.URL(deployment.url)) as connection:
        connection.sendall(sent)
        httpx.get(f"{deployment.url}/ok")
        ends(deployment.stop)


def ends(act: Callable[[], None]) -> None:
    """Assert that a call returns within the deadline."""
    done = threading.Event()

    def call() -> None:
        act()
        done.set()

    threading.Thread(target=call, daemon=True).start()
    assert done.wait(DEADLINE)


def test_a_second_signal_ends_the_process_at_once() -> None:
    patient = "from mockserver import app, __main__; app.SHUTDOWN = 3600; raise SystemExit(__main__.main())"
    process = subprocess.Popen(
        [sys.executable, "-c", patient, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    url = httpx.URL(process.stdout.readline().split()[-1])
    with connected(url) as connection:
        connection.sendall(STUCK["a body that never ends"])
        httpx.get(url.join("/ok"))
        process.send_signal(signal.SIGTERM)
        # The first signal has been handled when this line is there.
        assert any("shutting down" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == -signal.SIGTERM


def test_a_hangup_without_a_script_is_reported_and_changes_nothing() -> None:
    with running() as (process, client):
        process.send_signal(signal.SIGHUP)
        assert client.get("/ok").status_code == 200
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert "there is no script to load again: start with --script FILE" in err


def test_a_full_disk_is_reported_as_one() -> None:
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "mockserver", "--port", "0"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert process.returncode == 2
    assert process.stderr == "mockserver: cannot write to the standard output: No space left on device\n"


def test_a_deployment_starts_once() -> None:
    deployment = MockDeployment()
    with deployment, pytest.raises(RuntimeError, match="starts once"):
        deployment.start()
    with pytest.raises(RuntimeError, match="starts once"):
        deployment.start()


def test_a_hangup_with_a_named_pipe_as_script_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("turns: [{steps: [{say: hi}]}]")
    with running("--script", str(path)) as (process, client):
        path.unlink()
        os.mkfifo(path)
        process.send_signal(signal.SIGHUP)
        assert client.get("/ok").status_code == 200
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert "is not a file, so it is not loaded again" in err


def start_with(stdin: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mockserver", "--port", "0", "--stop-on-eof"],
        cwd=ROOT,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_ends_with_its_standard_input() -> None:
    with start_with(subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().startswith("mockserver listening on ")
        # What is written is dropped. Only the end counts.
        process.stdin.write("anything\n")
        process.stdin.close()
        assert process.wait(DEADLINE) == 0


def test_a_file_as_standard_input_has_no_end_to_wait_for() -> None:
    with Path(__file__).open() as file, start_with(file.fileno()) as process:
        _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 2
    assert "cannot wait for the end of the standard input: " in err
    assert err.endswith("give it a pipe\n")
