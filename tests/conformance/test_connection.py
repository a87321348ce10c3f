"""Deployments behind TLS with a private CA, mutual TLS, or an HTTP proxy, and connections that they close."""

from __future__ import annotations

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from aiohttp import BasicAuth, ClientSession, web

from conformance.driver.deadlines import Deadlines
from conformance.driver.http import Http
from conformance.judge.play import Play
from conformance.scenarios.catalogue import catalogue
from conformance.session import transport as transports
from conformance.session.connection import BadConnectionError, Connection, connection
from conformance.session.players import NotJudgeable, PlayPool
from conformance.session.target import Target
from conformance.session.transport import Transport
from conformance.transcript.recorder import Recorder
from conformance.transcript.redaction import Redactor
from mockserver import create_app, serving
from tests.conformance.deployments import PLAINEST
from tests.conformance.plays import SUITE

ENCRYPTED = """\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIH0MF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBAWkU30gbNSiCkUZzQl
e1zbAgIIADAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQp2V+K7G2HaveFKkt
y3Q/UwSBkKzizAWwHgafd2yE0i2pVrDrdVZMKTj5iH+6ruopievQVw/X3QBzZtns
c+j6EWjiwAb6TVyTQyZTxyP3XuRkxDqXEbUfztt0rizwqwMAImrZF/cxftTiz9Oc
OjXFvOFqjWQhuzKSdSodLiNf0lSsHzi5IrKZhvG1H2WMYbSoSxdYrysHj45LUZO5
Plk36hHk0Q==
-----END ENCRYPTED PRIVATE KEY-----
"""
"""A key that was made for this test, behind a passphrase that nobody needs."""

SCENARIO = next(one for one in catalogue() if one.id == PLAINEST)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """PEM files: the CA's certificate, and a client's certificate and key, together and apart."""
    folder = tmp_path_factory.mktemp("pem")
    client = authority.issue_cert("client@example.org")
    found = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key", "both")}
    authority.cert_pem.write_to_path(found["ca"])
    client.cert_chain_pems[0].write_to_path(found["cert"])
    client.private_key_pem.write_to_path(found["key"])
    client.private_key_and_cert_chain_pem.write_to_path(found["both"])
    return found


@asynccontextmanager
async def behind_tls(authority: trustme.CA, *, mutual: bool) -> AsyncIterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if mutual:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    runner = web.AppRunner(create_app(), handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def behind_proxy(seen: list[str]) -> AsyncIterator[tuple[str, str]]:
    """A mock that only a proxy reaches, with the proxy's URL; `seen` collects who asked the proxy for what."""

    async def forward(request: web.Request) -> web.StreamResponse:
        auth = request.headers.get("Proxy-Authorization", "")
        seen.append(f"{BasicAuth.decode(auth).password if auth else 'no password'} {request.url.host}")
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        body = await request.read()
        url = f"{upstream}{request.path_qs}"
        async with session.request(request.method, url, headers=headers, data=body) as answer:
            kept = {name: answer.headers[name] for name in ("Content-Location",) if name in answer.headers}
            return web.Response(
                body=await answer.read(), status=answer.status, content_type=answer.content_type, headers=kept
            )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    async with serving() as upstream, ClientSession() as session:
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield "http://deployment.invalid", f"http://jane:p4ss-w0rd@127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def played(url: str, way: Connection) -> Play:
    """Play a scenario in another thread, as pytest does. Raises NotJudgeable."""

    def play() -> Play:
        pool = PlayPool(suite=SUITE, jobs=1, witness_host=None, connection=way)
        pool.start()
        try:
            target = Target(
                url=url, assistant="agent", headers={}, profile=None, deadlines=Deadlines(), secret=way.secret
            )
            return Play(pool.transcript(target, SCENARIO))
        finally:
            pool.stop()

    return await asyncio.to_thread(play)


async def test_over_http_no_certificate_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx, "create_ssl_context", lambda **_: pytest.fail("certificates were loaded"))
    async with serving() as url:
        play = await played(url, connection())
    assert play.final_status("B") == "success"


async def test_a_private_authority_is_trusted_where_its_certificate_is_given(
    authority: trustme.CA, files: dict[str, str]
) -> None:
    async with behind_tls(authority, mutual=False) as url:
        play = await played(url, connection(ca=files["ca"]))
        assert play.final_status("B") == "success"
        with pytest.raises(NotJudgeable, match=r"certificate.*--deployment-ca"):
            await played(url, connection())


@pytest.mark.parametrize("names", [{"cert": "both"}, {"cert": "cert", "key": "key"}], ids=["one file", "two files"])
async def test_a_deployment_that_wants_to_know_who_asks(
    names: dict[str, str], authority: trustme.CA, files: dict[str, str]
) -> None:
    given: dict[str, Any] = {option: files[name] for option, name in names.items()}
    async with behind_tls(authority, mutual=True) as url:
        play = await played(url, connection(ca=files["ca"], **given))
        assert play.final_status("B") == "success"
        # The server hangs up, and says why only to those who listen: not every TLS library passes it on.
        with pytest.raises(NotJudgeable, match=r"--deployment-(cert|url)"):
            await played(url, connection(ca=files["ca"]))


async def test_a_deployment_behind_a_proxy_with_a_password_that_no_transcript_shows() -> None:
    seen: list[str] = []
    async with behind_proxy(seen) as (url, proxy):
        play = await played(url, connection(proxy=proxy))
    assert play.final_status("B") == "success"
    assert set(seen) == {"p4ss-w0rd deployment.invalid"}
    assert "p4ss-w0rd" not in repr(play.moments)


@asynccontextmanager
async def tunnelling(seen: list[str]) -> AsyncIterator[str]:
    """Provide a proxy that connects to any server for a client with the right password. Yield its URL.

    `seen` collects the first lines of the requests.
    """

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.append(head.partition("\r\n")[0])
        if b64encode(b"jane:p4ss-w0rd").decode() not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            writer.close()
            return
        host, _, port = head.split()[1].partition(":")
        there, to_there = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pump(reader, to_there), pump(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_tls_goes_through_a_proxy_and_no_fault_shows_the_password(
    authority: trustme.CA, files: dict[str, str]
) -> None:
    seen: list[str] = []
    async with behind_tls(authority, mutual=False) as url, tunnelling(seen) as proxy:
        play = await played(url, connection(ca=files["ca"], proxy=f"http://jane:p4ss-w0rd@{proxy}"))
        assert play.final_status("B") == "success"
        assert set(seen) == {f"CONNECT {url.removeprefix('https://')} HTTP/1.1"}
        with pytest.raises(NotJudgeable, match="407") as refused:
            await played(url, connection(ca=files["ca"], proxy=f"http://jane:wr0ng-w0rd@{proxy}"))
        assert "wr0ng" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ca": "missing.pem"}, "--deployment-ca: there is no file missing.pem"),
        ({"ca": "."}, "--deployment-ca: there is no file ."),
        ({"ca": "text"}, "--deployment-ca: .* is not a PEM file for this purpose: "),
        ({"cert": "text"}, "--deployment-cert: .* is not a PEM file for this purpose: "),
        ({"cert": "cert"}, "--deployment-cert: .* is not a PEM file for this purpose: "),
        ({"cert": "cert", "key": "other"}, "--deployment-cert: .* is not a PEM file for this purpose: key values mism"),
        ({"cert": "encrypted"}, "--deployment-cert: the key needs a passphrase; give a key without one"),
        ({"key": "key"}, "--deployment-key: a key belongs to a certificate; give --deployment-cert as well"),
        ({"proxy": "proxy:3128"}, "--deployment-proxy: the URL is not of the form http://"),
        ({"proxy": "socks5://jane:secret@proxy"}, "--deployment-proxy: the URL is not of the form http://"),
        ({"proxy": "http://jane:secret@proxy:x"}, "--deployment-proxy: the URL is not of the form http://"),
    ],
)
def test_what_cannot_be_used_is_one_line_without_a_secret(
    given: dict[str, str], said: str, files: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("not a certificate")
    trustme.CA().issue_cert("x@example.org").private_key_pem.write_to_path(str(tmp_path / "other"))
    (tmp_path / "encrypted").write_text(Path(files["cert"]).read_text() + ENCRYPTED)
    made = {name: str(tmp_path / name) for name in ("text", "other", "encrypted")}
    options = {option: {**files, **made}.get(value, value) for option, value in given.items()}
    with pytest.raises(BadConnectionError, match=said) as refused:
        connection(**options)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


@asynccontextmanager
async def closing(after: int) -> AsyncIterator[tuple[httpx.AsyncBaseTransport, str, list[str]]]:
    """Provide a server that answers `after` requests on each connection, and closes it when the next one arrives.

    Yield a transport, the URL, and the methods of the requests in the order of their connections.
    """
    first: list[str] = []
    ended: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(over := asyncio.Event())
        first.append((await reader.readuntil(b"\r\n\r\n")).split()[0].decode())
        with suppress(asyncio.IncompleteReadError):  # the client has closed it
            for _ in range(after):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, connection().transport() as transport:
        yield transport, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ok", first
    for over in ended:
        await over.wait()


async def read(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
    response = await transport.handle_async_request(request)
    try:
        await response.aread()
    finally:
        await response.aclose()
    return response


async def test_a_kept_connection_that_the_server_closes_is_no_fault() -> None:
    async with closing(after=1) as (transport, url, first):
        for method in ("GET", "GET", "POST", "DELETE"):
            # The second GET is sent on the connection of the first, and then on one of its own.
            assert (await read(transport, httpx.Request(method, url))).status_code == 200
    assert first == ["GET", "GET", "POST", "DELETE"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_new_connection_that_breaks_is_a_fault(method: str) -> None:
    async with closing(after=0) as (transport, url, first):
        with pytest.raises(httpx.RemoteProtocolError):
            await read(transport, httpx.Request(method, url))
    assert first == [method]


BROKEN = (
    b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
    b"no HTTP at all\r\n\r\n",
    b"",
)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("sent", BROKEN)
async def test_a_broken_answer_is_the_same_fault_for_every_request(method: str, sent: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(sent)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, connection().transport() as transport:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ok"
        with pytest.raises(httpx.RemoteProtocolError):
            await read(transport, httpx.Request(method, url))


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_port_without_a_server_is_the_same_fault_for_every_request(method: str) -> None:
    async with connection().transport() as transport:
        with pytest.raises(httpx.ConnectError):
            await read(transport, httpx.Request(method, "http://127.0.0.1:1/ok"))


async def test_all_connections_are_closed_also_where_a_play_is_cancelled_meanwhile() -> None:
    async with serving() as url:
        transport = Transport(lambda: pytest.fail("certificates were loaded"), None)
        for method in ("GET", "POST"):
            await read(transport, httpx.Request(method, f"{url}/ok"))
        closing = asyncio.create_task(transport.aclose())
        await asyncio.sleep(0)  # one turn of the loop, in which it begins with the first
        closing.cancel()
        with suppress(asyncio.CancelledError):
            await closing
    assert [session.closed for session in transport._sessions.values()] == [True, True]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_long_header_is_read(method: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 50_000 + b"\r\ncontent-length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, connection().transport() as transport:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ok"
        response = await read(transport, httpx.Request(method, url))
        assert response.content == b"ok"
        assert len(response.headers["x-long"]) == 50_000


@pytest.mark.parametrize(("accept", "waits"), [("text/event-stream", True), ("application/json", False)])
async def test_a_stream_that_is_not_read_is_not_received_either(
    accept: str, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A server that treats a slow client badly must notice that it is slow. Other answers are read at once.
    monkeypatch.setattr(transports, "RECEIVED", 16 * 1024)
    written = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 102400\r\n\r\n")
        for _ in range(100):
            writer.write(b"x" * 1024)
            for _ in range(5):  # turns of the loop, in which the client may receive it
                await asyncio.sleep(0)
        written.set()
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, connection().transport() as transport:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/stream"
        response = await transport.handle_async_request(httpx.Request("GET", url, headers={"accept": accept}))
        await written.wait()
        answer: Any = response.stream._answer  # type: ignore[union-attr]
        assert (answer.content.total_bytes < 8 * 1024) is waits
        # Nor by the system, of which Linux makes twice as many.
        if waits:
            connected = answer.connection.transport.get_extra_info("socket")
            assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * 16 * 1024
        assert len(await response.aread()) == 100 * 1024
        await response.aclose()


@asynccontextmanager
async def looking(user: str = "") -> AsyncIterator[tuple[Http, list[web.Request]]]:
    """Provide a server that sets a cookie with its first answer. Yield the driver's requests, and what arrived."""
    arrived: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        arrived.append(request)
        response = web.json_response({"status": "idle"})
        if len(arrived) == 1:
            response.set_cookie("worker", "7")
        return response

    app = web.Application()
    app.router.add_get("/threads/{thread}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = site.name.removeprefix("http://")
    try:
        async with connection().transport() as transport:
            yield (
                Http(
                    url=f"http://{user}{address}",
                    headers={"x-api-key": "k3y"},
                    transport=transport,
                    recorder=Recorder(Redactor({})),
                    deadlines=Deadlines(),
                ),
                arrived,
            )
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("thread", ["one/../two", "..", "a.b c"])
@pytest.mark.parametrize("user", ["", "jane:secret@"])
async def test_a_look_sends_what_the_client_would(user: str, thread: str) -> None:
    async with looking(user) as (http, arrived):
        await http.look("main", thread)
        await http.look("main", thread)
        await http.call("look", "main", http.client.threads.get(thread))
    assert [request.cookies.get("worker") for request in arrived] == [None, "7", "7"]
    # Without the cookie, each is what the official client sends.
    sent = [
        (r.raw_path, {name.lower(): value for name, value in r.headers.items() if name.lower() != "cookie"})
        for r in arrived
    ]
    assert sent[0] == sent[1] == sent[2]
    assert sent[0][1]["x-api-key"] == "k3y"
    assert ("authorization" in sent[0][1]) == bool(user)
