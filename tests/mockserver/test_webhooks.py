"""The content of webhooks, and that no request waits for their delivery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from mockserver.engine.webhooks import ATTEMPTS
from tests.mockserver.stage import Stage, asking
from tests.mockserver.witness import DEADLINE


class Listener:
    """A receiver of webhooks. `answers` are its statuses in order, and the last one is repeated."""

    def __init__(self, *answers: int) -> None:
        self.url = ""
        self.taken: list[tuple[str, Any]] = []
        self._answers = list(answers) or [200]
        self._changed = asyncio.Condition()

    async def came(self, count: int) -> list[tuple[str, Any]]:
        """Return the received webhooks once there are `count` of them."""
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(lambda: len(self.taken) >= count)
        return self.taken

    async def _take(self, request: web.Request) -> web.Response:
        async with self._changed:
            self.taken.append((request.match_info["name"], await request.json()))
            self._changed.notify_all()
        return web.Response(status=self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])


@asynccontextmanager
async def listening(*answers: int) -> AsyncIterator[Listener]:
    listener = Listener(*answers)
    app = web.Application()
    app.router.add_post("/{name}", listener._take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield listener
    finally:
        await runner.cleanup()


async def test_a_run_that_is_over_is_told_whole(stage: Stage) -> None:
    async with listening() as listener:
        run_id = await stage.create("A", "sf", webhook=f"{listener.url}/a?token=1")
        values = await stage.join(run_id)
        [(name, told)] = await listener.came(1)
        shown = await stage.client.runs.get(stage.thread, run_id)
    assert name == "a"
    assert told["kwargs"]["webhook"] == f"{listener.url}/a?token=1"
    assert told["values"] == values
    assert told["run_started_at"] < told["run_ended_at"] <= told["webhook_sent_at"]
    extra = {"values", "run_started_at", "run_ended_at", "webhook_sent_at"}
    assert {key: value for key, value in told.items() if key not in extra} == dict(shown)


@pytest.mark.parametrize(("strategy", "told"), [("interrupt", "interrupted"), ("rollback", "rollback")])
async def test_a_superseded_run_is_told_first_and_once(stage: Stage, strategy: str, told: str) -> None:
    async with listening() as listener:
        await stage.held("A", "sf", "tools:1/enter", webhook=f"{listener.url}/a")
        run_id = await stage.create("B", "nyc", strategy, webhook=f"{listener.url}/b")
        await stage.join(run_id)
        taken = await listener.came(2)
    assert [(name, body["status"]) for name, body in taken] == [("a", told), ("b", "success")]
    why = {"interrupt": "UserInterrupt", "rollback": "UserRollback"}[strategy]
    message = f"superseded by run {run_id} (multitask_strategy={strategy})"
    assert [body.get("error") for _, body in taken] == [{"error": why, "message": message}, None]
    assert (taken[0][1]["values"] is None) == (strategy == "rollback")


async def test_a_run_that_never_began_tells_nothing(stage: Stage) -> None:
    async with listening() as listener:
        await stage.held("Z", "la", "tools:1/enter")
        await stage.create("A", "sf", webhook=f"{listener.url}/a")
        await stage.join(await stage.create("B", "nyc", "interrupt", webhook=f"{listener.url}/b"))
        assert [name for name, _ in await listener.came(1)] == ["b"]


async def test_a_failed_run_tells_its_error(stage: Stage) -> None:
    async with listening() as listener:
        await stage.create("A", "sf", probe={"fail": ("tools:1",)}, webhook=f"{listener.url}/a")
        [(_, told)] = await listener.came(1)
    assert told["status"] == "error"
    assert set(told["error"]) == {"error", "message"}


async def test_a_stateless_run_tells_although_its_thread_is_gone(stage: Stage) -> None:
    async with listening() as listener:
        body = {"assistant_id": "agent", "input": asking("sf"), "webhook": f"{listener.url}/a"}
        assert (await stage.http.post("/runs/wait", json=body)).status_code == 200
        [(_, told)] = await listener.came(1)
    assert told["status"] == "success"
    assert (await stage.http.get(f"/threads/{told['thread_id']}")).status_code == 404


async def test_a_listener_that_fails_is_asked_again_and_then_let_be(stage: Stage) -> None:
    async with listening(500, 500, 200) as listener:
        run_id = await stage.create("A", "sf", webhook=f"{listener.url}/a")
        taken = await listener.came(ATTEMPTS)
        assert await stage.status(run_id) == "success"
    assert [body for _, body in taken] == [taken[0][1]] * ATTEMPTS


async def test_nobody_waits_for_a_listener_that_is_not_there(stage: Stage) -> None:
    async with listening() as listener:
        gone = listener.url
    run_id = await stage.create("A", "sf", webhook=f"{gone}/a")
    await stage.join(run_id)
    assert (await stage.status(run_id), await stage.thread_status()) == ("success", "idle")
    await stage.join(await stage.create("B", "nyc"))
