"""The execution of one run: its input, its steps, and their traces in the history and the streams.

Theory of operation. `play` takes up the input and then plays supersteps until no node is next. A superstep
plays its nodes concurrently. Each node's write is kept as a mark, and the last one to finish makes all of them
one checkpoint. Nothing is awaited between the end of the last node and that checkpoint. A run is therefore
either before a superstep or after it, at whatever moment it is stopped.

Cancellation. The engine cancels the task. A node may swallow that, so every point at which something would
reach the state asks `_may_write`, and every point at which something would reach a client asks `_may_emit`.
Both are false once the run has a fate, and for an execution whose worker was lost in a restart (`_attempt`). A
late write is thus dropped even if the node finishes.

Waiting for a human is an ordinary end of a run. `Waits` unwinds to `play`, the interrupt stays on the task as a
mark, and the next run with a command continues at that node.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Container, Coroutine, Mapping, Sequence
from functools import partial, reduce
from typing import Any, Final, Literal, NoReturn

from msgspec import UNSET
from msgspec.structs import replace

from mockserver.agent import graph
from mockserver.agent.agent import ChildStart, NodeOutput, ScriptedAgent, Task, calls_to_answer
from mockserver.agent.step import Paused
from mockserver.core import messages
from mockserver.core.checkpoints import START, Checkpoint, Extra, History, Mark, Source, Values
from mockserver.core.commands import added_by, answers_to, check_answer
from mockserver.core.policy import Policy, policy_of
from mockserver.core.protocol_feed import Feeds
from mockserver.core.records import Run
from mockserver.core.script_cursor import Cursor, Fills
from mockserver.core.updates import ChildGraph, append_checkpoint, child_of, read_write, run_metadata
from mockserver.schemas.common import Command
from mockserver.script.states import state_of
from mockserver.script.tasks import as_started, in_order, is_sent, node_of, nodes_pulled
from mockserver.script.types import Interrupt
from mockserver.views.protocol_events import Ended, ProtocolEvents
from mockserver.views.run_stream import RunStream, shown_interrupts

RECURSION_LIMIT: Final = 1000
"""The number of steps of a run whose request sets no limit."""


class EmptyInputError(Exception):
    """A run without input on a thread that has nothing to continue with."""


class GraphRecursionError(Exception):
    """A run that took more steps than its `recursion_limit` allows."""


class Waits(Exception):  # noqa: N818 - nothing went wrong
    """The pause of a run for a human. `questions` are the interrupts of a superstep, none at a breakpoint."""

    def __init__(self, questions: list[dict[str, Any]]) -> None:
        super().__init__(questions)
        self.questions = questions


class Execution:
    """One execution of a run. Exceptions from `play`, except cancellation, are the run's failure."""

    def __init__(self, run: Run, agent: ScriptedAgent, feeds: Feeds) -> None:
        self._run = run
        # A function and not a bound method: a method would make a reference cycle with the objects that hold it,
        # and every finished run would wait for the garbage collector.
        self._may_emit = partial(_may_emit, run, run.attempt)
        self._narrator = ProtocolEvents(run, feeds, self._may_emit)
        self._thread = run.thread
        self._agent = agent
        self._stream = RunStream(run, self._may_emit)
        self._answer = None if run.request.command is None else run.request.command.resume
        self._base: Checkpoint | None = None
        self._steps = 0
        self._attempt = run.attempt
        # Once for all checkpoints: neither the request of a run nor its configuration changes.
        self._about = run_metadata(run)
        self._received: Values = {}
        """The part of the input that was written."""

    @property
    def _policy(self) -> Policy:
        return policy_of(self._thread)

    async def play(self) -> None:
        """Execute the run from its base checkpoint to its end, or to where it waits for a human."""
        self._stream.starts(self._attempt)
        self._narrator.starts()
        self._base = base = self._policy.base(self._run)
        raw = self._policy.input(self._run)
        current = self._continue_from(base) if raw is None else self._write_input(base, raw)
        continues = raw is None and base is not None
        stored = continues and current.run_id != self._run.run_id
        emits = continues or self._is_output(self._received)
        self._emit_state(self._thread.history.with_extras(current), current.values, emits=emits, stored=stored)
        try:
            await self._supersteps(current, None, continues=continues)
        except Waits as waits:
            # Each node has added its own questions. With several nodes the result shows those of all.
            if waits.questions and self._may_emit():
                self._run.output = {**self._run.output, "__interrupt__": shown_interrupts(waits.questions)}
        self._stream.ends(self._run.output)

    async def _supersteps(self, current: Checkpoint, child: ChildGraph | None, *, continues: bool) -> Checkpoint:
        """Play a graph superstep by superstep to its end. Raises `Waits` where it waits for a human.

        `continues`: an earlier run, or an earlier attempt of this one, may have begun the first superstep.
        """
        # Only the first superstep can have tasks that a command added: those of its checkpoint.
        extras = self._thread.history.extras(current) if child is None else []
        while current.next or extras:
            self._count_step()
            current = self._with_cursor(current)
            # A run that continues from a breakpoint must not stop at the same
            # breakpoint again. Breakpoints name nodes of the parent graph.
            if not continues:
                self._check_script_breakpoint(current)
            if child is None and not continues:
                self._check_breakpoint("interrupt_before", current.next)
            writes = await self._superstep(current, child, extras, continues=continues)
            if not self._may_write():
                # A node swallowed its cancellation. Its write is dropped, and the run ends here.
                raise asyncio.CancelledError
            # No await between the check above and this line: a stop cannot come between them.
            current = self._commit(current, child, writes, extras)
            # After the checkpoint, so that whatever happens during this wait finds a complete state.
            await self._policy.after_step(self._run)
            if child is None and current.next:
                self._check_breakpoint("interrupt_after", tuple(writes))
            continues, extras = False, []
        return current

    async def _superstep(
        self, current: Checkpoint, child: ChildGraph | None, extras: list[Extra], *, continues: bool
    ) -> dict[str, Values]:
        """Play the next nodes and `extras` concurrently, except those whose writes are kept from an earlier run.

        They start, and their writes apply, in the order of their names, as in LangGraph. Tasks that share a node with
        others, or were sent an input, start before them, and their writes apply after them.
        """
        history = self._thread.history if child is None else child.history
        namespace = "" if child is None else child.namespace
        seen_by = self._seen_by(current, extras)
        kept = history.pending_writes(history.with_extras(current)) if continues else {}
        writes, pauses = dict(kept), dict[str, Waits]()

        async def play(task: Task) -> None:
            try:
                writes[task.node] = await self._node(task, seen_by[task.node], child, alone=len(tasks) == 1)
            except Waits as waits:
                # Not raised here: the other nodes of the superstep finish first, and their writes are kept as marks.
                pauses[task.node] = waits

        # Every node is announced before one of them plays, those that have finished earlier included.
        open_to_answer = self._open_to_answer(history, seen_by, kept) if continues else frozenset()
        inputs, tasks = {extra.key: _as_values(extra.input) for extra in extras if extra.is_sent}, []
        for node in as_started(seen_by):
            entered = replace(seen_by[node], values=inputs[node]) if node in inputs else seen_by[node]
            if node in kept:
                calls = self._task(node, entered, namespace, [], None).calls if is_sent(node) else ()
                self._stream.task_starts(node, entered, namespace, calls=calls, kept=True)
            else:
                values = self._read_sent(entered.values) if node in inputs else current.values
                tasks.append(self._begin(node, entered, values, child, takes_answer=node in open_to_answer))
        for node in as_started(kept):
            self._stream.kept(node, kept[node], namespace)
        await _gather([play(task) for task in tasks])
        finished = {node: writes[node] for node in in_order(seen_by) if node in writes}
        if pauses:
            if child is None and finished:
                self._stream.values(self._shown(reduce(self._written, finished.values(), current.values)), namespace)
            raise Waits([question for node in as_started(pauses) for question in pauses[node].questions])
        return finished

    def _seen_by(self, current: Checkpoint, extras: list[Extra]) -> dict[str, Checkpoint]:
        """Return the checkpoint as the tasks of a superstep see it. For one of `extras` only its own node is next."""
        seen_by, cursor = dict.fromkeys(current.next, current), current.cursor or Cursor()
        keys = {extra.key for extra in extras}
        visiting = Counter(node_of(task) for task in current.next if task not in keys) if extras else Counter()
        for extra in extras:
            at = graph.sent_to(self._run, cursor, extra.node, visiting[extra.node])
            at = at.with_input(extra.input) if extra.is_sent else at
            seen_by[extra.key] = replace(current, next=(extra.key,), task_ids=(extra.task_id,), cursor=at)
            visiting[extra.node] += 1
        return seen_by

    def _begin(
        self, node: str, current: Checkpoint, values: Values, child: ChildGraph | None, *, takes_answer: bool
    ) -> Task:
        """Announce a node, and return its task, which sees `values`.

        `takes_answer`: the answer of the run may be for what the node has not asked yet.
        """
        history = self._thread.history if child is None else child.history
        namespace = "" if child is None else child.namespace
        asked = [question["id"] for question in history.waiting_interrupts().get(node, ())]
        given = [answer for question in asked for answer in answers_to(self._answer, question)]
        if takes_answer:
            given += answers_to(self._answer, None)
        answers = [self._policy.answer_given(self._run, answer) for answer in given]
        earlier = history.last_mark(current.checkpoint_id, "resume", node) or []
        again = None if answers or not asked else asked[0]
        seen = current if values is current.values else replace(current, values=values)
        task = self._task(node, seen, namespace, [*earlier, *answers], again)
        self._narrator.task_starts(current.task_id(node), node, current.values, task.calls, namespace)
        self._stream.task_starts(node, current, namespace, calls=task.calls if is_sent(node) else ())
        return task

    async def _node(self, task: Task, current: Checkpoint, child: ChildGraph | None, *, alone: bool) -> Values:
        """Play one node and report its child graphs as ended behind it, as the official server does."""
        try:
            return await self._play_node(task, current, child, alone=alone)
        finally:
            # A lost worker reports nothing: its run is executed again, and the new attempt reports.
            if self._attempt == self._run.attempt:
                self._narrator.children_end(current.task_id(task.node))

    async def _play_node(self, task: Task, current: Checkpoint, child: ChildGraph | None, *, alone: bool) -> Values:
        """Play one node and record its outcome on its task. Raises `Waits` if it waits for a human.

        `alone`: no other node runs in this superstep.
        """
        node, calls = task.node, task.calls
        history = self._thread.history if child is None else child.history
        namespace = "" if child is None else child.namespace
        try:
            write = await self._step(task, current, child)
        except Paused as paused:
            if not self._may_write():
                raise asyncio.CancelledError from None
            question = {"id": task.open_question or self._run.ids.hex(), "value": paused.value}
            self._narrator.interrupted(question, namespace)
            self._pause(task, current, child, [question])
        except Waits as waits:
            if not waits.questions:
                # A breakpoint in the child graph asks nothing, so it leaves no trace on the task.
                raise
            self._pause(task, current, child, waits.questions)
        except asyncio.CancelledError:
            if self._records_cancellation(child, alone=alone):
                history.mark(current.checkpoint_id, Mark(self._run.run_id, "error", "CancelledError()", node))
            raise
        except Exception as error:
            if self._may_write():
                # Python's form of an exception, which the official server shows in `tasks[].error`.
                text = f"{type(error).__name__}({str(error)!r})"
                history.mark(current.checkpoint_id, Mark(self._run.run_id, "error", text, node))
                self._narrator.task_ends(current.task_id(node), node_of(node), namespace, error=error, calls=calls)
                self._stream.failed(node, current, error, namespace)
            raise
        if not self._may_write():
            raise asyncio.CancelledError
        self._note_answers(task, current, history)
        history.mark(current.checkpoint_id, Mark(self._run.run_id, "result", write, node))
        self._narrator.task_ends(current.task_id(node), node_of(node), namespace, write=write, calls=calls)
        self._narrator.wrote(node_of(node), write, namespace)
        self._stream.wrote(node, current, write, namespace)
        return write

    def _open_to_answer(
        self, history: History, seen_by: Mapping[str, Checkpoint], kept: Container[str]
    ) -> frozenset[str]:
        """Return the tasks that get an answer to no open question: the first to ask, or all if no script asks.

        Such an answer follows an update of the state or a breakpoint. It waits for the first question.
        """
        if self._answer is None or history.waiting_interrupts():
            return frozenset()
        waiting = [task for task in in_order(seen_by) if task not in kept]
        asking = [task for task in waiting if _questions(seen_by[task], task)]
        return frozenset(asking[:1] or waiting)

    def _note_answers(self, task: Task, current: Checkpoint, history: History) -> None:
        """Record the answers of a node, for its next question and for the steps behind it."""
        if task.answers:
            mark = Mark(self._run.run_id, "resume", list(task.answers), task.node)
            history.mark(current.checkpoint_id, mark)

    def _count_step(self) -> None:
        asked = self._run.request.config.recursion_limit
        if asked is not UNSET and asked < 1:
            # The text of LangGraph.
            raise ValueError("recursion_limit must be at least 1")
        limit = RECURSION_LIMIT if asked is UNSET else asked
        self._steps += 1
        if self._steps > limit:
            raise GraphRecursionError(f"Recursion limit of {limit} reached without hitting a stop condition.")

    def _continue_from(self, base: Checkpoint | None) -> Checkpoint:
        """Return the checkpoint from which a run without input continues, with the tasks that a `goto` adds to it."""
        command, history = self._run.request.command or Command(), self._thread.history
        check_answer(self._answer, history, strict=self._run.request.strict_resume)
        if base is None:
            return self._begin_with(command)
        # The tasks that an earlier command added to an older checkpoint are not continued with it.
        known = history.extras(base) if base is history.head else []
        added = self._added_by(command, [*base.next, *(extra.key for extra in known)])
        values = graph.known_values(self._run.script, history.values(base))
        if (stored := history.last_mark(base.checkpoint_id, "input")) is not None:
            current = self._take_input(base, stored)
            values = current.values
        elif base is not history.head or (self._run.request.command is None and self._names_checkpoint):
            # Time travel: the run branches from a checkpoint, an older one or, named without a command, the newest.
            # The fork becomes the newest checkpoint, so the thread's state is the branch.
            current = self._append(base, base.written_by, values, base.next, "fork", cursor=base.cursor)
        else:
            current = base
        self._add(added, current)
        if command.written is not None:
            write = read_write(command.written, self._run.ids.uuid4, self._run.script)
            values = self._written(values, write)
            self._thread.history.mark(current.checkpoint_id, Mark(self._run.run_id, "values", values))
            if added and not base.next and _ends_with_human(write):
                # The last turn is over, so the node of the `goto` answers this message.
                current = replace(current, cursor=graph.enter(self._run, values))
        return replace(current, values=values)

    def _begin_with(self, command: Command) -> Checkpoint:
        """Return the first checkpoint of a thread whose first run has no input, or a command in its place.

        LangGraph takes the command for the input: the graph is entered, and `goto` adds to its first superstep.
        """
        if not command.targets:
            raise EmptyInputError("Received no input for __start__")
        added = self._added_by(command, ())
        return self._write_input(None, {} if command.written is None else command.written, added)

    def _added_by(self, command: Command, planned: Sequence[str]) -> list[Extra]:
        """Return the tasks that a command adds to those that are planned. Raises ValueError for an unreadable input."""
        added = added_by(command, planned, graph.nodes(self._run.script), self._run.ids.uuid4)
        for extra in added:
            self._read_sent(_as_values(extra.input))
        return added

    def _add(self, added: list[Extra], current: Checkpoint) -> None:
        if added:
            self._thread.history.mark(current.checkpoint_id, Mark(self._run.run_id, "goto", added))

    @property
    def _names_checkpoint(self) -> bool:
        return self._run.request.requested_checkpoint is not None

    def _read_sent(self, given: Values) -> Values:
        """Return the input that a node was sent as the state that the node sees. Raises ValueError."""
        if not self._run.script.messages or given.get("messages") is None:
            return {name: value for name, value in given.items() if name != "messages"}
        return {**given, "messages": messages.coerce_all(given["messages"], self._run.ids.uuid4)}

    def _write_input(self, base: Checkpoint | None, raw: Any, added: Sequence[Extra] = ()) -> Checkpoint:
        """Write the input: one checkpoint that has it still pending, and one that contains it.

        `added` are the tasks that play beside those of the entry.
        """
        before = {} if base is None else self._thread.history.values(base)
        values = graph.known_values(self._run.script, before)
        # Read before anything is written: an input that cannot be read leaves no trace.
        updated = self._read_input(values, raw)
        received = self._append(base, START, values, (START,), "input")
        self._stream.checkpoint(received)
        return self._enter(received, base, raw, updated, added)

    def _take_input(self, received: Checkpoint, raw: Any) -> Checkpoint:
        """Take the input that an update has stored, and return the checkpoint that contains it."""
        return self._enter(received, received, raw, self._read_input(received.values, raw))

    def _read_input(self, values: Values, raw: Any) -> Values:
        """Return the state with the input. Raises ValueError."""
        write = read_write(raw, self._run.ids.uuid4, self._run.script)
        inputs = self._run.script.graph.schemas.inputs
        if inputs is not None:
            write = {name: value for name, value in write.items() if name in inputs}
        self._received = write
        return self._written(values, write)

    def _enter(
        self,
        received: Checkpoint,
        base: Checkpoint | None,
        raw: Any,
        updated: Values,
        added: Sequence[Extra] = (),
    ) -> Checkpoint:
        cursor = graph.enter(self._run, updated)
        self._thread.history.mark(received.checkpoint_id, Mark(self._run.run_id, "result", raw, START))
        entry = self._policy.entry(self._run, base, cursor.next[0])
        following = cursor.next if entry == cursor.next[0] else (entry,)
        beside = [extra for extra in added if extra.key not in following]
        planned = (*following, *(extra.key for extra in beside))
        entered = self._append(received, START, updated, planned, "loop", cursor=cursor, played=(START,))
        self._add([replace(extra, task_id=entered.task_id(extra.key)) for extra in beside], entered)
        return entered

    def _with_cursor(self, current: Checkpoint) -> Checkpoint:
        """Return the checkpoint with its cursor at a step of its node."""
        cursor = current.cursor or graph.locate(self._run, current.values)
        if current.next:
            cursor = cursor.at_node(graph.scripted_node(self._run.script, current.next[0]))
        return current if cursor is current.cursor else replace(current, cursor=cursor)

    def _task(
        self, node: str, current: Checkpoint, namespace: str, answers: list[Any], open_question: str | None
    ) -> Task:
        script, values = self._run.script, current.values
        cursor = (current.cursor or Cursor()).heard(node, answers)
        return Task(
            node=node,
            values=values,
            script=script,
            state=state_of(script, namespace),
            cursor=cursor,
            calls=calls_to_answer(script, node, cursor, values),
            fills=Fills(cursor.fills, values),
            configurable=self._policy.configurable(self._run),
            thread_id=self._thread.thread_id,
            run_id=self._run.run_id,
            ids=self._run.ids,
            timeline=self._thread.timeline,
            answers=answers,
            open_question=open_question,
            in_blocks=self._run.by_protocol and not script.built_in,
            emit=lambda emitted: self._emit(node, current, emitted, namespace),
            wants_pieces=self._wants_pieces,
            custom=lambda data: self._custom(data, namespace),
        )

    async def _step(self, task: Task, current: Checkpoint, child: ChildGraph | None) -> Values:
        ended: list[Values] = []
        while (begins := self._agent.child_start(task, ended)) is not None:
            inner = child_of(self._thread.history if child is None else child, task.node, current, len(ended))
            agent, call = self._agent.child_agent(task, len(ended))
            playing = self._report_child(inner, begins.values, self._play_child(inner, begins), agent, call)
            ended.append(await self._policy.play_child(self._run, playing))
        return await (self._agent.after_children(task, ended) if ended else self._agent.run(task))

    async def _report_child(
        self,
        child: ChildGraph,
        begins: Values,
        playing: Coroutine[Any, Any, Values],
        agent: str | None,
        call: str | None,
    ) -> Values:
        """Play a child graph, and report its start and its end. `agent` is its name, `call` the call that made it."""
        node, current, namespace = child.node, child.parent, child.namespace
        ended: Ended = "failed"
        failure: str | None = None
        name = agent or node_of(node)
        self._narrator.child_starts(name, current.task_id(node), namespace, call)
        self._stream.child_starts(node, current, begins, child.outer)
        try:
            values = await playing
            ended = "completed"
            self._stream.child_ends(node, current, values, child.outer)
        except (Waits, asyncio.CancelledError):
            ended = "interrupted"
            raise
        except Exception as error:
            failure = str(error)
            raise
        finally:
            self._narrator.child_ends(name, current.task_id(node), ended, namespace, failure)
        return values

    async def _play_child(self, child: ChildGraph, begins: ChildStart) -> Values:
        """Play a child graph to its end, continuing it if it was begun before."""
        begun, namespace = child.history.head, child.namespace
        if begun is None:
            # The child graph of a probe has fewer channels than its parent, and one of several may have fewer, too.
            empty = graph.empty_values(state_of(self._run.script, namespace))
            values = {name: value for name, value in empty.items() if name in begins.values}
            received = self._append(None, START, values, (START,), "input", child)
            child.history.mark(received.checkpoint_id, Mark(self._run.run_id, "result", begins.given, START))
            cursor = begins.cursor
            entered = self._append(received, START, begins.values, cursor.next, "loop", child, cursor, (START,))
            self._stream.checkpoint(received, namespace)
            self._emit_state(entered, begins.values, namespace)
            return (await self._supersteps(entered, child, continues=False)).values
        self._emit_state(begun, begun.values, namespace, stored=True)
        return (await self._supersteps(begun, child, continues=True)).values

    def _commit(
        self, current: Checkpoint, child: ChildGraph | None, writes: dict[str, Values], extras: list[Extra]
    ) -> Checkpoint:
        """Append the checkpoint with the writes of a superstep."""
        history = self._thread.history if child is None else child.history
        answers = {task: history.last_mark(current.checkpoint_id, "resume", task) or () for task in writes}
        state = state_of(self._run.script, "" if child is None else child.namespace)
        values = current.values
        for write in writes.values():
            values = graph.apply_write(values, write, state)
        if child is None:
            cursor = self._after(current, extras, answers, values)
        else:
            cursor = (current.cursor or Cursor()).answered(answers).passed()
        following = graph.nodes_at(self._run.script, cursor, self._run.configurable)
        nodes = nodes_pulled(writes)
        written = self._append(current, list(writes)[-1], values, following, "loop", child, cursor, nodes)
        emits = any(self._is_output(write, inside=child is not None) for write in writes.values())
        self._emit_state(written, values, "" if child is None else child.namespace, emits=emits)
        return written

    def _after(
        self, current: Checkpoint, extras: list[Extra], answers: Mapping[str, Sequence[Any]], values: Values
    ) -> Cursor:
        """Return the cursor after a superstep that has led to `values`.

        A cursor has one next step. Whatever a command added, a thread that had a next step continues behind it.
        """
        cursor = current.cursor or Cursor()
        own = cursor.answered({task: answers[task] for task in current.next})
        if not extras:
            return graph.follow(self._run, own, values)
        seen_by = self._seen_by(current, extras)
        # The fields of an input are for the texts of its own task.
        sent = {one.key: replace(seen_by[one.key].cursor or cursor, fills=cursor.fills) for one in extras}
        added = [at.answered({at.playing(task): answers[task]}) for task, at in sent.items()]
        played = [own] if current.next else added
        reached = [graph.follow(self._run, one, values) for one in played]
        ended = reached[0] if current.next else replace(cursor, index=len(cursor.steps))
        after = next((one for one in reached if one.step is not None), ended)
        return after.with_visits(one.passed().visits for one in (*played, *added))

    def _pause(
        self, task: Task, current: Checkpoint, child: ChildGraph | None, questions: list[dict[str, Any]]
    ) -> NoReturn:
        """Record the interrupts on the task, stream them, and raise `Waits`."""
        history = self._thread.history if child is None else child.history
        namespace = "" if child is None else child.namespace
        self._note_answers(task, current, history)
        history.mark(current.checkpoint_id, Mark(self._run.run_id, "interrupt", questions, task.node))
        self._narrator.task_ends(current.task_id(task.node), node_of(task.node), namespace, questions=questions)
        shown = shown_interrupts(questions)
        values = current.values if namespace else self._shown(current.values)
        self._note_output(current, {**values, "__interrupt__": shown}, namespace)
        self._stream.interrupted(task.node, replace(current, values=values), shown, namespace)
        raise Waits(questions)

    def _check_breakpoint(self, when: Literal["interrupt_before", "interrupt_after"], nodes: tuple[str, ...]) -> None:
        """Raise `Waits` at a breakpoint of the request."""
        asked = getattr(self._run.request, when)
        if asked and (asked == "*" or set(asked) & {node_of(task) for task in nodes}):
            self._stream.breakpoint()
            raise Waits([])

    def _check_script_breakpoint(self, current: Checkpoint) -> None:
        """Raise `Waits` if the script has a breakpoint before the next step."""
        step = None if current.cursor is None else current.cursor.step
        if step is not None and (step.breakpoint or any(part.breakpoint for part in step.parts)):
            self._stream.breakpoint()
            raise Waits([])

    def _written(self, values: Values, write: Values) -> Values:
        return graph.apply_write(values, write, self._run.script)

    def _append(
        self,
        parent: Checkpoint | None,
        node: str,
        values: Values,
        following: tuple[str, ...],
        source: Source,
        child: ChildGraph | None = None,
        cursor: Cursor | None = None,
        played: tuple[str, ...] = (),
    ) -> Checkpoint:
        return append_checkpoint(
            self._thread,
            parent,
            node=node,
            values=values,
            following=following,
            source=source,
            run=self._run,
            about=self._about,
            child=child,
            cursor=cursor,
            played=played,
        )

    def _records_cancellation(self, child: ChildGraph | None, *, alone: bool) -> bool:
        """Return whether a node that is cancelled leaves an error on its task.

        LangGraph stores the error of a node only if it waits for the node: beside other nodes always, and alone in the
        outermost graph if the stream modes let a node emit by itself. A run that stores its checkpoints at its end is
        too late for that, and one that is executed again after a restart was not cancelled.
        """
        run = self._run
        emits_itself = child is None and not {"messages", "messages-tuple", "custom"}.isdisjoint(run.request.modes)
        return self._attempt == run.attempt and run.request.storing != "exit" and (emits_itself or not alone)

    def _may_write(self) -> bool:
        return self._attempt == self._run.attempt and self._policy.may_write(self._run)

    def _emit_state(
        self, checkpoint: Checkpoint, values: Values, namespace: str = "", *, emits: bool = True, stored: bool = False
    ) -> None:
        """Emit the checkpoint, and with `emits` its values.

        `stored`: an earlier run wrote it, and this one continues from there.
        """
        shown = values if namespace else self._shown(values)
        self._note_output(checkpoint, shown, namespace)
        if emits:
            self._stream.values(shown, namespace)
        self._stream.checkpoint(checkpoint, namespace, stored=stored)

    def _is_output(self, write: Values, *, inside: bool = False) -> bool:
        """Return whether a write is to a channel of the output. As in LangGraph, no other write emits the values."""
        outputs = None if inside else self._run.script.graph.schemas.outputs
        return bool(write) if outputs is None else not outputs.isdisjoint(write)

    def _shown(self, values: Values) -> Values:
        """Return the part of a state that the output of the graph has."""
        outputs = self._run.script.graph.schemas.outputs
        return values if outputs is None else {name: value for name, value in values.items() if name in outputs}

    def _note_output(self, checkpoint: Checkpoint, values: Values, namespace: str) -> None:
        if not namespace and self._may_emit():
            self._run.output = values
        self._narrator.values(checkpoint, values, namespace)

    def _custom(self, data: Any, namespace: str) -> None:
        self._narrator.custom(data, namespace)
        self._stream.custom(data, namespace)

    def _wants_pieces(self) -> bool:
        """Return whether a client receives the pieces of messages."""
        return self._stream.wants_messages or self._narrator.has_feed

    def _emit(self, node: str, current: Checkpoint, emitted: NodeOutput, namespace: str) -> None:
        self._narrator.message(emitted, namespace)
        self._stream.message(node, current, emitted, namespace)


def _may_emit(run: Run, attempt: int) -> bool:
    """Return whether an execution may still emit events. The execution of a lost worker may not."""
    return attempt == run.attempt and policy_of(run.thread).may_emit(run)


def _ends_with_human(write: Values) -> bool:
    said = write.get("messages")
    return bool(said) and isinstance(said, list) and said[-1].get("type") == "human"


def _questions(current: Checkpoint, task: str) -> Sequence[Interrupt]:
    """Return the questions that the script lets a task ask."""
    step = None if current.cursor is None else current.cursor.at_step(task)
    return () if step is None else step.questions


def _as_values(given: Any) -> Values:
    """Return the input that a node was sent as the state that it sees."""
    return given if isinstance(given, dict) else {}


async def _gather(works: list[Coroutine[Any, Any, None]]) -> None:
    """Await coroutines concurrently. If one fails, or the waiting task is cancelled, cancel and await the others."""
    # Without a task group: nearly every superstep has one node, and its exceptions need no unwrapping.
    if len(works) == 1:
        return await works[0]
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as failures:
        # The first failure alone: a run has one error, and an exception
        # group would show Python's internals to clients.
        raise failures.exceptions[0] from None
