"""The stream of a whole thread: what each of its runs streams, one after the other, for as long as somebody listens.

Only what resumable runs say is kept to be published again; where nobody listens, nothing else is even looked at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Literal

from mockserver.core.protocol_feed import KEPT, Listener
from mockserver.core.streams import Event

ThreadStreamMode = Literal["run_modes", "lifecycle", "state_update"]

FROM_THE_START: Final = ("-", "-1")
"""What a client that wants everything again gives as the id of the last event that it saw."""


@dataclass(frozen=True, slots=True)
class Published:
    """One event of a thread, with its number."""

    number: int
    run_id: str | None
    event: Event

    def wanted(self, modes: Collection[ThreadStreamMode]) -> bool:
        """Whether it is for somebody who asked for these modes."""
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
        """Send an event that happened `at` milliseconds to every listener; `keep`: it can be sent again."""
        if not (keep or self._listeners):
            return
        self._number += 1
        published = Published(self._number, run_id, Event(name, None, data, f"{at}-{self._number}"))
        if keep:
            self._kept.append(published)
        for listener, modes in self._listeners.items():
            if published.wanted(modes):
                listener.put(published.event)

    def listen(self, modes: Collection[ThreadStreamMode], last_event_id: str | None) -> Listener:
        """Somebody who hears everything from now on and, first, what was kept since the event that was seen last."""
        listener = Listener()
        since = _number_in(last_event_id)
        for published in self._kept:
            if since is not None and published.number > since and published.wanted(modes):
                listener.put(published.event)
        self._listeners[listener] = modes
        return listener

    def leave(self, listener: Listener) -> None:
        """Send a listener nothing more."""
        self._listeners.pop(listener, None)

    def forget_run(self, run_id: str) -> None:
        """Send the events of a run to no new listener."""
        self._kept = deque((published for published in self._kept if published.run_id != run_id), maxlen=KEPT)

    def close(self) -> None:
        """Send every listener away."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()


def _number_in(event_id: str | None) -> int | None:
    """The number of an event in its id, None for no id, and for one that no thread ever gave."""
    if event_id in FROM_THE_START:
        return 0
    number = (event_id or "").rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else None
