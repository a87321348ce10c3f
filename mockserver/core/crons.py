"""Crons: runs that are asked for again and again, on a schedule, on one thread or each on a thread of its own.

A cron's time is logical, as all times of the mock are: it begins when the cron is made, and goes on with the clock. On
a clock that takes no time nothing is ever due by itself, so crons do not fire there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from mockserver.core.assistants import Assistant
from mockserver.core.clock import Clock, Clocks, UndelayedClock
from mockserver.core.records import Thread

_log = logging.getLogger(__name__)

MAX_CRONS: Final = 1000


class CronError(Exception):
    """A cron cannot be had as it was asked for; the text says why."""


@dataclass(slots=True, eq=False)
class Cron:
    """One schedule and the run that it asks for; `payload` is the request as the client sent it."""

    cron_id: str
    thread: Thread | None
    assistant: Assistant
    payload: dict[str, Any]
    schedule: str
    timezone: str | None
    end_time: datetime | None
    metadata: dict[str, Any]
    on_run_completed: str | None
    enabled: bool
    created_at: datetime
    updated_at: datetime
    now: datetime
    """How far the cron has come in its time."""
    next_run: datetime | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Crons:
    """All crons of a server. `fire` is called whenever one is due; what it does is its own business."""

    def __init__(self, clocks: Clocks, fire: Callable[[Cron], None]) -> None:
        self._clocks = clocks
        self._fire = fire
        self.by_id: dict[str, Cron] = {}

    def add(self, cron: Cron) -> None:
        """Take up a new cron; raises CronError."""
        if len(self.by_id) >= MAX_CRONS:
            raise CronError(f"There are {MAX_CRONS} crons already; delete some.")
        cron.next_run = _next_after(cron)
        self.by_id[cron.cron_id] = cron
        self._wait(cron)

    def changed(self, cron: Cron) -> None:
        """Go on by the cron's new schedule; raises CronError."""
        cron.next_run = _next_after(cron)
        self._wait(cron)

    def remove(self, cron: Cron) -> None:
        """Forget a cron; the runs that it made stay."""
        self.by_id.pop(cron.cron_id, None)
        if cron.task is not None:
            cron.task.cancel()

    def remove_of(self, owner: Thread | Assistant) -> None:
        """Forget the crons of a thread, or of an assistant, that is deleted."""
        for cron in [cron for cron in self.by_id.values() if owner in (cron.thread, cron.assistant)]:
            self.remove(cron)

    async def close(self) -> None:
        """Forget all crons; returns when no task is left."""
        tasks = [cron.task for cron in self.by_id.values() if cron.task is not None]
        for cron in list(self.by_id.values()):
            self.remove(cron)
        if tasks:
            await asyncio.wait(tasks)

    def _clock_of(self, cron: Cron) -> Clock:
        return self._clocks.of(None if cron.thread is None else cron.thread.thread_id)

    def _wait(self, cron: Cron) -> None:
        if cron.task is not None:
            cron.task.cancel()
        cron.task = asyncio.create_task(self._keep(cron))

    async def _keep(self, cron: Cron) -> None:
        while cron.next_run is not None:
            clock = self._clock_of(cron)
            if isinstance(clock, UndelayedClock):
                return
            await clock.sleep((cron.next_run - cron.now).total_seconds())
            if clock is not self._clock_of(cron):
                continue  # woken because another clock was set
            cron.now = cron.next_run
            if cron.enabled:
                self._fire(cron)
            cron.next_run = _next_after(cron)


def _next_after(cron: Cron) -> datetime | None:
    """When a cron is due next, None after its end; raises CronError for a schedule that is none."""
    # Here, because few servers ever have a cron.
    from cronsim import CronSim, CronSimError

    try:
        zone = ZoneInfo(cron.timezone) if cron.timezone else UTC
    except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError, see below
        raise CronError(f"Invalid timezone: {cron.timezone!r}.") from error
    except KeyError as error:
        raise CronError(f"Invalid timezone: {cron.timezone!r}; there is no such zone.") from error
    try:
        due = next(CronSim(cron.schedule, cron.now.astimezone(zone)), None)
    except CronSimError as error:
        raise CronError(
            f"Invalid cron schedule: {cron.schedule!r}: {error}. The fields are: minute hour day_of_month month "
            "day_of_week, for example `*/5 * * * *`."
        ) from error
    if due is None or (cron.end_time is not None and due > cron.end_time):
        return None
    return due.astimezone(UTC)
