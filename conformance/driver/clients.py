"""The clients of one play that watch a run.

A client that creates a run has the run's label as its name. The scenario names the clients that join a run later.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from conformance.api import Purpose
from conformance.driver.http import Http
from conformance.transcript.recorder import Recorder
from conformance.transcript.transcript import Left, StreamEvent


@dataclass(frozen=True)
class _Client:
    purpose: Purpose
    about: str
    task: asyncio.Task[None]


class Clients:
    """The clients by name, with the events that each has received so far."""

    def __init__(self, wire: Http, recorder: Recorder) -> None:
        self._wire = wire
        self._recorder = recorder
        self._clients: dict[str, _Client] = {}
        self.disconnected: set[str] = set()
        """The names of clients that closed their connection before the answer was complete."""
        self._pauses: dict[str, asyncio.Event] = {}

    def add(self, name: str, purpose: Purpose, about: str, task: asyncio.Task[None]) -> None:
        """Add the client whose requests have this purpose. `task` ends with its answer."""
        self._clients[name] = _Client(purpose, about, task)

    def pause(self, name: str) -> asyncio.Event:
        """Return the event for which client `name` waits before it reads on."""
        return self._pauses.setdefault(name, asyncio.Event())

    def read_on(self, name: str) -> None:
        """Let client `name` read on."""
        self.pause(name).set()

    def is_pausing(self, name: str) -> bool:
        """Return whether client `name` reads nothing until it is to read on."""
        return name in self._pauses and not self._pauses[name].is_set()

    def is_done(self, name: str) -> bool:
        """Return whether client `name` receives nothing more."""
        return name not in self._clients or self._clients[name].task.done()

    def events(self, name: str) -> list[StreamEvent]:
        """Return the events that client `name` has received, including those after it reconnected by itself."""
        client = self._clients.get(name)
        index = self._recorder.index
        return [] if client is None else index.events(index.exchanges(client.purpose, client.about))

    def last_id(self, name: str) -> str | None:
        """Return the id of the newest event that client `name` has received. Return None when no event had one."""
        return next((event.id for event in reversed(self.events(name)) if event.id), None)

    async def disconnect(self, name: str) -> None:
        """Close the connection of client `name`. Do nothing when its answer is complete."""
        if self.is_done(name):
            return
        client = self._clients[name]
        self.disconnected.add(name)
        # Recorded before the connection closes, as a request is: the deployment cannot notice earlier.
        self._recorder.add(Left, exchange=self._wire.exchange(client.purpose, client.about))
        client.task.cancel()
        # Waits until the transport has closed the socket. The next move may depend on the disconnection.
        await asyncio.gather(client.task, return_exceptions=True)
