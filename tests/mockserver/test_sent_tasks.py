"""Tasks that a command adds to a superstep, beside steps that ask, run child graphs or play the same node."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.script.load import parse
from tests.mockserver.stage import Stage, on_stage

SCRIPT = parse("""
channels: {log: append}
turns:
  - when: {contains: order}
    steps:
      - parallel:
          - {node: order, interrupt: {value: Which size?, name: size}, channels: {log: "ordered {size}"}}
          - {node: pay, interrupt: {value: By card?}, channels: {log: "paid {resume}"}}
      - {node: plan, channels: {log: planned}}
  - when: {contains: work}
    steps:
      - parallel:
          - {node: work, interrupt: {value: first?}, channels: {log: first}}
          - {node: work, channels: {log: second}}
      - {node: plan, channels: {log: planned}}
  - steps:
      - {node: look, channels: {log: "looked into {topic}"}}
      - node: ask
        interrupt: {value: "{topic}?", cases: [{steps: [{node: case, channels: {log: "case {resume}"}}]}]}
        channels: {log: "asked {topic}: {resume}"}
      - node: child
        subgraph: [{node: inner, interrupt: {value: "inner {topic}?"}, channels: {log: "inner {topic}: {resume}"}}]
""")


async def run(stage: Stage, **asked: Any) -> Any:
    """Play a run, and return its final values."""
    return await stage.client.runs.wait(stage.thread, "agent", raise_error=False, **asked)


async def streamed(stage: Stage, mode: Any, **asked: Any) -> list[Any]:
    """Play a run, and return the data of a stream mode."""
    parts: Any = stage.client.runs.stream(stage.thread, "agent", stream_mode=[mode], **asked)
    return [part.data async for part in parts if part.event == mode]


async def finish(stage: Stage) -> None:
    """Bring the thread to its end, so that nothing plays beside the tasks that a command adds."""
    await stage.client.threads.update(stage.thread, metadata={"graph_id": "agent"})
    await stage.client.threads.update_state(stage.thread, {"log": []}, as_node="child")


async def log(stage: Stage) -> Any:
    return (await stage.state())["values"]["log"]


async def questions(stage: Stage) -> dict[str, str]:
    """Return the ids of the questions that a run ends with when it answers none, by their values."""
    values = await run(stage, input=None)
    return {asked["value"]: asked["id"] for asked in values["__interrupt__"]}


def sent(**inputs: Any) -> Any:
    """Return a command that sends each of these nodes an input."""
    return {"goto": [{"node": node, "input": given} for node, given in inputs.items()]}


# Measured: `langgraph` 1.2 plays the same graph with the same questions, kept writes and order of writes.
@pytest.mark.parametrize("durability", ["async", "exit"])
async def test_tasks_of_a_command_and_of_the_next_step_ask_together(durability: Any) -> None:
    async with on_stage(script=SCRIPT) as stage:
        await run(stage, input={"messages": "order"}, durability=durability)
        before = await stage.state()
        await run(
            stage, command=sent(ask={"topic": "a"}, look={"topic": "b"}, child={"topic": "c"}), durability=durability
        )
        asked = await questions(stage)
        assert list(asked) == ["a?", "inner c?", "Which size?", "By card?"]
        failed = await run(stage, command={"resume": "yes"})
        assert failed["__error__"]["error"] == "RuntimeError"
        await run(stage, command={"resume": {}})
        # The state shows the tasks of its checkpoint only.
        assert await stage.state() == before
        some = {"resume": {asked["a?"]: "A", asked["inner c?"]: "C"}}
        updates = await streamed(stage, "updates", command=some, durability=durability)
        assert updates[0] == {"look": {"log": "looked into b"}, "__metadata__": {"cached": True}}
        assert await questions(stage) == {one: asked[one] for one in ("Which size?", "By card?")}
        rest = {"resume": {asked["Which size?"]: "large", asked["By card?"]: "no"}}
        updates = await streamed(stage, "updates", command=rest, durability=durability)
        kept = [next(iter(one)) for one in updates if "__metadata__" in one]
        assert kept == ["ask", "look", "child"]
        sent_writes = ["asked a: A", "looked into b", "inner c: C"]
        assert await log(stage) == ["ordered large", "paid no", *sent_writes, "planned"]
        assert await stage.thread_status() == "idle"


async def test_a_sent_task_does_not_take_the_place_of_one_that_plays_the_same_node() -> None:
    async with on_stage(script=SCRIPT) as stage:
        await run(stage, input={"messages": "work"})
        (asked,) = (await stage.state())["interrupts"]
        begun = await streamed(stage, "tasks", command=sent(work={}))
        begun = [task for task in begun if "input" in task]
        assert [(task["name"], task["triggers"]) for task in begun] == [("work", ["__pregel_push"])] * 3
        assert len({task["id"] for task in begun}) == 3
        # A sent task plays the first part of the step, so it asks as well.
        open_now = await run(stage, input=None)
        answers = {one["id"]: "yes" for one in open_now["__interrupt__"]}
        assert (len(answers), asked["id"] in answers) == (2, True)
        await run(stage, command={"resume": answers})
        assert await log(stage) == ["first", "second", "first", "planned"]


async def test_the_visits_of_added_tasks_count(stage: Stage) -> None:
    probe: Any = {"interrupt": ["tools:1"]}
    await stage.join(await stage.create("A", "sf", probe=probe))
    twice: Any = {"goto": [{"node": "agent", "input": {}}] * 2}
    await run(stage, command=twice, config=stage.config("B", **probe))
    await run(stage, command={"resume": "yes"}, config=stage.config("C", **probe))
    assert await stage.steps() == ["A/agent:1", "C/tools:1", "B/agent:2", "B/agent:3", "C/agent:4"]


async def test_the_cases_of_a_sent_task_follow_where_nothing_else_is_next() -> None:
    async with on_stage(script=SCRIPT) as stage:
        await finish(stage)
        await run(stage, command=sent(ask={"topic": "a"}))
        await run(stage, command={"resume": "yes"}, interrupt_after=["case"])
        assert (await log(stage), (await stage.state())["next"]) == (["asked a: yes", "case yes"], ["child"])


async def test_a_breakpoint_after_a_node_stops_behind_an_added_task() -> None:
    async with on_stage(script=SCRIPT) as stage:
        await run(stage, command={"goto": "look"}, interrupt_after=["look"])
        assert (await stage.state())["next"] == ["ask"]


async def test_the_child_graph_of_a_sent_task_survives_pruning() -> None:
    async with on_stage(script=SCRIPT) as stage:
        await finish(stage)
        await run(stage, command=sent(child={"topic": "a"}))
        pruned = await stage.http.post("/threads/prune", json={"thread_ids": [stage.thread], "strategy": "keep_latest"})
        assert pruned.is_success
        updates = await streamed(stage, "updates", command={"resume": "yes"})
        assert updates == [{"child": {"log": ["inner a: yes"]}}]


async def test_messages_that_are_sent_are_read_as_those_of_an_input() -> None:
    script = parse("turns: [{steps: [{say: a}]}, {steps: [{node: tools, result: done}]}]")
    call = {"name": "find", "args": {}, "id": "c1"}
    async with on_stage(script=script) as stage:
        await run(stage, input={"messages": "hi"})
        before = await stage.history()
        unreadable = await run(stage, command=sent(tools={"messages": [{"role": "nobody", "content": "x"}]}))
        assert unreadable["__error__"]["error"] == "ValueError"
        # The input leaves no trace, so the next run does not fail for the same reason.
        assert await stage.history() == before
        message = {"role": "assistant", "content": "", "tool_calls": [call]}
        await run(stage, command=sent(tools={"messages": [message]}))
        values: Any = (await stage.state())["values"]
        assert [one["content"] for one in values["messages"] if one["type"] == "tool"] == ["done"]


async def test_a_probe_child_without_a_tool_call_fails_with_the_reason(stage: Stage) -> None:
    failed = await run(stage, command={"goto": "research"}, config=stage.config("A"))
    assert failed["__error__"]["message"] == "The node research works on a tool call, and the last message has none."
