"""Waiting for a condition without polling.

Theory of operation. A waiter evaluates a predicate on the state of the server. Every change calls `notify`,
which wakes all waiters, and each evaluates its predicate again. `notify` carries no information on purpose: an
event that is missed or counted twice cannot make a waiter wrong, because only the current state decides. Both
sides run in one event loop and `until` does not await between its check and its wait, so no change can slip in
between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Happening(Protocol):
    """Something to wait for that has happened or will happen, as an `asyncio.Event`."""

    def is_set(self) -> bool:
        """Return whether it has happened."""

    async def wait(self) -> object:
        """Return once it has happened."""


class Once:
    """Something that happens once.

    Every run has one, and for most runs no request waits. An `asyncio.Event` takes 700 bytes from the beginning.
    """

    __slots__ = ("_event", "_happened")

    def __init__(self) -> None:
        self._happened = False
        self._event: asyncio.Event | None = None

    def is_set(self) -> bool:
        """Return whether it has happened."""
        return self._happened

    def set(self) -> None:
        """Let it have happened, and wake all that wait for it in the order in which they began to wait."""
        self._happened = True
        if self._event is not None:
            self._event.set()

    async def wait(self) -> None:
        """Return once it has happened."""
        if not self._happened:
            self._event = self._event or asyncio.Event()
            await self._event.wait()


class Notifier:
    """A broadcast to all waiters. Each checks its own condition when it is woken."""

    def __init__(self) -> None:
        # A dict, not a set: waiters wake in the order of their arrival, so that a test run is repeatable.
        self._waiters: dict[asyncio.Event, None] = {}

    def notify(self) -> None:
        """Wake every waiter at the next turn of the event loop, in the order in which they began to wait."""
        for waiter in self._waiters:
            waiter.set()

    async def until(self, look: Callable[[], T | None]) -> T:
        """Return the result of `look` as soon as it is true."""
        woken = asyncio.Event()
        self._waiters[woken] = None
        try:
            while True:
                # Before the check: a change that the check does not see yet sets
                # the event again, and the wait returns at once.
                woken.clear()
                found = look()
                if found:
                    return found
                await woken.wait()
        finally:
            self._waiters.pop(woken, None)
