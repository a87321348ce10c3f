"""The graph that every assistant runs: its nodes, its channels, and which node follows which.

It is the script's graph, with what a probe adds: a child graph, `research`, instead of `tools`, or `audit` beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from doubletext.probe import Probe, Work, read_probe
from mockserver.core import messages, script_cursor
from mockserver.core.checkpoints import START, Checkpoint, Values
from mockserver.core.records import Run, Thread
from mockserver.core.script_cursor import Circumstances, Cursor
from mockserver.script.types import TOOLS, Reducer, Script, Step

CHILD: Final = "research"
"""The node that runs a probe's child graph; it is no step of its own."""
CHILD_NODES: Final = ("search", "quote")
"""The nodes of that child graph, in their order."""
WORKERS: Final[dict[Work, tuple[str, ...]]] = {
    "tools": (TOOLS,),
    "subgraph": (CHILD,),
    "parallel": (TOOLS, "audit"),
}
"""The nodes that work on a tool call, as a probe asks."""
_WORKING: Final = frozenset(node for nodes in WORKERS.values() for node in nodes)


class ProbeConfigError(Exception):
    """A `probe` that is not one; the text names the key that is wrong."""


def empty_values() -> Values:
    """The state of a thread on which nothing was written yet."""
    return {"messages": [], "steps": []}


def written(values: Values, write: Values, reducers: Mapping[str, Reducer] = MappingProxyType({})) -> Values:
    """The state after a write to some of its channels; a channel that the graph does not have is ignored.

    Raises ValueError for what a channel cannot take up.
    """
    said = {"messages": messages.merge(values.get("messages", ()), write["messages"])} if "messages" in write else {}
    return {
        **values,
        **said,
        **{
            name: _taken_up(name, reducer, values.get(name), write[name])
            for name, reducer in reducers.items()
            if name in write
        },
        "steps": [*values["steps"], *write.get("steps", ())],
    }


def nodes(script: Script) -> tuple[str, ...]:
    """The nodes of the graph: those of the script, and those that probes ask for."""
    return tuple(dict.fromkeys((*script.nodes, "audit", CHILD)))


def scripted_node(node: str) -> str:
    """The node whose steps in the script a node of the graph plays."""
    return TOOLS if node in _WORKING else node


def nodes_at(cursor: Cursor, configurable: dict[str, Any]) -> tuple[str, ...]:
    """The nodes that are next at a cursor, in a run that is told `configurable`."""
    if cursor.next != (TOOLS,):
        return cursor.next
    probe = probe_of(configurable)
    return WORKERS["tools" if probe is None else probe.work]


def enter(run: Run, values: Values) -> Cursor:
    """Where new input leads that made the state `values`."""
    return script_cursor.enter(run.thread.script, values["messages"], _around(run))


def locate(run: Run, values: Values) -> Cursor:
    """Where a state stands of which nothing is known but its messages."""
    return script_cursor.locate(run.thread.script, values["messages"], _around(run))


def follow(run: Run, played: Cursor, values: Values) -> Cursor:
    """What follows when the step at a cursor has left the state as `values`."""
    return script_cursor.follow(run.thread.script, played.passed(), values["messages"], _around(run))


def written_by_hand(thread: Thread, base: Checkpoint | None, node: str, values: Values) -> Cursor:
    """What follows when somebody wrote to the state, on top of `base`, as if `node` had done it."""
    said, around = values["messages"], Circumstances(metadata=thread.metadata)
    if node == START:
        return script_cursor.enter(thread.script, said, around)
    known = base.cursor if base is not None else None
    found = (known.after_node(node) if known is not None else None) or script_cursor.locate(thread.script, said, around)
    if found.step is None and calls_waiting(values):
        # A tool call that the script does not know of wants its result all the same.
        found = Cursor((Step(node=TOOLS, result=""),), fills=found.fills, visits=found.visits)
    return script_cursor.follow(thread.script, found, said, around)


def calls_waiting(values: Values) -> list[dict[str, Any]]:
    """The tool calls of the last message."""
    said = values.get("messages")
    last = said[-1] if said else {}
    calls: list[dict[str, Any]] = last.get("tool_calls") or []
    return calls


def _taken_up(name: str, reducer: Reducer, old: Any, new: Any) -> Any:
    if reducer == "append":
        return [*(old or ()), *(new if isinstance(new, list) else [new])]
    if reducer == "merge":
        if not isinstance(new, dict):
            raise ValueError(f"The channel {name} merges objects, and got {new!r}")
        return {**(old or {}), **new}
    return new


def _around(run: Run) -> Circumstances:
    assistant = run.assistant
    return Circumstances((assistant.assistant_id, assistant.graph_id, assistant.name), run.thread.metadata)


def probe_of(configurable: dict[str, Any]) -> Probe | None:
    """Return the probe of a run, None for a run without one. Raises `ProbeConfigError`."""
    try:
        return read_probe(configurable)
    except msgspec.ValidationError as error:
        raise ProbeConfigError(f"configurable.probe: {error}") from error
