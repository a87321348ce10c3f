"""Points at which a test holds runs and releases them.

A point is `NODE:VISIT/EVENT`, as in `agent:2/token`, or a name that a script defines with `hold`. The events
are `enter` (before a step does anything), `token` (half of an answer was emitted) and `exit` (all is done and
nothing is written). `run/start` is the point before the first checkpoint of a run, which stays pending there.
"""

from __future__ import annotations

import asyncio
from typing import Final

from msgspec import Struct, field

from mockserver.core.notifier import Notifier

START_POINT: Final = "run/start"
"""The point at which a run is held before it starts. No script can define it, because names have no slash."""


class Held(Struct, frozen=True, eq=False):
    """A run that is held at a point."""

    point: str
    thread_id: str
    run_id: str
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Gates:
    """The points at which runs are to be held, on one thread or on all, and the runs that are held."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._closed: set[tuple[str, str | None]] = set()
        self._held: list[Held] = []

    def hold(self, point: str, thread_id: str | None = None) -> None:
        """Hold every run that reaches a point, until the point is released."""
        self._closed.add((point, thread_id))

    def release(self, point: str | None = None, thread_id: str | None = None) -> int:
        """Release runs and stop holding others: at one point or all, on one thread or all.

        Returns the number of runs that were held.
        """
        self._closed = {key for key in self._closed if not _selects(key[0], key[1], point, thread_id)}
        freed = [held for held in self._held if _selects(held.point, held.thread_id, point, thread_id)]
        for held in freed:
            held.released.set()
        self._held = [held for held in self._held if not held.released.is_set()]
        self._notifier.notify()
        return len(freed)

    def held(self, point: str | None = None, thread_id: str | None = None) -> list[Held]:
        """Return the runs that are held, in the order of their arrival."""
        return [held for held in self._held if _selects(held.point, held.thread_id, point, thread_id)]

    def closed(self) -> list[str]:
        """Return the points at which runs are to be held."""
        return sorted({point for point, _ in self._closed})

    def closes(self, point: str, thread_id: str) -> bool:
        """Return whether a run of a thread would be held at a point."""
        # In nearly all deployments no point is closed, and every step asks several times.
        return bool(self._closed) and not self._closed.isdisjoint(((point, None), (point, thread_id)))

    async def pass_point(self, point: str, thread_id: str, run_id: str, *, closed: bool = False) -> None:
        """Return when a run may pass a point. `closed`: it is held there even if no test closed the point."""
        if not closed and not self.closes(point, thread_id):
            return
        held = Held(point, thread_id, run_id)
        self._held.append(held)
        self._notifier.notify()
        try:
            await held.released.wait()
        finally:
            # A run that is cancelled while it is held leaves as well, so `held` never
            # lists a run that has stopped. A released run was already removed.
            if held in self._held:
                self._held.remove(held)
                self._notifier.notify()


def _selects(at: str, on: str | None, point: str | None, thread_id: str | None) -> bool:
    return point in (None, at) and (thread_id is None or thread_id == on)
