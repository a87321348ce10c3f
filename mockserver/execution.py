"""The execution of one run: its input, its steps, and what each leaves in the history and the stream.

Nothing is awaited between the end of a step and its checkpoint, so a run is either before a step or after it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Literal, cast

from msgspec import UNSET

from mockserver import agent
from mockserver.agent import Said, ScriptedAgent, Task
from mockserver.checkpoints import START, Checkpoint, Mark, Source, Values
from mockserver.clock import milliseconds
from mockserver.records import Run
from mockserver.step import Paused
from mockserver.writing import SERVER_METADATA, append_checkpoint, read_write


class EmptyInputError(Exception):
    """A run without input on a thread that has nothing to go on with."""


class GraphRecursionError(Exception):
    """A run that took more steps than its `recursion_limit` allows."""


class Execution:
    """One execution of a run. `play` does it all; what it raises, apart from cancellation, is the run's failure."""

    def __init__(self, run: Run, agent: ScriptedAgent) -> None:
        self._run = run
        self._thread = run.thread
        self._rules = run.thread.rules
        self._agent = agent
        self._modes = run.request.modes
        self._resumes = run.request.command is not None and run.request.command.resume is not None
        self._base: Checkpoint | None = None
        self._announced: set[str] = set()
        self._steps = 0

    async def play(self) -> None:
        """Execute the run from its base checkpoint to its end, or to where it waits for a human."""
        self._emit("metadata", None, {"run_id": self._run.run_id, "attempt": 1})
        self._base = base = self._rules.base(self._run)
        raw = self._rules.input(self._run)
        current = self._go_on(base) if raw is None else self._take_in(base, raw)
        self._show_values(current.values)
        first = True
        while current.next:
            self._count_step()
            node = current.next[0]
            if self._stops("interrupt_before", node) and not (first and raw is None):
                self._emit("updates", "updates", {"__interrupt__": []})
                return
            try:
                write = await self._step(node, current, resumed=first and self._resumes)
            except Paused as paused:
                if not self._rules.may_write(self._run):
                    raise asyncio.CancelledError from None
                self._pause(current, paused)
                return
            if not self._rules.may_write(self._run):
                # A node that swallowed its cancellation: what it wrote is dropped, and nothing follows it.
                raise asyncio.CancelledError
            current = self._commit(current, node, write)
            if current.next and self._stops("interrupt_after", node):
                self._emit("updates", "updates", {"__interrupt__": []})
                return
            first = False

    def _count_step(self) -> None:
        limit = self._run.request.config.recursion_limit
        self._steps += 1
        if limit is not UNSET and self._steps > limit:
            raise GraphRecursionError(f"Recursion limit of {limit} reached without hitting a stop condition.")

    def _go_on(self, base: Checkpoint | None) -> Checkpoint:
        """The checkpoint that a run without input goes on from."""
        if base is None:
            raise EmptyInputError("Received no input for __start__")
        values = self._thread.history.values(base)
        current = base
        if base is not self._thread.history.head:
            current = self._append(base, base.written_by, values, base.next, "fork")
        command = self._run.request.command
        if command is not None and command.update is not None:
            values = agent.written(values, read_write(command.update, self._run.ids.uuid4))
            self._thread.history.mark(current.checkpoint_id, Mark(self._run.run_id, "values", values))
        return replace(current, values=values)

    def _take_in(self, base: Checkpoint | None, raw: Any) -> Checkpoint:
        """Take up the input: one checkpoint that has it still before it, and one behind it."""
        values = self._thread.history.values(base) if base is not None else agent.empty_values()
        # Read before anything is written: an input that cannot be read leaves no trace.
        write = read_write(raw, self._run.ids.uuid4)
        updated = agent.written(values, write)
        received = self._append(base, START, values, (START,), "input")
        self._thread.history.mark(received.checkpoint_id, Mark(self._run.run_id, "result", raw))
        return self._append(received, START, updated, (self._rules.entry(self._run, base),), "loop")

    async def _step(self, node: str, current: Checkpoint, *, resumed: bool) -> Values:
        task = Task(
            node=cast('Literal["agent", "tools"]', node),
            values=current.values,
            configurable=self._run.configurable,
            run_id=self._run.run_id,
            ids=self._run.ids,
            timeline=self._thread.timeline,
            resumed=resumed and self._thread.history.waiting_interrupt() is not None,
            say=lambda said: self._say(node, current, said),
            custom=lambda data: self._emit("custom", "custom", data),
        )
        try:
            return await self._agent.run(task)
        except (Paused, asyncio.CancelledError):
            raise
        except Exception as error:
            if self._rules.may_write(self._run):
                mark = Mark(self._run.run_id, "error", f"{type(error).__name__}({str(error)!r})")
                self._thread.history.mark(current.checkpoint_id, mark)
            raise

    def _commit(self, current: Checkpoint, node: str, write: Values) -> Checkpoint:
        """Make what a step wrote part of the state."""
        values = agent.written(current.values, write)
        self._thread.history.mark(current.checkpoint_id, Mark(self._run.run_id, "result", write))
        written = self._append(current, node, values, agent.next_after(node, values), "loop")
        self._emit("updates", "updates", {node: write})
        self._show_values(values)
        return written

    def _pause(self, current: Checkpoint, paused: Paused) -> None:
        """Leave the question on the task and in the stream; the run ends here."""
        interrupt = {"id": self._run.ids.hex(), "value": paused.value}
        self._thread.history.mark(current.checkpoint_id, Mark(self._run.run_id, "interrupt", interrupt))
        shown = [{"value": paused.value, "id": interrupt["id"], "response_schema": None}]
        self._emit("updates", "updates", {"__interrupt__": shown})
        self._show_values({**current.values, "__interrupt__": shown})

    def _append(
        self, parent: Checkpoint | None, node: str, values: Values, following: tuple[str, ...], source: Source
    ) -> Checkpoint:
        return append_checkpoint(
            self._thread, parent, node=node, values=values, following=following, source=source, run=self._run
        )

    def _show_values(self, values: Values) -> None:
        if self._rules.may_emit(self._run):
            self._run.output = values
        self._emit("values", "values", values)

    def _say(self, node: str, current: Checkpoint, said: Said) -> None:
        """Put what a node says into the stream of tokens or, for those who asked only for that, of messages."""
        if "messages-tuple" in self._modes:
            metadata = self._message_metadata(node, current, by_model=said.by_model)
            self._emit("messages", "messages-tuple", [said.piece, metadata])
        elif "messages" in self._modes:
            message_id = said.message["id"]
            if message_id not in self._announced:
                self._announced.add(message_id)
                metadata = self._message_metadata(node, current, by_model=said.by_model)
                self._emit("messages/metadata", "messages", {message_id: {"metadata": metadata}})
            self._emit("messages/partial" if said.by_model else "messages/complete", "messages", [said.so_far])

    def _message_metadata(self, node: str, current: Checkpoint, *, by_model: bool) -> dict[str, Any]:
        namespace = f"{node}:{current.task_id}"
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

    def _emit(self, name: str, mode: str | None, data: Any) -> None:
        if (mode is None or mode in self._modes) and self._rules.may_emit(self._run):
            self._run.log.append(name, mode, data, at=milliseconds(self._thread.timeline.now))

    def _stops(self, when: Literal["interrupt_before", "interrupt_after"], node: str) -> bool:
        nodes = getattr(self._run.request, when)
        return nodes is not None and (nodes == "*" or node in nodes)
