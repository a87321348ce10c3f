"""Commands of a run: going on at a node, writing as pairs, and answers that are strict."""

from __future__ import annotations

from typing import Any

from tests.mockserver.stage import Stage, asking


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
    fork, done = (await stage.history())[len(before) :]
    assert (fork["next"], fork["metadata"]["source"], fork["parent_checkpoint_id"]) == (
        ["agent"],
        "fork",
        before[-1]["checkpoint_id"],
    )
    assert done["next"] == []
    assert await commanded(stage, {"goto": ["tools"]}, config=stage.config("C")) == ["tools", "agent"]


async def test_a_run_begins_at_a_node_of_an_empty_thread(stage: Stage) -> None:
    assert await commanded(stage, {"goto": "agent"}, config=stage.config("A")) == ["agent"]
    assert await stage.said() == "A"


async def test_going_to_the_end_does_nothing(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    assert await commanded(stage, {"goto": "__end__"}) == []
    assert await stage.thread_status() == "idle"


async def test_a_thread_that_waits_elsewhere_is_not_sent_away(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf", interrupt_before=["tools"]))
    assert await commanded(stage, {"goto": "agent"}) == ["GotoError"]
    assert (await stage.state())["next"] == ["tools"]
    assert await commanded(stage, {"goto": "tools"}, config=stage.config("B")) == ["tools", "agent"]


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
