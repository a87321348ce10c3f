"""The events of a run in the newer streaming protocol.

The execution of a run calls a method for each step. Here each call becomes events of the channels `lifecycle`,
`values`, `messages` and others. Starts and ends are balanced: whatever has started later completes, fails or is
interrupted, also in a run that is cancelled, so that a client can close what it has opened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from mockserver.agent.agent import NodeOutput
from mockserver.core.checkpoints import Checkpoint, Values
from mockserver.core.clock import milliseconds
from mockserver.core.messages import Message, agent_of, text_of
from mockserver.core.protocol_feed import Feed, FeedEvent, Feeds, GraphNamespace
from mockserver.core.records import Run
from mockserver.script.shapes import OPTIONAL
from mockserver.script.tasks import is_sent, node_of, triggers_of

Ended = Literal["completed", "failed", "interrupted"]

_BETWEEN: Final = "\N{REPLACEMENT CHARACTER}"
"""The official server puts this character between the parts of a namespace in the ids of events."""

_KNOWN_BLOCKS: Final = frozenset(
    ("text", "reasoning", "image", "video", "audio", "file", "tool_call", "server_tool_call")
)
"""The content block types of the protocol. A block of another type is wrapped as `non_standard`."""


def compact(message: Message) -> Message:
    """Return a message in the form of the protocol: without empty fields, and with known content blocks only."""
    shown: Message = {name: message[name] for name in ("type", "content", "id") if name in message}
    shown |= {name: message[name] for name in ("name", "additional_kwargs", "response_metadata") if message.get(name)}
    shown |= {name: message[name] for name in ("tool_calls", "usage_metadata") if message.get(name)}
    if message["type"] == "tool":
        shown |= {name: message.get(name) for name in ("tool_call_id", "status", "artifact")}
    if isinstance(shown["content"], list):
        shown["content"] = [_known(block) for block in shown["content"]]
    return shown


def _whole(message: Message) -> Message:
    """Return the result of a tool as LangChain serializes it: with every field, the empty ones included."""
    known: Message = {name: message.get(name) for name in ("content", "type", "name", "id", "tool_call_id", "artifact")}
    known |= {name: message.get(name) or {} for name in ("additional_kwargs", "response_metadata")}
    return {**known, "status": message.get("status", "success")}


def tree(events: Iterable[FeedEvent]) -> dict[str, Any] | None:
    """Return a run as a tree of its graph and the child graphs with their statuses, or None without events."""
    nodes: dict[GraphNamespace, dict[str, Any]] = {}
    for event in events:
        if event.method == "lifecycle":
            status = {"status": event.data["event"], "graph_name": event.data["graph_name"]}
            known = nodes.setdefault(event.namespace, {"namespace": list(event.namespace)})
            # The first event of a child graph adds it to its parent, which has always started before.
            if not known.keys() & {"status"} and event.namespace:
                nodes[event.namespace[:-1]].setdefault("children", []).append(known)
            known |= status
    return nodes.get(())


class ProtocolEvents:
    """The publisher of one run's events to the feed of its thread.

    It publishes nothing if the thread has no feed, because no client has used the protocol on it, and nothing once
    `may_emit` returns False.
    """

    def __init__(self, run: Run, feeds: Feeds, may_emit: Callable[[], bool]) -> None:
        self._run = run
        self._feeds = feeds
        self._may_emit = may_emit
        self._started: set[str] = set()
        """The ids of the messages whose start was published."""
        self._begun: dict[str, dict[str, Any]] = {}
        """The starts of child graphs that are not published yet, by namespace."""
        self._over: dict[str, list[tuple[Ended, GraphNamespace, dict[str, Any]]]] = {}
        """The ends of child graphs that are not published yet, by the task that ran them."""

    @property
    def _feed(self) -> Feed | None:
        feed = self._feeds.find(self._run.thread.thread_id)
        return feed if feed is not None and self._may_emit() else None

    @property
    def has_feed(self) -> bool:
        """True if events are published."""
        return self._feed is not None

    def starts(self) -> None:
        """Publish the start of the run."""
        self._lifecycle("running", (), self._run.assistant.graph_id)

    def ends(self, how: Ended, error: str | None) -> None:
        """Publish the end of the run, unless its question has published it."""
        feed = self._feed
        if feed is None or how != "interrupted" or feed.paused != self._run.run_id:
            more: dict[str, Any] = {} if error is None else {"error": error}
            self._lifecycle(how, (), self._run.assistant.graph_id, **more)

    def child_starts(self, graph: str, task_id: str, namespace: str, cause: str | None) -> None:
        """Note that a node starts or resumes its child graph. `cause` is the tool call that made an agent of it.

        As by the official server, it is published behind the first values of the child graph.
        """
        started = {"namespace": list(_path(namespace)), "trigger_call_id": task_id}
        why = {} if cause is None else {"cause": {"type": "toolCall", "tool_call_id": cause}}
        self._begun[namespace] = {"event": "started", "graph_name": graph, **started, **why}

    def child_ends(self, graph: str, task_id: str, how: Ended, namespace: str, error: str | None) -> None:
        """Note the end of a node's child graph, if its start was published. It is published behind that of the node."""
        if self._begun.pop(namespace, None) is None:
            more: dict[str, Any] = {} if error is None else {"error": error}
            self._over.setdefault(task_id, []).append((how, _path(namespace), {"graph_name": graph, **more}))

    def children_end(self, task_id: str) -> None:
        """Publish the ends of the child graphs of a task."""
        for how, path, data in self._over.pop(task_id, ()):
            # Directly to the feed: a cancelled run may no longer emit, but its started child graphs have to end.
            self._lifecycle(how, path, feed=self._feeds.find(self._run.thread.thread_id), **data)

    def values(self, checkpoint: Checkpoint, values: Values, namespace: str) -> None:
        """Publish the current state and its checkpoint."""
        if self._feed is None:
            return
        pointer: dict[str, Any] = {"id": checkpoint.checkpoint_id, "step": checkpoint.step, "source": checkpoint.source}
        if checkpoint.parent_id is not None:
            pointer["parent_id"] = checkpoint.parent_id
        self._publish("checkpoints", pointer, namespace)
        self._publish("values", _shown(values), namespace)

    def wrote(self, node: str, write: Values, namespace: str) -> None:
        """Publish the write of a node."""
        if self._feed is not None:
            self._publish("updates", {"node": node, "values": _shown(write)}, namespace)

    def interrupted(self, question: Mapping[str, Any], namespace: str) -> None:
        """Publish an interrupt, with which a node waits for a human.

        As by the official server, the run ends with the first one for its clients, who still receive what follows.
        """
        shown = {"interrupt_id": question["id"], "payload": question["value"]}
        name = self._name("input", _path(namespace), question["id"])
        self._publish("input.requested", shown, namespace, event_id=name)
        self.ends("interrupted", None)
        if (feed := self._feed) is not None:
            feed.paused = self._run.run_id

    def custom(self, data: Any, namespace: str) -> None:
        """Publish the data of a node's own event, if the graph has a stream transformer for such events."""
        if self._run.thread.script.transformer:
            self._publish("custom", data, namespace)

    def task_starts(self, task_id: str, task: str, values: Values, calls: Sequence[Mapping[str, Any]], ns: str) -> None:
        """Publish the start of a task and of the tool calls that it executes."""
        if self._feed is None:
            return
        node = node_of(task)
        # A node that is sent its tool calls gets them as its input.
        given: Any = list(calls) if is_sent(task) else []
        started = {"id": task_id, "name": node, "input": given or _shown(values), "triggers": triggers_of(task)}
        self._publish("tasks", {**started, "interrupts": []}, ns)
        for call in calls:
            begun = {"event": "tool-started", "tool_call_id": call["id"], "tool_name": call["name"]}
            self._publish("tools", {**begun, "input": call["args"]}, ns)

    def task_ends(
        self,
        task_id: str,
        node: str,
        ns: str,
        *,
        write: Values | None = None,
        error: BaseException | None = None,
        questions: Sequence[Mapping[str, Any]] = (),
        calls: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Publish the end of a node (success, failure or interrupt) and of its tool calls."""
        if self._feed is None:
            return
        results = {} if write is None else {one.get("tool_call_id"): one for one in write.get("messages", ())}
        for call in calls:
            if error is not None:
                ended = {"event": "tool-error", "tool_call_id": call["id"], "message": str(error)}
                self._publish("tools", ended, ns)
            elif (message := results.get(call["id"])) is not None:
                self._tool_ends(call, _whole(message), ns)
        result = {
            "id": task_id,
            "name": node,
            # The form of a Python exception's repr, as langgraph stores errors of tasks.
            "error": None if error is None else f"{type(error).__name__}({str(error)!r})",
            "result": {} if write is None else _shown(write),
            "interrupts": questions,
        }
        self._publish("tasks", result, ns)

    def _tool_ends(self, call: Mapping[str, Any], result: Message, ns: str) -> None:
        """Publish the end of a tool call, and its result as a message in a namespace of its own."""
        # A tool of deep agents, which runs another agent, returns a command.
        runs_agent = agent_of(call) is not None
        update = {"messages": [{**result, "id": None, "name": None}]}
        command: Message = {"graph": None, "update": update, "resume": None, "goto": []}
        output = command if runs_agent else result
        self._publish("tools", {"event": "tool-finished", "tool_call_id": call["id"], "output": output}, ns)
        if "tools" in self._run.thread.script.protocol_channels:
            text = "" if runs_agent else text_of(result)
            named = {"role": "tool", "id": output.get("id") or f"tool-{call['id']}", "tool_call_id": call["id"]}
            for event, more in (
                ("message-start", named),
                ("content-block-start", {"index": 0, "content": {"type": "text", "text": ""}}),
                ("content-block-delta", {"index": 0, "delta": {"type": "text-delta", "text": text}}),
                ("content-block-finish", {"index": 0, "content": {"type": "text", "text": text}}),
                ("message-finish", {"metadata": {}}),
            ):
                self._publish("messages", {"event": event, **more}, "|".join([*_path(ns), f"tools:{call['id']}"]))

    def message(self, emitted: NodeOutput, namespace: str) -> None:
        """Publish a piece of the model's message, or a whole message. The official server does not name the node.

        A message is the sequence message-start, for each block content-block-start and -delta, for each block
        content-block-finish, message-finish.
        A message that was streamed in tokens has started its first block already when the last piece arrives.
        """
        if self._feed is None or not emitted.by_model:
            return
        message, started = emitted.message, emitted.message["id"] in self._started

        def publish(event: str, **more: Any) -> None:
            self._publish("messages", {"event": event, **more}, namespace)

        if not started:
            self._started.add(message["id"])
            publish("message-start", role="ai", id=message["id"])
        if emitted.token is not None:
            if not started:
                publish("content-block-start", index=0, content={"type": "text", "text": ""})
            publish("content-block-delta", index=0, delta={"type": "text-delta", "text": emitted.token})
        if emitted.last:
            blocks = _blocks(message)
            # The tokens of a streamed message are its first block, which has been sent already.
            sent = 0 if emitted.token is None else 1
            for index, block in enumerate(blocks[sent:], sent):
                begun, delta = _in_pieces(block, sum(one["type"] == "tool_call" for one in blocks[:index]))
                publish("content-block-start", index=index, content=begun)
                if delta is not None:
                    publish("content-block-delta", index=index, delta=delta)
            # All blocks finish together, because only the end of the message shows which ones are whole.
            for index, block in enumerate(blocks):
                publish("content-block-finish", index=index, content=block)
            usage = message.get("usage_metadata")
            publish("message-finish", **({"usage": usage} if usage else {}))

    def _lifecycle(
        self, event: str, path: GraphNamespace, graph_name: str, *, feed: Feed | None = None, **more: Any
    ) -> None:
        feed = feed or self._feed
        if feed is not None:
            name = self._name("lc", path, event)
            data = {"event": event, "graph_name": graph_name, **more}
            feed.publish("lifecycle", data, run_id=self._run.run_id, at=self._at, namespace=path, event_id=name)

    def _name(self, kind: str, path: GraphNamespace, what: str) -> str:
        """Return a stable id: a client that receives an event twice, live and in a replay, recognizes it."""
        return f"synth:{self._run.run_id}:{kind}|{_BETWEEN.join(path)}|{what}"

    def _publish(self, method: str, data: Any, namespace: str, event_id: str | None = None) -> None:
        feed, path = self._feed, _path(namespace)
        if feed is None or (method in OPTIONAL and method not in self._run.thread.script.protocol_channels):
            return
        if method != "values":
            self._announce(namespace)
        feed.publish(method, data, run_id=self._run.run_id, at=self._at, namespace=path, event_id=event_id)
        self._announce(namespace)

    def _announce(self, namespace: str) -> None:
        """Publish the start of a child graph, if it is not published yet."""
        if namespace in self._begun and (feed := self._feed) is not None:
            data = self._begun.pop(namespace)
            feed.publish("lifecycle", data, run_id=self._run.run_id, at=self._at, namespace=_path(namespace))

    @property
    def _at(self) -> int:
        return milliseconds(self._run.thread.timeline.now)


def _path(namespace: str) -> GraphNamespace:
    """Return a checkpoint namespace as a tuple of its parts."""
    return tuple(namespace.split("|")) if namespace else ()


def _shown(values: Values) -> Values:
    """Return values with their messages in the form of the protocol."""
    # Interrupts have a channel of their own.
    shown = {name: value for name, value in values.items() if name != "__interrupt__"}
    if "messages" in shown:
        shown["messages"] = [compact(message) for message in shown["messages"]]
    return shown


def _blocks(message: Message) -> list[dict[str, Any]]:
    """Return the content and the tool calls of a model's message as blocks of the protocol."""
    content = message["content"]
    if isinstance(content, str):
        # Empty text is omitted only if tool calls remain, so that every message has a block.
        blocks = [{"type": "text", "text": content}] if content or not message["tool_calls"] else []
    else:
        # Without the index, which the event itself has.
        known = [_known(block) for block in content]
        blocks = [{name: value for name, value in block.items() if name != "index"} for block in known]
    made = {block.get("id") for block in blocks if block["type"] == "tool_call"}
    calls = [
        {name: call[name] for name in ("id", "name", "args")}
        for call in message["tool_calls"]
        if call["id"] not in made
    ]
    return [*blocks, *({"type": "tool_call", **call} for call in calls)]


def _known(block: Any) -> dict[str, Any]:
    if isinstance(block, str):
        return {"type": "text", "text": block}
    known: bool = block.get("type") in _KNOWN_BLOCKS
    return block if known else {"type": "non_standard", "value": block}


def _in_pieces(block: dict[str, Any], calls: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the start of a block and the delta that follows it, if any. `calls` tool calls precede the block."""
    if block["type"] == "text":
        return {**block, "text": ""}, {"type": "text-delta", "text": block["text"]}
    if block["type"] == "tool_call":
        # The arguments are text until they are whole. A block that a script writes itself may lack each field.
        named = {"id": block.get("id"), "name": block.get("name")}
        begun = {"type": "tool_call_chunk", **named, "args": "", "index": calls}
        return begun, {"type": "tool-call-delta", "args": json.dumps(block.get("args", {}))}
    return ({**block, "value": {}} if block["type"] == "non_standard" else block), None
