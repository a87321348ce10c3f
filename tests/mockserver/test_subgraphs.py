"""A child graph and two steps in one superstep, as the probe contract's version 2 has them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.mockserver.stage import Stage, asking

SUBGRAPH = {"version": 2, "work": "subgraph"}
PARALLEL = {"version": 2, "work": "parallel"}


async def child_history(stage: Stage, namespace: str) -> list[Any]:
    """Return the checkpoints of a child graph, oldest first."""
    checkpoint: Any = {"checkpoint_ns": namespace}
    return list(reversed(await stage.client.threads.get_history(stage.thread, checkpoint=checkpoint)))


async def namespace_of(stage: Stage) -> str:
    """Return the namespace of the child graph that the thread executes."""
    (task,) = (await stage.state())["tasks"]
    return str(task["checkpoint"]["checkpoint_ns"])


def turn(label: str, *steps: str) -> list[str]:
    """Return the reports of undisturbed steps without tokens."""
    return [f"{step}/{event}" for step in steps for event in ("enter", "exit=returned")]


async def test_a_child_graph_works_on_the_call(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf", probe=SUBGRAPH))
    reports = [seen for seen in stage.witness.of("A") if not seen.endswith("token")]
    assert reports == turn("A", "agent:1", "search:1", "quote:1", "agent:2")
    assert await stage.steps() == ["A/agent:1", "A/search:1", "A/quote:1", "A/agent:2"]
    assert await stage.said() == "HATA"


async def test_a_stopped_child_graph_leaves_its_writes_in_its_own_namespace(stage: Stage) -> None:
    run = await stage.held("A", "sf", "quote:1/enter", probe=SUBGRAPH)
    namespace = await namespace_of(stage)
    await stage.client.runs.cancel(stage.thread, run, wait=True)
    assert (await stage.state())["next"] == ["research"]
    assert await stage.steps() == ["A/agent:1"]
    children = await child_history(stage, namespace)
    assert [(one["next"], one["values"]["steps"]) for one in children] == [
        (["__start__"], []),
        (["search"], []),
        (["quote"], ["A/search:1"]),
    ]
    assert {one["checkpoint"]["checkpoint_ns"] for one in children} == {namespace}
    # The child graph has no messages, at its first checkpoint either.
    assert children[0]["values"] == {"steps": []}
    around = (await stage.state())["checkpoint"]["checkpoint_id"]
    for before, one in pairwise([None, *children]):
        assert one is not None
        assert one["checkpoint"]["checkpoint_map"] == {"": around, namespace: one["checkpoint_id"]}
        if before is not None:
            assert one["parent_checkpoint"]["checkpoint_map"] == {"": around, namespace: before["checkpoint_id"]}
        told = one["metadata"]
        assert (told["langgraph_node"], told["langgraph_step"], told["checkpoint_map"]) == ("research", 2, {"": around})
        assert told["langgraph_path"] == ["__pregel_pull", "research"]
        assert told["langgraph_triggers"] == ["branch:to:research"]
    threads: Any = stage.client.threads
    whole = await threads.get_state(stage.thread, subgraphs=True)
    assert whole["tasks"][0]["state"]["values"] == children[-1]["values"]
    assert await threads.get_state(stage.thread, checkpoint=whole["checkpoint"], subgraphs=True) == whole
    assert await threads.get_state(stage.thread, checkpoint_id=whole["checkpoint_id"], subgraphs=True) == whole


async def test_no_step_of_a_child_graph_follows_one_that_swallowed_its_cancellation(stage: Stage) -> None:
    run = await stage.held("A", "sf", "search:1/enter", probe={**SUBGRAPH, "on_cancel": "swallow"})
    await stage.client.runs.cancel(stage.thread, run, wait=True)
    assert stage.witness.of("A")[-2:] == ["search:1/cancelled", "search:1/exit=returned"]
    assert await stage.status(run) == "interrupted"


@pytest.mark.parametrize("on_cancel", ["stop", "linger"])
async def test_a_rollback_takes_the_child_graph_s_checkpoints_too(stage: Stage, on_cancel: str) -> None:
    run = await stage.held("A", "sf", "quote:1/enter", probe={**SUBGRAPH, "on_cancel": on_cancel})
    namespace = await namespace_of(stage)
    assert await child_history(stage, namespace)
    await stage.client.runs.cancel(stage.thread, run, wait=True, action="rollback")
    assert await child_history(stage, namespace) == []
    assert await stage.history() == []


async def test_a_parked_child_graph_goes_on_where_it_was(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf", probe={**SUBGRAPH, "interrupt": ("quote:1",)}))
    state = await stage.state()
    assert [question["value"]["step"] for question in state["interrupts"]] == ["quote:1"]
    thread = await stage.client.threads.get(stage.thread)
    assert list(thread["interrupts"]) == [state["tasks"][0]["id"]]
    config = stage.config("R", **SUBGRAPH, interrupt=("quote:1",))
    await stage.client.runs.wait(stage.thread, "agent", command={"resume": 1}, config=config)
    assert await stage.steps() == ["A/agent:1", "A/search:1", "R/quote:1", "R/agent:2"]


async def test_a_stream_shows_the_child_graph_to_those_who_ask(stage: Stage) -> None:
    async def events(subgraphs: bool) -> list[str]:
        thread = (await stage.client.threads.create())["thread_id"]
        config = stage.config("A", **SUBGRAPH)
        stream = stage.client.runs.stream(
            thread, "agent", input=asking("sf"), config=config, stream_mode="updates", stream_subgraphs=subgraphs
        )
        return [part.event.partition(":")[0] async for part in stream]

    assert await events(True) == [
        *("metadata", "updates"),
        *("updates|research", "updates|research"),
        *("updates", "updates"),
    ]
    assert await events(False) == ["metadata", "updates", "updates", "updates"]


async def test_two_steps_end_in_one_superstep(stage: Stage) -> None:
    run = await stage.held("A", "sf", "tools:1/enter", probe=PARALLEL)
    await stage.until(lambda: _audited(stage))
    newest = (await stage.history())[-1]
    assert (newest["next"], newest["values"]["steps"]) == (["tools", "audit"], ["A/agent:1"])
    stage.witness.release()
    await stage.join(run)
    assert await stage.steps() == ["A/agent:1", "A/audit:1", "A/tools:1", "A/agent:2"]
    assert await stage.said() == "HATA"


async def _audited(stage: Stage) -> bool:
    """Return whether the state shows that `audit` has finished and `tools` has not."""
    return bool((await stage.state())["next"] == ["tools"])


async def test_a_finished_step_of_a_stopped_superstep_is_dropped_by_new_input(stage: Stage) -> None:
    run = await stage.held("A", "sf", "tools:1/enter", probe=PARALLEL)
    await stage.until(lambda: _audited(stage))
    await stage.client.runs.cancel(stage.thread, run, wait=True)
    results = {task["name"]: task["result"] for task in (await stage.state())["tasks"]}
    assert results == {"audit": {"steps": ["A/audit:1"]}, "tools": None}
    await stage.join(await stage.create("B", "nyc"))
    assert await stage.steps() == ["A/agent:1", "B/agent:1", "B/tools:1", "B/agent:2"]


async def test_a_finished_step_is_not_played_again_when_its_superstep_is_resumed(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf", probe={**PARALLEL, "interrupt": ("tools:1",)}))
    config = stage.config("R", **PARALLEL)
    await stage.client.runs.wait(stage.thread, "agent", command={"resume": 1}, config=config)
    assert await stage.steps() == ["A/agent:1", "A/audit:1", "R/tools:1", "R/agent:2"]
    assert "audit:1/enter" not in stage.witness.of("R")


async def test_a_failing_step_stops_the_one_beside_it(stage: Stage) -> None:
    run = await stage.held("A", "sf", "tools:1/enter", probe={**PARALLEL, "fail": ("audit:1",)})
    error = await stage.join_failed(run)
    assert error == {"error": "ProbeError", "message": "probe failure at audit:1"}
    assert stage.witness.of("A")[-1] == "tools:1/exit=cancelled"
    assert await stage.status(run) == "error"
