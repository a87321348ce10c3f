"""Waiting until the deployment, its agent or a client has come to where the scenario wants them."""

from __future__ import annotations

import asyncio
import contextlib

from conformance import scenarios as s
from conformance.driver import reading, watching
from conformance.driver.reading import LIST_LIMIT
from conformance.driver.situation import Situation
from conformance.facts.evidence import listed_run
from conformance.facts.model import STEPS
from conformance.facts.statuses import GONE, TERMINAL
from conformance.record.transcript import Delivery, Response


async def await_event(now: Situation, move: s.AwaitEvent) -> None:
    """Wait until a client is sent an event of this kind, or nothing any more."""
    clients = now.clients
    await now.until(
        lambda: clients.gone(move.name) or any(e.event == move.event for e in clients.events(move.name)),
        now.deadlines.answer,
        f"`{move.event}` in what {move.name} is sent",
    )


async def await_heard(now: Situation, label: str) -> None:
    """Wait until a run executes and its agent was heard, or it is clear that it never will be."""

    def has_started() -> bool:
        return now.begun(label) or now.refused(label) or now.statuses.get(label, "pending") != "pending"

    await now.until(has_started, now.deadlines.start, f"run {label} to start")
    await now.until(
        lambda: now.begun(label) or now.refused(label) or now.statuses.get(label) in TERMINAL | {GONE},
        now.deadlines.hear,
        f"run {label} to report a step",
    )


async def await_point(now: Situation, move: s.AwaitPoint) -> None:
    """Wait until a run is at a point of a step."""
    step, _, event = move.point.partition("/")
    if now.probe != "witnessed":
        if event != "cancelled":  # how long a step lingers cannot be told from outside
            await _await_point_unseen(now, move.label, step)
        return
    if move.optional:
        seconds = now.deadlines.capacity
    else:
        seconds = now.deadlines.stop if event == "cancelled" else now.deadlines.start
    there = await now.until(
        lambda: now.reported(move.label, step, event) or now.refused(move.label),
        seconds,
        None if move.optional else f"run {move.label} to be at {move.point}",
    )
    if move.optional and not there:
        # Held later on, it would keep the only worker from the runs that the scenario is about.
        now.stand.release(move.label, move.point)


async def _find(now: Situation, label: str) -> None:
    """Learn the id of a run from the list of the thread's runs, where its client is told it only with the answer."""
    thread = now.thread_of.get(label)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(now.deadlines.answer):
            while thread is not None and not (now.learn_run_id(label) or now.refused(label) or now.wire.lost):
                listing = now.wire.client.runs.list(thread, limit=LIST_LIMIT)
                await now.wire.call("find run", label, listing)
                if found := listed_run(now.wire.body("find run", label), label):
                    now.run_ids[label] = found
                    return
                await now.next_moment()


async def _await_point_unseen(now: Situation, label: str, step: str) -> None:
    """Without a witness: wait until the run executes, and its state has what the step before this one wrote."""
    await _find(now, label)
    awaited = f"run {label} to execute"
    running = await now.until(lambda: now.begun(label) or now.refused(label), now.deadlines.start, awaited)
    thread = now.thread_of.get(label)
    if not running or now.probe == "none" or step not in STEPS[1:] or thread is None:
        return
    if now.asked[label].answers is not None:
        return  # it begins in the step that asked, and has written nothing before
    if now.asked[label].durability == "exit":
        # Nothing is written before its end, so that only time can tell.
        await now.until(lambda: now.stopped(label), now.deadlines.hold / 3)
        return
    before = f"{label}/{STEPS[STEPS.index(step) - 1]}"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(now.deadlines.hold):
            while now.wire.lost is None and not now.refused(label) and not now.stopped(label):
                state = now.wire.client.threads.get_state(thread)
                await now.wire.call("await state", label, state)
                if before in reading.steps_of(now.wire.body("await state", label)):
                    return
                # The statuses are looked at all the time: that is the pause between two looks.
                await now.next_moment()


async def await_superseded(now: Situation, move: s.AwaitSuperseded) -> None:
    """Wait until a run is told to stop or the run that supersedes it begins."""
    happened = await now.until(
        lambda: now.stopped(move.label) or now.begun(move.by) or now.refused(move.by),
        now.deadlines.stop,
        f"run {move.label} to stop or run {move.by} to begin",
    )
    if not happened:
        # The deployment waits for the run that it was told to supersede; without this nothing would go on.
        now.stand.release(move.label)


async def await_stopped(now: Situation, move: s.AwaitStopped) -> None:
    """Wait until a run is told to stop."""
    stopped = await now.until(
        lambda: now.stopped(move.label), now.deadlines.stop, f"run {move.label} to be told to stop"
    )
    if not stopped:
        now.stand.release(move.label)


async def await_end(now: Situation, move: s.AwaitEnd) -> None:
    """Wait until a run has a terminal status and those who wait for its end know."""
    label = move.label
    if now.refused(label) or (move.if_begun and not now.begun(label)):
        return
    if not await now.until(lambda: now.learn_run_id(label), now.deadlines.start, f"the id of run {label} to be told"):
        return
    if now.thread_of[label] is None:
        await now.until(lambda: now.clients.gone(label), now.deadlines.finish, f"the end of run {label}'s answer")
        await reading.look(now)
        return
    # The scenario's own clients stay alone while they read: there are servers that give each event to one reader.
    readers = [name for name in now.readers.get(label, ()) if not now.clients.gone(name)]
    join = now.joins.get(label) or (None if readers else watching.join(now, label))

    def told() -> bool:
        return all(map(now.clients.gone, readers)) if join is None else join.done()

    if await now.until(
        lambda: now.over(label, told()),
        now.deadlines.finish,
        f"run {label} to reach a terminal status",
    ):
        if join is None:
            await now.until(told, now.deadlines.answer)
            join = watching.join(now, label)
        await now.until(join.done, now.deadlines.answer, f"join of run {label} to return")
        await reading.look(now)


async def await_gone(now: Situation, label: str) -> None:
    """Wait until the thread of a stateless run is not found any more."""

    def gone() -> bool:
        answer = now.wire.answer("look", s.thread_of(label))
        return isinstance(answer, Response) and answer.status == 404

    if s.thread_of(label) in now.threads:
        await now.until(gone, now.deadlines.finish, f"the thread of run {label} to be deleted")


async def await_webhook(now: Situation, label: str) -> None:
    """Wait until the suite is told of the end of a run."""
    await now.until(
        lambda: any(isinstance(m, Delivery) and m.label == label for m in now.recorder.moments) or now.refused(label),
        now.deadlines.finish,
        f"the webhook of run {label}",
    )
