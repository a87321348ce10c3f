"""Stopping: a stopped run continues, stops too late, or leaves the wrong data."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from mockserver.agent.graph import apply_write
from mockserver.core.checkpoints import Checkpoint, Values
from mockserver.core.records import Run, Thread
from mockserver.core.updates import append_checkpoint, read_write
from mockserver.defects.admission import unstarted
from mockserver.defects.base import Defect


class OverlapStart(Defect):
    """The new run starts before the old run stops, and only its first write cancels the old run.

    Cancelling a run without a successor works correctly. Such a run would otherwise never stop, because no new run
    writes.
    """

    id = "D05"
    rule = "INT-07"
    seen = ("https://github.com/bytedance/deer-flow/issues/2505", "https://github.com/aegra/aegra/pull/462")
    client = "For a moment two runs of one thread execute, and the side effects of their tools interleave."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._late: dict[str, list[Run]] = {}

    def deliver_stop(self, run: Run) -> None:
        # A run whose cancellation is withheld without a new run would never be stopped.
        if _is_superseded(run) and self.strikes(run):
            self._late.setdefault(run.thread.thread_id, []).append(run)
        else:
            super().deliver_stop(run)

    def next_to_start(self, thread: Thread) -> Run | None:
        old = thread.active
        return unstarted(thread) if old is not None and self.struck(old) else super().next_to_start(thread)

    def may_write(self, run: Run) -> bool:
        # The engine asks before each write. Only the new run has no fate, so this is its first write.
        if run.fate is None:
            self._stop_superseded(run.thread)
        return super().may_write(run)

    def release(self, run: Run) -> None:
        if run.fate is None:
            self._stop_superseded(run.thread)
        super().release(run)

    def _stop_superseded(self, thread: Thread) -> None:
        for old in self._late.pop(thread.thread_id, []):
            super().deliver_stop(old)


def _is_superseded(run: Run) -> bool:
    """Return whether a run is being stopped because a new run was created."""
    return any(other.fate is None and other is not run for other in run.thread.in_flight.values())


class GhostRun(Defect):
    """A stopped run is reported as `interrupted`, but executes to its end and writes to the state."""

    id = "D04"
    rule = "INT-18"
    seen = (
        "https://github.com/langchain-ai/langgraphjs/issues/2755",
        "https://github.com/aegra/aegra/issues/132",
        "https://github.com/CopilotKit/CopilotKit/issues/2274",
    )
    client = "The run is `interrupted`, but its tools still act, and its messages appear in the state minutes later."

    def deliver_stop(self, run: Run) -> None:
        # A rolled-back run is deleted, so there would be no status that contradicts the execution.
        if run.fate != "stop" or not self.strikes(run):
            super().deliver_stop(run)

    def next_to_start(self, thread: Thread) -> Run | None:
        # The thread is free only when the ghost has ended, so the new run starts beside it.
        old = thread.active
        return unstarted(thread) if old is not None and self.struck(old) else super().next_to_start(thread)

    def may_write(self, run: Run) -> bool:
        return self.struck(run) or super().may_write(run)

    def run_status(self, run: Run) -> Any:
        return "interrupted" if self.struck(run) else super().run_status(run)


class LateCheckpoint(Defect):
    """A stale checkpoint of the old run is written after the first checkpoints of the new run."""

    id = "D06"
    rule = "INT-08"
    seen = ("https://github.com/aegra/aegra/pull/462", "https://github.com/bytedance/deer-flow/issues/2505")
    client = (
        "The history has a checkpoint of the old run above the new run's first ones, and the newest state lacks "
        "the data in between."
    )

    def base(self, run: Run) -> Checkpoint | None:
        base = super().base(run)
        old = [
            one
            for one in run.thread.runs.values()
            if one.fate == "stop" and base is not None and base.run_id == one.run_id
        ]
        if base is not None and old and self.strikes(old[0]):
            # The new run writes its first checkpoints before it awaits anything, so this comes after them.
            asyncio.get_running_loop().call_soon(self._write_late, old[0], base)
        return base

    def _write_late(self, run: Run, base: Checkpoint) -> None:
        append_checkpoint(
            run.thread, base, node="tools", values=base.values, following=("agent",), source="loop", run=run
        )


class PartialLost(Defect):
    """Data that finished steps of a superseded run wrote disappears from the state.

    Seen by users of the official server (langgraph 5672).
    """

    id = "D14"
    rule = "PST-01"
    seen = (
        "https://github.com/langchain-ai/langgraph/issues/5672",
        "https://forum.langchain.com/t/how-can-i-implement-the-ability-to-interrupt-and-resume-execution-at-any-time/2356",
    )
    client = "After the interrupt the conversation lacks the first question and the results that were found for it."

    def release(self, run: Run) -> None:
        # Before the clients that wait are released, so that none of them can read the data once more.
        wrote = any(one.run_id == run.run_id for one in run.thread.history.newest_first())
        if run.fate == "stop" and wrote and self.strikes(run):
            run.thread.history.remove_run(run.run_id)
        super().release(run)


class CancelRecordLostExit(Defect):
    """With durability `exit`, the finished steps of a stopped run are not persisted.

    Reported in langgraph (8634).
    """

    id = "D70"
    rule = "PST-05"
    seen = ("https://github.com/langchain-ai/langgraph/pull/8634",)
    client = "With durability `exit`, all work of the stopped run is lost."

    def release(self, run: Run) -> None:
        # The mock writes every checkpoint at once, whatever the durability. Removing them looks as if none was written.
        if run.fate == "stop" and run.request.storing == "exit" and self.strikes(run):
            run.thread.history.remove_run(run.run_id)
        super().release(run)


class SupersededInputKept(Defect):
    """A queued run that is superseded leaves its input in the state, although it never ran."""

    id = "D124"
    rule = "INT-11"
    seen = ()
    client = "The conversation contains a message that was dropped before the model read it."

    def release(self, run: Run) -> None:
        head, raw = run.thread.history.head, run.request.given_input
        # Without a task the run never started.
        if run.fate == "stop" and run.task is None and isinstance(raw, dict) and head is not None and self.strikes(run):
            _write(run, head, apply_write(head.values, read_write(raw, run.ids.uuid4, run.script), run.script))
        super().release(run)


class InterruptAddsCheckpoint(Defect):
    """A run that is stopped writes an additional checkpoint without new data."""

    id = "D125"
    rule = "CHK-09"
    seen = ()
    client = "Time travel shows a step that was never executed."

    def release(self, run: Run) -> None:
        head = run.thread.history.head
        if run.fate == "stop" and head is not None and head.run_id == run.run_id and self.strikes(run):
            # Before the clients that wait are released, so that a join already finds it.
            append_checkpoint(
                run.thread,
                head,
                node=head.written_by,
                values=head.values,
                following=head.next,
                source="update",
                run=run,
            )
        super().release(run)


def _write(run: Run, head: Checkpoint, values: Values) -> None:
    """Append another checkpoint of a run, with the same step before it and the same steps after it."""
    append_checkpoint(
        run.thread, head, node=head.written_by, values=values, following=head.next, source="update", run=run
    )


class SubgraphSurvives(Defect):
    """Stopping a run does not stop its child graph."""

    id = "D60"
    rule = "INT-19"
    seen = (
        "https://github.com/langchain-ai/langgraph/issues/8302",
        "https://github.com/langchain-ai/langgraph/issues/5682",
        "https://github.com/langchain-ai/langgraphjs/issues/2755",
    )
    client = "After the stop, the tools of a child graph still act."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._children: set[asyncio.Task[Values]] = set()

    async def play_child(self, run: Run, child: Coroutine[Any, Any, Values]) -> Values:
        playing = asyncio.create_task(super().play_child(run, child))
        # asyncio keeps only weak references to tasks
        # (https://docs.python.org/3/library/asyncio-task.html#creating-tasks), and after the stop nothing else refers
        # to this one.
        self._children.add(playing)
        playing.add_done_callback(self._children.discard)
        try:
            # The cancellation of the run ends this await, and the shield keeps it away from the child graph.
            return await asyncio.shield(playing)
        except asyncio.CancelledError:
            if not self.strikes(run):
                # The shield is there even if the defect does not act, so the stop is passed on by hand.
                playing.cancel()
                await asyncio.wait({playing})
            raise
