"""The graph that every assistant runs: its nodes, its channels, and the order of the nodes.

It is the script's graph. A probe adds to it: a child graph, `research`, instead of `tools`, or `audit` beside
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from doubletext.probe import Probe, Work, read_probe
from mockserver.core import messages, script_cursor
from mockserver.core.checkpoints import START, Checkpoint, Values
from mockserver.core.json_text import as_json
from mockserver.core.records import Run, Thread
from mockserver.core.script_cursor import Cursor, TurnContext
from mockserver.script.types import TOOLS, Reducer, Script, Step

CHILD: Final = "research"
"""The node that runs a probe's child graph. It is not a step of its own."""
CHILD_NODES: Final = ("search", "quote")
"""The nodes of that child graph, in their order."""
WORKERS: Final[dict[Work, tuple[str, ...]]] = {
    "tools": (TOOLS,),
    "subgraph": (CHILD,),
    "parallel": (TOOLS, "audit"),
}
"""The nodes that work on a tool call, by the probe's `work`."""
_WORKING: Final = frozenset(node for nodes in WORKERS.values() for node in nodes)


class ProbeConfigError(Exception):
    """An invalid `probe`. The text names the wrong key."""


def empty_values() -> Values:
    """Return the state of a thread without any write."""
    return {"messages": [], "steps": []}


def apply_write(values: Values, write: Values, reducers: Mapping[str, Reducer] = MappingProxyType({})) -> Values:
    """Return the state after a write to some of its channels. Unknown channels are ignored.

    Raises ValueError if a channel cannot accept the value.
    """
    merged = messages.merge(values.get("messages", ()), write["messages"]) if "messages" in write else None
    return {
        **values,
        **({} if merged is None else {"messages": merged}),
        **{
            name: _reduced(name, reducer, values.get(name), write[name])
            for name, reducer in reducers.items()
            if name in write
        },
        "steps": [*values["steps"], *write.get("steps", ())],
    }


def nodes(script: Script) -> tuple[str, ...]:
    """Return the nodes of the graph: those of the script, and those that probes add."""
    return tuple(dict.fromkeys((*script.nodes, "audit", CHILD)))


def scripted_node(node: str) -> str:
    """Return the node whose scripted steps a node of the graph plays."""
    return TOOLS if node in _WORKING else node


def nodes_at(cursor: Cursor, configurable: dict[str, Any]) -> tuple[str, ...]:
    """Return the nodes that are next at a cursor, in a run with this configuration."""
    if cursor.next != (TOOLS,):
        return cursor.next
    probe = probe_of(configurable)
    return WORKERS["tools" if probe is None else probe.work]


def enter(run: Run, values: Values) -> Cursor:
    """Return the cursor for new input that led to the state `values`."""
    return script_cursor.enter(run.script, values["messages"], _context(run))


def locate(run: Run, values: Values) -> Cursor:
    """Return the cursor for a state of which only the messages are known."""
    return script_cursor.locate(run.script, values["messages"], _context(run))


def follow(run: Run, played: Cursor, values: Values) -> Cursor:
    """Return the cursor after the step at `played` has led to the state `values`."""
    return script_cursor.follow(run.script, played.passed(), values["messages"], _context(run))


def cursor_after_manual_write(thread: Thread, base: Checkpoint | None, node: str, values: Values) -> Cursor:
    """Return the cursor after a client wrote to the state on top of `base`, in the role of `node`."""
    conversation, context = values["messages"], TurnContext(metadata=thread.metadata)
    if node == START:
        return script_cursor.enter(thread.script, conversation, context)
    known = base.cursor if base is not None else None
    found = (known.after_node(node) if known is not None else None) or script_cursor.locate(
        thread.script, conversation, context
    )
    if found.step is None and pending_calls(values):
        # A client may write a tool call that the script does not contain. Without a step for its result the
        # thread would look finished although a call is open.
        found = Cursor((Step(node=TOOLS, result=""),), fills=found.fills, visits=found.visits)
    return script_cursor.follow(thread.script, found, conversation, context)


def pending_calls(values: Values) -> list[dict[str, Any]]:
    """Return the tool calls of the last message."""
    conversation = values.get("messages")
    last = conversation[-1] if conversation else {}
    calls: list[dict[str, Any]] = last.get("tool_calls") or []
    return calls


def _reduced(name: str, reducer: Reducer, old: Any, new: Any) -> Any:
    if reducer == "append":
        return [*(old or ()), *(new if isinstance(new, list) else [new])]
    if reducer == "merge":
        if not isinstance(new, dict):
            raise ValueError(f"The channel `{name}` merges objects, so it cannot accept {as_json(new)}.")
        return {**(old or {}), **new}
    return new


def _context(run: Run) -> TurnContext:
    assistant = run.assistant
    return TurnContext((assistant.assistant_id, assistant.graph_id, assistant.name), run.thread.metadata)


def probe_of(configurable: dict[str, Any]) -> Probe | None:
    """Return the probe of a run, None for a run without one. Raises `ProbeConfigError`."""
    try:
        return read_probe(configurable)
    except msgspec.ValidationError as error:
        raise ProbeConfigError(f"configurable.probe: {error}") from error
