"""The graph that a run plays: its nodes, its channels, and the order of the nodes.

It is the script's graph. A probe adds to the built-in one, and only to it: a child graph, `research`, instead of
`tools`, or `audit` beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from doubletext.probe import Probe, Work, read_probe
from mockserver.core import messages, script_cursor
from mockserver.core.checkpoints import END, START, Checkpoint, History, Values
from mockserver.core.json_text import as_json
from mockserver.core.messages import Message
from mockserver.core.records import Run, Thread
from mockserver.core.script_cursor import Cursor, TurnContext
from mockserver.script.drawn import chain, drawn
from mockserver.script.shapes import Edge, Graph, Reducer
from mockserver.script.states import State, nodes_of
from mockserver.script.tasks import node_of
from mockserver.script.types import AGENT, TOOLS, Script, Step, every_step

AUDIT: Final = "audit"
"""The node that works beside `tools`."""
CHILD: Final = "research"
"""The node that runs a probe's child graph. It is not a step of its own."""
CHILD_NODES: Final = ("search", "quote")
"""The nodes of that child graph, in their order."""
WORKERS: Final[dict[Work, tuple[str, ...]]] = {
    "tools": (TOOLS,),
    "subgraph": (CHILD,),
    "parallel": (TOOLS, AUDIT),
}
"""The nodes that work on a tool call, by the probe's `work`."""
_WORKING: Final = frozenset(node for nodes in WORKERS.values() for node in nodes)


class ProbeConfigError(Exception):
    """An invalid `probe`. The text names the wrong key."""


def empty_values(state: State) -> Values:
    """Return the values of a graph without any write."""
    return {**({"messages": []} if state.messages else {}), **state.initial}


def channels(state: State) -> tuple[str, ...]:
    """Return the names of all channels of the state."""
    return (*state.reducers, "messages") if state.messages else tuple(state.reducers)


def known_values(state: State, values: Values) -> Values:
    """Return values as a graph sees them that another one may have written: those of its own channels only."""
    return {**empty_values(state), **{name: values[name] for name in channels(state) if name in values}}


def apply_write(values: Values, write: Values, state: State) -> Values:
    """Return the state after a write to some of its channels. Unknown channels are ignored.

    Raises ValueError if a channel cannot accept the value.
    """
    written = dict(values)
    if "messages" in write:
        written["messages"] = messages.merge(values.get("messages", ()), write["messages"])
    for name, reducer in state.reducers.items():
        if name in write:
            written[name] = _reduced(name, reducer, values.get(name), write[name])
    return written


def nodes(script: Script) -> tuple[str, ...]:
    """Return the nodes of the graph: those of the script, and those that probes add."""
    return tuple(dict.fromkeys((*script.nodes, AUDIT, CHILD))) if script.built_in else script.nodes


def shape(script: Script) -> Graph:
    """Return the nodes, edges and child graphs that the API shows."""
    if not script.built_in:
        return drawn(script)
    workers = sorted(name for name in nodes(script) if name != AGENT)
    return Graph(
        nodes=list(nodes(script)),
        edges=[
            Edge(source=START, target=AGENT),
            Edge(source=AGENT, target=END, conditional=True),
            *(Edge(source=AGENT, target=name, conditional=True) for name in workers),
            *(Edge(source=name, target=AGENT) for name in workers),
        ],
        children={CHILD: Graph(nodes=list(CHILD_NODES), edges=chain(CHILD_NODES))},
    )


def shows_child(script: Script, history: History, checkpoint: Checkpoint, task: str, namespace: str) -> bool:
    """Return whether the state refers to the child graph of a task, which may be about to begin.

    As in LangGraph, it does not where the node's function hides the graph, although its checkpoints are there.
    """
    if runs_child(script, task, namespace):
        return True
    return checkpoint.namespace(task) in history.children and _path(task, namespace) not in _hidden(script)


def hides(script: Script, namespace: str) -> bool:
    """Return whether a node on the way to the child graph with a namespace hides it from LangGraph."""
    path = nodes_of(namespace).split("|")
    return any("|".join(path[:end]) in _hidden(script) for end in range(1, len(path) + 1))


def _hidden(script: Script) -> frozenset[str]:
    """Return the paths of the nodes that hide their child graphs in each of their steps."""
    if "_hidden_paths" not in script.__dict__:
        script.__dict__["_hidden_paths"] = frozenset(_hiding(script.every_step(), "")) - _shown(script)
    known: frozenset[str] = script.__dict__["_hidden_paths"]
    return known


def _hiding(steps: Iterable[Step], outer: str) -> Iterator[str]:
    for step in steps:
        if step.hidden:
            yield f"{outer}{step.at}"
        for child in step.children:
            yield from _hiding(every_step(child.subgraph), f"{outer}{step.at}|")


def _path(task: str, namespace: str) -> str:
    outer = nodes_of(namespace)
    return f"{outer}|{node_of(task)}" if outer else node_of(task)


def runs_child(script: Script, task: str, namespace: str) -> bool:
    """Return whether the node of a task has a child graph. `namespace` is that of the graph with the node."""
    return _path(task, namespace) in _shown(script)


def _shown(script: Script) -> frozenset[str]:
    """Return the paths of the nodes with a child graph that the API shows."""
    if "_child_paths" not in script.__dict__:
        script.__dict__["_child_paths"] = frozenset(_paths(shape(script).children, ""))
    known: frozenset[str] = script.__dict__["_child_paths"]
    return known


def _paths(children: Mapping[str, Graph], outer: str) -> Iterator[str]:
    for name, child in children.items():
        yield f"{outer}{name}"
        yield from _paths(child.children, f"{outer}{name}|")


def runs_probe_child(script: Script, node: str, cursor: Cursor) -> bool:
    """Return whether a node is about to run the child graph of a probe."""
    return script.built_in and node_of(node) == CHILD and cursor.next == (TOOLS,)


def scripted_node(script: Script, node: str) -> str:
    """Return the node whose scripted steps a node of the graph plays."""
    return TOOLS if script.built_in and node_of(node) in _WORKING else node


def nodes_at(script: Script, cursor: Cursor, configurable: dict[str, Any]) -> tuple[str, ...]:
    """Return the nodes that are next at a cursor, in a run with this configuration."""
    if cursor.next != (TOOLS,) or not script.built_in:
        return cursor.next
    probe = probe_of(script, configurable)
    return WORKERS["tools" if probe is None else probe.work]


def enter(run: Run, values: Values) -> Cursor:
    """Return the cursor for new input that led to the state `values`."""
    return script_cursor.enter(run.script, conversation(values), _context(run, values))


def locate(run: Run, values: Values) -> Cursor:
    """Return the cursor for a state of which only the messages are known."""
    return script_cursor.locate(run.script, conversation(values), _context(run, values))


def sent_to(run: Run, cursor: Cursor, node: str, visiting: int) -> Cursor:
    """Return the cursor at a step of a node to which a command goes. `visiting` tasks play the node beside it."""
    scripted = scripted_node(run.script, node)
    at = cursor.sent_to(scripted, run.script)
    return at.with_visits([{scripted: cursor.visits.get(scripted, 0) + visiting}])


def follow(run: Run, played: Cursor, values: Values) -> Cursor:
    """Return the cursor after the step at `played` has led to the state `values`."""
    return script_cursor.follow(run.script, played.passed(), conversation(values), _context(run, values))


def child_nodes(script: Script, namespace: str) -> tuple[str, ...] | None:
    """Return the nodes of the child graph with a namespace, None if the script has no such graph."""
    found: Graph | None = shape(script)
    for node in nodes_of(namespace).split("|"):
        found = None if found is None else found.children.get(node)
    return None if found is None else tuple(found.nodes)


def cursor_after_child_write(base: Checkpoint, node: str) -> Cursor:
    """Return the cursor after a client wrote to the state of a child graph on top of `base`, in the role of `node`."""
    known = base.cursor or Cursor()
    return known.after_node(node) or known


def cursor_after_manual_write(
    thread: Thread, base: Checkpoint | None, node: str, before: Values, values: Values
) -> Cursor:
    """Return the cursor after a client wrote to the state `before` of `base`, in the role of `node`."""
    said, context = conversation(values), TurnContext(metadata=thread.metadata, values=values)
    if node == START:
        return script_cursor.enter(thread.script, said, context)
    # Without a run there is no cursor. The messages before the write imply one, and the node its successor.
    known = base.cursor if base is not None else None
    known = known or script_cursor.locate(thread.script, conversation(before), context)
    found = known.after_node(node) or script_cursor.locate(thread.script, said, context)
    if found.step is None and pending_calls(values) and TOOLS in thread.script.nodes:
        # A client may write a tool call that the script does not contain. Without a step for its result the
        # thread would look finished although a call is open.
        found = Cursor((Step(node=TOOLS, result=""),), fills=found.fills, visits=found.visits)
    return script_cursor.follow(thread.script, found, said, context)


def conversation(values: Values) -> list[Message]:
    """Return the messages of a state, empty for one without."""
    said: list[Message] = values.get("messages") or []
    return said


def pending_calls(values: Values) -> list[dict[str, Any]]:
    """Return the tool calls of the last message."""
    said = conversation(values)
    last = said[-1] if said else {}
    calls: list[dict[str, Any]] = last.get("tool_calls") or []
    return calls


def open_calls(values: Values) -> list[dict[str, Any]]:
    """Return the newest tool calls without a result. The words of a child graph may follow them."""
    answered: set[Any] = set()
    for message in reversed(conversation(values)):
        # The calls of an earlier turn stay open for good if its run was stopped.
        if message["type"] == "human":
            break
        answered.add(message.get("tool_call_id"))
        if waiting := [call for call in message.get("tool_calls") or () if call["id"] not in answered]:
            return waiting
    return []


def _reduced(name: str, reducer: Reducer, old: Any, new: Any) -> Any:
    if reducer == "append":
        return [*(old or ()), *(new if isinstance(new, list) else [new])]
    if reducer == "merge":
        if not isinstance(new, dict):
            raise ValueError(f"The channel `{name}` merges objects, so it cannot accept {as_json(new)}.")
        return {**(old or {}), **new}
    return new


def _context(run: Run, values: Values) -> TurnContext:
    assistant = run.assistant
    names = (assistant.assistant_id, assistant.graph_id, assistant.name)
    return TurnContext(names, run.thread.metadata, values, run.configurable)


def probe_of(script: Script, configurable: dict[str, Any]) -> Probe | None:
    """Return the probe of a run, None for a run without one, or of another graph. Raises `ProbeConfigError`."""
    if not script.built_in:
        return None
    try:
        return read_probe(configurable)
    except msgspec.ValidationError as error:
        raise ProbeConfigError(f"configurable.probe: {error}") from error
