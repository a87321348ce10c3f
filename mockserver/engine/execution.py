"""The execution of one run: its input, its steps, and what each leaves in the history and the stream.

Nothing is awaited between the end of a step and its checkpoint, so a run is either before a step or after it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final, Literal, NoReturn

from msgspec import UNSET
from msgspec.structs import replace

from mockserver.agent import graph
from mockserver.agent.agent import Said, ScriptedAgent, Task, calls_answered
from mockserver.agent.step import Paused
from mockserver.core.checkpoints import START, Checkpoint, Mark, Source, Values
from mockserver.core.commands import answer_to, check_answer, target_of
from mockserver.core.policy import Policy, policy_of
from mockserver.core.protocol_feed import Feeds
from mockserver.core.records import Run
from mockserver.core.script_cursor import Cursor
from mockserver.core.updates import ChildGraph, append_checkpoint, read_write
from mockserver.schemas.common import Command
from mockserver.views.protocol_events import Ended, ProtocolEvents
from mockserver.views.run_stream import RunStream

RECURSION_LIMIT: Final = 1000
"""How many steps a run may take that names no limit."""


class EmptyInputError(Exception):
    """A run without input on a thread that has nothing to go on with."""


class GraphRecursionError(Exception):
    """A run that took more steps than its `recursion_limit` allows."""


class Waits(Exception):  # noqa: N818 - nothing went wrong
    """A run that waits for a human; `question` is what a step asked, empty at a breakpoint."""

    def __init__(self, question: dict[str, Any]) -> None:
        super().__init__(question)
        self.question = question


class Execution:
    """One execution of a run. `play` does it all; what it raises, apart from cancellation, is the run's failure."""

    def __init__(self, run: Run, agent: ScriptedAgent, feeds: Feeds) -> None:
        self._run = run
        # Not a method of this object: whoever holds it would be held by it, and only the collector could part them.
        self._may_emit = partial(_may_emit, run, run.attempt)
        self._narrator = ProtocolEvents(run, feeds, self._may_emit)
        self._thread = run.thread
        self._agent = agent
        self._stream = RunStream(run, self._may_emit)
        self._answer = None if run.request.command is None else run.request.command.resume
        self._base: Checkpoint | None = None
        self._steps = 0
        self._attempt = run.attempt

    @property
    def _policy(self) -> Policy:
        return policy_of(self._thread)

    async def play(self) -> None:
        """Execute the run from its base checkpoint to its end, or to where it waits for a human."""
        self._stream.starts(self._attempt)
        self._narrator.starts()
        self._base = base = self._policy.base(self._run)
        raw = self._policy.input(self._run)
        current = self._go_on(base) if raw is None else self._take_in(base, raw)
        self._show(current, current.values)
        with contextlib.suppress(Waits):
            await self._supersteps(current, None, goes_on=raw is None)
        self._stream.ends(self._run.output)

    async def _supersteps(self, current: Checkpoint, child: ChildGraph | None, *, goes_on: bool) -> Checkpoint:
        """Play a graph superstep by superstep to its end. Raises `Waits` where it waits for a human.

        `goes_on`: the first one may have been begun before, by this run or another.
        """
        while current.next:
            self._count_step()
            current = self._placed(current, child, goes_on=goes_on)
            if child is None and not goes_on:
                self._break("interrupt_before", current.next)
            writes = await self._superstep(current, child, goes_on=goes_on)
            if not self._may_write():
                # A node that swallowed its cancellation: what it wrote is dropped, and nothing follows it.
                raise asyncio.CancelledError
            finished = current.next
            current = self._commit(current, child, writes)
            await self._policy.after_step(self._run)
            if child is None and current.next:
                self._break("interrupt_after", finished)
            goes_on = False
        return current

    async def _superstep(self, current: Checkpoint, child: ChildGraph | None, *, goes_on: bool) -> dict[str, Values]:
        """Play the nodes that are next, at the same time; what one of them has written before is not played again.

        They begin, and are written, in the order of their names, as langgraph does.
        """
        history = self._thread.history if child is None else child.history
        writes = history.pending_writes(current) if goes_on else {}
        asked: list[Waits] = []

        async def play(node: str) -> None:
            try:
                writes[node] = await self._node(node, current, child, resumed=goes_on and self._answer is not None)
            except Waits as waits:
                asked.append(waits)

        await _together([play(node) for node in sorted(current.next) if node not in writes])
        if asked:
            raise asked[0]
        return {node: writes[node] for node in sorted(current.next) if node in writes}

    async def _node(self, node: str, current: Checkpoint, child: ChildGraph | None, *, resumed: bool) -> Values:
        """Play one node; what becomes of it is noted on its task. Raises `Waits` if it waits for a human."""
        history = self._thread.history if child is None else child.history
        namespace = "" if child is None else child.namespace
        resumed = resumed and node in history.waiting_interrupts()
        task = self._task(node, current, namespace, resumed=resumed)
        calls = calls_answered(task)
        self._narrator.task_starts(current.task_id(node), node, current.values, calls, namespace)
        self._stream.task_starts(node, current, namespace)
        try:
            write = await self._step(task, current, child)
        except Paused as paused:
            if not self._may_write():
                raise asyncio.CancelledError from None
            question = {"id": self._run.ids.hex(), "value": paused.value}
            self._narrator.interrupted(question, namespace)
            self._pause(node, current, child, question)
        except Waits as waits:
            self._pause(node, current, child, waits.question)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if self._may_write():
                text = f"{type(error).__name__}({str(error)!r})"
                history.mark(current.checkpoint_id, Mark(self._run.run_id, "error", text, node))
                self._narrator.task_ends(current.task_id(node), node, namespace, error=error, calls=calls)
                self._stream.failed(node, current, error, namespace)
            raise
        if not self._may_write():
            raise asyncio.CancelledError
        history.mark(current.checkpoint_id, Mark(self._run.run_id, "result", write, node))
        self._narrator.task_ends(current.task_id(node), node, namespace, write=write, calls=calls)
        self._narrator.wrote(node, write, namespace)
        self._stream.wrote(node, current, write, namespace)
        return write

    def _count_step(self) -> None:
        asked = self._run.request.config.recursion_limit
        limit = RECURSION_LIMIT if asked is UNSET else asked
        self._steps += 1
        if self._steps > limit:
            raise GraphRecursionError(f"Recursion limit of {limit} reached without hitting a stop condition.")

    def _go_on(self, base: Checkpoint | None) -> Checkpoint:
        """The checkpoint that a run without input goes on from; where it is sent to a node, one before that node."""
        command = self._run.request.command or Command()
        history, target = self._thread.history, target_of(command, base)
        if base is None and not target:
            raise EmptyInputError("Received no input for __start__")
        if self._run.request.strict_resume:
            check_answer(self._answer, history)
        values = graph.empty_values() if base is None else history.values(base)
        if base is None or target:
            written_by = START if base is None else base.written_by
            cursor = None if base is None else base.cursor
            current = self._append(base, written_by, values, target, "fork", cursor=cursor)
        elif base is not history.head:
            current = self._append(base, base.written_by, values, base.next, "fork", cursor=base.cursor)
        else:
            current = base
        if command.written is not None:
            write = read_write(command.written, self._run.ids.uuid4, self._thread.script.reducers)
            values = self._written(values, write)
            self._thread.history.mark(current.checkpoint_id, Mark(self._run.run_id, "values", values))
        return replace(current, values=values)

    def _take_in(self, base: Checkpoint | None, raw: Any) -> Checkpoint:
        """Take up the input: one checkpoint that has it still before it, and one behind it."""
        values = self._thread.history.values(base) if base is not None else graph.empty_values()
        # Read before anything is written: an input that cannot be read leaves no trace.
        write = read_write(raw, self._run.ids.uuid4, self._thread.script.reducers)
        updated = self._written(values, write)
        cursor = graph.enter(self._run, updated)
        received = self._append(base, START, values, (START,), "input")
        self._stream.checkpoint(received)
        self._thread.history.mark(received.checkpoint_id, Mark(self._run.run_id, "result", raw, START))
        entry = self._policy.entry(self._run, base, cursor.next[0])
        following = cursor.next if entry == cursor.next[0] else (entry,)
        return self._append(received, START, updated, following, "loop", cursor=cursor)

    def _placed(self, current: Checkpoint, child: ChildGraph | None, *, goes_on: bool) -> Checkpoint:
        """The checkpoint with its place in the script: at a step of its node, and past an answered question."""
        cursor = current.cursor or graph.locate(self._run, current.values)
        asked = (self._thread.history if child is None else child.history).waiting_interrupts()
        if goes_on and self._answer is not None and asked:
            cursor = cursor.answered(answer_to(self._answer, [question["id"] for question in asked.values()]))
        return replace(current, cursor=cursor.at_node(graph.scripted_node(current.next[0])))

    def _task(self, node: str, current: Checkpoint, namespace: str, *, resumed: bool) -> Task:
        return Task(
            node=node,
            values=current.values,
            script=self._thread.script,
            cursor=current.cursor or Cursor(),
            configurable=self._run.configurable,
            thread_id=self._thread.thread_id,
            run_id=self._run.run_id,
            ids=self._run.ids,
            timeline=self._thread.timeline,
            resumed=resumed,
            say=lambda said: self._say(node, current, said, namespace),
            heard=self._is_heard,
            custom=lambda data: self._custom(data, namespace),
        )

    async def _step(self, task: Task, current: Checkpoint, child: ChildGraph | None) -> Values:
        begins = self._agent.child_begins(task) if child is None else None
        if begins is None:
            return await self._agent.run(task)
        playing = self._told_of_child(task.node, current, self._play_child(task.node, current, *begins))
        return self._agent.after_child(task, await self._policy.play_child(self._run, playing))

    async def _told_of_child(self, node: str, current: Checkpoint, playing: Coroutine[Any, Any, Values]) -> Values:
        """Play a child graph, and tell that it begins and how it ends."""
        namespace = current.namespace(node)
        ended: Ended = "failed"
        self._narrator.child_starts(node, current.task_id(node), namespace)
        try:
            values = await playing
            ended = "completed"
        except (Waits, asyncio.CancelledError):
            ended = "interrupted"
            raise
        finally:
            # The worker that a server lost tells nobody anything.
            if self._attempt == self._run.attempt:
                self._narrator.child_ends(node, ended, namespace)
        return values

    async def _play_child(self, node: str, current: Checkpoint, cursor: Cursor, values: Values) -> Values:
        """Play the child graph of a node to its end, from where it was left if it was begun before."""
        namespace = current.namespace(node)
        child = ChildGraph(node, self._thread.history.child(namespace), namespace, current)
        begun = child.history.head
        if begun is None:
            received = self._append(None, START, {"steps": []}, (START,), "input", child)
            entered = self._append(received, START, values, cursor.next, "loop", child, cursor)
            self._stream.checkpoint(received, namespace)
            self._show(entered, values, namespace)
            return (await self._supersteps(entered, child, goes_on=False)).values
        return (await self._supersteps(begun, child, goes_on=True)).values

    def _commit(self, current: Checkpoint, child: ChildGraph | None, writes: dict[str, Values]) -> Checkpoint:
        """Make what the nodes of a superstep wrote part of the state."""
        values, cursor = current.values, current.cursor or Cursor()
        for write in writes.values():
            values = self._written(values, write)
        cursor = cursor.passed() if child is not None else graph.follow(self._run, cursor, values)
        following = graph.nodes_at(cursor, self._run.configurable)
        written = self._append(current, list(writes)[-1], values, following, "loop", child, cursor)
        self._show(written, values, "" if child is None else child.namespace)
        return written

    def _pause(self, node: str, current: Checkpoint, child: ChildGraph | None, question: dict[str, Any]) -> NoReturn:
        """Leave the question on the task and in the stream; the run ends here."""
        history = self._thread.history if child is None else child.history
        namespace = "" if child is None else child.namespace
        history.mark(current.checkpoint_id, Mark(self._run.run_id, "interrupt", question, node))
        self._narrator.task_ends(current.task_id(node), node, namespace, question=question)
        shown = [{"value": question["value"], "id": question["id"], "response_schema": None}]
        self._note_output(current, {**current.values, "__interrupt__": shown}, namespace)
        self._stream.interrupted(node, current, question, namespace)
        raise Waits(question)

    def _break(self, when: Literal["interrupt_before", "interrupt_after"], nodes: tuple[str, ...]) -> None:
        """Raises `Waits` where the request asked the run to wait, without a question."""
        asked = getattr(self._run.request, when)
        if asked is not None and (asked == "*" or set(asked) & set(nodes)):
            self._stream.breakpoint()
            raise Waits({})

    def _written(self, values: Values, write: Values) -> Values:
        return graph.written(values, write, self._thread.script.reducers)

    def _append(
        self,
        parent: Checkpoint | None,
        node: str,
        values: Values,
        following: tuple[str, ...],
        source: Source,
        child: ChildGraph | None = None,
        cursor: Cursor | None = None,
    ) -> Checkpoint:
        return append_checkpoint(
            self._thread,
            parent,
            node=node,
            values=values,
            following=following,
            source=source,
            run=self._run,
            child=child,
            cursor=cursor,
        )

    def _may_write(self) -> bool:
        return self._attempt == self._run.attempt and self._policy.may_write(self._run)

    def _show(self, checkpoint: Checkpoint, values: Values, namespace: str = "") -> None:
        """Let everybody see the state as it is now, at a checkpoint."""
        self._note_output(checkpoint, values, namespace)
        self._stream.values(values, namespace)
        self._stream.checkpoint(checkpoint, namespace)

    def _note_output(self, checkpoint: Checkpoint, values: Values, namespace: str) -> None:
        if not namespace and self._may_emit():
            self._run.output = values
        self._narrator.values(checkpoint, values, namespace)

    def _custom(self, data: Any, namespace: str) -> None:
        self._narrator.custom(data, namespace)
        self._stream.custom(data)

    def _is_heard(self) -> bool:
        """Whether somebody asked for the pieces of messages."""
        return self._stream.wants_messages or self._narrator.has_feed

    def _say(self, node: str, current: Checkpoint, said: Said, namespace: str) -> None:
        self._narrator.message(node, said, namespace)
        self._stream.message(node, current, said)


def _may_emit(run: Run, attempt: int) -> bool:
    """Whether an execution of a run may still be heard: not that of a lost worker."""
    return attempt == run.attempt and policy_of(run.thread).may_emit(run)


async def _together(works: list[Coroutine[Any, Any, None]]) -> None:
    """Await several works. When one fails, or the waiting task is cancelled, the others are stopped and awaited."""
    if len(works) == 1:
        return await works[0]
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
