"""A run or a thread is said to be what it is not."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mockserver.core.lifecycle import RunEvent
from mockserver.core.policy import Ending
from mockserver.core.records import Run, Thread
from mockserver.defects.base import Defect


def stopped(thread: Thread) -> bool:
    """Whether a run on a thread was stopped, or is being stopped."""
    return any(run.fate == "stop" for run in thread.runs.values())


class SuccessOverwrite(Defect):
    """`interrupted` is overwritten by `success` once everything is over.

    Seen in aegra (132) and deer-flow (4500).
    """

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        return "success" if status == "interrupted" and not run.thread.in_flight and self.strikes(run) else status


class InterruptedAsError(Defect):
    """A run that was stopped ends as `error`, and its stream tells of one.

    Seen in the JavaScript server (queue.mts, after a rollback) and in CopilotKit (2713).
    """

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        event = super().conclude(run, ending)
        if event != "stop" or run.fate == "erase" or run.status != "running" or not self.strikes(run):
            return event
        run.error = {"error": "CancelledError", "message": "Run was interrupted"}
        return "fail"


class ForeignStatus(Defect):
    """A run that was stopped is `cancelled`, a status that the API does not have; `cancelling` before that.

    Seen in Duragraph, deer-flow (2598) and open-langgraph-platform (4).
    """

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        if run.fate != "stop" or not self.strikes(run):
            return status
        return "cancelled" if run.over else "cancelling"


class ZombieRunning(Defect):
    """A run that was stopped stays `running` for ever, with no worker.

    Seen in deer-flow (2227, 1087) and aegra (475).
    """

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        return "running" if status == "interrupted" and self.strikes(run) else status


class ThreadStuckBusy(Defect):
    """The thread stays busy once a run on it was stopped.

    Seen in aegra (475), and by open-canvas (296).
    """

    def thread_status(self, thread: Thread) -> Any:
        return "busy" if stopped(thread) and self.strikes(thread) else super().thread_status(thread)


class ThreadIdleTooEarly(Defect):
    """The thread reads idle as soon as a run on it was told to stop, whatever is still in flight.

    Seen in the JavaScript server (ops.mts).
    """

    def thread_status(self, thread: Thread) -> Any:
        status = super().thread_status(thread)
        return "idle" if status == "busy" and stopped(thread) and self.strikes(thread) else status


class ErrorSwallowed(Defect):
    """A run that failed is a `success`, its thread is idle, and `join` gives values.

    Told of in the changelog of the official server (0.2.57).
    """

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        event = super().conclude(run, ending)
        return "succeed" if event == "fail" and self.strikes(run) else event


class HitlStatusVariant(Defect):
    """A run that waits for a human ends as `interrupted`, like one that was stopped.

    Seen in open-langgraph-platform (4).
    """

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        event = super().conclude(run, ending)
        waits = bool(run.thread.history.waiting_interrupts())
        return "stop" if event == "succeed" and waits and self.strikes(run) else event


class HitlInterruptsMissing(Defect):
    """What a run asks a human is in its stream, but not in the thread.

    Seen by users of the official server (langgraph 6362).
    """

    def thread_interrupts(self, thread: Thread) -> dict[str, list[Any]]:
        asked = super().thread_interrupts(thread)
        return {} if asked and self.strikes(thread) else asked


class InterruptsNotCleared(Defect):
    """The thread keeps telling of a question that nobody waits for any more.

    Inferred from langgraph 6362.
    """

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._asked: dict[str, dict[str, list[Any]]] = {}

    def thread_interrupts(self, thread: Thread) -> dict[str, list[Any]]:
        asked = super().thread_interrupts(thread)
        if asked:
            self._asked[thread.thread_id] = asked
        dead = self._asked.get(thread.thread_id, {})
        return dead if dead and not asked and self.strikes(thread) else asked


class ForeignThreadStatus(Defect):
    """A busy thread is `running`, a status that threads do not have.

    Not seen anywhere; made so that the rule can be shown to be checked.
    """

    def thread_status(self, thread: Thread) -> Any:
        status = super().thread_status(thread)
        return "running" if status == "busy" and self.strikes(thread) else status


class StatusGoesBack(Defect):
    """A run that was `running` reads `pending` every other time.

    Not seen anywhere; made so that the rule can be shown to be checked.
    """

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._readings: Counter[str] = Counter()

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        if status != "running" or not self.strikes(run):
            return status
        self._readings[run.run_id] += 1
        return "running" if self._readings[run.run_id] % 2 else "pending"
