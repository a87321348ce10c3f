"""Waiting for something to become so, without asking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Notifier:
    """Wakes those who wait whenever something changed; each looks for itself whether it was what it waits for."""

    def __init__(self) -> None:
        self._waiters: dict[asyncio.Event, None] = {}

    def notify(self) -> None:
        """Let everybody look again, at the next turn of the event loop, in the order in which they came."""
        for waiter in self._waiters:
            waiter.set()

    async def until(self, look: Callable[[], T | None]) -> T:
        """Return what `look` finds as soon as it finds something: anything that counts as true."""
        woken = asyncio.Event()
        self._waiters[woken] = None
        try:
            while True:
                woken.clear()
                found = look()
                if found:
                    return found
                await woken.wait()
        finally:
            self._waiters.pop(woken, None)
