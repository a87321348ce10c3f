"""Child graphs with channels of their own, and several child graphs that one node runs. `langgraph dev` was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from mockserver.script.load import ScriptError, parse
from tests.mockserver.stage import Stage, on_stage
from tests.mockserver.test_child_graphs import names, streamed
from tests.mockserver.test_scripted import run

SCRIPT = """
channels: {log: append, topic: replace}
turns:
  - when: {contains: own}
    steps:
      - node: worker
        returns: messages
        state: {log: append, plan: replace, tries: {reducer: append, initial: [none]}, score: merge}
        subgraph:
          - {node: think, say: thinking, channels: {plan: [a], log: thought}}
          - node: act
            subgraph: [{node: hand, say: "I do {state.plan}", channels: {tries: once}}]
          - {node: rate, interrupt: {value: How good?}, channels: {score: {b: 2}}}
      - {node: after, channels: {log: after}}
  - when: {contains: in order}
    steps:
      - call: [{tool: task, args: {description: one}, id: t1}, {tool: task, args: {description: two}, id: t2}]
      - &both
        node: tools
        state: {log: append, note: replace}
        subgraph:
          - {node: model, say: "first of {text}", channels: {log: first, note: 1}}
          - {node: asker, interrupt: {value: {from: first}}, say: "first {resume}"}
        then:
          - state: {log: append, doubt: replace}
            subgraph:
              - {node: model, say: second, channels: {log: second, doubt: 2}}
              - {node: asker, interrupt: {value: {from: second}}, say: "second {resume}"}
          - {input: and three, subgraph: [{node: model, say: third, channels: {log: third}}]}
      - {say: Done.}
  - when: {contains: one call}
    steps:
      - {call: {tool: task, id: t1}}
      - *both
      - {say: Done.}
  - steps:
      - node: pair
        returns: messages
        subgraph: [{node: model, say: first}]
        then: [{subgraph: [{node: model, say: "after {state.messages}"}]}]
"""


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage(script=parse(SCRIPT)) as found:
        yield found


async def children(stage: Stage) -> dict[str, list[Any]]:
    """Return the checkpoints of each namespace of the thread's child graphs, oldest first."""
    found: dict[str, list[Any]] = {}
    for state in await stage.history():
        for task in state["tasks"] if state["next"] != ["__start__"] else ():
            own = f"{task['name']}:{task['id']}"
            for namespace in (own, f"{own}|1", f"{own}|2"):
                checkpoint: Any = {"checkpoint_ns": namespace}
                known: Any = await stage.client.threads.get_history(stage.thread, checkpoint=checkpoint, limit=50)
                if known:
                    found[namespace] = known[::-1]
    return found


def plain(namespace: str) -> str:
    return "|".join(part.partition(":")[0] for part in namespace.split("|"))


async def test_a_child_graph_has_its_own_channels_and_shares_those_of_both(stage: Stage) -> None:
    values = await run(stage, "own")
    assert values["log"] == []
    state: Any = await stage.client.threads.get_state(stage.thread, subgraphs=True)
    inner = state["tasks"][0]["state"]
    assert {**inner["values"], "messages": len(inner["values"]["messages"])} == {
        "messages": 2,
        "log": ["thought"],
        "plan": ["a"],
        "tries": ["none", "once"],
        "score": {},
    }
    values = await run(stage, None, command={"resume": "well"})
    assert {name: value for name, value in values.items() if name != "messages"} == {"log": ["thought", "after"]}
    assert [message["content"] for message in values["messages"]] == ["own", "thinking"]
    ((_, checkpoints),) = (await children(stage)).items()
    begins, entered, *_, ended = checkpoints
    assert begins["values"] == {"messages": [], "log": [], "tries": ["none"], "score": {}}
    # The input of the child: what its parent has.
    assert set(begins["tasks"][0]["result"]) == {"messages", "log"} < set(entered["values"])
    assert ended["values"]["score"] == {"b": 2}


async def test_the_update_of_the_node_has_the_shared_channels_alone(stage: Stage) -> None:
    await run(stage, "own")
    modes: Any = ["updates", "values"]
    parts = stage.client.runs.stream(stage.thread, "agent", command={"resume": "well"}, stream_mode=modes)
    (update,) = [part.data["worker"] async for part in parts if part.event == "updates" and "worker" in part.data]
    assert sorted(update) == ["log", "messages"]


async def test_the_schemas_of_a_child_graph_have_its_channels(stage: Stage) -> None:
    (assistant,) = await stage.client.assistants.search()
    about: Any = await stage.client.assistants.get_subgraphs(assistant["assistant_id"], recurse=True)
    shown = {path: set(one["state_schema"]["properties"]) for path, one in about.items() if "tools" not in path}
    own = {"messages", "log", "plan", "tries", "score"}
    assert shown == {"worker": own, "worker|act": own, "pair": {"messages", "log", "topic"}}
    whole: Any = await stage.client.assistants.get_schemas(assistant["assistant_id"])
    assert set(whole["state_schema"]["properties"]) == {"messages", "log", "topic"}


async def test_a_client_edits_the_channels_of_a_child_graph(stage: Stage) -> None:
    await run(stage, "own")
    state: Any = await stage.client.threads.get_state(stage.thread)
    inside = state["tasks"][0]["checkpoint"]
    await stage.client.threads.update_state(stage.thread, {"tries": ["again"], "topic": "x"}, checkpoint=inside)
    known: Any = await stage.client.threads.get_history(stage.thread, checkpoint=inside)
    assert "topic" not in known[0]["values"]
    assert known[0]["values"]["tries"] == ["none", "once", "again"]


async def test_a_node_runs_child_graphs_one_after_another(stage: Stage) -> None:
    values = await run(stage, "in order")
    assert [one["value"] for one in values["__interrupt__"]] == [{"from": "first"}]
    assert [plain(one) for one in await children(stage)] == ["tools"]
    values = await run(stage, None, command={"resume": "yes"})
    assert [one["value"] for one in values["__interrupt__"]] == [{"from": "second"}]
    state: Any = await stage.client.threads.get_state(stage.thread, subgraphs=True)
    # As on the server, the task shows the first child graph, which has ended.
    assert (state["tasks"][0]["state"]["next"], len(state["interrupts"])) == ([], 1)
    values = await run(stage, None, command={"resume": "no"})
    results = [(one["tool_call_id"], one["content"]) for one in values["messages"] if one["type"] == "tool"]
    # Three child graphs, and two calls: the last one answers both.
    assert results == [("t1", "third"), ("t2", "third")]
    assert values["log"] == ["first", "second", "third"]
    found = await children(stage)
    assert [plain(one) for one in found] == ["tools", "tools|1", "tools|2"]
    texts = [[message["content"] for message in line[-1]["values"]["messages"]] for line in found.values()]
    assert texts == [
        *(["one", "first of in order", "first yes"], ["two", "second", "second no"], ["and three", "third"]),
    ]
    for namespace, line in found.items():
        task = namespace.partition("|")[0]
        newest = line[-1]
        parent = newest["metadata"]["parents"][""]
        assert newest["checkpoint"]["checkpoint_map"] == {"": parent, namespace: newest["checkpoint_id"]}
        about = newest["metadata"]
        assert (about["checkpoint_ns"], about["langgraph_checkpoint_ns"]) == (task, task)
    assert [sorted(line[-1]["values"]) for line in found.values()] == [
        *(["log", "messages", "note"], ["doubt", "log", "messages"], ["log", "messages"]),
    ]


async def test_child_graphs_behind_the_first_one_have_a_number_in_streams(stage: Stage) -> None:
    await run(stage, "in order")
    modes: Any = ["values", "updates", "messages-tuple", "tasks"]
    parts = stage.client.runs.stream(
        stage.thread, "agent", command={"resume": "yes"}, stream_mode=modes, stream_subgraphs=True
    )
    events = [part async for part in parts]
    assert {name for name in names(events) if "|" in name} == {
        f"{mode}|{path}" for mode in ("values", "updates", "messages", "tasks") for path in ("tools", "tools|1")
    }
    inside = {
        about["langgraph_checkpoint_ns"].rpartition("|")[0]: about["checkpoint_ns"]
        for event in events
        if event.event.startswith("messages|")
        for about in (event.data[1],)
    }
    (task,) = set(inside.values())
    assert inside == {task: task, f"{task}|1": task}


async def test_events_nest_every_child_graph_in_its_node(stage: Stage) -> None:
    events = [event.data for event in await streamed(stage, "another", "events", inside=False)]
    started = [event for event in events if event["event"] == "on_chain_start"]
    assert [(event["name"], len(event["parent_ids"])) for event in started] == [
        *(("agent", 0), ("pair", 1), ("pair", 2), ("model", 3), ("pair", 2), ("model", 3)),
    ]


async def test_child_graphs_that_share_the_messages_continue_each_other(stage: Stage) -> None:
    values = await run(stage, "another")
    assert [message["content"] for message in values["messages"]] == ["another", "first", "after first"]


async def test_the_last_child_graph_answers_a_single_call(stage: Stage) -> None:
    await run(stage, "one call")
    await run(stage, None, command={"resume": "yes"})
    values = await run(stage, None, command={"resume": "no"})
    results = [(one["tool_call_id"], one["content"]) for one in values["messages"] if one["type"] == "tool"]
    assert results == [("t1", "third")]


async def test_a_deleted_run_takes_the_child_graphs_that_it_began(stage: Stage) -> None:
    await run(stage, "in order")
    second: Any = await stage.client.runs.create(stage.thread, "agent", command={"resume": "yes"})
    await stage.client.runs.join(stage.thread, second["run_id"])
    assert [plain(one) for one in await children(stage)] == ["tools", "tools|1"]
    await stage.client.runs.delete(stage.thread, second["run_id"])
    ((_, kept),) = (await children(stage)).items()
    assert kept[-1]["next"] == ["asker"]


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("{say: a, state: {plan: replace}}", "`state` is about a child graph. Add `subgraph`, or remove it"),
        ("{say: a, then: [{subgraph: [{say: b}]}]}", "`then` is about a child graph. Add `subgraph`, or remove it"),
        (
            "{subgraph: [{say: a}], then: [{say: b}]}",
            "a child graph in `then` has `subgraph`, `input`, `agent` and `state`",
        ),
        ("{subgraph: [{say: a}], then: [{subgraph: [{say: b}], node: x}]}", "Move other keys to the step"),
        ("{subgraph: [{say: a, channels: {plan: 1}}], state: {}}", "which is not in its `state`. Add it there"),
        ("{subgraph: [{say: a}], state: {messages: append}}", "the channel `messages` always exists"),
        ("{subgraph: [{say: a}], returns: messages, then: [{subgraph: [{say: b}], input: c}]}", "Remove its `input`"),
        (
            "{subgraph: [{say: a}], takes: 1}",
            "`result`, `messages`, `channels`, `state`, `agent`, `returns`, `input`, `then` and `hidden`",
        ),
        (
            "{subgraph: [{say: a}], state: {a: append}, then: [{subgraph: [{say: b}], state: {a: merge}}]}",
            "the child graphs of `subgraph` have the channel `a` with two reducers",
        ),
        ("{subgraph: [{say: a}], then: [{subgraph: [{call: {tool: t}}, {result: [a, b]}]}]}", "2 results for 1 call"),
    ],
)
def test_a_wrong_child_graph_is_refused(step: str, problem: str) -> None:
    with pytest.raises(ScriptError) as error:
        parse(f"turns: [{{steps: [{step}]}}]")
    assert problem in str(error.value)


FOUND_BY_NAME_ONLY = """
channels: {log: append, todos: replace}
turns:
  - when: {contains: in a dict}
    steps:
      - {node: model, say: parent model, channels: {log: l, todos: [t]}}
      - node: tools
        hidden: true
        input: do it
        state: {plan: replace, notes: append}
        subgraph:
          - {node: look, say: look, channels: {plan: [a], notes: n}}
          - {node: model, say: child model, channels: {notes: m}}
          - {node: ask, interrupt: {value: ok?}, say: "got {resume}"}
        result: Done.
  - steps:
      - {node: model, say: parent model, channels: {log: l, todos: [t]}}
      - node: worker
        returns: messages
        state: {plan: replace, notes: append}
        subgraph:
          - {node: look, say: visible look, channels: {plan: [v]}}
          - node: into
            hidden: true
            input: leaf
            subgraph:
              - {node: leaf, say: leaf, channels: {notes: z}}
              - {node: model, say: leaf model, channels: {plan: [z]}}
"""
HIDDEN_LINE: list[Any] = [
    (["__start__"], [], {"log": []}, ["__start__"]),
    ([], ["do it"], {"log": []}, []),
    (["model"], ["do it", "look"], {"log": []}, ["model"]),
    ([], ["do it", "look", "child model"], {"log": []}, []),
    ([], ["do it", "look", "child model", "got yes"], {"log": []}, []),
]
WORKER_LINE: list[Any] = [
    (["__start__"], [], {"notes": []}, ["__start__"]),
    (["look"], ["go", "parent model"], {"notes": []}, ["look"]),
    (["into"], ["go", "parent model", "visible look"], {"notes": [], "plan": ["v"]}, ["into"]),
]
LEAF_LINE: list[Any] = [
    (["__start__"], [], {"log": []}, ["__start__"]),
    ([], ["leaf"], {"log": []}, []),
    (["model"], ["leaf", "leaf"], {"log": []}, ["model"]),
    ([], ["leaf", "leaf", "leaf model"], {"log": []}, []),
]


async def lines(stage: Stage, text: str) -> dict[str, list[Any]]:
    """Run a text and return the checkpoints of each child graph that the stream names, oldest first."""
    events = await streamed(stage, text, ["updates"], inside=True)
    found = {}
    for namespace in dict.fromkeys(event.event.partition("|")[2] for event in events):
        if namespace:
            checkpoint: Any = {"checkpoint_ns": namespace}
            known: Any = await stage.client.threads.get_history(stage.thread, checkpoint=checkpoint, limit=50)
            found[plain(namespace)] = [described(state) for state in reversed(known)]
            newest: Any = await stage.client.threads.get_state(stage.thread, checkpoint=checkpoint)
            assert described(newest) == found[plain(namespace)][-1]
    return found


def described(state: dict[str, Any]) -> tuple[Any, ...]:
    others = {name: value for name, value in state["values"].items() if name != "messages"}
    said = [message["content"] for message in state["values"]["messages"]]
    return list(state["next"]), said, others, [task["name"] for task in state["tasks"]]


async def test_the_checkpoints_of_a_hidden_child_graph_show_what_the_graph_of_the_thread_knows() -> None:
    """Show its nodes and channels only, as LangGraph reads them with the graph that it finds: that of the thread."""
    async with on_stage(script=parse(FOUND_BY_NAME_ONLY)) as stage:
        assert await lines(stage, "in a dict") == {"tools": HIDDEN_LINE[:-1]}
        await run(stage, command={"resume": "yes"})
        (task,) = next(state for state in await stage.history() if "tools" in state["next"])["tasks"]
        checkpoint: Any = {"checkpoint_ns": f"tools:{task['id']}"}
        known: Any = await stage.client.threads.get_history(stage.thread, checkpoint=checkpoint, limit=50)
        assert [described(state) for state in reversed(known)] == HIDDEN_LINE
    async with on_stage(script=parse(FOUND_BY_NAME_ONLY)) as stage:
        found = await lines(stage, "go")
        assert found["worker"][:3] == WORKER_LINE
        assert found["worker|into"] == LEAF_LINE
