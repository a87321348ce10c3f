"""The clients that watched the runs of a play, as facts: what each was sent, and how that ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from conformance.api import Purpose
from conformance.judge.expect import Unproven
from conformance.judge.messages import Message, read_messages
from conformance.judge.play import Exchange, Play
from conformance.scenarios import moves as s
from conformance.transcript.transcript import Closed, Left, StreamEvent


@dataclass(frozen=True)
class Watcher:
    """A client that watched run `label`; `closed` and `left` are seqs, None where that did not happen.

    `closed`: the deployment ended the answer. `left`: the client did.
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
        """Whether it is the client that asked for the run."""
        return self.name == self.label

    @property
    def title(self) -> str:
        """Its stream, in words."""
        return f"the stream of run {self.label}" + ("" if self.own else f" that client {self.name} joined")

    def named(self, name: str) -> list[StreamEvent]:
        """The events of this name; those of a subgraph have another."""
        return [event for event in self.events if event.event == name]

    @property
    def ids(self) -> list[str | None]:
        """The ids of its events, in order."""
        return [event.id for event in self.events]


def watchers(play: Play, label: str) -> list[Watcher]:
    """Every client that watched run `label` through `stream`, `wait` or a `Watch`, in the order in which they came."""
    return [watcher for watcher in _all(play) if watcher.label == label]


def watcher(play: Play, name: str) -> Watcher:
    """The client of this name; Unproven when it did not come."""
    for found in _all(play):
        if found.name == name:
            return found
    raise Unproven(f"the driver did not get as far as the client {name}")


def streaming(play: Play, label: str) -> list[Watcher]:
    """Every client that was sent the stream of run `label`; Unproven when there was none."""
    found = [each for each in streams(play) if each.label == label]
    if not found:
        raise Unproven(f"no stream of run {label} was opened")
    return found


def streams(play: Play) -> list[Watcher]:
    """Every stream that was opened, of whatever run."""
    return [each for each in _all(play) if each.streams and each.exchange.ok]


def own_streams(play: Play) -> list[Watcher]:
    """The streams of the clients that asked for a run; Unproven when none was opened."""
    found = [each for each in streams(play) if each.own]
    if not found:
        raise Unproven("no run was streamed to the client that asked for it")
    return found


def written(watcher: Watcher, play: Play) -> list[Message]:
    """The messages that its `updates` say were just written, in order."""
    return [
        message
        for event in watcher.named("updates")
        if isinstance(event.data, dict)
        for write in event.data.values()
        for message in read_messages(write, play.scenario)
    ]


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
        numbers = {e.request.exchange for e in (exchange, *play.repeats(exchange))}
        closed = next((m.seq for m in play.moments if isinstance(m, Closed) and m.exchange in numbers), None)
        left = next((m.seq for m in play.moments if isinstance(m, Left) and m.exchange in numbers), None)
        yield Watcher(name, label, streams, modes, since, exchange, play.events(exchange), closed, left)
