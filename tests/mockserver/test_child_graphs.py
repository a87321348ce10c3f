"""Child graphs of a script, as `langgraph dev` shows those of deep agents and of graphs that are nodes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from mockserver.core.script_cursor import Cursor
from mockserver.script.load import ScriptError, parse
from mockserver.script.types import Step
from tests.mockserver.stage import Stage, on_stage
from tests.mockserver.test_scripted import kinds, run

SCRIPT = """
channels: {log: append, files: merge}
turns:
  - when: {contains: shared}
    steps:
      - node: researcher
        returns: messages
        subgraph: &research
          - {node: model, call: {tool: search, args: {q: x}, id: s1}}
          - {node: tools, result: found, custom: [{progress: inside}], channels: {log: searched}}
          - {node: model, say: The child found it.}
      - {node: after, say: After the child.}
  - when: {contains: own words}
    steps:
      - {call: {tool: task, id: t1}, channels: {log: called}}
      - {node: tools, returns: messages, subgraph: [{node: model, say: I speak.}]}
      - {result: The script's own.}
      - {say: Done.}
  - when: {contains: own result}
    steps:
      - {call: {tool: task, id: t1}}
      - {node: tools, subgraph: [{node: model, say: I speak.}]}
      - {result: The script's own.}
      - {say: Done.}
  - when: {contains: no call}
    steps:
      - {node: helper, subgraph: [{say: "I heard {text}"}]}
      - {say: Done.}
  - when: {contains: question}
    steps:
      - {call: {tool: task, args: {description: decide}, id: t1}}
      - node: tools
        subgraph:
          - {node: asker, interrupt: {value: {ask: Which?}}, say: "I take {resume}."}
      - {say: Done.}
  - when: {contains: several}
    steps:
      - call:
          - {tool: task, args: {description: look}, id: t1}
          - {tool: task, args: {times: 2, what: listen}, id: t2}
          - {tool: task, args: {}, id: t3}
      - parallel:
          - {node: first, subgraph: [{say: Seen., channels: {log: seen, files: {a: 1}}}]}
          - {node: second, input: "for {text}", subgraph: [{say: Heard., channels: {log: heard, files: {b: 2}}}]}
          - {node: third, result: nothing}
      - {say: Done.}
  - when: {contains: two tasks}
    steps:
      - call:
          - {tool: task, args: {description: look}, id: t1}
          - {tool: task, args: {description: listen}, id: t2}
          - {tool: clock, id: t3}
      - parallel:
          - {node: audit, channels: {log: audited}}
          - {node: tools, subgraph: [{node: model, say: Seen.}]}
          - {node: tools, subgraph: [{node: ears, say: Heard.}]}
          - {node: tools, result: noon}
      - {say: Done.}
  - steps:
      - {node: model, call: {tool: task, args: {description: look, subagent_type: researcher}, id: t1}}
      - {node: tools, subgraph: *research}
      - {node: model, say: The parent is done.}
"""


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage(script=parse(SCRIPT)) as found:
        yield found


async def streamed(stage: Stage, text: str, modes: Any, *, inside: bool) -> list[Any]:
    """Return the events of a run behind the first, which names the run."""
    given: Any = {"messages": [{"role": "user", "content": text}]}
    parts = stage.client.runs.stream(stage.thread, "agent", input=given, stream_mode=modes, stream_subgraphs=inside)
    return [part async for part in parts][1:]


def names(events: list[Any]) -> list[str]:
    """Return the names of events, without repetitions and the ids of tasks."""
    plain = ["|".join(part.partition(":")[0] for part in event.event.split("|")) for event in events]
    return [name for number, name in enumerate(plain) if plain[number - 1 : number] != [name]]


def pieces(events: list[Any]) -> list[tuple[str, str, str]]:
    """Return each piece of a message: the name of its event, its type, and its text."""
    return [
        (name, event.data[0]["type"], event.data[0]["content"])
        for event in events
        for name in names([event])
        if event.event.startswith("messages")
    ]


async def test_what_a_child_says_stays_inside_and_comes_back_as_the_result(stage: Stage) -> None:
    values = await run(stage, "look")
    assert kinds(values) == "HATA"
    assert [message["content"] for message in values["messages"]] == [
        *("look", "", "The child found it.", "The parent is done."),
    ]
    result = values["messages"][2]
    assert (result["name"], result["tool_call_id"], result["status"]) == ("task", "t1", "success")
    assert values["log"] == ["searched"]
    (at_tools,) = [one for one in await stage.history() if one["next"] == ["tools"]]
    (task,) = at_tools["tasks"]
    assert task["checkpoint"]["checkpoint_ns"] == f"tools:{task['id']}"
    children: Any = await stage.client.threads.get_history(stage.thread, checkpoint=task["checkpoint"])
    assert [one["next"] for one in reversed(children)] == [["__start__"], ["model"], ["tools"], ["model"], []]
    assert [message["content"] for message in children[0]["values"]["messages"]] == [
        *("look", "", "found", "The child found it."),
    ]


async def test_messages_of_a_child_carry_its_namespace(stage: Stage) -> None:
    events = await streamed(stage, "look", "messages-tuple", inside=True)
    assert names(events) == ["messages", "messages|tools", "messages"]
    inside = [event for event in events if "|" in event.event]
    assert [piece["content"] for piece, _ in (event.data for event in inside)] == [
        *("", "found", "The ", "child ", "found ", "it."),
    ]
    namespace = inside[0].event.partition("|")[2]
    for event in inside:
        message, metadata = event.data
        assert metadata["checkpoint_ns"] == namespace
        outer, _, own = metadata["langgraph_checkpoint_ns"].partition("|")
        assert (outer, own.partition(":")[0]) == (namespace, metadata["langgraph_node"])
        assert metadata["langgraph_node"] == ("tools" if message["type"] == "tool" else "model")
    result, about = next(event.data for event in events if event.data[0]["content"] == "The child found it.")
    assert (result["type"], about["langgraph_checkpoint_ns"], "checkpoint_ns" in about) == ("tool", namespace, False)


async def test_a_stream_without_child_graphs_has_the_answer_alone(stage: Stage) -> None:
    events = await streamed(stage, "look", ["messages-tuple", "values", "updates", "custom", "tasks"], inside=False)
    assert [event for event in events if "|" in event.event] == []
    assert pieces(events)[:2] == [("messages", "AIMessageChunk", ""), ("messages", "tool", "The child found it.")]
    assert not [event for event in events if event.event == "custom"]
    assert [event.data["name"] for event in events if event.event == "tasks"] == [
        *("model", "model", "tools", "tools", "model", "model"),
    ]


async def test_every_mode_names_the_child_graph(stage: Stage) -> None:
    modes = ["values", "updates", "custom", "tasks", "checkpoints", "debug"]
    found = {name for name in names(await streamed(stage, "look", modes, inside=True)) if "|" in name}
    assert found == {f"{mode}|tools" for mode in modes}


@pytest.mark.parametrize("inside", [True, False])
async def test_the_older_message_mode_has_the_namespace_in_its_metadata(stage: Stage, inside: bool) -> None:
    events = await streamed(stage, "look", "messages", inside=inside)
    assert {event.event for event in events} == {"messages/metadata", "messages/partial", "messages/complete"}
    about = [next(iter(event.data.values()))["metadata"] for event in events if event.event == "messages/metadata"]
    depths = [len(one["langgraph_checkpoint_ns"].split("|")) for one in about]
    assert depths == ([1, 2, 2, 2, 1, 1] if inside else [1, 1, 1])
    said = [event.data[0]["content"] for event in events if event.event == "messages/partial"]
    assert ("The child found it." in said) is inside


async def test_events_nest_the_child_graph_in_its_node(stage: Stage) -> None:
    events = [event.data for event in await streamed(stage, "look", "events", inside=False)]
    started = [event for event in events if event["event"].endswith("_start")]
    assert [(event["name"], len(event["parent_ids"])) for event in started] == [
        *(("agent", 0), ("model", 1), ("ScriptedModel", 2), ("tools", 1), ("tools", 2)),
        *(("model", 3), ("ScriptedModel", 4), ("tools", 3), ("model", 3), ("ScriptedModel", 4)),
        *(("model", 1), ("ScriptedModel", 2)),
    ]
    node, child = started[3], started[4]
    assert child["parent_ids"] == [*node["parent_ids"], node["run_id"]]
    assert started[5]["parent_ids"] == [*child["parent_ids"], child["run_id"]]
    (ended,) = [event for event in events if event["run_id"] == child["run_id"] and event["event"] == "on_chain_end"]
    assert ended["data"]["output"]["messages"][-1]["content"] == "The child found it."


async def test_a_child_that_shares_the_messages_returns_all_of_them(stage: Stage) -> None:
    values = await run(stage, "shared")
    assert [message["content"] for message in values["messages"]] == [
        *("shared", "", "found", "The child found it.", "After the child."),
    ]
    thread = await stage.client.threads.create()
    stage.thread = thread["thread_id"]
    inside = await streamed(stage, "shared", ["messages-tuple", "updates"], inside=True)
    # Each message once: inside, and not again when the node ends.
    assert [piece for piece in pieces(inside) if piece[0] == "messages"] == [
        *(("messages", "AIMessageChunk", word) for word in ("After ", "the ", "child.")),
    ]
    (update,) = [event.data for event in inside if event.event == "updates" and "researcher" in event.data]
    assert kinds(update["researcher"]) == "HATA"


async def test_without_child_graphs_their_messages_arrive_whole(stage: Stage) -> None:
    events = await streamed(stage, "shared", "messages-tuple", inside=False)
    assert pieces(events)[:3] == [
        ("messages", "ai", ""),
        ("messages", "tool", "found"),
        ("messages", "ai", "The child found it."),
    ]
    for event in events[:3]:
        about = event.data[1]
        assert (about["langgraph_node"], about["langgraph_step"], about["ls_integration"]) == (
            *("researcher", 1, "langgraph"),
        )
        assert about["checkpoint_ns"] == about["langgraph_checkpoint_ns"]
        assert about["checkpoint_ns"].startswith("researcher:")
    assert {event.data[0]["type"] for event in events[3:]} == {"AIMessageChunk"}


@pytest.mark.parametrize(("text", "said"), [("own words", ["I speak."]), ("own result", [])])
async def test_a_result_behind_a_child_graph_answers_the_call(stage: Stage, text: str, said: list[str]) -> None:
    values = await run(stage, text)
    assert [message["content"] for message in values["messages"]] == [text, "", *said, "The script's own.", "Done."]
    (result,) = [message for message in values["messages"] if message["type"] == "tool"]
    assert result["tool_call_id"] == "t1"


async def test_a_child_graph_without_a_call_writes_no_message(stage: Stage) -> None:
    events = await streamed(stage, "there is no call", ["values", "updates"], inside=True)
    assert [message["content"] for message in events[-1].data["messages"]] == ["there is no call", "Done."]
    (write,) = [event.data["helper"] for event in events if event.event == "updates" and "helper" in event.data]
    assert "messages" not in (write or {})
    entered = next(event.data for event in events if event.event.startswith("values|"))
    assert [message["content"] for message in entered["messages"]] == ["there is no call"]


async def test_a_question_inside_is_answered_from_outside(stage: Stage) -> None:
    values = await run(stage, "question")
    assert [one["value"] for one in values["__interrupt__"]] == [{"ask": "Which?"}]
    state = await stage.client.threads.get_state(stage.thread, subgraphs=True)
    inner: Any = state["tasks"][0]["state"]
    assert (inner["next"], inner["interrupts"]) == (["asker"], state["interrupts"])
    values = await run(stage, None, command={"resume": "the red one"})
    assert [message["content"] for message in values["messages"]] == [
        *("question", "", "I take the red one.", "Done."),
    ]


async def test_children_that_work_at_the_same_time_divide_the_calls(stage: Stage) -> None:
    events = await streamed(stage, "several", "values", inside=True)
    values = events[-1].data
    results = [message for message in values["messages"] if message["type"] == "tool"]
    assert [(one["tool_call_id"], one["content"]) for one in results] == [
        *(("t1", "Seen."), ("t2", "Heard."), ("t3", "nothing")),
    ]
    assert (values["log"], values["files"]) == (["seen", "heard"], {"a": 1, "b": 2})
    entered = {names([event])[0]: event.data["messages"][0]["content"] for event in events if "|" in event.event}
    assert entered == {"values|first": "look", "values|second": "for several"}


async def test_one_node_runs_a_child_graph_for_each_call(stage: Stage) -> None:
    # The form of `create_agent`, which sends each tool call to the node `tools`.
    events = await streamed(stage, "two tasks", ["messages-tuple", "updates", "values", "tasks"], inside=True)
    (before,) = [one for one in await stage.history() if "audit" in one["next"]]
    assert before["next"] == ["tools", "tools", "tools", "audit"]
    tasks = {task["id"]: task for task in before["tasks"]}
    assert [(task["name"], task["path"]) for task in tasks.values()] == [
        *(("tools", ["__pregel_push", number, False]) for number in range(3)),
        ("audit", ["__pregel_pull", "audit"]),
    ]
    inside = {
        event.event.partition("|")[2]: event.data[0]["content"]
        for event in events
        if event.event.startswith("messages|")
    }
    first, second, third, _ = tasks
    assert inside == {f"tools:{first}": "Seen.", f"tools:{second}": "Heard."}
    results = {
        event.data[1]["langgraph_checkpoint_ns"]: (event.data[0]["tool_call_id"], event.data[1]["langgraph_triggers"])
        for event in events
        if event.event == "messages" and event.data[0]["type"] == "tool"
    }
    assert results == {
        f"tools:{task}": (call, ["__pregel_push"])
        for task, call in zip((first, second, third), ("t1", "t2", "t3"), strict=True)
    }
    begun = [event.data for event in events if event.event == "tasks" and "input" in event.data]
    # Tasks that share a node start first, and their writes apply last.
    assert [(task["name"], task["id"]) for task in begun if task["id"] in tasks] == [
        *(("tools", task) for task in (first, second, third)),
        ("audit", [*tasks][3]),
    ]
    assert [event.data for event in events if event.event == "updates" and set(event.data) == {"tools"}]
    values = events[-1].data
    assert [message["content"] for message in values["messages"][2:]] == ["Seen.", "Heard.", "noon", "Done."]
    children: Any = await stage.client.threads.get_history(stage.thread, checkpoint=tasks[second]["checkpoint"])
    about = children[0]["metadata"]
    assert (about["langgraph_node"], about["langgraph_path"]) == ("tools", ["__pregel_push", 1, False])
    described: Any = await stage.client.assistants.get_graph("agent", xray=True)
    assert {"tools:model", "tools:ears"} <= {node["id"] for node in described["nodes"]}


async def test_a_child_graph_appends_to_a_channel_once(stage: Stage) -> None:
    await run(stage, "several")
    assert (await run(stage, "look"))["log"] == ["seen", "heard", "searched"]


def test_tasks_of_one_node_are_visits_of_their_own() -> None:
    cursor = Cursor((Step(parallel=[Step(node="tools", result=text) for text in "ab"]), Step(node="tools", say="c")))
    assert [cursor.visit(task) for task in cursor.next] == [1, 2]
    assert [cursor.passed().visit(task) for task in cursor.passed().next] == [3]


@pytest.mark.parametrize(
    ("step", "reported"),
    [
        ("{say: x, returns: messages}", "`returns` is about a child graph. Add `subgraph`, or remove it"),
        ("{say: x, input: y}", "`input` is about a child graph"),
        ("{say: x, subgraph: [{say: y}]}", "Move `say` into its `subgraph`"),
        ("{returns: messages, input: y, subgraph: [{say: z}]}", "Remove its `input`"),
        ("{returns: nothing, subgraph: [{say: z}]}", "`nothing` is not a valid value"),
        ("{subgraph: [{subgraph: [{say: z}]}]}", "cannot contain another one"),
    ],
)
def test_a_mistake_about_a_child_graph_is_explained(step: str, reported: str) -> None:
    with pytest.raises(ScriptError, match=r"script:3:\d+: ") as caught:
        parse(f"turns:\n- steps:\n  - {step}\n")
    assert reported in str(caught.value)
