"""The words for statuses (source: the published API description, schemas `Run` and `Thread`)."""

from __future__ import annotations

IN_FLIGHT = frozenset({"pending", "running"})
TERMINAL = frozenset({"success", "error", "timeout", "interrupted"})
RUN_STATUSES = IN_FLIGHT | TERMINAL
THREAD_STATUSES = frozenset({"idle", "busy", "interrupted", "error"})

GONE = "gone"
"""Stands for the status of a run that the deployment does not know (404)."""
