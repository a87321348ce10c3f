"""The life of a run and the status of a thread, as two tables.

A run is created `pending`, is `running` while its steps execute, and ends in exactly one terminal status.
Nothing leads out of a terminal status, so none can ever change:

    pending --start--> running --succeed--> success
       |                  |----fail-------> error
       |                  |----time_out---> timeout
       `-----stop---------`----stop-------> interrupted

A thread has no life of its own. Its status follows from its runs and from its newest checkpoint.
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
    ("pending", "stop"): "interrupted",
    ("running", "succeed"): "success",
    ("running", "fail"): "error",
    ("running", "time_out"): "timeout",
    ("running", "stop"): "interrupted",
}

TERMINAL: Final[frozenset[RunStatus]] = frozenset(("success", "error", "timeout", "interrupted"))


class IllegalTransitionError(Exception):
    """Something happened to a run that cannot happen in its status; always a fault of the caller."""


def after(status: RunStatus, event: RunEvent) -> RunStatus:
    """The status of a run once `event` happened to it; raises `IllegalTransitionError`."""
    try:
        return RUN_TRANSITIONS[status, event]
    except KeyError:
        raise IllegalTransitionError(f"a run that is {status} cannot {event}") from None


def thread_status(*, in_flight: bool, failed: bool, unfinished: bool) -> ThreadStatus:
    """The status of a thread.

    `in_flight`: a run is pending or running. `failed`: the run that executed last failed. `unfinished`: the
    newest checkpoint names nodes that are still to run, because a run was stopped or waits for a human.
    """
    if in_flight:
        return "busy"
    if failed:
        return "error"
    return "interrupted" if unfinished else "idle"
