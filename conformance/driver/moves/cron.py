"""The moves that concern crons. Every cron is deleted at the end of its play."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from conformance.api import objects
from conformance.driver.context import Context
from conformance.driver.moves.read import LIST_LIMIT
from conformance.driver.moves.submit import run_request
from conformance.scenarios import moves as s
from conformance.transcript.transcript import Missed, Response


async def create(context: Context, move: s.CreateCron) -> None:
    """Create a cron. One that must fire is due every second or, where seconds are refused, every minute."""
    context.channel.hold(move.label, move.hold)
    order = run_request(context, s.Submit(label=move.label, text=move.text, strategy=move.strategy, hold=move.hold))
    if move.bare:
        del order["input"]
    client, thread = context.http.client.crons, context.threads[s.MAIN] if move.thread == s.MAIN else None
    # Six fields are an extension with seconds, which saves a minute per scenario where it is accepted. A cron that must
    # not fire is due on 1 January only.
    schedules = ("* * * * * *", "* * * * *") if move.often else ("0 0 1 1 *",)
    # A cron without an end takes the place of one that is refused. langhost answers 500 to an end.
    ways = [(schedule, until) for until in dict.fromkeys((move.until, None)) for schedule in schedules]
    for schedule, until in ways:
        if thread is None:
            create = client.create(context.assistant, schedule=schedule, **order)
        elif until is None:
            create = client.create_for_thread(thread, context.assistant, schedule=schedule, **order)
        else:
            # Older versions of the client cannot send an end.
            ends = datetime(until, 1, 1, tzinfo=UTC).isoformat()
            body = {**order, "assistant_id": context.assistant, "schedule": schedule, "end_time": ends}
            create = client.http.post(f"/threads/{thread}/runs/crons", json=body)
        await context.http.call("create cron", move.label, create)
        answer = context.http.answer("create cron", move.label)
        if isinstance(answer, Response) and answer.status < 300:
            context.thread_of[move.label] = thread
            return


async def await_fired(context: Context, label: str) -> None:
    """Wait until the cron fires: its run begins, or appears in the thread's list of runs."""
    thread = context.thread_of.get(label)
    if thread is None:
        return
    known = set(context.run_ids.values())
    # Once per second: the list also shows a run that has to wait, which the witness cannot see.
    for _ in range(math.ceil(context.deadlines.cron)):
        if await context.until(lambda: context.begun(label), 1.0) or context.http.lost is not None:
            return
        await context.http.call("cron runs", label, context.http.client.runs.list(thread, limit=LIST_LIMIT))
        found = [run.get("run_id") for run in objects(context.http.body("cron runs", label))]
        if new := [run_id for run_id in found if isinstance(run_id, str) and run_id not in known]:
            # Lists are newest first. A cron that is due every second may have fired twice, and its first run counts.
            context.run_ids[label] = new[-1]
            return
    context.recorder.add(Missed, awaited=f"the cron {label} to fire", seconds=context.deadlines.cron)


async def delete(context: Context, label: str) -> None:
    """Delete the cron if it was created."""
    body = context.http.body("create cron", label)
    if isinstance(body, dict) and isinstance(body.get("cron_id"), str):
        context.deleted_crons.add(body["cron_id"])
        await context.http.call("delete cron", label, context.http.client.crons.delete(body["cron_id"]))


async def show(context: Context) -> None:
    """List the crons of the thread."""
    crons = context.http.client.crons.search(thread_id=context.threads[s.MAIN], limit=LIST_LIMIT)
    await context.http.call("list crons", s.MAIN, crons)


async def delete_left(context: Context) -> None:
    """Delete every cron that a request of the play created and no move deleted.

    Not only those of the moves: an invalid request that was accepted may have created one, too.
    """
    answers = [m.body for m in context.recorder.moments if isinstance(m, Response) and m.status < 300]
    created = {body["cron_id"] for body in answers if isinstance(body, dict) and isinstance(body.get("cron_id"), str)}
    for cron_id in created - context.deleted_crons:
        await context.http.call("tidy up", "crons", context.http.client.crons.delete(cron_id))
