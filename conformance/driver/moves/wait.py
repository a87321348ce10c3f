"""Waiting until the deployment, its agent or a client has come to where the scenario wants them."""

from __future__ import annotations

import asyncio
import contextlib

from conformance.api import GONE, TERMINAL
from conformance.driver.context import Context
from conformance.driver.moves import read, watch
from conformance.driver.moves.read import LIST_LIMIT
from conformance.scenarios import moves as s
from conformance.scenarios.steps import STEPS
from conformance.transcript.transcript import Delivery, Response


async def await_event(context: Context, move: s.AwaitEvent) -> None:
    """Wait until a client is sent an event of this kind, or nothing any more."""
    clients = context.clients
    await context.until(
        lambda: clients.is_done(move.name) or any(e.event == move.event for e in clients.events(move.name)),
        context.deadlines.answer,
        f"`{move.event}` in what {move.name} is sent",
    )


async def await_heard(context: Context, label: str) -> None:
    """Wait until a run executes and its agent was heard, or it is clear that it never will be."""

    def has_started() -> bool:
        return context.begun(label) or context.refused(label) or context.statuses.get(label, "pending") != "pending"

    await context.until(has_started, context.deadlines.start, f"run {label} to start")
    await context.until(
        lambda: context.begun(label) or context.refused(label) or context.statuses.get(label) in TERMINAL | {GONE},
        context.deadlines.hear,
        f"run {label} to report a step",
    )


async def await_point(context: Context, move: s.AwaitPoint) -> None:
    """Wait until a run is at a point of a step."""
    step, _, event = move.point.partition("/")
    if context.probe != "witnessed":
        if event != "cancelled":  # how long a step lingers cannot be told from outside
            await _await_point_unseen(context, move.label, step)
        return
    if move.optional:
        seconds = context.deadlines.capacity
    else:
        seconds = context.deadlines.stop if event == "cancelled" else context.deadlines.start
    there = await context.until(
        lambda: context.reported(move.label, step, event) or context.refused(move.label),
        seconds,
        None if move.optional else f"run {move.label} to be at {move.point}",
    )
    if move.optional and not there:
        # Held later on, it would keep the only worker from the runs that the scenario is about.
        context.channel.release(move.label, move.point)


async def _find(context: Context, label: str) -> None:
    """Learn the id of a run from the list of the thread's runs, where its client is told it only with the answer."""
    thread = context.thread_of.get(label)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(context.deadlines.answer):
            while thread is not None and not (
                context.learn_run_id(label) or context.refused(label) or context.http.lost
            ):
                listing = context.http.client.runs.list(thread, limit=LIST_LIMIT)
                await context.http.call("find run", label, listing)
                if context.learn_run_id(label):
                    return
                await context.next_moment()


async def _await_point_unseen(context: Context, label: str, step: str) -> None:
    """Without a witness: wait until the run executes, and its state has what the step before this one wrote."""
    await _find(context, label)
    awaited = f"run {label} to execute"
    running = await context.until(
        lambda: context.begun(label) or context.refused(label), context.deadlines.start, awaited
    )
    thread = context.thread_of.get(label)
    if not running or context.probe == "none" or step not in STEPS[1:] or thread is None:
        return
    if context.submits[label].answers is not None:
        return  # it begins in the step that asked, and has written nothing before
    if context.submits[label].durability == "exit":
        # Nothing is written before its end, so that only time can tell.
        await context.until(lambda: context.stopped(label), context.deadlines.hold / 3)
        return
    before = f"{label}/{STEPS[STEPS.index(step) - 1]}"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(context.deadlines.hold):
            while context.http.lost is None and not context.refused(label) and not context.stopped(label):
                state = context.http.client.threads.get_state(thread)
                await context.http.call("await state", label, state)
                if before in read.steps_of(context.http.body("await state", label)):
                    return
                # The statuses are looked at all the time: that is the pause between two looks.
                await context.next_moment()


async def await_superseded(context: Context, move: s.AwaitSuperseded) -> None:
    """Wait until a run is told to stop or the run that supersedes it begins."""
    happened = await context.until(
        lambda: context.stopped(move.label) or context.begun(move.by) or context.refused(move.by),
        context.deadlines.stop,
        f"run {move.label} to stop or run {move.by} to begin",
    )
    if not happened:
        # The deployment waits for the run that it was told to supersede; without this nothing would go on.
        context.channel.release(move.label)


async def await_stopped(context: Context, move: s.AwaitStopped) -> None:
    """Wait until a run is told to stop."""
    stopped = await context.until(
        lambda: context.stopped(move.label), context.deadlines.stop, f"run {move.label} to be told to stop"
    )
    if not stopped:
        context.channel.release(move.label)


async def await_end(context: Context, move: s.AwaitEnd) -> None:
    """Wait until a run has a terminal status and those who wait for its end know."""
    label = move.label
    if context.refused(label) or (move.if_begun and not context.begun(label)):
        return
    if not await context.until(
        lambda: context.learn_run_id(label), context.deadlines.start, f"the id of run {label} to be told"
    ):
        return
    if context.thread_of[label] is None:
        await context.until(
            lambda: context.clients.is_done(label), context.deadlines.finish, f"the end of run {label}'s answer"
        )
        await read.look(context)
        return
    # The scenario's own clients stay alone while they read: there are servers that give each event to one reader.
    readers = [name for name in context.readers.get(label, ()) if not context.clients.is_done(name)]
    join = context.joins.get(label) or (None if readers else watch.join(context, label))

    def told() -> bool:
        return all(map(context.clients.is_done, readers)) if join is None else join.done()

    if await context.until(
        lambda: context.over(label, told()),
        context.deadlines.finish,
        f"run {label} to reach a terminal status",
    ):
        if join is None:
            await context.until(told, context.deadlines.answer)
            join = watch.join(context, label)
        await context.until(join.done, context.deadlines.answer, f"join of run {label} to return")
        await read.look(context)


async def await_gone(context: Context, label: str) -> None:
    """Wait until the thread of a stateless run is not found any more."""

    def gone() -> bool:
        answer = context.http.answer("look", s.thread_of(label))
        return isinstance(answer, Response) and answer.status == 404

    if s.thread_of(label) in context.threads:
        await context.until(gone, context.deadlines.finish, f"the thread of run {label} to be deleted")


async def await_webhook(context: Context, label: str) -> None:
    """Wait until the suite is told of the end of a run."""
    await context.until(
        lambda: (
            any(isinstance(m, Delivery) and m.label == label for m in context.recorder.moments)
            or context.refused(label)
        ),
        context.deadlines.finish,
        f"the webhook of run {label}",
    )
