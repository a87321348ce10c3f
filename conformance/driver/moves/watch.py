"""The moves that watch a run: clients that read a stream or wait for an answer in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from conformance.api import Purpose
from conformance.driver.context import Context
from conformance.driver.moves import read
from conformance.scenarios import moves as s
from conformance.transcript.transcript import Missed, Response


async def watch(context: Context, move: s.Watch) -> None:
    """Join a run that was created earlier, or join its stream."""
    run_id, thread = context.run_ids.get(move.label), context.thread_of.get(move.label)
    if run_id is None or thread is None:
        return
    context.readers.setdefault(move.label, []).append(move.name)
    runs = context.http.client.runs
    options: dict[str, Any] = {}
    if move.cancel_on_disconnect is not None:
        options["cancel_on_disconnect"] = move.cancel_on_disconnect
    if move.how == "join":
        join = runs.join(thread, run_id, params=options or None)
        await await_answer(context, move.name, "watch", move.name, join)
        return
    since = move.since
    # "-1" asks for the whole stream. Any other value is the name of a client, whose newest event id is sent.
    if since not in (None, "-1") and (since := context.clients.last_id(since)) is None:
        context.recorder.add(Missed, awaited=f"an event with an id in the stream of client {move.since}", seconds=0)
        return
    parts = runs.join_stream(thread, run_id, stream_mode=list(move.modes) or None, last_event_id=since, **options)
    await stream(context, move.name, "watch", move.name, parts)


async def stream(
    context: Context, name: str, purpose: Purpose, about: str, parts: AsyncIterator[Any], *, reads: bool = True
) -> None:
    """Read a stream as client `name` in the background. Unless `reads`, pause after its first event until `read_on`."""
    consuming = context.http.consume(purpose, about, parts, pause=None if reads else context.clients.pause(name))
    if purpose == "submit":
        consuming = complete(context, about, consuming)
    context.clients.add(name, purpose, about, context.spawn(consuming))
    # Until its headers are there: the next move must come after the deployment has accepted the stream.
    await context.until(lambda: context.http.answer(purpose, about) is not None, context.deadlines.answer)


async def await_answer(
    context: Context, name: str, purpose: Purpose, about: str, request: Coroutine[Any, Any, Any]
) -> None:
    """Wait as client `name` in the background for an answer that comes only with the end of a run."""
    calling = context.http.call(purpose, about, request, seconds=context.http.patience)
    if purpose == "submit":
        calling = complete(context, about, calling)
    context.clients.add(name, purpose, about, context.spawn(calling))
    await context.until(lambda: context.http.exchange(purpose, about) > 0, context.deadlines.answer)


async def complete(context: Context, label: str, creation: Coroutine[Any, Any, None]) -> None:
    """Wait for the whole answer to the creation of a run. Without an id in it, look for the run in the list of runs."""
    await creation
    answer = context.http.answer("submit", label)
    # An answer that was cut off proves nothing: the run may exist, and may even begin later.
    if isinstance(answer, Response) and answer.status < 300:
        if not context.learn_run_id(label):
            await read.find_run(context, label)
        context.answered.add(label)


def join(context: Context, label: str) -> asyncio.Task[None]:
    """Join a run in the background, and return the task of the request."""
    thread = context.thread_of[label]
    assert thread is not None, "a run cannot be joined before its thread is known"
    joining = context.http.client.runs.join(thread, context.run_ids[label])
    task = context.spawn(context.http.call("join", label, joining, seconds=context.http.patience))
    context.joins[label] = task
    return task
