"""Bytes that are not HTTP, or nearly: the server answers with 4xx or hangs up, logs no traceback, and serves on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from random import Random

import httpx
import pytest

from mockserver import MockDeployment
from tests.mockserver.witness import DEADLINE

ROUNDS = 25
"""For each kind of damage. Each round sends another request, the same in every run of the tests."""

REQUESTS = (
    b"POST /threads HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /threads/00000000-0000-4000-8000-000000000001/state HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /runs/wait HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n',
    b"GET /_mock/journal?thread_id=a HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nAccess-Control-Request-Method: POST\r\n\r\n",
)
INSERTED = (b"\x00", b"\r\n", b"\n", b"\xff\xfe", b"%00", b"%2e%2e/", b" ", b":" * 50, b"A" * 9000, b"\x80", b"{" * 200)


def damaged(random: Random, kind: str) -> bytes:
    """Return a request that is cut, doubled, filled with noise, changed in one byte, or just noise."""
    request = bytearray(random.choice(REQUESTS))
    at = random.randrange(len(request))
    if kind == "cut":
        return bytes(request[:at])
    if kind == "noise":
        return random.randbytes(random.randrange(1, 400))
    if kind == "doubled":
        return bytes(request + random.choice(REQUESTS)[:at])
    if kind == "changed":
        request[at] = random.randrange(256)
    else:
        request[at:at] = random.choice(INSERTED)
    return bytes(request)


@pytest.fixture(scope="module")
def deployment() -> Iterator[MockDeployment]:
    with MockDeployment() as running:
        yield running


@pytest.mark.parametrize("kind", ["cut", "noise", "doubled", "changed", "inserted"])
def test_damaged_requests_are_refused_and_leave_no_trace(
    kind: str, deployment: MockDeployment, caplog: pytest.LogCaptureFixture
) -> None:
    random, url = Random(kind), httpx.URL(deployment.url)
    for _ in range(ROUNDS):
        sent = damaged(random, kind)
        with socket.create_connection((url.host, url.port or 0), timeout=DEADLINE) as connection:
            connection.sendall(sent)
            # The server learns that nothing more will come, so it answers or hangs up.
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert not answer or answer[:9] in (b"HTTP/1.1 ", b"HTTP/1.0 ", b"HTTP/0.9 "), (sent, answer)
        assert not answer or 200 <= int(answer[9:12]) < 500, (sent, answer)
    assert httpx.get(f"{deployment.url}/ok").json() == {"ok": True, "services": {}}
    assert [record for record in caplog.records if record.exc_info] == []


HEADERS = (
    *("Accept", "Access-Control-Request-Headers", "Access-Control-Request-Method", "Authorization", "Content-Encoding"),
    *("Content-Type", "Host", "Last-Event-ID", "Origin", "Prefer", "Sec-Fetch-Site", "User-Agent", "X-Api-Key"),
)


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_is_not_text_is_answered(
    name: str, deployment: MockDeployment, caplog: pytest.LogCaptureFixture
) -> None:
    url = httpx.URL(deployment.url)
    for method in ("GET", "POST", "OPTIONS"):
        for path in ("/ok", "/threads", "/threads/search", "/runs/stream", "/_mock/journal", "/_mock/reset"):
            # A second Host is an error of its own.
            host = "" if name == "Host" else f"Host: {url.host}\r\n"
            head = f"{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n{host}".encode()
            with socket.create_connection((url.host, url.port or 0), timeout=DEADLINE) as connection:
                connection.sendall(head + name.encode() + b": null\xb4\xff\r\n\r\n{}")
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            assert 200 <= int(answer[9:12]) < 500, (method, path, answer)
    assert [record for record in caplog.records if record.exc_info] == []
    assert httpx.get(f"{deployment.url}/_mock/journal").status_code == 200


@pytest.mark.parametrize("kind", ["path", "query", "host"])
def test_bytes_that_are_not_text_are_shown_in_the_journal(kind: str, deployment: MockDeployment) -> None:
    strange = {name: b"\xb4\xff" if name == kind else b"" for name in ("path", "query", "host")}
    head = b"GET /threads/%(path)s?a=%(query)s HTTP/1.1\r\nHost: x%(host)s\r\nConnection: close\r\n\r\n"
    url = httpx.URL(deployment.url)
    for path in (b"/threads/", b"/_mock/journal/"):
        with socket.create_connection((url.host, url.port or 0), timeout=DEADLINE) as connection:
            connection.sendall(
                (head % {name.encode(): value for name, value in strange.items()}).replace(b"/threads/", path)
            )
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer[9:10] in (b"3", b"4"), answer
    assert httpx.get(f"{deployment.url}/_mock/journal").status_code == 200
