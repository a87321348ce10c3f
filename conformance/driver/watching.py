"""Clients of a play that wait in the background for what a run has to tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from conformance import scenarios as s
from conformance.driver.situation import Situation
from conformance.record.transcript import Missed


async def watch(now: Situation, move: s.Watch) -> None:
    """Watch a run that was asked for earlier, in one of the ways that there are."""
    run_id, thread = now.run_ids.get(move.label), now.thread_of.get(move.label)
    if run_id is None or thread is None:
        return
    now.readers.setdefault(move.label, []).append(move.name)
    runs = now.wire.client.runs
    told: dict[str, Any] = {}
    if move.cancel_on_disconnect is not None:
        told["cancel_on_disconnect"] = move.cancel_on_disconnect
    if move.how == "join":
        join = runs.join(thread, run_id, params=told or None)
        await await_answer(now, move.name, "watch", move.name, join)
        return
    since = move.since
    if since not in (None, "-1") and (since := now.clients.last_id(since)) is None:
        now.recorder.add(Missed, awaited=f"an event with an id in what {move.since} was sent", seconds=0)
        return
    parts = runs.join_stream(thread, run_id, stream_mode=list(move.modes) or None, last_event_id=since, **told)
    await stream(now, move.name, "watch", move.name, parts)


async def stream(
    now: Situation, name: str, purpose: str, about: str, parts: AsyncIterator[Any], *, reads: bool = True
) -> None:
    """Client `name` reads a stream in the background (but for `reads` only its first event)."""
    consuming = now.wire.consume(purpose, about, parts, at_most=None if reads else 1)
    now.clients.add(name, purpose, about, now.spawn(consuming))
    await now.until(lambda: now.wire.answer(purpose, about) is not None, now.deadlines.answer)


async def await_answer(now: Situation, name: str, purpose: str, about: str, request: Coroutine[Any, Any, Any]) -> None:
    """Client `name` waits in the background for an answer that may rightly take long."""
    calling = now.wire.call(purpose, about, request, seconds=now.wire.patience)
    now.clients.add(name, purpose, about, now.spawn(calling))
    await now.until(lambda: now.wire.exchange(purpose, about) > 0, now.deadlines.answer)


def join(now: Situation, label: str) -> asyncio.Task[None]:
    """Wait in the background for the end of a run."""
    thread = now.thread_of[label]
    assert thread is not None, "there is nothing to join before the thread is known"
    joining = now.wire.client.runs.join(thread, now.run_ids[label])
    task = now.spawn(now.wire.call("join", label, joining, seconds=now.wire.patience))
    now.joins[label] = task
    return task
