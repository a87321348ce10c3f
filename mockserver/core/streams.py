"""The event log of one run, and the readers that follow it at their own pace.

Theory of operation. A run appends to its log and never waits. Each reader keeps its own offset, so a slow
reader delays neither the run nor another reader, and each reader sees all events in order. An event is encoded
when the first reader takes it, and the bytes are shared.

Resumption. Events of a resumable log have ids `MILLISECONDS-OFFSET`. A client that reconnects sends the id of
the last event that it received, and `offset_after` translates it into an offset. The log of a resumable run is
kept after its end until the engine calls `forget`. Any other log drops its events when it closes.

End. `close` is final. A reader first takes what was appended before the end and then sees the end, because a
closed log accepts no more events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import msgspec
from msgspec import Struct, field

MAX_BATCH: Final = 64
"""The number of events that are encoded at once. A larger batch would block the event loop for other clients."""

_encode = msgspec.json.Encoder().encode


Tap = Callable[[str, Any, int], None]
"""A callback that receives the name, the data and the time in milliseconds of every event."""

Within = Callable[[float], AbstractAsyncContextManager[object]]


class Event(Struct):
    """One event: its name, the stream mode that it belongs to (None: always sent), its data."""

    name: str
    mode: str | None
    data: Any
    event_id: str | None
    _encoded: bytes = field(default=b"")

    def put(self, data: Any) -> None:
        """Replace the data, for readers that have not been sent the event yet."""
        self.data, self._encoded = data, b""

    def encoded(self) -> bytes:
        """Return the data as JSON. It is encoded on first use, so a run without readers encodes nothing."""
        if not self._encoded:
            self._encoded = _encode(self.data)
        return self._encoded


class EventLog:
    """The events of a run in order. `tap` receives each event as it is appended."""

    def __init__(self, *, resumable: bool, tap: Tap | None = None) -> None:
        self.resumable = resumable
        self._tap = tap
        self.closed = False
        self._events: list[Event] = []
        # A dict, not a set: readers wake in a repeatable order.
        self.readers: dict[Reader, None] = {}
        """The readers that are connected, in the order in which they came."""

    def append(self, name: str, mode: str | None, data: Any, *, at: int) -> None:
        """Append an event that happened at `at` (milliseconds). A closed log drops it."""
        if self.closed:
            return
        # Only resumable streams have ids, as on the official server. A client that sees an id may reconnect with it.
        event_id = f"{at}-{len(self._events)}" if self.resumable else None
        self._events.append(Event(name, mode, data, event_id))
        self._wake()
        if self._tap is not None:
            self._tap(name, data, at)

    def close(self) -> None:
        """End the stream for every reader, present and future."""
        self.closed = True
        # It holds the thread, and the log is kept for longer than a thread that is deleted.
        self._tap = None
        if not self.resumable:
            # It cannot be resumed, so its events can be freed now. Connected readers hold their own reference.
            self.forget()
        self._wake()

    def forget(self) -> None:
        """Drop the events. Readers that are connected still have them."""
        # Replaced, not cleared: a reader that is connected shares the old list and finishes reading it.
        self._events = []

    def offset_after(self, last_event_id: str | None) -> int:
        """Return the offset at which a reader begins: the end without an id, the start for `-1`, else after that event.

        An id that this log did not issue is treated as no id.
        """
        if last_event_id is not None and self.resumable:
            if last_event_id == "-1":
                return 0
            for offset, event in enumerate(self._events):
                if event.event_id == last_event_id:
                    return offset + 1
        return len(self._events)

    def read(self, offset: int) -> Reader:
        """Return a reader of everything from `offset` to the end of the log."""
        return Reader(self, self._events, offset)

    def _wake(self) -> None:
        for reader in self.readers:
            reader.woken.set()


class Reader:
    """The position of one reader in a log. Use it with `async with`, so that the log forgets it afterwards."""

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
        """Return whether there are events that it has not read yet."""
        return self.unread > 0

    @property
    def unread(self) -> int:
        """Return the number of events that it has not read yet."""
        return len(self._events) - self._offset

    async def batch(self, keep_alive: float, within: Within = asyncio.timeout) -> list[Event] | None:
        """Return new events, an empty list after `keep_alive` quiet seconds, or None at the end of the log.

        `within` limits a block to a number of seconds.
        """
        # Before the offset is compared: an event that is appended
        # afterwards sets the flag again, so the wait below cannot miss it.
        self.woken.clear()
        if self._offset == len(self._events) and not self._log.closed:
            try:
                async with within(keep_alive):
                    await self.woken.wait()
            except TimeoutError:
                return []
        if self._offset == len(self._events):
            # Woken by the end. Nothing was left unread, and a closed log accepts no more events.
            return None
        found = self._events[self._offset : self._offset + MAX_BATCH]
        self._offset += len(found)
        return found
