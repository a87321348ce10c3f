"""The moves that read: statuses, states and histories, and the polling of statuses in the background."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

from conformance.api import IN_FLIGHT, LAG, READINGS, When, checkpoint_id, objects
from conformance.driver.context import Context, Contradiction
from conformance.scenarios import moves as s
from conformance.transcript.transcript import Response

# The API's default of 10 would cut the history of every scenario with two complete runs, which is judged as a whole.
HISTORY_LIMIT = 1000
LIST_LIMIT = 100


async def look(context: Context) -> None:
    """Read the statuses. If one of them contradicts another fact, read them until `LAG` seconds are over.

    A contradiction that lasts counts as a fault of the deployment (THR-02, RUN-31), and one that passes is its row that
    lags.
    """
    await _look(context)
    # Each kind once in a play: a fault that has lasted is proved, and each further wait would only take time.
    if not (lasting := _contradictions(context) - context.proved):
        return
    for _ in range(math.ceil(LAG / context.deadlines.poll) + 1):
        await context.until(lambda: False, context.deadlines.poll)
        await _look(context)
        lasting &= _contradictions(context)
        if not lasting:
            return
    # Only now: the polling in the background reads at the same time, and the scenario must wait for both.
    context.proved |= lasting


def _contradictions(context: Context) -> set[Contradiction]:
    """Return the facts of a run, in flight or begun, that the newest readings of the statuses contradict."""
    # Once the deployment is lost, nothing changes any more.
    if context.http.lost is not None:
        return set()
    found: set[Contradiction] = set()
    waiting = [label for label, status in context.statuses.items() if status == "pending"]
    if context.probe == "witnessed" and any(map(context.begun, waiting)):
        found.add("begun but pending")
    thread = context.http.reading("look", s.MAIN)
    main = [label for label, owner in context.thread_of.items() if owner == context.threads.get(s.MAIN)]
    flying = any(context.statuses.get(label) in IN_FLIGHT for label in main)
    if flying and isinstance(thread, dict) and thread.get("status") != "busy":
        found.add("in flight but not busy")
    return found


async def _look(context: Context) -> None:
    """Read the status of the thread, then of every run, then of the thread again.

    Each reading of a run lies between two readings of the thread. The checks compare them without assuming that two
    requests see the same moment.
    """
    http, threads = context.http, context.threads
    await http.look(s.MAIN, threads[s.MAIN])
    for label in context.thread_of:
        context.learn_run_id(label)
    await _all(context, *(partial(_look_at_run, context, label) for label in list(context.run_ids)))
    await http.look(s.MAIN, threads[s.MAIN])


async def _all(context: Context, *readings: Callable[[], Awaitable[None]]) -> None:
    """Make readings between which no order counts: one after another, or at the same time if answers are slow.

    One after another, each shows a later moment than the one before, so that the checks can compare more of them. From
    a slow deployment, they would take as many times as long as there are readings.
    """
    if context.deadlines.slow:
        await asyncio.gather(*(one() for one in readings))
        return
    for one in readings:
        await one()


async def _look_at_run(context: Context, label: str) -> None:
    """Read the status of a run, then of its thread if it was created without one."""
    if (thread := context.thread_of[label]) is not None:
        await context.http.look(f"run {label}", thread, context.run_ids[label])
        context.learn_status(label)
    if (name := s.thread_of(label)) in context.threads:
        await context.http.look(name, context.threads[name])


@asynccontextmanager
async def following(context: Context) -> AsyncIterator[None]:
    """Read the statuses while the block runs: `poll` seconds after every event, and less and less often without one."""
    over = asyncio.Event()
    watcher = asyncio.create_task(_follow(context, over))
    try:
        yield
    except BaseException:
        # The play is being abandoned, and a reading under way may never be answered. On a normal exit it is awaited, so
        # that the record does not end with a request that was cut off.
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
        raise
    over.set()
    context.wake()
    await watcher


async def _follow(context: Context, over: asyncio.Event) -> None:
    """Read the statuses until `over`.

    A status changes when something happens: a request, a step, an event of a stream, or the change of another status.
    While nothing does, each pause is twice as long as the one before, up to `rest`. So a change without an event is
    read after at most twice the time since the last one. Most requests of a play are these readings, and a server that
    is slow has to answer those of several plays.
    """
    deadlines = context.deadlines
    # Without a witness the steps of a run are no events, and only readings show what it does.
    longest = deadlines.rest if context.probe == "witnessed" else deadlines.poll
    pause, shown = deadlines.poll, None
    while not over.is_set() and context.http.lost is None:
        news, before = context.news, shown
        await look(context)
        shown = _shown(context)
        # This pause is kept whatever happens, as a stream may bring a hundred events in a second.
        await context.until(over.is_set, deadlines.poll)
        if context.news > news or shown != before:
            pause = deadlines.poll
            continue
        pause = min(2 * pause, longest)
        await context.until(lambda news=news: over.is_set() or context.news > news, pause - deadlines.poll)


def _shown(context: Context) -> tuple[object, ...]:
    """Return the statuses as they were last read."""
    threads = [context.http.reading("look", name) for name in context.threads]
    return (*context.statuses.values(), *(one.get("status") for one in threads if isinstance(one, dict)))


async def read(context: Context, when: When, name: str = s.MAIN) -> None:
    """Read the state and the whole history of a thread."""
    call, threads, thread = context.http.call, context.http.client.threads, context.threads[name]
    await _all(
        context,
        lambda: call(READINGS[when].state, name, threads.get_state(thread)),
        lambda: call(READINGS[when].history, name, threads.get_history(thread, limit=HISTORY_LIMIT)),
    )


async def find_run(context: Context, label: str) -> bool:
    """Look up the id of a run in its thread's list, and return whether it is known."""
    thread = context.thread_of.get(label)
    if thread is not None:
        await context.http.call("find run", label, context.http.client.runs.list(thread, limit=LIST_LIMIT))
    return context.learn_run_id(label)


async def find_child(context: Context) -> None:
    """Store the namespace of the child graph that the thread is executing, from the tasks of its state."""
    await context.http.call("mid state", s.MAIN, context.http.client.threads.get_state(context.threads[s.MAIN]))
    state = context.http.body("mid state", s.MAIN)
    tasks = state.get("tasks") if isinstance(state, dict) else None
    for task in tasks if isinstance(tasks, list) else ():
        checkpoint = task.get("checkpoint") if isinstance(task, dict) else None
        if isinstance(checkpoint, dict) and isinstance(checkpoint.get("checkpoint_ns"), str):
            context.child = checkpoint["checkpoint_ns"]


async def read_child(context: Context, when: When) -> None:
    """Read the history of the child graph, if `find_child` found one."""
    if context.child is not None:
        where: Any = {"checkpoint_ns": context.child}
        threads = context.http.client.threads
        reading = threads.get_history(context.threads[s.MAIN], checkpoint=where, limit=HISTORY_LIMIT)
        await context.http.call(READINGS[when].child_history, s.MAIN, reading)


async def read_final(context: Context) -> None:
    """Read the final state, history and runs of every thread, and the final status of every run.

    Runs are read after threads, so that a thread at rest beside a run in flight is a contradiction.
    """
    call, runs = context.http.call, context.http.client.runs

    async def read_list(name: str) -> None:
        await call("final runs", name, runs.list(context.threads[name], limit=LIST_LIMIT))

    async def read_run(label: str) -> None:
        if (owner := context.thread_of[label]) is not None:
            await call("final run", f"run {label}", runs.get(owner, context.run_ids[label]))

    async def read_runs() -> None:
        await _all(context, *(partial(read_list, name) for name in context.threads))
        await _all(context, *(partial(read_run, label) for label in context.run_ids))

    await _all(context, *(partial(_read_final_thread, context, name) for name in context.threads))
    await read_child(context, "final")
    await read_runs()
    # A list may follow its runs a moment later.
    for _ in range(math.ceil(LAG / context.deadlines.poll) + 2):
        if context.http.lost is not None or not any(_lacks_a_run(context, name) for name in context.threads):
            return
        await context.until(lambda: False, context.deadlines.poll)
        await read_runs()


def _lacks_a_run(context: Context, name: str) -> bool:
    """Return whether the list of a thread's runs, as read last, lacks a run of the thread that a GET shows."""
    rows = objects(context.http.body("final runs", name))
    # No set: a strange server may name a run by a list or an object.
    listed = [row.get("run_id") for row in rows]
    mine = [label for label in context.run_ids if context.thread_of.get(label) == context.threads[name]]
    shown = [context.http.answer("final run", f"run {label}") for label in mine]
    found = [answer.body for answer in shown if isinstance(answer, Response) and answer.status == HTTPStatus.OK]
    return len(rows) < LIST_LIMIT and any(isinstance(one, dict) and one.get("run_id") not in listed for one in found)


async def _read_final_thread(context: Context, name: str) -> None:
    """Read a thread with its state and history until they agree. The three are always read together."""
    # A stopped run may write between two readings. What still disagrees after `LAG` seconds has another cause.
    for _ in range(math.ceil(LAG / context.deadlines.poll) + 2):
        await _all(
            context,
            lambda: context.http.call("final thread", name, context.http.client.threads.get(context.threads[name])),
            lambda: read(context, "final", name),
        )
        if context.http.lost is not None or not (_moves(context, name) and _disagree(context, name)):
            return
        await context.until(lambda: False, context.deadlines.poll)


def _moves(context: Context, name: str) -> bool:
    """Return whether a run on a thread was stopped or deleted, or may still execute."""
    mine = [label for label, where in context.thread_of.items() if where == context.threads[name]]
    return any(context.statuses.get(label) not in ("success", "error") for label in mine)


def _disagree(context: Context, name: str) -> bool:
    """Return whether the state is another checkpoint than the newest one of the history."""
    state, history = context.http.body("final state", name), context.http.body("final history", name)
    newest = history[0] if isinstance(history, list) and history else None
    if not isinstance(state, dict) or not isinstance(newest, dict):
        return False
    return checkpoint_id(state) != checkpoint_id(newest) or state.get("values") != newest.get("values")


def steps_of(state: object) -> list[object]:
    """Return the `steps` channel of a state as received. Return an empty list when there is none."""
    values = state.get("values") if isinstance(state, dict) else None
    steps = values.get("steps") if isinstance(values, dict) else None
    return steps if isinstance(steps, list) else []
