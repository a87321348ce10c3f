"""The threads and runs of a server, as plain data. `policy` and `engine` decide what happens to them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mockserver.core.assistants import Assistant
from mockserver.core.checkpoints import History, Values
from mockserver.core.clock import Timeline
from mockserver.core.ids import IdSource
from mockserver.core.lifecycle import TERMINAL
from mockserver.core.strategies import Fate, Phase
from mockserver.core.streams import EventLog
from mockserver.core.thread_stream import ThreadStream
from mockserver.schemas.common import RunRequest
from mockserver.vocabulary import RunStatus, Strategy

if TYPE_CHECKING:
    from mockserver.script.types import Script


@dataclass(slots=True, eq=False)
class Run:
    """One execution of the graph on a thread."""

    run_id: str
    thread: Thread
    assistant: Assistant
    request: RunRequest
    strategy: Strategy
    created_at: datetime
    updated_at: datetime
    metadata: dict[str, Any]
    kwargs: dict[str, Any]
    ids: IdSource
    log: EventLog
    temporary: bool = False
    """A stateless run: its thread is thrown away when it ends."""
    status: RunStatus = "pending"
    started_at: datetime | None = None
    """When its execution began, None if it never did."""
    ready: bool = True
    """False until `after_seconds` have passed."""
    fate: Fate | None = None
    """What was decided about the run while it was in flight; the first decision stands."""
    attempt: int = 1
    """Grows when the server loses the worker that executes the run."""
    task: asyncio.Task[None] | None = None
    watchdog: asyncio.Task[None] | None = None
    """Waits for the run's `after_seconds`, or for the time that it may take."""
    output: Values = field(default_factory=dict)
    """What join and wait give: the values that the run left, and the interrupts it ended with."""
    error: dict[str, str] | None = None
    interruption: dict[str, str] | None = None
    """Why the run was stopped, if it was."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def over(self) -> bool:
        """Whether the run has a terminal status."""
        return self.status in TERMINAL

    @property
    def phase(self) -> Phase:
        """Where a run in flight is, as the strategies see it."""
        if self.fate is not None:
            return "stopping"
        return "pending" if self.status == "pending" else "running"

    @property
    def configurable(self) -> dict[str, Any]:
        """What the nodes are told."""
        found: dict[str, Any] = self.kwargs["config"]["configurable"]
        return found


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """The end of a thread's time to live. `strategy` states what happens then: `delete` or `keep_latest`."""

    strategy: str
    minutes: float
    expires_at: datetime


@dataclass(slots=True, eq=False)
class Thread:
    """A conversation: its runs and its checkpoints."""

    thread_id: str
    policy: object
    """The `Policy` that decides about it. A policy is written in terms of runs and threads, so `policy_of` reads it."""
    script: Script
    """What the agent does on it."""
    created_at: datetime
    updated_at: datetime
    state_updated_at: datetime
    timeline: Timeline
    ids: IdSource
    metadata: dict[str, Any]
    touched: int
    """A number that grows with every change on the server, to sort threads by."""
    history: History = field(default_factory=History)
    runs: dict[str, Run] = field(default_factory=dict)
    """Every run that was not erased, oldest first."""
    in_flight: dict[str, Run] = field(default_factory=dict)
    """The runs that are pending or running, oldest first."""
    active: Run | None = None
    """The run that executes."""
    settled: Values | None = None
    """The values when a run last ended or the state was last updated by hand."""
    failure: dict[str, str] | None = None
    """The error of the run that executed last, if it failed."""
    interruption: dict[str, str] | None = None
    """Why the run that executed last was stopped, if it was."""
    rested: bool = False
    """Whether a run ever ended on it, or its state was ever updated by hand."""
    stream: ThreadStream = field(default_factory=ThreadStream)
    """What is told to those who watch the whole thread."""
    ttl: TimeLeft | None = None
    config: dict[str, Any] = field(default_factory=dict)
    """The settings of the assistant that ran on it last."""
