"""Crons of a play; none of them outlives it."""

from __future__ import annotations

import math

from conformance import scenarios as s
from conformance.driver.reading import LIST_LIMIT
from conformance.driver.situation import Situation
from conformance.driver.submitting import run_request
from conformance.record.transcript import Missed, Response


async def create(now: Situation, move: s.CreateCron) -> None:
    """Make a cron: one that is due every second or minute where it is to fire, else one that never is."""
    now.stand.hold(move.label, move.hold)
    order = run_request(now, s.Submit(label=move.label, text=move.text, strategy=move.strategy, hold=move.hold))
    client, thread = now.wire.client.crons, now.threads[s.MAIN]
    for schedule in ("* * * * * *", "* * * * *") if move.often else ("0 0 1 1 *",):
        create = client.create_for_thread(thread, now.assistant, schedule=schedule, **order)
        await now.wire.call("create cron", move.label, create)
        answer = now.wire.answer("create cron", move.label)
        if isinstance(answer, Response) and answer.status < 300:
            now.thread_of[move.label] = thread
            return


async def await_fired(now: Situation, label: str) -> None:
    """Wait until the cron fires: its run begins, or is listed among the thread's, where it may have to wait."""
    thread = now.thread_of.get(label)
    if thread is None:
        return
    known = set(now.run_ids.values())
    for _ in range(math.ceil(now.deadlines.cron)):
        if await now.until(lambda: now.begun(label), 1.0) or now.wire.lost is not None:
            return
        await now.wire.call("cron runs", label, now.wire.client.runs.list(thread, limit=LIST_LIMIT))
        listed = now.wire.body("cron runs", label)
        found = [run.get("run_id") for run in listed if isinstance(run, dict)] if isinstance(listed, list) else []
        if new := [run_id for run_id in found if isinstance(run_id, str) and run_id not in known]:
            now.run_ids[label] = new[-1]
            return
    now.recorder.add(Missed, awaited=f"the cron {label} to fire", seconds=now.deadlines.cron)


async def delete(now: Situation, label: str) -> None:
    """Delete the cron, if there is one."""
    body = now.wire.body("create cron", label)
    if isinstance(body, dict) and isinstance(body.get("cron_id"), str):
        now.deleted_crons.add(body["cron_id"])
        await now.wire.call("delete cron", label, now.wire.client.crons.delete(body["cron_id"]))


async def show(now: Situation) -> None:
    """List the crons of the thread."""
    crons = now.wire.client.crons.search(thread_id=now.threads[s.MAIN], limit=LIST_LIMIT)
    await now.wire.call("list crons", s.MAIN, crons)


async def delete_left(now: Situation) -> None:
    """Delete every cron that any request of the play made, and that is still there."""
    answers = [m.body for m in now.recorder.moments if isinstance(m, Response) and m.status < 300]
    made = {body["cron_id"] for body in answers if isinstance(body, dict) and isinstance(body.get("cron_id"), str)}
    for cron_id in made - now.deleted_crons:
        await now.wire.call("tidy up", "crons", now.wire.client.crons.delete(cron_id))
