"""Clients that close their connection where the mock does not expect it. None of them leaves a traceback in the log."""

from __future__ import annotations

import json
import logging
import socket
import struct
from collections.abc import Callable, Iterator

import httpx
import pytest

from mockserver import MockDeployment
from mockserver.web.bad_http import SERVER_LOG
from tests.mockserver.witness import DEADLINE

ROUNDS = 40
"""The requests of a client that resets its connection. The mock meets most of them while it writes its answer."""

LONG = "\n".join(f"      - {{node: n{number}, say: '{'x' * 100_000}'}}" for number in range(6))
SCRIPT = f"""
turns:
  - when: {{contains: long}}
    steps:
{LONG}
  - steps: [{{say: Short.}}]
"""
WEBSOCKET = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
SUBSCRIBE = json.dumps({"id": 1, "method": "subscription.subscribe", "params": {"channels": ["values"], "since": 0}})


@pytest.fixture(scope="module")
def deployment() -> Iterator[MockDeployment]:
    with MockDeployment(script=SCRIPT) as running:
        yield running


@pytest.fixture(scope="module")
def thread(deployment: MockDeployment) -> str:
    """Return the path of a thread whose state and history are large."""
    found = f"/threads/{httpx.post(f'{deployment.url}/threads', json={}).json()['thread_id']}"
    httpx.post(f"{deployment.url}{found}/runs/wait", json=run("long"), timeout=DEADLINE)
    return found


def run(text: str) -> dict[str, object]:
    """Return the body of a request that creates a run."""
    return {"assistant_id": "agent", "input": {"messages": text}, "stream_mode": ["values", "updates"]}


def connect(deployment: MockDeployment) -> socket.socket:
    """Return a connection with a small buffer, so that a large answer waits in the mock."""
    url = httpx.URL(deployment.url)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(DEADLINE)
    connection.connect((url.host, url.port or 0))
    return connection


def request(line: str, body: object = None, *headers: str) -> bytes:
    raw = b"" if body is None else json.dumps(body).encode()
    head = "\r\n".join([f"{line} HTTP/1.1", "Host: localhost", f"Content-Length: {len(raw)}", *headers])
    return f"{head}\r\n\r\n".encode() + raw


def framed(text: bytes) -> bytes:
    """Return a short text as a frame of a WebSocket."""
    return bytes([0x81, 0x80 | 126]) + struct.pack(">H", len(text)) + b"\0\0\0\0" + text


def reset(connection: socket.socket) -> None:
    """Close a connection as a process does that is killed: the other side may not send any more."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def half_close(connection: socket.socket) -> None:
    """Send nothing more, and read the answer to its end."""
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass
    connection.close()


ENDS: dict[str, Callable[[socket.socket], None]] = {
    "reset": reset,
    "closed": socket.socket.close,
    "half closed": half_close,
}
PATHS = ("", "/state", "/history?limit=100", "/runs")


@pytest.fixture(autouse=True)
def no_traceback(deployment: MockDeployment, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    # The mock has handled what came before this request.
    assert httpx.get(f"{deployment.url}/ok").status_code == 200
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("path", ["/runs/stream", "/runs/wait"])
def test_a_client_that_resets_its_connection_before_the_answer(
    deployment: MockDeployment, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mockserver.http")
    for _ in range(ROUNDS):
        connection = connect(deployment)
        connection.sendall(request(f"POST {path}", run("hi")))
        reset(connection)
    assert httpx.get(f"{deployment.url}/ok").status_code == 200
    lines = {one.getMessage() for one in caplog.records if one.name == "mockserver.http"}
    assert all(line.endswith("the client disconnected before the end of the answer") for line in lines)


@pytest.mark.parametrize("end", ENDS)
def test_a_client_that_disconnects_during_an_answer(deployment: MockDeployment, thread: str, end: str) -> None:
    asked = [request(f"GET {thread}{path}") for path in PATHS]
    asked += [request("POST /runs/stream", run("long")), request(f"GET {thread}/history?limit=100") * 5]
    for one in asked:
        connection = connect(deployment)
        connection.sendall(one)
        assert connection.recv(100)
        ENDS[end](connection)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "sent",
    [
        request("POST /threads", {"metadata": {"a": 1}})[:-4],
        request("POST /threads", {})[:20],
        b"POST /threads HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\r\n",
    ],
    ids=["body", "head", "chunk"],
)
def test_a_client_that_disconnects_in_the_middle_of_its_request(
    deployment: MockDeployment, sent: bytes, end: str
) -> None:
    connection = connect(deployment)
    connection.sendall(sent)
    ENDS[end](connection)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "sent",
    [b"", framed(SUBSCRIBE.encode()), framed(SUBSCRIBE.encode())[:20], b"\xff" * 16, framed(b"\xff" * 200)],
    ids=["at once", "subscribed", "in a frame", "after nonsense", "after bytes that are no text"],
)
def test_a_websocket_that_disconnects(deployment: MockDeployment, thread: str, sent: bytes, end: str) -> None:
    connection = connect(deployment)
    connection.sendall(request(f"GET {thread}/stream/events", None, *WEBSOCKET))
    assert b" 101 " in connection.recv(4096)
    connection.sendall(sent)
    ENDS[end](connection)


def test_only_an_error_of_the_mock_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    for error in (ConnectionResetError("Connection lost"), ValueError("a mistake")):
        SERVER_LOG.error("Error handling request", exc_info=error)
    (kept,) = caplog.records
    assert (kept.getMessage(), kept.levelname) == ("Error handling request", "ERROR")
    assert kept.exc_info is not None
    assert isinstance(kept.exc_info[1], ValueError)
    # The fixture allows no traceback.
    caplog.clear()
