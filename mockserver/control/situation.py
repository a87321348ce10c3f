"""The situation of a deployment as text: which runs are where, what is held, and what was requested.

A wait that fails shows it, because the reason is nearly always there: a run that failed, a run that is held, or a
client that never sent its request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from mockserver.core.clock import HandClock
from mockserver.core.policy import policy_of
from mockserver.core.records import Run, Thread
from mockserver.engine.engine import Engine
from mockserver.script.shapes import START
from mockserver.web.journal import JournalEntry
from mockserver.words import some

SHOWN: Final = 8
"""The number of runs and of requests that are shown, the newest ones."""


def describe(engine: Engine, journal: Iterable[JournalEntry], threads: Iterable[Thread] | None = None) -> str:
    """Return what is true of the runs of some threads, by default of all, of the holds and of the requests."""
    shown = engine.threads.by_id.values() if threads is None else threads
    runs = [run for thread in shown for run in thread.runs.values()]
    return "\n".join([*_runs(engine, runs), *_holds(engine), *_time(engine, runs), *_requests(list(journal))])


def of_run(engine: Engine, run: Run) -> str:
    """Return in one line where a run is, or how it ended."""
    status = policy_of(run.thread).run_status(run)
    return f"run {run.run_id} on thread {run.thread.thread_id}: {status}{_detail(engine, run)}"


def how_it_ended(run: Run) -> str:
    """Return the error of a run with its step, or another reason for its end, as the end of a sentence."""
    if run.error is not None:
        step = run.thread.history.failed_step(run.run_id)
        return f". It failed in the step {step}: {_error(run)}" if step is not None else f": {_error(run)}"
    if run.interruption is not None:
        return f": {run.interruption['message']}" if run.interruption.get("message") else ""
    if asks(run):
        return ": it asks a human, so its thread has the status `interrupted`"
    return ""


def asks(run: Run) -> bool:
    """Return whether a run ended with a question that is still open."""
    head = run.thread.history.head
    return head is not None and head.run_id == run.run_id and bool(run.thread.history.waiting_interrupts())


def _error(run: Run) -> str:
    assert run.error is not None  # both callers have checked it
    return f"{run.error['error']}: {run.error['message']}"


def _detail(engine: Engine, run: Run) -> str:
    held = next((one.point for one in engine.gates.held() if one.run_id == run.run_id), None)
    if held is not None:
        return f", held at {held}"
    if run.over:
        return how_it_ended(run)
    if run.status == "pending":
        before = [one for one in run.thread.in_flight.values() if one.number < run.number]
        return f", waits for run {before[0].run_id}" if before else ", not started"
    head = run.thread.history.head
    return f", next: {', '.join(head.next)}" if head is not None and head.next else ""


def _runs(engine: Engine, runs: Sequence[Run]) -> list[str]:
    if not runs:
        return ["no run was created"]
    newest = sorted(runs, key=lambda run: run.number)[-SHOWN:]
    more = [f"{len(runs) - SHOWN} older runs"] if len(runs) > SHOWN else []
    return [*more, *(f"{of_run(engine, run)}{_played(run)}" for run in newest)]


def _played(run: Run) -> str:
    """Return the nodes that a run has played: a point behind them, or on another way, is not reached."""
    own = [one for one in run.thread.history.newest_first() if one.run_id == run.run_id][::-1]
    nodes = [node for one in own[:-1] for node in one.next if node != START]
    return f", played {some(nodes, SHOWN)}" if nodes else ""


def _time(engine: Engine, runs: Sequence[Run]) -> list[str]:
    """Return a line for each clock by hand on which something waits for `advance`."""
    lines = []
    for clock in dict.fromkeys(engine.clock.of(run.thread.thread_id) for run in runs if not run.over):
        waits = clock.waiting if type(clock) is HandClock else None
        if waits is not None:
            lines.append(f"time is by hand, at {clock.now:g} s: advance({waits:g}) continues what waits")
    return lines


def _holds(engine: Engine) -> list[str]:
    closed = engine.gates.closed()
    return [f"holds are set at {some(closed)}"] if closed else ["no hold is set"]


def _requests(entries: Sequence[JournalEntry]) -> list[str]:
    if not entries:
        return ["no request was received: does the client use the URL of this deployment?"]
    more = f" of {len(entries)}" if len(entries) > SHOWN else ""
    return [f"received requests, the newest{more}:", *(f"  {one.line()}" for one in entries[-SHOWN:])]
