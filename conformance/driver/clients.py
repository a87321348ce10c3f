"""The clients of one play that watch a run: those that asked for it, under its label, and those that came later."""

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
    """What each client was sent so far, and a way to let it go."""

    def __init__(self, wire: Http, recorder: Recorder) -> None:
        self._wire = wire
        self._recorder = recorder
        self._clients: dict[str, _Client] = {}
        self.disconnected: set[str] = set()
        """Those that closed their connection before their answer was complete."""

    def add(self, name: str, purpose: Purpose, about: str, task: asyncio.Task[None]) -> None:
        """Client `name` is the one whose requests have this purpose; `task` ends with its answer."""
        self._clients[name] = _Client(purpose, about, task)

    def is_done(self, name: str) -> bool:
        """Whether nothing more is sent to client `name`."""
        return name not in self._clients or self._clients[name].task.done()

    def events(self, name: str) -> list[StreamEvent]:
        """What client `name` has been sent, also after it reconnected by itself."""
        client = self._clients.get(name)
        numbers = set() if client is None else self._wire.exchanges(client.purpose, client.about)
        return [m for m in self._recorder.moments if isinstance(m, StreamEvent) and m.exchange in numbers]

    def last_id(self, name: str) -> str | None:
        """The id of the newest event that client `name` has seen; None when no event had one."""
        return next((event.id for event in reversed(self.events(name)) if event.id), None)

    async def disconnect(self, name: str) -> None:
        """Client `name` closes its connection; nothing happens when its answer is complete."""
        if self.is_done(name):
            return
        client = self._clients[name]
        self.disconnected.add(name)
        self._recorder.add(Left, exchange=self._wire.exchange(client.purpose, client.about))
        client.task.cancel()
        await asyncio.gather(client.task, return_exceptions=True)
