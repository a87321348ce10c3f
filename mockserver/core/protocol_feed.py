"""What happens on threads in the terms of the newer streaming protocol, and those who listen.

A thread has a feed once somebody speaks the protocol to it; until then nothing is told, so that nobody else pays for
it. A feed numbers its events, keeps the newest to be told again, and never waits for a listener: each has an outbox of
its own, and one that does not empty it is cut off.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec

KEPT: Final = 10_000
"""Events of a thread that can be told again, and that may wait for one listener."""

MAX_BATCH: Final = 64
"""Events that are sent in one go; more would keep everybody else waiting."""

GraphNamespace = tuple[str, ...]
Within = Callable[[float], AbstractAsyncContextManager[object]]

_encode = msgspec.json.Encoder().encode


class Outgoing(Protocol):
    """Something that a listener is sent."""

    def encoded(self) -> bytes:
        """It as JSON."""


@dataclass(slots=True)
class FeedEvent:
    """One event of a thread; `node` is the one that caused it, where that is told."""

    event_id: str
    seq: int
    method: str
    run_id: str
    namespace: GraphNamespace
    timestamp: int
    data: Any
    node: str | None = None
    _encoded: bytes = field(default=b"", repr=False)

    @property
    def channel(self) -> str:
        """The channel on which it is told."""
        if self.method == "custom" and "name" in self.data:
            return f"custom:{self.data['name']}"
        return "input" if self.method == "input.requested" else self.method

    def encoded(self) -> bytes:
        """The event as JSON; made when the first listener is sent it."""
        if not self._encoded:
            params = {"namespace": self.namespace, "timestamp": self.timestamp, "data": self.data}
            if self.node is not None:
                params["node"] = self.node
            shown = {"type": "event", "event_id": self.event_id, "seq": self.seq, "method": self.method}
            self._encoded = _encode({**shown, "params": params})
        return self._encoded


@dataclass(frozen=True, slots=True)
class CommandResponse:
    """The answer to a command, on its way through a listener's outbox, so that it keeps its place among events."""

    body: dict[str, Any]

    def encoded(self) -> bytes:
        """The answer as JSON."""
        return _encode(self.body)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events somebody wants: of these channels, below one of these namespaces, so many levels deep."""

    channels: Collection[str]
    namespaces: tuple[GraphNamespace, ...] = ()
    """None given: all."""
    depth: int | None = None

    def passes(self, event: FeedEvent) -> bool:
        """Whether an event is wanted."""
        channel = event.channel
        named = channel.startswith("custom:") and "custom" in self.channels
        if channel not in self.channels and not named:
            return False
        return not self.namespaces or any(self._below(event.namespace, prefix) for prefix in self.namespaces)

    def _below(self, namespace: GraphNamespace, prefix: GraphNamespace) -> bool:
        if len(prefix) > len(namespace):
            return False
        if not all(_same(part, wanted) for part, wanted in zip(namespace, prefix, strict=False)):
            return False
        return self.depth is None or len(namespace) - len(prefix) <= self.depth


def _same(part: str, wanted: str) -> bool:
    """Whether a part of a namespace is the one wanted; `research` stands for every task of that node."""
    return part == wanted or (":" not in wanted and part.partition(":")[0] == wanted)


class Listener:
    """Somebody who is sent events, with what was not sent yet."""

    def __init__(self) -> None:
        self.filters: dict[str, Filter] = {}
        """What was subscribed to, by the id of the subscription."""
        self.last_seq = 0
        """The number of the newest event in or behind the outbox."""
        self.closed = False
        self._outbox: deque[Any] = deque()
        self._woken = asyncio.Event()

    def offer(self, event: FeedEvent) -> None:
        """Send an event, if it is wanted."""
        if not self.closed and any(wanted.passes(event) for wanted in self.filters.values()):
            self.put(event)
            self.last_seq = event.seq

    def put(self, message: Outgoing) -> None:
        """Send something, wanted or not."""
        self._outbox.append(message)
        if len(self._outbox) > KEPT:
            # It can come back and ask for what it missed.
            self.close()
        self._woken.set()

    def close(self) -> None:
        """Send nothing more."""
        self.closed = True
        self._woken.set()

    async def batch(self, keep_alive: float, within: Within = asyncio.timeout) -> list[Any] | None:
        """Some of what is to be sent; nothing after `keep_alive` quiet seconds; None when there will be no more."""
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
        node: str | None = None,
        event_id: str | None = None,
    ) -> None:
        """Send an event that happened `at` milliseconds; without `event_id` its id is made of its time and number."""
        self.seq += 1
        event = FeedEvent(event_id or f"{at}-{self.seq}", self.seq, method, run_id, namespace, at, data, node)
        self._kept.append(event)
        for listener in self._listeners:
            listener.offer(event)

    def listen(self, listener: Listener) -> None:
        """Let somebody know when the feed ends, who has subscribed to nothing yet."""
        self._listeners.add(listener)

    def subscribe(self, listener: Listener, name: str, wanted: Filter, since: int = 0) -> int:
        """Let somebody listen, first to what was told after the event `since`; returns how many events those are."""
        self._listeners.add(listener)
        missed = [event for event in self._kept if event.seq > since and wanted.passes(event)]
        for event in missed:
            listener.put(event)
        listener.last_seq = max([listener.last_seq, *(event.seq for event in missed[-1:])])
        listener.filters[name] = wanted
        return len(missed)

    def leave(self, listener: Listener) -> None:
        """Send somebody nothing more."""
        self._listeners.discard(listener)

    def events_of(self, run_id: str | None = None) -> Iterable[FeedEvent]:
        """The events of a run that can be told again, without one of the run that was told of last."""
        if run_id is None and self._kept:
            run_id = self._kept[-1].run_id
        return [event for event in self._kept if event.run_id == run_id]

    def forget_run(self, run_id: str) -> None:
        """Send the events of a run to no new listener."""
        self._kept = deque((event for event in self._kept if event.run_id != run_id), maxlen=KEPT)

    def close(self) -> None:
        """Send every listener away."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()


class Feeds:
    """The feeds of all threads to which somebody spoke the protocol, by thread."""

    def __init__(self) -> None:
        self._feeds: dict[str, Feed] = {}

    def find(self, thread_id: str) -> Feed | None:
        """The feed of a thread, None where nobody ever asked for it."""
        return self._feeds.get(thread_id)

    def of(self, thread_id: str) -> Feed:
        """The feed of a thread, which may be still to come."""
        return self._feeds.setdefault(thread_id, Feed())

    def remove(self, thread_id: str) -> None:
        """Forget the feed of a thread, and send its listeners away."""
        feed = self._feeds.pop(thread_id, None)
        if feed is not None:
            feed.close()

    def clear(self) -> None:
        """Forget all feeds."""
        for thread_id in list(self._feeds):
            self.remove(thread_id)
