"""The life cycle of a run and the status of a thread, as two tables.

Theory of operation. A run is created `pending`, is `running` while its steps execute, and ends in exactly one
terminal status. No transition leads out of a terminal status, so a run that has ended never changes again:

    pending --start--> running --succeed--> success
       |                  |----fail-------> error
       |                  |----time_out---> timeout
       `-----stop---------`----stop-------> interrupted

`RUN_TRANSITIONS` is this picture. Every change of `Run.status` goes through `after`, so an illegal change
raises an exception where it happens and never reaches a client.

A thread has no life cycle of its own. `thread_status` computes its status from its runs and its newest
checkpoint, so the status cannot contradict them.
"""

from __future__ import annotations

from typing import Final, Literal

from mockserver.vocabulary import RunStatus, ThreadStatus

RunEvent = Literal["start", "succeed", "fail", "time_out", "stop"]

RUN_STATUSES: Final[tuple[RunStatus, ...]] = (
    "pending",
    "running",
    "success",
    "error",
    "timeout",
    "interrupted",
)

RUN_TRANSITIONS: Final[dict[tuple[RunStatus, RunEvent], RunStatus]] = {
    ("pending", "start"): "running",
    # A pending run can only be stopped. It has not executed anything, so it can
    # neither fail nor time out: the run timeout starts with the execution.
    ("pending", "stop"): "interrupted",
    ("running", "succeed"): "success",
    ("running", "fail"): "error",
    ("running", "time_out"): "timeout",
    ("running", "stop"): "interrupted",
}

TERMINAL: Final[frozenset[RunStatus]] = frozenset(("success", "error", "timeout", "interrupted"))


class IllegalTransitionError(Exception):
    """An event that cannot happen to a run in its status. It always means a bug in the caller."""


def after(status: RunStatus, event: RunEvent) -> RunStatus:
    """Return the status of a run after `event`. Raises `IllegalTransitionError`."""
    try:
        return RUN_TRANSITIONS[status, event]
    except KeyError:
        raise IllegalTransitionError(f"a run that is {status} cannot {event}") from None


def thread_status(*, in_flight: bool, failed: bool, unfinished: bool) -> ThreadStatus:
    """Return the status of a thread.

    `in_flight`: a run is pending or running. `failed`: the run that executed last failed. `unfinished`: the newest
    checkpoint has next nodes, because a run was stopped or waits for a human.
    """
    if in_flight:
        # First: a thread with a run in flight is busy whatever happened before, otherwise a run that was superseded
        # would show the thread as idle or failed while its successor is queued.
        return "busy"
    if failed:
        return "error"
    return "interrupted" if unfinished else "idle"
