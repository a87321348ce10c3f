"""Webhooks and witnesses: only the loopback is called, and hosts that were allowed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from aiohttp import web

import mockserver
from mockserver import MockDeployment
from mockserver.core.callbacks import AGENT, Callbacks, is_loopback
from mockserver.web.journal import JOURNAL
from tests.mockserver.stage import Stage, asking, on_stage
from tests.mockserver.witness import DEADLINE


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "::1"])
def test_the_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        "::",
        "127.1",
        "2130706433",
        "::ffff:127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "localhost.evil.example",
        "",
    ],
)
def test_what_is_not_the_loopback_by_its_spelling(host: str) -> None:
    assert not is_loopback(host)
    assert not Callbacks().allows("webhook", f"http://{host}/", host, None)


def test_a_host_is_allowed_by_name() -> None:
    callbacks = Callbacks(["App", "[fd00::1]"])
    assert callbacks.allows("webhook", "http://app:8000/done", "app", None)
    assert callbacks.allows("witness", "http://[fd00::1]/", "fd00::1", None)
    assert not callbacks.allows("witness", "http://app.evil.example/", "app.evil.example", None)


async def run_to_the_end(stage: Stage, **more: Any) -> dict[str, Any]:
    path = f"/threads/{stage.thread}/runs/wait"
    answer = await stage.http.post(path, json={"assistant_id": "agent", "input": asking("sf"), **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = (await stage.http.get("/_mock/journal")).json()
    return found


async def test_a_webhook_to_another_host_is_refused_in_the_log_and_in_the_journal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with on_stage() as stage:
        journal = await run_to_the_end(stage, webhook="http://192.0.2.1:9/hook")
        line = 'webhook "http://192.0.2.1:9/hook" refused: its host is not on the loopback'
        [entry] = [one for one in journal["requests"] if one["path"].endswith("/runs/wait")]
        assert [one.partition(". Start")[0] for one in entry["callbacks"]] == [line]
        assert entry["callbacks"][0].endswith("Start with --allow-callbacks 192.0.2.1")
        assert line in caplog.text


async def test_a_witness_on_another_host_is_refused_in_the_journal() -> None:
    async with on_stage() as stage:
        probe = {"version": 1, "label": "A", "witness": "http://192.0.2.1:9/reports"}
        journal = await run_to_the_end(stage, config={"configurable": {"probe": probe}})
        [entry] = [one for one in journal["requests"] if one["path"].endswith("/runs/wait")]
        assert entry["callbacks"] == [
            'witness "http://192.0.2.1:9/reports" refused: its host is not on the loopback. '
            "Start with --allow-callbacks 192.0.2.1"
        ]


async def test_a_redirect_of_a_witness_or_a_webhook_is_not_followed() -> None:
    followed: list[str] = []
    asked = asyncio.Event()

    async def redirect(request: web.Request) -> web.StreamResponse:
        asked.set()
        raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:{request.url.port}/inside")

    async def inside(request: web.Request) -> web.StreamResponse:
        followed.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", redirect)
    app.router.add_post("/inside", inside)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        async with on_stage() as stage:
            probe = {"version": 1, "label": "A", "witness": url}
            await run_to_the_end(stage, webhook=url, config={"configurable": {"probe": probe}})
            await asyncio.wait_for(asked.wait(), DEADLINE)
    finally:
        await runner.cleanup()
    assert followed == []


def test_the_log_of_a_deployment_shows_what_was_refused() -> None:
    with MockDeployment() as deployment:
        body = {"assistant_id": "agent", "input": asking("sf"), "webhook": "http://app/done"}
        httpx.post(f"{deployment.url}/runs/wait", json=body)
        assert 'webhook "http://app/done" refused' in deployment.log()
        [entry] = deployment.journal()
        assert entry.callbacks[0].startswith('webhook "http://app/done" refused')


def test_an_application_has_its_own_callbacks() -> None:
    first, second = mockserver.create_app(), mockserver.create_app()
    assert first[JOURNAL] is not second[JOURNAL]


@pytest.mark.parametrize("path", ["/_mock/reset", "/_mock/restart"])
@pytest.mark.parametrize("kind", ["webhook", "witness"])
async def test_the_mock_does_not_control_itself_for_a_page(kind: str, path: str) -> None:
    async with mockserver.serving() as url, httpx.AsyncClient(base_url=url) as http:
        body: dict[str, Any] = {"assistant_id": "agent", "input": asking("sf")}
        if kind == "webhook":
            body["webhook"] = f"{url}{path}"
        else:
            probe = {"version": 1, "label": "A", "witness": f"{url}{path}"}
            body["config"] = {"configurable": {"probe": probe}}
        # A page sends this without a preflight.
        page = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        answer = await http.post(f"/threads/{thread}/runs/wait", content=json.dumps(body), headers=page)
        assert answer.status_code == 200
        refused = await http.post(path, headers={"User-Agent": AGENT, "Content-Type": "application/json"}, content="{}")
        assert refused.status_code == 403
        assert (await http.get(f"/threads/{thread}")).status_code == 200


def test_a_page_cannot_write_lines_into_a_log(caplog: pytest.LogCaptureFixture) -> None:
    Callbacks().allows("webhook", "http://evil\n2026 ERROR fake \x1b[2J\u202e", "evil\n", None)
    [record] = caplog.records
    assert record.getMessage().isprintable()
