"""Deployments that get one thing wrong, as one was seen to do; each is the mock with one decision replaced."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from mockserver import agent, messages
from mockserver.checkpoints import Checkpoint, Values
from mockserver.lifecycle import RunEvent, RunStatus, ThreadStatus
from mockserver.records import Run, Thread
from mockserver.rules import Ending, Rules
from mockserver.strategies import Decision, Strategy, decide
from mockserver.writing import append_checkpoint


def in_flight(thread: Thread) -> dict[str, Any]:
    return {run.run_id: run.phase for run in thread.in_flight.values()}


def stopped(thread: Thread) -> list[Run]:
    return [run for run in thread.runs.values() if run.fate == "stop"]


class StrategyIgnored(Rules):
    """The strategy is accepted and never read; both runs execute at once (D01)."""

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        return Decision(accepted=True)

    def next_to_start(self, thread: Thread) -> Run | None:
        return next((run for run in thread.in_flight.values() if run.task is None), None)


class InterruptAsEnqueue(Rules):
    """The newcomer waits until the first run has finished (D02)."""

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        return decide("enqueue" if strategy == "interrupt" else strategy, in_flight(thread))


class InterruptAsReject(Rules):
    """The newcomer is answered with a conflict (D03)."""

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        return decide("reject" if strategy == "interrupt" else strategy, in_flight(thread))


class OverlapStart(Rules):
    """The new run starts before the old one has stopped, which is told to only then (D05)."""

    def next_to_start(self, thread: Thread) -> Run | None:
        if thread.active is not None and thread.active.fate is None:
            return None
        return next((run for run in thread.in_flight.values() if run.fate is None and run.task is None), None)

    def deliver_stop(self, run: Run) -> None:
        assert run.task is not None
        asyncio.get_running_loop().call_later(0.1, run.task.cancel)


class GhostRun(OverlapStart):
    """The status says interrupted, the old run executes to its end and writes (D04)."""

    def deliver_stop(self, run: Run) -> None:
        pass

    def may_write(self, run: Run) -> bool:
        return True

    def run_status(self, run: Run) -> RunStatus:
        return "interrupted" if run.fate else run.status


class LateCheckpoint(Rules):
    """One checkpoint of the old run lands after the new run's first (D06)."""

    def base(self, run: Run) -> Checkpoint | None:
        base = super().base(run)
        old = stopped(run.thread)
        if old and base is not None:
            asyncio.get_running_loop().call_soon(self._write_late, old[0], base)
        return base

    def _write_late(self, run: Run, base: Checkpoint) -> None:
        append_checkpoint(
            run.thread, base, node="tools", values=base.values, following=("agent",), source="loop", run=run
        )


class SuccessOverwrite(Rules):
    """`interrupted` is overwritten by `success` later (D07)."""

    def run_status(self, run: Run) -> RunStatus:
        newest = list(run.thread.runs.values())[-1]
        return "success" if run.status == "interrupted" and newest.over else run.status


class InterruptedAsError(Rules):
    """The superseded run ends `error` (D08)."""

    def run_status(self, run: Run) -> RunStatus:
        return "error" if run.status == "interrupted" else run.status


class ForeignStatus(Rules):
    """The superseded run ends `cancelled` (D09)."""

    def run_status(self, run: Run) -> Any:
        return "cancelled" if run.status == "interrupted" else run.status


class ZombieRunning(Rules):
    """A superseded run stays `running` for ever (D10)."""

    def run_status(self, run: Run) -> RunStatus:
        return "running" if run.status == "interrupted" else run.status


class ThreadStuckBusy(Rules):
    """The thread stays busy once a run was stopped (D11)."""

    def thread_status(self, thread: Thread) -> ThreadStatus:
        return "busy" if stopped(thread) else super().thread_status(thread)


class ThreadIdleTooEarly(Rules):
    """The thread reads idle as soon as a run was stopped (D12)."""

    def thread_status(self, thread: Thread) -> ThreadStatus:
        return "idle" if stopped(thread) else super().thread_status(thread)


class ThreadValuesCleared(Rules):
    """The thread's values are null after an interrupt (D13)."""

    def thread_values(self, thread: Thread) -> Values | None:
        return None if stopped(thread) else super().thread_values(thread)


class PartialLost(Rules):
    """What the superseded run had written vanishes (D14)."""

    def release(self, run: Run) -> None:
        if run.fate == "stop":
            run.thread.history.remove_run(run.run_id)
        super().release(run)


class PartialTokensPersisted(Rules):
    """Half an answer is written to the state (D15)."""

    def base(self, run: Run) -> Checkpoint | None:
        base = super().base(run)
        if base is None or not stopped(run.thread) or base.next != ("agent",):
            return base
        half = messages.ai("The search results give a high", "half")
        return replace(base, values=agent.written(base.values, {"messages": [half]}))


class ToolCallStripped(Rules):
    """A tool call without a result is removed (D16)."""

    def base(self, run: Run) -> Checkpoint | None:
        base = super().base(run)
        if base is None or base.next != ("tools",):
            return base
        return replace(base, values={**base.values, "messages": base.values["messages"][:-1]})


class SecondInputLost(Rules):
    """The interrupting message never reaches the state (D18)."""

    def input(self, run: Run) -> Any:
        return {"messages": []} if run.strategy == "interrupt" else super().input(run)


class SecondInputDuplicated(Rules):
    """The interrupting message is written twice (D19)."""

    def input(self, run: Run) -> Any:
        raw = super().input(run)
        return {"messages": raw["messages"] * 2} if run.strategy == "interrupt" else raw


class ResumeParkedNode(Rules):
    """New input goes on at the node where the thread stood (D20)."""

    def entry(self, run: Run, base: Checkpoint | None) -> str:
        return base.next[0] if base is not None and base.next else super().entry(run, base)


class WrongParent(Rules):
    """The new run branches off from the first checkpoint (D21)."""

    def base(self, run: Run) -> Checkpoint | None:
        oldest = next(iter(list(run.thread.history.newest_first())[::-1]), None)
        return oldest if run.strategy == "interrupt" else super().base(run)


class FirstInFlightOnly(Rules):
    """Only the first of several runs in flight is superseded (D22)."""

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        decision = super().admit(thread, strategy)
        return replace(decision, fates=dict(list(decision.fates.items())[:1]))


class RapidFireDrop(Rules):
    """Of several quick interrupts the middle ones stay pending for ever (D84)."""

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        decision = super().admit(thread, strategy)
        running = {run_id: fate for run_id, fate in decision.fates.items() if thread.runs[run_id].status == "running"}
        return replace(decision, fates=running)

    def next_to_start(self, thread: Thread) -> Run | None:
        run = super().next_to_start(thread)
        return None if run is None else list(thread.in_flight.values())[-1]


class StateWriteWhileBusy(Rules):
    """The state may be updated while a run is in flight (D63)."""

    def may_update_state(self, thread: Thread) -> bool:
        return True


class DefaultReject(Rules):
    """Without a strategy a second run is refused (D68)."""

    def default_strategy(self) -> Strategy:
        return "reject"


class InterruptAsRollback(Rules):
    """The superseded run and its data are deleted (D71)."""

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        return decide("rollback" if strategy == "interrupt" else strategy, in_flight(thread))


class PendingSupersededExecutes(Rules):
    """A superseded pending run executes all the same (D72)."""

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        decision = super().admit(thread, strategy)
        running = {run_id: fate for run_id, fate in decision.fates.items() if thread.runs[run_id].status == "running"}
        return replace(decision, fates=running)

    def run_status(self, run: Run) -> RunStatus:
        newest = list(run.thread.runs.values())[-1]
        superseded = newest is not run and newest.strategy == "interrupt" and run.status in ("pending", "success")
        return "interrupted" if superseded else run.status


class InFlightStrategyWins(Rules):
    """The strategy of the run in flight decides (D74)."""

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        return decide(thread.active.strategy if thread.active else strategy, in_flight(thread))


class CrossThreadInterrupt(Rules):
    """Runs of other threads are stopped, too (D76)."""

    def __init__(self) -> None:
        self.threads: list[Thread] = []

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        if strategy == "interrupt":
            for other in self.threads:
                for run in list(other.in_flight.values()):
                    if other is not thread and run.fate is None and run.task is not None:
                        run.fate = "stop"
                        run.task.cancel()
        if thread not in self.threads:
            self.threads.append(thread)
        return super().admit(thread, strategy)


class IdleConflict(Rules):
    """`interrupt` or `reject` on a thread that was used and is idle again is refused (D77)."""

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        if strategy in ("interrupt", "reject") and not thread.in_flight:
            return Decision(accepted=False)
        return super().admit(thread, strategy)


class ErrorSwallowed(Rules):
    """A failed run reads as a success (D80)."""

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        return "succeed" if ending == "failed" else super().conclude(run, ending)


class ForeignThreadStatus(Rules):
    """The thread reads `running` while it is busy (D90)."""

    def thread_status(self, thread: Thread) -> Any:
        status = super().thread_status(thread)
        return "running" if status == "busy" else status


class EnqueueParallel(Rules):
    """Queued runs execute at once (D78)."""

    def next_to_start(self, thread: Thread) -> Run | None:
        return next((run for run in thread.in_flight.values() if run.task is None), None)


class QueueLifo(Rules):
    """Queued runs start last in, first out (D24)."""

    def next_to_start(self, thread: Thread) -> Run | None:
        run = super().next_to_start(thread)
        return run and list(thread.in_flight.values())[-1]


class QueueStaleBase(Rules):
    """A queued run starts from the checkpoint that was newest when it was created (D25)."""

    def __init__(self) -> None:
        self.bases: list[Checkpoint | None] = []

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        self.bases.append(thread.history.head)
        return super().admit(thread, strategy)

    def base(self, run: Run) -> Checkpoint | None:
        position = list(run.thread.runs).index(run.run_id)
        return self.bases[position - len(run.thread.runs)]


class QueueStranded(Rules):
    """After a failed run nothing starts any more (D23)."""

    def next_to_start(self, thread: Thread) -> Run | None:
        return None if thread.failure else super().next_to_start(thread)


class RejectBlindToPending(Rules):
    """Only a running run counts for `reject` (D29), and a run is not started before another has come."""

    def next_to_start(self, thread: Thread) -> Run | None:
        alone = len(thread.runs) < 2 and thread.metadata.get("doubletext") != "calibration"
        return None if alone else super().next_to_start(thread)

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        running = {run_id: phase for run_id, phase in in_flight(thread).items() if phase != "pending"}
        return decide(strategy, running if strategy == "reject" else in_flight(thread))


class RejectKillsFirst(Rules):
    """Refusing also stops the run in flight (D79)."""

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        decision = super().admit(thread, strategy)
        if not decision.accepted and thread.active is not None and thread.active.task is not None:
            thread.active.fate = "stop"
            thread.active.task.cancel()
        return decision


class RollbackKeepsTheRun(Rules):
    """The record of a rolled-back run stays (D30)."""

    def erase(self, run: Run) -> None:
        run.thread.history.remove_run(run.run_id)


class RollbackKeepsCheckpoints(Rules):
    """The record goes, the checkpoints stay (D31)."""

    def erase(self, run: Run) -> None:
        run.thread.runs.pop(run.run_id, None)


class RollbackTakesEverything(Rules):
    """The whole history of the thread is deleted (D32)."""

    def erase(self, run: Run) -> None:
        super().erase(run)
        for earlier in list(run.thread.runs.values()):
            run.thread.history.remove_run(earlier.run_id)


class RollbackMessagesOnly(Rules):
    """Other channels keep what the rolled-back run wrote (D33)."""

    def erase(self, run: Run) -> None:
        head = run.thread.history.head
        self.steps = head.values["steps"] if head is not None else []
        super().erase(run)

    def base(self, run: Run) -> Checkpoint | None:
        base = super().base(run)
        return base and replace(base, values={**base.values, "steps": self.steps})

    def input(self, run: Run) -> Any:
        raw = super().input(run)
        return {**raw, "steps": self.steps} if run.strategy == "rollback" else raw

    steps: list[str] = []  # noqa: RUF012 - replaced, never changed


class RollbackErrors(RollbackKeepsTheRun):
    """Rolling back a running run leaves a failed run behind (D35)."""

    def run_status(self, run: Run) -> RunStatus:
        return "error" if run.fate == "erase" else run.status
