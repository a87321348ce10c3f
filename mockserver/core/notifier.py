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
from typing import TypeVar

T = TypeVar("T")


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
