import asyncio
import json
import logging
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import mockserver
from mockserver.core.clock import UndelayedClock
from mockserver.core.policy import Policy
from mockserver.core.records import Thread
from mockserver.web.http import ENGINE
from mockserver.web.routes import ROUTES
from tests.mockserver.stage import Stage, asking, on_stage
from tests.mockserver.witness import FakeWitness


async def test_no_task_is_left_behind_whatever_was_going_on() -> None:
    before = asyncio.all_tasks()
    async with FakeWitness().listening() as witness:
        witness.hold("A/tools:1/enter", "A/tools:1/cancelled")
        async with mockserver.serving() as url, httpx.AsyncClient(base_url=url) as http:
            for on_cancel in ("linger", "swallow", "stop"):
                probe = {"version": 1, "label": "A", "witness": witness.url, "on_cancel": on_cancel}
                body = {
                    "assistant_id": "agent",
                    "input": asking("sf"),
                    "config": {"configurable": {"probe": probe}},
                }
                await http.post("/runs", json=body)
                await http.post("/runs", json={"assistant_id": "agent", "input": asking("sf")})
                await http.post("/runs", json={"assistant_id": "agent", "after_seconds": 3600})
            await witness.reached("A/tools:1/enter")
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_an_application_of_ones_own_and_rules_of_ones_own() -> None:
    class Impatient(Policy):
        def default_strategy(self, thread: Thread) -> Any:
            return "reject"

    assert mockserver.create_app(seed=3)[ENGINE].threads.by_id == {}
    async with on_stage(policy=Impatient()) as stage:
        await stage.held("A", "sf", "tools:1/enter")
        answer = await stage.http.post(f"/threads/{stage.thread}/runs", json={"assistant_id": "agent"})
        assert answer.status_code == 409


async def test_applications_are_mounted_under_a_prefix_one_after_the_other() -> None:
    for prefix in ("/first", "/second"):
        outer = web.Application()
        outer.add_subapp(prefix, mockserver.create_app())
        async with TestServer(outer) as server, httpx.AsyncClient(base_url=str(server.make_url(prefix))) as http:
            assert (await http.get("/ok")).status_code == 200
            thread = (await http.post("/threads", json={})).json()["thread_id"]
            assert (await http.get(f"/threads/{thread}")).json()["status"] == "idle"
            assert (await http.get("/_mock/journal")).status_code == 200


async def test_parallel_threads_do_not_disturb_each_others_ids_and_times() -> None:
    async def conversation(http: httpx.AsyncClient, thread: str) -> bytes:
        await http.post("/threads", json={"thread_id": thread})
        for place in ("sf", "nyc"):
            body = {"assistant_id": "agent", "input": asking(place)}
            await http.post(f"/threads/{thread}/runs/wait", json=body)
        chain = (await http.get(f"/threads/{thread}/history?limit=100")).json()
        return json.dumps([[one["checkpoint_id"][-12:], one["values"]] for one in chain]).encode()

    threads = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(5)]
    async with (
        mockserver.serving(clock=UndelayedClock()) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as http,
    ):
        together = await asyncio.gather(*(conversation(http, thread) for thread in threads))
    async with (
        mockserver.serving(clock=UndelayedClock()) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as http,
    ):
        alone = [await conversation(http, thread) for thread in threads]
    # The answers' ids hold the time at which a thread was created, which does depend on the others.
    assert [_without_times(one) for one in together] == [_without_times(one) for one in alone]


def _without_times(chain: bytes) -> Any:
    plain = json.loads(chain)
    for _, values in plain:
        for message in values.get("messages", ()):
            message["id"] = message["id"][-24:]
    return plain


async def test_a_hundred_threads_at_once(stage: Stage) -> None:
    async def double_text(number: int) -> str:
        thread = (await stage.client.threads.create())["thread_id"]
        body: dict[str, Any] = {"assistant_id": "agent", "input": asking("sf"), "config": stage.config(f"A{number}")}
        await stage.http.post(f"/threads/{thread}/runs", json=body)
        body = {**body, "config": stage.config(f"B{number}"), "multitask_strategy": "interrupt"}
        values = (await stage.http.post(f"/threads/{thread}/runs/wait", json=body)).json()
        return str(values["steps"][-1])

    last = await asyncio.gather(*(double_text(number) for number in range(100)))
    assert last == [f"B{number}/agent:2" for number in range(100)]
    assert await stage.client.threads.count(status="idle") == 101


async def test_the_description_of_the_api_is_true(stage: Stage) -> None:
    described = (await stage.http.get("/openapi.json")).json()
    assert {(path, method) for path, item in described["paths"].items() for method in item} == {
        (route.path, route.method.lower()) for route in ROUTES
    }
    strategy = described["components"]["schemas"]["RunRequest"]["properties"]["multitask_strategy"]
    assert sorted(strategy["enum"]) == ["enqueue", "interrupt", "reject", "rollback"]
    text = json.dumps(described)
    for name in described["components"]["schemas"]:
        assert text.count(f'"#/components/schemas/{name}"') >= 1
    operations = [item[method] for item in described["paths"].values() for method in item]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] for operation in operations)


async def test_a_fault_of_the_server_is_a_500_in_json_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Policy):
        def thread_status(self, thread: Any) -> Any:
            raise RuntimeError("broken on purpose")

    async with mockserver.serving(policy=Broken()) as url, httpx.AsyncClient(base_url=url) as http:
        with caplog.at_level(logging.ERROR):
            answer = await http.post("/threads", json={})
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})
    assert "broken on purpose" in caplog.text
