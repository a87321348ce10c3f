"""Requests that read statuses, states and lists."""

from __future__ import annotations

from typing import Any, Literal

from conformance.scenarios.kind import PASSIVE, READS, Kind, setting, settings
from conformance.scenarios.moves.names import RunStatus


class Look(Kind, frozen=True, kw_only=True, tag="look"):
    """Read the status of the thread, of every run, and of the thread again."""

    traits = PASSIVE

    def describe(self) -> str:
        return "read the statuses of the thread and its runs"


class ReadState(Kind, frozen=True, kw_only=True, tag="read-state"):
    """Read state and history now, in the middle of the scenario."""

    traits = READS

    def describe(self) -> str:
        return "read state and history"


class ReadChild(Kind, frozen=True, kw_only=True, tag="read-child"):
    """Read the history of the child graph that is executing. It is then read at the end of the play, too."""

    traits = READS

    def describe(self) -> str:
        return "read the history of the child graph"


class ListRuns(Kind, frozen=True, kw_only=True, tag="list-runs", omit_defaults=True):
    """List the thread's runs with a filter."""

    traits = READS

    limit: int = 10
    offset: int = 0
    status: RunStatus | None = None

    def describe(self) -> str:
        texts = (setting("status", self.status), setting("limit", self.limit), setting("offset", self.offset or None))
        return "list the runs" + settings(*texts)


class SearchThreads(Kind, frozen=True, kw_only=True, tag="search-threads"):
    """Search this play's thread by `status`."""

    traits = READS

    status: Literal["idle", "busy", "interrupted", "error"]

    def describe(self) -> str:
        return "search the threads" + settings(setting("status", self.status))


class Query(Kind, frozen=True, kw_only=True, tag="query", omit_defaults=True):
    """Send one valid request that reads, such as a list with a filter. `purpose` names what it reads.

    The placeholders in `path` and `body` are the names of threads and the labels of runs, as in `Ask`, and two more.
    One is `{play}`, the value by which the threads of this play are found. The other is `{checkpoint N}`, the id at
    position N of the history that was read last. The newest is at 0.
    """

    traits = READS

    purpose: Literal[
        "list history",
        "copied history",
        "state at",
        "state with children",
        "list threads",
        "count threads",
        "filter crons",
        "count crons",
    ]
    method: Literal["GET", "POST"]
    path: str
    body: Any = None

    def describe(self) -> str:
        return f"{self.purpose}: {self.method} {self.path}" + settings(setting("body", self.body))
