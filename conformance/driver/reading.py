"""Readings: the statuses again and again, state and history where a scenario asks and when all is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from conformance import scenarios as s
from conformance.driver.situation import Situation

HISTORY_LIMIT = 1000
LIST_LIMIT = 100


async def look(now: Situation) -> None:
    """Read the thread, every run, and the thread again: each lies between two readings of the other."""
    threads, runs = now.wire.client.threads, now.wire.client.runs
    await now.wire.call("look", s.MAIN, threads.get(now.threads[s.MAIN]))
    for label in now.thread_of:
        now.learn_run_id(label)
    for label, run_id in list(now.run_ids.items()):
        if (thread := now.thread_of[label]) is not None:
            await now.wire.call("look", f"run {label}", runs.get(thread, run_id))
            now.learn_status(label)
        if s.thread_of(label) in now.threads:
            await now.wire.call("look", s.thread_of(label), threads.get(now.threads[s.thread_of(label)]))
    await now.wire.call("look", s.MAIN, threads.get(now.threads[s.MAIN]))


@asynccontextmanager
async def following(now: Situation) -> AsyncIterator[None]:
    """Look at the statuses again and again while the block runs."""
    over = asyncio.Event()

    async def watch() -> None:
        while not over.is_set():
            await look(now)
            try:
                async with asyncio.timeout(now.deadlines.poll):
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


async def read(now: Situation, when: str, name: str = s.MAIN) -> None:
    """Read state and whole history of a thread."""
    threads, thread = now.wire.client.threads, now.threads[name]
    await now.wire.call(f"{when} state", name, threads.get_state(thread))
    await now.wire.call(f"{when} history", name, threads.get_history(thread, limit=HISTORY_LIMIT))


async def find_child(now: Situation) -> None:
    """Learn the namespace of the child graph that the thread stands in, from the tasks of its state."""
    await now.wire.call("mid state", s.MAIN, now.wire.client.threads.get_state(now.threads[s.MAIN]))
    state = now.wire.body("mid state", s.MAIN)
    tasks = state.get("tasks") if isinstance(state, dict) else None
    for task in tasks if isinstance(tasks, list) else ():
        checkpoint = task.get("checkpoint") if isinstance(task, dict) else None
        if isinstance(checkpoint, dict) and isinstance(checkpoint.get("checkpoint_ns"), str):
            now.child = checkpoint["checkpoint_ns"]


async def read_child(now: Situation, when: str) -> None:
    """Read the history of the child graph that was found, if one was."""
    if now.child is not None:
        where: Any = {"checkpoint_ns": now.child}
        threads = now.wire.client.threads
        reading = threads.get_history(now.threads[s.MAIN], checkpoint=where, limit=HISTORY_LIMIT)
        await now.wire.call(f"{when} child history", s.MAIN, reading)


async def read_final(now: Situation) -> None:
    """What is left of every thread and run when all is over."""
    client, wire = now.wire.client, now.wire
    for name, thread in now.threads.items():
        await wire.call("final thread", name, client.threads.get(thread))
        await read(now, "final", name)
        await wire.call("final runs", name, client.runs.list(thread, limit=LIST_LIMIT))
    await read_child(now, "final")
    for label, run_id in now.run_ids.items():
        if (owner := now.thread_of[label]) is not None:
            await wire.call("final run", f"run {label}", client.runs.get(owner, run_id))


def steps_of(state: object) -> list[object]:
    """The `steps` channel of a state as the deployment told it; empty where there is none."""
    values = state.get("values") if isinstance(state, dict) else None
    steps = values.get("steps") if isinstance(values, dict) else None
    return steps if isinstance(steps, list) else []
