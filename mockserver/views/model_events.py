"""The `events` stream mode: events at the start, at each output and at the end of a run, its nodes and its model.

The names and the shape of the events are those of langchain's `astream_events`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mockserver.agent.agent import NodeOutput
from mockserver.core.checkpoints import Checkpoint, Values, of_task
from mockserver.core.records import Run
from mockserver.core.updates import SERVER_METADATA
from mockserver.script.tasks import node_of

MODEL: Final = "ScriptedModel"


class ModelEvents:
    """The event stream of one run."""

    def __init__(self, run: Run, emit: Callable[[str, str | None, Any], None]) -> None:
        self._run = run
        self._emit = emit
        # A separate source of ids: whether a client streams events must not change the ids of messages.
        self._ids = run.ids.scoped("events")
        self._nodes: dict[str, str] = {}
        """The event ids of the active nodes, by task id."""
        self._models: dict[str, str] = {}
        """The event ids of the model's answers, by message id."""
        self._children: dict[str, list[str]] = {}
        """The event ids of a child graph and of everything around it, outermost first, by namespace."""

    def run_started(self) -> None:
        """Emit the start of the graph."""
        self._emit_run("on_chain_start", {"input": self._run.request.given_input})

    def run_ended(self, values: Values) -> None:
        """Emit the end of the graph."""
        self._emit_run("on_chain_end", {"output": values})

    def node_started(self, node: str, current: Checkpoint, metadata: dict[str, Any], namespace: str) -> None:
        """Emit the start of a node."""
        self._nodes[current.task_id(node)] = self._ids.uuid4()
        self._emit_node("on_chain_start", node, current, {"input": current.values}, metadata, namespace)

    def node_ended(
        self, node: str, current: Checkpoint, write: Values | None, metadata: dict[str, Any], namespace: str
    ) -> None:
        """Emit the output and the end of a node."""
        self._emit_node("on_chain_stream", node, current, {"chunk": write}, metadata, namespace)
        self._emit_node("on_chain_end", node, current, {"output": write, "input": current.values}, metadata, namespace)

    def child_started(
        self, node: str, current: Checkpoint, values: Values, metadata: dict[str, Any], namespace: str
    ) -> None:
        """Emit the start of the child graph of a node. The events of its nodes name it among their parents."""
        parents = [*self._parents(namespace), self._nodes[current.task_id(node)]]
        self._children[current.namespace(node, namespace)] = [*parents, self._ids.uuid4()]
        self._emit_child("on_chain_start", node, current, {"input": values}, metadata, namespace)

    def child_ended(
        self, node: str, current: Checkpoint, values: Values, metadata: dict[str, Any], namespace: str
    ) -> None:
        """Emit the end of the child graph of a node."""
        self._emit_child("on_chain_end", node, current, {"output": values}, metadata, namespace)

    def model_output(
        self, node: str, current: Checkpoint, emitted: NodeOutput, metadata: dict[str, Any], namespace: str
    ) -> None:
        """Emit a piece of the model's answer, with the start before the first piece and the end after the last."""
        # A list in a list: the model's interface takes a batch of conversations.
        prompt = {"messages": [current.values.get("messages", [])]}
        message_id = emitted.message["id"]
        parents = [*self._parents(namespace), self._nodes[current.task_id(node)]]

        def emit(event: str, data: dict[str, Any]) -> None:
            self._emit_event(event, MODEL, self._models[message_id], ["seq:step:1"], data, metadata, parents)

        if message_id not in self._models:
            self._models[message_id] = self._ids.uuid4()
            emit("on_chat_model_start", {"input": prompt})
        emit("on_chat_model_stream", {"chunk": emitted.piece})
        if emitted.last:
            emit("on_chat_model_end", {"output": emitted.message, "input": prompt})

    def _parents(self, namespace: str) -> list[str]:
        """Return the event ids of a graph and of everything around it, outermost first."""
        # The child graphs of a task run one after another, so the newest one is that of the task.
        return self._children.get(of_task(namespace), [self._run.run_id])

    def _emit_run(self, event: str, data: dict[str, Any]) -> None:
        about = {"run_id": self._run.run_id, "thread_id": self._run.thread.thread_id, "ls_integration": "langgraph"}
        metadata = {**self._run.metadata, **SERVER_METADATA, **about}
        self._emit_event(event, self._run.assistant.graph_id, self._run.run_id, [], data, metadata, [])

    def _emit_node(
        self,
        event: str,
        node: str,
        current: Checkpoint,
        data: dict[str, Any],
        metadata: dict[str, Any],
        namespace: str,
    ) -> None:
        own, tags = self._nodes[current.task_id(node)], [f"graph:step:{current.step + 1}"]
        self._emit_event(event, node_of(node), own, tags, data, metadata, self._parents(namespace))

    def _emit_child(
        self,
        event: str,
        node: str,
        current: Checkpoint,
        data: dict[str, Any],
        metadata: dict[str, Any],
        namespace: str,
    ) -> None:
        *parents, own = self._children[current.namespace(node, namespace)]
        self._emit_event(event, node_of(node), own, ["seq:step:1"], data, metadata, parents)

    def _emit_event(
        self,
        event: str,
        name: str,
        own_id: str,
        tags: list[str],
        data: dict[str, Any],
        metadata: dict[str, Any],
        parents: list[str],
    ) -> None:
        shown = {"event": event, "data": data, "name": name, "tags": tags, "run_id": own_id}
        self._emit("events", "events", {**shown, "metadata": metadata, "parent_ids": parents})
