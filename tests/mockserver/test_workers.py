"""Runs that stay pending: while all workers are busy, or until a test lets them start."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mockserver.stage import Stage, asking, on_stage


async def other_thread(stage: Stage) -> str:
    """Create another thread, make it the stage's, and return the previous one."""
    previous, stage.thread = stage.thread, (await stage.client.threads.create())["thread_id"]
    return previous


async def hold(stage: Stage, *, release: bool = False) -> None:
    """Hold runs before they start, or release them."""
    point = "run/start"
    if release:
        answer = await stage.http.delete("/_mock/holds", params={"point": point})
    else:
        answer = await stage.http.post("/_mock/holds", json={"point": point})
    assert answer.is_success, answer.text


async def test_one_worker_executes_the_runs_of_all_threads_in_their_order() -> None:
    async with on_stage(workers=1) as stage:
        first = await stage.held("A", "sf", "tools:1/enter")
        queued = await stage.create("B", "nyc")
        one = await other_thread(stage)
        elsewhere = await stage.create("C", "sf")
        assert (await stage.status(elsewhere), await stage.thread_status()) == ("pending", "busy")
        assert (await stage.state())["values"] == {}
        stage.witness.release("A/tools:1/enter")
        await stage.join(elsewhere)
        stage.thread = one
        assert [await stage.status(run) for run in (first, queued)] == ["success", "success"]
        begun = [seen.partition("/")[0] for seen in stage.witness.seen if seen.endswith("/agent:1/enter")]
        assert begun == ["A", "B", "C"]


async def test_as_many_runs_execute_as_there_are_workers() -> None:
    async with on_stage(workers=2) as stage:
        runs = {}
        for label in "ABC":
            runs[label] = await stage.create(label, "sf", probe={}) if label == "C" else ""
            if label != "C":
                runs[label] = await stage.held(label, "sf", "agent:1/enter")
                await other_thread(stage)
        assert await stage.status(runs["C"]) == "pending"
        stage.witness.release("A/agent:1/enter")
        await stage.join(runs["C"])


async def test_a_run_that_is_cancelled_while_it_waits_for_a_worker_never_starts() -> None:
    async with on_stage(workers=1) as stage:
        await stage.held("A", "sf", "tools:1/enter")
        busy = await other_thread(stage)
        waiting = await stage.create("B", "nyc")
        await stage.client.runs.cancel(stage.thread, waiting, wait=True)
        assert await stage.status(waiting) == "interrupted"
        after = await stage.create("C", "nyc")
        stage.witness.release()
        await stage.join(after)
        assert stage.witness.of("B") == []
        stage.thread = busy
        assert await stage.said() == "HATA"


async def test_a_run_that_lingers_keeps_its_worker_until_it_has_stopped() -> None:
    async with on_stage(workers=1) as stage:
        stage.witness.hold("A/tools:1/cancelled")
        first = await stage.held("A", "sf", "tools:1/enter", probe={"on_cancel": "linger"})
        await stage.client.runs.cancel(stage.thread, first)
        await stage.witness.reached("A/tools:1/cancelled")
        await other_thread(stage)
        second = await stage.create("B", "nyc")
        assert await stage.status(second) == "pending"
        stage.witness.release("A/tools:1/cancelled")
        await stage.join(second)


async def test_a_run_is_held_pending_on_an_idle_thread_until_it_is_released(stage: Stage) -> None:
    await hold(stage)
    run = await stage.create("A", "sf")
    behind = await stage.create("B", "nyc")
    answer = await stage.http.post("/_mock/wait", json={"point": "run/start"})
    assert answer.json()["run_id"] == run, answer.text
    assert [await stage.status(one) for one in (run, behind)] == ["pending", "pending"]
    assert (await stage.history(), stage.witness.seen) == ([], [])
    await hold(stage, release=True)
    await stage.join(behind)
    assert await stage.said() == "HATAHATA"


@pytest.mark.parametrize("strategy", ["interrupt", "rollback"])
async def test_a_held_run_can_be_superseded_and_leaves_its_point(stage: Stage, strategy: str) -> None:
    await hold(stage)
    first = await stage.create("A", "sf")
    second = await stage.create("B", "nyc", strategy)
    assert await stage.status(first) == ("interrupted" if strategy == "interrupt" else "gone")
    held: Any = (await stage.http.get("/_mock/holds")).json()["held"]
    assert first not in [one["run_id"] for one in held]
    await hold(stage, release=True)
    await stage.join(second)
    assert (await stage.said(), stage.witness.of("A")) == ("HATA", [])


async def test_a_reset_releases_held_runs_and_workers() -> None:
    async with on_stage(workers=1) as stage:
        await hold(stage)
        await stage.create("A", "sf")
        assert (await stage.http.post("/_mock/reset", json={})).is_success
        stage.thread = (await stage.client.threads.create())["thread_id"]
        await stage.client.runs.wait(stage.thread, "agent", input=asking("sf"), config=stage.config("B"))
        assert await stage.said() == "HATA"
