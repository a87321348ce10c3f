"""What a run does, told in the events of the newer streaming protocol.

The execution of a run says what happens; here it becomes `lifecycle`, `values`, `messages` and the other channels, with
their boundaries: what was started is finished, failed, or interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

from mockserver.agent.agent import Said
from mockserver.core.checkpoints import Checkpoint, Values
from mockserver.core.clock import milliseconds
from mockserver.core.messages import Message
from mockserver.core.protocol_feed import Feed, FeedEvent, Feeds, GraphNamespace
from mockserver.core.records import Run

Ended = Literal["completed", "failed", "interrupted"]

_KNOWN_BLOCKS: Final = frozenset(("text", "reasoning", "image", "video", "audio", "file", "server_tool_call"))
"""Blocks of a message's content that the protocol knows; any other is wrapped."""


def compact(message: Message) -> Message:
    """A message as the protocol shows it: without what is empty, and with blocks that it knows."""
    shown: Message = {name: message[name] for name in ("type", "content", "id") if name in message}
    shown |= {name: message[name] for name in ("name", "additional_kwargs", "response_metadata") if message.get(name)}
    shown |= {name: message[name] for name in ("tool_calls", "usage_metadata") if message.get(name)}
    if message["type"] == "tool":
        shown |= {name: message.get(name) for name in ("tool_call_id", "status", "artifact")}
    if isinstance(shown["content"], list):
        shown["content"] = [_known(block) for block in shown["content"]]
    return shown


def tree(events: Iterable[FeedEvent]) -> dict[str, Any] | None:
    """A run as a tree of its graph and the child graphs below, each with its status; None without any event."""
    nodes: dict[GraphNamespace, dict[str, Any]] = {}
    for event in events:
        if event.method == "lifecycle":
            status = {"status": event.data["event"], "graph_name": event.data["graph_name"]}
            known = nodes.setdefault(event.namespace, {"namespace": list(event.namespace)})
            if not known.keys() & {"status"} and event.namespace:
                nodes[event.namespace[:-1]].setdefault("children", []).append(known)
            known |= status
    return nodes.get(())


class Narrator:
    """Tells of one run, to the feed of its thread, for as long as it may; where there is no feed it says nothing."""

    def __init__(self, run: Run, feeds: Feeds, may_emit: Callable[[], bool]) -> None:
        self._run = run
        self._feeds = feeds
        self._may_emit = may_emit
        self._spoken: set[str] = set()
        """The messages that were begun."""

    @property
    def _feed(self) -> Feed | None:
        feed = self._feeds.find(self._run.thread.thread_id)
        return feed if feed is not None and self._may_emit() else None

    @property
    def is_heard(self) -> bool:
        """Whether there is anybody to tell."""
        return self._feed is not None

    def starts(self) -> None:
        """The run starts."""
        self._lifecycle("running", (), self._run.assistant.graph_id)

    def ends(self, how: Ended, error: str | None) -> None:
        """The run is over, or waits for a human."""
        more: dict[str, Any] = {} if error is None else {"error": error}
        self._lifecycle(how, (), self._run.assistant.graph_id, **more)

    def child_starts(self, graph: str, task_id: str, namespace: str) -> None:
        """A node begins, or goes on with, its child graph."""
        inside = list(_path(namespace))
        self._lifecycle("started", _path(namespace), graph, namespace=inside, trigger_call_id=task_id)

    def child_ends(self, graph: str, how: Ended, namespace: str) -> None:
        """The child graph of a node comes to its end; that is told of a run that was stopped, too."""
        self._lifecycle(how, _path(namespace), graph, feed=self._feeds.find(self._run.thread.thread_id))

    def values(self, checkpoint: Checkpoint, values: Values, namespace: str) -> None:
        """The state is as it is now, at a checkpoint."""
        if self._feed is None:
            return
        pointer: dict[str, Any] = {"id": checkpoint.checkpoint_id, "step": checkpoint.step, "source": checkpoint.source}
        if checkpoint.parent_id is not None:
            pointer["parent_id"] = checkpoint.parent_id
        self._publish("checkpoints", pointer, namespace)
        self._publish("values", _shown(values), namespace)

    def wrote(self, node: str, write: Values, namespace: str) -> None:
        """A node wrote to the state."""
        if self._feed is not None:
            self._publish("updates", {"node": node, "values": _shown(write)}, namespace)

    def asks(self, question: Mapping[str, Any], namespace: str) -> None:
        """A step asks a human."""
        asked = {"interrupt_id": question["id"], "payload": question["value"]}
        name = f"synth:{self._run.run_id}:input|{namespace}|{question['id']}"
        self._publish("input.requested", asked, namespace, event_id=name)

    def custom(self, data: Any, namespace: str) -> None:
        """A node says something of its own; with `name` and `payload` it is for the channel of that name."""
        named = isinstance(data, dict) and data.keys() == {"name", "payload"} and isinstance(data["name"], str)
        self._publish("custom", data if named else {"payload": data}, namespace)

    def task_starts(self, task_id: str, node: str, values: Values, calls: Iterable[Mapping[str, Any]], ns: str) -> None:
        """A node begins its work, which is to answer these tool calls."""
        if self._feed is None:
            return
        task = {"id": task_id, "name": node, "input": _shown(values), "triggers": [f"branch:to:{node}"]}
        self._publish("tasks", {**task, "interrupts": []}, ns)
        for call in calls:
            told = {"event": "tool-started", "tool_call_id": call["id"], "tool_name": call["name"]}
            self._publish("tools", {**told, "input": call["args"]}, ns, node=node)

    def task_ends(
        self,
        task_id: str,
        node: str,
        ns: str,
        *,
        write: Values | None = None,
        error: BaseException | None = None,
        question: Mapping[str, Any] | None = None,
        calls: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """A node is done with its work, or failed at it, or asks a human first."""
        if self._feed is None:
            return
        answers = {} if write is None else {one.get("tool_call_id"): one for one in write.get("messages", ())}
        for call in calls:
            if error is not None:
                told = {"event": "tool-error", "tool_call_id": call["id"], "message": str(error)}
                self._publish("tools", told, ns, node=node)
            elif (answer := answers.get(call["id"])) is not None:
                told = {"event": "tool-finished", "tool_call_id": call["id"], "output": compact(answer)}
                self._publish("tools", told, ns, node=node)
        result = {
            "id": task_id,
            "name": node,
            "error": None if error is None else f"{type(error).__name__}({str(error)!r})",
            "result": {} if write is None else _shown(write),
            "interrupts": [question] if question else [],
        }
        self._publish("tasks", result, ns)

    def says(self, node: str, said: Said, namespace: str) -> None:
        """The model says something: a piece of a message, or the whole of it."""
        if self._feed is None or not said.by_model:
            return
        message, begun = said.message, said.message["id"] in self._spoken

        def publish(event: str, **more: Any) -> None:
            self._publish("messages", {"event": event, **more}, namespace, node=node)

        if not begun:
            self._spoken.add(message["id"])
            publish("message-start", role="ai", id=message["id"])
        if said.token is not None:
            if not begun:
                publish("content-block-start", index=0, content={"type": "text", "text": ""})
            publish("content-block-delta", index=0, delta={"type": "text-delta", "text": said.token})
        if said.last:
            blocks = _blocks(message)
            for index, block in enumerate(blocks):
                if index > 0 or said.token is None:
                    publish("content-block-start", index=index, content=_emptied(block))
                    if block["type"] == "text":
                        publish("content-block-delta", index=index, delta={"type": "text-delta", "text": block["text"]})
                publish("content-block-finish", index=index, content=block)
            usage = message.get("usage_metadata")
            publish("message-finish", **({"usage": usage} if usage else {}))

    def _lifecycle(
        self, event: str, path: GraphNamespace, graph: str, *, feed: Feed | None = None, **more: Any
    ) -> None:
        feed = feed or self._feed
        if feed is not None:
            name = f"synth:{self._run.run_id}:lc|{'|'.join(path)}|{event}"
            data = {"event": event, "graph_name": graph, **more}
            feed.publish("lifecycle", data, run_id=self._run.run_id, at=self._at, namespace=path, event_id=name)

    def _publish(
        self, method: str, data: Any, namespace: str, node: str | None = None, event_id: str | None = None
    ) -> None:
        feed, path = self._feed, _path(namespace)
        if feed is not None:
            run_id = self._run.run_id
            feed.publish(method, data, run_id=run_id, at=self._at, namespace=path, node=node, event_id=event_id)

    @property
    def _at(self) -> int:
        return milliseconds(self._run.thread.timeline.now)


def _path(namespace: str) -> GraphNamespace:
    """A checkpoint namespace as the path of its parts."""
    return tuple(namespace.split("|")) if namespace else ()


def _shown(values: Values) -> Values:
    """Values with their messages as the protocol shows them; questions are told on a channel of their own."""
    shown = {name: value for name, value in values.items() if name != "__interrupt__"}
    if "messages" in shown:
        shown["messages"] = [compact(message) for message in shown["messages"]]
    return shown


def _blocks(message: Message) -> list[dict[str, Any]]:
    """What a message of the model consists of, as blocks that the protocol knows."""
    content = message["content"]
    if isinstance(content, str):
        said = [{"type": "text", "text": content}] if content or not message["tool_calls"] else []
    else:
        said = [_known(block) for block in content]
    calls = [{name: call[name] for name in ("id", "name", "args")} for call in message["tool_calls"]]
    return [*said, *({"type": "tool_call", **call} for call in calls)]


def _known(block: Any) -> dict[str, Any]:
    if isinstance(block, str):
        return {"type": "text", "text": block}
    known: bool = block.get("type") in _KNOWN_BLOCKS
    return block if known else {"type": "non_standard", "value": block}


def _emptied(block: dict[str, Any]) -> dict[str, Any]:
    """A block before any of it was said."""
    empty: dict[str, Any] = {"text": {"text": ""}, "tool_call": {"args": {}}, "non_standard": {"value": {}}}
    return {**block, **empty.get(block["type"], {})}
