"""Several questions to a human at once, as LangGraph's `interrupt()` asks them in parallel nodes and in one node."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from mockserver.script.load import ScriptError, parse
from tests.mockserver.protocol import Protocol, data, over
from tests.mockserver.stage import Stage, asking, on_stage
from tests.mockserver.test_scripted import run

SCRIPT = """
channels: {log: append}
turns:
  - when: {contains: one node}
    steps:
      - node: a
        interrupt:
          - {value: {ask: size}, name: size}
          - {value: {ask: "color of a {size} one"}, cases: [{equals: red, steps: [{channels: {log: it is red}}]}]}
        channels: {log: "{size} and {resume}"}
      - {channels: {log: "still {size}"}}
  - when: {contains: two by two}
    steps:
      - parallel:
          - {node: a, interrupt: [{value: a1}, {value: a2}], channels: {log: "a {resume}"}}
          - {node: b, interrupt: [{value: b1}, {value: b2}], channels: {log: "b {resume}"}}
      - {channels: {log: end}}
  - when: {contains: held}
    steps:
      - parallel:
          - {node: a, interrupt: {value: a}, channels: {log: "a {resume}"}}
          - {node: b, interrupt: {value: b}, channels: {log: "b {resume}"}}
      - {hold: later, channels: {log: end}}
  - when: {contains: two calls}
    steps:
      - call: [{tool: send, id: t1}, {tool: send, id: t2}]
      - parallel:
          - {node: tools, interrupt: {value: first}, result: "first {resume}"}
          - {node: tools, interrupt: {value: second}, result: "second {resume}"}
      - {say: Done.}
  - when: {contains: child}
    steps:
      - call: {tool: task, args: {description: look}, id: t1}
      - node: tools
        subgraph:
          - parallel:
              - {node: x, interrupt: {value: x}, say: "x is {resume}."}
              - {node: y, interrupt: {value: y}, say: "y is {resume}."}
      - {say: Done.}
  - steps:
      - parallel:
          - node: a
            interrupt: {value: a, cases: [{equals: 1, steps: [{channels: {log: case}}]}]}
            channels: {log: "a {resume}"}
          - {node: b, interrupt: {value: b}, channels: {log: "b {resume}"}}
          - {node: plain, channels: {log: plain}}
      - {channels: {log: end}}
"""


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage(script=parse(SCRIPT)) as found:
        yield found


async def asked(stage: Stage) -> dict[Any, str]:
    """Return the ids of the pending interrupts by their questions, which state and thread agree about."""
    state, thread = await stage.state(), await stage.client.threads.get(stage.thread)
    by_task = [question for questions in thread["interrupts"].values() for question in questions]
    assert by_task == state["interrupts"]
    return {str(question["value"]): question["id"] for question in state["interrupts"]}


async def answer(stage: Stage, given: Any) -> dict[str, Any]:
    """Resume with an answer, and return the values of the run."""
    return await run(stage, None, command={"resume": given})


async def log(stage: Stage) -> Sequence[str]:
    """Return the channel that the nodes write to."""
    values: Any = (await stage.state())["values"]
    return list(values.get("log", ()))


async def test_every_parallel_node_asks(stage: Stage) -> None:
    values = await run(stage)
    assert [question["value"] for question in values["__interrupt__"]] == ["a", "b"]
    assert values["messages"][0]["content"] == "go"
    assert list(await asked(stage)) == ["a", "b"]
    state = await stage.state()
    assert (state["next"], await stage.thread_status()) == (["a", "b"], "interrupted")
    assert [(task["name"], len(task["interrupts"]), task["result"] is None) for task in state["tasks"]] == [
        *(("a", 1, True), ("b", 1, True), ("plain", 0, False)),
    ]


async def test_answers_by_their_ids_continue_all_nodes(stage: Stage) -> None:
    await run(stage)
    questions = await asked(stage)
    await answer(stage, {questions["b"]: 2, questions["a"]: 1})
    assert await log(stage) == ["a 1", "b 2", "plain", "case", "end"]
    assert (await asked(stage), await stage.thread_status()) == ({}, "idle")


@pytest.mark.parametrize(("first", "second"), ["ab", "ba"])
async def test_an_answer_to_one_leaves_the_other_open(stage: Stage, first: str, second: str) -> None:
    await run(stage)
    questions = await asked(stage)
    values = await answer(stage, {questions[first]: 1})
    assert [question["value"] for question in values["__interrupt__"]] == [second]
    assert await asked(stage) == {second: questions[second]}
    state = await stage.state()
    assert state["next"] == [second]
    assert {task["name"]: len(task["interrupts"]) for task in state["tasks"]} == {first: 0, second: 1, "plain": 0}
    assert await log(stage) == sorted([f"{first} 1", "plain"])
    # In the history the task of the answered question keeps it, as on the official server.
    head = (await stage.history())[-1]
    assert [question["value"] for question in head["interrupts"]] == ["a", "b"]
    # A single question that is left needs no id.
    await answer(stage, 1)
    assert await log(stage) == ["a 1", "b 1", "plain", "case", "end"]
    assert [one["next"] for one in await stage.history()] == [
        ["__start__"],
        ["a", "b", "plain"],
        ["agent"],
        ["agent"],
        [],
    ]


async def test_finished_nodes_do_not_play_again(stage: Stage) -> None:
    await run(stage)
    questions = await asked(stage)
    parts: Any = stage.client.runs.stream(
        stage.thread, "agent", command={"resume": {questions["a"]: 1}}, stream_mode=["updates", "values", "tasks"]
    )
    seen = [(part.event, part.data) async for part in parts][1:]
    begun = [data["name"] for event, data in seen if event == "tasks" and "input" in data]
    ended = [data["name"] for event, data in seen if event == "tasks" and "input" not in data]
    assert (begun, sorted(ended)) == (["a", "b", "plain"], ["a", "b"])
    updates = [data for event, data in seen if event == "updates"]
    assert (updates[0]["plain"]["log"], updates[0]["__metadata__"]) == ("plain", {"cached": True})
    assert sorted(next(iter(update)) for update in updates[1:]) == ["__interrupt__", "a"]
    assert (seen[-1][0], seen[-1][1]["log"]) == ("values", ["a 1", "plain"])
    assert await log(stage) == ["a 1", "plain"]


@pytest.mark.parametrize("given", ["yes", ["yes", "no"], {"a": "yes"}])
async def test_an_answer_to_no_question_in_particular_fails_the_run(stage: Stage, given: Any) -> None:
    await run(stage)
    questions = await asked(stage)
    error = (await answer(stage, given))["__error__"]
    assert error["error"] == "RuntimeError"
    assert error["message"].startswith(
        "When there are multiple pending interrupts, you must specify the interrupt id when resuming."
    )
    assert await asked(stage) == questions
    assert (await stage.thread_status(), await log(stage)) == ("error", ["plain"])
    await answer(stage, {questions["a"]: 0, questions["b"]: 0})
    assert await log(stage) == ["a 0", "b 0", "plain", "end"]


@pytest.mark.parametrize("given", [{}, {"f" * 32: "yes"}])
async def test_an_answer_to_another_question_answers_nothing(stage: Stage, given: Any) -> None:
    await run(stage)
    questions = await asked(stage)
    values = await answer(stage, given)
    assert [question["id"] for question in values["__interrupt__"]] == list(questions.values())
    assert (await asked(stage), await log(stage)) == (questions, ["plain"])
    await answer(stage, {"f" * 32: "yes", questions["a"]: 0})
    assert list(await asked(stage)) == ["b"]


async def test_one_node_asks_one_question_after_another(stage: Stage) -> None:
    await run(stage, "one node")
    first = await asked(stage)
    assert list(first) == ["{'ask': 'size'}"]
    values = await answer(stage, "large")
    second = await asked(stage)
    assert [question["value"] for question in values["__interrupt__"]] == [{"ask": "color of a large one"}]
    assert set(first.values()).isdisjoint(second.values())
    # No checkpoint in between: the node asks again from its beginning, and has its first answer.
    assert [one["next"] for one in await stage.history()] == [["__start__"], ["a"]]
    await answer(stage, {next(iter(second.values())): "red"})
    assert await log(stage) == ["large and red", "it is red", "still large"]


async def test_parallel_nodes_go_through_their_questions_at_their_own_pace(stage: Stage) -> None:
    await run(stage, "two by two")
    first = await asked(stage)
    await answer(stage, {first["a1"]: "one"})
    second = await asked(stage)
    assert (list(second), second["b1"]) == (["a2", "b1"], first["b1"])
    await answer(stage, {second["a2"]: "two", second["b1"]: "three"})
    assert (list(await asked(stage)), await log(stage)) == (["b2"], ["a two"])
    await answer(stage, "four")
    assert await log(stage) == ["a two", "b four", "end"]


async def test_one_node_asks_about_each_of_its_calls(stage: Stage) -> None:
    await run(stage, "two calls")
    questions = await asked(stage)
    assert (await stage.state())["next"] == ["tools", "tools"]
    await answer(stage, {questions["second"]: "no"})
    state = await stage.state()
    assert (state["next"], await asked(stage)) == (["tools"], {"first": questions["first"]})
    assert [len(task["interrupts"]) for task in state["tasks"]] == [1, 0]
    values = await answer(stage, "yes")
    results = [(one["tool_call_id"], one["content"]) for one in values["messages"] if one["type"] == "tool"]
    assert results == [("t1", "first yes"), ("t2", "second no")]


async def test_a_child_graph_asks_several_questions(stage: Stage) -> None:
    values = await run(stage, "child")
    assert [question["value"] for question in values["__interrupt__"]] == ["x", "y"]
    questions = await asked(stage)
    assert (await answer(stage, "yes"))["__error__"]["error"] == "RuntimeError"
    await answer(stage, {questions["y"]: "two"})
    whole: Any = await stage.client.threads.get_state(stage.thread, subgraphs=True)
    inner = whole["tasks"][0]["state"]
    assert (whole["next"], inner["next"], inner["interrupts"]) == (["tools"], ["x"], whole["interrupts"])
    assert await asked(stage) == {"x": questions["x"]}
    values = await answer(stage, "one")
    assert [message["content"] for message in values["messages"]] == ["child", "", "y is two.", "Done."]


async def test_the_newer_protocol_answers_some_or_all_of_them(stage: Stage) -> None:
    protocol = Protocol(stage)
    await run(stage, "child")
    questions = await asked(stage)
    (task,) = (await stage.state())["tasks"]
    replies = [
        {"namespace": [f"tools:{task['id']}"], "interrupt_id": name, "response": question}
        for question, name in questions.items()
    ]
    async with protocol.listening("lifecycle") as ear:
        assert (await protocol.command("input.respond", {"responses": replies}))["type"] == "success"
        await ear.until(over((await stage.client.runs.list(stage.thread))[0]["run_id"]))
    assert await stage.said() == "HATA"
    await run(stage, "child")
    questions = await asked(stage)
    (task,) = (await stage.state())["tasks"]
    reply = {"namespace": [f"tools:{task['id']}"], "interrupt_id": questions["x"], "response": 1}
    async with protocol.listening("lifecycle") as ear:
        assert (await protocol.command("input.respond", reply))["type"] == "success"
        await ear.until(over((await stage.client.runs.list(stage.thread))[0]["run_id"]))
    assert await asked(stage) == {"y": questions["y"]}


async def test_rolling_back_an_answer_opens_its_question_again(stage: Stage) -> None:
    await run(stage, "held")
    questions = await asked(stage)
    await answer(stage, {questions["a"]: 1})
    resumed = await stage.client.runs.create(stage.thread, "agent", command={"resume": {questions["b"]: 2}})

    async def committed() -> bool:
        return bool((await stage.state())["next"] == ["agent"])

    await stage.until(committed)
    assert (await asked(stage), await log(stage)) == ({}, ["a 1", "b 2"])
    await stage.client.runs.cancel(stage.thread, resumed["run_id"], wait=True, action="rollback")
    # Only the answer of the run that was rolled back is gone.
    assert (await asked(stage), await log(stage)) == ({"b": questions["b"]}, ["a 1"])


async def test_an_answer_before_any_question_goes_to_the_first(stage: Stage) -> None:
    await run(stage, interrupt_before=["a"])
    assert await asked(stage) == {}
    values = await answer(stage, 7)
    assert [question["value"] for question in values["__interrupt__"]] == ["b"]
    assert await log(stage) == ["a 7", "plain"]


async def test_new_input_drops_every_question(stage: Stage) -> None:
    await run(stage)
    await run(stage, "one node")
    assert list(await asked(stage)) == ["{'ask': 'size'}"]


async def test_a_run_without_an_answer_asks_the_same_question(stage: Stage) -> None:
    await run(stage)
    questions = await asked(stage)
    await stage.client.runs.wait(stage.thread, "agent", input=None)
    assert await asked(stage) == questions


TYPED = """
channels: {decision: replace, log: replace, size: replace, kept: {reducer: replace, initial: {a: [1]}}}
turns:
  - steps:
      - node: ask
        interrupt: [{value: {sizes: "{state.kept}"}, name: size}, {value: "{size}"}]
        custom: ["{resume}"]
        store: [{namespace: [a], key: b, value: {got: "{resume}"}}]
        channels: {decision: {is: "{resume}"}, size: "{size}", log: "{resume} for {size}"}
        say: "{resume}"
"""


@pytest.mark.parametrize("given", [{"approved": True}, ["a", 1], 5, False, None, "text", '"text"'])
async def test_a_name_alone_keeps_the_type_of_its_value(given: Any) -> None:
    async with on_stage(script=parse(TYPED)) as stage:
        asked: Any = await stage.client.runs.wait(stage.thread, "agent", input=asking("hi"))
        assert [one["value"] for one in asked["__interrupt__"]] == [{"sizes": {"a": [1]}}]
        asked = await stage.client.runs.wait(stage.thread, "agent", command={"resume": 7})
        assert [one["value"] for one in asked["__interrupt__"]] == [7]
        (question,) = asked["__interrupt__"]
        command: Any = {"resume": {question["id"]: given}}
        stream = stage.client.runs.stream(stage.thread, "agent", command=command, stream_mode="custom")
        assert [event.data async for event in stream if event.event == "custom"] == [given]
        values = (await stage.state())["values"]
        text = given if isinstance(given, str) else json.dumps(given, separators=(",", ":"))
        assert (values["decision"], values["size"]) == ({"is": given}, 7)
        # In a text with more, and in what the model says, it is a text.
        assert values["log"].replace(" ", "") == f"{text}for7".replace(" ", "")
        assert values["messages"][-1]["content"].replace(" ", "") == text
        assert (await stage.client.store.get_item(["a"], "b"))["value"] == {"got": given}


EARLY = """
channels: {notes: append}
transformer: true
turns:
  - steps:
      - node: ask
        interrupt:
          - {value: Which?, name: which, before: [{custom: [{name: progress, step: 1}]}, {say: Let me see., takes: 1}]}
          - {value: Sure?, before: [{say: "{which}, then.", custom: [{name: progress, step: 2}]}]}
        custom: [{name: progress, step: 3}]
        say: "Took {which}."
        channels: {notes: ["{which} {resume}"]}
"""


def shown(event: Any) -> Any:
    """Return what a node shows in one event of a stream, None for other events."""
    if event.event == "messages":
        return event.data[0]["content"]
    if event.event == "custom":
        return event.data["step"]
    return event.data.get("__interrupt__", [{}])[0].get("value") if event.event == "updates" else None


async def test_what_a_node_does_before_a_question_is_shown_again_with_each_answer() -> None:
    """Measured on `langgraph dev` 0.16.7, which calls the function of the node again from its beginning."""
    async with on_stage(script=parse(EARLY)) as stage:
        seen = []
        for asked in ({"input": asking("hi")}, {"command": {"resume": "red"}}, {"command": {"resume": "yes"}}):
            stream = stage.client.runs.stream(
                stage.thread, "agent", stream_mode=["custom", "messages-tuple", "updates"], **asked
            )
            seen.append([one async for event in stream if (one := shown(event)) is not None])
            state = await stage.state()
            seen[-1].append([message["content"] for message in state["values"]["messages"][1:]])
        first, second = [1, "Let ", "me ", "see."], [2, "red, ", "then."]
        assert seen == [
            [*first, "Which?", []],
            [*first, *second, "Sure?", []],
            [*first, *second, 3, "Took ", "red.", ["Took red."]],
        ]
        assert state["values"]["notes"] == ["red yes"]


async def test_the_newer_protocol_shows_what_a_node_does_before_a_question() -> None:
    async with on_stage(script=parse(EARLY)) as stage:
        async with Protocol(stage).listening("custom:progress", "messages", "input") as ear:
            for asked in ({"input": asking("hi")}, {"command": {"resume": "red"}}):
                await stage.client.runs.wait(stage.thread, "agent", **asked)
            events = await ear.until(lambda event: event["params"]["data"].get("payload") == "Sure?")
        others = [event["params"]["data"] for event in events if event["method"] != "messages"]
        assert [one.get("step", "asks") for one in others] == [1, "asks", 1, 2, "asks"]
        blocks = [one["content"] for one in data(events, "messages") if one["event"] == "content-block-finish"]
        assert [block["text"] for block in blocks] == ["Let me see.", "Let me see.", "red, then."]


def test_what_a_node_does_before_a_question_writes_nothing() -> None:
    with pytest.raises(ScriptError, match=r"s:1:51: unknown key `result`.*\[0\]"):
        parse("turns: [{steps: [{interrupt: {value: a, before: [{result: x}]}}]}]", "s")


@pytest.mark.parametrize("name", ["text", "resume", "a b"])
def test_the_name_of_an_answer_is_its_own(name: str) -> None:
    with pytest.raises(ScriptError, match=r"script:3:\d+: "):
        parse(f"turns:\n- steps:\n  - {{interrupt: {{value: 1, name: '{name}'}}, say: x}}\n")
