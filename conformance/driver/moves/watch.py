"""Clients of a play that wait in the background for what a run has to tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from conformance.api import Purpose
from conformance.driver.context import Context
from conformance.scenarios import moves as s
from conformance.transcript.transcript import Missed


async def watch(context: Context, move: s.Watch) -> None:
    """Watch a run that was asked for earlier, in one of the ways that there are."""
    run_id, thread = context.run_ids.get(move.label), context.thread_of.get(move.label)
    if run_id is None or thread is None:
        return
    context.readers.setdefault(move.label, []).append(move.name)
    runs = context.http.client.runs
    told: dict[str, Any] = {}
    if move.cancel_on_disconnect is not None:
        told["cancel_on_disconnect"] = move.cancel_on_disconnect
    if move.how == "join":
        join = runs.join(thread, run_id, params=told or None)
        await await_answer(context, move.name, "watch", move.name, join)
        return
    since = move.since
    if since not in (None, "-1") and (since := context.clients.last_id(since)) is None:
        context.recorder.add(Missed, awaited=f"an event with an id in what {move.since} was sent", seconds=0)
        return
    parts = runs.join_stream(thread, run_id, stream_mode=list(move.modes) or None, last_event_id=since, **told)
    await stream(context, move.name, "watch", move.name, parts)


async def stream(
    context: Context, name: str, purpose: Purpose, about: str, parts: AsyncIterator[Any], *, reads: bool = True
) -> None:
    """Client `name` reads a stream in the background (but for `reads` only its first event)."""
    consuming = context.http.consume(purpose, about, parts, at_most=None if reads else 1)
    context.clients.add(name, purpose, about, context.spawn(consuming))
    await context.until(lambda: context.http.answer(purpose, about) is not None, context.deadlines.answer)


async def await_answer(
    context: Context, name: str, purpose: Purpose, about: str, request: Coroutine[Any, Any, Any]
) -> None:
    """Client `name` waits in the background for an answer that may rightly take long."""
    calling = context.http.call(purpose, about, request, seconds=context.http.patience)
    context.clients.add(name, purpose, about, context.spawn(calling))
    await context.until(lambda: context.http.exchange(purpose, about) > 0, context.deadlines.answer)


def join(context: Context, label: str) -> asyncio.Task[None]:
    """Wait in the background for the end of a run."""
    thread = context.thread_of[label]
    assert thread is not None, "there is nothing to join before the thread is known"
    joining = context.http.client.runs.join(thread, context.run_ids[label])
    task = context.spawn(context.http.call("join", label, joining, seconds=context.http.patience))
    context.joins[label] = task
    return task
