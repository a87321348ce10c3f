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


NESTED = """
channels: {log: append}
turns:
  - when: {contains: shared}
    steps:
      - node: middle
        returns: messages
        subgraph:
          - {node: before, say: Before.}
          - {node: leaf, returns: messages, subgraph: [{node: model, say: Leaf done.}]}
      - {node: after, say: After all.}
  - when: {contains: ask}
    steps: &asking
      - {node: model, call: {tool: task, args: {description: outer order}, id: t1}}
      - node: tools
        subgraph:
          - {node: model, call: {tool: task, args: {description: inner order}, id: m1}}
          - node: tools
            subgraph: [{node: model, interrupt: {value: Deep?}, say: "got {resume}", channels: {log: leaf}}]
          - {node: model, say: Middle done.}
      - {node: model, say: All done.}
  - steps:
      - {node: model, call: {tool: task, args: {description: outer order}, id: t1}}
      - node: tools
        subgraph:
          - {node: model, call: {tool: task, args: {description: inner order}, id: m1}}
          - {node: tools, subgraph: [{node: model, say: Leaf done.}]}
          - {node: model, say: Middle done.}
      - {node: model, say: All done.}
"""


@pytest.fixture
async def nested() -> AsyncIterator[Stage]:
    async with on_stage(script=parse(NESTED)) as found:
        yield found


def is_result(event: Any) -> bool:
    """Return whether an event is the result of a tool."""
    return bool(event.data[0]["type"] == "tool")


async def test_a_child_graph_has_a_child_graph(nested: Stage) -> None:
    events = await streamed(nested, "go", ["values", "messages-tuple"], inside=True)
    last = [event.data for event in events if event.event == "values"][-1]
    assert [message["content"] for message in last["messages"]] == ["go", "", "Middle done.", "All done."]
    # As `langgraph dev` shows the same graph: both namespaces in the name, the outermost one in the metadata.
    (deepest,) = {event.event for event in events if event.event.count("|") == 2 and "messages" in event.event}
    _, outer, inner = deepest.split("|")
    about = [event.data[1] for event in events if event.event == deepest]
    assert {one["checkpoint_ns"] for one in about} == {outer}
    assert {one["langgraph_checkpoint_ns"].rpartition("|")[0] for one in about} == {f"{outer}|{inner}"}
    entered = {names([event])[0]: event.data["messages"][0]["content"] for event in events if "values" in event.event}
    assert entered == {"values": "go", "values|tools": "outer order", "values|tools|tools": "inner order"}
    (returned,) = [event.data for event in events if event.event == f"messages|{outer}" and is_result(event)]
    assert (returned[0]["content"], returned[1]["langgraph_checkpoint_ns"]) == ("Leaf done.", f"{outer}|{inner}")


async def test_the_history_of_a_nested_child_graph_names_all_graphs_around_it(nested: Stage) -> None:
    await run(nested, "go")
    (at_tools,) = [one for one in await nested.history() if one["next"] == ["tools"]]
    outer = at_tools["tasks"][0]["checkpoint"]
    middle: Any = await nested.client.threads.get_history(nested.thread, checkpoint=outer)
    (in_middle,) = [one for one in middle if one["next"] == ["tools"]]
    inner = in_middle["tasks"][0]["checkpoint"]
    names = [outer["checkpoint_ns"], inner["checkpoint_ns"]]
    assert names[1].startswith(f"{names[0]}|tools:")
    leaf: Any = await nested.client.threads.get_history(nested.thread, checkpoint=inner)
    parents = {"": at_tools["checkpoint"]["checkpoint_id"], names[0]: in_middle["checkpoint"]["checkpoint_id"]}
    assert [one["next"] for one in leaf] == [[], ["model"], ["__start__"]]
    for one in leaf:
        assert one["metadata"]["parents"] == one["metadata"]["checkpoint_map"] == parents
        assert one["checkpoint"]["checkpoint_map"] == {**parents, names[1]: one["checkpoint"]["checkpoint_id"]}
        about = one["metadata"]
        assert (about["checkpoint_ns"], about["langgraph_checkpoint_ns"]) == (names[0], names[1])


async def test_a_question_two_levels_deep_is_answered_from_outside(nested: Stage) -> None:
    values = await run(nested, "ask")
    assert [one["value"] for one in values["__interrupt__"]] == ["Deep?"]
    state: Any = await nested.client.threads.get_state(nested.thread, subgraphs=True)
    levels = [state]
    while levels[-1]["tasks"][0]["state"]:
        levels.append(levels[-1]["tasks"][0]["state"])
    assert [one["next"] for one in levels] == [["tools"], ["tools"], ["model"]]
    assert all(one["interrupts"] == state["interrupts"] for one in levels)
    events = [
        part
        async for part in nested.client.runs.stream(
            nested.thread,
            "agent",
            command={"resume": "it"},
            stream_mode=["checkpoints", "values"],
            stream_subgraphs=True,
        )
    ]
    last = [event.data for event in events if event.event == "values"][-1]
    assert [message["content"] for message in last["messages"][2:]] == ["Middle done.", "All done."]
    assert last["log"] == ["leaf"]
    resumed = [event.data for event in events if event.event.startswith("checkpoints")][:3]
    assert [len(one["metadata"]["parents"]) for one in resumed] == [0, 1, 2]
    # A checkpoint that an earlier run has stored comes with all of its metadata.
    assert all(one["metadata"]["run_id"] != events[0].data["run_id"] for one in resumed)
    assert [one["tasks"][0]["state"] is None for one in resumed] == [False, False, True]


async def test_a_rolled_back_run_leaves_no_nested_child_graph(nested: Stage) -> None:
    await run(nested, "ask")
    state: Any = await nested.client.threads.get_state(nested.thread, subgraphs=True)
    inner: Any = {"checkpoint_ns": state["tasks"][0]["state"]["tasks"][0]["state"]["checkpoint"]["checkpoint_ns"]}
    copied = (await nested.http.post(f"/threads/{nested.thread}/copy")).json()
    (run_id,) = [one["run_id"] for one in await nested.client.runs.list(nested.thread)]
    await nested.client.runs.delete(nested.thread, run_id)
    here: Any = await nested.client.threads.get_history(nested.thread, checkpoint=inner)
    there: Any = await nested.client.threads.get_history(copied["thread_id"], checkpoint=inner)
    assert (len(here), len(there)) == (0, 2)


@pytest.mark.parametrize(("inside", "said"), [(True, "After all."), (False, "Before.Leaf done.After all.")])
async def test_messages_shared_over_two_levels_arrive_once(nested: Stage, inside: bool, said: str) -> None:
    events = await streamed(nested, "shared", "messages-tuple", inside=inside)
    assert "".join(text for name, _, text in pieces(events) if name == "messages") == said
    deep = {name for name, _, _ in pieces(events)}
    assert ("messages|middle|leaf" in deep) is inside


async def test_events_nest_every_child_graph_in_its_node(nested: Stage) -> None:
    events = [event.data for event in await streamed(nested, "go", "events", inside=False)]
    started = [(one["name"], len(one["parent_ids"])) for one in events if one["event"] == "on_chain_start"]
    assert started == [
        *(("agent", 0), ("model", 1), ("tools", 1), ("tools", 2), ("model", 3), ("tools", 3), ("tools", 4)),
        *(("model", 5), ("model", 3), ("model", 1)),
    ]


async def test_a_task_names_its_child_graph_before_it_begins(nested: Stage) -> None:
    await run(nested, "go", interrupt_before=["tools"])
    state: Any = await nested.client.threads.get_state(nested.thread)
    (task,) = state["tasks"]
    assert task["checkpoint"]["checkpoint_ns"] == f"tools:{task['id']}"
    state = await nested.client.threads.get_state(nested.thread, subgraphs=True)
    (task,) = state["tasks"]
    assert (task["state"]["values"], task["state"]["next"], task["state"]["checkpoint"]) == ({}, [], None)


@pytest.mark.parametrize(
    ("step", "reported"),
    [
        ("{say: x, returns: messages}", "`returns` is about a child graph. Add `subgraph`, or remove it"),
        ("{say: x, input: y}", "`input` is about a child graph"),
        ("{takes: 1, subgraph: [{say: y}]}", "Move `takes` into its `subgraph`"),
        ("{returns: messages, input: y, subgraph: [{say: z}]}", "Remove its `input`"),
        ("{returns: nothing, subgraph: [{say: z}]}", "`nothing` is not a valid value"),
    ],
)
def test_a_mistake_about_a_child_graph_is_explained(step: str, reported: str) -> None:
    with pytest.raises(ScriptError, match=r"script:3:\d+: ") as caught:
        parse(f"turns:\n- steps:\n  - {step}\n")
    assert reported in str(caught.value)


WEATHER = """
channels: {city: replace, route: replace}
turns:
  - steps:
      - {node: router, channels: {route: weather}}
      - node: weather_graph
        returns: messages
        subgraph:
          - {node: model_node, channels: {city: San Francisco}}
          - {node: weather_node, breakpoint: true, say: "It is sunny in {state.city}."}
"""


async def test_a_breakpoint_of_a_child_graph() -> None:
    async with on_stage(script=parse(WEATHER)) as stage:
        events = await streamed(stage, "hi", ["values", "updates", "tasks"], inside=True)
        # One event for the whole run, and none in the child graph. The task of the node does not end.
        assert [event.data for event in events if "__interrupt__" in event.data] == [{"__interrupt__": []}]
        assert [event.event for event in events][-1] == "updates"
        assert [event.data["name"] for event in events if event.event == "tasks"] == ["router"] * 2 + ["weather_graph"]
        thread = await stage.client.threads.get(stage.thread)
        assert (thread["status"], thread["interrupts"]) == ("interrupted", {})
        state: Any = await stage.client.threads.get_state(stage.thread, subgraphs=True)
        (task,) = state["tasks"]
        assert (task["interrupts"], task["state"]["next"]) == ([], ["weather_node"])
        values = await run(stage, None, input=None)
        assert values["messages"][-1]["content"] == "It is sunny in San Francisco."


async def test_a_client_edits_the_state_of_a_child_graph() -> None:
    async with on_stage(script=parse(WEATHER)) as stage:
        await run(stage, "hi")
        (task,) = (await stage.state())["tasks"]
        inside = task["checkpoint"]
        states = stage.client.threads
        before: Any = await states.get_state(stage.thread, checkpoint=inside)
        updated: Any = await states.update_state(stage.thread, {"city": "LA"}, checkpoint=inside)
        state: Any = await states.get_state(stage.thread, checkpoint=inside)
        assert (state["values"]["city"], state["next"]) == ("LA", ["weather_node"])
        assert state["checkpoint"] == updated["checkpoint"] == updated["configurable"]
        assert state["parent_checkpoint"] == before["checkpoint"]
        about = state["metadata"]
        assert (about["source"], about["step"], about["parents"]) == ("update", 2, before["metadata"]["parents"])
        assert (about["checkpoint_ns"], "langgraph_node" in about) == (inside["checkpoint_ns"], False)
        # The graph around it is as before, and continues with what was written.
        assert ((await stage.state())["next"], len(await stage.history())) == (["weather_graph"], 3)
        values = await run(stage, None, input=None)
        assert values["messages"][-1]["content"] == "It is sunny in LA."
        history: Any = await states.get_history(stage.thread, checkpoint=inside)
        assert [one["metadata"]["source"] for one in history] == ["loop", "update", "loop", "loop", "input"]
        again: Any = await states.update_state(
            stage.thread, {"city": "SF"}, checkpoint=history[3]["checkpoint"], as_node="model_node"
        )
        forked: Any = await states.get_state(stage.thread, checkpoint=again["checkpoint"])
        assert (forked["next"], forked["values"]["city"]) == (["weather_node"], "SF")


@pytest.mark.parametrize(
    ("namespace", "node", "reported"),
    [
        ("{own}", "router", "Node router does not exist"),
        ("weather_graph:1", None, "No child graph of this thread has the namespace weather_graph:1"),
    ],
)
async def test_a_mistake_about_the_state_of_a_child_graph(namespace: str, node: str | None, reported: str) -> None:
    async with on_stage(script=parse(WEATHER)) as stage:
        await run(stage, "hi")
        (task,) = (await stage.state())["tasks"]
        named = {"checkpoint_ns": namespace.format(own=task["checkpoint"]["checkpoint_ns"])}
        body = {"values": {"city": "LA"}, "checkpoint": named, **({"as_node": node} if node else {})}
        answer = await stage.http.post(f"/threads/{stage.thread}/state", json=body)
        assert answer.status_code == 422
        assert reported in answer.json()["detail"]


HIDDEN = """
turns:
  - steps:
      - {node: model, call: {tool: task, args: {description: look}, id: t1}}
      - {node: tools, hidden: true, subgraph: [{node: model, interrupt: {value: May I?}, say: I saw it.}]}
      - {node: model, say: All done.}
"""


@pytest.mark.parametrize("hidden", [True, False])
async def test_a_task_does_not_refer_to_a_child_graph_that_it_hides(hidden: bool) -> None:
    text = HIDDEN if hidden else HIDDEN.replace("hidden: true, ", "")
    async with on_stage(script=parse(text)) as stage:
        client, thread = stage.client, stage.thread
        events = await streamed(stage, "go", ["updates"], inside=True)
        (inside,) = {event.event.partition("|")[2] for event in events if "|" in event.event}
        reference = {"thread_id": thread, "checkpoint_ns": inside}
        states: Any = [await client.threads.get_state(thread), (await client.threads.get_history(thread))[0]]
        assert [one["tasks"][0]["checkpoint"] for one in states] == [None if hidden else reference] * 2
        assert [interrupt["value"] for interrupt in states[0]["interrupts"]] == ["May I?"]
        deep: Any = await client.threads.get_state(thread, subgraphs=True)
        assert (deep["tasks"][0]["state"] is None) == hidden
        # As on the official server, the checkpoints are there for a client that knows the namespace. They have the node
        # `model` in any case, as the graph of the thread has one as well.
        named: Any = {"thread_id": thread, "checkpoint_ns": inside}
        assert (await client.threads.get_history(thread, checkpoint=named))[0]["next"] == ["model"]
        assistant = (await client.assistants.search())[0]["assistant_id"]
        assert bool(await client.assistants.get_subgraphs(assistant)) != hidden
        drawn: Any = await client.assistants.get_graph("agent", xray=True)
        assert ("tools:model" in {node["id"] for node in drawn["nodes"]}) != hidden
        values: Any = await client.runs.wait(thread, "agent", command={"resume": "yes"})
        assert values["messages"][-1]["content"] == "All done."
