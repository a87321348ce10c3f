"""Crons: runs that are created on a schedule, all on one thread or each on a new thread.

A cron's time is logical, like all times of the mock. It begins when the cron is created and advances with the
clock. Under `UndelayedClock` a cron never fires, because a delay that takes no time would fire it endlessly. Under
`InstantClock` it fires `INSTANT_FIRES` times: a run that is delayed by a thousand years would otherwise let a cron of
every minute fire for all of them, and a cron alone would fire forever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct, field

from mockserver.core.assistants import Assistant
from mockserver.core.clock import Clock, Clocks, InstantClock, UndelayedClock
from mockserver.core.json_text import as_json
from mockserver.core.records import Thread

_log = logging.getLogger(__name__)

# Each cron owns a task, so a client in a loop could exhaust the memory of a shared mock.
MAX_CRONS: Final = 1000

INSTANT_FIRES: Final = 100
"""The number of times that a cron fires while time is instant."""


class CronError(Exception):
    """A cron that cannot be created or changed. The text states the reason."""


class Cron(Struct, eq=False):
    """A schedule and the run that it creates. `payload` is the request as the client sent it."""

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
    """The cron's logical time."""
    next_run: datetime | None = None
    task: asyncio.Task[None] | None = field(default=None)


class Crons:
    """All crons of a server. `fire` is called whenever one is due."""

    def __init__(self, clocks: Clocks, fire: Callable[[Cron], None]) -> None:
        self._clocks = clocks
        self._fire = fire
        self.by_id: dict[str, Cron] = {}

    def add(self, cron: Cron) -> None:
        """Add a cron and start its schedule. Raises `CronError`."""
        if len(self.by_id) >= MAX_CRONS:
            raise CronError(f"There are {MAX_CRONS} crons already. Delete some first.")
        cron.next_run = _next_after(cron)
        self.by_id[cron.cron_id] = cron
        self._wait(cron)

    def changed(self, cron: Cron) -> None:
        """Restart a cron after its schedule changed. Raises `CronError`."""
        cron.next_run = _next_after(cron)
        self._wait(cron)

    def remove(self, cron: Cron) -> None:
        """Delete a cron. The runs that it created stay."""
        self.by_id.pop(cron.cron_id, None)
        if cron.task is not None:
            cron.task.cancel()

    def remove_of(self, owner: Thread | Assistant) -> None:
        """Delete the crons of a thread or an assistant that is deleted."""
        for cron in [cron for cron in self.by_id.values() if owner in (cron.thread, cron.assistant)]:
            self.remove(cron)

    async def close(self) -> None:
        """Delete all crons, and return when no task is left."""
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
        fired = 0
        while cron.next_run is not None:
            clock = self._clock_of(cron)
            if isinstance(clock, UndelayedClock):
                return
            if isinstance(clock, InstantClock) and fired >= INSTANT_FIRES:
                _log.warning(
                    "cron %s has fired %d times in instant time, and does not fire again in it. Use the mode `hand`",
                    cron.cron_id,
                    fired,
                )
                await clock.retired.wait()
                continue
            await clock.sleep((cron.next_run - cron.now).total_seconds())
            if clock is not self._clock_of(cron):
                continue  # woken because the clock was replaced, so the time is not due yet
            # Set to the due time, not to the clock: a late wake-up must not shift the schedule.
            cron.now = cron.next_run
            if cron.enabled:
                self._fire(cron)
                fired += 1
            cron.next_run = _next_after(cron)


def _next_after(cron: Cron) -> datetime | None:
    """Return the next due time of a cron, None after its end. Raises `CronError` for an invalid schedule."""
    # Imported here: few servers ever have a cron, and the imports would slow down every start.
    from zoneinfo import ZoneInfo

    from cronsim import CronSim, CronSimError

    try:
        zone = ZoneInfo(cron.timezone) if cron.timezone else UTC
    except (OSError, ValueError) as error:  # a path outside the zone database, or a malformed name
        raise CronError(
            f"Invalid timezone: {as_json(cron.timezone)}. Use an IANA name such as `Europe/Berlin`."
        ) from error
    except KeyError as error:
        raise CronError(
            f"Invalid timezone: {as_json(cron.timezone)} does not exist. Use an IANA name such as `Europe/Berlin`."
        ) from error
    try:
        due = next(CronSim(cron.schedule, cron.now.astimezone(zone)), None)
    except CronSimError as error:
        raise CronError(
            f"Invalid cron schedule: {as_json(cron.schedule)}: {error}. The fields are: minute hour day_of_month month "
            "day_of_week, for example `*/5 * * * *`."
        ) from error
    if due is None or (cron.end_time is not None and due > cron.end_time):
        return None
    return due.astimezone(UTC)
