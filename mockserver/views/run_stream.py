"""What a run does, told in the stream modes that its request names.

The execution of a run says what happens; here it becomes `values`, `updates`, `messages`, `tasks`, `checkpoints`,
`debug` and `events`, each with the data that clients of that mode expect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mockserver.agent.agent import Said
from mockserver.core.checkpoints import Checkpoint, Values
from mockserver.core.clock import iso, milliseconds
from mockserver.core.records import Run
from mockserver.core.updates import SERVER_METADATA
from mockserver.views.model_events import ModelEvents

Shown = dict[str, Any]


class RunStream:
    """The stream of one execution of a run, for as long as it may emit."""

    def __init__(self, run: Run, may_emit: Callable[[], bool]) -> None:
        self._run = run
        self._thread = run.thread
        self._modes = run.request.modes
        self._may_emit = may_emit
        self._announced: set[str] = set()
        self._emits_tasks = not {"tasks", "debug"}.isdisjoint(self._modes)
        self._emits_checkpoints = not {"checkpoints", "debug"}.isdisjoint(self._modes)
        self._events = ModelEvents(run, self.emit) if "events" in self._modes else None

    def begins(self, attempt: int) -> None:
        """The run begins."""
        self.emit("metadata", None, {"run_id": self._run.run_id, "attempt": attempt})
        if self._events is not None:
            self._events.run_begins()

    def ends(self, values: Values) -> None:
        """The run has come to its end."""
        if self._events is not None:
            self._events.run_ends(values)

    def values(self, values: Values, namespace: str) -> None:
        """The state is as it is now."""
        self.emit("values", "values", values, namespace)

    def checkpoint(self, checkpoint: Checkpoint, namespace: str = "") -> None:
        """A checkpoint was written, or is the one that the run goes on from."""
        if not self._emits_checkpoints:
            return
        payload = self._checkpoint(checkpoint, namespace)
        self.emit("checkpoints", "checkpoints", payload, namespace)
        parent = checkpoint.parent_id
        more = {
            "checkpoint": self._reference(checkpoint, checkpoint.checkpoint_id, namespace),
            "parent_checkpoint": None if parent is None else self._reference(checkpoint, parent, namespace),
        }
        self._debug("checkpoint", checkpoint.step, payload | more, namespace)

    def task_starts(self, node: str, current: Checkpoint, namespace: str) -> None:
        """A node begins its work."""
        if self._events is not None:
            self._events.node_begins(node, current, self.metadata(node, current))
        if not self._emits_tasks:
            return
        task = {
            "id": current.task_id(node),
            "name": node,
            "input": current.values,
            "triggers": [f"branch:to:{node}"],
            "metadata": {**self._run.metadata, **SERVER_METADATA, "run_id": self._run.run_id},
        }
        self.emit("tasks", "tasks", task, namespace)
        self._debug("task", current.step + 1, task, namespace)

    def wrote(self, node: str, current: Checkpoint, write: Values, namespace: str) -> None:
        """A node has come to its end, and writes to the state."""
        self.emit("updates", "updates", {node: write}, namespace)
        self._task_ends(node, current, namespace, result=write)
        if self._events is not None:
            self._events.node_ends(node, current, write, self.metadata(node, current))

    def failed(self, node: str, current: Checkpoint, error: Exception, namespace: str) -> None:
        """A node failed."""
        told = {"error": type(error).__name__, "message": str(error)}
        self._task_ends(node, current, namespace, error=told)

    def asks(self, node: str, current: Checkpoint, question: Mapping[str, Any], namespace: str) -> None:
        """A node asks a human."""
        shown = {"value": question["value"], "id": question["id"], "response_schema": None}
        self.emit("updates", "updates", {"__interrupt__": [shown]}, namespace)
        self.values({**current.values, "__interrupt__": [shown]}, namespace)
        self._task_ends(node, current, namespace, interrupts=[shown])

    def breaks(self) -> None:
        """The run waits where the request asked it to."""
        self.emit("updates", "updates", {"__interrupt__": []})

    def custom(self, data: Any) -> None:
        """A node says something of its own."""
        self.emit("custom", "custom", data)

    @property
    def is_heard(self) -> bool:
        """Whether the client asked for the pieces of messages."""
        return self._events is not None or "messages" in self._modes or "messages-tuple" in self._modes

    def says(self, node: str, current: Checkpoint, said: Said) -> None:
        """A node says something: into the stream of tokens or, for those who asked only for that, of messages."""
        if "messages-tuple" in self._modes:
            metadata = self.metadata(node, current, by_model=said.by_model)
            self.emit("messages", "messages-tuple", [said.piece, metadata])
        elif "messages" in self._modes:
            message_id = said.message["id"]
            if message_id not in self._announced:
                self._announced.add(message_id)
                metadata = self.metadata(node, current, by_model=said.by_model)
                self.emit("messages/metadata", "messages", {message_id: {"metadata": metadata}})
            self.emit("messages/partial" if said.by_model else "messages/complete", "messages", [said.so_far])
        if self._events is not None and said.by_model:
            self._events.model_says(node, current, said, self.metadata(node, current, by_model=True))

    def metadata(self, node: str, current: Checkpoint, *, by_model: bool = False) -> Shown:
        """What is told of a node at work, and of the model that it asks."""
        namespace = current.namespace(node)
        metadata = {
            **self._run.metadata,
            **SERVER_METADATA,
            "thread_id": self._thread.thread_id,
            "run_id": self._run.run_id,
            "ls_integration": "langchain_chat_model" if by_model else "langgraph",
            "langgraph_step": current.step + 1,
            "langgraph_node": node,
            "langgraph_triggers": [f"branch:to:{node}"],
            "langgraph_path": ["__pregel_pull", node],
            "langgraph_checkpoint_ns": namespace,
        }
        if by_model:
            metadata |= {"checkpoint_ns": namespace, "ls_provider": "doubletext", "ls_model_type": "chat"}
        return metadata

    def emit(self, name: str, mode: str | None, data: Any, namespace: str = "") -> None:
        """Put an event into the stream; one of a child graph only if the request asked for those."""
        if namespace:
            if not self._run.request.stream_subgraphs:
                return
            name = f"{name}|{namespace}"
        if (mode is None or mode in self._modes) and self._may_emit():
            self._run.log.append(name, mode, data, at=milliseconds(self._thread.timeline.now))

    def _task_ends(self, node: str, current: Checkpoint, namespace: str, **more: Any) -> None:
        if not self._emits_tasks:
            return
        ended = {"id": current.task_id(node), "name": node, "error": None, "result": {}, "interrupts": [], **more}
        self.emit("tasks", "tasks", ended, namespace)
        self._debug("task_result", current.step + 1, ended, namespace)

    def _debug(self, kind: str, step: int, payload: Shown, namespace: str) -> None:
        moment = iso(self._thread.timeline.now)
        self.emit("debug", "debug", {"step": step, "timestamp": moment, "type": kind, "payload": payload}, namespace)

    def _checkpoint(self, checkpoint: Checkpoint, namespace: str) -> Shown:
        history = self._thread.history.children[namespace] if namespace else self._thread.history
        asked = {node: history.last_mark(checkpoint.checkpoint_id, "interrupt", node) for node in checkpoint.next}
        parent = checkpoint.parent_id
        return {
            "config": self._config(checkpoint, checkpoint.checkpoint_id, namespace),
            "parent_config": None if parent is None else self._config(checkpoint, parent, namespace),
            "values": history.values(checkpoint),
            "metadata": {name: checkpoint.metadata[name] for name in ("source", "step", "parents")},
            "next": checkpoint.next,
            "tasks": [
                {
                    "id": checkpoint.task_id(node),
                    "name": node,
                    "interrupts": [] if asked[node] is None else [asked[node]],
                    "state": None,
                }
                for node in checkpoint.next
            ],
        }

    def _config(self, checkpoint: Checkpoint, checkpoint_id: str, namespace: str) -> Shown:
        reference = self._reference(checkpoint, checkpoint_id, namespace)
        return {"configurable": {**self._run.configurable, **reference}}

    def _reference(self, checkpoint: Checkpoint, checkpoint_id: str, namespace: str) -> Shown:
        """The name of a checkpoint; one of a child graph says on which of its parent's it stands."""
        above = checkpoint.metadata["parents"]
        lies = {"checkpoint_map": {**above, namespace: checkpoint_id}} if namespace else {}
        named = {"checkpoint_id": checkpoint_id, "thread_id": self._thread.thread_id, "checkpoint_ns": namespace}
        return named | lies
