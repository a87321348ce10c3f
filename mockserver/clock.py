"""Time as an object: how long scripted delays take, and what the time of day is.

Delays run on a `Clock`: real (with a scale), instant, or driven by hand. The time of day is logical, so that
the same requests give the same timestamps whatever the machine does: every `Timeline` starts where it is told
and moves on by one millisecond per thing that happens on it, and by the length of each delay spent on it.
"""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final, Protocol

EPOCH: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""Where the logical time of a server begins."""

TICK: Final = timedelta(milliseconds=1)


class Clock(Protocol):
    """What scripted delays run on."""

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` of scripted time have passed."""


class RealClock:
    """Delays take `scale` times as long as the script says."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` times the scale."""
        await asyncio.sleep(seconds * self._scale)


class InstantClock:
    """Delays take no time, but other tasks get their turn."""

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002 - the protocol's signature
        """Return at the next turn of the event loop."""
        await asyncio.sleep(0)


class HandClock:
    """Delays take as long as `advance` says."""

    def __init__(self) -> None:
        self._now = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was advanced by `seconds`."""
        if seconds <= 0:
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass; whoever is woken on the way runs, and may sleep again, before time goes on."""
        until = self._now + seconds
        await asyncio.sleep(0)
        while self._sleepers and self._sleepers[0][0] <= until:
            self._now, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            # One turn wakes the sleeper, the next lets it fall asleep again.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        self._now = until


class Timeline:
    """A logical time of day that never stands still: no two moments of it are equal."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self.now = start
        """The last moment that was."""

    def moment(self) -> datetime:
        """The next moment, later than all before."""
        self.now += TICK
        return self.now

    def spend(self, seconds: float) -> None:
        """Let a delay of `seconds` have passed."""
        self.now += timedelta(seconds=seconds)


def iso(moment: datetime) -> str:
    """A moment as the API writes it: ISO 8601 with microseconds and `+00:00`."""
    return moment.isoformat(timespec="microseconds")


def milliseconds(moment: datetime) -> int:
    """A moment as whole milliseconds since 1970."""
    return int(moment.timestamp() * 1000)
