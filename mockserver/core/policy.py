"""Every decision that a deployment takes about a run or a thread, one small method each.

The engine asks the policy of the thread and does what it says. This is the right one. A deployment that gets
something wrong is this class with one method replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, Literal, cast

from mockserver.core.checkpoints import Checkpoint, Values
from mockserver.core.lifecycle import RunEvent, thread_status
from mockserver.core.records import Run, Thread
from mockserver.core.strategies import DECISIONS, DEFAULT_STRATEGY, PHASES, STRATEGIES, Decision, decide
from mockserver.core.streams import Event
from mockserver.schemas.common import RunRequest
from mockserver.vocabulary import RunStatus, Strategy, ThreadStatus

Ending = Literal["succeeded", "failed", "stopped"]
"""How the execution of a run came to its end, whatever was decided about it meanwhile."""

LEAVING: Final = frozenset(
    strategy for strategy in STRATEGIES if all(DECISIONS[strategy, phase] == "leave" for phase in PHASES)
)
"""The strategies that leave every run in flight alone, however many there are; none of those need be looked at."""


class Policy:
    """The documented semantics."""

    def default_strategy(self, thread: Thread) -> Strategy:  # noqa: ARG002 - a seam
        """The strategy of a request that names none."""
        return DEFAULT_STRATEGY

    def admit(self, thread: Thread, strategy: Strategy) -> Decision:
        """Whether a new run is accepted, and what becomes of the runs in flight."""
        asked = () if strategy in LEAVING else thread.in_flight.values()
        return decide(strategy, {run.run_id: run.phase for run in asked})

    def refused(self, thread: Thread, request: RunRequest) -> None:
        """Note that a new run was refused: nothing is left of it."""

    def cron_order(self, thread: Thread, order: RunRequest) -> RunRequest:  # noqa: ARG002 - a seam
        """The run that a cron of a thread asks for when it fires."""
        return order

    def next_to_start(self, thread: Thread) -> Run | None:
        """The run to start now: one at a time, in order of creation, whose `after_seconds` are over."""
        if thread.active is not None:
            return None
        return next((run for run in thread.in_flight.values() if run.ready and run.fate is None), None)

    def base(self, run: Run) -> Checkpoint | None:
        """The checkpoint that a starting run goes on from: the one it asked for, else the newest, or its own."""
        asked = run.request.requested_checkpoint
        head = run.thread.history.head
        begun = head is not None and head.run_id == run.run_id
        return head if asked is None or begun else run.thread.history.get(asked)

    def input(self, run: Run) -> Any:
        """What a starting run writes first, None if it only goes on: so it was asked, or it has begun before."""
        head = run.thread.history.head
        begun = run.attempt > 1 and head is not None and head.run_id == run.run_id
        return None if begun else run.request.given_input

    def entry(self, run: Run, base: Checkpoint | None, first: str) -> str:  # noqa: ARG002 - a seam
        """The node at which new input enters the graph: the turn's first, wherever the thread stood."""
        return first

    def may_write(self, run: Run) -> bool:
        """Whether a step of this run may still reach the state, and another step may start."""
        return run.fate is None

    def may_emit(self, run: Run) -> bool:
        """Whether an event of this run may still reach a stream."""
        return run.fate is None

    async def after_step(self, run: Run) -> None:
        """What a run waits for between two steps: nothing, least of all for those who watch it."""

    def may_update_state(self, thread: Thread) -> bool:
        """Whether the state may be written by hand: not while a run is in flight."""
        return not thread.in_flight

    def deliver_stop(self, run: Run) -> None:
        """Tell the execution of a run to stop; it ends in its own time."""
        if run.task is not None:
            run.task.cancel()

    async def play_child(self, run: Run, child: Coroutine[Any, Any, Values]) -> Values:  # noqa: ARG002 - a seam
        """Play the child graph of a run to its end; what stops the run stops the child graph."""
        return await child

    def conclude(self, run: Run, ending: Ending) -> RunEvent:
        """What the end of an execution means for the run. One that was decided to stop did not fail."""
        if ending == "succeeded":
            return "succeed"
        if run.fate == "expire":
            return "time_out"
        return "fail" if ending == "failed" and run.fate is None else "stop"

    def release(self, run: Run) -> None:
        """Let everybody go who watches a run or waits for it."""
        run.log.close()
        run.ended.set()

    def webhooks(self, run: Run) -> list[tuple[Run, str]]:
        """The webhooks that are sent when a run has settled: about which run, and with which status.

        A run that never began sends none, and one that is rolled back says so.
        """
        if run.started_at is None:
            return []
        rolled_back = run.fate == "erase" and run.status == "interrupted"
        return [(run, "rollback" if rolled_back else self.run_status(run))]

    def webhook_failed(self, run: Run) -> None:
        """An attempt to deliver a run's webhook failed: nothing comes of that."""

    def reader_offset(self, run: Run, last_event_id: str | None) -> int:
        """Where in the events of a run a reader begins that came after the run."""
        return run.log.offset_after(last_event_id)

    def shows(self, event: Event, asked: frozenset[str] | None) -> bool:
        """Whether a reader who asked for some stream modes (None: all) sees an event."""
        return asked is None or event.mode is None or event.mode in asked

    async def before_sending(self, run: Run) -> None:
        """What a reader of a run waits for before it is sent more: nothing."""

    def awaited(self, run: Run) -> asyncio.Event:
        """What those wait for who wait for a run: its end."""
        return run.ended

    def names_run(self, run: Run) -> bool:  # noqa: ARG002 - a seam
        """Whether an answer that streams or waits tells in its head which run it is about."""
        return True

    def stops_when_left(self, run: Run, *, asked: bool) -> bool:  # noqa: ARG002 - a seam
        """Whether a run is stopped because a client leaves that watched it, who did or did not ask for that."""
        return asked

    def erase(self, run: Run) -> None:
        """Take a rolled-back run out of its thread with everything it wrote."""
        run.thread.history.remove_run(run.run_id)
        run.thread.runs.pop(run.run_id, None)

    def thread_status(self, thread: Thread) -> ThreadStatus:
        """The status of a thread as clients see it."""
        head = thread.history.head
        return thread_status(
            in_flight=bool(thread.in_flight),
            failed=thread.failure is not None,
            unfinished=head is not None and bool(head.next),
        )

    def run_status(self, run: Run) -> RunStatus:
        """The status of a run as clients see it."""
        return run.status

    def thread_interrupts(self, thread: Thread) -> dict[str, list[Any]]:
        """The questions that a thread waits for a human to answer, by task."""
        head = thread.history.head
        waiting = thread.history.waiting_interrupts()
        return {} if head is None else {head.task_id(node): [question] for node, question in waiting.items()}

    def thread_values(self, thread: Thread) -> Values | None:
        """The values in a thread's record: those of its state when it last came to rest."""
        return thread.settled

    def output(self, run: Run) -> Values:
        """What join and wait give for a run that is over."""
        return {"__error__": run.error} if run.error is not None else run.output


def policy_of(thread: Thread) -> Policy:
    """Return the policy that decides about a thread and its runs."""
    return cast(Policy, thread.policy)
