"""The moves that wait for an event of the deployment, its agent, or a client.

Every wait has a deadline. A missed one is recorded, and the play continues with the next move.
"""

from __future__ import annotations

import asyncio
import contextlib

from conformance.driver.context import Context
from conformance.driver.moves import read, watch
from conformance.scenarios import moves as s
from conformance.scenarios.steps import STEPS
from conformance.transcript.recorder import now
from conformance.transcript.transcript import Delivery, Response


async def await_event(context: Context, move: s.AwaitEvent) -> None:
    """Wait until a client receives an event with this name, or its stream ends."""
    clients = context.clients
    await context.until(
        lambda: clients.is_done(move.name) or any(e.event == move.event for e in clients.events(move.name)),
        context.deadlines.answer,
        f"event `{move.event}` in the stream of client {move.name}",
    )


async def await_heard(context: Context, label: str) -> None:
    """Wait until a run executes and its agent has reported a step, or until it is certain that it will not."""

    def has_started() -> bool:
        return context.begun(label) or context.refused(label) or context.statuses.get(label, "pending") != "pending"

    await context.until(has_started, context.deadlines.start, f"run {label} to start", of=label)
    await context.until(
        lambda: context.begun(label) or context.refused(label) or context.ended(label),
        context.deadlines.hear,
        f"run {label} to report a step",
    )


async def await_point(context: Context, move: s.AwaitPoint) -> None:
    """Wait until a run is at a point of a step."""
    step, _, event = move.point.partition("/")
    if context.probe != "witnessed":
        if event != "cancelled":  # the time for which a step lingers is not visible from outside
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
        of=move.label,
    )
    if move.optional and not there:
        # If the run reached the point later, its hold would block the only worker for the other runs of the scenario.
        context.channel.release(move.label, move.point)


async def find(context: Context, label: str) -> None:
    """Store the id of a run from the thread's list of runs, if its client has no answer with the id yet."""
    thread = context.thread_of.get(label)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(context.deadlines.answer):
            while thread is not None and not (
                context.learn_run_id(label) or context.refused(label) or context.http.lost
            ):
                if await read.find_run(context, label):
                    return
                await context.next_moment()


async def _await_point_unseen(context: Context, label: str, step: str) -> None:
    """Wait without a witness until the run executes and the state contains the writes of the step before `step`."""
    await find(context, label)
    awaited = f"run {label} to execute"
    running = await context.until(
        lambda: context.begun(label) or context.refused(label), context.deadlines.start, awaited, of=label
    )
    thread = context.thread_of.get(label)
    if not running or context.probe == "none" or step not in STEPS[1:] or thread is None:
        return
    if context.submits[label].answers is not None:
        return  # a resumed run begins in the step that asked, so it has no earlier step
    if context.submits[label].durability == "exit":
        # With durability "exit" nothing is written before the end of the run, so there is no event to wait for. A third
        # of the hold leaves time for the run to reach the point, and for the following moves while it is held.
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
                # The background polling of the statuses records moments, and so paces this loop.
                await context.next_moment()


async def await_superseded(context: Context, move: s.AwaitSuperseded) -> None:
    """Wait until a run is cancelled, or the run that supersedes it begins."""
    happened = await context.until(
        lambda: (
            context.stopped(move.label)
            or context.begun(move.by)
            or context.refused(move.by)
            or context.refused(move.label)
        ),
        context.deadlines.stop,
        f"run {move.label} to stop or run {move.by} to begin",
    )
    if not happened:
        # The deployment did not cancel the run, and waits for it to end. A run that stays held would block the play.
        context.channel.release(move.label)


async def await_stopped(context: Context, move: s.AwaitStopped) -> None:
    """Wait until a run is cancelled."""
    stopped = await context.until(
        lambda: context.stopped(move.label) or context.refused(move.label),
        context.deadlines.stop,
        f"run {move.label} to be cancelled",
    )
    if not stopped:
        context.channel.release(move.label)


async def await_end(context: Context, move: s.AwaitEnd) -> None:
    """Wait until a run has a terminal status, and the clients that wait for its end have their answers."""
    label = move.label
    if context.refused(label) or (move.if_begun and not context.begun(label)):
        return
    await context.until(
        lambda: context.learn_run_id(label) or context.refused(label),
        context.deadlines.start,
        f"the id of run {label} to be reported",
    )
    if not context.learn_run_id(label):
        return
    if context.thread_of[label] is None:
        await context.until(
            lambda: context.clients.is_done(label), context.deadlines.finish, f"the end of the response to run {label}"
        )
        await read.look(context)
        return
    # Some servers deliver each event to only one reader. While a client of the scenario reads, no join is added.
    readers = [name for name in context.readers.get(label, ()) if not context.clients.is_done(name)]
    join = context.joins.get(label) or (None if readers else watch.join(context, label))

    def end_reported() -> bool:
        return all(map(context.clients.is_done, readers)) if join is None else join.done()

    if await context.until(
        lambda: context.over(label, end_reported()),
        context.deadlines.finish,
        f"run {label} to reach a terminal status",
        of=label,
    ):
        if join is None:
            # A client that does not read cannot learn of the end.
            reading = [name for name in readers if not context.clients.is_pausing(name)]
            await context.until(lambda: all(map(context.clients.is_done, reading)), context.deadlines.answer)
            join = watch.join(context, label)
        await context.until(join.done, context.deadlines.answer, f"join of run {label} to return")
        await read.look(context)


async def await_gone(context: Context, label: str) -> None:
    """Wait until the thread of a stateless run returns 404, or for a while another answer than the thread."""
    since: float | None = None

    def gone() -> bool:
        nonlocal since
        answer = context.http.answer("look", s.thread_of(label))
        if not isinstance(answer, Response):
            return False
        shown = answer.status < 300 and isinstance(answer.body, dict) and "thread_id" in answer.body
        since = None if shown else since or now()
        return answer.status == 404 or (since is not None and now() - since >= context.deadlines.observe)

    if s.thread_of(label) in context.threads:
        await context.until(gone, context.deadlines.finish, f"the thread of run {label} to be deleted")


async def await_webhook(context: Context, label: str) -> None:
    """Wait until the webhook of a run arrives."""
    await context.until(
        lambda: (
            any(isinstance(m, Delivery) and m.label == label for m in context.recorder.moments)
            or context.refused(label)
        ),
        context.deadlines.finish,
        f"the webhook of run {label}",
    )
