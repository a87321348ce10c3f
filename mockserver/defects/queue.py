"""The queue: queued runs start too early, in the wrong order, from the wrong state, or never."""

from __future__ import annotations

from mockserver.core.checkpoints import Checkpoint
from mockserver.core.records import Run, Thread
from mockserver.core.strategies import Decision
from mockserver.defects.admission import unstarted
from mockserver.defects.base import Defect
from mockserver.vocabulary import Strategy


class EnqueueParallel(Defect):
    """Queued runs execute at the same time as the run ahead of them."""

    id = "D78"
    rule = "ENQ-01"
    seen = ("https://github.com/bytedance/deer-flow/issues/1465",)
    client = "Queued runs are answered at the same time, and their answers are mixed."

    def next_to_start(self, thread: Thread) -> Run | None:
        # `unstarted` ignores `after_seconds`, so a delayed run starts early, too.
        run = super().next_to_start(thread)
        other = unstarted(thread)
        return other if run is None and other is not None and self.strikes(other) else run


class QueueLifo(Defect):
    """Queued runs start last in, first out.

    Inferred from the enqueue guide, which says that they run in order.
    """

    id = "D24"
    rule = "ENQ-02"
    seen = ("https://docs.langchain.com/langsmith/enqueue-concurrent",)
    client = "Questions are answered in another order than they were asked."

    def next_to_start(self, thread: Thread) -> Run | None:
        run = super().next_to_start(thread)
        newest = [one for one in thread.in_flight.values() if one.ready and one.fate is None][-1:]
        # If the newest run is the only one that waits, the order is right and nothing is counted.
        return newest[0] if run is not None and newest and newest[0] is not run and self.strikes(newest[0]) else run


class QueueStaleBase(Defect):
    """A queued run continues from the checkpoint that was newest when it was created.

    Inferred from the double-texting page.
    """

    id = "D25"
    rule = "ENQ-04"
    seen = ("https://docs.langchain.com/langsmith/double-texting",)
    client = "The answer to a queued question ignores the answer before it, which is missing from the newest state."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._heads: dict[str, list[Checkpoint | None]] = {}

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        decision = super().admit(thread, strategy)
        # The seam has no run yet. Accepted requests and runs of the thread are in the same order.
        if decision.accepted:
            self._heads.setdefault(thread.thread_id, []).append(thread.history.head)
        return decision

    def base(self, run: Run) -> Checkpoint | None:
        right = super().base(run)
        heads = self._heads.get(run.thread.thread_id, [])
        # Counted from the end, because runs that were created before the defect was switched on have no entry.
        position = list(run.thread.runs).index(run.run_id) - len(run.thread.runs)
        stale = heads[position] if len(heads) >= -position else right
        queued = run.strategy == "enqueue" and stale is not right
        return stale if queued and self.strikes(run) else right


class QueueStranded(Defect):
    """Queued runs never start after the run ahead of them was stopped or has failed."""

    id = "D23"
    rule = "ENQ-05"
    seen = ("https://github.com/aegra/aegra/pull/462",)
    client = "A queued run stays `pending` for ever, and the thread stays `busy`."

    def next_to_start(self, thread: Thread) -> Run | None:
        run = super().next_to_start(thread)
        if run is None or run.strategy != "enqueue":
            return run
        runs = list(thread.runs.values())
        ahead = runs[: runs.index(run)]
        # Only the run directly ahead matters. Earlier ones have passed on their turn already.
        unlucky = bool(ahead) and ahead[-1].status in ("interrupted", "error")
        return None if unlucky and self.strikes(run) else run
