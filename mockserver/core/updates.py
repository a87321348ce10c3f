"""Writes to the state: parsing a client's input, and appending the checkpoint that results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from doubletext import __version__
from mockserver.core import messages
from mockserver.core.checkpoints import START, Checkpoint, History, Mark, Source, Values
from mockserver.core.json_text import as_json
from mockserver.core.records import Run, Thread
from mockserver.core.script_cursor import Cursor
from mockserver.script.states import State
from mockserver.script.tasks import node_of, path_of, triggers_of
from mockserver.script.types import STEPS

SERVER_METADATA: Final[dict[str, Any]] = {
    # Constant at every start and on every machine, so that recorded states can be compared byte by byte.
    "run_attempt": 1,
    "langgraph_version": __version__,
    "langgraph_api_version": __version__,
    "langgraph_plan": "mock",
    "langgraph_host": "doubletext-mockserver",
    "langgraph_api_url": "http://doubletext-mockserver",
}
"""The server's description of itself in the metadata of runs and checkpoints."""


class ChildGraph(Struct, frozen=True):
    """A child graph that `node` plays. Its writes go to `history`, the history of its namespace.

    `parent` is the checkpoint at which the node is next, in the graph with the namespace `outer`.
    """

    node: str
    history: History
    namespace: str
    parent: Checkpoint
    outer: str

    @property
    def metadata(self) -> dict[str, Any]:
        """Return the metadata that links its checkpoints to those of the graphs around it."""
        parents = {**self.parent.metadata["parents"], self.outer: self.parent.checkpoint_id}
        return {
            "parents": parents,
            "checkpoint_map": parents,
            # The outermost child graph, as LangGraph shows it. The whole namespace is below.
            "checkpoint_ns": self.namespace.partition("|")[0],
            "langgraph_step": self.parent.step + 1,
            "langgraph_node": node_of(self.node),
            "langgraph_triggers": triggers_of(self.node),
            "langgraph_path": path_of(self.node),
            # That of the task, which may have run other child graphs before this one.
            "langgraph_checkpoint_ns": self.parent.namespace(self.node, self.outer),
        }


def child_of(graph: History | ChildGraph, node: str, current: Checkpoint, number: int) -> ChildGraph:
    """Return the child graph number `number` of a task, which is next at `current`, in a graph or its history.

    As in LangGraph, the first one has the namespace of the task, and the others add their number to it.
    """
    history, outer = (graph, "") if isinstance(graph, History) else (graph.history, graph.namespace)
    own, namespace = history.child(current.namespace(node)), current.namespace(node, outer)
    if number:
        own, namespace = own.child(str(number)), f"{namespace}|{number}"
    return ChildGraph(node, own, namespace, current, outer)


class EditedChild(Struct, frozen=True):
    """A child graph whose state a client writes, on top of a checkpoint of its own."""

    history: History
    namespace: str
    base: Checkpoint

    @property
    def metadata(self) -> dict[str, Any]:
        """Return the metadata that links the new checkpoint to those of the graphs around it."""
        return {"parents": self.base.metadata["parents"], "checkpoint_ns": self.namespace}


class InvalidUpdateError(Exception):
    """An input or a write that the state cannot accept."""


def read_write(raw: Any, new_id: Callable[[], str], state: State) -> Values:
    """Parse a write to the state of a graph. Raises `InvalidUpdateError` and ValueError."""
    if not isinstance(raw, dict):
        raise InvalidUpdateError(f"Expected an object with channels of the state, got {as_json(raw)}.")
    write: Values = {name: raw[name] for name in state.reducers if name in raw}
    if state.messages and raw.get("messages") is not None:
        write["messages"] = messages.coerce_all(raw["messages"], new_id)
    # The one channel whose type is known. A null is no write to it.
    steps = write.pop(STEPS, None) if state.built_in else None
    if steps is not None:
        if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
            raise InvalidUpdateError(f"Expected a list of strings for `steps`, got {as_json(steps)}.")
        write[STEPS] = steps
    return write


def append_checkpoint(
    thread: Thread,
    parent: Checkpoint | None,
    *,
    values: Values,
    following: tuple[str, ...],
    source: Source,
    node: str,
    run: Run | None = None,
    about: Mapping[str, Any] | None = None,
    child: ChildGraph | EditedChild | None = None,
    cursor: Cursor | None = None,
    beside: bool = False,
    played: tuple[str, ...] = (),
) -> Checkpoint:
    """Append a checkpoint to a thread: `node` wrote `values`, and `following` run next.

    With `beside` it has the same parent as `parent`, because it is a copy of it. `run` is the run that wrote it, and
    `about` is its `run_metadata`, if that is known already. With `child` it goes to the history of the child graph.
    `cursor` is the position in the script from there on. `played` are the nodes of the superstep. It is empty for an
    update by a client, an input, or tasks that were sent.
    """
    moment = thread.timeline.moment()
    step = -1 if parent is None else parent.step + 1
    # LangGraph counts an input as step -1 and the first superstep as 0.
    # A thread that begins with a manual update has no input step.
    if parent is None and source != "input":
        step = 0
    checkpoint = Checkpoint(
        checkpoint_id=thread.ids.uuid6(moment, step),
        parent_id=None if parent is None else parent.parent_id if beside else parent.checkpoint_id,
        run_id=None if run is None else run.run_id,
        values=values,
        next=following,
        step=step,
        source=source,
        written_by=node_of(node),
        created_at=moment,
        metadata={
            **(_about(thread, run) if about is None else about),
            "thread_id": thread.thread_id,
            "source": source,
            "step": step,
            **({"parents": {}} if child is None else child.metadata),
        },
        # Drawn after the checkpoint id: the order of calls to `ids` is part of what a seed determines.
        task_ids=tuple([thread.ids.uuid4() for _ in following]),
        cursor=cursor,
        played=played or (() if parent is None else parent.played),
    )
    (thread.history if child is None else child.history).append(checkpoint)
    return checkpoint


def append_input(thread: Thread, base: Checkpoint | None, values: Values, raw: Values | None) -> Checkpoint:
    """Append an input that the graph has not taken yet, on top of `values`. Raises `InvalidUpdateError`."""
    if not raw:
        raise InvalidUpdateError("Received no input writes for __start__.")
    received = append_checkpoint(thread, base, values=values, following=(START,), source="input", node=START)
    thread.history.mark(received.checkpoint_id, Mark("", "input", raw))
    return received


def _about(thread: Thread, run: Run | None) -> dict[str, Any]:
    return {"graph_id": thread.graph_id} if run is None else run_metadata(run)


def run_metadata(run: Run) -> dict[str, Any]:
    """Return what a checkpoint records about the run that wrote it, including the run's configuration."""
    asked = run.request.requested_checkpoint
    return {
        **(run.request.config.configurable or run.request.context),
        **({} if asked is None else {"checkpoint_id": asked}),
        **{name: run.configurable[name] for name in ("user_id", "langgraph_auth_user_id", "langgraph_request_id")},
        **run.metadata,
        **SERVER_METADATA,
        "run_id": run.run_id,
    }
