"""Time as an object: how long scripted delays take, and what the time of day is.

Everything that waits for time waits on a `Clock`: scripted delays and `after_seconds`, which make time pass, and
time-outs, keep-alives and schedules, which only see it pass. A clock is real (with a scale), instant, or driven
by hand. The time of day is logical, so that the same requests give the same timestamps whatever the machine does:
every `Timeline` starts where it is told and moves on by one millisecond per thing that happens on it, and by the
length of each delay spent on it.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from time import monotonic
from typing import Final, Protocol

EPOCH: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""Where the logical time of a server begins."""

LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""The last moment to which delays lead. A year is left behind it for the ticks of what happens then."""

TICK: Final = timedelta(milliseconds=1)

SETTLE: Final = 24
"""Turns of the event loop after which whoever was woken waits for something again: a run that ends a step, writes
its checkpoint and begins the next one takes about a dozen."""


class Clock(Protocol):
    """What everything runs on that takes time."""

    @property
    def now(self) -> float:
        """The seconds of scripted time that have passed."""

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` of scripted time have passed."""

    def within(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """A block that is left with TimeoutError when `seconds` pass first; it makes no time pass itself."""

    def silence(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """A block that is left with TimeoutError when a client has heard nothing for `seconds`.

        A connection is kept alive in real time. Only a clock that is driven by hand has its own, so that a test can
        see a keep-alive.
        """


class RealClock:
    """Everything takes `scale` times as long as the script says."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._start = monotonic()

    @property
    def now(self) -> float:
        """The seconds of scripted time that have passed."""
        return (monotonic() - self._start) / (self._scale or 1)

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` times the scale."""
        await asyncio.sleep(seconds * self._scale)

    def within(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """A block that is left with TimeoutError after `seconds` times the scale."""
        return asyncio.timeout(seconds * self._scale)

    def silence(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """A block that is left with TimeoutError after so many real seconds, whatever the scale."""
        return asyncio.timeout(seconds)


class UndelayedClock:
    """Delays are left out: whoever would sleep gives the others a turn. Time-outs and keep-alives are real.

    The fastest there is; what happens at once on two threads may end in another order than in real time, for which
    there is `InstantClock`.
    """

    def __init__(self) -> None:
        self._start = monotonic()

    @property
    def now(self) -> float:
        """The real seconds that have passed."""
        return monotonic() - self._start

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002 - the protocol's signature
        """Return at the next turn of the event loop."""
        await asyncio.sleep(0)

    def within(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """A block that is left with TimeoutError after so many real seconds."""
        return asyncio.timeout(seconds)

    silence = within


@dataclass(order=True, slots=True)
class _Alarm:
    """Somebody to be woken at a time; `drives`: it makes time pass where nobody drives the clock by hand."""

    at: float
    order: int
    wake: Callable[[], object] = field(compare=False)
    drives: bool = field(compare=False)
    live: bool = field(default=True, compare=False)


class HandClock:
    """Time passes as `advance` says."""

    def __init__(self) -> None:
        self.now = 0.0
        """The seconds of scripted time that have passed."""
        self._order = count()
        self._alarms: list[_Alarm] = []

    async def sleep(self, seconds: float) -> None:
        """Return once so much time has passed."""
        if seconds <= 0:
            return
        woken = asyncio.get_running_loop().create_future()
        alarm = self._set(seconds, partial(_wake, woken), drives=True)
        try:
            await woken
        finally:
            alarm.live = False

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[object]:
        """A block that is left with TimeoutError once so much time has passed."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            alarm = self._set(seconds, lambda: limit.reschedule(loop.time()), drives=False)
            try:
                yield limit
            finally:
                alarm.live = False

    def silence(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """A block that is left with TimeoutError once so much time has passed."""
        return self.within(seconds)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass; whoever is woken on the way runs, and may sleep again, before time goes on."""
        until = self.now + seconds
        await _settle()
        while (alarm := self._next()) is not None and alarm.at <= until:
            self._ring()
            await _settle()
        self.now = max(self.now, until)

    def let_go(self) -> None:
        """Wake everybody who makes time pass, because this clock goes out of use."""
        for alarm in sorted(self._alarms):
            if alarm.live and alarm.drives:
                alarm.wake()
        self._alarms.clear()

    def _set(self, seconds: float, wake: Callable[[], object], *, drives: bool) -> _Alarm:
        if len(self._alarms) > 64 and sum(alarm.live for alarm in self._alarms) < len(self._alarms) // 2:
            self._alarms = sorted(alarm for alarm in self._alarms if alarm.live)
        alarm = _Alarm(self.now + seconds, next(self._order), wake, drives)
        heapq.heappush(self._alarms, alarm)
        return alarm

    def _next(self) -> _Alarm | None:
        """The next alarm that somebody still waits for."""
        while self._alarms and not self._alarms[0].live:
            heapq.heappop(self._alarms)
        return self._alarms[0] if self._alarms else None

    def _ring(self) -> None:
        alarm = heapq.heappop(self._alarms)
        self.now = max(self.now, alarm.at)
        alarm.live = False
        alarm.wake()


class InstantClock(HandClock):
    """Delays take no time, but everything happens in the order in which it would: time jumps to the next sleeper.

    It jumps only for those who sleep. Time-outs and keep-alives that come before are due on the way; where all wait
    for something else, a held run for instance, time stands still.
    """

    def __init__(self) -> None:
        super().__init__()
        self._jumps: asyncio.Handle | None = None

    def silence(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """A block that is left with TimeoutError after so many real seconds.

        A jump over a scripted week would else send a keep-alive for every five seconds of it.
        """
        return asyncio.timeout(seconds)

    def let_go(self) -> None:
        """Wake everybody, and jump no more."""
        super().let_go()
        if self._jumps is not None:
            self._jumps.cancel()

    def _set(self, seconds: float, wake: Callable[[], object], *, drives: bool) -> _Alarm:
        alarm = super()._set(seconds, wake, drives=drives)
        if drives and self._jumps is None:
            self._turn(SETTLE)
        return alarm

    def _turn(self, left: int) -> None:
        """Wait until whoever was woken last has settled, then wake the next."""
        if left:
            self._jumps = asyncio.get_running_loop().call_soon(self._turn, left - 1)
            return
        self._jumps = None
        if any(alarm.live and alarm.drives for alarm in self._alarms) and self._next() is not None:
            self._ring()
            self._turn(SETTLE)


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


async def _settle() -> None:
    """Give everybody who was woken the turns to wait for something again."""
    for _ in range(SETTLE):
        await asyncio.sleep(0)


class Clocks:
    """The clock of a deployment, and those of threads that have one of their own; itself a clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of_thread: dict[str, Clock] = {}

    @property
    def now(self) -> float:
        """The seconds of scripted time that have passed."""
        return self._clock.now

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed in the deployment."""
        await self._clock.sleep(seconds)

    def within(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """A block that is left with TimeoutError when `seconds` have passed in the deployment."""
        return self._clock.within(seconds)

    def silence(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """A block that is left with TimeoutError when a client has heard nothing for `seconds`."""
        return self._clock.silence(seconds)

    def of(self, thread_id: str | None) -> Clock:
        """The clock of a thread; without one, that of the deployment."""
        return self._of_thread.get(thread_id or "", self._clock)

    def set(self, clock: Clock, thread_id: str | None = None) -> None:
        """Let a thread, or the deployment, run on another clock; who sleeps on the one before is woken."""
        before = self._of_thread.pop(thread_id, None) if thread_id is not None else self._clock
        if thread_id is None:
            self._clock = clock
        else:
            self._of_thread[thread_id] = clock
        if isinstance(before, HandClock):
            before.let_go()

    def forget_threads(self) -> None:
        """Let every thread run on the deployment's clock."""
        for clock in self._of_thread.values():
            if isinstance(clock, HandClock):
                clock.let_go()
        self._of_thread.clear()


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
        """Let a delay of `seconds` have passed; the calendar ends with the year 9999, and time stands still there."""
        try:
            self.now = min(self.now + timedelta(seconds=seconds), LAST)
        except OverflowError:
            self.now = LAST


def iso(moment: datetime) -> str:
    """A moment as the API writes it: ISO 8601 with microseconds and `+00:00`."""
    return moment.isoformat(timespec="microseconds")


def milliseconds(moment: datetime) -> int:
    """A moment as whole milliseconds since 1970."""
    return int(moment.timestamp() * 1000)
