"""Admission: new runs are wrongly accepted or refused, or stop the wrong runs."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from mockserver.agent.graph import apply_write
from mockserver.core.records import Run, Thread
from mockserver.core.strategies import Decision, Phase
from mockserver.core.updates import append_checkpoint, read_write
from mockserver.defects.base import Defect
from mockserver.schemas.common import RunRequest
from mockserver.vocabulary import Strategy


def in_flight(thread: Thread) -> dict[str, Phase]:
    """Return the phase of each run in flight, which is all that the strategies depend on."""
    return {run.run_id: run.phase for run in thread.in_flight.values()}


def unstarted(thread: Thread) -> Run | None:
    """Return the oldest run that neither executes nor is being stopped."""
    return next((run for run in thread.in_flight.values() if run.task is None and run.fate is None), None)


class StrategyIgnored(Defect):
    """`multitask_strategy` is accepted and never read, so both runs execute and write to the same thread."""

    id = "D01"
    rule = "INT-20"
    seen = (
        "https://github.com/aegra/aegra/pull/462",
        "https://github.com/aegra/aegra/issues/253",
        "https://github.com/bytedance/deer-flow/issues/1465",
        "https://github.com/Duragraph/duragraph",
    )
    client = (
        "Both answers arrive, mixed. Neither run is `interrupted`. The thread holds a conversation that never "
        "took place."
    )

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        right = super().admit(thread, strategy)
        wrong = Decision(accepted=True)
        return wrong if thread.in_flight and self.strikes(thread) else right

    # Accepting the run is not enough: the correct policy would let it wait until the thread is free.
    def next_to_start(self, thread: Thread) -> Run | None:
        return unstarted(thread) if self.struck(thread) else super().next_to_start(thread)


class InterruptAsEnqueue(Defect):
    """`interrupt` silently waits for the first run to finish."""

    id = "D02"
    rule = "INT-02"
    seen = (
        "https://github.com/langchain-ai/langgraphjs/issues/864",
        "https://github.com/langchain-ai/langgraphjs/pull/1977",
    )
    client = (
        "The second answer arrives only after the first, which takes minutes for a long run. The first run is "
        "`success`."
    )

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        # On an idle thread both strategies do the same, so nothing would be wrong.
        if strategy == "interrupt" and thread.in_flight and self.strikes():
            strategy = "enqueue"
        return super().admit(thread, strategy)


class InterruptAsReject(Defect):
    """A run with `interrupt` on a busy thread is refused with a conflict.

    Seen in deer-flow (3874), and by users of open-canvas (296).
    """

    id = "D03"
    rule = "INT-01"
    seen = (
        "https://github.com/langchain-ai/open-canvas/issues/296",
        "https://github.com/bytedance/deer-flow/pull/3874",
    )
    client = "The second create raises a conflict (409), and the user's second message is lost unless it is sent again."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        if strategy == "interrupt" and thread.in_flight and self.strikes():
            strategy = "reject"
        return super().admit(thread, strategy)


class EnqueueAsReject(Defect):
    """A run with `enqueue` on a busy thread is refused with a conflict."""

    id = "D163"
    rule = "ENQ-10"
    seen = ("third-party servers that know only one run for each thread",)
    client = "The second create raises a conflict (409), although the application wants a queue."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        if strategy == "enqueue" and thread.in_flight and self.strikes():
            strategy = "reject"
        return super().admit(thread, strategy)


class RollbackAsReject(Defect):
    """A run with `rollback` on a busy thread is refused with a conflict."""

    id = "D164"
    rule = "RBK-13"
    seen = ("third-party servers that know only one run for each thread",)
    client = "The second create raises a conflict (409), and the first run continues to its end."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        if strategy == "rollback" and thread.in_flight and self.strikes():
            strategy = "reject"
        return super().admit(thread, strategy)


class InterruptAsRollback(Defect):
    """`interrupt` deletes the superseded run and everything that it wrote, as `rollback` does.

    useStream maps `interrupt` to this behaviour in the client (sdk-react, docs/submission-queue.md).
    """

    id = "D71"
    rule = "INT-03"
    seen = ("sdk-react docs/submission-queue.md: useStream v1 maps interrupt to a client-side rollback",)
    client = "After an interrupt the first question and its run are gone."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        if strategy == "interrupt" and thread.in_flight and self.strikes():
            strategy = "rollback"
        return super().admit(thread, strategy)


class FirstInflightOnly(Defect):
    """Only one of several runs in flight is superseded.

    Seen in Duragraph (run_service.go).
    """

    id = "D22"
    rule = "INT-09"
    seen = ("https://github.com/Duragraph/duragraph",)
    client = "An earlier question is still answered after the newest one."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        decision = super().admit(thread, strategy)
        if len(decision.fates) < 2 or not self.strikes():
            return decision
        # The runs are in the order of their creation, so this is the oldest one, the one that executes.
        return replace(decision, fates=dict(list(decision.fates.items())[:1]))


class RapidFireDrop(Defect):
    """Of several quick interrupts, the ones in the middle stay pending for ever.

    Inferred from langgraphjs 864.
    """

    id = "D84"
    rule = "CON-02"
    seen = ("https://github.com/langchain-ai/langgraphjs/issues/864",)
    client = "Of several quick messages, some are neither answered nor interrupted: their runs stay `pending`."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        decision = super().admit(thread, strategy)
        waiting = [run_id for run_id in decision.fates if thread.runs[run_id].task is None]
        dropped = [run_id for run_id in waiting if self.strikes(run_id)]
        # Without a fate the runs stay in flight as pending, which keeps the thread busy.
        return replace(decision, fates={key: fate for key, fate in decision.fates.items() if key not in dropped})

    def next_to_start(self, thread: Thread) -> Run | None:
        # A dropped run is the oldest one that waits, so it would be started next and must be skipped.
        run = super().next_to_start(thread)
        kept = (one for one in thread.in_flight.values() if one.ready and one.fate is None)
        return None if run is None else next((one for one in kept if not self.struck(one)), None)


class PendingSupersededExecutes(Defect):
    """A superseded pending run is reported as `interrupted`, but executes later."""

    id = "D72"
    rule = "INT-10"
    seen = ()
    client = "A run whose status is `interrupted` starts later, and its messages appear."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        decision = super().admit(thread, strategy)
        waiting = [run_id for run_id in decision.fates if thread.runs[run_id].task is None]
        kept = [run_id for run_id in waiting if self.strikes(run_id)]
        # Without a fate the run keeps its turn in the queue.
        return replace(decision, fates={key: fate for key, fate in decision.fates.items() if key not in kept})

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        # `running` is not hidden, so that a client that continues to poll sees the run start.
        return "interrupted" if self.struck(run) and status in ("pending", "success") else status


class InflightStrategyWins(Defect):
    """The strategy of the run in flight decides, not that of the new run."""

    id = "D74"
    rule = "INT-15"
    seen = ()
    client = "The second message is handled by the strategy of the first one."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        first = next(iter(thread.in_flight.values()), None)
        # Equal strategies give the same decision, so such a run is not counted as an occurrence.
        if first is not None and first.strategy != strategy and self.strikes():
            strategy = first.strategy
        return super().admit(thread, strategy)


class CrossThreadInterrupt(Defect):
    """An interrupt also stops the runs of other threads."""

    id = "D76"
    rule = "INT-13"
    seen = ()
    client = "Another user's run is stopped."

    def __init__(self, times: int | None = None) -> None:
        super().__init__(times)
        self._threads: dict[str, Thread] = {}

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        # A policy is given one thread at a time, so the defect collects those on which runs are created.
        self._threads[thread.thread_id] = thread
        for other in self._threads.values():
            run = other.active
            if (
                strategy == "interrupt"
                and other is not thread
                and run is not None
                and run.fate is None
                and self.strikes(run)
            ):
                # The engine delivers a stop only to runs of the thread on which the new run is created.
                run.fate = "stop"
                self.deliver_stop(run)
        return super().admit(thread, strategy)


class IdleConflict(Defect):
    """A run with `interrupt` or `reject` is refused although nothing is in flight on its thread."""

    id = "D77"
    rule = "INT-12"
    seen = ()
    client = "The first message of a conversation is refused."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        if strategy in ("interrupt", "reject") and not thread.in_flight and self.strikes():
            return Decision(accepted=False)
        return super().admit(thread, strategy)


class DefaultReject(Defect):
    """A run without a strategy is treated as `reject` if another run is in flight."""

    id = "D68"
    rule = "RUN-07"
    seen = (
        "https://github.com/langchain-ai/langgraphjs/blob/main/libs/langgraph-api/src/api/runs.mts",
        "https://github.com/Duragraph/duragraph",
    )
    client = "A second message without a strategy is refused."

    def default_strategy(self, thread: Thread) -> Strategy:
        return "reject" if thread.in_flight and self.strikes() else super().default_strategy(thread)


class ConflictWhileFinalizing(Defect):
    """Every new run is refused while a cancelled run is still cleaning up."""

    id = "D43"
    rule = "CAN-14"
    seen = ("https://github.com/bytedance/deer-flow/pull/3874",)
    client = "For a while after a stop, every new message is refused with a conflict."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        stopping = any(run.fate is not None for run in thread.in_flight.values())
        # The correct policy refuses `reject` here as well.
        if stopping and strategy != "reject" and self.strikes():
            return Decision(accepted=False)
        return super().admit(thread, strategy)


class RejectToctou(Defect):
    """Two simultaneous `reject` runs are both accepted and execute, because each is checked before the other is stored.

    Inferred from aegra (462).
    """

    id = "D26"
    rule = "CON-01"
    seen = ("https://github.com/aegra/aegra/pull/462",)
    client = "A double click starts two runs, although both have the strategy `reject`."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        # The race is open only for a moment. Once a step has written, every server knows that the thread is busy.
        fresh = all(run.strategy == "reject" and _is_new(run) for run in thread.in_flight.values())
        if strategy == "reject" and thread.in_flight and fresh and self.strikes(thread):
            return Decision(accepted=True)
        return super().admit(thread, strategy)

    # Both runs believe that the thread is idle, so the second one does not wait for the first.
    def next_to_start(self, thread: Thread) -> Run | None:
        return unstarted(thread) if self.struck(thread) else super().next_to_start(thread)


def _is_new(run: Run) -> bool:
    """Return whether no step of a run has written to the state yet."""
    # `__start__` writes the input, before any step executes.
    head = run.thread.history.head
    return head is None or head.run_id != run.run_id or head.written_by == "__start__"


class RejectBlindToPending(Defect):
    """For `reject` only a running run makes a thread busy, not a pending one.

    Inferred from how the official server reads its table of runs.
    """

    id = "D29"
    rule = "REJ-05"
    seen = ("langgraph-api 0.16.7, by its behaviour",)
    client = "A second run is accepted while the first waits for a worker."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        running = [run for run in thread.in_flight.values() if run.status == "running"]
        if strategy == "reject" and thread.in_flight and not running and self.strikes():
            return Decision(accepted=True)
        return super().admit(thread, strategy)


class RejectKillsFirst(Defect):
    """Refusing a run also stops the run in flight."""

    id = "D79"
    rule = "REJ-02"
    seen = ()
    client = "A refused message stops the answer that was being written."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        decision = super().admit(thread, strategy)
        run = thread.active
        if not decision.accepted and run is not None and run.fate is None and self.strikes(run):
            # The decision has no fates when a run is refused, so the engine would not stop anything.
            run.fate = "stop"
            self.deliver_stop(run)
        return decision


class RejectLeaks(Defect):
    """A refused run leaves its input in the state of the thread.

    Inferred from the double-texting page, which says that nothing is left.
    """

    id = "D27"
    rule = "REJ-03"
    seen = ("https://docs.langchain.com/langsmith/double-texting",)
    client = "A refused message is in the conversation anyway, and appears again after the client's retry."

    def refused(self, thread: Thread, request: RunRequest) -> None:
        super().refused(thread, request)
        head = thread.history.head
        # On a thread without a checkpoint there is no state that could keep the input.
        if head is not None and isinstance(request.input, dict) and self.strikes():
            values = apply_write(head.values, read_write(request.input, thread.ids.uuid4, thread.script), thread.script)
            # With the same steps after it, so that the run in flight continues where it was.
            append_checkpoint(thread, head, values=values, following=head.next, source="update", node=head.written_by)


class Race5xx(Defect):
    """Superseding a run that is about to finish fails with a 500, and the new run is lost.

    Reported in the changelog of the official server (0.2.72, a deadlock).
    """

    id = "D75"
    rule = "ERR-06"
    seen = ("https://github.com/langchain-ai/docs",)
    client = "Occasionally the second message raises a server error and is lost."

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        head = thread.history.head
        # After `tools`, the scripted agent has only its answer left, so the run is about to finish.
        answering = thread.active is not None and head is not None and head.written_by == "tools" and bool(head.next)
        if strategy in ("interrupt", "rollback") and answering and self.strikes():
            raise RuntimeError("deadlock detected")
        return super().admit(thread, strategy)
