"""The scripted agent under the probe contract, report by report."""

import asyncio
from typing import Any

import pytest

from mockserver.core.clock import HandClock
from tests.mockserver.stage import Stage, asking, on_stage
from tests.mockserver.witness import DEADLINE, FakeWitness

WHOLE_TURN = [
    *("agent:1/enter", "agent:1/exit=returned"),
    *("tools:1/enter", "tools:1/exit=returned"),
    *("agent:2/enter", "agent:2/token", "agent:2/exit=returned"),
]


async def test_a_turn_is_reported_step_by_step(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    assert stage.witness.of("A") == WHOLE_TURN
    await stage.join(await stage.create("B", "nyc"))
    assert stage.witness.of("B") == WHOLE_TURN


async def test_a_message_that_asks_for_no_weather_is_answered_in_the_first_step(stage: Stage) -> None:
    values: Any = await stage.client.runs.wait(
        stage.thread, "agent", input={"messages": "hi"}, config=stage.config("A")
    )
    assert values["messages"][-1]["content"] == "You said: hi"
    assert stage.witness.of("A") == ["agent:1/enter", "agent:1/token", "agent:1/exit=returned"]


async def test_failing(stage: Stage) -> None:
    await stage.join_failed(await stage.create("A", "sf", probe={"fail": ("agent:2",)}))
    assert stage.witness.of("A")[-2:] == ["agent:2/enter", "agent:2/exit=raised"]


@pytest.mark.parametrize("event", ["enter", "exit"])
async def test_every_report_waits_for_its_answer(stage: Stage, event: str) -> None:
    run = await stage.held("A", "sf", f"tools:1/{event}")
    assert await stage.status(run) == "running"
    assert await stage.said() == "HA"
    stage.witness.release()
    await stage.join(run)
    assert await stage.said() == "HATA"


async def test_swallowing_goes_on_with_the_work_though_enter_is_never_answered(stage: Stage) -> None:
    run = await stage.held("A", "sf", "tools:1/enter", probe={"on_cancel": "swallow"})
    await stage.client.runs.cancel(stage.thread, run, wait=True)
    assert stage.witness.of("A")[2:] == ["tools:1/enter", "tools:1/cancelled", "tools:1/exit=returned"]
    assert await stage.status(run) == "interrupted"


@pytest.mark.parametrize("on_cancel", ["stop", "linger", "swallow"])
async def test_a_step_that_sent_its_exit_is_over(stage: Stage, on_cancel: str) -> None:
    run = await stage.held("A", "sf", "tools:1/exit", probe={"on_cancel": on_cancel})
    await stage.client.runs.cancel(stage.thread, run)
    assert await stage.status(run) == "running"
    stage.witness.release()
    await stage.join(run)
    assert stage.witness.of("A")[-1] == "tools:1/exit=returned"
    assert await stage.status(run) == "interrupted"
    assert await stage.said() == "HA"


async def test_further_cancellations_do_not_disturb_the_reports(stage: Stage) -> None:
    stage.witness.hold("A/tools:1/cancelled")
    run = await stage.held("A", "sf", "tools:1/enter", probe={"on_cancel": "linger"})
    for _ in range(3):
        await stage.client.runs.cancel(stage.thread, run)
    await stage.witness.reached("A/tools:1/cancelled")
    stage.witness.release()
    await stage.join(run)
    assert stage.witness.of("A")[2:] == ["tools:1/enter", "tools:1/cancelled", "tools:1/exit=cancelled"]


@pytest.mark.parametrize("witness", [None, "http://127.0.0.1:1/", "nonsense", "ftp://127.0.0.1/"])
async def test_without_a_witness_that_answers_holds_are_times(witness: str | None) -> None:
    clock = HandClock()
    async with on_stage(clock=clock) as stage:
        probe = {"version": 1, "label": "A", "hold": {"tools:1/enter": 5, "agent:2/token": 2}}
        if witness is not None:
            probe["witness"] = witness
        run: Any = await stage.client.runs.create(
            stage.thread, "agent", input=asking("sf"), config={"configurable": {"probe": probe}}
        )
        await stage.until(lambda: _has(stage, "HA"))
        await clock.advance(4.9)
        assert await stage.said() == "HA"
        await clock.advance(0.2)
        await stage.until(lambda: _has(stage, "HAT"))
        async with asyncio.timeout(DEADLINE):
            while await stage.status(run["run_id"]) != "success":
                await clock.advance(1)
        assert await stage.said() == "HATA"


async def _has(stage: Stage, letters: str) -> bool:
    return await stage.said() == letters


@pytest.mark.parametrize("on_cancel", ["linger", "swallow"])
async def test_without_a_witness_a_stubborn_step_stays_for_its_linger(on_cancel: str) -> None:
    clock = HandClock()
    async with on_stage(clock=clock) as stage:
        probe = {"version": 1, "label": "A", "hold": {"tools:1/enter": 60}, "on_cancel": on_cancel, "linger": 3}
        run: Any = await stage.client.runs.create(
            stage.thread, "agent", input=asking("sf"), config={"configurable": {"probe": probe}}
        )
        await stage.until(lambda: _has(stage, "HA"))
        await stage.client.runs.cancel(stage.thread, run["run_id"])
        assert await stage.status(run["run_id"]) == "running"
        async with asyncio.timeout(DEADLINE):
            while await stage.status(run["run_id"]) == "running":
                await clock.advance(1)
        assert await stage.status(run["run_id"]) == "interrupted"
        assert await stage.said() == "HA"


async def test_a_witness_that_does_not_want_reports_is_as_good_as_none(stage: Stage) -> None:
    stage.witness.status = 503
    run = await stage.create("A", "sf")
    await stage.join(run)
    assert stage.witness.of("A") == WHOLE_TURN


async def test_two_witnesses_at_once(stage: Stage) -> None:
    async with FakeWitness().listening() as other:
        first = await stage.create("A", "sf")
        probe = {"version": 1, "label": "B", "witness": other.url}
        values: Any = await stage.client.runs.wait(
            stage.thread, "agent", input=asking("nyc"), config={"configurable": {"probe": probe}}
        )
        await stage.join(first)
        assert (stage.witness.of("A"), other.of("B")) == (WHOLE_TURN, WHOLE_TURN)
        assert values["steps"][-1] == "B/agent:2"
