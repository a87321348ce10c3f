import asyncio
from typing import Any

import pytest

from tests.mockserver.stage import Stage, asking

PAUSE = {"interrupt": ("tools:1",)}
QUESTION = {"question": "Go on?", "step": "tools:1"}


async def parked(stage: Stage) -> str:
    run = await stage.create("A", "sf", probe=PAUSE)
    values = await stage.join(run)
    assert values["__interrupt__"][0]["value"] == QUESTION
    assert stage.witness.of("A")[-1] == "tools:1/exit=interrupted"
    return run


async def record(stage: Stage) -> Any:
    return await stage.client.threads.get(stage.thread)


async def test_a_question_parks_the_thread(stage: Stage) -> None:
    run = await parked(stage)
    state, thread = await stage.state(), await record(stage)

    assert await stage.status(run) == "success"
    assert thread["status"] == "interrupted"
    assert state["next"] == ["tools"]
    (interrupt,) = state["interrupts"]
    assert interrupt["value"] == QUESTION
    (task,) = state["tasks"]
    assert task["interrupts"] == [interrupt]
    assert thread["interrupts"] == {task["id"]: [interrupt]}
    assert thread["values"] == state["values"]


@pytest.mark.parametrize("strategy", ["enqueue", "interrupt", "rollback", "reject"])
async def test_new_input_enters_at_the_start_and_drops_the_question(stage: Stage, strategy: str) -> None:
    first = await parked(stage)
    second = await stage.create("B", "nyc", strategy)
    await stage.join(second)
    assert await stage.status(first) == "success"
    assert await stage.said() == "HAHATA"
    thread = await record(stage)
    assert (thread["status"], thread["interrupts"]) == ("idle", {})


async def test_a_run_continues_from_a_run_that_is_deleted_meanwhile(stage: Stage) -> None:
    first = await parked(stage)
    stage.witness.hold("B/tools:1/enter")
    second: Any = await stage.client.runs.create(
        stage.thread, "agent", command={"resume": "yes"}, config=stage.config("B")
    )
    await stage.witness.reached("B/tools:1/enter")
    await stage.client.runs.delete(stage.thread, first)
    stage.witness.release("B/tools:1/enter")
    await stage.join(second["run_id"])
    assert await stage.status(second["run_id"]) == "success"
    # Those checkpoints of the deleted run stay that the second one continues from.
    assert await stage.said() == "HATA"
    chain = await stage.history()
    assert {one["parent_checkpoint_id"] for one in chain} - {one["checkpoint_id"] for one in chain} == {None}


async def test_resume_continues_the_paused_node(stage: Stage) -> None:
    await parked(stage)
    before = await stage.history()
    values: Any = await stage.client.runs.wait(
        stage.thread, "agent", command={"resume": "yes"}, config=stage.config("B", **PAUSE)
    )
    assert values["steps"] == ["A/agent:1", "B/tools:1", "B/agent:2"]
    assert await stage.said() == "HATA"
    assert stage.witness.of("B")[0] == "tools:1/enter"
    chain = await stage.history()
    assert [one["checkpoint_id"] for one in chain[:3]] == [one["checkpoint_id"] for one in before]
    assert (await record(stage))["interrupts"] == {}


async def test_rolling_back_a_resume_asks_again(stage: Stage) -> None:
    await parked(stage)
    before, thread = await stage.history(), await record(stage)
    stage.witness.hold("B/agent:2/enter")
    run = await stage.client.runs.create(stage.thread, "agent", command={"resume": "yes"}, config=stage.config("B"))
    await stage.witness.reached("B/agent:2/enter")
    await stage.client.runs.cancel(stage.thread, run["run_id"], wait=True, action="rollback")
    assert await stage.history() == before
    assert (await record(stage))["interrupts"] == thread["interrupts"]


async def test_a_resume_that_is_superseded_drops_the_question_in_thread_and_state(stage: Stage) -> None:
    await parked(stage)
    stage.witness.hold("B/tools:1/enter")
    resumed = await stage.client.runs.create(stage.thread, "agent", command={"resume": 1}, config=stage.config("B"))
    await stage.witness.reached("B/tools:1/enter")
    await stage.join(await stage.create("C", "nyc", "interrupt"))
    assert await stage.status(resumed["run_id"]) == "interrupted"
    assert ((await record(stage))["interrupts"], (await stage.state())["interrupts"]) == ({}, [])


async def test_of_two_simultaneous_resumes_one_continues_and_the_node_runs_once(stage: Stage) -> None:
    await parked(stage)

    async def resume(label: str) -> int:
        body = {
            "assistant_id": "agent",
            "command": {"resume": 1},
            "config": stage.config(label),
            "multitask_strategy": "reject",
        }
        return (await stage.http.post(f"/threads/{stage.thread}/runs", json=body)).status_code

    assert sorted(await asyncio.gather(resume("B"), resume("C"))) == [200, 409]
    await stage.until(lambda: _idle(stage))
    assert sum(seen.endswith("tools:1/enter") for seen in stage.witness.seen) == 2  # A asked, one went on


async def _idle(stage: Stage) -> bool:
    return await stage.thread_status() == "idle"


async def test_a_resume_with_nothing_to_answer_changes_nothing(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    before = await stage.history()
    await stage.client.runs.wait(stage.thread, "agent", command={"resume": 1}, config=stage.config("B"))
    assert await stage.history() == before
    assert stage.witness.of("B") == []


async def test_the_stream_shows_the_question_before_it_ends(stage: Stage) -> None:
    parts = [
        part
        async for part in stage.client.runs.stream(
            stage.thread,
            "agent",
            input=asking("sf"),
            config=stage.config("A", **PAUSE),
            stream_mode=["updates", "values"],
        )
    ]
    assert [part.event for part in parts[-2:]] == ["updates", "values"]
    (shown,) = parts[-2].data["__interrupt__"]
    assert shown["value"] == QUESTION
    assert set(shown) == {"value", "id", "response_schema"}
    assert parts[-1].data["__interrupt__"] == [shown]
    assert (await stage.state())["interrupts"][0]["id"] == shown["id"]


async def test_breakpoints_park_without_a_question(stage: Stage) -> None:
    await stage.client.runs.wait(
        stage.thread, "agent", input=asking("sf"), config=stage.config("A"), interrupt_before=["tools"]
    )
    assert ((await stage.state())["next"], await stage.thread_status()) == (["tools"], "interrupted")
    await stage.client.runs.wait(stage.thread, "agent", config=stage.config("B"), interrupt_after=["tools"])
    assert (await stage.steps(), await stage.thread_status()) == (["A/agent:1", "B/tools:1"], "interrupted")
    await stage.client.runs.wait(stage.thread, "agent", config=stage.config("C"), interrupt_before="*")
    assert await stage.said() == "HATA"
    assert (await record(stage))["interrupts"] == {}


async def test_a_command_may_write_to_the_state_before_the_run_goes_on(stage: Stage) -> None:
    await parked(stage)
    length = len(await stage.history())
    command: Any = {"resume": "yes", "update": {"steps": ["by hand"]}, "goto": [], "graph": None, "lg_name": "Command"}
    await stage.client.runs.wait(stage.thread, "agent", command=command, config=stage.config("B", **PAUSE))
    assert await stage.steps() == ["A/agent:1", "by hand", "B/tools:1", "B/agent:2"]
    history = await stage.history()
    assert history[length - 1]["values"]["steps"] == ["A/agent:1", "by hand"]
    assert len(history) == length + 2


async def test_a_rolled_back_command_leaves_no_trace(stage: Stage) -> None:
    await parked(stage)
    stage.witness.hold("B/tools:1/enter")
    command: Any = {"resume": "yes", "update": {"steps": ["by hand"]}}
    await stage.client.runs.create(stage.thread, "agent", command=command, config=stage.config("B"))
    await stage.witness.reached("B/tools:1/enter")
    assert await stage.steps() == ["A/agent:1", "by hand"]
    after = await stage.create("C", "nyc", "rollback")
    await stage.join(after)
    assert await stage.steps() == ["A/agent:1", "C/agent:1", "C/tools:1", "C/agent:2"]
    assert all("by hand" not in state["values"].get("steps", []) for state in await stage.history())


async def test_a_command_stands_above_an_input(stage: Stage) -> None:
    await parked(stage)
    await stage.client.runs.wait(
        stage.thread, "agent", input={"messages": "hi"}, command={"resume": "yes"}, config=stage.config("B")
    )
    assert await stage.said() == "HATA"
