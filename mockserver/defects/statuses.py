"""Statuses: a run or a thread reports a wrong status, or a wrong question."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mockserver.core.lifecycle import RunEvent
from mockserver.core.policy import Ending
from mockserver.core.records import Run, Thread
from mockserver.defects.base import Defect


def stopped(thread: Thread) -> bool:
    """Return whether a run on a thread was stopped, or is being stopped."""
    return any(run.fate == "stop" for run in thread.runs.values())


class SuccessOverwrite(Defect):
    """`success` overwrites `interrupted` once all runs have ended."""

    id = "D07"
    rule = "RUN-03"
    seen = ("https://github.com/aegra/aegra/issues/132", "https://github.com/bytedance/deer-flow/pull/4500")
    client = "A run that was `interrupted` when it was first read is `success` the next time."

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        # Not before the thread is at rest, so that a client can read `interrupted` first.
        return "success" if status == "interrupted" and not run.thread.in_flight and self.strikes(run) else status


class InterruptedAsError(Defect):
    """A stopped run ends as `error`, and its stream has an `error` event.

    Seen in the JavaScript server (queue.mts, after a rollback) and in CopilotKit (2713).
    """

    id = "D08"
    rule = "INT-02"
    seen = (
        "https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/src/queue.mts",
        "https://github.com/CopilotKit/CopilotKit/issues/2713",
    )
    client = (
        "A superseded run is `error`, its stream ends in an `error` event, and `join` returns `__error__`. A user "
        "who made no mistake sees an error message."
    )

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        event = super().conclude(run, ending)
        # A rolled-back run is deleted, and a pending one cannot fail in the lifecycle.
        if event != "stop" or run.fate == "erase" or run.status != "running" or not self.strikes(run):
            return event
        run.error = {"error": "CancelledError", "message": "Run was interrupted"}
        return "fail"


class ForeignStatus(Defect):
    """A stopped run has the status `cancelled`, and `cancelling` before that, which the API does not define."""

    id = "D09"
    rule = "RUN-01"
    seen = (
        "https://github.com/Duragraph/duragraph",
        "https://github.com/bytedance/deer-flow/pull/2598",
        "https://github.com/HyunjunJeon/open-langgraph-platform/issues/4",
    )
    client = (
        "No client knows the status. A `switch` over the documented statuses falls through, and polling for a "
        "terminal status never ends."
    )

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        if run.fate != "stop" or not self.strikes(run):
            return status
        # `cancelling` ends when the run is over, as on the servers on which it was seen.
        return "cancelled" if run.over else "cancelling"


class ZombieRunning(Defect):
    """A stopped run stays `running` for ever, although no worker executes it."""

    id = "D10"
    rule = "CAN-12"
    seen = (
        "https://github.com/bytedance/deer-flow/issues/2227",
        "https://github.com/bytedance/deer-flow/issues/1087",
        "https://github.com/aegra/aegra/issues/475",
    )
    client = "Polling for a terminal status never ends."

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        # Only the status is wrong. The run is over, so no later status will replace it.
        return "running" if status == "interrupted" and self.strikes(run) else status


class ThreadStuckBusy(Defect):
    """The thread stays `busy` after one of its runs was stopped.

    Seen in aegra (475), and by users of open-canvas (296).
    """

    id = "D11"
    rule = "THR-06"
    seen = ("https://github.com/aegra/aegra/issues/475", "https://github.com/langchain-ai/open-canvas/issues/296")
    client = "The thread is `busy` for ever, so a user interface that waits for `idle` keeps its input field locked."

    def thread_status(self, thread: Thread) -> Any:
        return "busy" if stopped(thread) and self.strikes(thread) else super().thread_status(thread)


class ThreadIdleTooEarly(Defect):
    """The thread becomes `idle` as soon as one of its runs is being stopped, even if other runs are in flight."""

    id = "D12"
    rule = "THR-02"
    seen = (
        "https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/src/storage/ops.mts",
        "langgraph-api 0.16.7, by its behaviour",
    )
    client = (
        "The thread is `idle` while a run executes, so a user interface reports the end and then receives more "
        "messages."
    )

    def thread_status(self, thread: Thread) -> Any:
        status = super().thread_status(thread)
        # Only a busy thread can become idle too early.
        return "idle" if status == "busy" and stopped(thread) and self.strikes(thread) else status


class ErrorSwallowed(Defect):
    """A failed run is reported as `success`, its thread is `idle`, and `join` returns values.

    Reported in the changelog of the official server (0.2.57).
    """

    id = "D80"
    rule = "STR-06"
    seen = ("https://github.com/langchain-ai/docs",)
    client = "A failed run looks like a finished one without an answer."

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        event = super().conclude(run, ending)
        return "succeed" if event == "fail" and self.strikes(run) else event


class HitlStatusVariant(Defect):
    """A run that waits for a human ends as `interrupted`, like a stopped run."""

    id = "D58"
    rule = "HIL-02"
    seen = ("https://github.com/HyunjunJeon/open-langgraph-platform/issues/4",)
    client = "A run that waits for an answer has the same status as a stopped one."

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        event = super().conclude(run, ending)
        # Otherwise every run that succeeds would end as `interrupted`.
        waits = bool(run.thread.history.waiting_interrupts())
        return "stop" if event == "succeed" and waits and self.strikes(run) else event


class HitlInterruptsMissing(Defect):
    """The stream of a run shows its question to a human, but the thread does not.

    Seen by users of the official server (langgraph 6362).
    """

    id = "D57"
    rule = "HIL-01"
    seen = ("https://github.com/langchain-ai/langgraph/issues/6362",)
    client = (
        "The stream shows a question, but the thread's `interrupts` are empty, so the question disappears after a "
        "reload."
    )

    def thread_interrupts(self, thread: Thread) -> dict[str, list[Any]]:
        questions = super().thread_interrupts(thread)
        return {} if questions and self.strikes(thread) else questions


class InterruptsNotCleared(Defect):
    """The thread still reports a question that no run waits for any more.

    Inferred from langgraph 6362.
    """

    id = "D86"
    rule = "HIL-03"
    seen = ("https://github.com/langchain-ai/langgraph/issues/6362",)
    client = "A dialog asks the user a question whose answer has no effect."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._last: dict[str, dict[str, list[Any]]] = {}

    def thread_interrupts(self, thread: Thread) -> dict[str, list[Any]]:
        questions = super().thread_interrupts(thread)
        # The history forgets a question that was answered or dropped, so the defect keeps its own copy.
        if questions:
            self._last[thread.thread_id] = questions
        stale = self._last.get(thread.thread_id, {})
        return stale if stale and not questions and self.strikes(thread) else questions


class ForeignThreadStatus(Defect):
    """A busy thread has the status `running`, which threads do not have."""

    id = "D90"
    rule = "THR-01"
    seen = ()
    client = "The thread has a status that no client knows."

    def thread_status(self, thread: Thread) -> Any:
        status = super().thread_status(thread)
        return "running" if status == "busy" and self.strikes(thread) else status


class StatusGoesBack(Defect):
    """A running run is reported as `pending` every other time that it is read."""

    id = "D123"
    rule = "RUN-04"
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
        # The first read is right, so that the second one is a step backwards.
        return "running" if self._readings[run.run_id] % 2 else "pending"


class InterruptedRunsAgain(Defect):
    """A stopped run that was shown as `interrupted` is shown as `running` once more, and then as `interrupted`."""

    id = "D223"
    rule = "RUN-03"
    seen = ()
    client = "A client that stopped polling at `interrupted` sends its next message while the run seems to execute."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._shown: Counter[str] = Counter()

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        if status != "interrupted" or not self.strikes(run):
            return status
        self._shown[run.run_id] += 1
        return "running" if self._shown[run.run_id] == 2 else status


class SuccessBeforeTheEnd(Defect):
    """A run is shown as `success` as soon as its last step begins."""

    id = "D228"
    rule = "RUN-32"
    seen = ()
    client = "A client reads the state when the run has ended, and the answer is not in it."

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        head = run.thread.history.head
        if status != "running" or run.fate is not None or head is None or head.run_id != run.run_id:
            return status
        found = head.values.get("messages") or [{}]
        # The last step answers with the result of the tool.
        return "success" if found[-1].get("type") == "tool" and self.strikes(run) else status


class EndedShownLate(Defect):
    """The first time that a run is read after its end, it is still shown as `running`."""

    id = "D232"
    rule = "RUN-33"
    seen = ("https://github.com/aegra/aegra/pull/411",)
    client = "A client that waited for the run reads that it still executes, and may cancel it or wait again."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._shown: set[str] = set()

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        if status != "success" or run.run_id in self._shown or not self.strikes(run):
            return status
        self._shown.add(run.run_id)
        return "running"
