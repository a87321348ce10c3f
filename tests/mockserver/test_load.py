"""Many threads at once: what they leave, and what the mock does not keep. How fast it is, benchmarks/ measures."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from mockserver.app import create_app, listening
from mockserver.control.routes import CONTROLLER
from mockserver.core.checkpoints import History
from mockserver.core.clock import UndelayedClock
from mockserver.core.policy import policy_of
from mockserver.core.strategies import STRATEGIES
from mockserver.engine import engine as engines
from mockserver.engine.engine import Engine
from mockserver.vocabulary import Strategy
from mockserver.web.http import ENGINE
from mockserver.web.journal import LENGTH
from tests.mockserver.stage import asking
from tests.mockserver.witness import DEADLINE

pytestmark = pytest.mark.usefixtures("earlier_objects_are_kept")

THREADS = 1000
LEFT: dict[Strategy, list[str]] = {
    "reject": ["success"],
    "rollback": ["success"],
    "interrupt": ["interrupted", "success"],
    "enqueue": ["success", "success"],
}
"""The statuses of a thread's runs after a double text with each strategy."""
SAID: dict[Strategy, list[str]] = {
    "reject": ["sf"],
    "rollback": ["nyc"],
    "interrupt": ["sf", "nyc"],
    "enqueue": ["sf", "nyc"],
}
"""Return the human messages that the thread has at that moment."""


@asynccontextmanager
async def deployment() -> AsyncIterator[tuple[Engine, aiohttp.ClientSession]]:
    app = create_app(clock=UndelayedClock())
    # No time limit for a request: it would count the time for which it waits for a connection.
    async with (
        listening(app, "127.0.0.1", 0) as url,
        aiohttp.ClientSession(
            url, timeout=aiohttp.ClientTimeout(total=None), connector=aiohttp.TCPConnector(limit=50)
        ) as client,
    ):
        yield app[ENGINE], client


async def post(client: aiohttp.ClientSession, path: str, body: Any) -> Any:
    async with client.post(path, json=body) as answer:
        return await answer.json() if answer.status == 200 else answer.status


def order(text: str, **more: Any) -> dict[str, Any]:
    said = {"messages": [{"role": "user", "content": text}]}
    return {"assistant_id": "agent", "input": said, "config": QUICK, **more}


QUICK = {"configurable": {"probe": {"version": 1, "label": "A"}}}


def at_work() -> set[str]:
    """Return the names of the coroutines that the tasks of the event loop run."""
    return {getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()}


@pytest.mark.patient
async def test_a_thousand_threads_double_text_at_once_and_leave_nothing() -> None:
    before = asyncio.all_tasks()
    async with deployment() as (engine, client):
        await post(client, "/_mock/holds", {"point": "agent:1/enter"})
        idle = at_work()

        async def double_text(number: int) -> None:
            thread = (await post(client, "/threads", {"metadata": {"number": number}}))["thread_id"]
            strategy = STRATEGIES[number % len(STRATEGIES)]
            await post(client, f"/threads/{thread}/runs", order(f"sf {number}"))
            second = await post(client, f"/threads/{thread}/runs", order(f"nyc {number}", multitask_strategy=strategy))
            assert (second == 409) == (strategy == "reject")

        await asyncio.gather(*(double_text(number) for number in range(THREADS)))
        threads = list(engine.threads.by_id.values())
        assert all(thread.in_flight for thread in threads)
        assert len(threads) == THREADS
        async with client.delete("/_mock/holds"):
            pass
        for thread in threads:
            for run in list(thread.in_flight.values()):
                await asyncio.wait_for(run.ended.wait(), DEADLINE)
        for thread in threads:
            number = thread.metadata["number"]
            strategy = STRATEGIES[number % len(STRATEGIES)]
            assert [run.status for run in thread.runs.values()] == LEFT[strategy]
            values = policy_of(thread).thread_values(thread)
            assert values is not None
            said = [message["content"] for message in values["messages"] if message["type"] == "human"]
            assert said == [f"{place} {number}" for place in SAID[strategy]]
        logs = [run.log for thread in threads for run in thread.runs.values()]
        forgotten = [weakref.ref(one) for one in (*logs, *(thread.history for thread in threads))]
        del thread, threads, run, logs
        await post(client, "/_mock/reset", {})
        gc.collect()
        assert [ref for ref in forgotten if ref() is not None] == []
        assert at_work() <= idle
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_the_journal_keeps_the_newest_requests() -> None:
    app = create_app(clock=UndelayedClock())
    async with listening(app, "127.0.0.1", 0) as url, aiohttp.ClientSession(url) as client:
        for number in range(LENGTH + 3):
            async with client.get(f"/ok?check_db={'false' if number % 2 else 'true'}"):
                pass
        kept = list(app[CONTROLLER].journal)
        assert [kept[0].number, kept[-1].number, len(kept)] == [4, LENGTH + 3, LENGTH]


async def test_of_old_streams_the_events_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "RESUMABLE", 2)
    async with deployment() as (_, client):
        thread = (await post(client, "/threads", {}))["thread_id"]
        texts = []
        for _ in range(3):
            body = {"assistant_id": "agent", "input": asking("sf"), "config": QUICK, "stream_resumable": True}
            async with client.post(f"/threads/{thread}/runs/stream", json=body) as answer:
                texts.append((answer.headers["Content-Location"], await answer.text()))
        for number, (run, text) in enumerate(texts):
            async with client.get(f"{run}/stream", headers={"Last-Event-ID": "-1"}) as again:
                assert await again.text() == ("" if number == 0 else text)


async def test_a_deleted_thread_leaves_nothing_behind_although_its_streams_can_be_resumed() -> None:
    async with deployment() as (engine, client):
        thread = (await post(client, "/threads", {}))["thread_id"]
        body = {"assistant_id": "agent", "input": asking("sf"), "config": QUICK, "stream_resumable": True}
        async with client.post(f"/threads/{thread}/runs/stream", json=body) as answer:
            await answer.text()
        kept = weakref.ref(engine.threads.by_id[thread].history)
        async with client.delete(f"/threads/{thread}") as answer:
            assert answer.status == 204
        gc.collect()
        assert kept() is None


async def test_a_deployment_that_has_stopped_holds_nothing_of_its_runs() -> None:
    async with deployment() as (engine, client):
        thread = (await post(client, "/threads", {}))["thread_id"]
        body = {"assistant_id": "agent", "input": asking("sf"), "config": QUICK}
        async with client.post(f"/threads/{thread}/runs/wait", json=body) as answer:
            assert answer.status == 200
        kept = weakref.ref(engine.threads.by_id[thread].history)
    # aiohttp keeps the application, and that keeps the engine.
    gc.collect()
    assert kept() is None
    assert engine.threads.by_id == {}


async def test_deleted_threads_are_freed_without_the_garbage_collector() -> None:
    async with deployment() as (engine, client):
        ended, busy, kept = await _one_that_ended_and_one_that_is_held(engine, client)
        freed = asyncio.Event()
        watched = weakref.finalize(engine.threads.by_id[busy].history, freed.set)
        gc.disable()
        try:
            for thread in (ended, busy):
                async with client.delete(f"/threads/{thread}") as answer:
                    assert answer.status == 204
            # The run that was held settles after the answer.
            await asyncio.wait_for(freed.wait(), DEADLINE)
            assert [ref() for ref in kept] == [None, None]
        finally:
            gc.enable()
            watched.detach()


async def test_a_reset_frees_all_threads_without_the_garbage_collector() -> None:
    async with deployment() as (engine, client):
        _, _, kept = await _one_that_ended_and_one_that_is_held(engine, client)
        gc.disable()
        try:
            await post(client, "/_mock/reset", {})
            assert [ref() for ref in kept] == [None, None]
        finally:
            gc.enable()


async def _one_that_ended_and_one_that_is_held(
    engine: Engine, client: aiohttp.ClientSession
) -> tuple[str, str, list[weakref.ref[History]]]:
    """Make two threads, and return their ids and references to their histories."""
    body = {"assistant_id": "agent", "input": asking("sf"), "config": QUICK}
    ended, busy = [(await post(client, "/threads", {}))["thread_id"] for _ in range(2)]
    async with client.post(f"/threads/{ended}/runs/wait", json=body) as answer:
        await answer.text()
    await post(client, "/_mock/holds", {"point": "agent:1/enter"})
    await post(client, f"/threads/{busy}/runs", body)
    await post(client, "/_mock/wait", {"point": "agent:1/enter"})
    gc.collect()
    return ended, busy, [weakref.ref(engine.threads.by_id[thread].history) for thread in (ended, busy)]


async def test_a_deleted_run_and_a_rolled_back_one_leave_no_stream_behind() -> None:
    async with deployment() as (engine, client):
        thread = (await post(client, "/threads", {}))["thread_id"]
        body = {"assistant_id": "agent", "input": asking("sf"), "config": QUICK, "stream_resumable": True}
        async with client.post(f"/threads/{thread}/runs/stream", json=body) as answer:
            await answer.text()
        [ended] = engine.threads.by_id[thread].runs.values()
        await post(client, "/_mock/holds", {"point": "agent:1/enter"})
        await post(client, f"/threads/{thread}/runs", body)
        [erased] = engine.threads.by_id[thread].in_flight.values()
        await post(client, f"/threads/{thread}/runs", {**body, "multitask_strategy": "rollback"})
        async with client.delete("/_mock/holds"):
            pass
        await asyncio.wait_for(erased.ended.wait(), DEADLINE)
        async with client.delete(f"/threads/{thread}/runs/{ended.run_id}") as answer:
            assert answer.status == 204
        kept = [weakref.ref(ended.log), weakref.ref(erased.log)]
        del ended, erased
        gc.collect()
        assert [ref() for ref in kept] == [None, None]
