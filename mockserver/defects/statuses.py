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
    """`interrupted` is overwritten by `success` once everything is over."""

    id = "D07"
    seen = ("https://github.com/aegra/aegra/issues/132", "https://github.com/bytedance/deer-flow/pull/4500")
    client = "A run that was read as `interrupted` is a `success` the next time."

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        return "success" if status == "interrupted" and not run.thread.in_flight and self.strikes(run) else status


class InterruptedAsError(Defect):
    """A run that was stopped ends as `error`, and its stream tells of one.

    Seen in the JavaScript server (queue.mts, after a rollback) and in CopilotKit (2713).
    """

    id = "D08"
    seen = (
        "https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/src/queue.mts",
        "https://github.com/CopilotKit/CopilotKit/issues/2713",
    )
    client = (
        "A superseded run is an `error`, its stream ends in an `error` event, `join` gives `__error__`: an error "
        "message for a user who did nothing wrong."
    )

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        event = super().conclude(run, ending)
        if event != "stop" or run.fate == "erase" or run.status != "running" or not self.strikes(run):
            return event
        run.error = {"error": "CancelledError", "message": "Run was interrupted"}
        return "fail"


class ForeignStatus(Defect):
    """A run that was stopped is `cancelled`, a status that the API does not have; `cancelling` before that."""

    id = "D09"
    seen = (
        "https://github.com/Duragraph/duragraph",
        "https://github.com/bytedance/deer-flow/pull/2598",
        "https://github.com/HyunjunJeon/open-langgraph-platform/issues/4",
    )
    client = (
        "A status that no client knows: a `switch` over the documented ones falls through, and waiting for a terminal "
        "status never ends."
    )

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        if run.fate != "stop" or not self.strikes(run):
            return status
        return "cancelled" if run.over else "cancelling"


class ZombieRunning(Defect):
    """A run that was stopped stays `running` for ever, with no worker."""

    id = "D10"
    seen = (
        "https://github.com/bytedance/deer-flow/issues/2227",
        "https://github.com/bytedance/deer-flow/issues/1087",
        "https://github.com/aegra/aegra/issues/475",
    )
    client = "Polling for a terminal status never ends."

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        return "running" if status == "interrupted" and self.strikes(run) else status


class ThreadStuckBusy(Defect):
    """The thread stays busy once a run on it was stopped.

    Seen in aegra (475), and by open-canvas (296).
    """

    id = "D11"
    seen = ("https://github.com/aegra/aegra/issues/475", "https://github.com/langchain-ai/open-canvas/issues/296")
    client = "The thread reads `busy` for ever: a user interface that waits for `idle` keeps its input field locked."

    def thread_status(self, thread: Thread) -> Any:
        return "busy" if stopped(thread) and self.strikes(thread) else super().thread_status(thread)


class ThreadIdleTooEarly(Defect):
    """The thread reads idle as soon as a run on it was told to stop, whatever is still in flight."""

    id = "D12"
    seen = (
        "https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/src/storage/ops.mts",
        "langgraph-api 0.16.7, by its behaviour",
    )
    client = (
        "The thread reads `idle` while a run executes: a user interface says that all is done and then gets more "
        "messages."
    )

    def thread_status(self, thread: Thread) -> Any:
        status = super().thread_status(thread)
        return "idle" if status == "busy" and stopped(thread) and self.strikes(thread) else status


class ErrorSwallowed(Defect):
    """A run that failed is a `success`, its thread is idle, and `join` gives values.

    Told of in the changelog of the official server (0.2.57).
    """

    id = "D80"
    seen = ("https://github.com/langchain-ai/docs",)
    client = "A failed run looks like a finished one without an answer."

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        event = super().conclude(run, ending)
        return "succeed" if event == "fail" and self.strikes(run) else event


class HitlStatusVariant(Defect):
    """A run that waits for a human ends as `interrupted`, like one that was stopped."""

    id = "D58"
    seen = ("https://github.com/HyunjunJeon/open-langgraph-platform/issues/4",)
    client = "A run that waits for an answer reads like one that was stopped."

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        event = super().conclude(run, ending)
        waits = bool(run.thread.history.waiting_interrupts())
        return "stop" if event == "succeed" and waits and self.strikes(run) else event


class HitlInterruptsMissing(Defect):
    """What a run asks a human is in its stream, but not in the thread.

    Seen by users of the official server (langgraph 6362).
    """

    id = "D57"
    seen = ("https://github.com/langchain-ai/langgraph/issues/6362",)
    client = "The stream shows a question, but the thread's `interrupts` is empty: after a reload nobody is asked."

    def thread_interrupts(self, thread: Thread) -> dict[str, list[Any]]:
        asked = super().thread_interrupts(thread)
        return {} if asked and self.strikes(thread) else asked


class InterruptsNotCleared(Defect):
    """The thread keeps telling of a question that nobody waits for any more.

    Inferred from langgraph 6362.
    """

    id = "D86"
    seen = ("https://github.com/langchain-ai/langgraph/issues/6362",)
    client = "A dialog asks a question that nobody waits for any more."

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
    """A busy thread is `running`, a status that threads do not have."""

    id = "D90"
    seen = ()
    client = "A thread status that no client knows."

    def thread_status(self, thread: Thread) -> Any:
        status = super().thread_status(thread)
        return "running" if status == "busy" and self.strikes(thread) else status


class StatusGoesBack(Defect):
    """A run that was `running` reads `pending` every other time."""

    id = "D123"
    seen = ()
    client = "A progress display jumps back and forth between waiting and working."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._readings: Counter[str] = Counter()

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        if status != "running" or not self.strikes(run):
            return status
        self._readings[run.run_id] += 1
        return "running" if self._readings[run.run_id] % 2 else "pending"
