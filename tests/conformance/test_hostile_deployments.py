"""Servers that are not Agent Servers: the suite reports a clear reason in limited time and memory."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest
import respx

from conformance.driver.deadlines import Deadlines
from conformance.driver.http import MAX_EVENTS
from conformance.transcript.recorder import MAX_BODY, MAX_PLAY
from conformance.transcript.transcript import Lost, Missed, NetworkFault, StreamEvent
from mockserver import serving
from tests.conformance.hostile import QUICK, Behaviour, Connection, Stage, listening, stage, verdicts

PATIENT = replace(Deadlines(), answer=60.0)
"""Deadlines for deployments that send a lot of data, which takes long on a busy machine."""

HASTY = Deadlines().scaled(0.02)
"""Deadlines for deployments on which most of the waits time out."""

ASK = "(is the deployment running, and is --deployment-url correct?)"


async def closes(connection: Connection) -> None:
    await connection.request()


async def never_answers(connection: Connection) -> None:
    await connection.reader.read()


async def is_no_http(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


async def has_endless_headers(connection: Connection) -> None:
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await connection.send(b"x-more: " + b"h" * 4096 + b"\r\n")


async def has_an_endless_body(connection: Connection) -> None:
    await connection.request()
    await connection.begin("application/json")
    while True:
        await connection.send(b"[" * 65536)


# A megabyte of spaces takes a thousandth of that on the wire, so a limit on compressed bytes would not help.
async def sends_a_gzip_bomb(connection: Connection) -> None:
    await connection.request()
    await connection.begin("application/json", "content-encoding: gzip")
    squeeze = zlib.compressobj(wbits=31)
    while True:
        await connection.send(squeeze.compress(b" " * 2**20) + squeeze.flush(zlib.Z_SYNC_FLUSH))


# The decoder ignores data behind the end, so a limit on decoded bytes would not help.
async def continues_after_the_end_of_its_gzip(connection: Connection) -> None:
    await connection.request()
    await connection.begin("application/json", "content-encoding: gzip")
    await connection.send(gzip.compress(b"{}"))
    while True:
        await connection.send(b"\0" * 65536)


# Each byte comes in time, so a deadline for the next byte would never end the request.
async def drips(connection: Connection) -> None:
    await connection.request()
    await connection.begin("application/json")
    while True:
        await connection.send(b" ")
        await asyncio.sleep(0.01)  # the deployment's slowness, not a wait of the test


async def breaks_off(connection: Connection) -> None:
    await connection.request()
    await connection.send(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"thread')


def answers(status: str, kind: str, body: bytes, *more: str) -> Behaviour:
    async def behave(connection: Connection) -> None:
        while await connection.request():
            await connection.answer(status, kind, body, *more)

    return behave


HTML = b"<!doctype html>\n<title>Sign in</title>\n" + b"<p>Welcome!</p>\n" * 100

PROBLEMS: dict[str, tuple[Behaviour, str]] = {
    "closes": (closes, f"connection broken: Server disconnected without sending a response. {ASK}"),
    "never-answers": (never_answers, f"no answer within 0.5 s {ASK}"),
    "no-http": (is_no_http, f"connection broken: illegal status line: bytearray(b'SSH-2.0-OpenSSH_9.6') {ASK}"),
    "drips": (drips, f"no whole answer within 0.5 s {ASK}"),
    "breaks-off": (
        breaks_off,
        "connection broken: peer closed connection without sending complete message body "
        f"(received 8 bytes, expected 100) {ASK}",
    ),
    "html": (
        answers("200 OK", "text/html", HTML),
        "HTTP 200 with text/html instead of a JSON object: <!doctype html> <title>Sign in</title> "
        + "<p>Welcome!</p> " * 7
        + "<p>Welcom …. This is a web page: give the URL of the API, and look for a proxy or a login in front of it",
    ),
    "html-404": (
        answers("404 Not Found", "text/html", b"<h1>Not Found</h1>"),
        "HTTP 404: <h1>Not Found</h1>. This is a web page: give the URL of the API, and look for a proxy or a login in "
        "front of it",
    ),
    "html-as-text": (
        answers("500 Oops", "text/plain", b"\n<HTML>it works</HTML>"),
        "HTTP 500: <HTML>it works</HTML>. This is a web page: give the URL of the API, and look for a proxy or a login "
        "in front of it",
    ),
    "redirect": (
        answers("302 Found", "text/plain", b"", "location: https://elsewhere.example/login?token=abcdef"),
        "HTTP 302, a redirect to https://elsewhere.example/login?token=[redacted]; give the URL to which it redirects",
    ),
    "no-content": (
        answers("204 No Content", "text/plain", b""),
        "HTTP 204 with text/plain instead of a JSON object: null",
    ),
    "error": (
        answers("500 Oops", "application/json", b'{"detail":"boom"}'),
        'HTTP 500: {"detail":"boom"}. The deployment\'s log may show why',
    ),
    "no-base-path": (
        answers("404 Not Found", "application/json", b'{"detail":"Not Found"}'),
        'HTTP 404: {"detail":"Not Found"}. If the API has a base path, such as /api, it belongs to --deployment-url: '
        "the URL to which /info can be added",
    ),
    "envelope": (
        answers("200 OK", "application/json", b'{"data":{"thread_id":"1"}}'),
        'HTTP 200 without a `thread_id` that is a string, but with `data.thread_id`: {"data":{"thread_id":"1"}}',
    ),
    "camel-case": (
        answers("200 OK", "application/json", b'{"threadId":"1"}'),
        'HTTP 200 without a `thread_id` that is a string, but with `threadId`: {"threadId":"1"}',
    ),
    "half-json": (
        answers("200 OK", "application/json", b'{"thread_id": "1'),
        'HTTP 200 with application/json instead of a JSON object: {"thread_id": "1',
    ),
    "deep-json": (
        answers("200 OK", "application/json", b"[" * 100_000 + b"]" * 100_000),
        "HTTP 200 with application/json instead of a JSON object: " + "[" * 160 + " …",
    ),
    "list": (
        answers("200 OK", "application/json", b"[]"),
        "HTTP 200 with application/json instead of a JSON object: []",
    ),
    "number-for-id": (
        answers("200 OK", "application/json", b'{"thread_id": 5}'),
        'HTTP 200 without a `thread_id` that is a string: {"thread_id":5}',
    ),
    "terminal-codes": (
        answers("500 Oops", "text/plain", b"\x1b[2J\x1b[31mall\r\nis\twell\x07\x00"),
        "HTTP 500: �[2J�[31mall is well��. The deployment's log may show why",
    ),
    "unasked-encoding": (
        answers("200 OK", "application/json", b"{}", "content-encoding: br"),
        f"content-encoding br although the request accepts only identity {ASK}",
    ),
    "broken-gzip": (
        answers("200 OK", "application/json", b"{}", "content-encoding: gzip"),
        f"broken gzip body: Error -3 while decompressing data: incorrect header check {ASK}",
    ),
}


@pytest.fixture
async def scene() -> AsyncIterator[Stage]:
    async with stage() as found:
        yield found


@pytest.mark.parametrize("name", PROBLEMS)
async def test_what_is_wrong_is_reported_in_one_line(scene: Stage, name: str) -> None:
    behave, problem = PROBLEMS[name]
    async with listening(behave) as url:
        target = await scene.examine(url)
    allowed = {problem}
    if behave is drips:
        # On a busy machine the deadline may pass before the head of the response is there.
        allowed.add(problem.replace("no whole answer", "no answer"))
    assert target.problem in {f"POST /threads at {url}: {one}" for one in allowed}


async def test_no_server_listens(scene: Stage) -> None:
    with socket.socket() as bound:  # bound without listening, so that no other process gets the port
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        target = await scene.examine(url)
    assert target.problem == f"POST /threads at {url}: no connection: All connection attempts failed {ASK}"


@pytest.mark.parametrize("behave", [has_an_endless_body, sends_a_gzip_bomb, continues_after_the_end_of_its_gzip])
async def test_not_more_than_the_limit_is_read_of_one_answer(scene: Stage, behave: Behaviour) -> None:
    async with listening(behave) as url:
        target = await scene.examine(url, PATIENT)
    assert target.problem == f"POST /threads at {url}: answer larger than 8 MiB {ASK}"
    assert scene.transport.largest <= MAX_BODY + 2**17  # the chunk that exceeds the limit was read as well


async def test_endless_headers_are_cut_off(scene: Stage) -> None:
    async with listening(has_endless_headers) as url:
        target = await scene.examine(url, PATIENT)
    assert target.problem is not None
    assert target.problem.startswith(f"POST /threads at {url}: connection broken: ")


THREAD = b'{"thread_id": "11111111-1111-4111-8111-111111111111"}'


def routed(routes: dict[str, bytes], otherwise: tuple[str, bytes]) -> Behaviour:
    """Answer requests whose path has an ending in `routes` with 200 and its JSON, and others as `otherwise` states."""

    async def behave(connection: Connection) -> None:
        while await connection.request():
            body = next((body for end, body in routes.items() if connection.path.endswith(end)), None)
            status = "200 OK" if body is not None else otherwise[0]
            await connection.answer(status, "application/json", otherwise[1] if body is None else body)

    return behave


async def test_runs_that_cannot_be_created(scene: Stage) -> None:
    async with listening(routed({"/threads": THREAD}, ("500 Oops", b'{"detail": "no such graph"}'))) as url:
        target = await scene.examine(url)
    assert target.problem == (
        'a run of the agent `agent` could not be created: HTTP 500: {"detail":"no such graph"}; '
        "is the probe agent deployed under this name (--deployment-assistant)?"
    )


async def test_runs_that_are_accepted_and_never_executed(scene: Stage) -> None:
    run = b'{"run_id": "22222222-2222-4222-8222-222222222222", "status": "pending"}'
    async with listening(routed({"/threads": THREAD, "/runs": run}, ("404 Not Found", b"{}"))) as url:
        target = await scene.examine(url)
    reason = "the deployment does not know it any more (HTTP 404)"
    assert target.problem is not None
    problem = (
        f"a run of the agent `agent` was accepted and never executed: {reason}. doubletext cancelled the run itself"
    )
    assert target.problem == f"{problem} (HTTP 404)"


NOT_EXECUTED = (
    "a run of the agent `agent` was accepted and never executed: its status is `pending`. "
    "A worker of the deployment may not be running, or not free. "
    "doubletext waited 0.75 s for run A to start, and then waited 0.1 s for run A to report a step, and then cancelled "
    "the run itself (HTTP 404). The server reports: ValueError('no key'). "
    "Give a slow deployment more time with --conformance-deadline-scale=3"
)
NOT_FINISHED = (
    "a plain run of the agent `agent` did not finish: its status is `error`. The deployment's log may show why. "
    "The server reports: ValueError('no key')"
)


@pytest.mark.parametrize(("status", "reason"), [("pending", NOT_EXECUTED), ("error", NOT_FINISHED)])
async def test_a_plain_run_that_does_not_work_is_reported_as_it_went(scene: Stage, status: str, reason: str) -> None:
    error = "ValueError('no key')"
    run = msgspec.json.encode({"run_id": "22222222-2222-4222-8222-222222222222", "status": status, "error": error})
    routes = {"/threads": THREAD, "/runs": run, "-222222222222": run}
    async with listening(routed(routes, ("404 Not Found", b"{}"))) as url:
        target = await scene.examine(url)
    assert target.problem == reason
    assert {play.scenario.id for play in target.calibration} == {"calibration"}


async def test_a_server_that_names_itself_at_length_is_shown_short(scene: Stage) -> None:
    info = b'{"name": "' + b"x" * 10_000 + b'", "version": {"not": "text"}}'
    async with listening(routed({"/info": info}, ("404 Not Found", b"{}"))) as url:
        target = await scene.examine(url)
    assert target.info.server == "x" * 40 + " …"
    assert target.info.version is None


# -- with respx, without sockets ---------------------------------------------------------------------------------


FAULTS: dict[str, tuple[Any, str]] = {
    "tls": (httpx.ConnectError("certificate verify failed: self-signed"), "no connection: certificate verify failed"),
    "slow-to-connect": (httpx.ConnectTimeout(""), "no connection: ConnectTimeout"),
    "reset": (httpx.ReadError(""), "connection broken: ReadError"),
    "wrong-protocol": (httpx.UnsupportedProtocol("no 'http'"), "no 'http'"),
    "not-of-the-client": (RuntimeError("a bug in a proxy"), "unusable answer: RuntimeError: a bug in a proxy"),
    "captive-portal": (
        httpx.Response(511, html="log in first"),
        "HTTP 511: log in first. The network between this machine and the deployment wants a login. Log in with a ",
    ),
    "gateway": (
        httpx.Response(502, html="<h1>Bad Gateway</h1>"),
        "HTTP 502: <h1>Bad Gateway</h1>. A proxy or a gateway answers in place of the deployment: is the deployment ",
    ),
    "proxy": (httpx.Response(407, text="who?"), "HTTP 407: who?. The proxy wants credentials: --deployment-proxy="),
    "limit": (httpx.Response(429, json={}), "HTTP 429: {}. The deployment limits requests: play one scenario at a "),
    "forbidden": (
        httpx.Response(403, json={"detail": "no key"}),
        'HTTP 403: {"detail":"no key"}. Send credentials with --deployment-header=',
    ),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_faults_below_http(name: str) -> None:
    effect, problem = FAULTS[name]
    router = respx.MockRouter(base_url="http://deployment.test", assert_all_called=False)
    router.get("/info").respond(404)
    router.post("/threads").mock(
        **({"return_value": effect} if isinstance(effect, httpx.Response) else {"side_effect": effect})
    )
    async with stage(lambda _: httpx.MockTransport(router.async_handler)) as found:
        target = await found.examine("http://deployment.test")
    assert target.problem is not None
    assert target.problem.startswith(f"POST /threads at http://deployment.test: {problem}")


# -- usable at first -----------------------------------------------------------------------------------------------


class Turning(httpx.AsyncBaseTransport):
    """A transport to a deployment that turns bad: `turn` may answer a request in its place, or raise."""

    def __init__(self, inner: httpx.AsyncBaseTransport, turn: Callable[[httpx.Request], httpx.Response | None]) -> None:
        self._inner = inner
        self._turn = turn

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._turn(request)
        return answer if answer is not None else await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def turns_bad(path: str, method: str, bad: Callable[[], httpx.Response]) -> Callable[..., httpx.AsyncBaseTransport]:
    def turn(request: httpx.Request) -> httpx.Response | None:
        fits = request.method == method and request.url.path.endswith(path)
        return bad() if fits else None

    return lambda inner: Turning(inner, turn)


async def test_a_deployment_that_dies_in_the_middle_of_a_scenario_is_given_up_at_once() -> None:
    dead = False

    def turn(request: httpx.Request) -> None:
        nonlocal dead
        dead = dead or b'"multitask_strategy":"interrupt"' in request.content
        if dead:
            raise httpx.ConnectError("All connection attempts failed")

    async with serving() as url, stage(lambda inner: Turning(inner, turn)) as found:
        target = await found.examine(url)
        assert target.problem is None
        # Deadlines of an hour: the test hangs if the suite waits for the rest of the scenario.
        target.deadlines = Deadlines().scaled(360)
        transcript = await found.play(target)
    assert target.problem == (
        "it stopped answering during interrupt/during-tools/create/unwatched: "
        "no connection: All connection attempts failed"
    )
    assert [
        f"{name}: {v.reason}" for name, v in verdicts(transcript).items() if v.word not in ("INCONCLUSIVE", "PASS")
    ] == []
    assert [m.error for m in transcript.moments if isinstance(m, Lost)] == [
        "no connection: All connection attempts failed"
    ]
    assert not any(isinstance(m, Missed) for m in transcript.moments)


async def test_one_path_without_an_answer_is_not_the_end_of_the_deployment() -> None:
    def turn(request: httpx.Request) -> None:
        if request.method == "GET" and "/runs/" in request.url.path and not request.url.path.endswith("/join"):
            raise httpx.ReadError("reset by peer")

    async with serving() as url, stage(lambda inner: Turning(inner, turn)) as found:
        target = found.target(url)
        transcript = await found.play(target)
    assert target.problem is None
    assert verdicts(transcript)["INT-01"].word == "PASS"


ODD_ANSWERS: dict[str, Callable[[], httpx.Response]] = {
    "null": lambda: httpx.Response(200, json=None),
    "text": lambda: httpx.Response(200, json="soon"),
    "number": lambda: httpx.Response(200, json=10**40),
    "list-of-nothing": lambda: httpx.Response(200, json=[None, 1, "x", [], {}]),
    "empty-object": lambda: httpx.Response(200, json={}),
    "html": lambda: httpx.Response(200, html="<h1>hello</h1>"),
    "nothing": lambda: httpx.Response(200, headers={"content-type": "application/json"}),
    "not-utf8": lambda: httpx.Response(200, content=b"\xff\xfe{}", headers={"content-type": "application/json"}),
    "server-error": lambda: httpx.Response(500, json={"detail": "boom"}),
    "redirect": lambda: httpx.Response(307, headers={"location": "https://elsewhere.example/"}),
}

PLACES = [("GET", "/state"), ("POST", "/history"), ("GET", "/join"), ("GET", "/runs"), ("POST", "/runs"), ("GET", "")]
"""Methods and endings of paths. The last one matches every GET."""


@pytest.mark.parametrize("odd", ODD_ANSWERS)
async def test_odd_answers_in_one_place_are_judged(odd: str) -> None:
    async def one(url: str, method: str, path: str) -> None:
        async with stage(turns_bad(path, method, ODD_ANSWERS[odd])) as found:
            transcript = await found.play(found.target(url, HASTY))
        for requirement, verdict in verdicts(transcript).items():
            assert verdict.word != "ERROR", f"{odd} from {method} …{path}: {requirement}: {verdict.reason}"
            assert "\n" not in verdict.reason
            assert len(verdict.reason) < 2_000

    async with serving() as url, asyncio.TaskGroup() as tasks:
        for method, path in PLACES:
            tasks.create_task(one(url, method, path))


async def test_a_run_that_is_created_with_a_500_is_no_error_of_the_suite() -> None:
    async with serving() as url, stage(turns_bad("/runs", "POST", ODD_ANSWERS["server-error"])) as found:
        found_verdicts = verdicts(await found.play(found.target(url)))
    assert found_verdicts["INT-01"].word == "FAIL"
    assert found_verdicts["INT-01"].observed == "HTTP 500"
    assert found_verdicts["INT-02"].word == "INCONCLUSIVE"
    assert found_verdicts["INT-02"].reason == "run B was not accepted: HTTP 500"


def endless(chunk: bytes, kind: str) -> Callable[[], httpx.Response]:
    async def forever() -> AsyncIterator[bytes]:
        while True:
            yield chunk
            # Without a turn of the loop, the deadlines of the suite would never fire.
            await asyncio.sleep(0)

    return lambda: httpx.Response(200, content=forever(), headers={"content-type": kind})


@pytest.mark.parametrize(
    ("chunk", "error"),
    [
        (b"event: values\ndata: " + b"x" * 2**16, "answer larger than 8 MiB"),
        (b"event: values\ndata: 1\n\n", f"more than {MAX_EVENTS} events in one stream"),
        (b": still there\n\n" * 4096, "answer larger than 8 MiB"),
    ],
)
async def test_endless_streams_end(chunk: bytes, error: str) -> None:
    tamper = turns_bad("/runs/stream", "POST", endless(chunk, "text/event-stream"))
    async with serving() as url, stage(tamper) as found:
        target = found.target(url, replace(QUICK, stop=60.0, answer=10.0))  # long enough to read the limit
        transcript = await found.play(target, "interrupt/during-tools/stream/unwatched")
    faults = [m.error for m in transcript.moments if isinstance(m, NetworkFault)]
    assert error in faults
    assert sum(isinstance(m, StreamEvent) for m in transcript.moments) <= MAX_EVENTS
    assert found.transport.largest <= MAX_BODY + 2**17
    assert all(verdict.word != "ERROR" for verdict in verdicts(transcript).values())


async def test_a_play_has_a_limit_of_its_own() -> None:
    large = b'{"status": "pending", "padding": "' + b"x" * (MAX_BODY - 1000) + b'"}'
    tamper = turns_bad(
        "", "GET", lambda: httpx.Response(200, content=large, headers={"content-type": "application/json"})
    )
    async with serving() as url, stage(tamper) as found:
        target = found.target(url)
        transcript = await found.play(target)
    # The other plays are judged.
    assert target.problem is None
    assert "the answers of this play add up to more than 64 MiB" in {
        m.error for m in transcript.moments if isinstance(m, NetworkFault)
    }
    # One answer below its own limit is read again with each poll, so the sum needs a limit too.
    recorded = sum(len(msgspec.json.encode(m)) for m in transcript.moments)
    assert recorded <= MAX_PLAY + 2**20
