"""Plays one scenario against one deployment and hands back the transcript.

The driver decides nothing about right and wrong: it makes the moments that the scenario asks for, records, and
always comes to an end, whatever the deployment does.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import math
import re
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, assert_never

import msgspec

from conformance import scenarios as s
from conformance.clients import Clients
from conformance.deadlines import Deadlines
from conformance.evidence import checkpoint_id
from conformance.model import STEPS
from conformance.probe import Probe, to_config
from conformance.recorder import Recorder
from conformance.statuses import GONE, IN_FLIGHT, TERMINAL
from conformance.transcript import (
    Delivery,
    Missed,
    Move,
    Response,
    StreamEvent,
    SuiteInfo,
    TargetInfo,
    Transcript,
    WitnessEvent,
)
from conformance.transcript import Probe as TargetProbe
from conformance.wire import Wire
from conformance.witness import Witness, webhook_url

HISTORY_LIMIT = 1000
LIST_LIMIT = 100
TIMED_HOLD = 3.0
"""Seconds for which a run holds when it cannot reach the witness."""


class Driver:
    """One play of one scenario, through `wire`, on the agent that `assistant` names."""

    def __init__(
        self, *, wire: Wire, recorder: Recorder, deadlines: Deadlines, assistant: str, witness: Witness
    ) -> None:
        self._wire = wire
        self._recorder = recorder
        self._deadlines = deadlines
        self._assistant = assistant
        self._witness = witness
        self._witness_url, self._stand = witness.open(recorder)
        self._play_id = self._witness_url.rpartition("/")[2]
        self._threads: dict[str, str] = {}
        self._missing, self._nobody = str(uuid.uuid4()), str(uuid.uuid4())
        self._thread_of: dict[str, str | None] = {}
        """By run; None while a stateless run's thread was not told."""
        self._run_ids: dict[str, str] = {}
        self._statuses: dict[str, str] = {}
        self._probe: TargetProbe = "witnessed"
        self._deleted_crons: set[str] = set()
        self._joins: dict[str, asyncio.Task[None]] = {}
        self._readers: dict[str, list[str]] = {}
        self._clients = Clients(wire, recorder)
        self._child: str | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        recorder.on_moment = self._wake.set

    async def play(
        self, scenario: s.Scenario, suite: SuiteInfo, target: TargetInfo, on_quiet: Callable[[], None]
    ) -> Transcript:
        """Play `scenario` to its end and return what happened; raises nothing that the deployment causes.

        `on_quiet` is called when no further run is to execute, so that another play may use the workers.
        """
        self._probe = target.probe
        started_at = datetime.datetime.now(datetime.UTC).isoformat()
        try:
            await self._open_thread(s.MAIN, scenario.id)
            if s.MAIN in self._threads:
                async with self._watching():
                    for index, move in enumerate(scenario.moves):
                        if self._wire.lost is not None:
                            break
                        if index == _quiet_from(scenario):
                            on_quiet()
                        self._recorder.add(Move, index=index, text=describe(move))
                        await self._do(move)
                    self._stand.release()
                    await self._finish_background()
                await self._read_final()
        finally:
            await self._delete_left_crons()
            await self._cancel_background()
            self._witness.close(self._witness_url)
        return Transcript(
            suite=suite,
            target=target,
            scenario=scenario,
            started_at=started_at,
            observed_for=self._deadlines.observe,
            threads=dict(self._threads),
            moments=list(self._recorder.moments),
        )

    # -- moves -----------------------------------------------------------------------------------------

    async def _do(self, move: s.Move) -> None:
        client = self._wire.client
        match move:
            case s.Submit():
                await self._submit(move)
            case s.Watch():
                await self._watch(move)
            case s.AwaitEvent():
                await self._await_event(move)
            case s.Leave(name=name):
                await self._clients.leave(name)
            case s.Ask():
                await self._ask(move)
            case s.AwaitPoint():
                await self._await_point(move)
            case s.AwaitHeard(label=label):
                await self._await_heard(label)
            case s.AwaitSuperseded():
                await self._await_superseded(move)
            case s.AwaitStopped():
                await self._await_stopped(move)
            case s.AwaitEnd():
                await self._await_end(move)
            case s.AwaitOneLeft():
                await self._until(self._one_left, self._deadlines.stop, "all runs but one to be over")
            case s.CreateCron():
                await self._create_cron(move)
            case s.AwaitCron(label=label):
                await self._await_cron(label)
            case s.DeleteCron(label=label):
                await self._delete_cron(label)
            case s.ListCrons():
                crons = client.crons.search(thread_id=self._threads[s.MAIN], limit=LIST_LIMIT)
                await self._wire.call("list crons", s.MAIN, crons)
            case s.AwaitGone(label=label):
                await self._await_gone(label)
            case s.AwaitWebhook(label=label):
                await self._await_webhook(label)
            case s.Cancel():
                await self._cancel(move)
            case s.CancelMany(labels=labels):
                ids = [self._run_ids[label] for label in labels if label in self._run_ids]
                body = {"thread_id": self._threads[s.MAIN], "run_ids": ids}
                await self._wire.call("cancel many", s.MAIN, client.http.post("/runs/cancel", json=body))
            case s.Together(moves=moves):
                await asyncio.gather(*(self._do(one) for one in moves))
            case s.Delete(label=label):
                await self._delete(label)
            case s.Release():
                self._stand.release(move.label, move.point)
            case s.Observe(until_begun=label):
                # What is held by time would be over before much was observed.
                if label is None or self._probe == "witnessed":
                    await self._until(lambda: label is not None and self._begun(label), self._deadlines.observe)
            case s.Look():
                await self._look()
            case s.ReadState():
                await self._read("mid")
            case s.ReadChild():
                await self._find_child()
                await self._read_child("mid")
            case s.UpdateState(text=text):
                values = {"messages": [{"role": "user", "content": text}]}
                update = client.threads.update_state(self._threads[s.MAIN], values)
                await self._wire.call("update state", s.MAIN, update)
            case s.ListRuns():
                listing = client.runs.list(
                    self._threads[s.MAIN], limit=move.limit, offset=move.offset, status=move.status
                )
                await self._wire.call("list runs", s.MAIN, listing)
            case s.SearchThreads(status=status):
                search = client.threads.search(metadata={"doubletext_play": self._play_id}, status=status)
                await self._wire.call("search threads", status, search)
            case _:
                assert_never(move)

    async def _submit(self, move: s.Submit) -> None:
        label = move.label
        thread = None if move.thread == s.STATELESS else await self._thread_for(move.thread)
        if thread is None and move.thread != s.STATELESS:
            return  # a run without a thread is another thing altogether
        self._thread_of[label] = thread
        self._stand.hold(label, move.hold)
        body = self._run_request(move)
        runs, wire = self._wire.client.runs, self._wire
        match move.endpoint:
            case "create":
                await wire.call("submit", label, runs.create(thread, self._assistant, **body))
            case "stream":
                self._readers[label] = [label]
                await self._stream(
                    label, "submit", label, runs.stream(thread, self._assistant, **body), reads=move.reads
                )
            case "wait":
                self._readers[label] = [label]
                wait = runs.wait(thread, self._assistant, raise_error=False, **body)
                await self._await_answer(label, "submit", label, wait)
            case _:
                assert_never(move.endpoint)
        self._learn_run_id(label)
        if move.watch and label in self._run_ids:
            self._join(label)

    def _run_request(self, move: s.Submit) -> dict[str, Any]:
        """What the client is asked to send for a run, but for thread and assistant."""
        probe = Probe(
            version=1 if move.work == "tools" else 2,
            label=move.label,
            witness=self._witness_url if self._probe == "witnessed" else None,
            hold=dict.fromkeys(move.hold, TIMED_HOLD),
            fail=move.fail,
            interrupt=move.interrupt,
            on_cancel=move.on_cancel,
            work=move.work,
        )
        body: dict[str, Any] = {
            **({} if self._probe == "none" else {"config": to_config(probe)}),
            "metadata": {"doubletext_label": move.label},
        }
        if move.answers is None:
            body["input"] = {"messages": [{"role": "user", "content": move.text}]}
        else:
            body["command"] = {"resume": "go on"}
        if move.strategy is not None:
            body["multitask_strategy"] = move.strategy
        if move.durability is not None:
            body["durability"] = move.durability
        if move.stream_mode or move.endpoint == "stream":
            body["stream_mode"] = list(move.stream_mode or ("values", "updates"))
        if move.resumable:
            body["stream_resumable"] = True
        if move.subgraphs:
            body["stream_subgraphs"] = True
        if move.on_disconnect is not None:
            body["on_disconnect"] = move.on_disconnect
        if move.from_step is not None and (found := self._checkpoint_after(move.from_step)):
            body["checkpoint"] = {"checkpoint_ns": "", "checkpoint_id": found}
        if move.after_seconds is not None:
            body["after_seconds"] = move.after_seconds
        if move.if_not_exists is not None:
            body["if_not_exists"] = move.if_not_exists
        if move.on_completion is not None:
            body["on_completion"] = move.on_completion
        if move.webhook is not None:
            body["webhook"] = webhook_url(self._witness_url, move.label, fails=move.webhook == "failing")
        return body

    def _checkpoint_after(self, step: str) -> str | None:
        """The id of the oldest checkpoint whose newest step is `step`, in the history that was read last."""
        found = None
        for entry in self._wire.body("mid history", s.MAIN) or ():
            values = entry.get("values") if isinstance(entry, dict) else None
            steps = values.get("steps") if isinstance(values, dict) else None
            if isinstance(steps, list) and steps[-1:] == [step]:
                found = checkpoint_id(entry, "")
        return found

    async def _stream(
        self, name: str, purpose: str, about: str, parts: AsyncIterator[Any], *, reads: bool = True
    ) -> None:
        """Client `name` reads a stream in the background (but for `reads` only its first event)."""
        consuming = self._wire.consume(purpose, about, parts, at_most=None if reads else 1)
        self._clients.add(name, purpose, about, self._spawn(consuming))
        await self._until(lambda: self._wire.answer(purpose, about) is not None, self._deadlines.answer)

    async def _await_answer(self, name: str, purpose: str, about: str, request: Coroutine[Any, Any, Any]) -> None:
        """Client `name` waits in the background for an answer that may rightly take long."""
        calling = self._wire.call(purpose, about, request, seconds=self._wire.patience)
        self._clients.add(name, purpose, about, self._spawn(calling))
        await self._until(lambda: self._wire.exchange(purpose, about) > 0, self._deadlines.answer)

    async def _watch(self, move: s.Watch) -> None:
        run_id, thread = self._run_ids.get(move.label), self._thread_of.get(move.label)
        if run_id is None or thread is None:
            return
        self._readers.setdefault(move.label, []).append(move.name)
        runs = self._wire.client.runs
        told: dict[str, Any] = {}
        if move.cancel_on_disconnect is not None:
            told["cancel_on_disconnect"] = move.cancel_on_disconnect
        if move.how == "join":
            join = runs.join(thread, run_id, params=told or None)
            await self._await_answer(move.name, "watch", move.name, join)
            return
        since = move.since
        if since not in (None, "-1") and (since := self._clients.last_id(since)) is None:
            self._recorder.add(Missed, awaited=f"an event with an id in what {move.since} was sent", seconds=0)
            return
        parts = runs.join_stream(thread, run_id, stream_mode=list(move.modes) or None, last_event_id=since, **told)
        await self._stream(move.name, "watch", move.name, parts)

    async def _await_event(self, move: s.AwaitEvent) -> None:
        clients = self._clients
        await self._until(
            lambda: clients.gone(move.name) or any(e.event == move.event for e in clients.events(move.name)),
            self._deadlines.answer,
            f"`{move.event}` in what {move.name} is sent",
        )

    async def _ask(self, move: s.Ask) -> None:
        body = move.body
        if move.order is not None:
            order = self._run_request(s.Submit(label=s.ASKED, text="hello"))
            body = {"assistant_id": self._assistant, **order, **move.order}
            body = {field: value for field, value in body.items() if field not in move.without}
        content = None if body is None else msgspec.json.encode(body).decode()
        content = move.text if move.text is not None else content
        names = {"main": self._threads[s.MAIN], "missing": self._missing, "nobody": self._nobody, **self._run_ids}
        if "{other}" in move.path:
            names["other"] = await self._thread_for(s.OTHER) or self._missing
        path = _filled(move.path, names)
        content = None if content is None else _filled(content, names)
        await self._wire.send("ask", move.what, move.method, path, content)

    async def _await_heard(self, label: str) -> None:
        def has_started() -> bool:
            return self._begun(label) or self._refused(label) or self._statuses.get(label, "pending") != "pending"

        await self._until(has_started, self._deadlines.start, f"run {label} to start")
        await self._until(
            lambda: self._begun(label) or self._refused(label) or self._statuses.get(label) in TERMINAL | {GONE},
            self._deadlines.hear,
            f"run {label} to report a step",
        )

    async def _await_point_unseen(self, label: str, step: str) -> None:
        """Without a witness: wait until the run executes, and its state has what the step before this one wrote."""
        awaited = f"run {label} to execute"
        running = await self._until(lambda: self._begun(label) or self._refused(label), self._deadlines.start, awaited)
        thread = self._thread_of.get(label)
        if not running or self._probe == "none" or step not in STEPS[1:] or thread is None:
            return
        before = f"{label}/{STEPS[STEPS.index(step) - 1]}"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIMED_HOLD):
                while self._wire.lost is None and not self._refused(label) and not self._stopped(label):
                    state = self._wire.client.threads.get_state(thread)
                    await self._wire.call("await state", label, state)
                    if before in steps_of(self._wire.body("await state", label)):
                        return
                    # The statuses are looked at all the time: that is the pause between two looks.
                    self._wake.clear()
                    await self._wake.wait()

    async def _await_point(self, move: s.AwaitPoint) -> None:
        step, _, event = move.point.partition("/")
        if self._probe != "witnessed":
            if event != "cancelled":  # how long a step lingers cannot be told from outside
                await self._await_point_unseen(move.label, step)
            return
        if move.optional:
            seconds = self._deadlines.capacity
        else:
            seconds = self._deadlines.stop if event == "cancelled" else self._deadlines.start
        await self._until(
            lambda: self._reported(move.label, step, event) or self._refused(move.label),
            seconds,
            None if move.optional else f"run {move.label} to be at {move.point}",
        )

    async def _await_superseded(self, move: s.AwaitSuperseded) -> None:
        happened = await self._until(
            lambda: self._stopped(move.label) or self._begun(move.by) or self._refused(move.by),
            self._deadlines.stop,
            f"run {move.label} to stop or run {move.by} to begin",
        )
        if not happened:
            # The deployment waits for the run that it was told to supersede; without this nothing would go on.
            self._stand.release(move.label)

    async def _await_stopped(self, move: s.AwaitStopped) -> None:
        stopped = await self._until(
            lambda: self._stopped(move.label), self._deadlines.stop, f"run {move.label} to be told to stop"
        )
        if not stopped:
            self._stand.release(move.label)

    async def _await_end(self, move: s.AwaitEnd) -> None:
        label = move.label
        if self._refused(label) or (move.if_begun and not self._begun(label)):
            return
        if not await self._until(
            lambda: self._learn_run_id(label), self._deadlines.start, f"the id of run {label} to be told"
        ):
            return
        if self._thread_of[label] is None:
            await self._until(
                lambda: self._clients.gone(label), self._deadlines.finish, f"the end of run {label}'s answer"
            )
            await self._look()
            return
        # The scenario's own clients stay alone while they read: there are servers that give each event to one reader.
        readers = [name for name in self._readers.get(label, ()) if not self._clients.gone(name)]
        join = self._joins.get(label) or (None if readers else self._join(label))

        def told() -> bool:
            return all(map(self._clients.gone, readers)) if join is None else join.done()

        if await self._until(
            lambda: self._over(label, told()),
            self._deadlines.finish,
            f"run {label} to reach a terminal status",
        ):
            if join is None:
                await self._until(told, self._deadlines.answer)
                join = self._join(label)
            await self._until(join.done, self._deadlines.answer, f"join of run {label} to return")
            await self._look()

    async def _create_cron(self, move: s.CreateCron) -> None:
        self._stand.hold(move.label, move.hold)
        order = self._run_request(s.Submit(label=move.label, text=move.text, strategy=move.strategy, hold=move.hold))
        crons, thread = self._wire.client.crons, self._threads[s.MAIN]
        for schedule in ("* * * * * *", "* * * * *") if move.often else ("0 0 1 1 *",):
            create = crons.create_for_thread(thread, self._assistant, schedule=schedule, **order)
            await self._wire.call("create cron", move.label, create)
            answer = self._wire.answer("create cron", move.label)
            if isinstance(answer, Response) and answer.status < 300:
                self._thread_of[move.label] = thread
                return

    async def _await_cron(self, label: str) -> None:
        """Wait until the cron fires: its run begins, or is listed among the thread's, where it may have to wait."""
        thread = self._thread_of.get(label)
        if thread is None:
            return
        known = set(self._run_ids.values())
        for _ in range(math.ceil(self._deadlines.cron)):
            if await self._until(lambda: self._begun(label), 1.0) or self._wire.lost is not None:
                return
            await self._wire.call("cron runs", label, self._wire.client.runs.list(thread, limit=LIST_LIMIT))
            listed = self._wire.body("cron runs", label)
            found = [run.get("run_id") for run in listed if isinstance(run, dict)] if isinstance(listed, list) else []
            if new := [run_id for run_id in found if isinstance(run_id, str) and run_id not in known]:
                self._run_ids[label] = new[-1]
                return
        self._recorder.add(Missed, awaited=f"the cron {label} to fire", seconds=self._deadlines.cron)

    async def _delete_cron(self, label: str) -> None:
        body = self._wire.body("create cron", label)
        if isinstance(body, dict) and isinstance(body.get("cron_id"), str):
            self._deleted_crons.add(body["cron_id"])
            await self._wire.call("delete cron", label, self._wire.client.crons.delete(body["cron_id"]))

    async def _delete_left_crons(self) -> None:
        """Delete every cron that any request of the play made, and that is still there."""
        answers = [m.body for m in self._recorder.moments if isinstance(m, Response) and m.status < 300]
        made = {body["cron_id"] for body in answers if isinstance(body, dict) and isinstance(body.get("cron_id"), str)}
        for cron_id in made - self._deleted_crons:
            await self._wire.call("tidy up", "crons", self._wire.client.crons.delete(cron_id))

    async def _await_gone(self, label: str) -> None:
        def gone() -> bool:
            answer = self._wire.answer("look", s.thread_of(label))
            return isinstance(answer, Response) and answer.status == 404

        if s.thread_of(label) in self._threads:
            await self._until(gone, self._deadlines.finish, f"the thread of run {label} to be deleted")

    async def _await_webhook(self, label: str) -> None:
        await self._until(
            lambda: (
                any(isinstance(m, Delivery) and m.label == label for m in self._recorder.moments)
                or self._refused(label)
            ),
            self._deadlines.finish,
            f"the webhook of run {label}",
        )

    async def _cancel(self, move: s.Cancel) -> None:
        if move.unless_begun and self._begun(move.label):
            return
        run_id = self._nobody if move.label == s.NOBODY else self._run_ids.get(move.label)
        if run_id is None:
            return
        thread = self._thread_of.get(move.label) or self._threads[s.MAIN]
        # Not through the client's own `cancel`: it cannot leave anything out.
        told = {"wait": None if move.wait is None else int(move.wait), "action": move.action}
        request = self._wire.client.http.post(
            f"/threads/{thread}/runs/{run_id}/cancel",
            json=None,
            params={name: value for name, value in told.items() if value is not None},
        )
        if move.patient:
            self._spawn(self._wire.call("cancel", move.label, request, seconds=self._wire.patience))
            await self._until(lambda: self._wire.exchange("cancel", move.label) > 0, self._deadlines.answer)
        else:
            await self._wire.call("cancel", move.label, request)

    async def _delete(self, label: str | None) -> None:
        runs, threads, main = self._wire.client.runs, self._wire.client.threads, self._threads[s.MAIN]
        if label is None:
            await self._wire.call("delete", s.MAIN, threads.delete(main))
        elif label in self._run_ids:
            await self._wire.call("delete", f"run {label}", runs.delete(main, self._run_ids[label]))

    # -- requests --------------------------------------------------------------------------------------

    async def _open_thread(self, name: str, why: str) -> None:
        metadata = {"doubletext": why}
        if name == s.MAIN:
            metadata["doubletext_play"] = self._play_id
        await self._wire.call("create thread", name, self._wire.client.threads.create(metadata=metadata))
        body = self._wire.body("create thread", name)
        if isinstance(body, dict) and isinstance(body.get("thread_id"), str):
            self._threads[name] = body["thread_id"]

    async def _thread_for(self, name: str) -> str | None:
        """The id of the thread that a scenario calls `name`; the missing one has an id that nothing has."""
        if name == s.MISSING:
            return self._missing
        if name == s.FRESH:
            return self._threads.setdefault(name, str(uuid.uuid4()))
        if name not in self._threads:
            await self._open_thread(name, "another thread")
        return self._threads.get(name)

    def _join(self, label: str) -> asyncio.Task[None]:
        thread = self._thread_of[label]
        assert thread is not None, "there is nothing to join before the thread is known"
        joining = self._wire.client.runs.join(thread, self._run_ids[label])
        task = self._spawn(self._wire.call("join", label, joining, seconds=self._wire.patience))
        self._joins[label] = task
        return task

    async def _look(self) -> None:
        """Read the thread, every run, and the thread again: each lies between two readings of the other."""
        threads, runs = self._wire.client.threads, self._wire.client.runs
        await self._wire.call("look", s.MAIN, threads.get(self._threads[s.MAIN]))
        for label in self._thread_of:
            self._learn_run_id(label)
        for label, run_id in list(self._run_ids.items()):
            if (thread := self._thread_of[label]) is not None:
                await self._wire.call("look", f"run {label}", runs.get(thread, run_id))
                self._learn_status(label)
            if s.thread_of(label) in self._threads:
                await self._wire.call("look", s.thread_of(label), threads.get(self._threads[s.thread_of(label)]))
        await self._wire.call("look", s.MAIN, threads.get(self._threads[s.MAIN]))

    async def _read(self, when: str, name: str = s.MAIN) -> None:
        threads, thread = self._wire.client.threads, self._threads[name]
        await self._wire.call(f"{when} state", name, threads.get_state(thread))
        await self._wire.call(f"{when} history", name, threads.get_history(thread, limit=HISTORY_LIMIT))

    async def _find_child(self) -> None:
        """Learn the namespace of the child graph that the thread stands in, from the tasks of its state."""
        await self._wire.call("mid state", s.MAIN, self._wire.client.threads.get_state(self._threads[s.MAIN]))
        state = self._wire.body("mid state", s.MAIN)
        tasks = state.get("tasks") if isinstance(state, dict) else None
        for task in tasks if isinstance(tasks, list) else ():
            checkpoint = task.get("checkpoint") if isinstance(task, dict) else None
            if isinstance(checkpoint, dict) and isinstance(checkpoint.get("checkpoint_ns"), str):
                self._child = checkpoint["checkpoint_ns"]

    async def _read_child(self, when: str) -> None:
        if self._child is not None:
            where: Any = {"checkpoint_ns": self._child}
            threads = self._wire.client.threads
            reading = threads.get_history(self._threads[s.MAIN], checkpoint=where, limit=HISTORY_LIMIT)
            await self._wire.call(f"{when} child history", s.MAIN, reading)

    async def _read_final(self) -> None:
        """What is left of every thread and run when all is over."""
        client, wire = self._wire.client, self._wire
        for name, thread in self._threads.items():
            await wire.call("final thread", name, client.threads.get(thread))
            await self._read("final", name)
            await wire.call("final runs", name, client.runs.list(thread, limit=LIST_LIMIT))
        await self._read_child("final")
        for label, run_id in self._run_ids.items():
            if (owner := self._thread_of[label]) is not None:
                await wire.call("final run", f"run {label}", client.runs.get(owner, run_id))

    # -- waiting ---------------------------------------------------------------------------------------

    async def _until(self, happened: Callable[[], bool], seconds: float, awaited: str | None = None) -> bool:
        """Wait for `happened`, asked after every moment; record `awaited` as missed when it does not.

        Over at once when the deployment is lost.
        """
        try:
            async with asyncio.timeout(seconds):
                while not happened():
                    if self._wire.lost is not None:
                        return False
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            if awaited is not None:
                self._recorder.add(Missed, awaited=awaited, seconds=seconds)
            return False
        return True

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        """Look at the statuses again and again while the block runs."""
        over = asyncio.Event()

        async def watch() -> None:
            while not over.is_set():
                await self._look()
                try:
                    async with asyncio.timeout(self._deadlines.poll):
                        await over.wait()
                except TimeoutError:
                    continue

        watcher = asyncio.create_task(watch())
        try:
            yield
        finally:
            over.set()
            await watcher

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._wake.set())
        self._background.add(task)
        return task

    async def _finish_background(self) -> None:
        """Give joins and streams of finished runs time to return."""
        if self._background and self._wire.lost is None:
            await asyncio.wait(self._background, timeout=self._deadlines.answer)

    async def _cancel_background(self) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    # -- what is known so far ----------------------------------------------------------------------------

    def _reports(self, label: str) -> list[WitnessEvent]:
        return [m for m in self._recorder.moments if isinstance(m, WitnessEvent) and m.label == label]

    def _begun(self, label: str) -> bool:
        """Whether a step of the run was seen; where no witness can see it, whether it was told to execute."""
        if self._probe == "witnessed":
            return bool(self._reports(label))
        return self._statuses.get(label, "pending") != "pending"

    def _reported(self, label: str, step: str, event: str) -> bool:
        return any((r.step, r.event) == (step, event) for r in self._reports(label))

    def _stopped(self, label: str) -> bool:
        """Whether the run's newest step has noticed that it is cancelled, or is over in another way."""
        if self._probe != "witnessed":
            return self._statuses.get(label) in TERMINAL | {GONE}
        reports = self._reports(label)
        return bool(reports) and reports[-1].event in ("cancelled", "exit", "gone")

    def _over(self, label: str, told: bool) -> bool:
        """Whether the run has a terminal status, or (where a deployment has words of its own) the one at its end.

        `told`: a client that waits for that end has its answer.
        """
        status = self._statuses.get(label)
        return status in TERMINAL | {GONE} or (told and status is not None and status not in IN_FLIGHT)

    def _one_left(self) -> bool:
        """Whether all runs that were accepted, but one at most, are over."""
        accepted = [label for label in self._thread_of if not self._refused(label)]
        return sum(self._statuses.get(label) not in TERMINAL | {GONE} for label in accepted) <= 1

    def _refused(self, label: str) -> bool:
        """Whether the run certainly does not exist: it had no thread, or any answer but a success."""
        if label not in self._thread_of:
            return True
        answer = self._wire.answer("submit", label)
        if label in self._clients.left and not isinstance(answer, Response):
            return False  # nobody stayed for the answer
        return answer is not None and not (isinstance(answer, Response) and answer.status < 300)

    def _learn_run_id(self, label: str) -> bool:
        """Find out the run's id from its answer's body, head or first event, or from the agent itself."""
        if label not in self._run_ids and (found := self._told_run_id(label)):
            self._run_ids[label] = found
        if label in self._thread_of and self._thread_of[label] is None and (thread := self._told_thread(label)):
            self._thread_of[label] = self._threads[s.thread_of(label)] = thread
        return label in self._run_ids

    def _told_thread(self, label: str) -> str | None:
        """The thread of a stateless run, from its answer's body or head."""
        answer = self._wire.answer("submit", label)
        if not isinstance(answer, Response) or answer.status >= 300:
            return None
        if isinstance(answer.body, dict) and isinstance(answer.body.get("thread_id"), str):
            return str(answer.body["thread_id"])
        found = re.search(r"/threads/([^/]+)/runs/", answer.headers.get("content-location", ""))
        return found and found[1]

    def _told_run_id(self, label: str) -> str | None:
        answer = self._wire.answer("submit", label)
        if isinstance(answer, Response) and answer.status < 300:
            if isinstance(answer.body, dict) and isinstance(answer.body.get("run_id"), str):
                return str(answer.body["run_id"])
            location = answer.headers.get("content-location", "")
            if "/runs/" in location:
                return location.rpartition("/runs/")[2].partition("/")[0]
        exchange = self._wire.exchange("submit", label)
        for moment in self._recorder.moments:
            if isinstance(moment, StreamEvent) and moment.exchange == exchange and moment.event == "metadata":
                found = moment.data.get("run_id") if isinstance(moment.data, dict) else None
                return found if isinstance(found, str) else None
        return next((r.run_id for r in self._reports(label) if r.run_id), None)

    def _learn_status(self, label: str) -> None:
        answer = self._wire.answer("look", f"run {label}")
        if isinstance(answer, Response):
            if answer.status == 404:
                self._statuses[label] = GONE
            elif isinstance(answer.body, dict) and isinstance(answer.body.get("status"), str):
                self._statuses[label] = answer.body["status"]


def _filled(text: str, names: Mapping[str, str]) -> str:
    """`text` with every `{name}` that there is replaced."""
    return re.sub(r"{(\w+)}", lambda found: names.get(found[1], found[0]), text)


def steps_of(state: object) -> list[object]:
    """The `steps` channel of a state as the deployment told it; empty where there is none."""
    values = state.get("values") if isinstance(state, dict) else None
    steps = values.get("steps") if isinstance(values, dict) else None
    return steps if isinstance(steps, list) else []


def _quiet_from(scenario: s.Scenario) -> int:
    """The index of the first move from which on the scenario only looks."""
    looking = (s.Observe, s.ListRuns, s.SearchThreads, s.ReadState, s.ReadChild)
    return max((i + 1 for i, move in enumerate(scenario.moves) if not isinstance(move, looking)), default=0)


def describe(move: s.Move) -> str:
    """A move in a few words, for timelines and failure texts."""
    match move:
        case s.Submit():
            return f"submit {move.label} ({move.strategy or 'no strategy'}, {move.endpoint})"
        case s.Watch():
            return f"{move.name} watches {move.label} ({move.how}" + (f", since {move.since})" if move.since else ")")
        case s.AwaitEvent():
            return f"wait until {move.name} is sent `{move.event}`"
        case s.Leave():
            return f"{move.name} closes its connection"
        case s.Ask():
            return f"ask with {move.what}"
        case s.AwaitPoint():
            return f"wait until {move.label} is at {move.point}"
        case s.AwaitHeard():
            return f"wait until {move.label} is heard of"
        case s.AwaitSuperseded():
            return f"wait until {move.label} stops or {move.by} begins"
        case s.AwaitStopped():
            return f"wait until {move.label} is told to stop"
        case s.AwaitEnd():
            return f"wait until {move.label} has ended"
        case s.AwaitOneLeft():
            return "wait until all runs but one are over"
        case s.CreateCron():
            return f"make the cron {move.label} ({move.strategy or 'no strategy'})"
        case s.AwaitCron():
            return f"wait until the cron {move.label} fires"
        case s.DeleteCron():
            return f"delete the cron {move.label}"
        case s.ListCrons():
            return "list the crons of the thread"
        case s.AwaitGone():
            return f"wait until the thread of {move.label} is gone"
        case s.AwaitWebhook():
            return f"wait until the webhook of {move.label} has come"
        case s.Cancel():
            return f"cancel {move.label} (wait {move.wait}, action {move.action})"
        case s.CancelMany():
            return f"cancel {' and '.join(move.labels)} in one request"
        case s.Together():
            return "at the same time: " + ", ".join(describe(one) for one in move.moves)
        case s.Delete():
            return f"delete {'the thread' if move.label is None else move.label}"
        case s.Release():
            return f"let {move.label or 'every run'} go on"
        case s.Observe():
            return "observe"
        case s.Look():
            return "look at every status"
        case s.ReadState():
            return "read state and history"
        case s.ReadChild():
            return "read the history of the child graph"
        case s.UpdateState():
            return "try to update the state"
        case s.ListRuns():
            return f"list runs (status {move.status}, limit {move.limit}, offset {move.offset})"
        case s.SearchThreads():
            return f"search threads by status {move.status}"
        case _:
            assert_never(move)
