"""Crons: the API of them, and what happens when they fire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from mockserver.core.clock import HandClock, InstantClock
from mockserver.core.crons import INSTANT_FIRES
from tests.mockserver.stage import Stage, asking, on_stage

NEVER = "0 0 1 1 *"
EVERY_MINUTE = "* * * * *"


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def timed(clock: HandClock) -> AsyncIterator[Stage]:
    async with on_stage(clock=clock) as found:
        yield found


async def made(stage: Stage, schedule: str = NEVER, *, on: str = "thread", **more: Any) -> dict[str, Any]:
    path = f"/threads/{stage.thread}/runs/crons" if on == "thread" else "/runs/crons"
    answer = await stage.http.post(path, json={"schedule": schedule, "assistant_id": "agent", **more})
    assert answer.status_code == 200, answer.text
    cron: dict[str, Any] = answer.json()
    return cron


async def all_over(stage: Stage, clock: HandClock) -> list[Any]:
    """Return the runs of the thread once none is in flight. Time passes until then."""
    runs: list[Any] = []

    async def over() -> bool:
        await clock.advance(1)
        runs[:] = await stage.client.runs.list(stage.thread)
        return all(run["status"] not in ("pending", "running") for run in runs)

    await stage.until(over)
    return runs


async def test_a_cron_fires_a_hundred_times_in_instant_time(caplog: pytest.LogCaptureFixture) -> None:
    async with on_stage(clock=InstantClock()) as stage:
        await made(stage, EVERY_MINUTE)
        later = await stage.http.post("/threads", json={})
        thread = later.json()["thread_id"]
        body = {"assistant_id": "agent", "input": asking("sf"), "after_seconds": 1e9}
        # A leap of 31 years, in which the cron would fire 16 million times.
        delayed = (await stage.http.post(f"/threads/{thread}/runs", json=body)).json()
        await stage.client.runs.join(thread, delayed["run_id"])
        assert (await stage.client.runs.get(thread, delayed["run_id"]))["status"] == "success"
        runs = await stage.client.runs.list(stage.thread, limit=1000)
        assert len(runs) == INSTANT_FIRES
    assert "has fired 100 times in instant time" in caplog.text


async def test_a_cron_is_shown_as_it_was_asked_for(stage: Stage) -> None:
    cron = await made(stage, multitask_strategy="interrupt", metadata={"a": 1}, input=asking("sf"))
    assert cron["thread_id"] == stage.thread
    assert cron["payload"]["multitask_strategy"] == "interrupt"
    assert cron["payload"]["config"]["configurable"]["cron_id"] == cron["cron_id"]
    assert cron["next_run_date"] == "2026-01-01T00:00:00.000000+00:00"
    assert cron["on_run_completed"] is None
    assert cron["enabled"] is True
    assert (await stage.http.get(f"/runs/crons/{cron['cron_id']}")).json() == cron
    alone = await made(stage, on="nothing", timezone="Europe/Berlin")
    assert (alone["thread_id"], alone["on_run_completed"]) == (None, "delete")
    assert alone["next_run_date"] == "2025-12-31T23:00:00.000000+00:00"


async def test_the_official_client_makes_finds_and_deletes_crons(stage: Stage) -> None:
    crons = stage.client.crons
    first: Any = await crons.create_for_thread(stage.thread, "agent", schedule=NEVER, multitask_strategy="reject")
    other: Any = await crons.create("agent", schedule=NEVER, enabled=False)
    assert [one["cron_id"] for one in await crons.search(thread_id=stage.thread)] == [first["cron_id"]]
    assert [one["cron_id"] for one in await crons.search(enabled=False)] == [other["cron_id"]]
    found = await stage.http.post("/runs/crons/search", json={"limit": 1})
    assert found.headers["x-pagination-next"] == "1"
    assert (len(found.json()), found.headers["X-Pagination-Total"]) == (1, "2")
    assert await crons.count() == 2
    await crons.delete(first["cron_id"])
    assert await crons.count() == 1
    assert (await stage.http.delete(f"/runs/crons/{first['cron_id']}")).status_code == 404


async def test_a_cron_is_changed(stage: Stage) -> None:
    cron = await made(stage, metadata={"a": 1})
    path = f"/runs/crons/{cron['cron_id']}"
    change = {"schedule": "0 12 * * *", "enabled": False, "metadata": {"b": 2}, "end_time": "2026-01-01T00:00:00Z"}
    changed = (await stage.http.patch(path, json=change)).json()
    assert changed["next_run_date"] == "2025-01-01T12:00:00.000000+00:00"
    assert (changed["enabled"], changed["metadata"]) == (False, {"a": 1, "b": 2})
    assert changed["end_time"] == "2026-01-01T00:00:00.000000+00:00"
    assert (await stage.http.patch(path, json={"end_time": None})).json()["end_time"] is None
    empty = await stage.http.patch(path, json={})
    assert (empty.status_code, empty.json()["detail"]) == (400, "The body is empty. Send at least one field to change.")
    before = (await stage.http.get(path)).json()
    for wrong in ({"schedule": "nonsense"}, {"end_time": "tomorrow"}, {"end_time": "tomorrow", "enabled": True}):
        assert (await stage.http.patch(path, json=wrong)).status_code == 422
        assert (await stage.http.get(path)).json() == before
    kept = (await stage.http.patch(path, json={"assistant_id": str(uuid4())})).json()["assistant_id"]
    assert kept == cron["assistant_id"], "it has no effect"


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"schedule": "nonsense"}, 422, 'Invalid cron schedule: "nonsense"'),
        ({"schedule": "61 * * * *"}, 422, "61"),
        ({"schedule": 5}, 422, "schedule"),
        ({"timezone": "Mars/Olympus"}, 422, "Mars/Olympus"),
        ({"timezone": "../etc"}, 422, "../etc"),
        ({"end_time": "tomorrow"}, 422, "end_time"),
        ({"multitask_strategy": "replace"}, 422, "multitask_strategy"),
        ({"assistant_id": "nobody"}, 404, "nobody"),
        ({"assistant_id": str(uuid4())}, 404, "not found"),
        ({"webhook": "nowhere"}, 422, "webhook"),
        ({"webhook": "file:///tmp/hook", "assistant_id": "nobody"}, 422, "webhook"),
        ({"on_run_completed": "keep"}, 422, "on_run_completed"),
        ({"colour": "blue"}, 422, "colour"),
    ],
)
async def test_what_is_refused_is_named_and_makes_nothing(
    strict: Stage, change: dict[str, Any], status: int, named: str
) -> None:
    order = {"schedule": NEVER, "assistant_id": "agent", **change}
    answer = await strict.http.post(f"/threads/{strict.thread}/runs/crons", json=order)
    assert (answer.status_code, named in answer.json()["detail"]) == (status, True), answer.text
    assert await strict.client.crons.count() == 0


async def test_a_cron_fires_on_the_clock_until_its_end(timed: Stage, clock: HandClock) -> None:
    await made(timed, EVERY_MINUTE, end_time="2025-01-01T00:02:30Z", input=asking("sf"), metadata={"by": "cron"})
    await clock.advance(59)
    assert await timed.client.runs.list(timed.thread) == []
    await clock.advance(300)
    runs = await all_over(timed, clock)
    assert [(run["status"], run["metadata"]["by"]) for run in runs] == [("success", "cron")] * 2


@pytest.mark.parametrize(
    ("strategy", "statuses"),
    [
        ("interrupt", ["success", "interrupted"]),
        ("rollback", ["success"]),
        ("reject", ["success"]),
        (None, ["success", "success"]),
    ],
)
async def test_a_cron_that_fires_on_a_busy_thread_follows_its_strategy(
    timed: Stage, clock: HandClock, strategy: str | None, statuses: list[str]
) -> None:
    first = await timed.held("A", "sf", "tools:1/enter")
    told = {} if strategy is None else {"multitask_strategy": strategy}
    cron = await made(timed, EVERY_MINUTE, input=asking("nyc"), **told)
    await clock.advance(60)
    await timed.client.crons.delete(cron["cron_id"])
    timed.witness.release()
    runs = await all_over(timed, clock)
    assert [run["status"] for run in runs] == statuses
    if strategy == "reject":
        assert runs[0]["run_id"] == first


async def test_a_cron_without_a_thread_leaves_none_unless_it_is_kept(timed: Stage, clock: HandClock) -> None:
    thrown = await made(timed, EVERY_MINUTE, on="nothing", input=asking("sf"))
    kept = await made(timed, EVERY_MINUTE, on="nothing", input=asking("nyc"), on_run_completed="keep")
    await clock.advance(60)
    for cron in (thrown, kept):
        await timed.client.crons.delete(cron["cron_id"])
    assert await timed.client.threads.count() == 3

    async def one_is_gone() -> bool:
        await clock.advance(1)
        return await timed.client.threads.count() == 2

    await timed.until(one_is_gone)
    [left] = [one for one in await timed.client.threads.search() if one["thread_id"] != timed.thread]
    state: Any = await timed.client.threads.get_state(left["thread_id"])
    assert "nyc" in state["values"]["messages"][0]["content"]


async def test_a_disabled_cron_does_not_fire_and_one_of_a_deleted_thread_is_gone(
    timed: Stage, clock: HandClock
) -> None:
    await made(timed, EVERY_MINUTE, enabled=False, input=asking("sf"))
    await clock.advance(200)
    assert await timed.client.runs.list(timed.thread) == []
    await timed.client.threads.delete(timed.thread)
    assert await timed.client.crons.count() == 0


@pytest.mark.parametrize("changed", [False, True], ids=["at once", "by a change"])
async def test_a_run_of_a_cron_is_asked_for_with_all_that_the_cron_was_told(
    timed: Stage, clock: HandClock, *, changed: bool
) -> None:
    told: dict[str, Any] = {
        "input": asking("sf"),
        "metadata": {"a": 1},
        "config": {"tags": ["t"]},
        "context": {"x": 1},
        "webhook": "http://127.0.0.1:9/",
        "stream_mode": ["updates", "tasks"],
        "stream_subgraphs": True,
        "stream_resumable": True,
        "interrupt_before": ["tools"],
        "interrupt_after": ["agent"],
        "durability": "exit",
        "if_not_exists": "create",
    }
    other = await timed.client.assistants.create("agent")
    cron = await made(timed, "* * * * *", assistant_id=other["assistant_id"], **({} if changed else told))
    if changed:
        await timed.http.patch(f"/runs/crons/{cron['cron_id']}", json=told)
    assert cron["assistant_id"] == other["assistant_id"]
    await clock.advance(60)
    (run,) = await all_over(timed, clock)
    kwargs = run["kwargs"]
    assert run["assistant_id"] == other["assistant_id"]
    assert (run["metadata"]["a"], kwargs["config"]["tags"], kwargs["context"]["x"]) == (1, ["t"], 1)
    assert (kwargs["subgraphs"], kwargs["resumable"]) == (True, True)
    assert kwargs["config"]["configurable"]["cron_id"] == cron["cron_id"]
    for name in ("input", "webhook", "stream_mode", "interrupt_before", "interrupt_after", "durability"):
        assert kwargs[name] == told[name], name


async def test_searching(stage: Stage) -> None:
    crons: Any = stage.client.crons
    other = (await stage.client.assistants.create("agent"))["assistant_id"]
    on_thread = (await made(stage, metadata={"a": 1}))["cron_id"]
    alone = (await made(stage, on="nothing", enabled=False, assistant_id=other))["cron_id"]

    async def found(**asked: Any) -> list[str]:
        answer = await stage.http.post("/runs/crons/search", json=asked)
        return [one["cron_id"] for one in answer.json()]

    assert await found() == [alone, on_thread]
    assert await found(sort_by="created_at", sort_order="asc") == [on_thread, alone]
    assert await found(limit=1, offset=1) == [on_thread]
    assert await found(assistant_id=other) == await found(enabled=False) == [alone]
    assert await found(metadata={"a": 1}) == await found(thread_id=stage.thread) == [on_thread]
    assert await crons.search(select=["enabled"], limit=1) == [{"enabled": False}]
    assert await crons.search(select=[], limit=1) == await crons.search(limit=1)
    assert await crons.count() == 2
    for asked in ({"assistant_id": other}, {"thread_id": stage.thread}, {"metadata": {"a": 1}}):
        assert await crons.count(**asked) == 1
