"""The stream of a run, in the stream modes that its request names.

The execution of a run calls a method for each step. Here each call becomes events of the modes `values`, `updates`,
`messages`, `tasks`, `checkpoints`, `debug` and `events`, with the data that the official clients expect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mockserver.agent.agent import NodeOutput
from mockserver.agent.graph import runs_child
from mockserver.core.checkpoints import Checkpoint, Values
from mockserver.core.clock import iso, milliseconds
from mockserver.core.records import Run
from mockserver.core.updates import SERVER_METADATA
from mockserver.script.tasks import node_of, path_of, triggers_of
from mockserver.views.model_events import ModelEvents

Shown = dict[str, Any]


def shown_interrupts(questions: Iterable[Mapping[str, Any]]) -> list[Shown]:
    """Return interrupts as streams and results show them."""
    return [{"value": question["value"], "id": question["id"], "response_schema": None} for question in questions]


class RunStream:
    """The stream of one execution of a run. It emits nothing once `may_emit` returns False."""

    def __init__(self, run: Run, may_emit: Callable[[], bool]) -> None:
        self._run = run
        self._thread = run.thread
        self._modes = run.request.modes
        self._may_emit = may_emit
        self._announced: set[str] = set()
        # Computed once: building the payloads of these modes is expensive, and few clients want them.
        self._emits_tasks = not {"tasks", "debug"}.isdisjoint(self._modes)
        self._emits_checkpoints = not {"checkpoints", "debug"}.isdisjoint(self._modes)
        self._events = ModelEvents(run, self.emit) if "events" in self._modes else None

    def starts(self, attempt: int) -> None:
        """Emit the start of the run."""
        # Clients learn the run id from this event, so it is first and belongs to every mode.
        self.emit("metadata", None, {"run_id": self._run.run_id, "attempt": attempt})
        if self._events is not None:
            self._events.run_started()

    def ends(self, values: Values) -> None:
        """Emit the end of the run."""
        # Only `events` has an end. In all other modes the end of the stream is the end of the run.
        if self._events is not None:
            self._events.run_ended(values)

    def values(self, values: Values, namespace: str) -> None:
        """Emit the current state."""
        self.emit("values", "values", values, namespace)

    def checkpoint(self, checkpoint: Checkpoint, namespace: str = "", *, stored: bool = False) -> None:
        """Emit a new checkpoint, or with `stored` the one from which the run continues."""
        if not self._emits_checkpoints:
            return
        payload = self._checkpoint(checkpoint, namespace, stored=stored)
        self.emit("checkpoints", "checkpoints", payload, namespace)
        parent = checkpoint.parent_id
        more = {
            "checkpoint": self._reference(checkpoint, checkpoint.checkpoint_id, namespace),
            "parent_checkpoint": None if parent is None else self._reference(checkpoint, parent, namespace),
        }
        self._debug("checkpoint", checkpoint.step, payload | more, namespace)

    def task_starts(
        self, node: str, current: Checkpoint, namespace: str, *, calls: Sequence[Any] = (), kept: bool = False
    ) -> None:
        """Emit the start of a node. `kept`: the node has finished in an earlier run, and does not run again.

        `calls` are the tool calls that a node was sent as its input.
        """
        if self._events is not None and not kept:
            self._events.node_started(node, current, self.metadata(node, current, namespace), namespace)
        if not self._emits_tasks:
            return
        task = {
            "id": current.task_id(node),
            "name": node_of(node),
            "input": list(calls) or current.values,
            "triggers": triggers_of(node),
            "metadata": {**self._run.metadata, **SERVER_METADATA, "run_id": self._run.run_id},
        }
        self.emit("tasks", "tasks", task, namespace)
        self._debug("task", current.step + 1, task, namespace)

    def wrote(self, node: str, current: Checkpoint, write: Values, namespace: str) -> None:
        """Emit the end of a node and its write to the state."""
        # A node that writes nothing has returned None.
        self.emit("updates", "updates", {node_of(node): write or None}, namespace)
        self._task_ends(node, current, namespace, result=write)
        if self._events is not None:
            self._events.node_ended(node, current, write or None, self.metadata(node, current, namespace), namespace)

    def kept(self, node: str, write: Values, namespace: str) -> None:
        """Emit the write of a node that has finished in an earlier run."""
        self.emit("updates", "updates", {node_of(node): write or None, "__metadata__": {"cached": True}}, namespace)

    def failed(self, node: str, current: Checkpoint, error: Exception, namespace: str) -> None:
        """Emit the failure of a node."""
        shown = {"error": type(error).__name__, "message": str(error)}
        self._task_ends(node, current, namespace, error=shown)

    def interrupted(self, node: str, current: Checkpoint, shown: list[Shown], namespace: str) -> None:
        """Emit the interrupts with which a node waits for a human, in the form of `shown_interrupts`."""
        self.emit("updates", "updates", {"__interrupt__": shown}, namespace)
        self.values({**current.values, "__interrupt__": shown}, namespace)
        self._task_ends(node, current, namespace, interrupts=shown)

    def breakpoint(self) -> None:
        """Emit the pause at a node of `interrupt_before` or `interrupt_after`."""
        # Without an interrupt in the list, because a breakpoint asks nothing.
        self.emit("updates", "updates", {"__interrupt__": []})

    def child_starts(self, node: str, current: Checkpoint, values: Values, namespace: str) -> None:
        """Emit the start of the child graph of a node in the graph `namespace`. It begins with `values`."""
        # Only `events` has it. The other modes show a child graph by the namespace of its events.
        if self._events is not None:
            self._events.child_started(node, current, values, self.metadata(node, current, namespace), namespace)

    def child_ends(self, node: str, current: Checkpoint, values: Values, namespace: str) -> None:
        """Emit the end of the child graph of a node in the graph `namespace`."""
        if self._events is not None:
            self._events.child_ended(node, current, values, self.metadata(node, current, namespace), namespace)

    def custom(self, data: Any, namespace: str) -> None:
        """Emit the data of a node's own event."""
        self.emit("custom", "custom", data, namespace)

    @property
    def wants_messages(self) -> bool:
        """True if the request names a mode that shows the pieces of messages."""
        return self._events is not None or "messages" in self._modes or "messages-tuple" in self._modes

    def message(self, node: str, current: Checkpoint, emitted: NodeOutput, namespace: str) -> None:
        """Emit a piece of a message, or a whole message."""
        if self._shows_message(emitted, namespace):
            self._message(node, current, emitted, namespace)
        if self._events is not None and emitted.by_model:
            metadata = self.metadata(node, current, namespace, emitted)
            self._events.model_output(node, current, emitted, metadata, namespace)

    def _shows_message(self, emitted: NodeOutput, namespace: str) -> bool:
        """Return whether the stream shows a message: those of a child graph as they come, or at its end."""
        inside = self._run.request.stream_subgraphs
        return inside != emitted.of_child if namespace else not (inside and emitted.of_child)

    def _message(self, node: str, current: Checkpoint, emitted: NodeOutput, namespace: str) -> None:
        message_id = emitted.message["id"]
        # `messages-tuple` takes precedence, so that a request with both modes receives each piece once.
        if "messages-tuple" in self._modes:
            metadata = self.metadata(node, current, namespace, emitted)
            self.emit("messages", "messages-tuple", [emitted.piece, metadata], namespace)
        elif "messages" in self._modes:
            # Without the namespace in the names: the official server has it in the metadata alone.
            if message_id not in self._announced:
                self._announced.add(message_id)
                metadata = self.metadata(node, current, namespace, emitted)
                self.emit("messages/metadata", "messages", {message_id: {"metadata": metadata}})
            self.emit("messages/partial" if emitted.by_model else "messages/complete", "messages", [emitted.so_far])

    def metadata(self, node: str, current: Checkpoint, namespace: str = "", emitted: NodeOutput | None = None) -> Shown:
        """Return the metadata of a node and, with `emitted`, of a message of it or of the model that it calls."""
        by_model = emitted is not None and emitted.by_model
        own = current.namespace(node, namespace)
        metadata = {
            **self._run.metadata,
            **SERVER_METADATA,
            "thread_id": self._thread.thread_id,
            "run_id": self._run.run_id,
            "ls_integration": "langchain_chat_model" if by_model else "langgraph",
            "langgraph_step": current.step + 1,
            "langgraph_node": node_of(node),
            "langgraph_triggers": triggers_of(node),
            "langgraph_path": path_of(node),
            "langgraph_checkpoint_ns": own,
        }
        if namespace:
            metadata["checkpoint_ns"] = namespace.partition("|")[0]
        elif emitted is not None and (by_model or emitted.of_child):
            metadata["checkpoint_ns"] = own
        if by_model:
            metadata |= {"ls_provider": "doubletext", "ls_model_type": "chat"}
        return metadata

    def emit(self, name: str, mode: str | None, data: Any, namespace: str = "") -> None:
        """Append an event to the stream if the request names its mode. A mode of None belongs to every request."""
        # Events of child graphs are sent only on request. Their names end with the namespace, as in `values|tools:…`.
        if namespace:
            if not self._run.request.stream_subgraphs:
                return
            name = f"{name}|{namespace}"
        if (mode is None or mode in self._modes) and self._may_emit():
            self._run.log.append(name, mode, data, at=milliseconds(self._thread.timeline.now))

    def _task_ends(self, node: str, current: Checkpoint, namespace: str, **more: Any) -> None:
        if not self._emits_tasks:
            return
        # A field that does not apply is null or empty and never absent, so that clients can read all of them.
        ended = {
            "id": current.task_id(node),
            "name": node_of(node),
            "error": None,
            "result": {},
            "interrupts": [],
            **more,
        }
        self.emit("tasks", "tasks", ended, namespace)
        self._debug("task_result", current.step + 1, ended, namespace)

    def _debug(self, kind: str, step: int, payload: Shown, namespace: str) -> None:
        moment = iso(self._thread.timeline.now)
        self.emit("debug", "debug", {"step": step, "timestamp": moment, "type": kind, "payload": payload}, namespace)

    def _checkpoint(self, checkpoint: Checkpoint, namespace: str, *, stored: bool) -> Shown:
        history = self._thread.history.find(namespace)
        interrupts = {node: history.last_mark(checkpoint.checkpoint_id, "interrupt", node) for node in checkpoint.next}
        parent, about = checkpoint.parent_id, checkpoint.metadata
        return {
            "config": self._config(checkpoint, checkpoint.checkpoint_id, namespace),
            "parent_config": None if parent is None else self._config(checkpoint, parent, namespace, bare=stored),
            "values": history.values(checkpoint),
            "metadata": about if stored else {name: about[name] for name in ("source", "step", "parents")},
            "next": tuple(node_of(task) for task in checkpoint.next),
            "tasks": [
                {
                    "id": checkpoint.task_id(node),
                    "name": node_of(node),
                    "interrupts": shown_interrupts(interrupts[node] or ()),
                    "state": self._child(checkpoint, node, namespace),
                }
                for node in checkpoint.next
            ],
        }

    def _child(self, checkpoint: Checkpoint, node: str, namespace: str) -> Shown | None:
        """Return the reference to the child graph of a node, None for a node without one."""
        if not runs_child(self._run.script, node, namespace):
            return None
        inside = checkpoint.namespace(node, namespace)
        return {"configurable": {"thread_id": self._thread.thread_id, "checkpoint_ns": inside}}

    def _config(self, checkpoint: Checkpoint, checkpoint_id: str, namespace: str, *, bare: bool = False) -> Shown:
        reference = self._reference(checkpoint, checkpoint_id, namespace)
        return {"configurable": reference if bare else {**self._run.configurable, **reference}}

    def _reference(self, checkpoint: Checkpoint, checkpoint_id: str, namespace: str) -> Shown:
        """Return the reference to a checkpoint. In a child graph it includes the checkpoints of its parents."""
        parents = checkpoint.metadata["parents"]
        path = {"checkpoint_map": {**parents, namespace: checkpoint_id}} if namespace else {}
        named = {"checkpoint_id": checkpoint_id, "thread_id": self._thread.thread_id, "checkpoint_ns": namespace}
        return named | path
