"""All threads of a server, and its assistants."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mockserver.core.assistants import Assistants
from mockserver.core.changes import Changes
from mockserver.core.clock import Timeline
from mockserver.core.ids import IdSource
from mockserver.core.records import Thread
from mockserver.core.rules import Rules
from mockserver.script import Script


class Store:
    """Creates, finds and removes threads; every thread has ids and a timeline of its own."""

    def __init__(self, *, seed: int, rules: Rules, script: Script, changes: Changes) -> None:
        self.rules = rules
        self.script = script
        self._changed = changes
        self.assistants = Assistants()
        self.threads: dict[str, Thread] = {}
        self.clear(seed)

    def clear(self, seed: int) -> None:
        """Forget every thread; ids and times begin anew."""
        self.threads.clear()
        self.assistants.clear()
        self._ids = IdSource(seed)
        self._timeline = Timeline()
        self._changes = 0
        self._changed.tell()

    def create_thread(self, thread_id: str | None = None, metadata: dict[str, Any] | None = None) -> Thread:
        """A new thread, under an id of the client's choice or of the server's."""
        moment = self._timeline.moment()
        thread_id = thread_id or self._ids.uuid7(moment)
        thread = Thread(
            thread_id=thread_id,
            rules=self.rules,
            script=self.script,
            created_at=moment,
            updated_at=moment,
            state_updated_at=moment,
            timeline=Timeline(moment),
            ids=self._ids.scoped(thread_id),
            metadata=dict(metadata or {}),
            touched=0,
        )
        self.threads[thread_id] = thread
        self.touch(thread, moment)
        return thread

    def copy_thread(self, original: Thread) -> Thread:
        """A new thread with the metadata and the history of another, and with no runs."""
        copy = self.create_thread(metadata=original.metadata)
        copy.script = original.script
        copy.history = original.history.copied(copy.thread_id)
        copy.settled = original.settled
        # What comes next is later than what was copied.
        copy.timeline.now = max(copy.timeline.now, original.timeline.now)
        return copy

    def moment(self) -> datetime:
        """The next moment of the server's own time."""
        return self._timeline.moment()

    def new_id(self, moment: datetime) -> str:
        """An id for something that belongs to no thread."""
        return self._ids.uuid7(moment)

    def touch(self, thread: Thread, moment: datetime) -> None:
        """Note that a thread changed."""
        self._changes += 1
        thread.touched = self._changes
        thread.updated_at = moment
        self._changed.tell()

    def remove(self, thread: Thread) -> None:
        """Forget a thread."""
        if self.threads.get(thread.thread_id) is thread:
            del self.threads[thread.thread_id]
            thread.stream.close()
            self._changed.tell()
