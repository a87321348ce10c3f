"""The events of one run, and the readers that follow them, each at its own pace.

A run appends and never waits. A reader keeps its own offset in the log, so that a slow one delays nobody and
several take nothing from each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

MAX_BATCH: Final = 64
"""Events that are encoded in one go; more would keep everybody else waiting."""

_encode = msgspec.json.Encoder().encode


Tap = Callable[[str, Any, int], None]
"""Is told the name, the data and the moment of every event."""

Within = Callable[[float], AbstractAsyncContextManager[object]]


@dataclass(slots=True)
class Event:
    """One event: its name, the stream mode that asked for it (None: always sent), its data."""

    name: str
    mode: str | None
    data: Any
    event_id: str | None
    _encoded: bytes = field(default=b"", repr=False)

    def encoded(self) -> bytes:
        """Return the data as JSON; made when the first reader wants it, so that an unwatched run encodes nothing."""
        if not self._encoded:
            self._encoded = _encode(self.data)
        return self._encoded


class EventLog:
    """The events of a run in order. A resumable log can be read again after its end; `tap` is told of each event."""

    def __init__(self, *, resumable: bool, tap: Tap | None = None) -> None:
        self.resumable = resumable
        self._tap = tap
        self.closed = False
        self._events: list[Event] = []
        self.readers: dict[Reader, None] = {}
        """Those under way, in the order in which they came."""

    def append(self, name: str, mode: str | None, data: Any, *, at: int) -> None:
        """Add an event that happened `at` milliseconds; a closed log takes no more and drops it."""
        if self.closed:
            return
        event_id = f"{at}-{len(self._events)}" if self.resumable else None
        self._events.append(Event(name, mode, data, event_id))
        self._wake()
        if self._tap is not None:
            self._tap(name, data, at)

    def close(self) -> None:
        """End the stream for every reader, now and later."""
        self.closed = True
        if not self.resumable:
            # Nobody else may read it again.
            self.forget()
        self._wake()

    def forget(self) -> None:
        """Keep the events no longer; readers under way still have them."""
        self._events = []

    def offset_after(self, last_event_id: str | None) -> int:
        """Where a reader begins: at the end without an id, at the start with `-1`, else behind that event.

        An id that this log never gave is as good as none.
        """
        if last_event_id is not None and self.resumable:
            if last_event_id == "-1":
                return 0
            for offset, event in enumerate(self._events):
                if event.event_id == last_event_id:
                    return offset + 1
        return len(self._events)

    def read(self, offset: int) -> Reader:
        """A reader of everything from `offset` to the end of the log."""
        return Reader(self, self._events, offset)

    def _wake(self) -> None:
        for reader in self.readers:
            reader.woken.set()


class Reader:
    """One reader's position in a log. Leave it with `async with`, so that the log forgets it."""

    def __init__(self, log: EventLog, events: list[Event], offset: int) -> None:
        self._log = log
        self._events = events
        self._offset = offset
        self.woken = asyncio.Event()

    async def __aenter__(self) -> Reader:
        self._log.readers[self] = None
        return self

    async def __aexit__(self, *_: object) -> None:
        self._log.readers.pop(self, None)

    @property
    def behind(self) -> bool:
        """Whether there are events that it has not read yet."""
        return self._offset < len(self._events)

    async def batch(self, keep_alive: float, within: Within = asyncio.timeout) -> list[Event] | None:
        """Some of the events that are new; none after `keep_alive` quiet seconds; None at the end of the log.

        `within` limits a block to some seconds.
        """
        self.woken.clear()
        if self._offset == len(self._events) and not self._log.closed:
            try:
                async with within(keep_alive):
                    await self.woken.wait()
            except TimeoutError:
                return []
        if self._offset == len(self._events):
            # Woken by the end. What was appended before it is still read, for a closed log takes no more.
            return None
        found = self._events[self._offset : self._offset + MAX_BATCH]
        self._offset += len(found)
        return found
