"""Rollback: a rollback removes too little, too much, or at the wrong moment."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from mockserver.agent.graph import empty_values
from mockserver.core.checkpoints import Checkpoint, Values
from mockserver.core.lifecycle import RunEvent
from mockserver.core.policy import Ending
from mockserver.core.records import Run
from mockserver.core.updates import append_checkpoint
from mockserver.defects.base import Defect


def wrote(run: Run) -> bool:
    """Return whether a run has written checkpoints."""
    return any(one.run_id == run.run_id for one in run.thread.history.newest_first())


class RollbackTooLittleRun(Defect):
    """A rollback keeps the record of the rolled-back run."""

    id = "D30"
    rule = "RBK-01"
    seen = ("https://github.com/aegra/aegra/issues/607",)
    client = "The rolled-back run is still listed."

    def erase(self, run: Run) -> None:
        if self.strikes(run):
            run.thread.history.remove_run(run.run_id)
        else:
            super().erase(run)


class RollbackTooLittleCheckpoints(Defect):
    """A rollback deletes the record of the run but keeps its checkpoints."""

    id = "D31"
    rule = "RBK-02"
    seen = ("https://github.com/bytedance/deer-flow/issues/2554", "https://github.com/aegra/aegra/issues/607")
    client = "The rolled-back question stays in the conversation, although its run is gone."

    def erase(self, run: Run) -> None:
        # Without checkpoints the rollback is complete, so this is not an occurrence.
        if wrote(run) and self.strikes(run):
            run.thread.runs.pop(run.run_id, None)
        else:
            super().erase(run)


class RollbackTooMuch(Defect):
    """A rollback deletes the complete history of the thread."""

    id = "D32"
    rule = "RBK-04"
    seen = ("https://github.com/bytedance/deer-flow/issues/1866", "https://github.com/aegra/aegra/pull/462")
    client = "Earlier questions and answers are gone, too."

    def erase(self, run: Run) -> None:
        super().erase(run)
        # The run itself is gone by now, so these are the runs that should have stayed.
        earlier = [one for one in run.thread.runs.values() if wrote(one)]
        if earlier and self.strikes(run):
            for one in earlier:
                run.thread.history.remove_run(one.run_id)


class RollbackMessagesOnly(Defect):
    """A rollback restores the messages, but the other channels keep the data of the run."""

    id = "D33"
    rule = "RBK-07"
    seen = ("https://github.com/bytedance/deer-flow/pull/4292",)
    client = "The messages are restored, but other keys of the state keep the data of the rolled-back run."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._kept: dict[str, list[str]] = {}

    def erase(self, run: Run) -> None:
        # Before the rollback, which removes this checkpoint.
        head = run.thread.history.head
        steps = head.values.get("steps", []) if head is not None and head.run_id == run.run_id else []
        super().erase(run)
        if steps and self.strikes(run):
            self._kept[run.thread.thread_id] = steps

    def base(self, run: Run) -> Checkpoint | None:
        # The next run carries the steps on, because a rollback writes no checkpoint that could hold them.
        base, steps = super().base(run), self._kept.get(run.thread.thread_id)
        return base if base is None or steps is None else replace(base, values={**base.values, "steps": steps})

    def input(self, run: Run) -> Any:
        # If the rollback leaves no checkpoint, the next run has no base, and only its input can carry the steps.
        raw, steps = super().input(run), self._kept.get(run.thread.thread_id)
        lost = run.thread.history.head is None and isinstance(raw, dict)
        return {**raw, "steps": steps} if lost and steps is not None else raw


class RollbackOverwritesNew(Defect):
    """The state from before the rolled-back run is restored only after the new run has written."""

    id = "D34"
    rule = "RBK-02"
    seen = ("https://github.com/bytedance/deer-flow/issues/2505", "https://github.com/bytedance/deer-flow/pull/2598")
    client = "The stream shows the new answer, but at the end it is missing from the state."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._restored: dict[str, Values] = {}

    def erase(self, run: Run) -> None:
        wrote_something = wrote(run)
        super().erase(run)
        head = run.thread.history.head
        if wrote_something and self.strikes(run):
            # Kept until the new run has written. Restoring them now would be a correct rollback.
            self._restored[run.thread.thread_id] = empty_values(run.script) if head is None else head.values

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        event, head = super().conclude(run, ending), run.thread.history.head
        # Only after a success, because a client must have been able to see the new answer.
        values = self._restored.pop(run.thread.thread_id, None) if event == "succeed" else None
        if values is not None and head is not None:
            append_checkpoint(run.thread, head, values=values, following=(), source="update", node=head.written_by)
        return event


class RollbackRunningErrors(Defect):
    """A running run that is rolled back is not deleted but ends as `error`."""

    id = "D35"
    rule = "RBK-06"
    seen = ("https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/src/queue.mts",)
    client = "The rolled-back run is listed as `error`."

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        event = super().conclude(run, ending)
        # A pending run cannot fail: the lifecycle has no such transition.
        if event != "stop" or run.fate != "erase" or run.status != "running" or not self.strikes(run):
            return event
        run.error = {"error": "UserRollback", "message": "User requested rollback"}
        return "fail"


class RollbackPendingReverts(Defect):
    """Rolling back a run that has not started deletes the turn before it.

    Inferred from aegra (462).
    """

    id = "D91"
    rule = "RBK-04"
    seen = ("https://github.com/aegra/aegra/pull/462",)
    client = "Rolling back a run that has not even started deletes the turn before it."

    def erase(self, run: Run) -> None:
        # Before the rollback, which removes the checkpoints.
        started = wrote(run)
        super().erase(run)
        before = [one for one in run.thread.runs.values() if one.status == "success" and wrote(one)]
        if not started and before and self.strikes(run):
            run.thread.history.remove_run(before[-1].run_id)


class RollbackHalfStepReappears(Defect):
    """The state of the next run contains data that a rolled-back run wrote in an unfinished superstep."""

    id = "D142"
    rule = "RBK-10"
    seen = ()
    client = "The conversation contains a tool's result from a turn that was rolled back."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._left: dict[str, Values] = {}

    def erase(self, run: Run) -> None:
        head = run.thread.history.head
        # Before the rollback, which removes the pending writes together with their checkpoint.
        writes = {} if head is None or head.run_id != run.run_id else run.thread.history.pending_writes(head)
        super().erase(run)
        if writes and self.strikes(run):
            names = {name for write in writes.values() for name in write}
            self._left[run.thread.thread_id] = {
                name: [one for write in writes.values() for one in write.get(name, ())] for name in names
            }

    def input(self, run: Run) -> Any:
        raw, left = super().input(run), self._left.pop(run.thread.thread_id, None)
        if not isinstance(raw, dict) or left is None:
            return raw
        # In front of the new input, because the results were written before it.
        return {**raw, **{name: [*found, *raw.get(name, ())] for name, found in left.items()}}


class RollbackKeepsTheChild(Defect):
    """A rollback deletes the run and its checkpoints, but keeps the checkpoints of its child graph.

    Seen in aegra (607), which keeps all of them.
    """

    id = "D143"
    rule = "RBK-12"
    seen = ("https://github.com/aegra/aegra/issues/607",)
    client = "The data of the rolled-back turn can still be read in the history of the child graph."

    def erase(self, run: Run) -> None:
        # Copied before the rollback, which deletes the checkpoints of the child graphs.
        children = dict(run.thread.history.children)
        kept = {namespace: child.copied(run.thread.thread_id) for namespace, child in children.items()}
        super().erase(run)
        if kept and self.strikes(run):
            run.thread.history.children = kept
