"""The shape of a scripted graph in the API: nodes, edges, channels, schemas and child graphs."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from doubletext.probe import Probe, to_config
from mockserver import MockDeployment, ScriptError
from mockserver.script.load import parse
from mockserver.script.sources import read_scripts
from tests.mockserver.witness import DEADLINE


def shown(script: str, part: str) -> Any:
    with MockDeployment(script={"mine": script}) as mock:
        (assistant,) = httpx.post(f"{mock.url}/assistants/search", json={}).json()
        answer = httpx.get(f"{mock.url}/assistants/{assistant['assistant_id']}/{part}")
        assert answer.status_code == 200, answer.text
        return answer.json()


def drawn(script: str, part: str = "graph") -> tuple[str, list[str]]:
    """Return the nodes of a graph, and its edges as text: `a > b`, or `a ? b` for a conditional one."""
    found = shown(script, part)
    return " ".join(node["id"].strip("_") for node in found["nodes"]), [
        f"{one['source'].strip('_')} {'?' if one.get('conditional') else '>'} {one['target'].strip('_')}"
        for one in found["edges"]
    ]


def stream(mock: MockDeployment, modes: list[str], **more: Any) -> list[tuple[str, Any]]:
    """Return the events of a run of the graph `mine`, as names and data."""
    body = {"assistant_id": "mine", "input": {"messages": "hello"}, "stream_mode": modes, **more}
    with httpx.stream("POST", f"{mock.url}/runs/stream", json=body, timeout=DEADLINE) as answer:
        lines = [line for line in answer.iter_lines() if line.startswith(("event: ", "data: "))]
    names, data = lines[::2], lines[1::2]
    return [
        (name.removeprefix("event: "), json.loads(one.removeprefix("data: ")))
        for name, one in zip(names, data, strict=True)
    ]


# -- nodes and edges -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "nodes", "edges"),
    [
        ("turns: [{steps: [{say: x}]}]", "start agent end", ["start > agent", "agent > end"]),
        (
            "turns: [{steps: [{call: {tool: t}}, {result: r}, {say: x}]}]",
            "start agent tools end",
            ["start > agent", "agent ? tools", "tools > agent", "agent ? end"],
        ),
        (
            "turns: [{when: {contains: a}, steps: [{node: a}]}, {steps: [{node: b}]}]",
            "start a b end",
            ["start ? a", "start ? b", "a > end", "b > end"],
        ),
        (
            "turns: [{steps: [{node: a}, {parallel: [{node: b}, {node: c}]}, {node: d}]}]",
            "start a b c d end",
            ["start > a", "a ? b", "a ? c", "b > d", "c > d", "d > end"],
        ),
        (
            "turns: [{steps: [{repeat: 2, steps: [{node: a}, {node: b}]}, {node: c}]}]",
            "start a b c end",
            ["start > a", "a > b", "b ? a", "b ? c", "c > end"],
        ),
        (
            "turns: [{steps: [{node: a, interrupt: {value: v, cases: [{equals: 1, steps: [{node: b}]}]}}, {node: c}]}]",
            "start a b c end",
            ["start > a", "a ? b", "a ? c", "b > c", "c > end"],
        ),
        (
            "turns: [{when: {tool_result: t}, steps: [{node: b}]}, {steps: [{node: a, call: {tool: t}}, {result: r}]}]",
            "start b a tools end",
            ["start > a", "a > tools", "tools ? b", "tools ? end", "b > end"],
        ),
        (
            """
            turns: [{steps: [{node: a, say: x}]}]
            graph:
              nodes: [a, unused]
              edges: [{source: __start__, target: a}, {source: a, target: __end__, conditional: true}]
            """,
            "start a unused end",
            ["start > a", "a ? end"],
        ),
    ],
)
def test_the_graph_is_that_of_the_script(script: str, nodes: str, edges: list[str]) -> None:
    assert drawn(script) == (nodes, edges)
    assert shown(script, "subgraphs") == {}


CHILD = """
turns: [{steps: [{node: kid, subgraph: [{node: x, say: one}, {node: y, say: two}]}, {say: x}]}]
"""


def test_child_graphs() -> None:
    outer = ("start kid agent end", ["start > kid", "kid > agent", "agent > end"])
    assert drawn(CHILD) == outer
    assert drawn(CHILD, "graph?xray=true") == (
        "start agent end kid:x kid:y",
        ["start > kid:x", "kid:y > agent", "agent > end", "kid:x > kid:y"],
    )
    assert set(shown(CHILD, "subgraphs")) == {"kid"}
    stated = (
        CHILD
        + """
graph:
  children:
    kid:
      nodes: [x, y, z]
      edges:
        - {source: __start__, target: x}
        - {source: __start__, target: y}
        - {source: x, target: z}
        - {source: y, target: z}
        - {source: z, target: __end__}
      schemas: {input: {title: In}, state: {title: S}}
"""
    )
    assert drawn(stated) == outer
    assert drawn(stated, "graph?xray=1") == (
        "start agent end kid:__start kid:x kid:y kid:z",
        [
            *("start > kid:__start", "kid:z > agent", "agent > end"),
            *("kid:__start > kid:x", "kid:__start > kid:y", "kid:x > kid:z", "kid:y > kid:z"),
        ],
    )
    assert shown(stated, "subgraphs/kid")["kid"] == {
        "input_schema": {"title": "In"},
        "output_schema": {"title": "S"},
        "state_schema": {"title": "S"},
        "config_schema": {},
        "context_schema": None,
    }


# -- schemas and channels --------------------------------------------------------------------------------------------

CHANNELS = """
channels:
  log: append
  files: merge
  todos: {schema: {type: array, items: {type: string}}}
  steps: {reducer: append, initial: [given]}
  mood: {initial: calm}
turns:
  - when: {contains: write}
    steps: [{node: a, channels: {log: a, files: {x: 1}, todos: [t], steps: mine, free: 1}}]
  - steps: [{node: a, hold: never}]
"""
MESSAGES = {"type": "array", "items": {"type": "object"}, "title": "Messages"}


def test_schemas_from_the_channels() -> None:
    found = shown(CHANNELS, "schemas")
    assert found["state_schema"] == found["input_schema"] == found["output_schema"]
    assert (found["graph_id"], found["config_schema"], found["context_schema"]) == ("mine", {}, None)
    assert found["state_schema"] == {
        "type": "object",
        "title": "mine_state",
        "properties": {
            "messages": MESSAGES,
            "log": {"type": "array", "title": "Log"},
            "files": {"type": "object", "title": "Files"},
            "todos": {"type": "array", "items": {"type": "string"}},
            "steps": {"type": "array", "title": "Steps"},
            "mood": {"title": "Mood"},
            "free": {"title": "Free"},
        },
    }


def test_channels_begin_with_what_their_reducers_begin_with() -> None:
    with MockDeployment(script={"mine": CHANNELS}) as mock, httpx.Client(base_url=mock.url) as client:
        thread = client.post("/threads", json={}).json()["thread_id"]
        path = f"/threads/{thread}/runs/wait"
        client.post(path, json={"assistant_id": "mine", "input": {"messages": "write"}})
        begins = {"log": [], "files": {}, "steps": ["given"], "mood": "calm"}
        first, entered, last = ({**one["values"], "messages": 0} for one in mock.checkpoints(thread))
        assert first == entered == {"messages": 0, **begins}
        assert last == {
            "messages": 0,
            **begins,
            "log": ["a"],
            "files": {"x": 1},
            "todos": ["t"],
            "steps": ["given", "mine"],
            "free": 1,
        }


def test_only_the_built_in_graph_shows_nodes_and_steps_of_a_probe_and_obeys_it() -> None:
    probe = to_config(Probe(version=2, label="A", work="parallel", fail=("agent:1",), interrupt=("tools:1",)))
    script = "turns: [{steps: [{call: {tool: t}}, {result: r}, {say: x}]}]"
    with MockDeployment(script={"mine": script}) as mock:
        events = stream(mock, ["values"], config=probe)
        assert set(events[-1][1]) == {"messages"}
        assert [one["type"] for one in events[-1][1]["messages"]] == ["human", "ai", "tool", "ai"]
        # A node may have a name that the built-in graph gives to a node of a probe.
        mock.load_script("turns: [{steps: [{call: {tool: t}}, {node: audit, result: r}, {node: research, say: x}]}]")
        events = stream(mock, ["updates"], config=probe)
        assert [list(data) for name, data in events if name == "updates"] == [["agent"], ["audit"], ["research"]]
    with MockDeployment() as mock, httpx.Client(base_url=mock.url) as client:
        run = {"assistant_id": "agent", "input": {"messages": "sf"}, "config": probe}
        assert client.post("/runs/wait", json=run).json()["__error__"]["error"] == "ProbeError"


def test_a_node_that_writes_nothing_has_returned_nothing() -> None:
    with MockDeployment(script={"mine": "turns: [{steps: [{node: a, takes: 1}]}]"}) as mock:
        events = stream(mock, ["updates", "tasks"])
    assert [data for name, data in events if name == "updates"] == [{"a": None}]
    assert events[-1][1]["result"] == {}


NARROW = """
channels: {log: append, secret: replace}
turns:
  - steps:
      - {node: a, channels: {log: a, secret: s}}
      - {node: b, say: done}
      - {node: c, interrupt: {value: Continue?}}
graph:
  schemas:
    input: {type: object, properties: {messages: {}}}
    output: {type: object, properties: {log: {}}}
    config: {title: Config}
    context: {title: Context}
"""


def test_input_and_output_have_the_channels_of_their_schemas() -> None:
    with MockDeployment(script={"mine": NARROW}) as mock, httpx.Client(base_url=mock.url) as client:
        (assistant,) = client.post("/assistants/search", json={}).json()
        found = client.get(f"/assistants/{assistant['assistant_id']}/schemas").json()
        assert (found["config_schema"], found["context_schema"]) == ({"title": "Config"}, {"title": "Context"})
        assert list(found["state_schema"]["properties"]) == ["messages", "log", "secret"]
        assert list(found["output_schema"]["properties"]) == ["log"]
        events = stream(mock, ["values"], input={"messages": "x", "log": ["ignored"]})
        # As on langgraph dev: no values before a channel of the output has changed.
        assert [data for name, data in events if name == "values"] == [
            {"log": ["a"]},
            {"log": ["a"], "__interrupt__": events[-1][1]["__interrupt__"]},
        ]
        thread = client.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": "mine", "input": {"messages": "x"}}
        waited = client.post(f"/threads/{thread}/runs/wait", json=body).json()
        assert {**waited, "__interrupt__": 0} == {"log": ["a"], "__interrupt__": 0}
        assert set(mock.state(thread)["values"]) == {"messages", "log", "secret"}
        assert set(mock.threads()[0]["values"]) == {"messages", "log", "secret"}


def test_a_context_is_also_the_configuration() -> None:
    found = shown("{turns: [{steps: [{say: x}]}], graph: {schemas: {context: {title: Context}}}}", "schemas")
    assert found["config_schema"] == found["context_schema"] == {"title": "Context"}


def test_a_thread_that_changes_its_graph_shows_the_channels_of_the_new_one() -> None:
    scripts = {
        "one": "turns: [{steps: [{channels: {a: 1, both: 1}, say: x}]}]",
        "two": "{channels: {log: append}, turns: [{steps: [{channels: {both: 2}, say: y}]}]}",
    }
    with MockDeployment(script=scripts) as mock, httpx.Client(base_url=mock.url) as client:
        thread = client.post("/threads", json={}).json()["thread_id"]
        for graph in scripts:
            body = {"assistant_id": graph, "input": {"messages": "x"}}
            values = client.post(f"/threads/{thread}/runs/wait", json=body).json()
        assert {**values, "messages": len(values["messages"])} == {"messages": 4, "log": [], "both": 2}


# -- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            "{graph: {nodes: [a]}, turns: [{steps: [{node: b}]}]}",
            "a step has the node `b`, which is not in `graph.nodes`",
        ),
        (
            "{graph: {nodes: [a], edges: [{source: a, target: c}]}, turns: [{steps: [{node: a}]}]}",
            "an edge names the node `c`, which is not in `nodes`",
        ),
        (
            "{graph: {nodes: [a], children: {c: {}}}, turns: [{steps: [{node: a}]}]}",
            "the node `c` of a child graph is not in `nodes`",
        ),
        (
            "{channels: {log: {reducer: append, initial: x}}, turns: [{steps: [{say: x}]}]}",
            "a channel with the reducer `append` begins with a list",
        ),
        (
            "{channels: {log: {reducer: merge, initial: []}}, turns: [{steps: [{say: x}]}]}",
            "a channel with the reducer `merge` begins with an object",
        ),
        ("{channels: {messages: append}, turns: [{steps: [{say: x}]}]}", "the channel `messages` always exists"),
        ("{channels: {log: {reduce: append}}, turns: [{steps: [{say: x}]}]}", "Did you mean `reducer`?"),
        ("{graph: {node: [a]}, turns: [{steps: [{node: a}]}]}", "Did you mean `nodes`?"),
    ],
)
def test_a_shape_that_contradicts_the_script_is_one_line(script: str, reason: str) -> None:
    with pytest.raises(ScriptError) as raised:
        read_scripts(script)
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


WITHOUT_MESSAGES = """
name: mine
messages: false
channels: {log: append, topic: replace}
turns:
  - steps:
      - {node: first, channels: {log: [first], topic: rain}}
      - {node: ask, interrupt: {value: Which?}, channels: {log: ["{resume}"]}}
      - {node: kid, subgraph: [{node: look, channels: {log: [looked]}}]}
"""


def test_a_graph_without_messages() -> None:
    properties = shown(WITHOUT_MESSAGES, "schemas")["state_schema"]["properties"]
    assert list(properties) == ["log", "topic"]
    with MockDeployment(script=parse(WITHOUT_MESSAGES)) as mock, httpx.Client(base_url=mock.url) as client:
        thread = client.post("/threads", json={}).json()["thread_id"]

        def wait(**more: Any) -> Any:
            return client.post(f"/threads/{thread}/runs/wait", json={"assistant_id": "mine", **more}).json()

        # As on the official server, an input for a channel that the state does not have is ignored.
        asked = wait(input={"log": ["in"], "messages": "hello"})
        assert asked.pop("__interrupt__")[0]["value"] == "Which?"
        assert asked == {"log": ["in", "first"], "topic": "rain"}
        assert wait(command={"resume": "all"}) == {"log": ["in", "first", "all", "looked"], "topic": "rain"}
        # Every run begins the turn again: no message says that it was played.
        assert wait(input={"log": ["again"]})["log"][4:] == ["again", "first"]
        history = client.post(f"/threads/{thread}/history", json={}).json()
        assert [one["values"] for one in history if "messages" in one["values"]] == []


@pytest.mark.parametrize(
    "step", ["{say: x}", "{subgraph: [{node: x, result: y}]}", "{node: x, messages: [{role: ai}]}"]
)
def test_a_message_in_a_graph_without_messages(step: str) -> None:
    with pytest.raises(ScriptError, match="the state has none"):
        parse(f"messages: false\nturns: [{{steps: [{step}]}}]")
