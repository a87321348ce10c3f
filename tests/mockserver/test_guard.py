"""The control API answers programs, and nothing that a web page could send."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

import mockserver
from mockserver.control.routes import COMMANDS
from mockserver.web.guard import Guard

JSON = {"Content-Type": "application/json"}
FOREIGN = "https://evil.example"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    settings = {"allow_hosts": ["app"], "allow_origins": ["http://localhost:3000"]}
    async with mockserver.serving(**settings) as url, httpx.AsyncClient(base_url=url) as client:  # type: ignore[arg-type]
        yield client


REFUSED: list[tuple[str, Mapping[str, str], str, str]] = [
    ("403", {"Origin": FOREIGN}, "{}", f"start with --allow-origin {FOREIGN}"),
    ("403", {"Origin": "null"}, "{}", 'pages of "null"'),
    ("403", {"Origin": "http://localhost:3001"}, "{}", 'pages of "http://localhost:3001"'),
    ("403", {"Origin": "http://localhost:3000.evil.example"}, "{}", "pages of"),
    ("403", {"Host": "evil.example"}, "{}", "start with --allow-host evil.example"),
    ("403", {"Host": "evil.example:2024", "Origin": "http://evil.example:2024"}, "{}", "the host"),
    ("403", {"Host": "localhost.evil.example"}, "{}", "the host"),
    ("403", {"Host": "127.0.0.1.evil.example"}, "{}", "the host"),
    ("403", {"Sec-Fetch-Site": "cross-site"}, "{}", "pages of other origins"),
    ("403", {"Sec-Fetch-Site": "same-site"}, "{}", "pages of other origins"),
    ("415", {"Content-Type": "text/plain"}, "{}", "takes the content type application/json, not text/plain"),
    ("415", {"Content-Type": "application/x-www-form-urlencoded"}, "a=b", "not application/x-www-form-urlencoded"),
    ("415", {"Content-Type": "multipart/form-data; boundary=x"}, "", "not multipart/form-data"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: f"{one.method} {one.path}")
@pytest.mark.parametrize(("status", "headers", "body", "said"), REFUSED)
async def test_a_command_that_a_page_could_send_is_refused(
    command: Any, status: str, headers: Mapping[str, str], body: str, said: str, http: httpx.AsyncClient
) -> None:
    path = command.path.replace("{name}", "ghost_run")
    answer = await http.request(command.method, path, content=body, headers={**JSON, **headers})
    assert answer.status_code == int(status), answer.text
    assert said in answer.json()["detail"]
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:3000"},
        {"Host": "app:2024"},
        {"Host": "APP"},
        {"Host": "localhost:2024", "Origin": "http://localhost:2024"},
        {"Host": "mock.localhost"},
        {"Host": "192.168.0.7:2024"},
        {"Host": "[::1]:2024"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Content-Type": "application/json; charset=utf-8"},
    ],
)
async def test_a_program_and_a_page_that_was_allowed_are_answered(
    headers: Mapping[str, str], http: httpx.AsyncClient
) -> None:
    answer = await http.post("/_mock/holds", content='{"point": "agent:1/enter"}', headers={**JSON, **headers})
    assert answer.status_code == 200, answer.text
    allowed = answer.headers.get("Access-Control-Allow-Origin")
    assert allowed == ("*" if headers.get("Origin") == "http://localhost:3000" else None)


async def test_a_command_without_a_body_needs_no_content_type(http: httpx.AsyncClient) -> None:
    assert (await http.post("/_mock/reset")).status_code == 200
    assert (await http.get("/_mock/journal")).status_code == 200


async def test_a_preflight_allows_the_api_to_all_and_the_control_api_to_those_that_were_named(
    http: httpx.AsyncClient,
) -> None:
    async def preflight(path: str, origin: str) -> int:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return (await http.options(path, headers=headers)).status_code

    assert await preflight("/threads", FOREIGN) == 204
    assert await preflight("/_mock/reset", FOREIGN) == 403
    assert await preflight("/_mock/reset", "http://localhost:3000") == 204


async def test_the_api_is_open_to_every_page(http: httpx.AsyncClient) -> None:
    headers = {"Origin": FOREIGN, "Host": "evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = await http.post("/threads", json={}, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_every_page_can_be_allowed() -> None:
    assert Guard(origins=["*"]).refusal({"Host": "localhost", "Origin": FOREIGN}, has_body=False) is None


def test_an_empty_name_allows_nothing() -> None:
    for guard in (Guard([""]), Guard(["", "app"])):
        assert guard.refusal({"Host": "evil~.example", "Origin": "http://evil~.example"}, has_body=False) is not None


def test_a_host_that_cannot_be_read_is_refused() -> None:
    for host in ("[", "a b", "local\thost", ":80", "@localhost", "localhost@evil.example"):
        assert Guard().refusal({"Host": host}, has_body=False) is not None
