"""Updates of the state by a client: one checkpoint for the writes of one superstep.

Several writes of a superstep are applied in their order, each as if a node had made it. A channel that replaces its
value takes one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from mockserver.agent import graph
from mockserver.core.checkpoints import COPY, END, INPUT, START, Checkpoint, History, Mark, Values
from mockserver.core.records import Thread
from mockserver.core.script_cursor import Cursor
from mockserver.core.updates import EditedChild, InvalidUpdateError, append_checkpoint, append_input, read_write
from mockserver.script.states import State, state_of
from mockserver.script.tasks import nodes_pulled
from mockserver.script.types import Script


class ManualWrite(Struct, frozen=True):
    """Values that a client writes as if `node` had written them. None is the node that ran last."""

    values: Mapping[str, Any] | None
    node: str | None


def write_superstep(
    thread: Thread, base: Checkpoint | None, writes: Sequence[ManualWrite], namespace: str = ""
) -> Checkpoint:
    """Append the checkpoint of a superstep of a client, on top of `base`.

    `namespace` is that of the child graph whose checkpoint `base` is, if it is one.
    Raises `InvalidUpdateError` and the errors of `read_write` and `graph.apply_write`.
    """
    script, state, history = thread.script, state_of(thread.script, namespace), thread.history.find(namespace)
    _check_nodes(writes, script, namespace)
    if writes[0].node == COPY:
        return _copy(thread, base)
    before = graph.known_values(state, {} if base is None else history.values(base))
    if writes[0].node == END and base is not None:
        # As in LangGraph, nodes that have finished beside those that are dropped have written.
        for finished in history.pending_writes(history.with_extras(base)).values():
            before = graph.apply_write(before, finished, state)
    values = _applied(before, writes, thread, state)
    if writes[0].node == INPUT:
        # Not `values`: the graph has not taken the input yet.
        return append_input(thread, base, before, dict(writes[0].values or {}))
    nodes = [write.node or _last_played(base) for write in writes]
    cursor = _cursor(thread, base, nodes, (before, values), namespace)
    written = append_checkpoint(
        thread,
        base,
        values=values,
        following=graph.nodes_at(script, cursor, {}),
        source="update",
        node=nodes[-1],
        child=None if base is None or not namespace else EditedChild(history, namespace, base),
        cursor=cursor,
        # As in LangGraph, the end of a thread counts as if the tasks that it drops had run.
        played=nodes_pulled(base.next) if base is not None and nodes == [END] else (),
    )
    _mark_results(history, base, nodes, writes)
    return written


def _check_nodes(writes: Sequence[ManualWrite], script: Script, namespace: str) -> None:
    known = (graph.child_nodes(script, namespace) or ()) if namespace else graph.nodes(script)
    for write in writes:
        if write.node == INPUT and not namespace and len(writes) > 1:
            raise InvalidUpdateError(f"Expected no other update beside one as `{INPUT}`, got {len(writes)} updates.")
        alone = () if len(writes) > 1 else (COPY, INPUT)[: 0 if namespace else 2]
        # The end has no values of its own. It only drops what would run next.
        ends = (END,) if len(writes) == 1 and write.values is None else ()
        if write.node is not None and write.node not in (*known, START, *alone, *ends):
            raise InvalidUpdateError(f"Node {write.node} does not exist")


def _applied(values: Values, writes: Sequence[ManualWrite], thread: Thread, state: State) -> Values:
    written: set[str] = set()
    for write in writes:
        parsed = read_write(dict(write.values or {}), thread.ids.uuid4, state)
        twice = [name for name in parsed if name in written and state.reducers.get(name) == "replace"]
        if twice:
            raise InvalidUpdateError(f"At key '{twice[0]}': Can receive only one value per step.")
        written |= set(parsed)
        values = graph.apply_write(values, parsed, state)
    return values


def _last_played(base: Checkpoint | None) -> str:
    """Return the node that ran last before a checkpoint. Raises `InvalidUpdateError` if it is one of several."""
    played = (START,) if base is None or not base.played else base.played
    if len(played) > 1:
        raise InvalidUpdateError(
            f"Ambiguous update, specify as_node: {', '.join(played)} ran last, in the same superstep."
        )
    return played[0]


def _cursor(
    thread: Thread, base: Checkpoint | None, nodes: Sequence[str], values: tuple[Values, Values], namespace: str
) -> Cursor:
    """Return the cursor after writes in the role of `nodes`: behind the first of them that a step follows.

    `values` are those before and after the writes.
    """
    if nodes == [END]:
        # With its steps, so that a later write in the role of one of their nodes finds what follows it.
        known = (base.cursor if base is not None else None) or Cursor()
        return replace(known, index=len(known.steps))
    reached = [
        graph.cursor_after_child_write(base, node)
        if base is not None and namespace
        else graph.cursor_after_manual_write(thread, base, node, *values)
        for node in nodes
    ]
    return next((cursor for cursor in reached if cursor.step is not None), reached[-1])


def _mark_results(
    history: History, base: Checkpoint | None, nodes: Sequence[str], writes: Sequence[ManualWrite]
) -> None:
    """Record what was written in the place of a task as its result, as sent."""
    for node, write in zip(nodes, writes, strict=True):
        if base is not None and node in base.next:
            history.mark(base.checkpoint_id, Mark("", "result", write.values, node))


def _copy(thread: Thread, base: Checkpoint | None) -> Checkpoint:
    """Append a copy of a checkpoint, at which nothing has run yet. Raises `InvalidUpdateError`."""
    if base is None:
        raise InvalidUpdateError("The thread has no checkpoint to copy. Create a run first.")
    return append_checkpoint(
        thread,
        base,
        values=thread.history.values(base),
        following=base.next,
        source="fork",
        node=base.written_by,
        cursor=base.cursor,
        beside=True,
    )
