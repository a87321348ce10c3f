"""Points at which runs can be held from outside, and let go again.

A point is `NODE:VISIT/EVENT`, as in `agent:2/token`, or a name that a script gives with `hold`. The events are
`enter` (before a step does anything), `token` (half of an answer was said) and `exit` (all is done, nothing written).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from mockserver.core.notifier import Notifier


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A run that stands at a point."""

    point: str
    thread_id: str
    run_id: str
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Gates:
    """The points at which runs are to be held, on one thread or on all, and the runs that are."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._closed: set[tuple[str, str | None]] = set()
        self._held: list[Held] = []

    def hold(self, point: str, thread_id: str | None = None) -> None:
        """Hold every run that comes to a point, from now until it is released."""
        self._closed.add((point, thread_id))

    def release(self, point: str | None = None, thread_id: str | None = None) -> int:
        """Let those go who are held, and hold no more: at one point or at all, on one thread or on all.

        Returns how many were held.
        """
        self._closed = {key for key in self._closed if not _meant(key[0], key[1], point, thread_id)}
        freed = [held for held in self._held if _meant(held.point, held.thread_id, point, thread_id)]
        for held in freed:
            held.released.set()
        self._held = [held for held in self._held if not held.released.is_set()]
        self._notifier.notify()
        return len(freed)

    def held(self, point: str | None = None, thread_id: str | None = None) -> list[Held]:
        """The runs that are held, in the order in which they came."""
        return [held for held in self._held if _meant(held.point, held.thread_id, point, thread_id)]

    def closed(self) -> list[str]:
        """The points at which runs are to be held."""
        return sorted({point for point, _ in self._closed})

    async def come(self, point: str, thread_id: str, run_id: str, *, closed: bool = False) -> None:
        """Return once the run may pass a point; `closed`: it is held there without being asked for."""
        if not closed and not self._closed & {(point, None), (point, thread_id)}:
            return
        held = Held(point, thread_id, run_id)
        self._held.append(held)
        self._notifier.notify()
        try:
            await held.released.wait()
        finally:
            if held in self._held:
                self._held.remove(held)
                self._notifier.notify()


def _meant(at: str, on: str | None, point: str | None, thread_id: str | None) -> bool:
    return point in (None, at) and (thread_id is None or thread_id == on)
