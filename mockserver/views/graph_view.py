"""The JSON form of graphs in the API: what they look like, their child graphs, and their schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from mockserver.agent.graph import CHILD, shape
from mockserver.script.shapes import END, START, Channel, Edge, Graph, Schemas
from mockserver.script.states import State, state_of
from mockserver.script.types import STEPS, Script

Shown = dict[str, Any]

_LIST_OF_STEPS: Final[Shown] = {"type": "array", "items": {"type": "string"}, "title": "Steps"}
_KINDS: Final[Mapping[str, Shown]] = {"append": {"type": "array"}, "merge": {"type": "object"}, "replace": {}}


def drawing(script: Script, *, depth: float) -> Shown:
    """Return the nodes and edges of a graph. Child graphs up to a depth replace the nodes that run them."""
    names, edges = _drawn(shape(script), depth)
    return {
        "nodes": [
            {"id": name} if name == END else {"id": name, "type": "runnable", "data": {"name": name}} for name in names
        ],
        "edges": [
            {"source": edge.source, "target": edge.target, **({"conditional": True} if edge.conditional else {})}
            for edge in edges
        ],
    }


def subgraphs(script: Script, *, recurse: bool = False, node: str | None = None) -> Shown:
    """Return the JSON Schemas of the child graphs, by the names of the nodes that run them.

    With `recurse` those of their child graphs follow, as `OUTER|INNER`. With `node` only the child graph of that node
    is shown.
    """
    children = shape(script).children
    shown = children if node is None else {name: child for name, child in children.items() if name == node}
    return {
        path: _schemas(child.schemas, _child_state(script, path)) for path, child in _nested(shown, "", recurse=recurse)
    }


def _nested(children: Mapping[str, Graph], outer: str, *, recurse: bool) -> Iterator[tuple[str, Graph]]:
    for name, child in children.items():
        yield f"{outer}{name}", child
        if recurse:
            yield from _nested(child.children, f"{outer}{name}|", recurse=True)


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
        return _state(state_of(script, name), f"{name}_state")
    properties = {"call": {"type": "object"}, "visit": {"type": "integer", "title": "Visit"}, STEPS: _LIST_OF_STEPS}
    return {"type": "object", "title": f"{CHILD}_state", "properties": properties}


def _state(state: State, title: str) -> Shown:
    said: Shown = {"messages": {"type": "array", "items": {"type": "object"}, "title": "Messages"}}
    properties = said if state.messages else {}
    for name, channel in state.every_channel().items():
        properties[name] = _LIST_OF_STEPS if state.built_in and name == STEPS else _property(name, channel)
    return {"type": "object", "title": title, "properties": properties}


def _property(name: str, channel: Channel) -> Shown:
    return channel.schema or {**_KINDS[channel.reducer], "title": name.title()}


def _drawn(graph: Graph, depth: float) -> tuple[list[str], list[Edge]]:
    """Return the names of the nodes, with start and end, and the edges, with child graphs up to a depth."""
    names, edges = [START, *graph.nodes, END], list(graph.edges)
    for node, child in graph.children.items() if depth > 0 else ():
        inner, ways = _trimmed(*_drawn(child, depth - 1))
        first, last = (_inside(node, name) for name in (inner[0], inner[-1]))
        names = [*(name for name in names if name != node), *(_inside(node, name) for name in inner)]
        edges = [
            msgspec.structs.replace(
                edge,
                source=last if edge.source == node else edge.source,
                target=first if edge.target == node else edge.target,
            )
            for edge in edges
        ]
        edges += [
            msgspec.structs.replace(way, source=_inside(node, way.source), target=_inside(node, way.target))
            for way in ways
        ]
    return names, edges


def _trimmed(names: list[str], edges: list[Edge]) -> tuple[list[str], list[Edge]]:
    """Return a child graph with its only first node first and its only last node last, in place of start and end.

    As LangGraph draws it, the start or the end stays where more than one node can be the first or the last.
    """
    entered = {edge.target for edge in edges if edge.source != START}
    left = {edge.source for edge in edges if edge.target != END}
    inner = [name for name in names if name not in (START, END)]
    firsts = [name for name in inner if name not in entered]
    lasts = [name for name in inner if name not in left]
    begin, end = (firsts[0] if len(firsts) == 1 else START), (lasts[0] if len(lasts) == 1 else END)
    kept = [edge for edge in edges if begin == START or edge.source != START]
    kept = [edge for edge in kept if end == END or edge.target != END]
    between = [name for name in inner if name not in (begin, end)]
    return list(dict.fromkeys((begin, *between, end))), kept


def _inside(node: str, inner: str) -> str:
    return f"{node}:{inner}"
