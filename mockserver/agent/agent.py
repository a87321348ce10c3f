"""The scripted agent: it plays the steps of a script under the probe contract."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from mockserver.agent.gates import Gates
from mockserver.agent.graph import (
    AUDIT,
    CHILD,
    CHILD_NODES,
    channels,
    known_values,
    open_calls,
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
from mockserver.core.messages import Message, agent_of
from mockserver.core.script_cursor import Cursor, Fills, as_text, fill
from mockserver.core.store import Store, check_namespace
from mockserver.script.actions import Failure, Output, Result, StoreWrite
from mockserver.script.shapes import Reducer
from mockserver.script.states import State, begun
from mockserver.script.tasks import is_sent, node_of
from mockserver.script.types import STEPS, TOOLS, Script, Step, tokens

PIECES_A_TURN: Final = 16
"""The number of pieces of an untimed answer per turn of the event loop, so that a long answer does not block it."""


class NodeOutput(Struct, frozen=True):
    """The output of a node: a message, or the piece of an answer that ends after `spoken` characters.

    `by_model`: the model emits it. Its text comes in pieces, and its tool calls with the last piece. Any other message
    is emitted whole. `of_child`: a message of the node's child graph, which the node returns as its own.
    """

    message: Message
    token: str | None = None
    spoken: int = 0
    last: bool = True
    by_model: bool = False
    of_child: bool = False

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
    state: State
    """The channels of the graph with the node."""
    cursor: Cursor
    calls: list[dict[str, Any]]
    """The tool calls that the node is about to answer."""
    fills: Fills
    """The values of {names} in its texts."""
    configurable: dict[str, Any]
    thread_id: str
    run_id: str
    ids: IdSource
    timeline: Timeline
    answers: Sequence[Any]
    """The answers to the first of the questions that the node asks."""
    open_question: str | None
    """The id of the question that is asked again, because a run continued without its answer."""
    in_blocks: bool
    """True if LangChain assembles the messages of the model from the content blocks of the newer protocol."""
    emit: Callable[[NodeOutput], None]
    wants_pieces: Callable[[], bool]
    """Returns whether a client receives the pieces of messages."""
    custom: Callable[[Any], None]

    def show(self, emitted: Sequence[Message]) -> None:
        """Emit whole messages, which no model has streamed."""
        for message in emitted:
            self.emit(NodeOutput(message))


class ChildStart(Struct, frozen=True):
    """The beginning of a child graph: its cursor, its state, and the input that its node gave it."""

    cursor: Cursor
    values: Values
    given: Values


def calls_to_answer(script: Script, task: str, cursor: Cursor, values: Values) -> list[dict[str, Any]]:
    """Return the tool calls that a task is about to answer. Tasks that answer in parallel divide them, in order."""
    step = cursor.step
    if step is None or not step.may_answer:
        return []
    answering = [node for node in step.tasks if cursor.answers_calls(node)]
    node = cursor.playing(scripted_node(script, task))
    beside = script.built_in and node_of(task) == AUDIT
    if node not in answering or beside:
        return []
    calls, index = open_calls(values), answering.index(node)
    return calls[index:] if node == answering[-1] else calls[index : index + 1]


class ScriptedAgent:
    """The player of all nodes. One instance serves all runs of a server."""

    def __init__(self, clock: Clocks, witnesses: Witnesses, gates: Gates, store: Store) -> None:
        self._clock = clock
        self._store = store
        self._witnesses = witnesses
        self._gates = gates

    async def run(self, task: Task) -> Values:
        """Play one step and return its write.

        Raises `ProbeConfigError`, the script's errors, and what `StepPlayer.play` raises.
        """
        probe = probe_of(task.script, task.configurable)
        scripted = task.cursor.at_step(task.node) or Step(node=node_of(task.node))

        def gate(point: str) -> Awaitable[None] | None:
            # In nearly all deployments no point is closed, and a coroutine for each point of each step costs.
            if not self._gates.closes(point, task.thread_id):
                return None
            return self._gates.pass_point(point, task.thread_id, task.run_id)

        step = StepPlayer(
            f"{node_of(task.node)}:{task.cursor.visit(scripted_node(task.script, task.node))}",
            probe,
            task.run_id,
            self._witnesses,
            gate,
            resumed=bool(task.answers),
            answer=task.answers[-1] if task.answers else None,
            configurable=task.configurable,
        )
        # In a run with a probe no step takes time. The witness alone paces
        # it, so that the conformance suite never waits for a script.
        play = _StepPlay(task, step, timed=probe is None)
        write = await step.play(lambda _: self._work(play, scripted))
        return {**write, STEPS: [step.entry]} if task.script.built_in else write

    def child_start(self, task: Task, ended: Sequence[Values]) -> ChildStart | None:
        """Return how the next child graph of a node begins, None for a node without a further one.

        `ended` are the final values of those that it has run.
        """
        if runs_probe_child(task.script, task.node, task.cursor):
            return None if ended else _probe_child_start(task)
        step = task.cursor.at_step(task.node)
        if step is None or len(ended) == len(step.children):
            return None
        child = step.children[len(ended)]
        # Those that work on the messages of the parent continue with what those before them have returned.
        known = {**task.values, **_returned(task, ended if step.shares_messages else ())}
        state = begun(child, task.state)
        values = known_values(state, known)
        cursor = Cursor(tuple(child.subgraph), fills=task.cursor.fills).unrolled()
        if not task.script.messages or step.shares_messages:
            return ChildStart(cursor, values, {name: known[name] for name in channels(state) if name in known})
        order = {"messages": [messages.human(_order(task, child, len(ended)), task.ids.uuid4())]}
        return ChildStart(cursor, {**values, **order}, order)

    def child_agent(self, task: Task, number: int) -> tuple[str | None, str | None]:
        """Return the name of the agent that child graph `number` of a node is, and the id of the call that made it.

        As in LangGraph, only an agent with a name has a call, and only where the call was sent to the node.
        """
        step, calls = task.cursor.at_step(task.node), task.calls if is_sent(task.node) else []
        called = calls[0] if calls else None
        agent = None if step is None or number >= len(step.children) else step.children[number].agent
        name = agent or (None if called is None else agent_of(called))
        return name, None if called is None or name is None else called["id"]

    async def after_children(self, task: Task, ended: Sequence[Values]) -> Values:
        """Return the write of a node whose child graphs have ended with these values, after what it says itself."""
        scripted = task.cursor.at_step(task.node)
        write = self._of_children(task, ended, scripted)
        # In the built-in graph a step has its result, and the configuration its child graph.
        if scripted is None or not scripted.subgraph or not scripted.writes_itself:
            return write
        own = await self.run(task)
        said = [*write.get("messages", ()), *own.get("messages", ())]
        return {**write, **own, **({"messages": said} if said else {})}

    def _of_children(self, task: Task, ended: Sequence[Values], scripted: Step | None) -> Values:
        """Return what a node writes of the final values of its child graphs."""
        if runs_probe_child(task.script, task.node, task.cursor):
            step = Step(result="") if task.cursor.step is None else task.cursor.step
            emitted = self._results(task, _filled(step, task.fills))
            task.show(emitted)
            return {"messages": emitted, STEPS: ended[-1][STEPS]}
        if scripted is not None and scripted.shares_messages:
            # A node that was sent an input of its own may have no messages.
            known = {message["id"] for message in task.values.get("messages", ())}
            for message in ended[-1].get("messages", ()):
                if message["id"] not in known:
                    task.emit(NodeOutput(message, of_child=True))
            # The whole state, as LangGraph returns it from a compiled graph that is a node.
            return _returned(task, ended)
        write = _changes(task, ended)
        speaks = scripted is not None and scripted.writes_messages
        if not speaks and (calls := task.calls):
            said = [Result(content=messages.text_of(values["messages"][-1])) for values in ended]
            # Without a call for each, the last one answers all calls.
            write["messages"] = self._results(task, said if len(calls) >= len(said) else said[-1:])
            task.show(write["messages"])
        return write

    async def _work(self, play: _StepPlay, step: Step) -> Values:
        """Play the scripted part of a step."""
        task = play.task
        # LangGraph calls the function of a resumed node from its beginning. So what comes before a question happens
        # again with each answer, and clients receive it again.
        for number, question in enumerate(step.questions):
            for earlier in question.before:
                await self._emit_output(play, earlier)
            if number == len(task.answers):
                raise Paused(fill(question.value, task.fills, typed=True))
        emitted = await self._emit_output(play, step)
        emitted += self._results(task, _filled(step, task.fills))
        # A script may leave out the content, as a node that returns a message with an empty one.
        written = [{"content": "", **one} for one in fill(step.messages, task.fills)]
        emitted += messages.coerce_all(written, task.ids.uuid4)
        task.show(emitted[1 if step.speaks else 0 :])
        # After all output: a node that fails has streamed what it emitted, and only its write is lost.
        if step.error is not None:
            raise _exception(step.error, task.fills)
        written_channels: Values = fill(step.channels, task.fills, typed=True)
        return {"messages": emitted, **written_channels} if step.writes_messages else written_channels

    async def _emit_output(self, play: _StepPlay, output: Output) -> list[Message]:
        """Emit custom events and the model's message, and return the message. Without one, only take the time."""
        for event in output.custom:
            play.task.custom(fill(event, play.task.fills, typed=True))
        if output.speaks:
            emitted = [await self._speak(play, output)]
        else:
            emitted = []
            await self._take(play.task, play.seconds(output))
            await self._hold(play.task, output)
        for write in output.store:
            self._write_item(play.task, write)
        return emitted

    def _write_item(self, task: Task, write: StoreWrite) -> None:
        """Put an item into the store, or delete it. As in LangGraph, it stays if the node or the run fails."""
        namespace, key = tuple(fill(write.namespace, task.fills)), fill(write.key, task.fills)
        check_namespace(namespace)
        if write.value is None:
            self._store.delete(namespace, key)
        else:
            value, moment = fill(write.value, task.fills, typed=True), task.timeline.moment()
            self._store.put(namespace, key, value, minutes=write.ttl, moment=moment)

    async def _speak(self, play: _StepPlay, step: Output) -> Message:
        """Emit the model's message in pieces, and return it."""
        task, takes = play.task, play.seconds(step)
        text = fill(step.say, task.fills) if step.say is not None else ""
        message = _message(task, step, text)
        whole = not isinstance(text, str) or (step.say is None and bool(step.calls))
        pieces = [""] if whole else ([fill(one, task.fills) for one in step.tokens or ()] or tokens(text))
        spoken, half, wanted = 0, max(1, len(pieces) // 2), False
        each, begin = takes / len(pieces), self._clock.of(task.thread_id).now if takes else 0.0
        for number, piece in enumerate(pieces, start=1):
            # Whether a client listens is asked once per turn and not per piece:
            # it can only change while other tasks run.
            if takes or number % PIECES_A_TURN == 1:
                await self._take(task, each, due=begin + number * each)
                wanted = task.wants_pieces()
            spoken += len(piece)
            if wanted:
                # The official server sends tool calls with the last chunk of a message.
                last = number == len(pieces)
                if whole:
                    task.emit(NodeOutput(message, by_model=True))
                else:
                    task.emit(NodeOutput(message, piece, spoken, last, by_model=True))
            # The middle of an answer is where a test holds a run to interrupt
            # it: half of the tokens are streamed, and nothing is written.
            if number == half:
                if not whole:
                    await play.step.reach("token")
                await self._hold(task, step)
                # Asked again: during the hold a client may have joined, or the run may have been stopped.
                wanted = task.wants_pieces()
        return message

    def _results(self, task: Task, given: Sequence[Result]) -> list[Message]:
        """Return the results of the tool calls that a node answers. A single one is the result of all of them."""
        calls = task.calls
        return [
            messages.tool_result(
                result.content,
                task.ids.uuid4(),
                name=call["name"],
                call_id=call["id"],
                status=result.status,
                artifact=result.artifact,
            )
            for call, result in zip(calls, list(given) * len(calls) if len(given) == 1 else given, strict=False)
        ]

    async def _hold(self, task: Task, output: Output) -> None:
        if output.hold is not None:
            await self._gates.pass_point(output.hold, task.thread_id, task.run_id, closed=True)

    async def _take(self, task: Task, seconds: float, *, due: float | None = None) -> None:
        """Let scripted time pass. Without a duration, give other tasks a turn.

        `due` is the time at which the delay should be over. If that is already past, the delay is skipped.
        """
        if not seconds:
            await asyncio.sleep(0)
            return
        # The event loop sleeps for a millisecond or more, so thousands of short pieces would take a hundred times as
        # long as scripted. Only real time is ever late.
        clock = self._clock.of(task.thread_id)
        if due is not None and clock.now >= due + TOLERATED:
            await asyncio.sleep(0)
        else:
            await clock.sleep(seconds)
        task.timeline.spend(seconds)


TOLERATED: Final = 1e-6
"""The scripted seconds by which `HandClock` may differ from a sum of delays, because floats are rounded."""


def _filled(step: Step, fills: Mapping[str, Any]) -> list[Result]:
    """Return the results of a step with the {names} in their texts replaced."""
    return [replace(result, content=fill(result.content, fills)) for result in step.results]


def _probe_child_start(task: Task) -> ChildStart:
    """Return how the child graph of a probe begins."""
    visits = dict.fromkeys(CHILD_NODES, task.cursor.visit(TOOLS) - 1)
    calls = pending_calls(task.values)
    if not calls:
        # A command may go to any node, whatever the state.
        raise ValueError(f"The node {CHILD} works on a tool call, and the last message has none.")
    given: Values = {"call": calls[0], "visit": task.cursor.visit(TOOLS), STEPS: []}
    return ChildStart(Cursor(tuple(Step(node=name) for name in CHILD_NODES), visits=visits), given, given)


def _returned(task: Task, ended: Iterable[Values]) -> Values:
    """Return the final values of child graphs in the channels that their parent has as well."""
    return {name: values[name] for values in ended for name in channels(task.state) if name in values}


def _changes(task: Task, ended: Iterable[Values]) -> Values:
    """Return what child graphs with conversations of their own have written to the channels that they share."""
    changed: Values = {}
    for values in ended:
        for name, reducer in task.state.reducers.items():
            before = task.values.get(name)
            if name not in values or values[name] == before:
                continue
            # The parent appends it once more, so only what is new.
            new = values[name][len(before or ()) :] if reducer == "append" else values[name]
            changed[name] = _reduced(reducer, changed[name], new) if name in changed else new
    return changed


def _reduced(reducer: Reducer, old: Any, new: Any) -> Any:
    """Return the write of two child graphs to a channel, of which the second one has written `new`."""
    if reducer == "replace":
        return new
    return [*old, *new] if reducer == "append" else {**old, **new}


def _order(task: Task, child: Step, number: int) -> str:
    """Return the message that a child graph begins with: the one in the script, else a text of the tool call."""
    if child.input is not None:
        return str(fill(child.input, task.fills))
    calls = task.calls or open_calls(task.values)
    args: dict[str, Any] = calls[min(number, len(calls) - 1)]["args"] if calls else {}
    texts = [value for value in (args.get("description"), *args.values()) if isinstance(value, str)]
    return texts[0] if texts else as_text(task.fills.get("text", ""))


class _StepPlay(Struct, frozen=True):
    """A step of the script while it is played."""

    task: Task
    step: StepPlayer
    timed: bool
    """Scripted time passes."""

    def seconds(self, output: Output) -> float:
        """Return the scripted time that a part of the step takes."""
        return output.takes if self.timed else 0


def _message(task: Task, step: Output, text: str | list[Any]) -> Message:
    """Return the model's text and tool calls as one message."""
    fills, ids = task.fills, task.ids
    calls = [
        {"name": call.tool, "args": fill(call.args, fills), "id": fill(call.id, fills) or f"call_{ids.hex()[:24]}"}
        for call in step.calls
    ]
    content: str | list[Any] = text
    if calls and task.script.content == "blocks":
        uses = [{"id": one["id"], "input": one["args"], "name": one["name"], "type": "tool_use"} for one in calls]
        blocks = [{"type": "text", "text": text}] if text and isinstance(text, str) else text or []
        content = [*blocks, *uses]
    # The prefix that LangChain gives to the messages of streaming chat models.
    message_id = f"lc_run--{ids.uuid7(task.timeline.moment())}"
    if task.in_blocks:
        said = messages.ai(_in_blocks(text, calls), message_id, calls)
        return {**said, "response_metadata": {"output_version": "v1"}}
    return messages.ai(content, message_id, calls)


def _in_blocks(text: str | list[Any], calls: Sequence[dict[str, Any]]) -> str | list[Any]:
    """Return the content of a message of the model in a run of the newer protocol. A message without any has no blocks.

    Measured on `langgraph dev` 0.16.7 with a node that awaits `ainvoke`, as those of `create_agent` do.
    """
    blocks = [{"type": "text", "text": text}] * bool(text) if isinstance(text, str) else text
    indexed = [{**block, "index": index} if isinstance(block, dict) else block for index, block in enumerate(blocks)]
    made = [{"type": "tool_call", **{name: call[name] for name in ("id", "name", "args")}} for call in calls]
    return [*indexed, *made] or ""


def _with_text(content: str | list[Any], text: str, *, rest: bool) -> str | list[Any]:
    """Return a message's content with another text. With `rest`, the other content blocks follow."""
    if isinstance(content, str):
        return text
    others = [block for block in content if not (isinstance(block, dict) and block.get("type") == "text")]
    first = next((block for block in content if isinstance(block, dict) and block.get("type") == "text"), {})
    return [{"type": "text", **first, "text": text}, *(others if rest else ())]


def _exception(error: str | Failure, fills: Mapping[str, Any]) -> Exception:
    failure = error if isinstance(error, Failure) else Failure(message=error)
    kind: type[Exception] = type(failure.type, (Exception,), {})
    return kind(fill(failure.message, fills))
