"""A run that was told to stop goes on, stops too late, or is not told."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from mockserver.agent.graph import written
from mockserver.core.checkpoints import Checkpoint, Values
from mockserver.core.records import Run, Thread
from mockserver.core.updates import append_checkpoint, read_write
from mockserver.defects.admission import unstarted
from mockserver.defects.base import Defect


class OverlapStart(Defect):
    """The new run starts before the old one has stopped; that is told to only when the new one has written something.

    Seen in deer-flow (2505) and aegra (462).
    """

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._late: dict[str, list[Run]] = {}

    def deliver_stop(self, run: Run) -> None:
        # A cancelled run that nobody succeeds would never stop at all.
        if _is_superseded(run) and self.strikes(run):
            self._late.setdefault(run.thread.thread_id, []).append(run)
        else:
            super().deliver_stop(run)

    def next_to_start(self, thread: Thread) -> Run | None:
        old = thread.active
        return unstarted(thread) if old is not None and self.struck(old) else super().next_to_start(thread)

    def may_write(self, run: Run) -> bool:
        if run.fate is None:
            self._tell_the_old(run.thread)
        return super().may_write(run)

    def release(self, run: Run) -> None:
        if run.fate is None:
            self._tell_the_old(run.thread)
        super().release(run)

    def _tell_the_old(self, thread: Thread) -> None:
        for old in self._late.pop(thread.thread_id, []):
            super().deliver_stop(old)


def _is_superseded(run: Run) -> bool:
    """Whether a run is stopped because another was created."""
    return any(other.fate is None and other is not run for other in run.thread.in_flight.values())


class GhostRun(Defect):
    """The status says `interrupted`, while the run executes to its end and writes to the state.

    Seen in the JavaScript server (langgraphjs 2755), aegra (132) and CopilotKit (2274).
    """

    def deliver_stop(self, run: Run) -> None:
        if run.fate != "stop" or not self.strikes(run):
            super().deliver_stop(run)

    def next_to_start(self, thread: Thread) -> Run | None:
        old = thread.active
        return unstarted(thread) if old is not None and self.struck(old) else super().next_to_start(thread)

    def may_write(self, run: Run) -> bool:
        return self.struck(run) or super().may_write(run)

    def run_status(self, run: Run) -> Any:
        return "interrupted" if self.struck(run) else super().run_status(run)


class LateCheckpoint(Defect):
    """One stale checkpoint of the old run lands after the first ones of the new run.

    Seen in aegra (462) and deer-flow (2505).
    """

    def base(self, run: Run) -> Checkpoint | None:
        base = super().base(run)
        old = [
            one
            for one in run.thread.runs.values()
            if one.fate == "stop" and base is not None and base.run_id == one.run_id
        ]
        if base is not None and old and self.strikes(old[0]):
            asyncio.get_running_loop().call_soon(self._write_late, old[0], base)
        return base

    def _write_late(self, run: Run, base: Checkpoint) -> None:
        append_checkpoint(
            run.thread, base, node="tools", values=base.values, following=("agent",), source="loop", run=run
        )


class PartialLost(Defect):
    """What the finished steps of a superseded run wrote vanishes from the state.

    Seen by users of the official server (langgraph 5672).
    """

    def release(self, run: Run) -> None:
        wrote = any(one.run_id == run.run_id for one in run.thread.history.newest_first())
        if run.fate == "stop" and wrote and self.strikes(run):
            run.thread.history.remove_run(run.run_id)
        super().release(run)


class CancelRecordLostExit(Defect):
    """With durability `exit`, what a stopped run had finished is not persisted.

    Told of in langgraph (8634).
    """

    def release(self, run: Run) -> None:
        if run.fate == "stop" and run.request.durability == "exit" and self.strikes(run):
            run.thread.history.remove_run(run.run_id)
        super().release(run)


class SupersededInputKept(Defect):
    """A queued run that is superseded leaves its input in the state, though it never ran.

    Not seen anywhere; made so that the rule can be shown to be checked.
    """

    def release(self, run: Run) -> None:
        head, raw = run.thread.history.head, run.request.given_input
        if run.fate == "stop" and run.task is None and isinstance(raw, dict) and head is not None and self.strikes(run):
            _write(run, head, written(head.values, read_write(raw, run.ids.uuid4)))
        super().release(run)


class InterruptAddsCheckpoint(Defect):
    """A run that is stopped writes one more checkpoint, with nothing new in it.

    Not seen anywhere; made so that the rule can be shown to be checked.
    """

    def release(self, run: Run) -> None:
        head = run.thread.history.head
        if run.fate == "stop" and head is not None and head.run_id == run.run_id and self.strikes(run):
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
    """One more checkpoint of a run, on top of the newest one and with the same step before it."""
    append_checkpoint(
        run.thread, head, node=head.written_by, values=values, following=head.next, source="update", run=run
    )


class SubgraphSurvives(Defect):
    """The run stops, and its child graph is not told.

    Seen in langgraph (8302, 5682) and the JavaScript server (langgraphjs 2755).
    """

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._children: set[asyncio.Task[Values]] = set()

    async def play_child(self, run: Run, child: Coroutine[Any, Any, Values]) -> Values:
        playing = asyncio.create_task(super().play_child(run, child))
        self._children.add(playing)
        playing.add_done_callback(self._children.discard)
        try:
            return await asyncio.shield(playing)
        except asyncio.CancelledError:
            if not self.strikes(run):
                playing.cancel()
                await asyncio.wait({playing})
            raise
