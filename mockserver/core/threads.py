"""All threads of a server, and its assistants."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mockserver.core.assistants import Assistants
from mockserver.core.clock import TICK, Timeline
from mockserver.core.ids import IdSource
from mockserver.core.notifier import Notifier
from mockserver.core.policy import Policy
from mockserver.core.records import Thread
from mockserver.script.graphs import Graphs


class Threads:
    """The threads of a server by id. Every thread has its own sequence of ids and its own timeline."""

    def __init__(self, *, seed: int, policy: Policy, graphs: Graphs, notifier: Notifier) -> None:
        self.policy = policy
        self.graphs = graphs
        self._notifier = notifier
        self.assistants = Assistants(graphs)
        self.by_id: dict[str, Thread] = {}
        self.clear(seed)

    def clear(self, seed: int) -> None:
        """Delete every thread, and restart ids and times from the beginning. No run may be in flight."""
        for thread in self.by_id.values():
            # Breaks the cycles of runs and thread, so that all are freed without the garbage collector. It scans old
            # records rarely, and would scan the whole program around the mock.
            thread.runs = {}
        self.by_id.clear()
        self.assistants.clear(self.graphs)
        self._ids = IdSource(seed)
        self._timeline = Timeline()
        self._changes = Timeline()
        self._notifier.notify()

    def set_graphs(self, graphs: Graphs) -> None:
        """Replace the graphs, also on threads that had others."""
        self.graphs = graphs
        self.assistants.set_graphs(graphs)
        for thread in self.by_id.values():
            thread.graphs = graphs

    def create_thread(self, thread_id: str | None = None, metadata: dict[str, Any] | None = None) -> Thread:
        """Create a thread, under an id that the client chose or a new one."""
        moment = self._timeline.moment()
        thread_id = thread_id or self._ids.uuid7(moment)
        thread = Thread(
            thread_id=thread_id,
            policy=self.policy,
            graphs=self.graphs,
            created_at=moment,
            updated_at=moment,
            state_updated_at=moment,
            timeline=Timeline(moment),
            # Scoped by thread: what happens on one thread does not change the
            # ids on another, whatever the order of requests.
            ids=self._ids.scoped(thread_id),
            metadata=dict(metadata or {}),
        )
        self.by_id[thread_id] = thread
        self.touch(thread, moment)
        thread.state_updated_at = thread.updated_at
        return thread

    def copy_thread(self, original: Thread) -> Thread:
        """Create a thread with the metadata and the history of another, and without runs."""
        copy = self.create_thread(metadata=original.metadata)
        copy.graphs = original.graphs
        copy.history = original.visible.copied(copy.thread_id)
        copy.settled = original.settled
        # The copied checkpoints keep their times, so the copy's own time must begin after the newest of them.
        copy.timeline.now = max(copy.timeline.now, original.timeline.now)
        return copy

    def moment(self) -> datetime:
        """Return the next moment of the server's own timeline."""
        return self._timeline.moment()

    def new_id(self, moment: datetime) -> str:
        """Return an id for an object that belongs to no thread."""
        return self._ids.uuid7(moment)

    def touch(self, thread: Thread, moment: datetime) -> None:
        """Record that a thread changed at a moment of its own timeline."""
        # Clients sort threads by `updated_at`, so a change is later than all before it, whatever thread they were on.
        # The thread's timeline stays as it was: what happens on one thread does not change the ids on another.
        self._changes.now = max(self._changes.now, moment - TICK)
        thread.updated_at = self._changes.moment()
        self._notifier.notify()

    def remove(self, thread: Thread) -> None:
        """Delete a thread and disconnect the clients that stream it."""
        # A client may have deleted the thread and created another under the
        # same id while this one had a run in flight.
        if self.by_id.get(thread.thread_id) is thread:
            del self.by_id[thread.thread_id]
            thread.stream.close()
            self._notifier.notify()
