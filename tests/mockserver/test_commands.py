"""Commands of a run: going on at a node, writing as pairs, and answers that are strict."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.script.load import parse
from tests.mockserver.stage import Stage, asking, on_stage


async def commanded(stage: Stage, command: Any, **asked: Any) -> list[str]:
    """Return the nodes that ran in a run started by a command, and the error."""
    parts: Any = stage.client.runs.stream(stage.thread, "agent", command=command, stream_mode=["updates"], **asked)
    seen: list[str] = []
    async for part in parts:
        if part.event == "updates":
            seen += part.data
        elif part.event == "error":
            seen.append(part.data["error"])
    return seen


async def test_a_run_goes_on_at_a_node(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    before = await stage.history()
    assert await commanded(stage, {"goto": "agent", "update": {"steps": ["u"]}}, config=stage.config("B")) == ["agent"]
    assert (await stage.said(), (await stage.steps())[3:]) == ("HATAA", ["u", "B/agent:3"])
    # The node runs in the superstep after the newest checkpoint, which shows nothing of it.
    (done,) = (await stage.history())[len(before) :]
    assert (done["next"], done["metadata"]["source"], done["parent_checkpoint_id"]) == (
        [],
        "loop",
        before[-1]["checkpoint_id"],
    )
    assert await commanded(stage, {"goto": ["tools"]}, config=stage.config("C")) == ["tools", "agent"]


CHAIN = parse("""
messages: false
channels: {log: append}
turns:
  - steps: [{node: a, channels: {log: a}}, {node: b, channels: {log: b}}, {node: c, channels: {log: c}}]
""")


# Measured on `langgraph dev` 0.16.7. There `b` also plays `c` again, which a script does not.
@pytest.mark.parametrize(
    ("command", "planned", "seen"),
    [
        ({"goto": "nowhere"}, ["a"], ["a", "b", "c"]),
        ({"goto": ["nowhere", "a"]}, ["a"], ["a", "b", "c"]),
        ({"goto": "__end__"}, ["a"], ["a", "b", "c"]),
        ({"goto": "c"}, ["a", "c"], ["a", "c", "b", "c"]),
        ({"goto": {"node": "c", "input": {}}}, ["a", "c"], ["a", "c", "b", "c"]),
        ({"goto": "c", "resume": "x"}, ["a", "c"], ["a", "c", "b", "c"]),
    ],
)
async def test_the_graph_of_an_empty_thread_is_entered_beside_the_targets(
    command: Any, planned: list[str], seen: list[str]
) -> None:
    async with on_stage(script=CHAIN) as stage:
        assert sorted((await commanded(stage, command))[: len(planned)]) == planned
        first, entered, *_ = await stage.history()
        assert (first["next"], entered["next"], sorted(entered["values"])) == (["__start__"], planned, ["log"])
        assert (await stage.state())["values"]["log"] == seen


async def test_a_breakpoint_stops_an_empty_thread_before_a_target() -> None:
    async with on_stage(script=CHAIN) as stage:
        assert await commanded(stage, {"goto": "c"}, interrupt_before=["c"]) == ["__interrupt__"]
        assert (await stage.state())["next"] == ["a", "c"]
        await stage.client.runs.wait(stage.thread, "agent", input=None)
        assert (await stage.state())["values"]["log"] == ["a", "c", "b", "c"]


async def test_a_target_that_the_graph_does_not_have_adds_nothing_to_a_thread() -> None:
    async with on_stage(script=CHAIN) as stage:
        await stage.client.runs.wait(stage.thread, "agent", input={})
        before = await stage.history()
        parts: Any = stage.client.runs.stream(stage.thread, "agent", command={"goto": "nowhere"})
        assert [part.data async for part in parts if part.event == "values"] == [{"log": ["a", "b", "c"]}]
        assert await stage.history() == before


async def test_going_to_the_end_does_nothing(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    assert await commanded(stage, {"goto": "__end__"}) == []
    assert await stage.thread_status() == "idle"


async def test_a_node_runs_beside_the_one_that_waits_and_its_write_waits_with_it(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf", probe={"interrupt": ["tools:1"]}))
    (asked,) = (await stage.state())["interrupts"]
    before = await stage.history()
    command = {"goto": "agent", "update": {"steps": ["by hand"]}}
    seen = await commanded(stage, command, config=stage.config("B", interrupt=["tools:1"]))
    assert sorted(seen) == ["__interrupt__", "agent"]
    state = await stage.state()
    assert (state["next"], state["interrupts"], await stage.said()) == (["tools"], [asked], "HA")
    assert (await stage.steps(), len(await stage.history())) == (["A/agent:1", "by hand"], len(before))
    # It does not run again, and the stream shows its write as one that was kept.
    resumed = await commanded(stage, {"resume": "yes"}, config=stage.config("C", interrupt=["tools:1"]))
    assert resumed == ["agent", "__metadata__", "tools", "agent"]
    assert stage.witness.of("C")[0].startswith("tools:1")
    assert "B/agent:2" in await stage.steps()


async def test_a_thread_that_waits_at_a_node_may_be_sent_there(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf", interrupt_before=["tools"]))
    assert await commanded(stage, {"goto": "tools"}, config=stage.config("B")) == ["tools", "agent"]


async def test_new_input_drops_what_a_command_has_added(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf", probe={"interrupt": ["tools:1"]}))
    await commanded(stage, {"goto": "agent"}, config=stage.config("B", interrupt=["tools:1"]))
    await stage.join(await stage.create("C", "nyc"))
    assert (await stage.said(), await stage.thread_status()) == ("HAHATA", "idle")


async def test_a_rolled_back_goto_leaves_no_trace(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf", probe={"interrupt": ["tools:1"]}))
    stage.witness.hold("B/agent:2/enter")
    config = stage.config("B", interrupt=["tools:1"])
    run = await stage.client.runs.create(stage.thread, "agent", command={"goto": "agent"}, config=config)
    await stage.witness.reached("B/agent:2/enter")
    await stage.client.runs.cancel(stage.thread, run["run_id"], wait=True, action="rollback")
    resumed = await commanded(stage, {"resume": "yes"}, config=stage.config("C", interrupt=["tools:1"]))
    assert (resumed, await stage.said()) == (["tools", "agent"], "HATA")


MAPPING = parse("""
channels: {log: append}
turns:
  - when: {contains: map}
    steps:
      - {node: look, channels: {log: "looked into {topic}"}}
      - {say: Found it.}
  - steps:
      - {node: plan, channels: {log: planned}}
""")


async def test_a_node_runs_once_for_each_input_that_it_is_sent() -> None:
    async with on_stage(script=MAPPING) as stage:
        await stage.client.runs.wait(stage.thread, "agent", input={"messages": "hi"})
        sent: Any = [
            {"node": "look", "input": {"topic": "a"}},
            {"lg_name": "Send", "node": "look", "input": {"topic": "b"}},
        ]
        parts: Any = stage.client.runs.stream(
            stage.thread, "agent", command={"goto": sent}, stream_mode=["tasks", "updates"]
        )
        seen = [(part.event, part.data) async for part in parts]
        begun = [data for event, data in seen if event == "tasks" and "input" in data and data["name"] == "look"]
        assert [task["input"] for task in begun] == [{"topic": "a"}, {"topic": "b"}]
        assert [task["triggers"] for task in begun] == [["__pregel_push"]] * 2
        # Then the thread continues after the step of that node.
        assert [list(data) for event, data in seen if event == "updates"] == [["look"], ["look"], ["agent"]]
        state: Any = await stage.state()
        assert state["values"]["log"] == ["planned", "looked into a", "looked into b"]
        # The fields of an input are not kept for the next command.
        await stage.client.runs.wait(stage.thread, "agent", command={"goto": ["plan", "look"]})
        state = await stage.state()
        assert state["values"]["log"][3:] == ["looked into {topic}", "planned"]


async def test_an_input_of_any_kind_can_be_sent_and_the_node_may_ask() -> None:
    script = parse('turns: [{steps: [{say: a}]}, {steps: [{node: ask, interrupt: {value: "{text}?"}}]}]')
    async with on_stage(script=script) as stage:
        await stage.client.runs.wait(stage.thread, "agent", input={"messages": "hi"})
        sent: Any = {"goto": {"node": "ask", "input": "text"}}
        values: Any = await stage.client.runs.wait(stage.thread, "agent", command=sent)
        assert len(values["__interrupt__"]) == 1
        assert await stage.thread_status() == "interrupted"
        await stage.client.runs.wait(stage.thread, "agent", command={"resume": "yes"})
        assert await stage.thread_status() == "idle"


async def test_an_update_may_be_given_as_pairs(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf", probe={"interrupt": ["tools:1"]}))
    command = {"resume": "yes", "update": [["steps", ["by hand"]]]}
    assert await commanded(stage, command, config=stage.config("A")) == ["tools", "agent"]
    assert await stage.steps() == ["A/agent:1", "by hand", "A/tools:1", "A/agent:2"]


async def test_a_strict_answer_needs_somebody_who_asked(stage: Stage) -> None:
    told: Any = {"strict_resume": True, "config": stage.config("A", interrupt=["tools:1"])}
    await stage.join(await stage.create("A", "sf"))
    assert await commanded(stage, {"resume": "yes"}, **told) == ["UnknownInterruptError"]
    await stage.client.runs.wait(stage.thread, "agent", input=asking("nyc"), config=told["config"])
    (question,) = (await stage.state())["interrupts"]
    before = await stage.history()
    assert await commanded(stage, {"resume": {"0" * 32: "yes"}}, **told) == ["UnknownInterruptError"]
    assert await stage.history() == before
    assert await commanded(stage, {"resume": {question["id"]: "yes"}}, **told) == ["tools", "agent"]


async def test_where_nobody_looks_feedback_and_traces_are_of_no_effect(stage: Stage) -> None:
    asked = {
        "assistant_id": "agent",
        "input": asking("sf"),
        "feedback_keys": ["good"],
        "langsmith_tracer": {"project_name": "p", "example_id": "e"},
        "durability": "exit",
        "checkpoint_during": False,
    }
    plain = await stage.http.post("/runs/wait", json={"assistant_id": "agent", "input": asking("sf")})
    answer = await stage.http.post("/runs/wait", json=asked)
    assert [one["content"] for one in answer.json()["messages"]] == [one["content"] for one in plain.json()["messages"]]


INSIDE = parse("""
turns:
  - when: {contains: again}
    steps:
      - {node: begin, say: Begun.}
      - {repeat: 2, steps: [{node: look, say: Looked.}, {node: wait, interrupt: {value: "On?"}, say: Waited.}]}
      - {node: finish, say: Finished.}
  - steps:
      - node: ask
        interrupt:
          value: Which?
          cases:
            - {equals: one, steps: [{node: one, say: One.}, {node: both, say: Both.}]}
            - {steps: [{node: two, say: Two.}]}
      - {node: finish, say: The end.}
""")


async def said_after(stage: Stage, *inputs: Any) -> list[str]:
    """Return the messages of the model after an input and commands, a run each."""
    values: Any = {}
    for given in inputs:
        request = {"command": given} if isinstance(given, dict) else {"input": {"messages": given}}
        values = await stage.client.runs.wait(stage.thread, "agent", **request)
    return [message["content"] for message in values["messages"] if message["type"] == "ai"]


async def test_goto_reaches_the_steps_of_a_case_that_was_not_taken() -> None:
    async with on_stage(script=INSIDE) as stage:
        answered = ["One.", "Both.", "The end."]
        assert await said_after(stage, "hi", {"resume": "one"}) == answered
        assert await said_after(stage, {"goto": "two"}) == [*answered, "Two.", "The end."]
        assert await said_after(stage, {"goto": "both"}) == [*answered, "Two.", "The end.", "Both.", "The end."]


async def test_goto_reaches_the_steps_of_a_repetition() -> None:
    async with on_stage(script=INSIDE) as stage:
        answered = await said_after(stage, "hi", {"resume": "two"})
        assert await said_after(stage, {"goto": "look"}) == [*answered, "Looked."]
        assert (await stage.state())["next"] == ["wait"]
        # One round is left, and then what follows the repetition.
        rest = ["Looked.", "Waited.", "Looked.", "Waited.", "Finished."]
        assert await said_after(stage, {"resume": "y"}, {"resume": "y"}) == [*answered, *rest]


async def test_goto_takes_no_repetition_for_a_step_of_the_usual_node() -> None:
    script = parse("""
turns: [{steps: [{node: a, interrupt: {value: x}}, {repeat: 2, steps: [{node: b, say: b}]}, {say: last}]}]
""")
    async with on_stage(script=script) as stage:
        assert await said_after(stage, "hi", {"goto": "agent"}) == []
        assert await said_after(stage, {"resume": "y"}) == ["last", "b", "b", "last"]
