"""`doubletext mock --from-graph`: conversion of a compiled LangGraph graph into a script to fill in.

The graph is introspected and never executed: its nodes, edges, channels, schemas and child graphs become those of the
script. What its nodes do cannot be known without running them. The script therefore has one turn, which goes one way
through the graph with placeholders for what a model or a tool would return.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import itertools
import sys
import typing
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mockserver.recording import to_yaml
from mockserver.script.shapes import END, OPTIONAL, START, check_graph_name
from mockserver.script.types import Script

if TYPE_CHECKING:
    from langgraph.pregel import Pregel

FILL_IN: Final = "..."
"""The placeholder for every text that the user fills in."""
UNNAMED: Final = "LangGraph"
"""The name of a compiled graph to which its application gives none."""
HEADER: Final = "# The shape of {source}. Fill in the turns: each `...` is a text that the agent would return.\n"
_UNSTORED: Final = frozenset({"EphemeralValue", "UntrackedValue"})
"""The channels of LangGraph that no checkpoint has."""
_SENDING: Final = frozenset({"langchain_create_agent", "deepagents"})
"""The factories of LangChain whose graphs send each tool call to the node of the tools."""
_MESSAGES: Final = {"type": "array", "items": {"type": "object"}, "title": "Messages"}


class GraphError(Exception):
    """A graph that cannot become a script. The text states the reason."""


def script_from_graph(graph: Any, name: str | None = None) -> Script:
    """Return a script with the shape of a compiled LangGraph graph, which is not executed. Raises `GraphError`.

    `name` is the name of the graph (default: its own, if it has one).
    """
    data = _data(_compiled(graph, "the object"), name)
    try:
        return msgspec.convert(data, Script)
    except msgspec.ValidationError as error:
        raise GraphError(f"the graph has something that a script cannot express: {error}") from None


def written(option: str) -> str:
    """Return the text of the script for an option `FILE.py:GRAPH` or `NAME=FILE.py:GRAPH`. Raises `GraphError`."""
    name, equals, source = option.partition("=")
    if not equals:
        name, source = "", option
    elif not name:
        raise GraphError(f"`{option}` names no graph before the `=`. Write NAME=FILE.py:GRAPH")
    path, _, variable = source.rpartition(":")
    if not path or not variable.isidentifier():
        raise GraphError(f"`{source}` names no graph of a file. Write FILE.py:GRAPH, as in langgraph.json")
    if importlib.util.find_spec("langgraph") is None:
        raise GraphError("langgraph is not installed. Install the extra `langgraph` of doubletext, beside your agent")
    module = _module(path)
    if not hasattr(module, variable):
        raise GraphError(f"{path} has no `{variable}`. Name the variable that holds the compiled graph")
    graph = _compiled(getattr(module, variable), f"`{variable}` in {path}")
    # Validated before it is written, so that the mock can read what it wrote.
    script_from_graph(graph, name or None)
    return HEADER.format(source=source) + to_yaml(_data(graph, name or None))


def _module(path: str) -> Any:
    """Import a file or a module. Raises `GraphError`."""
    file = Path(path)
    is_file = path.endswith(".py") or "/" in path
    if is_file and not file.is_file():
        raise GraphError(f"there is no file {path}. Check the path")
    folder = str(file.resolve().parent if is_file else Path.cwd())
    # As for a script of Python, so that it can import what lies beside it. Kept, because it may import later.
    sys.path.insert(0, folder)
    try:
        # Standard output is for the script, and an application may print while it is imported.
        with contextlib.redirect_stdout(sys.stderr):
            return _load(file) if is_file else importlib.import_module(path)
    except (Exception, SystemExit) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise GraphError(f"cannot import {path}: {type(error).__name__}: {reason}") from error


def _load(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"graph_of_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise GraphError(f"{file} is not a Python file. Write FILE.py:GRAPH")
    module = importlib.util.module_from_spec(spec)
    # Before it is executed: dataclasses and TypedDicts look up their module to resolve annotations.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _compiled(graph: Any, what: str) -> Pregel[Any, Any, Any, Any]:
    """Return a graph. Raises `GraphError` for an object that is not a compiled graph."""
    try:
        from langgraph.graph import StateGraph
        from langgraph.pregel import Pregel
    except ImportError:
        raise GraphError("langgraph is not installed. Install the extra `langgraph` of doubletext") from None
    if isinstance(graph, Pregel):
        return graph
    if isinstance(graph, StateGraph):
        raise GraphError(f"{what} is a StateGraph that is not compiled. Add `.compile()`")
    if callable(graph) and not isinstance(graph, type):
        raise GraphError(f"{what} is a function, which is not called. Name a variable that holds the compiled graph")
    raise GraphError(f"{what} is not a compiled graph but of the type {type(graph).__name__}")


def _data(graph: Pregel[Any, Any, Any, Any], name: str | None) -> dict[str, Any]:
    """Return the script of a graph as data."""
    shape = _shape(graph)
    children = _children(graph, shape["nodes"])
    named = _name(graph, name)
    channels = _channels(graph)
    schemas = _schemas(graph, channels)
    return {
        "version": 1,
        **({"name": named} if named else {}),
        **({} if "messages" in graph.channels else {"messages": False}),
        **({"channels": channels} if channels else {}),
        **_reported(graph, shape),
        "turns": [{"steps": _steps(graph, shape, children)}],
        "graph": {
            **shape,
            **({"schemas": schemas} if schemas else {}),
            **_inner_shapes(children),
        },
    }


def _reported(graph: Pregel[Any, Any, Any, Any], shape: Mapping[str, Any]) -> dict[str, Any]:
    """Return which channels of the newer protocol the transformers of a graph add, where that is not the default."""
    # LangGraph before 1.2 has no transformers, and its server no such channels.
    factories = getattr(graph, "stream_transformers", ())
    modes = {mode for one in factories for mode in getattr(one, "required_stream_modes", ())}
    calls = any(_tools(graph, node) is not None for node in shape["nodes"])
    channels = sorted(modes & OPTIONAL)
    return {
        **({"transformer": True} if "custom" in modes else {}),
        **({"protocol_channels": channels} if channels != ["tools"] and (channels or calls) else {}),
    }


def _inner_shapes(children: Mapping[str, Pregel[Any, Any, Any, Any]]) -> dict[str, Any]:
    """Return the shapes of child graphs, and of theirs, as a script states them. Empty without child graphs."""
    shapes = {}
    for node, child in children.items():
        shape = _shape(child)
        shapes[node] = {**shape, **_inner_shapes(_children(child, shape["nodes"]))}
    return {"children": shapes} if shapes else {}


def _children(graph: Pregel[Any, Any, Any, Any], nodes: Sequence[str]) -> dict[str, Pregel[Any, Any, Any, Any]]:
    """Return the child graphs, by the nodes that run them."""
    from langgraph.pregel import Pregel

    # Not a graph behind a URL: that is a child graph as well, but drawing it would send requests.
    return {node: child for node, child in graph.get_subgraphs() if node in nodes and isinstance(child, Pregel)}


def _name(graph: Pregel[Any, Any, Any, Any], name: str | None) -> str | None:
    named = name or (graph.name if graph.name != UNNAMED else None)
    if named is None:
        return None
    try:
        check_graph_name(named)
    except ValueError as error:
        if name is None:
            # The name of a compiled graph may be any text. The deployment's name for it is another one.
            return None
        raise GraphError(str(error)) from None
    return named


def _shape(graph: Pregel[Any, Any, Any, Any]) -> dict[str, Any]:
    """Return the nodes and edges of a graph."""
    try:
        drawing = graph.get_graph()
    except Exception as error:
        raise GraphError(f"langgraph cannot draw the graph: {type(error).__name__}: {error}") from error
    return {
        "nodes": [node for node in drawing.nodes if node not in (START, END)],
        "edges": [
            {"source": edge.source, "target": edge.target, **({"conditional": True} if edge.conditional else {})}
            for edge in drawing.edges
        ],
    }


# -- channels and schemas --------------------------------------------------------------------------------------------


def _channels(graph: Pregel[Any, Any, Any, Any]) -> dict[str, Any]:
    """Return the channels of the state besides `messages`, with reducers and schemas."""
    names = [graph.stream_channels_asis] if isinstance(graph.stream_channels_asis, str) else graph.stream_channels_asis
    found = {}
    for name in names:
        channel = graph.channels.get(name)
        if name == "messages" or name.startswith("__") or channel is None or type(channel).__name__ in _UNSTORED:
            continue
        kind = getattr(channel, "ValueType", Any)
        schema = _schema(kind)
        if schema:
            # The title that pydantic gives to a field, and langgraph to a channel.
            schema = {"title": name.replace("_", " ").title(), **schema}
        found[name] = {"reducer": _reducer(channel), **({"schema": schema} if schema else {})}
    return {name: one if set(one) > {"reducer"} else one["reducer"] for name, one in found.items()}


def _reducer(channel: Any) -> str:
    """Return the reducer that is most like that of a channel: a script has three."""
    from langgraph.channels import BinaryOperatorAggregate, Topic

    if isinstance(channel, Topic):
        return "append"
    # `DeltaChannel` is younger than the oldest langgraph that works.
    if not isinstance(channel, BinaryOperatorAggregate) and type(channel).__name__ != "DeltaChannel":
        return "replace"
    # A reducer is a function. Lists are nearly always appended to by it, and objects merged.
    reduced = _reduced(channel.ValueType)
    origin = typing.get_origin(reduced) or reduced
    if isinstance(origin, type) and issubclass(origin, list):
        return "append"
    return "merge" if isinstance(origin, type) and issubclass(origin, dict) else "replace"


def _bare(kind: Any) -> Any:
    """Return a type without its annotations."""
    while typing.get_origin(kind) in (typing.Annotated, typing.Required, typing.NotRequired):
        kind = typing.get_args(kind)[0]
    return kind


def _reduced(kind: Any) -> Any:
    """Return the type of the values that a reducer combines, for one that also accepts None the other type."""
    kind = _bare(kind)
    parts = [part for part in typing.get_args(kind) if part is not type(None)]
    return _bare(parts[0]) if len(parts) == 1 and type(None) in typing.get_args(kind) else kind


def _schemas(graph: Pregel[Any, Any, Any, Any], channels: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas of input, output and context, as far as they are not those of the whole state."""
    builder = getattr(graph, "builder", None)
    if builder is None:
        return {}
    found = {}
    every = {"messages": _MESSAGES} if "messages" in graph.channels else {}
    every |= {name: one.get("schema", {}) if isinstance(one, dict) else {} for name, one in channels.items()}
    for key, kind in (("input", builder.input_schema), ("output", builder.output_schema)):
        own = [name for name in _hints(kind) if name in every]
        if own and set(own) != every.keys():
            found[key] = _object(kind)
    if getattr(builder, "context_schema", None) is not None:
        found["context"] = _object(builder.context_schema)
    return found


def _object(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema of a class with fields, such as a TypedDict, a dataclass or a model."""
    schema = _schema(kind)
    if "properties" in schema:
        return schema
    # Before Python 3.12 pydantic refuses `typing.TypedDict`.
    properties = {name: _MESSAGES if name == "messages" else _schema(hint) for name, hint in _hints(kind).items()}
    return {"type": "object", "title": getattr(kind, "__name__", "Context"), "properties": properties}


def _hints(kind: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind, include_extras=True)
    except Exception:  # noqa: BLE001 - an annotation may name anything, and without hints nothing is restricted
        return {}


def _schema(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema of a type, empty if it has none."""
    from pydantic import TypeAdapter

    try:
        schema = TypeAdapter(_bare(kind)).json_schema()
    except Exception:  # noqa: BLE001 - many types of a state have no schema, and any of them is allowed
        return {}
    if "messages" in schema.get("properties", {}):
        # That of LangChain's messages is many times as long as the script.
        schema["properties"]["messages"] = _MESSAGES
    resolved: dict[str, Any] = _resolved(schema, schema.pop("$defs", {}), ())
    return resolved


def _resolved(part: Any, defs: Mapping[str, Any], inside: tuple[str, ...]) -> Any:
    """Return a part of a schema without references: behind `properties` they would lead nowhere."""
    if isinstance(part, list):
        return [_resolved(one, defs, inside) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        name = str(part["$ref"]).rpartition("/")[2]
        # A type that contains itself is any value from there on.
        return {} if name in inside or name not in defs else _resolved(defs[name], defs, (*inside, name))
    return {key: _resolved(value, defs, inside) for key, value in part.items()}


# -- one way through the graph ---------------------------------------------------------------------------------------


def _steps(
    graph: Pregel[Any, Any, Any, Any], shape: Mapping[str, Any], children: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return steps that go one way through the graph, with placeholders."""
    tools = {name: found for name in shape["nodes"] if (found := _tools(graph, name)) is not None}
    way = _agent_way(shape["edges"], tools) or list(_way(shape["edges"]))
    before = {node for nodes in itertools.takewhile(tools.keys().isdisjoint, way) for node in nodes}
    models = before.intersection(*(_behind(shape["edges"], tool) for tool in tools)) if tools else set()
    speaks, sends = "messages" in graph.channels, _is_sending(graph)
    steps = []
    last = max((at for at, one in enumerate(way) if not models.isdisjoint(one)), default=len(way) - 1)
    for number, nodes in enumerate(way):
        later = way[number + 1 :]
        if not models:
            later = later[:1]
        elif models.isdisjoint(nodes):
            # Between a model and its tools there may be other nodes, such as a middleware.
            later = []
        calls = next((found for one in later if (found := [call for node in one for call in tools.get(node, ())])), [])
        parts = [
            _child_step(graph, node, children[node])
            if node in children
            else _step(node, tools, calls, last=number == last and speaks, sent=sends)
            for node in nodes
        ]
        steps.append(parts[0] if len(parts) == 1 else {"parallel": parts})
    return steps or [{"node": shape["nodes"][0]}]


def _child_step(graph: Pregel[Any, Any, Any, Any], node: str, child: Pregel[Any, Any, Any, Any]) -> dict[str, Any]:
    shape, own = _shape(child), _channels(child)
    step: dict[str, Any] = {"node": node, "subgraph": _steps(child, shape, _children(child, shape["nodes"]))}
    if own != _channels(graph):
        step["state"] = own
    # A compiled graph that is a node shares the messages. A function that invokes one decides itself what it returns.
    shares = getattr(graph.nodes.get(node), "bound", None) is child and "messages" in graph.channels
    return {**step, "returns": "messages"} if shares and "messages" in child.channels else step


def _is_sending(graph: Pregel[Any, Any, Any, Any]) -> bool:
    about = (graph.config or {}).get("metadata") or {}
    return about.get("ls_integration") in _SENDING


def _step(
    node: str, tools: Mapping[str, Sequence[Any]], calls: Sequence[Any], *, last: bool, sent: bool
) -> dict[str, Any]:
    if node in tools:
        return {"node": node, "result": FILL_IN, **({"sent": True} if sent else {})}
    if calls:
        return {"node": node, "call": calls[0]}
    return {"node": node, "say": FILL_IN} if last else {"node": node}


def _tools(graph: Pregel[Any, Any, Any, Any], node: str) -> list[dict[str, Any]] | None:
    """Return calls of the tools that a node runs, None for a node that runs no tools."""
    known = getattr(getattr(graph.nodes.get(node), "bound", None), "tools_by_name", None)
    if not isinstance(known, dict):
        return None
    return [
        {"tool": name, "args": dict.fromkeys(getattr(tool, "args", None) or (), FILL_IN)}
        for name, tool in known.items()
    ]


def _behind(edges: Sequence[Mapping[str, Any]], node: str) -> list[str]:
    """Return the nodes that may follow a node, without the end."""
    return [edge["target"] for edge in edges if edge["source"] == node and edge["target"] != END]


def _agent_way(edges: Sequence[Mapping[str, Any]], tools: Collection[str]) -> list[tuple[str, ...]]:
    """Return the way of an agent to its tools, back to the model and to the end, empty for a graph of another form."""
    # Branches that always run at the same time are for `_way`.
    always = [edge["source"] for edge in edges if not edge.get("conditional")]
    if len(tools) != 1 or len(always) != len(set(always)):
        return []
    (tool,) = tools
    there = _shortest(edges, START, tool)
    model = next((node for node in _behind(edges, tool) if node in there), None)
    if model is None:
        return []
    rest = _shortest([edge for edge in edges if tool not in (edge["source"], edge["target"])], model, END)
    return [(node,) for node in (*there, model, *rest[:-1])] if rest else []


def _shortest(edges: Sequence[Mapping[str, Any]], source: str, target: str) -> list[str]:
    """Return the nodes of a shortest way behind `source` to `target` and with it, empty without a way."""
    ways = {source: list[str]()}
    waiting = deque(ways)
    while waiting:
        node = waiting.popleft()
        for edge in edges:
            if edge["source"] == node and edge["target"] not in ways:
                ways[edge["target"]] = [*ways[node], edge["target"]]
                waiting.append(edge["target"])
    return ways.get(target, [])


def _way(edges: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, ...]]:
    """Yield the nodes of each superstep on one way from the start, which follows no loop a second time."""
    visited: set[str] = set()
    current: tuple[str, ...] = (START,)
    while current:
        targets = list(dict.fromkeys(target for node in current for target in _next(edges, node, visited)))
        fresh = tuple(target for target in targets if target not in visited and target != END)
        if not fresh:
            # Back from the tools, the model answers.
            if targets and END not in targets and targets[0] in visited:
                yield (targets[0],)
            return
        visited |= set(fresh)
        yield fresh
        current = fresh


def _next(edges: Sequence[Mapping[str, Any]], node: str, visited: set[str]) -> list[str]:
    """Return the nodes after one: all that always follow, or the first of several ways that was not taken."""
    always = [edge["target"] for edge in edges if edge["source"] == node and not edge.get("conditional")]
    ways = [edge["target"] for edge in edges if edge["source"] == node and edge.get("conditional")]
    fresh = [target for target in ways if target not in visited and target != END]
    return always or fresh[:1] or ([END] if END in ways else ways[:1])
