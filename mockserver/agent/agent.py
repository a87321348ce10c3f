"""The scripted agent: it plays the steps of a script under the probe contract."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from mockserver.agent.gates import Gates
from mockserver.agent.graph import (
    AUDIT,
    CHILD_NODES,
    pending_calls,
    probe_of,
    runs_probe_child,
    scripted_node,
)
from mockserver.agent.step import Paused, StepPlayer
from mockserver.agent.witnesses import Witnesses
from mockserver.core import messages
from mockserver.core.checkpoints import Values
from mockserver.core.clock import Clocks, Timeline
from mockserver.core.ids import IdSource
from mockserver.core.messages import Message
from mockserver.core.script_cursor import Cursor, fill
from mockserver.script.types import STEPS, TOOLS, Failure, Script, Step, tokens

PIECES_A_TURN: Final = 16
"""The number of pieces of an untimed answer per turn of the event loop, so that a long answer does not block it."""


class NodeOutput(Struct, frozen=True):
    """The output of a node: a message, or the piece of an answer that ends after `spoken` characters."""

    message: Message
    token: str | None = None
    spoken: int = 0
    last: bool = True

    @property
    def by_model(self) -> bool:
        """Return whether the model emits it. Its text comes in pieces, and its tool calls with the last piece."""
        return bool(self.message["type"] == "ai")

    @property
    def piece(self) -> Message:
        """Return the message, or the piece of it, as the token stream shows it."""
        if not self.by_model:
            return self.message
        content = self.message["content"]
        if self.token is not None:
            content = _with_text(content, self.token, rest=self.last)
        return messages.chunk(self._known, content, last=self.last)

    @property
    def so_far(self) -> Message:
        """Return the message up to this piece. It is a copy, so it is built only for clients that receive it."""
        if self.token is None or self.last:
            return self.message
        text = messages.text_of(self.message)[: self.spoken]
        return {**self._known, "content": _with_text(self.message["content"], text, rest=False)}

    @property
    def _known(self) -> Message:
        return self.message if self.last or not self.message["tool_calls"] else {**self.message, "tool_calls": []}


class Task(Struct, frozen=True):
    """The input of a node: the state (of the child graph, if in one), the script, the run, and its outputs."""

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
    answer: Any
    """The answer to the question that the node asked, if it is resumed."""
    emit: Callable[[NodeOutput], None]
    wants_pieces: Callable[[], bool]
    """Returns whether a client receives the pieces of messages."""
    custom: Callable[[Any], None]

    def show(self, emitted: Sequence[Message]) -> None:
        """Emit whole messages."""
        for message in emitted:
            self.emit(NodeOutput(message))


def calls_to_answer(task: Task) -> list[dict[str, Any]]:
    """Return the tool calls that a node is about to answer."""
    step = task.cursor.at_step(scripted_node(task.script, task.node))
    answers = step is not None and step.result is not None
    beside = task.script.built_in and task.node == AUDIT
    return pending_calls(task.values) if answers and not beside else []


class ScriptedAgent:
    """The player of all nodes. One instance serves all runs of a server."""

    def __init__(self, clock: Clocks, witnesses: Witnesses, gates: Gates) -> None:
        self._clock = clock
        self._witnesses = witnesses
        self._gates = gates

    async def run(self, task: Task) -> Values:
        """Play one step and return its write.

        Raises `ProbeConfigError`, the script's errors, and what `StepPlayer.play` raises.
        """
        probe = probe_of(task.script, task.configurable)
        scripted = task.cursor.at_step(task.node) or Step(node=task.node)

        async def gate(point: str) -> None:
            await self._gates.pass_point(point, task.thread_id, task.run_id)

        step = StepPlayer(
            f"{task.node}:{task.cursor.visit(scripted_node(task.script, task.node))}",
            probe,
            task.run_id,
            self._witnesses,
            gate,
            resumed=task.resumed,
            answer=task.answer,
            configurable=task.configurable,
        )
        # In a run with a probe no step takes time. The witness alone paces
        # it, so that the conformance suite never waits for a script.
        play = _StepPlay(task, scripted, step, takes=scripted.takes if probe is None else 0)
        write = await step.play(lambda _: self._work(play))
        return {**write, STEPS: [step.entry]} if task.script.built_in else write

    def child_start(self, task: Task) -> tuple[Cursor, Values] | None:
        """Return the first cursor and values of a node's child graph, None for a node without one."""
        if runs_probe_child(task.script, task.node, task.cursor):
            visits = dict.fromkeys(CHILD_NODES, task.cursor.visit(TOOLS) - 1)
            (call,) = pending_calls(task.values)
            values = {"call": call, "visit": task.cursor.visit(TOOLS), STEPS: []}
            return Cursor(tuple(Step(node=name) for name in CHILD_NODES), visits=visits), values
        step = task.cursor.step
        if step is None or not step.subgraph or task.node != step.at:
            return None
        return Cursor(tuple(step.subgraph), fills=task.cursor.fills).unrolled(), dict(task.values)

    def after_child(self, task: Task, values: Values) -> Values:
        """Return the write of a node whose child graph has ended with these values."""
        if runs_probe_child(task.script, task.node, task.cursor):
            emitted = self._results(task, Step(result="") if task.cursor.step is None else task.cursor.step)
            task.show(emitted)
            return {"messages": emitted, STEPS: values[STEPS]}
        # A child graph shares the parent's channels. Only messages that it added or changed are its write, otherwise
        # the parent would merge its own messages again.
        known = {message["id"]: message for message in task.values["messages"]}
        emitted = [message for message in values["messages"] if known.get(message["id"]) != message]
        channels = {name: values[name] for name in task.script.reducers if name in values}
        return {**channels, "messages": emitted}

    async def _work(self, play: _StepPlay) -> Values:
        """Play the scripted part of a step, in the order in which `Step` lists what a step can do."""
        step, task = play.scripted, play.task
        # First, as `interrupt()` at the start of a node: a resumed node is played again from its beginning, so
        # nothing before the interrupt may have an effect.
        if step.interrupt is not None and not task.resumed:
            raise Paused(fill(step.interrupt.value, task.cursor.fills))
        for event in step.custom:
            task.custom(fill(event, task.cursor.fills))
        emitted: list[Message] = []
        if step.speaks:
            emitted.append(await self._speak(play))
        else:
            await self._take(task, play.takes)
            await self._hold(play)
            emitted += self._results(task, step)
        emitted += messages.coerce_all(fill(step.messages, task.cursor.fills), task.ids.uuid4)
        task.show(emitted[1 if step.speaks else 0 :])
        # After all output: a node that fails has streamed what it emitted, and only its write is lost.
        if step.error is not None:
            raise _exception(step.error, task.cursor.fills)
        channels: Values = fill(step.channels, task.cursor.fills)
        return {"messages": emitted, **channels} if step.writes_messages else channels

    async def _speak(self, play: _StepPlay) -> Message:
        """Emit the model's message in pieces, and return it."""
        step, task = play.scripted, play.task
        text = fill(step.say, task.cursor.fills) if step.say is not None else ""
        message = _message(play, text)
        whole = not isinstance(text, str) or (step.say is None and bool(step.calls))
        pieces = [""] if whole else ([fill(one, task.cursor.fills) for one in step.tokens or ()] or tokens(text))
        spoken, half, wanted = 0, max(1, len(pieces) // 2), False
        each, begin = play.takes / len(pieces), self._clock.of(task.thread_id).now
        for number, piece in enumerate(pieces, start=1):
            # Whether a client listens is asked once per turn and not per piece:
            # it can only change while other tasks run.
            if play.takes or number % PIECES_A_TURN == 1:
                await self._take(task, each, due=begin + number * each)
                wanted = task.wants_pieces()
            spoken += len(piece)
            if wanted:
                # The official server sends tool calls with the last chunk of a message.
                last = number == len(pieces)
                task.emit(NodeOutput(message) if whole else NodeOutput(message, piece, spoken, last))
            # The middle of an answer is where a test holds a run to interrupt
            # it: half of the tokens are streamed, and nothing is written.
            if number == half:
                if not whole:
                    await play.step.reach("token")
                await self._hold(play)
                # Asked again: during the hold a client may have joined, or the run may have been stopped.
                wanted = task.wants_pieces()
        return message

    def _results(self, task: Task, step: Step) -> list[Message]:
        """Return the results that a step gives to the tool calls of the last message."""
        calls, given = pending_calls(task.values), step.results
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
            await self._gates.pass_point(play.scripted.hold, play.task.thread_id, play.task.run_id, closed=True)

    async def _take(self, task: Task, seconds: float, *, due: float | None = None) -> None:
        """Let scripted time pass. Without a duration, give other tasks a turn.

        `due` is the time at which the delay should be over. If that is already past, the delay is skipped.
        """
        # The event loop sleeps for a millisecond or more, so thousands of short pieces would take a hundred times as
        # long as scripted. Only real time is ever late.
        clock = self._clock.of(task.thread_id)
        if not seconds or (due is not None and clock.now >= due + TOLERATED):
            await asyncio.sleep(0)
        else:
            await clock.sleep(seconds)
        if seconds:
            task.timeline.spend(seconds)


TOLERATED: Final = 1e-6
"""The scripted seconds by which `HandClock` may differ from a sum of delays, because floats are rounded."""


class _StepPlay(Struct, frozen=True):
    """A step of the script while it is played."""

    task: Task
    scripted: Step
    step: StepPlayer
    takes: float
    """The seconds of scripted time."""


def _message(play: _StepPlay, text: str | list[Any]) -> Message:
    """Return the model's text and tool calls as one message."""
    task = play.task
    fills, ids = task.cursor.fills, task.ids
    calls = [
        {"name": call.tool, "args": fill(call.args, fills), "id": fill(call.id, fills) or f"call_{ids.hex()[:24]}"}
        for call in play.scripted.calls
    ]
    content: str | list[Any] = text
    if calls and task.script.content == "blocks":
        uses = [{"id": one["id"], "input": one["args"], "name": one["name"], "type": "tool_use"} for one in calls]
        blocks = [{"type": "text", "text": text}] if text and isinstance(text, str) else text or []
        content = [*blocks, *uses]
    # The prefix that LangChain gives to the messages of streaming chat models.
    return messages.ai(content, f"lc_run--{ids.uuid7(task.timeline.moment())}", calls)


def _with_text(content: str | list[Any], text: str, *, rest: bool) -> str | list[Any]:
    """Return a message's content with another text. With `rest`, the other content blocks follow."""
    if isinstance(content, str):
        return text
    others = [block for block in content if not (isinstance(block, dict) and block.get("type") == "text")]
    return [{"type": "text", "text": text}, *(others if rest else ())]


def _exception(error: str | Failure, fills: Mapping[str, str]) -> Exception:
    failure = error if isinstance(error, Failure) else Failure(message=error)
    kind: type[Exception] = type(failure.type, (Exception,), {})
    return kind(fill(failure.message, fills))
