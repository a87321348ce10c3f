"""Scripts from compiled graphs: the mock has their shape, and nothing of them was executed."""

from __future__ import annotations

import operator
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from langchain_core.tools import tool
from langgraph.func import entrypoint
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolCallTransformer, ToolNode, tools_condition
from langgraph.stream.transformers import CustomTransformer, UpdatesTransformer
from pydantic import BaseModel
from typing_extensions import TypedDict

from mockserver import GraphError, MockDeployment, Script, script_from_graph
from mockserver.script.load import parse
from tests import forks
from tests.mockserver.witness import DEADLINE


class Source(BaseModel):
    url: str
    parents: list[Source] = []


def latest(old: Any, new: Any) -> Any:
    raise AssertionError("executed")


class State(MessagesState):
    log: Annotated[list[str], operator.add]
    files: Annotated[dict[str, str] | None, latest]
    sources: list[Source]
    score: Annotated[int, operator.add]
    odd: Callable[[], None]


class Narrow(TypedDict):
    messages: list[Any]
    log: list[str]


@dataclass
class Context:
    model: str = "small"


@tool
def search(query: str, limit: int = 3) -> str:
    """Search."""
    raise AssertionError("executed")


def executed(state: Any) -> Any:
    raise AssertionError("executed")


def application() -> Any:
    """Return a graph with a loop, a child graph, branches that run at the same time, and schemas of its own."""
    kid = StateGraph(State)
    kid.add_node("read", executed)
    kid.add_node("sum", executed)
    kid.add_edge(START, "read")
    kid.add_edge("read", "sum")
    kid.add_edge("sum", END)
    builder = StateGraph(State, input_schema=Narrow, output_schema=Narrow, context_schema=Context)
    builder.add_node("model", executed)
    builder.add_node("tools", ToolNode([search]))
    builder.add_node("research", kid.compile())
    builder.add_node("left", executed)
    builder.add_node("right", executed)
    builder.add_edge(START, "research")
    builder.add_edge("research", "left")
    builder.add_edge("research", "right")
    builder.add_edge(["left", "right"], "model")
    builder.add_conditional_edges("model", tools_condition)
    builder.add_edge("tools", "model")
    return builder.compile(name="assistant")


def shape(drawing: Any) -> tuple[set[str], set[tuple[str, str, bool]]]:
    """Return the nodes and edges of a graph as langgraph and the API draw it."""
    if isinstance(drawing, dict):
        edges = {(one["source"], one["target"], one.get("conditional", False)) for one in drawing["edges"]}
        return {one["id"] for one in drawing["nodes"]}, edges
    return set(drawing.nodes), {(one.source, one.target, one.conditional) for one in drawing.edges}


def test_the_mock_has_the_shape_of_the_graph() -> None:
    graph = application()
    script = script_from_graph(graph)
    assert script.name == "assistant"
    with MockDeployment(script=script) as mock, httpx.Client(base_url=mock.url, timeout=DEADLINE) as client:
        (assistant,) = client.post("/assistants/search", json={}).json()
        path = f"/assistants/{assistant['assistant_id']}"
        assert shape(client.get(f"{path}/graph").json()) == shape(graph.get_graph())
        drawn = shape(client.get(f"{path}/graph?xray=true").json())
        assert drawn == shape(graph.get_graph(xray=True))
        assert set(client.get(f"{path}/subgraphs").json()) == {name for name, _ in graph.get_subgraphs()}
        schemas = client.get(f"{path}/schemas").json()
        assert list(schemas["state_schema"]["properties"]) == ["messages", "log", "files", "sources", "score", "odd"]
        assert list(schemas["input_schema"]["properties"]) == list(schemas["output_schema"]["properties"])
        assert list(schemas["output_schema"]["properties"]) == ["messages", "log"]
        assert schemas["context_schema"]["properties"] == {
            "model": {"default": "small", "title": "Model", "type": "string"}
        }
        assert schemas["config_schema"] == schemas["context_schema"]
        assert schemas["output_schema"]["required"] == ["messages", "log"]
        values = client.post("/runs/wait", json={"assistant_id": "assistant", "input": {"messages": "x"}}).json()
        assert [one["type"] for one in values.pop("messages")] == ["human", "ai", "ai", "tool", "ai"]
        assert values == {"log": []}


def nested() -> Any:
    """Return a graph with a child graph in its child graph, and with a loop and branches on each level."""
    inner = StateGraph(State)
    for node in ("first", "other", "join"):
        inner.add_node(node, executed)
    inner.add_edge(START, "first")
    inner.add_edge(START, "other")
    inner.add_edge(["first", "other"], "join")
    middle = StateGraph(State)
    middle.add_node("model", executed)
    middle.add_node("tools", inner.compile())
    middle.add_edge(START, "model")
    middle.add_conditional_edges("model", tools_condition)
    middle.add_edge("tools", "model")
    outer = StateGraph(State)
    outer.add_node("plan", middle.compile())
    outer.add_node("write", executed)
    outer.add_edge(START, "plan")
    outer.add_edge("plan", "write")
    return outer.compile()


def test_child_graphs_of_child_graphs() -> None:
    graph = nested()
    deployment = MockDeployment(script=script_from_graph(graph))
    with deployment as mock, httpx.Client(base_url=mock.url, timeout=DEADLINE) as client:
        (assistant,) = client.post("/assistants/search", json={}).json()
        path = f"/assistants/{assistant['assistant_id']}"
        for given, depth in (("false", False), ("1", 1), ("2", 2), ("true", True)):
            drawn = shape(client.get(f"{path}/graph?xray={given}").json())
            assert drawn == shape(graph.get_graph(xray=depth)), given
        assert list(client.get(f"{path}/subgraphs").json()) == ["plan"]
        assert list(client.get(f"{path}/subgraphs?recurse=true").json()) == ["plan", "plan|tools"]
        assert list(client.get(f"{path}/subgraphs/plan?recurse=true").json()) == ["plan"]
    (step, *_) = script_from_graph(graph).turns[0].steps
    assert [one.at for one in step.subgraph] == ["model", "tools", "model"]
    assert [one.nodes for one in step.subgraph[1].subgraph] == [("first", "other"), ("join",)]


def test_channels_have_the_reducer_that_is_most_like_their_own() -> None:
    found = script_from_graph(application())
    assert dict(found.reducers) == {
        "log": "append",
        "files": "merge",
        "sources": "replace",
        "score": "replace",
        "odd": "replace",
    }
    channels = found.every_channel()
    assert channels["log"].schema == {"type": "array", "items": {"type": "string"}, "title": "Log"}
    # Without references, and a type that contains itself ends.
    assert channels["sources"].schema["items"]["properties"]["parents"]["items"] == {}
    assert channels["odd"].schema == {}


def test_the_turn_goes_one_way_through_the_graph() -> None:
    [turn] = script_from_graph(application()).turns
    assert [step.nodes for step in turn.steps] == [
        *(("research",), ("left", "right"), ("model",), ("tools",), ("model",)),
    ]
    research, _, calls, result, answer = turn.steps
    assert [step.at for step in research.subgraph] == ["read", "sum"]
    assert [(one.tool, one.args) for one in calls.calls] == [("search", {"query": "...", "limit": "..."})]
    assert (result.result, answer.say) == ("...", "...")


@pytest.mark.parametrize(
    ("transformers", "custom", "channels"),
    [
        # With its tools in a plain graph, LangGraph reports no tool calls.
        ([], False, ()),
        ([ToolCallTransformer], False, ("tools",)),
        ([CustomTransformer, UpdatesTransformer, ToolCallTransformer], True, ("tools", "updates")),
    ],
)
def test_the_transformers_of_the_graph_are_channels(
    transformers: list[Any], custom: bool, channels: tuple[str, ...]
) -> None:
    builder = StateGraph(State)
    builder.add_node("tools", ToolNode([search]))
    builder.add_edge(START, "tools")
    script = script_from_graph(builder.compile(transformers=transformers))
    assert (script.transformer, script.protocol_channels) == (custom, channels)


def looping() -> Any:
    builder = StateGraph(MessagesState)
    for name in ("plan", "act", "check"):
        builder.add_node(name, executed)
    builder.add_edge(START, "plan")
    builder.add_edge("plan", "act")
    builder.add_edge("act", "check")
    builder.add_conditional_edges("check", executed, ["plan", "act", END])
    return builder.compile()


def without_messages() -> Any:
    class Counted(TypedDict):
        count: int

    builder = StateGraph(Counted)
    builder.add_node("count", executed)
    builder.add_edge(START, "count")
    return builder.compile()


@entrypoint()
def functional(text: str) -> str:
    raise AssertionError("executed")


@pytest.mark.parametrize(
    ("graph", "nodes"),
    [
        (looping(), ["plan", "act", "check"]),
        (without_messages(), ["count"]),
        (functional, ["functional"]),
    ],
)
def test_other_graphs(graph: Any, nodes: list[str]) -> None:
    script = script_from_graph(graph, "mine")
    assert (script.name, [step.at for step in script.turns[0].steps]) == ("mine", nodes)
    with MockDeployment(script=script) as mock:
        assert shape(httpx.get(f"{mock.url}/assistants/mine/graph").json()) == shape(graph.get_graph())


def test_a_name_that_a_deployment_cannot_use() -> None:
    builder = StateGraph(MessagesState)
    builder.add_node("a", executed)
    builder.add_edge(START, "a")
    assert script_from_graph(builder.compile()).name is None
    # The graph's own name is a text for people, but the other is a mistake.
    assert script_from_graph(builder.compile(name="my agent")).name is None
    with pytest.raises(GraphError, match="`my agent` cannot be the name of a graph"):
        script_from_graph(builder.compile(), "my agent")
    builder.add_node("a b", executed)
    builder.add_edge("a", "a b")
    with pytest.raises(GraphError, match="something that a script cannot express"):
        script_from_graph(builder.compile())


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (StateGraph(MessagesState), "the object is a StateGraph that is not compiled. Add `.compile()`"),
        (application, "the object is a function, which is not called"),
        (State, "the object is not a compiled graph but of the type"),
        ({"nodes": []}, "the object is not a compiled graph but of the type dict"),
    ],
)
def test_an_object_that_is_not_a_compiled_graph(graph: Any, reason: str) -> None:
    with pytest.raises(GraphError) as raised:
        script_from_graph(graph)
    assert reason in str(raised.value)


AGENT = """
    from helper import executed
    from langgraph.graph import START, MessagesState, StateGraph

    print("printed while it is imported")
    builder = StateGraph(MessagesState)
    builder.add_node("say", executed)
    builder.add_edge(START, "say")
    graph = builder.compile()
"""


def command(folder: Path, option: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "doubletext", "mock", "--from-graph", option]
    return forks.run(arguments, cwd=folder, env=os.environ, timeout=DEADLINE)


@pytest.mark.parametrize("option", ["agent.py:graph", "./agent.py:graph", "agent:graph", "own=agent.py:graph"])
def test_the_command_writes_a_script(tmp_path: Path, option: str) -> None:
    (tmp_path / "helper.py").write_text("def executed(state):\n    raise AssertionError('executed')\n")
    (tmp_path / "agent.py").write_text(textwrap.dedent(AGENT))
    done = command(tmp_path, option)
    assert done.returncode == 0, done.stderr
    script = parse(done.stdout)
    assert isinstance(script, Script)
    assert (script.name, script.nodes) == ("own" if "=" in option else None, ("say",))
    assert "printed" not in done.stdout
    assert done.stdout.startswith("# The shape of")


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("agent.py", "`agent.py` names no graph of a file. Write FILE.py:GRAPH"),
        ("agent.py:", "names no graph of a file"),
        ("=agent.py:graph", "names no graph before the `=`"),
        ("a b=agent.py:graph", "`a b` cannot be the name of a graph"),
        ("missing.py:graph", "there is no file missing.py"),
        ("missing:graph", "cannot import missing: ModuleNotFoundError: No module named 'missing'"),
        ("agent.py:other", "agent.py has no `other`"),
        ("agent.py:builder", "`builder` in agent.py is a StateGraph that is not compiled"),
        ("agent.py:executed", "`executed` in agent.py is a function, which is not called"),
        ("broken.py:graph", "cannot import broken.py: SyntaxError"),
        ("raises.py:graph", "cannot import raises.py: KeyError: 'MY_KEY'"),
        ("exits.py:graph", "cannot import exits.py: SystemExit: 3"),
    ],
)
def test_a_graph_that_cannot_be_read_is_one_line(tmp_path: Path, option: str, reason: str) -> None:
    (tmp_path / "helper.py").write_text("def executed(state):\n    raise AssertionError('executed')\n")
    (tmp_path / "agent.py").write_text(textwrap.dedent(AGENT).replace("print(", "str("))
    (tmp_path / "broken.py").write_text("graph = = 1\n")
    (tmp_path / "raises.py").write_text("import os\nos.environ['MY_KEY']\n")
    (tmp_path / "exits.py").write_text("import sys\nsys.exit(3)\n")
    done = command(tmp_path, option)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith("doubletext mock: --from-graph: ")
    assert reason in done.stderr


def test_without_langgraph_the_command_names_the_extra(tmp_path: Path) -> None:
    # A finder that denies langgraph, as in an environment without the extra.
    code = """
        import importlib.util, sys
        found = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *more: None if name == "langgraph" else found(name, *more)
        from mockserver.__main__ import main
        sys.exit(main(["--from-graph", "agent.py:graph"]))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "langgraph is not installed. Install the extra `langgraph`" in done.stderr


class Plan(TypedDict):
    log: Annotated[list[str], operator.add]
    plan: str


def test_a_child_graph_with_other_channels_states_them() -> None:
    kid = StateGraph(Plan)
    kid.add_node("think", executed)
    kid.add_edge(START, "think")
    builder = StateGraph(State)
    builder.add_node("research", kid.compile())
    builder.add_edge(START, "research")
    script = script_from_graph(builder.compile())
    (step,) = script.turns[0].steps
    assert step.state is not None
    assert set(step.state) == {"log", "plan"}
    assert set(script.every_channel()) == {"log", "files", "sources", "score", "odd"}
