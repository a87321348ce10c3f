"""The stream of a whole thread: the events of all its runs, one run after another, for as long as a client listens.

Only the events of resumable runs are kept for a replay. An event that is neither kept nor listened to is
dropped before it is built, so a thread without listeners pays nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Any, Final, Literal

from msgspec import Struct

from mockserver.core.protocol_feed import KEPT, Listener
from mockserver.core.streams import Event

ThreadStreamMode = Literal["run_modes", "lifecycle", "state_update"]

FROM_THE_START: Final = ("-", "-1")
"""The values of `Last-Event-ID` with which a client requests every kept event."""


class Published(Struct, frozen=True):
    """One event of a thread, with its number."""

    number: int
    run_id: str | None
    event: Event

    def matches(self, modes: Collection[ThreadStreamMode]) -> bool:
        """Return whether the event belongs to one of these modes."""
        if self.event.name == "state_update":
            return "state_update" in modes
        return "run_modes" in modes or ("lifecycle" in modes and self.event.name == "metadata")


class ThreadStream:
    """The events of one thread."""

    def __init__(self) -> None:
        self._number = 0
        self._kept: deque[Published] = deque(maxlen=KEPT)
        self._listeners: dict[Listener, Collection[ThreadStreamMode]] = {}

    def publish(self, name: str, data: Any, *, at: int, run_id: str | None = None, keep: bool = False) -> None:
        """Send an event that happened at `at` (milliseconds) to every listener.

        `keep`: a client that resumes receives it again.
        """
        # Numbers are not consumed by dropped events: no client ever sees a
        # gap, and what an idle thread does costs nothing.
        if not (keep or self._listeners):
            return
        self._number += 1
        published = Published(self._number, run_id, Event(name, None, data, f"{at}-{self._number}"))
        if keep:
            self._kept.append(published)
        for listener, modes in self._listeners.items():
            if published.matches(modes):
                listener.put(published.event)

    def listen(self, modes: Collection[ThreadStreamMode], last_event_id: str | None) -> Listener:
        """Return a new listener.

        It first receives the kept events after `last_event_id`, then every new one.
        """
        listener = Listener()
        since = _number_in(last_event_id)
        for published in self._kept:
            if since is not None and published.number > since and published.matches(modes):
                listener.put(published.event)
        # Registered after the replay. Nothing is awaited in between, so the
        # listener receives each event once, in order.
        self._listeners[listener] = modes
        return listener

    def remove(self, listener: Listener) -> None:
        """Remove a listener, which receives nothing more."""
        self._listeners.pop(listener, None)

    def forget_run(self, run_id: str) -> None:
        """Drop the kept events of a run, so that no later listener receives them."""
        self._kept = deque((published for published in self._kept if published.run_id != run_id), maxlen=KEPT)

    def close(self) -> None:
        """Disconnect every listener."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()


def _number_in(event_id: str | None) -> int | None:
    """Return the number of an event from its id, None without an id or for an id that no thread issued."""
    if event_id in FROM_THE_START:
        return 0
    # An id is `MILLISECONDS-NUMBER`. The number alone orders the events, because several share a millisecond.
    number = (event_id or "").rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else None
