"""The JSON form of graphs in the API: what they look like, their child graphs, and their schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mockserver.agent.graph import CHILD, shape
from mockserver.script.shapes import END, START, Channel, Edge, Graph, Schemas
from mockserver.script.types import STEPS, Script

Shown = dict[str, Any]

_LIST_OF_STEPS: Final[Shown] = {"type": "array", "items": {"type": "string"}, "title": "Steps"}
_KINDS: Final[Mapping[str, Shown]] = {"append": {"type": "array"}, "merge": {"type": "object"}, "replace": {}}


def drawing(script: Script, *, xray: bool) -> Shown:
    """Return the nodes and edges of a graph. With `xray`, the nodes of a child graph replace the node that runs it."""
    graph = shape(script)
    children = graph.children if xray else {}
    names = [
        START,
        *(
            inner
            for name in graph.nodes
            for inner in ([_inside(name, one) for one in children[name].nodes] if name in children else [name])
        ),
    ]
    edges = [edge for edge in graph.edges for edge in _resolved(edge, children)]
    edges += [
        Edge(source=_inside(name, edge.source), target=_inside(name, edge.target), conditional=edge.conditional)
        for name, child in children.items()
        for edge in child.edges
        if edge.source != START and edge.target != END
    ]
    return {
        "nodes": [*({"id": name, "type": "runnable", "data": {"name": name}} for name in names), {"id": END}],
        "edges": [
            {"source": edge.source, "target": edge.target, **({"conditional": True} if edge.conditional else {})}
            for edge in edges
        ],
    }


def subgraphs(script: Script) -> Shown:
    """Return the JSON Schemas of the child graphs, by the names of the nodes that run them."""
    return {name: _schemas(child.schemas, _child_state(script, name)) for name, child in shape(script).children.items()}


def graph_schemas(name: str, script: Script) -> Shown:
    """Return the JSON Schemas of a graph."""
    title = "State" if script.built_in else f"{name}_state"
    return {"graph_id": name, **_schemas(script.graph.schemas, _state(script, title))}


def _schemas(stated: Schemas, state: Shown) -> Shown:
    # Input and output are the whole state, as in a langgraph graph without schemas of its own for them.
    state = stated.state or state
    return {
        "input_schema": stated.input or state,
        "output_schema": stated.output or state,
        "state_schema": state,
        # As on the official server: a graph with a context takes it from `config.configurable` as well.
        "config_schema": stated.config or stated.context or {},
        "context_schema": stated.context,
    }


def _child_state(script: Script, name: str) -> Shown:
    if not (script.built_in and name == CHILD):
        return _state(script, f"{name}_state")
    properties = {"call": {"type": "object"}, "visit": {"type": "integer", "title": "Visit"}, STEPS: _LIST_OF_STEPS}
    return {"type": "object", "title": f"{CHILD}_state", "properties": properties}


def _state(script: Script, title: str) -> Shown:
    properties: Shown = {"messages": {"type": "array", "items": {"type": "object"}, "title": "Messages"}}
    for name, channel in script.every_channel().items():
        properties[name] = _LIST_OF_STEPS if script.built_in and name == STEPS else _property(name, channel)
    return {"type": "object", "title": title, "properties": properties}


def _property(name: str, channel: Channel) -> Shown:
    return channel.schema or {**_KINDS[channel.reducer], "title": name.title()}


def _resolved(edge: Edge, children: Mapping[str, Graph]) -> list[Edge]:
    """Return the edges that replace one, if it begins or ends at a node whose child graph is drawn."""
    sources, targets = [edge.source], [edge.target]
    if edge.source in children:
        sources = [_inside(edge.source, one.source) for one in children[edge.source].edges if one.target == END]
    if edge.target in children:
        targets = [_inside(edge.target, one.target) for one in children[edge.target].edges if one.source == START]
    several = edge.conditional or len(sources) > 1 or len(targets) > 1
    return [Edge(source=one, target=two, conditional=several) for one in sources for two in targets]


def _inside(node: str, inner: str) -> str:
    return f"{node}:{inner}"
