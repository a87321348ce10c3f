"""The events of threads in the newer streaming protocol, and the listeners that receive them.

Theory of operation. A thread gets a feed when a client first uses the protocol on it. Without a feed no event
is built, so clients of the older API do not pay for this one. A feed numbers its events (`seq`), keeps the
newest `KEPT` of them, and never waits for a listener. Each listener has its own outbox, which its connection
empties in batches.

Order. A listener receives events in the order of `seq`. The response to a command goes through the same outbox,
so it arrives after the events that preceded it.

Resumption. A client subscribes with the last `seq` that it saw. `Feed.subscribe` first puts the kept events
after it into the outbox and then registers the filter. It does not await in between, so no event is lost or
sent twice.

Overflow. A listener whose outbox exceeds `KEPT` is disconnected, because the run must not wait for it and memory is
finite. It can reconnect and resume from the events that the feed still keeps.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct, field

KEPT: Final = 10_000
"""The number of events of a thread that are kept for a replay, and the capacity of a listener's outbox."""

MAX_BATCH: Final = 64
"""The number of events that are sent at once. A larger batch would block the event loop for other clients."""

GraphNamespace = tuple[str, ...]
Within = Callable[[float], AbstractAsyncContextManager[object]]

_encode = msgspec.json.Encoder().encode


class Outgoing(Protocol):
    """A message to a listener."""

    def encoded(self) -> bytes:
        """Return the message as JSON."""


class FeedEvent(Struct):
    """One event of a thread."""

    event_id: str
    seq: int
    method: str
    run_id: str
    namespace: GraphNamespace
    timestamp: int
    data: Any
    _encoded: bytes = field(default=b"")

    @property
    def channel(self) -> str:
        """Return the channel that the event belongs to."""
        if self.method == "custom" and isinstance(self.data, dict) and isinstance(self.data.get("name"), str):
            return f"custom:{self.data['name']}"
        return "input" if self.method == "input.requested" else self.method

    def encoded(self) -> bytes:
        """Return the event as JSON. It is encoded once, when the first listener receives it."""
        if not self._encoded:
            params = {"namespace": self.namespace, "timestamp": self.timestamp, "data": self.data}
            shown = {"type": "event", "event_id": self.event_id, "seq": self.seq, "method": self.method}
            self._encoded = _encode({**shown, "params": params})
        return self._encoded


class CommandResponse(Struct, frozen=True):
    """The response to a command. It goes through the listener's outbox, to keep its position among the events."""

    body: dict[str, Any]

    def encoded(self) -> bytes:
        """Return the response as JSON."""
        return _encode(self.body)


class Filter(Struct, frozen=True):
    """A subscription: the channels, the namespaces below which events count, and the depth below those."""

    channels: Collection[str]
    namespaces: tuple[GraphNamespace, ...] = ()
    """Empty: all namespaces."""
    depth: int | None = None

    def passes(self, event: FeedEvent) -> bool:
        """Return whether an event matches."""
        channel = event.channel
        named = channel.startswith("custom:") and "custom" in self.channels
        if channel not in self.channels and not named:
            return False
        return not self.namespaces or any(self._below(event.namespace, prefix) for prefix in self.namespaces)

    def _below(self, namespace: GraphNamespace, prefix: GraphNamespace) -> bool:
        if len(prefix) > len(namespace):
            return False
        if not all(_part_matches(part, wanted) for part, wanted in zip(namespace, prefix, strict=False)):
            return False
        return self.depth is None or len(namespace) - len(prefix) <= self.depth


def _part_matches(part: str, wanted: str) -> bool:
    """Return whether a part of a namespace matches. `research` matches every task of that node."""
    return part == wanted or (":" not in wanted and part.partition(":")[0] == wanted)


class Listener:
    """A client that receives events, with its outbox."""

    def __init__(self) -> None:
        self.filters: dict[str, Filter] = {}
        """The filters of its subscriptions, by the id of the subscription."""
        self.last_seq = 0
        """The number of the newest event that was ever put into the outbox."""
        self.closed = False
        self._outbox: deque[Any] = deque()
        self._woken = asyncio.Event()

    def offer(self, event: FeedEvent) -> None:
        """Send an event if a filter matches it."""
        if not self.closed and any(wanted.passes(event) for wanted in self.filters.values()):
            self.put(event)
            self.last_seq = event.seq

    def put(self, message: Outgoing) -> None:
        """Send a message, whether a filter matches it or not."""
        self._outbox.append(message)
        if len(self._outbox) > KEPT:
            # Disconnected instead of slowed down: a run never waits for a client. The client can resume.
            self.close()
        self._woken.set()

    def close(self) -> None:
        """Stop accepting messages. The outbox can still be emptied."""
        self.closed = True
        self._woken.set()

    async def batch(self, keep_alive: float, within: Within = asyncio.timeout) -> list[Any] | None:
        """Return messages to send, an empty list after `keep_alive` quiet seconds, or None at the end."""
        if not self._outbox and not self.closed:
            self._woken.clear()
            try:
                async with within(keep_alive):
                    await self._woken.wait()
            except TimeoutError:
                return []
        if not self._outbox:
            return None
        return [self._outbox.popleft() for _ in range(min(MAX_BATCH, len(self._outbox)))]


class Feed:
    """The events of one thread."""

    def __init__(self) -> None:
        self.seq = 0
        """The number of the newest event."""
        self.paused = ""
        """The run whose clients know that it waits for a human."""
        self._at = self._beside = 0
        """The time of the newest event with an id of its own, and the number of such events before it at that time."""
        self._kept: deque[FeedEvent] = deque(maxlen=KEPT)
        self._listeners: set[Listener] = set()

    def publish(
        self,
        method: str,
        data: Any,
        *,
        run_id: str,
        at: int,
        namespace: GraphNamespace = (),
        event_id: str | None = None,
    ) -> None:
        """Send an event that happened at `at` (milliseconds). Without `event_id` the id is made of the time."""
        self.seq += 1
        event = FeedEvent(event_id or self._next_id(at), self.seq, method, run_id, namespace, at, data)
        self._kept.append(event)
        for listener in self._listeners:
            listener.offer(event)

    def _next_id(self, at: int) -> str:
        """Return an id in the form of the official server: `5-0`, then `5-0.1` for the next event of the same time."""
        self._beside = self._beside + 1 if at == self._at else 0
        self._at = at
        return f"{at}-0.{self._beside}" if self._beside else f"{at}-0"

    def listen(self, listener: Listener) -> None:
        """Add a listener without subscriptions, so that it is informed when the feed ends."""
        self._listeners.add(listener)

    def subscribe(self, listener: Listener, name: str, wanted: Filter, since: int = 0) -> int:
        """Add a subscription to a listener. Return the number of events that are replayed.

        The listener first receives the kept events after number `since`, then every new one.
        """
        self._listeners.add(listener)
        # Replay before registration, without an await in between: the outbox stays in the order of `seq`.
        missed = [event for event in self._kept if event.seq > since and wanted.passes(event)]
        for event in missed:
            listener.put(event)
        # The maximum: a second subscription may replay events that are older than what the first one already sent.
        listener.last_seq = max([listener.last_seq, *(event.seq for event in missed[-1:])])
        listener.filters[name] = wanted
        return len(missed)

    @property
    def has_listeners(self) -> bool:
        """Return whether a client listens."""
        return bool(self._listeners)

    def remove(self, listener: Listener) -> None:
        """Remove a listener, which receives nothing more."""
        self._listeners.discard(listener)

    def events_of(self, run_id: str | None = None) -> Iterable[FeedEvent]:
        """Return the kept events of a run, by default of the run with the newest event."""
        if run_id is None and self._kept:
            run_id = self._kept[-1].run_id
        return [event for event in self._kept if event.run_id == run_id]

    def forget_run(self, run_id: str) -> None:
        """Drop the kept events of a run, so that no later listener receives them."""
        self._kept = deque((event for event in self._kept if event.run_id != run_id), maxlen=KEPT)

    def close(self) -> None:
        """Disconnect every listener."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()


class Feeds:
    """The feeds of a server by thread. Only threads on which a client used the protocol have one."""

    def __init__(self) -> None:
        self._feeds: dict[str, Feed] = {}

    def find(self, thread_id: str) -> Feed | None:
        """Return the feed of a thread, None if no client has used the protocol on it."""
        return self._feeds.get(thread_id)

    def of(self, thread_id: str) -> Feed:
        """Return the feed of a thread, and create it on first use. The thread itself may not exist yet."""
        # A client may connect before it creates the thread with its first
        # command, and must not miss the first events.
        return self._feeds.setdefault(thread_id, Feed())

    def remove(self, thread_id: str) -> None:
        """Delete the feed of a thread, and disconnect its listeners."""
        feed = self._feeds.pop(thread_id, None)
        if feed is not None:
            feed.close()

    def clear(self) -> None:
        """Delete all feeds."""
        for thread_id in list(self._feeds):
            self.remove(thread_id)
