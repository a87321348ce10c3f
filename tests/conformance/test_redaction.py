"""Redaction: no secret that a deployment echoes reaches the terminal, a report, a transcript or a JUnit file."""

from __future__ import annotations

import base64
import contextlib
import html
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from aiohttp import ClientSession, web
from hypothesis import given
from hypothesis import strategies as st

from conformance.transcript.redaction import MAX_COOKIES, MAX_DEPTH, REDACTED, Redactor, TooDeep
from mockserver import serving
from tests.conformance.runs import run_suite
from tests.conformance.test_encodings import ENCODINGS

PASSWORD = "p4ss/w0rd"
BASIC = base64.b64encode(f"jane:{PASSWORD}".encode()).decode()
GIVEN = "s3cr3t-of-the-option"
FROM_ENVIRONMENT = "s3cr3t-of-the-environment"
COOKIE = "s3cr3t-of-a-cookie"
QUERY = "s3cr3t-of-a-query"
# The forms in which the password can be echoed: plain, in a URL, and in the Authorization header.
SECRETS = (PASSWORD, "p4ss%2Fw0rd", BASIC, GIVEN, FROM_ENVIRONMENT, COOKIE, QUERY)
ENCODED = {
    f"{name} {number}": encode(secret)
    for name, encode in ENCODINGS.items()
    for number, secret in enumerate((PASSWORD, GIVEN, FROM_ENVIRONMENT))
}
"""Not the cookie: until it was set, it is no secret."""


@contextlib.asynccontextmanager
async def echoing(upstream: str) -> AsyncIterator[str]:
    """Serve the mock behind a proxy that echoes the headers of a request in bodies, headers, statuses and a cookie."""

    async def forward(request: web.Request) -> web.StreamResponse:
        sent = {str(k): v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")}
        body = await request.read()
        async with session.request(request.method, f"{upstream}{request.path_qs}", headers=sent, data=body) as answer:
            raw = await answer.read()
            kind = answer.content_type
            status = answer.status
            location = answer.headers.get("Content-Location", "")
        received = {**sent, "basic": base64.b64decode(request.headers["Authorization"].split()[1]).decode()}
        if kind == "application/json" and raw.strip().startswith(b"{"):
            found: dict[str, Any] = msgspec.json.decode(raw)
            found["echo"] = {**received, **{value: key for key, value in received.items()}}
            found["encoded"] = ENCODED
            found["next_page"] = f"https://jane:{PASSWORD}@elsewhere.example/?page=1&access_token={QUERY}"
            # A status is quoted in the reason of a verdict, which is printed and written by other code than bodies are.
            if found.get("status") == "interrupted":
                found["status"] = f"interrupted by {received}"
            raw = msgspec.json.encode(found)
        headers = {"Content-Location": location, "Set-Cookie": f"sid={COOKIE}; Path=/", "X-Echo": GIVEN}
        return web.Response(body=raw, status=status, content_type=kind, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    async with ClientSession() as session:
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("-n", "2")], ids=["alone", "distributed"])
async def test_no_artefact_shows_a_secret(tmp_path: Path, more: tuple[str, ...]) -> None:
    async with serving() as upstream, echoing(upstream) as address:
        run = await run_suite(
            *("--deployment-url", f"http://jane:{PASSWORD.replace('/', '%2F')}@{address}"),
            *("--deployment-header", f"X-Api-Key: {GIVEN}"),
            *(f"--conformance-report={tmp_path / 'report'}", f"--junitxml={tmp_path / 'junit.xml'}"),
            *(f"--basetemp={tmp_path / 'scratch'}", "--conformance-deadline-scale", "0.2"),
            *("-vv", "-rA", "-l", "--tb=long"),
            *("-k", "interrupt/during-tools/create/unwatched:: or interrupt/during-tools/stream"),
            *more,
            cache=tmp_path / "cache",
            env={"DOUBLETEXT_DEPLOYMENT_HEADERS": f"X-Other: Token {FROM_ENVIRONMENT}\n"},
        )
    assert run.code == 1, run.output
    assert "INT-02 (MUST)" in run.output  # a failure was printed, with its exchanges and its cURL command
    assert f"http://{address}" in run.output
    written = artefacts(tmp_path)
    assert {"report.json", "report.html", "junit.xml", "unwatched.json", "lastfailed"} <= written.keys()
    for name, text in {**written, "terminal": run.output}.items():
        found = [secret for secret in (*SECRETS, *ENCODED.values()) if secret in text]
        assert not found, f"{name} shows {found}"
    assert REDACTED in written["unwatched.json"]


def artefacts(folder: Path) -> dict[str, str]:
    """Return the text of every written file. Pages have their unescaped text as well, as a reader sees it."""
    found = {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}
    return {name: text + (html.unescape(text) if name.endswith(".html") else "") for name, text in found.items()}


def redactor(**headers: str) -> Redactor:
    return Redactor(headers)


@pytest.mark.parametrize(
    ("header", "echo"),
    [
        ("abcdef", "key=abcdef!"),
        ("Bearer abcdef", "you sent abcdef"),
        (f"Basic {base64.b64encode(b'joe:h0usekey').decode()}", "password h0usekey"),
        ("sid=abcdef; theme=dark", "session abcdef, sid=abcdef"),
        ("ab/cd+ef", "?q=ab%2Fcd%2Bef"),
    ],
)
def test_parts_of_a_header_are_found_alone(header: str, echo: str) -> None:
    assert REDACTED in redactor(x=header).text(echo)
    for secret in ("abcdef", "h0usekey", "ab%2Fcd%2Bef"):
        assert secret not in redactor(x=header).text(echo)


@pytest.mark.parametrize("harmless", ["tool", "interrupted", "agent", "human", "true", "abc"])
def test_a_header_with_an_everyday_value_does_not_spoil_answers(harmless: str) -> None:
    answer = {"status": "interrupted", "next": ["agent"], "type": "human", "tool_calls": True, "abc": "abc"}
    assert redactor(x_mode=harmless).value(answer) == answer


def test_the_header_itself_is_never_shown() -> None:
    shown = redactor(**{"X-Mode": "abc"}).headers([("x-mode", "abc"), ("Authorization", "z"), ("accept", "*/*")])
    assert shown == {"x-mode": REDACTED, "authorization": REDACTED, "accept": "*/*"}


def test_a_secret_that_begins_another_leaves_no_tail() -> None:
    assert redactor(a="secret-1", b="secret-1-and-more").text("secret-1-and-more") == REDACTED


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://jane:pass@host:8/p", "https://host:8/p"),
        ("https://host/?page=2&api_key=123", "https://host/?page=2&api_key=[redacted]"),
        ("https://host/#token", "https://host/"),
    ],
)
def test_urls_are_shown_without_secrets(url: str, shown: str) -> None:
    assert Redactor({}).url(httpx.URL(url)) == shown


def test_only_the_newest_cookies_are_remembered() -> None:
    found = Redactor({})
    for number in range(2 * MAX_COOKIES):
        found.learn_cookie(f"sid=cookie-{number:04}; Secure")
    assert found.text(f"cookie-{2 * MAX_COOKIES - 1:04}") == REDACTED
    assert found.text("cookie-0000") == "cookie-0000"


def test_bottomless_json_is_refused() -> None:
    value: Any = []
    for _ in range(100):
        value = [value]
    with pytest.raises(TooDeep):
        Redactor({}).value(value)


def test_json_is_searched_to_the_depth_that_is_promised() -> None:
    def nested(levels: int, inside: Any) -> Any:
        return inside if levels == 0 else {"a": nested(levels - 1, inside)}

    deepest = nested(MAX_DEPTH, GIVEN)
    assert redactor(x_api_key=GIVEN).value(deepest) == nested(MAX_DEPTH, REDACTED)
    assert Redactor({}).value(deepest) is deepest
    with pytest.raises(TooDeep):
        Redactor({}).value(nested(MAX_DEPTH, {}))


FRAGMENTS = st.sampled_from(
    [
        "://",
        "jane:",
        "@",
        "?access_token=",
        QUERY,
        GIVEN,
        GIVEN[:9],
        GIVEN[9:],
        REDACTED,
        "\0",
        "\n",
        "\\",
        '"',
        *ENCODED.values(),
    ]
)
TEXTS = st.lists(FRAGMENTS, max_size=3).map("".join)
VALUES = st.recursive(TEXTS | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner))


@given(VALUES, st.sampled_from([{}, {"X-Api-Key": GIVEN, "Authorization": PASSWORD}]))
def test_a_value_is_redacted_string_by_string(value: Any, headers: dict[str, str]) -> None:
    """`value` searches all strings at once first, which must find what a search of each finds."""
    found = Redactor(headers)

    def each(one: Any) -> Any:
        if isinstance(one, dict):
            return {found.text(key): each(inner) for key, inner in one.items()}
        if isinstance(one, list):
            return [each(inner) for inner in one]
        return found.text(one) if isinstance(one, str) else one

    assert found.value(value) == each(value)
