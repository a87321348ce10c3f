"""Deletion of runs, threads and assistants, with everything that belongs to them."""

from __future__ import annotations

from collections.abc import Collection

from mockserver.core.assistants import SYSTEM, Assistant
from mockserver.core.records import Run, Thread
from mockserver.engine.engine import Engine


def delete_run(engine: Engine, run: Run) -> None:
    """Delete a run that has ended, and its checkpoints unless another run continued, or continues, from them."""
    thread = run.thread
    if thread.runs.pop(run.run_id, None) is None:
        return
    engine.forget_streams([run])
    # The state of a later run contains this run's messages. Without their checkpoints its history would have a gap.
    if not thread.history.is_built_upon(run.run_id) and not _is_continued(run):
        thread.history.remove_run(run.run_id)
        # While a run is in flight, the thread's record shows the values of
        # the last end. The run updates them when it settles.
        if not thread.in_flight:
            engine.threads.touch(thread, thread.timeline.moment())
            engine.record_state(thread)


def _is_continued(run: Run) -> bool:
    """Return whether the run that executes has not written a checkpoint yet, and will continue from this run's."""
    head = run.thread.history.head
    return run.thread.active is not None and head is not None and head.run_id == run.run_id


def delete_thread(engine: Engine, thread: Thread) -> None:
    """Delete a thread with its crons, and stop its runs in flight."""
    # The crons first, so that none fires on a thread that is being deleted. The runs last: when they settle, the
    # thread is no longer found, so no client sees it between two states.
    engine.crons.remove_of(thread)
    engine.threads.remove(thread)
    engine.feeds.remove(thread.thread_id)
    engine.forget_streams(thread.runs.values())
    engine.stop_all(dict.fromkeys(thread.in_flight.values(), "erase"))
    # Break the cycles of runs and thread, so that all are freed without the garbage collector, which rarely scans old
    # records. Runs that execute are still needed, and go when they settle.
    thread.runs = dict(thread.in_flight)


def delete_assistant(engine: Engine, assistant: Assistant, *, threads: bool) -> None:
    """Delete an assistant with its crons and, with `threads`, the threads whose metadata names it."""
    engine.crons.remove_of(assistant)
    engine.threads.assistants.remove(assistant)
    named = [
        thread
        for thread in engine.threads.by_id.values()
        if threads and thread.metadata.get("assistant_id") == assistant.assistant_id
    ]
    for thread in named:
        delete_thread(engine, thread)


def truncate(engine: Engine, kinds: Collection[str]) -> None:
    """Delete all records of some kinds: `threads`, `runs`, `assistants` (not those of the graphs) and `store`.

    `checkpoint` deletes the states of threads, and so the threads.
    """
    known = list(engine.threads.by_id.values())
    if {"threads", "checkpoint"} & set(kinds):
        for thread in known:
            delete_thread(engine, thread)
    elif "runs" in kinds:
        for thread in known:
            engine.stop_all(dict.fromkeys(thread.in_flight.values(), "erase"))
            for run in [run for run in thread.runs.values() if run.run_id not in thread.in_flight]:
                delete_run(engine, run)
    if "assistants" in kinds:
        for assistant in [one for one in engine.threads.assistants if one.current.metadata != SYSTEM]:
            delete_assistant(engine, assistant, threads=False)
    if "store" in kinds:
        engine.store.clear()
