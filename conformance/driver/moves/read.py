"""Readings: the statuses again and again, state and history where a scenario asks and when all is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from conformance.api import READINGS, When
from conformance.driver.context import Context
from conformance.scenarios import moves as s

HISTORY_LIMIT = 1000
LIST_LIMIT = 100


async def look(context: Context) -> None:
    """Read the thread, every run, and the thread again: each lies between two readings of the other."""
    threads, runs = context.http.client.threads, context.http.client.runs
    await context.http.call("look", s.MAIN, threads.get(context.threads[s.MAIN]))
    for label in context.thread_of:
        context.learn_run_id(label)
    for label, run_id in list(context.run_ids.items()):
        if (thread := context.thread_of[label]) is not None:
            await context.http.call("look", f"run {label}", runs.get(thread, run_id))
            context.learn_status(label)
        if s.thread_of(label) in context.threads:
            await context.http.call("look", s.thread_of(label), threads.get(context.threads[s.thread_of(label)]))
    await context.http.call("look", s.MAIN, threads.get(context.threads[s.MAIN]))


@asynccontextmanager
async def following(context: Context) -> AsyncIterator[None]:
    """Look at the statuses again and again while the block runs."""
    over = asyncio.Event()

    async def watch() -> None:
        while not over.is_set():
            await look(context)
            try:
                async with asyncio.timeout(context.deadlines.poll):
                    await over.wait()
            except TimeoutError:
                continue

    watcher = asyncio.create_task(watch())
    try:
        yield
    except BaseException:
        # Nobody waits any more for an answer that may never come.
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
        raise
    over.set()
    await watcher


async def read(context: Context, when: When, name: str = s.MAIN) -> None:
    """Read state and whole history of a thread."""
    threads, thread = context.http.client.threads, context.threads[name]
    await context.http.call(READINGS[when].state, name, threads.get_state(thread))
    await context.http.call(READINGS[when].history, name, threads.get_history(thread, limit=HISTORY_LIMIT))


async def find_child(context: Context) -> None:
    """Learn the namespace of the child graph that the thread stands in, from the tasks of its state."""
    await context.http.call("mid state", s.MAIN, context.http.client.threads.get_state(context.threads[s.MAIN]))
    state = context.http.body("mid state", s.MAIN)
    tasks = state.get("tasks") if isinstance(state, dict) else None
    for task in tasks if isinstance(tasks, list) else ():
        checkpoint = task.get("checkpoint") if isinstance(task, dict) else None
        if isinstance(checkpoint, dict) and isinstance(checkpoint.get("checkpoint_ns"), str):
            context.child = checkpoint["checkpoint_ns"]


async def read_child(context: Context, when: When) -> None:
    """Read the history of the child graph that was found, if one was."""
    if context.child is not None:
        where: Any = {"checkpoint_ns": context.child}
        threads = context.http.client.threads
        reading = threads.get_history(context.threads[s.MAIN], checkpoint=where, limit=HISTORY_LIMIT)
        await context.http.call(READINGS[when].child_history, s.MAIN, reading)


async def read_final(context: Context) -> None:
    """What is left of every thread and run when all is over."""
    client, wire = context.http.client, context.http
    for name, thread in context.threads.items():
        await wire.call("final thread", name, client.threads.get(thread))
        await read(context, "final", name)
        await wire.call("final runs", name, client.runs.list(thread, limit=LIST_LIMIT))
    await read_child(context, "final")
    for label, run_id in context.run_ids.items():
        if (owner := context.thread_of[label]) is not None:
            await wire.call("final run", f"run {label}", client.runs.get(owner, run_id))


def steps_of(state: object) -> list[object]:
    """The `steps` channel of a state as the deployment told it; empty where there is none."""
    values = state.get("values") if isinstance(state, dict) else None
    steps = values.get("steps") if isinstance(values, dict) else None
    return steps if isinstance(steps, list) else []
