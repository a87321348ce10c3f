"""The clients that watched the runs of a play: the events that each received, and the end of its connection."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from conformance.api import Purpose
from conformance.judge.expect import Unproven
from conformance.judge.messages import Message, read_messages
from conformance.judge.play import Exchange, Play
from conformance.scenarios import moves as s
from conformance.transcript.transcript import Closed, Left, StreamEvent

EVENT_NAMES: Mapping[str, tuple[str, ...]] = {
    **{mode: (mode,) for mode in get_args(s.StreamMode)},
    "messages-tuple": ("messages",),
    "messages": ("messages/metadata", "messages/partial", "messages/complete"),
}
"""The names of the events of each stream mode."""

EVENTS_OF_MODES = {name.partition("/")[0] for names in EVENT_NAMES.values() for name in names}
"""The events of all stream modes, without a namespace or a part of their names."""

EVENTS_OF_A_RUN = EVENTS_OF_MODES | {"metadata", "error", "end"}
"""The events that a run's stream is documented to have. Clients ignore every other event, such as a heartbeat."""


@dataclass(frozen=True)
class Watcher:
    """A client that watched run `label`.

    `events` are those of a run's stream. A server may send others of its own at any time, with an id or without.
    `closed` is the seq at which the deployment ended the response. `disconnected` is the seq at which the client closed
    the connection. Each is None when that did not happen.
    """

    name: str
    label: str
    streams: bool
    modes: tuple[s.StreamMode, ...]
    since: str | None
    exchange: Exchange
    events: list[StreamEvent]
    closed: int | None
    disconnected: int | None

    @property
    def own(self) -> bool:
        """True for the client that created the run."""
        return self.name == self.label

    @property
    def title(self) -> str:
        """A description of its stream for failure texts."""
        return f"the stream of run {self.label}" + ("" if self.own else f" that client {self.name} joined")

    def named(self, name: str) -> list[StreamEvent]:
        """Return the events with this name. Events of a subgraph have other names, such as `updates|research:ID`."""
        return [event for event in self.events if event.event == name]

    @property
    def ids(self) -> list[str | None]:
        """The ids of its events, in order, without `end`.

        Where that event has none, the client shows it with the id of the event before, as the format of events demands.
        """
        return [event.id for event in self.events if event.event != "end"]


def watchers(play: Play, label: str) -> list[Watcher]:
    """Return every client that watched run `label` through `stream`, `wait` or a `Watch`, in order of connection."""
    return [watcher for watcher in _all(play) if watcher.label == label]


def watcher(play: Play, name: str) -> Watcher:
    """Return the client with this name. Raise Unproven when it did not connect."""
    for found in _all(play):
        if found.name == name:
            return found
    raise Unproven(f"the driver did not reach the connection of client {name}")


def streaming(play: Play, label: str) -> list[Watcher]:
    """Return every client that received the stream of run `label`. Raise Unproven when there was none."""
    found = [each for each in streams(play) if each.label == label]
    if not found:
        raise Unproven(f"no stream of run {label} was opened")
    return found


def streams(play: Play) -> list[Watcher]:
    """Return every stream that was opened, of any run."""
    return [each for each in _all(play) if each.streams and each.exchange.ok]


def own_streams(play: Play) -> list[Watcher]:
    """Return the streams of the clients that created a run. Raise Unproven when none was opened."""
    found = [each for each in streams(play) if each.own]
    if not found:
        raise Unproven("no run was streamed to the client that created it")
    return found


def written(watcher: Watcher, play: Play) -> list[Message]:
    """Return the messages in the `updates` events of a watcher, in order."""
    return [
        message
        for event in watcher.named("updates")
        if isinstance(event.data, dict)
        for write in event.data.values()
        for message in read_messages(write, play.scenario)
    ]


def mode_of(event: str) -> str:
    """Return the name of an event without its namespace (`updates|research:ID`) or part (`messages/partial`)."""
    return re.split("[|/]", event)[0]


def _all(play: Play) -> Iterator[Watcher]:
    for move in play.scenario.moves:
        match move:
            case s.Submit(label=label, endpoint="stream" | "wait"):
                modes = move.stream_mode or ("values", "updates")
                yield from _watcher(play, "submit", label, label, move.endpoint == "stream", modes, None)
            case s.Watch(name=name, label=label):
                yield from _watcher(play, "watch", name, label, move.how == "stream", move.modes, move.since)


def _watcher(
    play: Play,
    purpose: Purpose,
    name: str,
    label: str,
    streams: bool,
    modes: tuple[s.StreamMode, ...],
    since: str | None,
) -> Iterator[Watcher]:
    for exchange in play.exchanges_for(purpose, name)[-1:]:
        # The official client reconnects to a cut stream. Its requests make up one stream for the user of the client.
        numbers = {e.request.exchange for e in (exchange, *play.repeats(exchange))}
        closed = next((m.seq for m in play.moments if isinstance(m, Closed) and m.exchange in numbers), None)
        disconnected = next((m.seq for m in play.moments if isinstance(m, Left) and m.exchange in numbers), None)
        events = [event for event in play.events(exchange) if mode_of(event.event) in EVENTS_OF_A_RUN]
        yield Watcher(name, label, streams, modes, since, exchange, events, closed, disconnected)
