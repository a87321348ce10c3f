"""The `events` stream mode: a run, its nodes and its model, each told when it begins, speaks and ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mockserver.agent.agent import Said
from mockserver.core.checkpoints import Checkpoint, Values
from mockserver.core.records import Run
from mockserver.core.updates import SERVER_METADATA

MODEL: Final = "ScriptedModel"


class ModelEvents:
    """Tells one run in events; the ids of what they are about come from a source of their own."""

    def __init__(self, run: Run, emit: Callable[[str, str | None, Any], None]) -> None:
        self._run = run
        self._emit = emit
        self._ids = run.ids.scoped("events")
        self._nodes: dict[str, str] = {}
        """The ids of the nodes at work, by task."""
        self._models: dict[str, str] = {}
        """The ids of the answers that the model gives, by message."""

    def run_begins(self) -> None:
        """The graph begins."""
        self._emit_run("on_chain_start", {"input": self._run.request.given_input})

    def run_ends(self, values: Values) -> None:
        """The graph has come to its end."""
        self._emit_run("on_chain_end", {"output": values})

    def node_begins(self, node: str, current: Checkpoint, metadata: dict[str, Any]) -> None:
        """A node begins."""
        self._nodes[current.task_id(node)] = self._ids.uuid4()
        self._emit_node("on_chain_start", node, current, {"input": current.values}, metadata)

    def node_ends(self, node: str, current: Checkpoint, write: Values, metadata: dict[str, Any]) -> None:
        """A node has come to its end."""
        self._emit_node("on_chain_stream", node, current, {"chunk": write}, metadata)
        self._emit_node("on_chain_end", node, current, {"output": write, "input": current.values}, metadata)

    def model_says(self, node: str, current: Checkpoint, said: Said, metadata: dict[str, Any]) -> None:
        """The model says a piece of its answer, maybe the first or the last."""
        asked = {"messages": [current.values.get("messages", [])]}
        message_id = said.message["id"]
        if message_id not in self._models:
            self._models[message_id] = self._ids.uuid4()
            self._emit_model("on_chat_model_start", node, current, message_id, {"input": asked}, metadata)
        self._emit_model("on_chat_model_stream", node, current, message_id, {"chunk": said.piece}, metadata)
        if said.last:
            ended = {"output": said.message, "input": asked}
            self._emit_model("on_chat_model_end", node, current, message_id, ended, metadata)

    def _emit_run(self, event: str, data: dict[str, Any]) -> None:
        about = {"run_id": self._run.run_id, "thread_id": self._run.thread.thread_id, "ls_integration": "langgraph"}
        metadata = {**self._run.metadata, **SERVER_METADATA, **about}
        self._emit_event(event, self._run.assistant.graph_id, self._run.run_id, [], data, metadata, [])

    def _emit_node(
        self, event: str, node: str, current: Checkpoint, data: dict[str, Any], metadata: dict[str, Any]
    ) -> None:
        own = self._nodes[current.task_id(node)]
        self._emit_event(event, node, own, [f"graph:step:{current.step + 1}"], data, metadata, [self._run.run_id])

    def _emit_model(
        self,
        event: str,
        node: str,
        current: Checkpoint,
        message_id: str,
        data: dict[str, Any],
        metadata: dict[str, Any],
    ) -> None:
        parents = [self._run.run_id, self._nodes[current.task_id(node)]]
        self._emit_event(event, MODEL, self._models[message_id], ["seq:step:1"], data, metadata, parents)

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
