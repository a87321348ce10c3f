"""Crons of a play; none of them outlives it."""

from __future__ import annotations

import math

from conformance.driver.context import Context
from conformance.driver.moves.read import LIST_LIMIT
from conformance.driver.moves.submit import run_request
from conformance.scenarios import moves as s
from conformance.transcript.transcript import Missed, Response


async def create(context: Context, move: s.CreateCron) -> None:
    """Make a cron: one that is due every second or minute where it is to fire, else one that never is."""
    context.channel.hold(move.label, move.hold)
    order = run_request(context, s.Submit(label=move.label, text=move.text, strategy=move.strategy, hold=move.hold))
    client, thread = context.http.client.crons, context.threads[s.MAIN]
    for schedule in ("* * * * * *", "* * * * *") if move.often else ("0 0 1 1 *",):
        create = client.create_for_thread(thread, context.assistant, schedule=schedule, **order)
        await context.http.call("create cron", move.label, create)
        answer = context.http.answer("create cron", move.label)
        if isinstance(answer, Response) and answer.status < 300:
            context.thread_of[move.label] = thread
            return


async def await_fired(context: Context, label: str) -> None:
    """Wait until the cron fires: its run begins, or is listed among the thread's, where it may have to wait."""
    thread = context.thread_of.get(label)
    if thread is None:
        return
    known = set(context.run_ids.values())
    for _ in range(math.ceil(context.deadlines.cron)):
        if await context.until(lambda: context.begun(label), 1.0) or context.http.lost is not None:
            return
        await context.http.call("cron runs", label, context.http.client.runs.list(thread, limit=LIST_LIMIT))
        listed = context.http.body("cron runs", label)
        found = [run.get("run_id") for run in listed if isinstance(run, dict)] if isinstance(listed, list) else []
        if new := [run_id for run_id in found if isinstance(run_id, str) and run_id not in known]:
            context.run_ids[label] = new[-1]
            return
    context.recorder.add(Missed, awaited=f"the cron {label} to fire", seconds=context.deadlines.cron)


async def delete(context: Context, label: str) -> None:
    """Delete the cron, if there is one."""
    body = context.http.body("create cron", label)
    if isinstance(body, dict) and isinstance(body.get("cron_id"), str):
        context.deleted_crons.add(body["cron_id"])
        await context.http.call("delete cron", label, context.http.client.crons.delete(body["cron_id"]))


async def show(context: Context) -> None:
    """List the crons of the thread."""
    crons = context.http.client.crons.search(thread_id=context.threads[s.MAIN], limit=LIST_LIMIT)
    await context.http.call("list crons", s.MAIN, crons)


async def delete_left(context: Context) -> None:
    """Delete every cron that any request of the play made, and that is still there."""
    answers = [m.body for m in context.recorder.moments if isinstance(m, Response) and m.status < 300]
    made = {body["cron_id"] for body in answers if isinstance(body, dict) and isinstance(body.get("cron_id"), str)}
    for cron_id in made - context.deleted_crons:
        await context.http.call("tidy up", "crons", context.http.client.crons.delete(cron_id))
