"""The threads and runs of a server, as plain data. `policy` and `engine` decide what happens to them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from mockserver.core.assistants import Assistant
from mockserver.core.checkpoints import History, Values
from mockserver.core.clock import Timeline
from mockserver.core.ids import IdSource
from mockserver.core.lifecycle import TERMINAL
from mockserver.core.notifier import Once
from mockserver.core.strategies import Fate, Phase
from mockserver.core.streams import EventLog
from mockserver.core.thread_stream import ThreadStream
from mockserver.schemas.common import RunRequest
from mockserver.vocabulary import RunStatus, Strategy

if TYPE_CHECKING:
    from mockserver.script.graphs import Graphs
    from mockserver.script.types import Script


class Run(Struct, eq=False):
    """One execution of the graph on a thread."""

    run_id: str
    number: int
    """The place of the run in the order in which the server created all runs."""
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
    """True for a stateless run, whose thread is deleted when the run ends."""
    by_protocol: bool = False
    """True for a run that a command of the newer protocol created."""
    status: RunStatus = "pending"
    started_at: datetime | None = None
    """The moment at which its execution began, None if it never did."""
    ready: bool = True
    """False until `after_seconds` have passed."""
    held: bool = False
    """True while a test keeps the run from starting. The runs behind it wait with it."""
    fate: Fate | None = None
    """The decision that was taken about the run while it was in flight. The first decision is final."""
    attempt: int = 1
    """Grows when the server loses the worker that executes the run."""
    task: asyncio.Task[None] | None = None
    watchdog: asyncio.Task[None] | None = None
    """The task that waits for the run's `after_seconds`, or for the run timeout."""
    output: Values = field(default_factory=dict)
    """The result of join and wait: the values that the run reached, and the interrupts it ended with."""
    error: dict[str, str] | None = None
    interruption: dict[str, str] | None = None
    """The reason why the run was stopped, None if it was not."""
    ended: Once = field(default_factory=Once)

    @property
    def over(self) -> bool:
        """Return whether the run has a terminal status."""
        return self.status in TERMINAL

    @property
    def script(self) -> Script:
        """Return the script that the agent plays in it."""
        # Not the graph of the thread: that is the graph of a newer run, if one waits behind this one.
        return self.thread.graphs.of(self.metadata["graph_id"])

    @property
    def phase(self) -> Phase:
        """Return the phase of a run in flight, as the strategies distinguish them."""
        # While a run is being stopped its status is still `running`, or
        # `pending`. Only the fate shows that its end is decided.
        if self.fate is not None:
            return "stopping"
        return "pending" if self.status == "pending" else "running"

    @property
    def configurable(self) -> dict[str, Any]:
        """Return the configuration that the nodes receive."""
        found: dict[str, Any] = self.kwargs["config"]["configurable"]
        return found


class TimeLeft(Struct, frozen=True):
    """The end of a thread's time-to-live. `strategy` is what happens then: `delete` or `keep_latest`."""

    strategy: str
    minutes: float
    expires_at: datetime


class Thread(Struct, eq=False):
    """A conversation: its runs and its checkpoints."""

    thread_id: str
    # Not annotated as `Policy`: `policy` is written in terms of this module, so the import would be a circle.
    policy: object
    """The `Policy` that decides about the thread. Read it through `policy_of`, which restores its type."""
    graphs: Graphs
    """The graphs that can run on it."""
    created_at: datetime
    updated_at: datetime
    """Later than every earlier change on the server, so that it orders threads. Other moments are of `timeline`."""
    state_updated_at: datetime
    timeline: Timeline
    ids: IdSource
    metadata: dict[str, Any]
    history: History = field(default_factory=History)
    stored: History | None = None
    """The part of `history` that clients see while a run is in flight that stores its checkpoints at its end."""
    runs: dict[str, Run] = field(default_factory=dict)
    """Every run that was not erased, oldest first."""
    in_flight: dict[str, Run] = field(default_factory=dict)
    """The runs that are pending or running, oldest first."""
    active: Run | None = None
    """The run that executes."""
    settled: Values | None = None
    """The values at the last end of a run or the last manual update of the state."""
    failure: dict[str, str] | None = None
    """The error of the run that executed last, if it failed."""
    interruption: dict[str, str] | None = None
    """The reason why the run that executed last was stopped, if it was."""
    rested: bool = False
    """True once a run has ended on the thread, or its state was updated manually."""
    stream: ThreadStream = field(default_factory=ThreadStream)
    """The events of the whole thread, for the clients that stream it."""
    ttl: TimeLeft | None = None
    config: dict[str, Any] = field(default_factory=dict)
    """The settings of the assistant that ran on it last."""

    @property
    def visible(self) -> History:
        """Return the history that clients see."""
        return self.history if self.stored is None else self.stored

    @property
    def graph_id(self) -> str:
        """Return its graph: that of its last run, or the one that its metadata names, else the default graph."""
        return self.graphs.known(self.metadata.get("graph_id"))

    @property
    def script(self) -> Script:
        """Return the script of its graph."""
        return self.graphs.of(self.metadata.get("graph_id"))
