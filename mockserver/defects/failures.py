"""Failing runs: their status or their stream hides the failure, or a status hides that a run executes."""

from __future__ import annotations

from typing import Any

from mockserver.core.records import Run
from mockserver.core.streams import Event
from mockserver.defects.base import Defect


class FailedAsSuccess(Defect):
    """A failed run is `success`, although its thread is `error` and `join` reports the error."""

    id = "D201"
    rule = "RUN-30"
    seen = ()
    client = "A client that polls the status treats the failed run as finished."

    def run_status(self, run: Run) -> Any:
        return "success" if run.error is not None and self.strikes(run) else super().run_status(run)


class FailedAsInterrupted(Defect):
    """A failed run is `interrupted`, like a run that was stopped on request."""

    id = "D202"
    rule = "RUN-30"
    seen = ()
    client = "A failure is shown as a stop that the user requested, so its cause is never found."

    def run_status(self, run: Run) -> Any:
        return "interrupted" if run.error is not None and self.strikes(run) else super().run_status(run)


class PendingWhileExecuting(Defect):
    """A run is `pending` until it has ended."""

    id = "D203"
    rule = "RUN-31"
    seen = ()
    client = "A progress indicator shows that the run waits, although it is at work."

    def run_status(self, run: Run) -> Any:
        status = super().run_status(run)
        return "pending" if status == "running" and self.strikes(run) else status


class StreamWithoutError(Defect):
    """The stream of a run that fails ends without an `error` event."""

    id = "D204"
    rule = "STR-40"
    seen = ()
    client = "The stream ends like that of a run that finished, and the answer never comes."

    def shows(self, event: Event, modes: frozenset[str] | None) -> bool:
        return not (event.name == "error" and self.strikes()) and super().shows(event, modes)
