"""The time-to-live of threads.

No timer waits for it. Expired threads are removed before the next request is handled. No client can distinguish
that from a removal at the exact moment, and it costs nothing while no thread has a time-to-live.
"""

from __future__ import annotations

import heapq
from datetime import timedelta
from itertools import count

from mockserver.core.records import Thread, TimeLeft
from mockserver.engine.deletion import delete_thread
from mockserver.engine.engine import Engine


class Expiry:
    """The threads of a deployment that have a time-to-live, ordered by their expiry."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._order = count()
        self._waiting: list[tuple[float, int, Thread, TimeLeft]] = []

    def set(self, thread: Thread, strategy: str, minutes: float) -> None:
        """Give a thread a time-to-live from now on, in place of any earlier one.

        When it is over, the strategy `delete` deletes the thread, and `keep_latest` cuts its history to the newest
        checkpoint.
        """
        thread.ttl = TimeLeft(strategy, minutes, thread.updated_at + timedelta(minutes=minutes))
        due = self._engine.clock.of(thread.thread_id).now + minutes * 60
        heapq.heappush(self._waiting, (due, next(self._order), thread, thread.ttl))

    def clear(self) -> None:
        """Forget every time-to-live, because all threads are deleted."""
        self._waiting.clear()

    def sweep(self) -> None:
        """Delete or prune every idle thread whose time is over. A busy thread expires when its runs have ended."""
        if not self._waiting:
            # In nearly all deployments, and before every request.
            return
        busy = []
        while self._waiting and self._waiting[0][0] <= self._engine.clock.of(self._waiting[0][2].thread_id).now:
            entry = heapq.heappop(self._waiting)
            _, _, thread, left = entry
            # A newer time-to-live has its own entry, and a deleted thread needs none.
            if thread.ttl is not left or self._engine.threads.by_id.get(thread.thread_id) is not thread:
                continue
            if thread.in_flight:
                busy.append(entry)
            elif left.strategy == "keep_latest":
                thread.history.keep_newest()
                thread.ttl = None
            else:
                delete_thread(self._engine, thread)
        for entry in busy:
            heapq.heappush(self._waiting, entry)
