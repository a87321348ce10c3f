"""The scripted agent: the graph `agent → tools → agent`, played from a script, under the probe contract.

A probe may ask for a child graph, `research`, instead of `tools`, or for `audit` beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from conformance.probe import Probe, Work, read_probe
from mockserver import messages
from mockserver.checkpoints import Values
from mockserver.clock import Clock, Timeline
from mockserver.ids import IdSource
from mockserver.messages import Message
from mockserver.script import Script, tokens
from mockserver.step import Step
from mockserver.witnesses import Witnesses

GRAPH: Final = "agent"
Node = Literal["agent", "tools", "audit", "research"]
NODES: Final[tuple[Node, ...]] = ("agent", "tools", "audit", "research")
ENTRY: Final[Node] = "agent"
CHILD: Final[Node] = "research"
"""The node that runs the child graph; it is no step of its own."""
CHILD_NODES: Final = ("search", "quote")
"""The child graph's nodes, in their order."""
WORKERS: Final[dict[Work, tuple[Node, ...]]] = {
    "tools": ("tools",),
    "subgraph": (CHILD,),
    "parallel": ("audit", "tools"),
}
"""The nodes that work on a tool call."""
CHANNELS: Final = ("messages", "steps")
"""The channels of the state: the conversation, and the steps that finished."""


class ProbeConfigError(Exception):
    """A `probe` that is not one; the text names the key that is wrong."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a node says: a message, or the piece of an answer that ends after `spoken` characters."""

    message: Message
    token: str | None = None
    spoken: int = 0

    @property
    def by_model(self) -> bool:
        """Whether the model says it, which speaks in pieces; a tool call is a single one."""
        return bool(self.message["type"] == "ai")

    @property
    def piece(self) -> Message:
        """The message, or the piece of it, as the stream of tokens shows it."""
        if not self.by_model:
            return self.message
        if self.token is None:
            return messages.chunk(self.message, self.message["content"], last=True)
        return messages.chunk(self.message, self.token, last=self.spoken == len(self.message["content"]))

    @property
    def so_far(self) -> Message:
        """The message as far as it was said; a copy, so made only for those who want it."""
        if self.token is None:
            return self.message
        return {**self.message, "content": self.message["content"][: self.spoken]}


@dataclass(frozen=True, slots=True)
class Task:
    """What the engine gives a node: the state (in the child graph: the child's), the run, and where to speak."""

    node: str
    values: Values
    configurable: dict[str, Any]
    run_id: str
    ids: IdSource
    timeline: Timeline
    resumed: bool
    say: Callable[[Said], None]
    custom: Callable[[Any], None]


def empty_values() -> Values:
    """The state of a thread on which nothing was written yet."""
    return {"messages": [], "steps": []}


def next_after(node: str, values: Values, configurable: dict[str, Any] | None = None) -> tuple[str, ...]:
    """The nodes that run after `node` left the state as `values`, in a run that is told `configurable`."""
    if node in CHILD_NODES:
        return CHILD_NODES[CHILD_NODES.index(node) + 1 :][:1]
    if node != "agent":
        return (ENTRY,)
    last = values["messages"][-1] if values["messages"] else {}
    if not last.get("tool_calls"):
        return ()
    probe = _probe_of(configurable or {})
    return WORKERS["tools" if probe is None else probe.work]


def child_input(values: Values) -> Values:
    """What the child graph begins with: the tool call of the last message, and which visit of the turn this is."""
    (call,) = values["messages"][-1]["tool_calls"]
    return {"call": call, "visit": _visit("tools", values["messages"]), "steps": []}


def child_written(values: Values, write: Values) -> Values:
    """The child graph's state after a write of one of its steps."""
    return {**values, "steps": [*values["steps"], *write["steps"]]}


def written(values: Values, write: Values) -> Values:
    """The state after a write to some of its channels; a channel that the graph does not have is ignored."""
    return {
        "messages": messages.merge(values["messages"], write.get("messages", ())),
        "steps": [*values["steps"], *write.get("steps", ())],
    }


class ScriptedAgent:
    """Plays the nodes; one serves all runs of a server."""

    def __init__(self, script: Script, clock: Clock, witnesses: Witnesses) -> None:
        self.script = script
        self._clock = clock
        self._witnesses = witnesses

    async def run(self, task: Task) -> Values:
        """Play one step and return what it writes.

        Raises `ProbeConfigError`, what `Step.play` raises, and nothing else.
        """
        probe = _probe_of(task.configurable)
        visit = task.values["visit"] if task.node in CHILD_NODES else _visit(task.node, task.values["messages"])
        step = Step(f"{task.node}:{visit}", probe, task.run_id, self._witnesses, resumed=task.resumed)
        if task.node not in ("agent", "tools"):
            await step.play(_nothing)
            return {"steps": [step.entry]}
        work = self._agent if task.node == "agent" else self._tools

        async def play(step: Step) -> list[Message]:
            for data in getattr(self.script.custom, task.node):
                task.custom(data)
            return await work(task, step, hurried=probe is not None)

        return {"messages": await step.play(play), "steps": [step.entry]}

    def research(self, task: Task, steps: list[str]) -> Values:
        """What the node with the child graph writes when the child has finished `steps`."""
        return {"messages": self._results(task), "steps": steps}

    async def _agent(self, task: Task, step: Step, *, hurried: bool) -> list[Message]:
        text, turn = _last_turn(task.values["messages"])
        conversation = self.script.conversation(text)
        if conversation is None:
            answer = self.script.answer_to_unmatched(text)
        elif any(message["type"] == "ai" for message in turn):
            answer = conversation.answer
        else:
            await self._take(task, self.script.seconds.call, hurried)
            arguments = {"query": conversation.query}
            block = {
                "id": conversation.call_id,
                "input": arguments,
                "name": self.script.tool,
                "type": "tool_use",
            }
            call = {"name": self.script.tool, "args": arguments, "id": conversation.call_id}
            message = messages.ai([block], _spoken_id(task), [call])
            task.say(Said(message))
            return [message]
        return [await self._answer(task, step, answer, hurried=hurried)]

    async def _answer(self, task: Task, step: Step, text: str, *, hurried: bool) -> Message:
        pieces = tokens(text)
        message = messages.ai(text, _spoken_id(task))
        spoken = 0
        for number, piece in enumerate(pieces, start=1):
            await self._take(task, self.script.seconds.answer / len(pieces), hurried)
            spoken += len(piece)
            task.say(Said(message, piece, spoken))
            if number == max(1, len(pieces) // 2):
                await step.reach("token")
        return message

    async def _tools(self, task: Task, step: Step, *, hurried: bool) -> list[Message]:  # noqa: ARG002 - as _agent
        await self._take(task, self.script.seconds.tool, hurried)
        return self._results(task)

    def _results(self, task: Task) -> list[Message]:
        """The answers to the tool calls of the last message, each said."""
        text, _ = _last_turn(task.values["messages"])
        conversation = self.script.conversation(text)
        result = "" if conversation is None else conversation.result
        said = [
            messages.tool_result(result, task.ids.uuid4(), name=call["name"], call_id=call["id"])
            for call in task.values["messages"][-1].get("tool_calls", ())
        ]
        for message in said:
            task.say(Said(message))
        return said

    async def _take(self, task: Task, seconds: float, hurried: bool) -> None:
        """Take so long in a run for people; nothing takes time in a run with a probe."""
        if hurried or not seconds:
            # No time, but a turn for everybody else: a long answer must not keep the server to itself.
            await asyncio.sleep(0)
        else:
            await self._clock.sleep(seconds)
            task.timeline.spend(seconds)


def _probe_of(configurable: dict[str, Any]) -> Probe | None:
    try:
        return read_probe(configurable)
    except msgspec.ValidationError as error:
        raise ProbeConfigError(f"configurable.probe: {error}") from error


def _spoken_id(task: Task) -> str:
    """The id of a message of the model, as chat models give them."""
    return f"lc_run--{task.ids.uuid7(task.timeline.moment())}-0"


async def _nothing(step: Step) -> None:
    """The work of a step that only reports."""


def _visit(node: str, said: Sequence[Message]) -> int:
    kind = "ai" if node == "agent" else "tool"
    return 1 + sum(1 for message in _last_turn(said)[1] if message["type"] == kind)


def _last_turn(said: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """The text of the last human message, and what was said after it."""
    for index in range(len(said) - 1, -1, -1):
        if said[index]["type"] == "human":
            return messages.text_of(said[index]), said[index + 1 :]
    return "", said
