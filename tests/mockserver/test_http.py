"""HTTP itself: what proxies, health checks and unusual clients send, byte by byte."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from mockserver.web.routes import ROUTES
from tests.mockserver.stage import Stage
from tests.mockserver.witness import DEADLINE

METADATA = json.dumps({"metadata": {"mine": 1}}).encode()
RUN = json.dumps(
    {
        "assistant_id": "agent",
        "input": {"messages": "hi"},
        "config": {"configurable": {"probe": {"version": 1, "label": "A"}}},
    }
).encode()


async def exchange(stage: Stage, *sent: bytes) -> bytes:
    """Return everything that the server sends until it closes. Each further piece is sent after a response."""
    address = urlsplit(stage.url)
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        received = b""
        for number, piece in enumerate(sent):
            if number:
                received += await reader.read(65536)
            writer.write(piece)
        received += await reader.read()
        writer.close()
        await writer.wait_closed()
    return received


def request(line: str, body: bytes | None = None, *headers: str) -> bytes:
    """Return a request after which the server closes the connection."""
    length = [] if body is None else [f"Content-Length: {len(body)}"]
    head = "\r\n".join([line, "Host: mock", "Connection: close", *length, *headers])
    return f"{head}\r\n\r\n".encode() + (body or b"")


def answered(received: bytes) -> Any:
    """Return the JSON body of a response that is not chunked."""
    return json.loads(received.rpartition(b"\r\n\r\n")[2])


async def test_http_1_0(stage: Stage) -> None:
    assert (await exchange(stage, b"GET /ok HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.0 200 ")
    waited = await exchange(stage, request("POST /runs/wait HTTP/1.0", RUN))
    assert b"Transfer-Encoding" not in waited
    assert answered(waited)["steps"] == ["A/agent:1"]
    streamed = await exchange(stage, request("POST /runs/stream HTTP/1.0", RUN))
    assert streamed.startswith(b"HTTP/1.0 200 ")
    assert streamed.count(b"event: ") == 3


async def test_one_connection_for_several_requests(stage: Stage) -> None:
    keeping = b"GET /ok HTTP/1.1\r\nHost: mock\r\n\r\n"
    received = await exchange(stage, keeping + keeping, request("GET /ok HTTP/1.1"))
    assert received.count(b'"ok":true') == 3


async def test_a_chunked_body(stage: Stage) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (METADATA[:5], METADATA[5:]))
    head = request("POST /threads HTTP/1.1", None, "Transfer-Encoding: chunked")
    assert answered(await exchange(stage, head + chunks + b"0\r\n\r\n"))["metadata"] == {"mine": 1}


async def test_a_client_that_asks_before_it_sends_its_body(stage: Stage) -> None:
    head = request("POST /threads HTTP/1.1", METADATA, "Expect: 100-continue").removesuffix(METADATA)
    received = await exchange(stage, head, METADATA)
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert answered(received)["metadata"] == {"mine": 1}


@pytest.mark.parametrize("body", [gzip.compress(METADATA), METADATA], ids=["compressed", "not compressed"])
@pytest.mark.parametrize("encoding", ["gzip", "br", "nonsense"])
async def test_a_compressed_body_is_refused(stage: Stage, encoding: str, body: bytes) -> None:
    received = await exchange(stage, request("POST /threads HTTP/1.1", body, f"Content-Encoding: {encoding}"))
    assert received.startswith(b"HTTP/1.1 415 ")
    assert f"Content-Encoding: {encoding}" in answered(received)["detail"]
    assert await stage.client.threads.count() == 1


async def test_a_slash_too_many_leads_to_the_path_without_it(stage: Stage) -> None:
    for method, path, bare in (
        ("GET", "/ok/?check_db=1", "/ok?check_db=1"),
        ("POST", "/threads/search/", "/threads/search"),
        ("POST", "//threads//", "/threads"),
    ):
        answer = await stage.http.request(method, f"{stage.http.base_url}".rstrip("/") + path, json={"limit": 1})
        assert (answer.status_code, answer.headers["Location"]) == (307, bare)
    assert (await stage.http.post("/threads/search/", json={}, follow_redirects=True)).json() != []
    assert (await stage.http.get("/nothing/")).status_code == 404


async def test_every_answer_says_that_it_depends_on_the_page_that_asks(stage: Stage) -> None:
    for path in ("/ok", f"/threads/{stage.thread}", "/nothing"):
        assert (await stage.http.get(path)).headers["Vary"] == "Origin"


async def test_head_and_options(stage: Stage) -> None:
    for path in ("/", "/ok", f"/threads/{stage.thread}", f"/threads/{stage.thread}/state"):
        head, got = await stage.http.head(path), await stage.http.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == got.headers["Content-Length"]
    answer = await stage.http.options("/threads")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


async def test_a_page_from_the_internet_may_call_a_server_on_this_machine(stage: Stage) -> None:
    asked = {
        "Origin": "https://page.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Private-Network": "true",
    }
    answer = await stage.http.options("/threads", headers=asked)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Private-Network"]) == (204, "true")


@pytest.mark.parametrize(
    "path", [route.path for route in ROUTES if route.method == "POST" and route.body and not route.body_optional]
)
async def test_a_body_that_is_required_is_refused_when_it_is_absent(stage: Stage, path: str) -> None:
    filled = path.format(thread_id=stage.thread, run_id=stage.thread, assistant_id=stage.thread)
    answer = await stage.http.post(filled)
    assert answer.status_code in (400, 422), answer.text
    assert "JSON" in answer.text


async def test_a_query_parameter_without_a_default_is_named(stage: Stage) -> None:
    response = await stage.http.get("/store/items")
    assert (response.status_code, response.json()) == (422, {"detail": "Object missing required field `key`"})
