"""The scripted agent: it plays the steps of a script, under the probe contract."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from mockserver.agent.gates import Gates
from mockserver.agent.graph import CHILD, CHILD_NODES, calls_waiting, probe_of, scripted_node
from mockserver.agent.step import Paused, StepPlayer
from mockserver.agent.witnesses import Witnesses
from mockserver.core import messages
from mockserver.core.checkpoints import Values
from mockserver.core.clock import Clocks, Timeline
from mockserver.core.ids import IdSource
from mockserver.core.messages import Message
from mockserver.core.script_cursor import Cursor, fill
from mockserver.script.types import TOOLS, Failure, Script, Step, tokens

PIECES_A_TURN: Final = 16
"""Pieces of an answer that are said at once where they take no time: a long one must not keep the server to itself."""


class Said(Struct, frozen=True):
    """What a node says: a message, or the piece of an answer that ends after `spoken` characters."""

    message: Message
    token: str | None = None
    spoken: int = 0
    last: bool = True

    @property
    def by_model(self) -> bool:
        """Whether the model says it, which speaks in pieces; its tool calls come with the last one."""
        return bool(self.message["type"] == "ai")

    @property
    def piece(self) -> Message:
        """The message, or the piece of it, as the stream of tokens shows it."""
        if not self.by_model:
            return self.message
        content = self.message["content"]
        if self.token is not None:
            content = _with_text(content, self.token, rest=self.last)
        return messages.chunk(self._known, content, last=self.last)

    @property
    def so_far(self) -> Message:
        """The message as far as it was said; a copy, so made only for those who want it."""
        if self.token is None or self.last:
            return self.message
        text = messages.text_of(self.message)[: self.spoken]
        return {**self._known, "content": _with_text(self.message["content"], text, rest=False)}

    @property
    def _known(self) -> Message:
        return self.message if self.last or not self.message["tool_calls"] else {**self.message, "tool_calls": []}


class Task(Struct, frozen=True):
    """What the engine gives a node: the state (in a child graph: the child's), the script, the run, where to speak."""

    node: str
    values: Values
    script: Script
    cursor: Cursor
    configurable: dict[str, Any]
    thread_id: str
    run_id: str
    ids: IdSource
    timeline: Timeline
    resumed: bool
    say: Callable[[Said], None]
    heard: Callable[[], bool]
    """Whether anybody wants to hear the pieces of what is said."""
    custom: Callable[[Any], None]

    def show(self, said: Sequence[Message]) -> None:
        """Say whole messages."""
        for message in said:
            self.say(Said(message))


def calls_answered(task: Task) -> list[dict[str, Any]]:
    """The tool calls to which a node is about to give the results."""
    step = task.cursor.at_step(scripted_node(task.node))
    answers = step is not None and step.result is not None
    return calls_waiting(task.values) if answers and task.node != "audit" else []


class ScriptedAgent:
    """Plays the nodes; one serves all runs of a server."""

    def __init__(self, clock: Clocks, witnesses: Witnesses, gates: Gates) -> None:
        self._clock = clock
        self._witnesses = witnesses
        self._gates = gates

    async def run(self, task: Task) -> Values:
        """Play one step and return what it writes.

        Raises `ProbeConfigError`, what the script or `StepPlayer.play` raises, and nothing else.
        """
        probe = probe_of(task.configurable)
        scripted = task.cursor.at_step(task.node) or Step(node=task.node)

        async def come(point: str) -> None:
            await self._gates.come(point, task.thread_id, task.run_id)

        step = StepPlayer(
            f"{task.node}:{task.cursor.visit(scripted_node(task.node))}",
            probe,
            task.run_id,
            self._witnesses,
            come,
            resumed=task.resumed,
        )
        play = _StepPlay(task, scripted, step, takes=scripted.takes if probe is None else 0)
        write = await step.play(lambda _: self._work(play))
        return {**write, "steps": [step.entry]}

    def child_begins(self, task: Task) -> tuple[Cursor, Values] | None:
        """Where the child graph of a node begins, and with which values; None for a node without one."""
        if task.node == CHILD and task.cursor.next == (TOOLS,):
            visits = dict.fromkeys(CHILD_NODES, task.cursor.visit(TOOLS) - 1)
            (call,) = calls_waiting(task.values)
            values = {"call": call, "visit": task.cursor.visit(TOOLS), "steps": []}
            return Cursor(tuple(Step(node=name) for name in CHILD_NODES), visits=visits), values
        step = task.cursor.step
        if step is None or not step.subgraph or task.node != step.at:
            return None
        return Cursor(tuple(step.subgraph), fills=task.cursor.fills).unrolled(), {**task.values, "steps": []}

    def after_child(self, task: Task, values: Values) -> Values:
        """What a node writes when its child graph has come to its end with these values."""
        if task.node == CHILD and task.cursor.next == (TOOLS,):
            said = self._results(task, Step(result="") if task.cursor.step is None else task.cursor.step)
            task.show(said)
            return {"messages": said, "steps": values["steps"]}
        known = {message["id"]: message for message in task.values["messages"]}
        said = [message for message in values["messages"] if known.get(message["id"]) != message]
        channels = {name: values[name] for name in task.script.reducers if name in values}
        return {**channels, "messages": said, "steps": values["steps"]}

    async def _work(self, play: _StepPlay) -> Values:
        """Do what the script says of a step, in the order in which it lists what a step can do."""
        step, task = play.scripted, play.task
        if step.interrupt is not None and not task.resumed:
            raise Paused(fill(step.interrupt.value, task.cursor.fills))
        for event in step.custom:
            task.custom(fill(event, task.cursor.fills))
        said: list[Message] = []
        if step.speaks:
            said.append(await self._speak(play))
        else:
            await self._take(task, play.takes)
            await self._hold(play)
            said += self._results(task, step)
        said += messages.coerce_all(fill(step.messages, task.cursor.fills), task.ids.uuid4)
        task.show(said[1 if step.speaks else 0 :])
        if step.error is not None:
            raise _exception(step.error, task.cursor.fills)
        channels: Values = fill(step.channels, task.cursor.fills)
        return {"messages": said, **channels} if step.writes_messages else channels

    async def _speak(self, play: _StepPlay) -> Message:
        """The message of the model, in pieces."""
        step, task = play.scripted, play.task
        text = fill(step.say, task.cursor.fills) if step.say is not None else ""
        message = _message(play, text)
        whole = not isinstance(text, str) or (step.say is None and bool(step.calls))
        pieces = [""] if whole else ([fill(one, task.cursor.fills) for one in step.tokens or ()] or tokens(text))
        spoken, half, heard = 0, max(1, len(pieces) // 2), False
        each, begin = play.takes / len(pieces), self._clock.of(task.thread_id).now
        for number, piece in enumerate(pieces, start=1):
            if play.takes or number % PIECES_A_TURN == 1:
                await self._take(task, each, due=begin + number * each)
                heard = task.heard()
            spoken += len(piece)
            if heard:
                # Tool calls come when all was said.
                last = number == len(pieces)
                task.say(Said(message) if whole else Said(message, piece, spoken, last))
            if number == half:
                if not whole:
                    await play.step.reach("token")
                await self._hold(play)
                # Somebody may have come, or stopped the run, while others had their turn.
                heard = task.heard()
        return message

    def _results(self, task: Task, step: Step) -> list[Message]:
        """The answers that a step gives to the tool calls of the last message."""
        calls, given = calls_waiting(task.values), step.results
        return [
            messages.tool_result(
                fill(result.content, task.cursor.fills),
                task.ids.uuid4(),
                name=call["name"],
                call_id=call["id"],
                status=result.status,
                artifact=result.artifact,
            )
            for call, result in zip(calls, given * len(calls) if len(given) == 1 else given, strict=False)
        ]

    async def _hold(self, play: _StepPlay) -> None:
        if play.scripted.hold is not None:
            await self._gates.come(play.scripted.hold, play.task.thread_id, play.task.run_id, closed=True)

    async def _take(self, task: Task, seconds: float, *, due: float | None = None) -> None:
        """Let so many seconds of scripted time pass; if none, everybody else has a turn.

        `due` is the time at which they should be over. Where that was long ago, they have passed already: the event
        loop sleeps for a millisecond or more, so thousands of short pieces would take a hundred times what the script
        states. On a clock that does not follow real time nothing is ever late.
        """
        clock = self._clock.of(task.thread_id)
        if not seconds or (due is not None and clock.now >= due + TOLERATED):
            await asyncio.sleep(0)
        else:
            await clock.sleep(seconds)
        if seconds:
            task.timeline.spend(seconds)


TOLERATED: Final = 1e-6
"""Scripted seconds by which a clock that is driven by hand may be ahead of a sum of delays: the rounding of floats."""


class _StepPlay(Struct, frozen=True):
    """A step of the script while it is played."""

    task: Task
    scripted: Step
    step: StepPlayer
    takes: float
    """Seconds of scripted time; in a run with a probe nothing takes time."""


def _message(play: _StepPlay, text: str | list[Any]) -> Message:
    """What the model says, and the tools it calls, as one message."""
    task = play.task
    fills, ids = task.cursor.fills, task.ids
    calls = [
        {"name": call.tool, "args": fill(call.args, fills), "id": fill(call.id, fills) or f"call_{ids.hex()[:24]}"}
        for call in play.scripted.calls
    ]
    content: str | list[Any] = text
    if calls and task.script.content == "blocks":
        uses = [{"id": one["id"], "input": one["args"], "name": one["name"], "type": "tool_use"} for one in calls]
        said = [{"type": "text", "text": text}] if text and isinstance(text, str) else text or []
        content = [*said, *uses]
    # Its id is as chat models give them that stream.
    return messages.ai(content, f"lc_run--{ids.uuid7(task.timeline.moment())}", calls)


def _with_text(content: str | list[Any], text: str, *, rest: bool) -> str | list[Any]:
    """A message's content with another text; with `rest`, whatever else is in it follows."""
    if isinstance(content, str):
        return text
    others = [block for block in content if not (isinstance(block, dict) and block.get("type") == "text")]
    return [{"type": "text", "text": text}, *(others if rest else ())]


def _exception(error: str | Failure, fills: Mapping[str, str]) -> Exception:
    failure = error if isinstance(error, Failure) else Failure(message=error)
    kind: type[Exception] = type(failure.type, (Exception,), {})
    return kind(fill(failure.message, fills))
