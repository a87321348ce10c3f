"""The engine: it creates runs, executes one at a time on each thread, stops them and settles them.

Theory of operation. The engine owns the asyncio tasks. What should happen it asks the thread's `Policy`. How a
run executes is the business of `Execution`.

Everything runs in one event loop. Every method that is not async, and every async method up to its first await,
is one indivisible change. A client therefore never observes the intermediate states of `create_run` or
`_settle`. Their order matters to three observers only: code that reads a value which an earlier line wrote,
clients that receive events in the order in which they were appended, and tasks that wake later and look at the
result.

The life of a run:

1. `create_run` requests admission, adds the run to its thread as pending, and then decides the fates of the runs in
   flight.
2. `_start_next` picks the next run of a thread whenever the thread may have become free. It waits in
   `_queue` while all workers are busy. `_start_worker` gives it a task.
3. `_execute` plays the run in that task. At its end it calls `_settle`.
4. `stop_all` records a fate on a run and cancels its task. The fate is the decision. The task ends later, and until
   then the
   run is neither allowed to write nor to emit. A run without a task settles at once.
5. `_settle` gives the run its terminal status, exactly once, and starts the next one.

A restart loses the workers and keeps the data. `Run.attempt` distinguishes an execution from those that were
lost: a lost one may still be unwinding, but it can no longer write, emit or settle.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from msgspec import UNSET

from mockserver.agent.agent import ScriptedAgent
from mockserver.agent.gates import START_POINT, Gates
from mockserver.agent.witnesses import Witnesses
from mockserver.core.callbacks import Callbacks
from mockserver.core.checkpoints import Checkpoint
from mockserver.core.clock import Clock, Clocks, milliseconds
from mockserver.core.crons import Cron, Crons
from mockserver.core.lifecycle import after
from mockserver.core.notifier import Notifier
from mockserver.core.policy import Ending, Policy, policy_of
from mockserver.core.protocol_feed import Feeds
from mockserver.core.records import Run, Thread
from mockserver.core.store import Store
from mockserver.core.strategies import Fate
from mockserver.core.streams import EventLog
from mockserver.core.threads import Threads
from mockserver.core.updates import (
    SERVER_METADATA,
)
from mockserver.engine.cron_request import cron_request
from mockserver.engine.execution import Execution
from mockserver.engine.manual_writes import ManualWrite, write_superstep
from mockserver.engine.stored_request import run_metadata, stored_kwargs
from mockserver.engine.webhooks import Webhooks
from mockserver.schemas.common import RunRequest
from mockserver.script.graphs import Graphs
from mockserver.views.protocol_events import Ended, ProtocolEvents
from mockserver.views.records import notice, state

# Bounded, because a server under load supersedes runs without end.
# A stop is explained long before 2000 others follow.
SUPERSEDED: Final = 2000
"""The number of superseded runs that are remembered."""
# Bounded, because the events of a run can be many megabytes. Clients resume seconds after a disconnect.
RESUMABLE: Final = 1000
"""The number of ended runs whose streams can be resumed. The events of older ones are dropped."""

_log = logging.getLogger(__name__)


class ThreadBusyError(Exception):
    """A run or a state update that was refused because of runs in flight on the thread."""


class NoAssistantError(Exception):
    """A run for an assistant that does not exist, or no longer exists."""


class Engine:
    """A deployment without its HTTP side."""

    def __init__(
        self,
        graphs: Graphs,
        clock: Clock,
        *,
        seed: int,
        policy: Policy,
        run_timeout: float | None,
        workers: int | None,
        callbacks: Callbacks,
    ) -> None:
        self._callbacks = callbacks
        self._run_timeout = run_timeout
        self._workers = workers
        self._working: set[Run] = set()
        self._queue: set[Run] = set()
        """The runs that are next on their threads and wait for a worker."""
        self._created = 0
        self.notifier = Notifier()
        self.threads = Threads(seed=seed, policy=policy, graphs=graphs, notifier=self.notifier)
        self.clock = Clocks(clock)
        self.store = Store(lambda: self.clock.now)
        self.seed = seed
        self.superseded: dict[str, str] = {}
        """Each stopped or erased run with the new run that superseded it. The oldest are forgotten."""
        self._witnesses = Witnesses(self.clock, self._callbacks)
        self.gates = Gates(self.notifier)
        self._agent = ScriptedAgent(self.clock, self._witnesses, self.gates, self.store)
        self._webhooks = Webhooks(self.clock, self._callbacks)
        self.feeds = Feeds()
        self.crons = Crons(self.clock, self._fire)
        self._tasks: set[asyncio.Task[None]] = set()
        self._resumable: deque[EventLog] = deque()
        self.starts = 1
        """The number of starts of this server, restarts included."""

    def create_run(self, thread: Thread, request: RunRequest, *, temporary: bool = False) -> Run:
        """Create a run on a thread and decide the fates of the runs in flight.

        Raises `ThreadBusyError` if the strategy does not admit the run, and `NoAssistantError`.
        """
        assistant = self.threads.assistants.find(request.assistant_id)
        if assistant is None:
            raise NoAssistantError(request.assistant_id)
        request = assistant.complete(request)
        requested = request.multitask_strategy
        strategy = policy_of(thread).default_strategy(thread) if requested is UNSET else requested
        # Decided before an id or a moment is drawn: a refused run leaves no trace, not even in later ids.
        decision = policy_of(thread).admit(thread, strategy)
        if not decision.accepted:
            policy_of(thread).refused(thread, request)
            raise ThreadBusyError(
                "Thread is already running a task. Wait for it to finish or choose a different multitask strategy."
            )
        moment = thread.timeline.moment()
        run_id = thread.ids.uuid7(moment)
        ids = thread.ids.scoped(run_id)
        erased = temporary and request.on_completion != "keep"
        metadata = run_metadata(request, assistant, thread)
        self._created += 1
        run = Run(
            run_id=run_id,
            number=self._created,
            thread=thread,
            assistant=assistant,
            request=request,
            strategy=strategy,
            created_at=moment,
            updated_at=moment,
            metadata=metadata,
            kwargs=stored_kwargs(request, metadata, run_id, thread.thread_id, ids.uuid4(), moment, temporary=erased),
            ids=ids,
            log=EventLog(resumable=request.stream_resumable, tap=partial(_publish, thread, run_id, request)),
            temporary=temporary,
            ready=request.after_seconds <= 0,
        )
        # Added before the others are stopped: the thread stays busy throughout and
        # never shows `idle` between two runs. The superseding run is recorded before as
        # well, because a pending run settles inside `stop_all` and names its successor.
        self._add(run)
        self._record_superseded(run, decision.fates)
        self.stop_all({thread.in_flight[superseded]: fate for superseded, fate in decision.fates.items()})
        return run

    def _record_superseded(self, new_run: Run, stopped: Iterable[str]) -> None:
        self.superseded |= dict.fromkeys(stopped, new_run.run_id)
        while len(self.superseded) > SUPERSEDED:
            del self.superseded[next(iter(self.superseded))]

    def _add(self, run: Run) -> None:
        """Add a new run to its thread. It starts at the next turn of the event loop at the earliest."""
        thread = run.thread
        thread.runs[run.run_id] = thread.in_flight[run.run_id] = run
        thread.config = {"configurable": {}, **run.assistant.current.config}
        thread.metadata |= {"graph_id": run.assistant.graph_id, "assistant_id": run.assistant.assistant_id}
        self.threads.touch(thread, run.created_at)
        if run.ready:
            # At the next turn, so that the response to its creation shows the run pending, as on a real server.
            asyncio.get_running_loop().call_soon(self._start_next, thread)
        else:
            run.watchdog = self._spawn(self._make_ready(run))

    def stop(self, run: Run, fate: Fate, why: str | None = None) -> None:
        """Give a run in flight a fate. A run that has ended, or has a fate, is left alone.

        `why` is the reason that clients see where neither a new run nor a request to cancel is the reason.
        """
        if why is not None and not run.over and run.fate is None:
            run.interruption = {"error": "UserInterrupt", "message": why}
        self.stop_all({run: fate})

    def stop_all(self, fates: Mapping[Run, Fate]) -> None:
        """Give several runs a fate at once, so that none of them starts because another stops."""
        decided = [run for run in fates if not run.over and run.fate is None]
        for run in decided:
            run.fate = fates[run]
        for run in decided:
            if run.thread.active is run:
                # The execution settles the run when it has unwound. Until then the
                # thread stays busy, and no other run starts.
                policy_of(run.thread).deliver_stop(run)
            else:
                self._settle(run, "stopped")

    def update_state(
        self, thread: Thread, base: Checkpoint | None, writes: Sequence[ManualWrite], namespace: str = ""
    ) -> Checkpoint:
        """Update the state manually on top of `base`, with all writes in one superstep.

        In the role of `__input__`, store an input that the graph takes when it runs, or in the next update.
        `namespace` is that of the child graph whose checkpoint `base` is, if it is one.
        Raises `ThreadBusyError` while a run is in flight, and the errors of `write_superstep`.
        """
        if not policy_of(thread).may_update_state(thread):
            raise ThreadBusyError(
                f"Thread {thread.thread_id} has runs in flight, so its state cannot be updated. "
                "Cancel the runs or wait for them."
            )
        if not namespace:
            base = policy_of(thread).update_base(thread, base)
        return self._updated(thread, write_superstep(thread, base, writes, namespace), namespace)

    def _updated(self, thread: Thread, checkpoint: Checkpoint, namespace: str = "") -> Checkpoint:
        """Record and publish the checkpoint of a manual update."""
        self.threads.touch(thread, checkpoint.created_at)
        thread.failure = thread.interruption = None
        self.record_state(thread)
        update = {"state": state(thread, checkpoint, namespace=namespace), "thread_id": thread.thread_id}
        thread.stream.publish("state_update", update, at=milliseconds(checkpoint.created_at))
        return checkpoint

    def _fire(self, cron: Cron) -> None:
        """Create the run of a cron that is due. If it is refused, this run of the cron is skipped."""
        request = cron_request(cron)
        try:
            if cron.thread is None:
                self.create_run(self.threads.create_thread(), request, temporary=True)
            else:
                self.create_run(cron.thread, policy_of(cron.thread).cron_order(cron.thread, request))
        except ThreadBusyError as busy:
            _log.info("cron %s skipped a run: %s", cron.cron_id, busy)

    async def close(self) -> None:
        """Stop every run, and return when no task is left."""
        # Clients first: what follows is not an event of their runs.
        self.feeds.clear()
        await self.crons.close()
        # A list: a stateless run removes its thread when it settles, which changes the dict.
        for thread in list(self.threads.by_id.values()):
            thread.stream.close()
            self.stop_all(dict.fromkeys(thread.in_flight.values(), "stop"))
        for task in self._tasks:
            task.cancel()
        # After the cancellations: a step that ignores its cancellation waits for a witness, and continues only now.
        await self._witnesses.close()
        while self._tasks:
            await asyncio.wait(self._tasks)
        # Last, because every run that settled above may have started a delivery.
        await self._webhooks.close()

    async def clear(self, seed: int) -> None:
        """Delete everything, as after a start with this seed. Return when no task is left."""
        await self.close()
        self.seed = seed
        self.threads.clear(seed)
        self.store.clear()
        self.superseded.clear()
        self._resumable.clear()
        self._witnesses = Witnesses(self.clock, self._callbacks)
        self._agent = ScriptedAgent(self.clock, self._witnesses, self.gates, self.store)

    async def restart(self) -> None:
        """Lose every worker, as when the process dies, and continue. Return when the lost workers are gone.

        Everything that a database holds is kept: threads, runs, checkpoints, events. A run that was executing is
        executed again from its newest checkpoint. A run that was being stopped ends.
        """
        self.starts += 1
        lost, self._witnesses = self._witnesses, Witnesses(self.clock, self._callbacks)
        self._agent = ScriptedAgent(self.clock, self._witnesses, self.gates, self.store)
        in_flight = [run for thread in self.threads.by_id.values() for run in thread.in_flight.values()]
        executed = [run for run in in_flight if run.task is not None]
        for run in executed:
            # From here on the old execution can neither write nor emit nor
            # settle. The task is cancelled, but may resist.
            run.attempt += 1
            if run.request.storing == "exit":
                # Nothing was stored, so the new attempt begins with the input again.
                run.thread.history.remove_run(run.run_id)
            if run.task is not None:
                run.task.cancel()
        # Before the lost workers unwind at the next await: a step that was cancelled
        # reports that to its witness, but a dead process would report nothing.
        await lost.close()
        for run in executed:
            if run.fate is None:
                self._start_worker(run)
            else:
                self._settle(run, "stopped")

    def _start_next(self, thread: Thread) -> None:
        """Start the next run of a thread, or let it wait for its release or for a worker."""
        run = policy_of(thread).next_to_start(thread)
        if run is None or run.held or run in self._queue:
            return
        if self.gates.closes(START_POINT, thread.thread_id):
            run.held = True
            run.watchdog = self._spawn(self._hold(run))
            return
        self._enqueue(run)

    async def _hold(self, run: Run) -> None:
        """Keep a run pending until a test releases it. A run that is stopped cancels this."""
        await self.gates.pass_point(START_POINT, run.thread.thread_id, run.run_id)
        run.held = False
        self._enqueue(run)

    def _enqueue(self, run: Run) -> None:
        """Let a run wait for a worker, and start it at once if there is one."""
        self._queue.add(run)
        self._start_queued()

    def _start_queued(self) -> None:
        """Start the runs that wait for a worker, the oldest first, as far as there are workers."""
        while self._queue and (self._workers is None or len(self._working) < self._workers):
            run = min(self._queue, key=lambda one: one.number)
            self._queue.remove(run)
            self._working.add(run)
            run.thread.active = run
            self._start_worker(run)

    def _start_worker(self, run: Run) -> None:
        attempt = run.attempt

        def ended(task: asyncio.Task[None]) -> None:
            # A task that is cancelled before its first turn never runs `_execute`, so its end is observed here.
            self._settle(run, "stopped", attempt)
            if run.task is task:
                run.task = None

        run.task = self._spawn(self._execute(run))
        run.task.add_done_callback(ended)

    async def _execute(self, run: Run) -> None:
        attempt = run.attempt
        if run.status == "pending":
            run.status = after(run.status, "start")
            run.started_at = run.thread.timeline.now
        if run.request.storing == "exit":
            run.thread.stored = run.thread.history.copied(run.thread.thread_id)
        # Only a run that has started shows the server's metadata, as on the official server.
        run.kwargs["config"]["metadata"] |= SERVER_METADATA
        self._touch(run)
        # The limit counts from the first start. Its watchdog survives a restart, so a later attempt needs none.
        if self._run_timeout is not None and attempt == 1:
            run.watchdog = self._spawn(self._expire(run, self._run_timeout))
        # The default is the cancelled case, in which nothing is assigned below.
        ending: Ending = "stopped"
        try:
            await Execution(run, self._agent, self.feeds).play()
            ending = "succeeded"
        except asyncio.CancelledError:
            # `stop_all` has recorded the fate that explains it.
            pass
        except Exception as error:  # noqa: BLE001 - whatever a node raises is the run's failure, not the server's
            _log.info("run %s failed: %s: %s", run.run_id, type(error).__name__, error)
            ending = "failed"
            # The failure of a lost worker must not overwrite what its successor does.
            if run.attempt == attempt:
                run.error = {"error": type(error).__name__, "message": str(error)}
        self._settle(run, ending, attempt)

    def _settle(self, run: Run, ending: Ending, attempt: int | None = None) -> None:
        """Give a run its terminal status, publish it, and start the next run. A run settles once.

        `attempt` is the execution that ended, None for a run without one. The execution of a lost worker does not
        settle the run.
        """
        thread = run.thread
        if run.ended.is_set() or attempt not in (None, run.attempt):
            return
        # Read before `active` is cleared below. A run that never executed changed neither the state nor the outcome
        # of its thread, so most of the effects do not apply to it.
        executed = thread.active is run
        event = policy_of(thread).conclude(run, ending)
        # The status first: webhooks, records and the feed below all read it.
        run.status = after(run.status, event)
        # Then the reason. A stop hides the exception that the node may have
        # raised while it unwound. A timeout has an error of its own.
        if event == "time_out":
            run.error = {"error": "TimeoutError", "message": f"The run took longer than {self._run_timeout} s."}
        elif event != "fail":
            run.error = None
        run.interruption = (run.interruption or self._stop_reason(run)) if event == "stop" else None
        # Now the thread is free. Its status follows from this, and every effect below may show it to a client.
        thread.in_flight.pop(run.run_id, None)
        if executed:
            thread.stored = None
        self._working.discard(run)
        self._queue.discard(run)
        if executed:
            thread.active = None
        if event == "stop" and run.fate == "erase":
            # Before `record_state`, which reads the newest checkpoint: after a rollback that is the one before the
            # run. What a join of the erased run returns is emptied, because its values no longer exist.
            policy_of(thread).erase(run)
            run.output = {}
        elif executed:
            if run.request.storing == "exit":
                thread.history.keep_newest_of(run.run_id)
            thread.failure = run.error
            thread.interruption = run.interruption
        # After the erasure and before everything that carries a time: it draws the moment of the end, which the error
        # event, the webhook and `state_updated_at` share.
        self._touch(run)
        if executed:
            # After `_touch`, whose moment becomes `state_updated_at`. Before
            # the webhooks, whose body shows these values.
            self.record_state(thread)
        # A pending `after_seconds` would otherwise keep its task, and make
        # an instant clock jump for a run that has ended.
        if run.watchdog is not None:
            run.watchdog.cancel()
        if run.error is not None:
            # Before `release` closes the log, which drops later events. The
            # status is final, so no event can follow it.
            run.log.append("error", None, run.error, at=milliseconds(run.updated_at))
        # Before `release`: when the join of this run returns, its delivery has its place in the thread's chain, and
        # the webhook of a superseded run precedes that of its successor.
        self._send_webhooks(run)
        _publish(
            thread,
            run.run_id,
            run.request,
            "metadata",
            {"status": "run_done", "run_id": run.run_id},
            milliseconds(run.updated_at),
        )
        # After `run_done`: connected clients learn of the end, and clients that come later never see the run.
        if run.fate == "erase":
            thread.stream.forget_run(run.run_id)
        # The run's own clients wake from here on. Status, values, error and checkpoints are final, so whatever they
        # request next agrees with what they were sent.
        policy_of(thread).release(run)
        # After the run's last own event, so that the lifecycle event ends the run in the feed too.
        self._publish_end(run)
        # After all publications, because removing the thread disconnects the clients that listen to it.
        if run.temporary and run.request.on_completion != "keep":
            self.threads.remove(thread)
            self.feeds.remove(thread.thread_id)
            # Break the cycle of run and thread, so that both are freed without the garbage collector.
            thread.runs.pop(run.run_id, None)
        elif self.threads.by_id.get(thread.thread_id) is thread and run.run_id in thread.runs:
            self._retain_stream(run.log)
        # Last: the next run begins from the newest checkpoint, and that is final
        # only now. A rollback is thus complete before its successor writes.
        self._start_next(thread)
        self._start_queued()

    def _stop_reason(self, run: Run) -> dict[str, str]:
        """Return why a run was stopped, for its webhook and for the thread until its next run has ended."""
        new_run = self.superseded.get(run.run_id)
        kind, how = ("UserRollback", "rollback") if run.fate == "erase" else ("UserInterrupt", "interrupt")
        why = f"{how} requested via POST /threads/{{thread_id}}/runs/{{run_id}}/cancel"
        if new_run is not None:
            why = f"superseded by run {new_run} (multitask_strategy={how})"
        return {"error": kind, "message": why}

    def _publish_end(self, run: Run) -> None:
        """Publish the end of a run in the feed of its thread. An erased run is then dropped from the feed."""
        thread = run.thread
        how: Ended = "interrupted"
        if run.status in ("error", "timeout"):
            how = "failed"
        elif run.status == "success" and not thread.history.waiting_interrupts():
            # Also at a breakpoint, which asks nothing: clients of the protocol wait only where they can answer.
            how = "completed"
        error = None if run.error is None else run.error["message"]
        # `True`: `may_emit` is false for a run with a fate, but its end must be published.
        ProtocolEvents(run, self.feeds, lambda: True).ends(how, error)
        feed = self.feeds.find(thread.thread_id)
        if feed is not None and run.fate == "erase":
            feed.forget_run(run.run_id)

    def forget_streams(self, runs: Iterable[Run]) -> None:
        """Drop the streams of ended runs that are deleted."""
        gone = {id(run.log) for run in runs}
        self._resumable = deque(log for log in self._resumable if id(log) not in gone)

    def _retain_stream(self, log: EventLog) -> None:
        """Keep the stream of an ended run resumable for a while."""
        if log.resumable:
            self._resumable.append(log)
            if len(self._resumable) > RESUMABLE:
                self._resumable.popleft().forget()

    def _send_webhooks(self, run: Run) -> None:
        """Send the webhooks that the end of a run requires."""
        rules = policy_of(run.thread)
        for subject, status in rules.webhooks(run):
            url = subject.request.webhook
            if url:
                body = rules.notice(subject, notice(subject, status))
                self._webhooks.send(run.thread.thread_id, url, body, partial(rules.webhook_failed, subject))

    def record_state(self, thread: Thread) -> None:
        """Record the current state of a thread as the one that its record shows."""
        head = thread.history.head
        thread.settled = None if head is None else thread.history.values(head)
        thread.rested = True
        thread.state_updated_at = thread.updated_at

    def _touch(self, run: Run) -> None:
        run.updated_at = run.thread.timeline.moment()
        self.threads.touch(run.thread, run.updated_at)

    async def _expire(self, run: Run, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with self.clock.of(run.thread.thread_id).within(seconds):
                await run.ended.wait()
        self.stop(run, "expire")

    async def _make_ready(self, run: Run) -> None:
        await self.clock.of(run.thread.thread_id).sleep(run.request.after_seconds)
        run.ready = True
        self._start_next(run.thread)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _publish(thread: Thread, run_id: str, request: RunRequest, name: str, data: Any, at: int) -> None:
    """Publish an event of a run in the stream of its whole thread."""
    thread.stream.publish(name, data, at=at, run_id=run_id, keep=request.stream_resumable)
