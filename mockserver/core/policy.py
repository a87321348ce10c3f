"""Every decision that a deployment makes about a run or a thread, one small method each.

The engine consults the thread's policy for each of them. `Policy` decides correctly. A defective deployment uses
a subclass that replaces one method, so it differs in one decision and nothing else.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final, Literal

from mockserver.core.checkpoints import Checkpoint, Values
from mockserver.core.lifecycle import RunEvent, thread_status
from mockserver.core.notifier import Happening
from mockserver.core.records import Run, Thread
from mockserver.core.strategies import DECISIONS, DEFAULT_STRATEGY, PHASES, STRATEGIES, Decision, decide
from mockserver.core.streams import Event
from mockserver.schemas.common import RunRequest
from mockserver.vocabulary import RunStatus, Strategy, ThreadStatus

Ending = Literal["succeeded", "failed", "stopped"]
"""The way in which the execution of a run ended, whatever was decided about the run meanwhile."""

LEAVING: Final = frozenset(
    strategy for strategy in STRATEGIES if all(DECISIONS[strategy, phase] == "leave" for phase in PHASES)
)
"""The strategies that never touch a run in flight. For these no run in flight is examined."""


class Policy:
    """The documented semantics."""

    def default_strategy(self, thread: Thread) -> Strategy:  # noqa: ARG002 - a seam
        """Return the strategy of a request that names none."""
        return DEFAULT_STRATEGY

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        """Decide about a new run: its acceptance, and the fates of the runs in flight."""
        # `enqueue` is the default and may queue thousands of runs. Examining
        # them all would make the cost of a new run grow with the queue.
        asked = () if strategy in LEAVING else thread.in_flight.values()
        return decide(strategy, {run.run_id: run.phase for run in asked})

    def refused(self, thread: Thread, request: RunRequest) -> None:
        """Receive a refused request. Nothing of it remains."""

    def cron_order(self, thread: Thread, order: RunRequest) -> RunRequest:  # noqa: ARG002 - a seam
        """Return the request for the run that a thread's cron creates when it fires."""
        return order

    def next_to_start(self, thread: Thread) -> Run | None:
        """Return the run to start now, the oldest that is ready, or None while another executes."""
        if thread.active is not None:
            return None
        return next((run for run in thread.in_flight.values() if run.ready and run.fate is None), None)

    def base(self, run: Run) -> Checkpoint | None:
        """Return the checkpoint that a starting run continues from: the requested one, the newest, or its own."""
        asked = run.request.requested_checkpoint
        head = run.thread.history.head
        begun = head is not None and head.run_id == run.run_id
        return head if asked is None or begun else run.thread.history.get(asked)

    def input(self, run: Run) -> Any:
        """Return the first write of a starting run, None if it continues without input or has begun before."""
        head = run.thread.history.head
        # A second attempt whose first wrote nothing begins with its input. One
        # that wrote has taken up its input already, and must not do so twice.
        begun = run.attempt > 1 and head is not None and head.run_id == run.run_id
        return None if begun else run.request.given_input

    def configurable(self, run: Run) -> dict[str, Any]:
        """Return the configurable that the agent of a run sees."""
        return run.configurable

    def answer_given(self, run: Run, answer: Any) -> Any:  # noqa: ARG002 - a seam
        """Return the answer to a question as the agent of a resuming run gets it."""
        return answer

    def entry(self, run: Run, base: Checkpoint | None, first: str) -> str:  # noqa: ARG002 - a seam
        """Return the node at which new input enters the graph: the first of the turn, wherever the thread waits."""
        return first

    def may_write(self, run: Run) -> bool:
        """Return whether a step of this run may write to the state, and another step may start."""
        return run.fate is None

    def may_emit(self, run: Run) -> bool:
        """Return whether an event of this run may reach a stream."""
        return run.fate is None

    def delivers(self, run: Run, unread: int) -> bool:  # noqa: ARG002 - a seam
        """Return whether a client gets the next events of a stream, with `unread` events behind them: always."""
        return True

    async def after_step(self, run: Run) -> None:
        """Wait between two steps of a run. The correct server does not wait, not even for slow readers."""

    def may_update_state(self, thread: Thread) -> bool:
        """Return whether the state may be updated manually: not while a run is in flight."""
        return not thread.in_flight

    def update_base(self, thread: Thread, named: Checkpoint | None) -> Checkpoint | None:  # noqa: ARG002 - a seam
        """Return the checkpoint that a manual update builds on. `named` is the requested one, or else the newest."""
        return named

    def deliver_stop(self, run: Run) -> None:
        """Cancel the execution of a run, which then ends in its own time."""
        if run.task is not None:
            run.task.cancel()

    async def play_child(self, run: Run, child: Coroutine[Any, Any, Values]) -> Values:  # noqa: ARG002 - a seam
        """Play the child graph of a run. Whatever cancels the run cancels the child graph."""
        return await child

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        """Return the lifecycle event that the end of an execution means. A run with a fate did not fail."""
        # Even with a fate: the run finished before the stop reached it, so its work is complete and it stays
        # `success` (https://github.com/langchain-ai/deepagents/pull/6257).
        if ending == "succeeded":
            return "succeed"
        if run.fate == "expire":
            return "time_out"
        # A node may answer a cancellation with an exception of its own. The
        # run was stopped all the same, and its clients must not see an error.
        return "fail" if ending == "failed" and run.fate is None else "stop"

    def release(self, run: Run) -> None:
        """Close the stream of a run and wake the requests that wait for it."""
        # The stream first: a request that wakes from `ended` finds the stream complete.
        run.log.close()
        run.ended.set()

    def webhooks(self, run: Run) -> list[tuple[Run, str]]:
        """Return the webhooks to send when a run has settled: about which run, and with which status.

        A run that never started sends none. A run that is rolled back sends the status `rollback`.
        """
        if run.started_at is None:
            return []
        rolled_back = run.fate == "erase" and run.status == "interrupted"
        return [(run, "rollback" if rolled_back else self.run_status(run))]

    def notice(self, run: Run, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - a seam
        """Return the body of the webhook of a run. `body` is the ended run with its times and its final values."""
        return body

    def webhook_failed(self, run: Run) -> None:
        """Receive a failed attempt to deliver a run's webhook. It has no consequence for the run."""

    def reader_offset(self, run: Run, last_event_id: str | None) -> int:
        """Return the offset at which a reader that joins a run begins."""
        return run.log.offset_after(last_event_id)

    def shows(self, event: Event, asked: frozenset[str] | None) -> bool:
        """Return whether a reader of some stream modes (None: all) receives an event."""
        return asked is None or event.mode is None or event.mode in asked

    async def before_sending(self, run: Run) -> None:
        """Wait before a reader of a run is sent more. The correct server does not wait."""

    def awaited(self, run: Run) -> Happening:
        """Return the event that requests waiting for a run await: its end."""
        return run.ended

    def names_run(self, run: Run) -> bool:  # noqa: ARG002 - a seam
        """Return whether a streaming or waiting response names its run in a header."""
        return True

    def names_stream(self, run: Run) -> bool:  # noqa: ARG002 - a seam
        """Return whether a streaming or waiting response names in a header where it can be continued."""
        return True

    def allowed_to_pages(self, requested: str) -> str:
        """Return the request headers that a page of another origin may send. `requested` are those that it needs."""
        return requested

    def exposed_to_pages(self, readable: str) -> str:
        """Return the response headers that a page of another origin may read. `readable` are those clients need."""
        return readable

    def stops_when_left(self, run: Run, *, asked: bool) -> bool:  # noqa: ARG002 - a seam
        """Return whether a run is stopped because a client disconnects. `asked`: the client requested that."""
        return asked

    def erase(self, run: Run) -> None:
        """Remove a rolled-back run from its thread, with everything that it wrote."""
        run.thread.history.remove_run(run.run_id)
        run.thread.runs.pop(run.run_id, None)

    def thread_status(self, thread: Thread) -> ThreadStatus:
        """Return the status of a thread as clients see it."""
        head = thread.history.head
        return thread_status(
            in_flight=bool(thread.in_flight),
            failed=thread.failure is not None,
            unfinished=head is not None and bool(head.next or thread.history.extras(head)),
        )

    def run_status(self, run: Run) -> RunStatus:
        """Return the status of a run as clients see it."""
        return run.status

    def thread_interrupts(self, thread: Thread) -> dict[str, list[Any]]:
        """Return the pending interrupts of a thread, by task."""
        head = thread.visible.head
        waiting = thread.visible.waiting_interrupts()
        # Like the state, the record shows the tasks of the checkpoint, and not those that a command added.
        return {} if head is None else {head.task_id(task): waiting[task] for task in head.next if task in waiting}

    def thread_values(self, thread: Thread) -> Values | None:
        """Return the values in a thread's record: those at the last end of a run or manual update."""
        return thread.settled

    def output(self, run: Run) -> Values:
        """Return the result of join and wait for a run that has ended."""
        return {"__error__": run.error} if run.error is not None else run.output

    def joined(self, run: Run) -> Values:
        """Return the result of a join for a run that has ended: the state of its thread, or the error of the run.

        The Python client describes a join as returning the final state of the thread, unlike `wait`.
        """
        head = run.thread.history.head
        followed = head is not None and head.run_id != run.run_id and run.error is None and run.fate != "erase"
        return run.thread.settled or {} if followed else self.output(run)


def policy_of(thread: Thread) -> Policy:
    """Return the policy that decides about a thread and its runs."""
    # Every step of a run passes here dozens of times, and `cast` is a call as well.
    return thread.policy  # type: ignore[return-value]
