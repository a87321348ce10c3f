"""The engine: creates runs, lets one at a time execute on each thread, stops and settles them.

It owns the asyncio tasks. What should happen it asks the thread's `Policy`; how a run executes is `Execution`'s
business. Every method but `close` and those marked async returns without giving up control, so that what it
does is one indivisible change.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, Final

from msgspec import UNSET

from mockserver.agent import graph
from mockserver.agent.agent import ScriptedAgent
from mockserver.agent.gates import Gates
from mockserver.agent.witnesses import Witnesses
from mockserver.core.callbacks import Callbacks
from mockserver.core.checkpoints import END, Checkpoint
from mockserver.core.clock import Clock, Clocks, milliseconds
from mockserver.core.crons import Cron, Crons
from mockserver.core.lifecycle import after
from mockserver.core.notifier import Notifier
from mockserver.core.policy import Ending, Policy, policy_of
from mockserver.core.protocol_feed import Feeds
from mockserver.core.records import Run, Thread
from mockserver.core.script_cursor import Cursor
from mockserver.core.store import Store
from mockserver.core.strategies import Fate
from mockserver.core.streams import EventLog
from mockserver.core.threads import Threads
from mockserver.core.updates import SERVER_METADATA, append_checkpoint, last_node, read_write
from mockserver.engine.cron_request import cron_request
from mockserver.engine.execution import Execution
from mockserver.engine.stored_request import run_metadata, stored_kwargs
from mockserver.engine.webhooks import Webhooks
from mockserver.schemas.common import RunRequest
from mockserver.script.types import Script
from mockserver.views.protocol_events import Ended, ProtocolEvents
from mockserver.views.records import notice, state

SUPERSEDED: Final = 2000
"""Superseded runs that are remembered."""
RESUMABLE: Final = 1000
"""Runs that are over whose streams can be resumed; of older ones the events are forgotten."""

_log = logging.getLogger(__name__)


class ThreadBusyError(Exception):
    """A run was refused because of what is in flight on its thread."""


class NoAssistantError(Exception):
    """A run asked for an assistant that is not there, or is no more."""


class Engine:
    """One deployment without its HTTP side."""

    def __init__(
        self,
        script: Script,
        clock: Clock,
        *,
        seed: int,
        policy: Policy,
        run_timeout: float | None,
        callbacks: Callbacks,
    ) -> None:
        self._callbacks = callbacks
        self._run_timeout = run_timeout
        self.notifier = Notifier()
        self.threads = Threads(seed=seed, policy=policy, script=script, notifier=self.notifier)
        self.clock = Clocks(clock)
        self.store = Store(lambda: self.clock.now)
        self.seed = seed
        self.superseded: dict[str, str] = {}
        """Runs that a new run stopped or erased, each with that new run; the oldest are forgotten."""
        self._witnesses = Witnesses(self.clock, self._callbacks)
        self.gates = Gates(self.notifier)
        self._agent = ScriptedAgent(self.clock, self._witnesses, self.gates)
        self._webhooks = Webhooks(self.clock, self._callbacks)
        self.feeds = Feeds()
        self.crons = Crons(self.clock, self._fire)
        self._tasks: set[asyncio.Task[None]] = set()
        self._resumable: deque[EventLog] = deque()
        self.starts = 1
        """How often this server was started."""

    def create_run(self, thread: Thread, request: RunRequest, *, temporary: bool = False) -> Run:
        """Create a run on a thread and decide what becomes of those in flight. Raises `ThreadBusyError`."""
        assistant = self.threads.assistants.find(request.assistant_id)
        if assistant is None:
            raise NoAssistantError(request.assistant_id)
        request = assistant.instructed(request)
        asked = request.multitask_strategy
        strategy = policy_of(thread).default_strategy(thread) if asked is UNSET else asked
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
        run = Run(
            run_id=run_id,
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
            ready=request.after_seconds == 0,
        )
        self._enter(run)
        self._note_superseded(run, decision.fates)
        self.stop_all({thread.in_flight[superseded]: fate for superseded, fate in decision.fates.items()})
        return run

    def _note_superseded(self, new_run: Run, stopped: Iterable[str]) -> None:
        self.superseded |= dict.fromkeys(stopped, new_run.run_id)
        while len(self.superseded) > SUPERSEDED:
            del self.superseded[next(iter(self.superseded))]

    def _enter(self, run: Run) -> None:
        """Put a new run on its thread; it starts, at the earliest, at the next turn of the event loop."""
        thread = run.thread
        thread.runs[run.run_id] = thread.in_flight[run.run_id] = run
        thread.config = {"configurable": {}, **run.assistant.current.config}
        thread.metadata |= {"graph_id": run.assistant.graph_id, "assistant_id": run.assistant.assistant_id}
        self.threads.touch(thread, run.created_at)
        if run.ready:
            # Not now: whoever created the run is to see it pending.
            asyncio.get_running_loop().call_soon(self._start_next, thread)
        else:
            run.watchdog = self._spawn(self._make_ready(run))

    def stop(self, run: Run, fate: Fate, why: str | None = None) -> None:
        """Decide that a run in flight is to stop. A run that is over, or was decided about before, is left alone.

        `why` is told where neither a new run nor a request to cancel is the reason.
        """
        if why is not None and not run.over and run.fate is None:
            run.interruption = {"error": "UserInterrupt", "message": why}
        self.stop_all({run: fate})

    def stop_all(self, fates: Mapping[Run, Fate]) -> None:
        """Decide about several runs at once, so that none of them starts because another stops."""
        decided = [run for run in fates if not run.over and run.fate is None]
        for run in decided:
            run.fate = fates[run]
        for run in decided:
            if run.thread.active is run:
                policy_of(run.thread).deliver_stop(run)
            else:
                self._settle(run, "stopped")

    def update_state(
        self, thread: Thread, base: Checkpoint | None, raw: dict[str, Any] | None, as_node: str | None
    ) -> Checkpoint:
        """Write to the state by hand, on top of `base`, as if `as_node` (default: whoever wrote last) had done it.

        Raises `ThreadBusyError` while a run is in flight, and what `read_write` and `graph.written` raise.
        """
        if not policy_of(thread).may_update_state(thread):
            raise ThreadBusyError(f"Thread {thread.thread_id} has runs in flight; its state cannot be updated now.")
        values = graph.empty_values() if base is None else thread.history.values(base)
        reducers = thread.script.reducers
        updated = graph.written(values, read_write(raw or {}, thread.ids.uuid4, reducers), reducers)
        node = as_node or last_node(base)
        cursor = Cursor() if node == END else graph.written_by_hand(thread, base, node, updated)
        checkpoint = append_checkpoint(
            thread,
            base,
            values=updated,
            following=graph.nodes_at(cursor, {}),
            source="update",
            node=node,
            cursor=cursor,
        )
        self.threads.touch(thread, checkpoint.created_at)
        thread.failure = thread.interruption = None
        self.rest(thread)
        told = {"state": state(thread, checkpoint), "thread_id": thread.thread_id}
        thread.stream.publish("state_update", told, at=milliseconds(checkpoint.created_at))
        return checkpoint

    def _fire(self, cron: Cron) -> None:
        """Create the run of a cron that is due; one that is refused is left out."""
        request = cron_request(cron)
        try:
            if cron.thread is None:
                self.create_run(self.threads.create_thread(), request, temporary=True)
            else:
                self.create_run(cron.thread, policy_of(cron.thread).cron_order(cron.thread, request))
        except ThreadBusyError as busy:
            _log.info("cron %s: %s", cron.cron_id, busy)

    async def close(self) -> None:
        """Stop every run and let go of every witness; returns when no task is left."""
        self.feeds.clear()
        await self.crons.close()
        # Lists, because a stateless run takes its thread with it when it stops.
        for thread in list(self.threads.by_id.values()):
            thread.stream.close()
            self.stop_all(dict.fromkeys(thread.in_flight.values(), "stop"))
        for task in self._tasks:
            task.cancel()
        await self._witnesses.close()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._webhooks.close()

    async def clear(self, seed: int) -> None:
        """Forget everything, as if just started with this seed; returns when no task is left."""
        await self.close()
        self.seed = seed
        self.threads.clear(seed)
        self.store.clear()
        self.superseded.clear()
        self._resumable.clear()
        self._witnesses = Witnesses(self.clock, self._callbacks)
        self._agent = ScriptedAgent(self.clock, self._witnesses, self.gates)

    async def restart(self) -> None:
        """Lose every worker, as when the process dies; returns when those are gone.

        Kept is what a database holds: threads, runs, checkpoints, events. A run that was being executed is executed
        again, from its newest checkpoint on; one that was being stopped is over.
        """
        self.starts += 1
        lost, self._witnesses = self._witnesses, Witnesses(self.clock, self._callbacks)
        self._agent = ScriptedAgent(self.clock, self._witnesses, self.gates)
        in_flight = [run for thread in self.threads.by_id.values() for run in thread.in_flight.values()]
        executed = [run for run in in_flight if run.task is not None]
        for run in executed:
            run.attempt += 1
            if run.task is not None:
                run.task.cancel()
        # Before the lost workers have their turn: the dead tell nobody anything.
        await lost.close()
        for run in executed:
            if run.fate is None:
                self._work_on(run)
            else:
                self._settle(run, "stopped")

    def _start_next(self, thread: Thread) -> None:
        run = policy_of(thread).next_to_start(thread)
        if run is not None:
            thread.active = run
            self._work_on(run)

    def _work_on(self, run: Run) -> None:
        attempt = run.attempt

        def ended(task: asyncio.Task[None]) -> None:
            # A task that is cancelled before its first turn never runs, so its end must be seen from outside.
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
        run.kwargs["config"]["metadata"] |= SERVER_METADATA
        self._touch(run)
        if self._run_timeout is not None and attempt == 1:
            run.watchdog = self._spawn(self._expire(run, self._run_timeout))
        ending: Ending = "stopped"
        try:
            await Execution(run, self._agent, self.feeds).play()
            ending = "succeeded"
        except asyncio.CancelledError:
            # Somebody stopped the run; `stop` has noted who.
            pass
        except Exception as error:  # noqa: BLE001 - whatever a node raises is the run's failure, not the server's
            _log.info("run %s failed: %s: %s", run.run_id, type(error).__name__, error)
            ending = "failed"
            if run.attempt == attempt:
                run.error = {"error": type(error).__name__, "message": str(error)}
        self._settle(run, ending, attempt)

    def _settle(self, run: Run, ending: Ending, attempt: int | None = None) -> None:
        """Give a run its terminal status, let everybody know, and start the next. A run settles once.

        `attempt`: the execution that came to its end; that of a lost worker does not count.
        """
        thread = run.thread
        if run.ended.is_set() or attempt not in (None, run.attempt):
            return
        executed = thread.active is run
        event = policy_of(thread).conclude(run, ending)
        run.status = after(run.status, event)
        if event == "time_out":
            run.error = {"error": "TimeoutError", "message": f"The run took longer than {self._run_timeout} s."}
        elif event != "fail":
            run.error = None
        run.interruption = (run.interruption or self._why_stopped(run)) if event == "stop" else None
        thread.in_flight.pop(run.run_id, None)
        if executed:
            thread.active = None
        if event == "stop" and run.fate == "erase":
            policy_of(thread).erase(run)
            run.output = {}
        elif executed:
            thread.failure = run.error
            thread.interruption = run.interruption
        self._touch(run)
        if executed:
            self.rest(thread)
        if run.watchdog is not None:
            run.watchdog.cancel()
        if run.error is not None:
            run.log.append("error", None, run.error, at=milliseconds(run.updated_at))
        self._send_webhooks(run)
        _publish(
            thread,
            run.run_id,
            run.request,
            "metadata",
            {"status": "run_done", "run_id": run.run_id},
            milliseconds(run.updated_at),
        )
        if run.fate == "erase":
            thread.stream.forget_run(run.run_id)
        policy_of(thread).release(run)
        self._publish_end(run)
        self._keep_stream(run.log)
        if run.temporary and run.request.on_completion != "keep":
            self.threads.remove(thread)
            self.feeds.remove(thread.thread_id)
            # So that both are gone with the last who asks for the run, and need not wait for the collector.
            thread.runs.pop(run.run_id, None)
        self._start_next(thread)

    def _why_stopped(self, run: Run) -> dict[str, str]:
        """What is told of a run that was stopped: by its webhook, and by the thread until the next one has ended."""
        new_run = self.superseded.get(run.run_id)
        kind, how = ("UserRollback", "rollback") if run.fate == "erase" else ("UserInterrupt", "interrupt")
        why = f"{how} requested via POST /threads/{{thread_id}}/runs/{{run_id}}/cancel"
        if new_run is not None:
            why = f"superseded by run {new_run} (multitask_strategy={how})"
        return {"error": kind, "message": why}

    def _publish_end(self, run: Run) -> None:
        """Tell those who listen to the thread how a run ended; one that was erased is never told of again."""
        thread = run.thread
        head = thread.history.head
        how: Ended = "interrupted"
        if run.status in ("error", "timeout"):
            how = "failed"
        elif run.status == "success" and not (head is not None and head.next):
            how = "completed"
        error = None if run.error is None else run.error["message"]
        ProtocolEvents(run, self.feeds, lambda: True).ends(how, error)
        feed = self.feeds.find(thread.thread_id)
        if feed is not None and run.fate == "erase":
            feed.forget_run(run.run_id)

    def _keep_stream(self, log: EventLog) -> None:
        """Let the stream of a run that is over be resumed for a while."""
        if log.resumable:
            self._resumable.append(log)
            if len(self._resumable) > RESUMABLE:
                self._resumable.popleft().forget()

    def _send_webhooks(self, run: Run) -> None:
        """Send the webhooks that the end of a run calls for."""
        rules = policy_of(run.thread)
        for subject, status in rules.webhooks(run):
            url = subject.request.webhook
            if url is not None:
                body = notice(subject, status)
                self._webhooks.send(run.thread.thread_id, url, body, partial(rules.webhook_failed, subject))

    def rest(self, thread: Thread) -> None:
        """Note that the state of a thread has come to rest as it is now."""
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
    """Tell those who watch a whole thread of what one of its runs streams."""
    thread.stream.publish(name, data, at=at, run_id=run_id, keep=request.stream_resumable)
