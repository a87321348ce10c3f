"""Time as an object: the duration of scripted delays, and the logical time of day.

Everything that waits for time waits on a `Clock`. A sleeper *drives* the clock: scripted delays and
`after_seconds` make time pass. A limit only observes it: timeouts and keep-alives never make time pass, they
fire when it does.

- `RealClock`: delays take their time, multiplied by a scale.
- `UndelayedClock`: delays are skipped. It is the fastest, but events of different threads may swap.
- `HandClock`: time passes when a test calls `advance`.
- `InstantClock`: time jumps to the next sleeper, so delays take no time and still happen in their order.

Theory of operation of the last two. Waiting calls are alarms in a heap, ordered by due time and then by
creation. One alarm rings at a time. Then the clock waits until the consequences have run, because a woken run
may begin a shorter sleep that is due before the next alarm. Without this wait that sleep would ring late.
asyncio has no public way to learn that a loop is idle, so the clock waits for a fixed number of turns of the
event loop, `SETTLE`. These are turns and not seconds, so a slow machine changes nothing.

The time of day is logical, so the same requests give the same timestamps on every machine. Each `Timeline`
begins at a given moment, advances by one millisecond per event on it, and by the length of each delay that is
spent on it.
"""

from __future__ import annotations

import asyncio
import heapq
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Final, Protocol

EPOCH: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""The start of a server's logical time."""

LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""The latest moment that delays can reach. The year after it is left for the ticks of later events."""

# The unit of the ids that sort by time (UUIDv7), so two ids of a thread never share a time.
TICK: Final = timedelta(milliseconds=1)

SETTLE: Final = 96
"""The number of turns of the event loop in which everything that an alarm woke has begun to wait again.

A turn runs every callback that is ready, so a chain of callbacks needs one turn per link, however many chains run
side by side. The longest known chain has 18 links: the last hold of a run under a probe ends, its remaining steps
take no time, the run settles, and its successor reaches its first hold. An ordinary step needs at most 5. The value
is five times the longest chain, and a turn in which nothing else runs costs a few microseconds.
`tests/mockserver/test_time.py` measures the chains and fails when one exceeds a quarter of this value.

Two things are not covered. Network traffic takes an unknown number of turns, so a client that must act between
two delays holds the run, or uses a `HandClock`. A long series of steps that take no time is a single chain, so
a delay of another thread may end before it.
"""


class Clock(Protocol):
    """The interface of all clocks."""

    @property
    def now(self) -> float:
        """Return the seconds of scripted time that have passed."""

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` of scripted time have passed."""

    def within(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Limit a block to `seconds`, with TimeoutError. It does not make time pass."""

    def silence(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Limit a block in which a client receives nothing to `seconds`, with TimeoutError.

        A connection is kept alive in real time. Only `HandClock` uses its own time, so that a test can observe a
        keep-alive.
        """


if sys.platform == "win32":

    def real_seconds() -> float:
        """Return the seconds of the system's clock. Where a test freezes time, its limits do not pass."""
        return time.monotonic()

else:

    def real_seconds() -> float:
        """Return the seconds of a clock that no test can freeze."""
        # freezegun replaces `time.monotonic`, wherever it was imported, and not this function, which reads the same
        # clock and does not exist on Windows.
        return time.clock_gettime(time.CLOCK_MONOTONIC)


class RealClock:
    """A clock on which everything takes `scale` times as long as scripted."""

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self._start = real_seconds()

    @property
    def now(self) -> float:
        """Return the seconds of scripted time that have passed."""
        # A scale of 0 skips delays. Dividing by 1 then keeps the clock running.
        return (real_seconds() - self._start) / (self._scale or 1)

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` times the scale."""
        await asyncio.sleep(seconds * self._scale)

    def within(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Limit a block to `seconds` times the scale, with TimeoutError."""
        return asyncio.timeout(seconds * self._scale)

    def silence(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Limit a block to so many real seconds, whatever the scale, with TimeoutError."""
        return asyncio.timeout(seconds)


class UndelayedClock:
    """A clock that skips delays. Timeouts and keep-alives are real.

    It is the fastest clock. Simultaneous events on two threads may end in another order than in real time. Where
    that matters, use `InstantClock`.
    """

    def __init__(self) -> None:
        self._start = real_seconds()

    @property
    def now(self) -> float:
        """Return the real seconds that have passed."""
        return real_seconds() - self._start

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002 - the protocol's signature
        """Return at the next turn of the event loop."""
        await asyncio.sleep(0)

    def within(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Limit a block to so many real seconds, with TimeoutError."""
        return asyncio.timeout(seconds)

    silence = within


@dataclass(order=True, slots=True)
class _Alarm:
    """A callback at a time. `drives`: it makes time pass where no test drives the clock."""

    at: float
    order: int
    wake: Callable[[], object] = field(compare=False)
    drives: bool = field(compare=False)
    live: bool = field(default=True, compare=False)


class HandClock:
    """A clock whose time passes only in `advance`."""

    def __init__(self) -> None:
        self.now = 0.0
        """The seconds of scripted time that have passed."""
        self._order = count()
        self._alarms: list[_Alarm] = []
        self.retired = asyncio.Event()
        """Set once this clock is no longer used."""

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed."""
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
        """Limit a block to `seconds` of this clock, with TimeoutError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            alarm = self._set(seconds, lambda: limit.reschedule(loop.time()), drives=False)
            try:
                yield limit
            finally:
                alarm.live = False

    def silence(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Limit a block to `seconds` of this clock, with TimeoutError."""
        return self.within(seconds)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass. Everything that wakes on the way runs, and may sleep again, before time continues."""
        until = self.now + seconds
        await settle()
        while (alarm := self._next()) is not None and alarm.at <= until:
            self._ring()
            await settle()
        self.now = max(self.now, until)

    @property
    def waiting(self) -> float | None:
        """Return the seconds until the next sleeper wakes, None without a sleeper."""
        due = [alarm.at for alarm in self._alarms if alarm.live and alarm.drives]
        return max(0.0, min(due) - self.now) if due else None

    def retire(self) -> None:
        """Wake every sleeper, because this clock is no longer used."""
        self.retired.set()
        for alarm in sorted(self._alarms):
            if alarm.live and alarm.drives:
                alarm.wake()
        self._alarms.clear()

    def _set(self, seconds: float, wake: Callable[[], object], *, drives: bool) -> _Alarm:
        # Every request with a keep-alive leaves a cancelled alarm behind. Compacting
        # at half keeps the cost per alarm constant. Below 64 it is not worth it.
        if len(self._alarms) > 64 and sum(alarm.live for alarm in self._alarms) < len(self._alarms) // 2:
            self._alarms = sorted(alarm for alarm in self._alarms if alarm.live)
        alarm = _Alarm(self.now + seconds, next(self._order), wake, drives)
        heapq.heappush(self._alarms, alarm)
        return alarm

    def _next(self) -> _Alarm | None:
        """Return the next alarm that is still awaited."""
        while self._alarms and not self._alarms[0].live:
            heapq.heappop(self._alarms)
        return self._alarms[0] if self._alarms else None

    def _ring(self) -> None:
        alarm = heapq.heappop(self._alarms)
        # Never backwards: `advance` may already have moved the time past an alarm that was set while it settled.
        self.now = max(self.now, alarm.at)
        alarm.live = False
        alarm.wake()


class InstantClock(HandClock):
    """A clock on which delays take no time and happen in their order: time jumps to the next sleeper.

    Only sleepers cause a jump. Timeouts and keep-alives that are due before fire on the way. While everything waits
    for something else, such as the release of a held run, time does not pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self._jumps: asyncio.Handle | None = None

    def silence(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Limit a block to so many real seconds, with TimeoutError."""
        # Real time: a jump over a scripted week would otherwise send a keep-alive for every five seconds of it.
        return asyncio.timeout(seconds)

    def retire(self) -> None:
        """Wake every sleeper, and stop jumping."""
        super().retire()
        if self._jumps is not None:
            self._jumps.cancel()

    def _set(self, seconds: float, wake: Callable[[], object], *, drives: bool) -> _Alarm:
        alarm = super()._set(seconds, wake, drives=drives)
        if drives and self._jumps is None:
            self._turn(SETTLE)
        return alarm

    def _turn(self, left: int) -> None:
        """Count `left` turns of the event loop, then ring the next alarm."""
        if left:
            self._jumps = asyncio.get_running_loop().call_soon(self._turn, left - 1)
            return
        self._jumps = None
        # The next alarm may be a timeout that is due before the next sleeper. It rings first, but only because a
        # sleeper exists: a timeout alone must not make time pass.
        if any(alarm.live and alarm.drives for alarm in self._alarms) and self._next() is not None:
            self._ring()
            self._turn(SETTLE)


def _wake(sleeper: asyncio.Future[None]) -> None:
    # The sleeper may have been cancelled in the same turn in which its alarm rings.
    if not sleeper.done():
        sleeper.set_result(None)


async def settle() -> None:
    """Wait until everything that was woken waits again. `SETTLE` explains the limits."""
    for _ in range(SETTLE):
        await asyncio.sleep(0)


class Clocks:
    """The clock of a deployment and the separate clocks of threads. It is itself a clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of_thread: dict[str, Clock] = {}

    @property
    def now(self) -> float:
        """Return the seconds of scripted time that have passed."""
        return self._clock.now

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed on the deployment's clock."""
        await self._clock.sleep(seconds)

    def within(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Limit a block to `seconds` of the deployment's clock, with TimeoutError."""
        return self._clock.within(seconds)

    def silence(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Limit a block in which a client receives nothing to `seconds`, with TimeoutError."""
        return self._clock.silence(seconds)

    def of(self, thread_id: str | None) -> Clock:
        """Return the clock of a thread, by default that of the deployment."""
        return self._of_thread.get(thread_id or "", self._clock)

    def set(self, clock: Clock, thread_id: str | None = None) -> None:
        """Give a thread, or the deployment, another clock. Sleepers on the previous one are woken."""
        before = self._of_thread.pop(thread_id, None) if thread_id is not None else self._clock
        if thread_id is None:
            self._clock = clock
        else:
            self._of_thread[thread_id] = clock
        if isinstance(before, HandClock):
            before.retire()

    def forget_threads(self) -> None:
        """Return every thread to the deployment's clock."""
        for clock in self._of_thread.values():
            if isinstance(clock, HandClock):
                clock.retire()
        self._of_thread.clear()


class Timeline:
    """A logical time of day. No two of its moments are equal."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self.now = start
        """The latest moment."""

    def moment(self) -> datetime:
        """Return the next moment, which is later than all before."""
        self.now += TICK
        return self.now

    def spend(self, seconds: float) -> None:
        """Advance the time by a delay of `seconds`, at most to the last year of the calendar."""
        try:
            self.now = min(self.now + timedelta(seconds=seconds), LAST)
        except OverflowError:
            self.now = LAST


def iso(moment: datetime) -> str:
    """Return a moment in the API's format: ISO 8601 with microseconds and `+00:00`."""
    return moment.isoformat(timespec="microseconds")


def milliseconds(moment: datetime) -> int:
    """Return a moment as whole milliseconds since 1970."""
    return int(moment.timestamp() * 1000)
