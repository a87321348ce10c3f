"""The workers of a deployment, which the plays under way share.

Theory of operation. A play takes as many workers as its runs may occupy (`scenarios/demand.py`), and changes that
number from move to move. A play that has some and needs more waits with its runs in flight. So that two plays never
wait for each other's workers, a request is granted only if every play could still get its whole claim in some order
(the banker's algorithm of Dijkstra, EWD 623). Requests are granted in their order, those of plays under way first.

The number of workers is what the examination found. It may be wrong, because other users of the deployment need workers
too. Then `shrink` lowers the limit for plays that begin, down to one at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class Room:
    """The workers of one deployment."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._limit = workers
        self._leases: list[Lease] = []
        self._waiting: list[tuple[Lease, int, asyncio.Future[None]]] = []

    @property
    def limit(self) -> int:
        """The number of workers that plays may occupy when another one begins."""
        return self._limit

    def shrink(self, lease: Lease) -> None:
        """Lower the limit, because a run of this lease had to wait although there should have been a worker for it."""
        # Several plays may have had to wait at the same time, for one reason.
        if lease.limit == self._limit:
            self._limit = max(1, self._limit // 2)

    def lease(self, claim: int, *, again: bool = False) -> Lease:
        """Return a lease that never needs more than `claim` workers, or as many as there are.

        `again` is for a play that is repeated. It comes before plays that have not begun.
        """
        return Lease(self, min(claim, self.workers), again=again)

    def whole(self) -> Lease:
        """Return a lease that needs all workers at once, so that its play has no other beside it."""
        return Lease(self, self.workers, alone=True, again=True)

    # -- for leases ------------------------------------------------------------------------------------

    async def change(self, lease: Lease, held: int) -> None:
        """Wait until `lease` may hold this many workers."""
        before, granted = lease.held, asyncio.get_running_loop().create_future()
        self._waiting.append((lease, held, granted))
        self._grant()
        try:
            await granted
        except asyncio.CancelledError:
            self._waiting = [one for one in self._waiting if one[2] is not granted]
            # It may have been granted in the moment of its cancellation.
            self.release(lease, before)
            raise

    def release(self, lease: Lease, held: int) -> None:
        """Lower the number of workers that `lease` holds."""
        lease.held = held
        if not held and lease in self._leases:
            self._leases.remove(lease)
        self._grant()

    def _grant(self) -> None:
        # Those that hold workers come first, because others wait for them, and then those that have begun.
        for entry in sorted(self._waiting, key=lambda entry: (not entry[0].held, not entry[0].begun)):
            lease, held, granted = entry
            if not self._may(lease, held):
                if not lease.held:
                    # Nothing overtakes a play that needs much, or it would wait until all others are over.
                    return
                continue
            if lease not in self._leases:
                self._leases.append(lease)
            lease.held = held
            lease.limit = lease.limit or self._limit
            if len(self._leases) > 1:
                for one in self._leases:
                    one.crowded = True
            self._waiting.remove(entry)
            if not granted.done():
                granted.set_result(None)

    def _may(self, lease: Lease, held: int) -> bool:
        """Return whether every play can still get its whole claim if this lease holds so many."""
        others = [(one.held, one.claim) for one in self._leases if one is not lease]
        taken = held + sum(has for has, _ in others)
        begins = lease.held == 0 and bool(others)
        if begins and taken > self._limit:
            return False
        return can_finish(self.workers - taken, [*others, (held, lease.claim)])


class Lease:
    """The workers that one play holds.

    `crowded` is true once another play held workers at the same time. `limit` is the limit of the room at the time when
    the play began, and None before that.
    """

    def __init__(self, room: Room, claim: int, *, alone: bool = False, again: bool = False) -> None:
        self._room = room
        self._alone, self._again = alone, again
        self.claim = claim
        self.held = 0
        self.crowded = False
        self.limit: int | None = None

    @property
    def begun(self) -> bool:
        """Return whether the scenario has begun to be played."""
        return self._again or self.limit is not None

    async def need(self, workers: int) -> None:
        """Hold this many workers, or the whole claim if it is less. Wait until they are free."""
        held = self.claim if self._alone and workers else min(workers, self.claim)
        if held > self.held:
            await self._room.change(self, held)
        else:
            self.lower(workers)

    def lower(self, workers: int) -> None:
        """Give back the workers that are more than this."""
        held = self.claim if self._alone and workers else min(workers, self.claim)
        if held < self.held:
            self._room.release(self, held)

    def end(self) -> None:
        """Give all workers back."""
        if self.held:
            self._room.release(self, 0)


def can_finish(free: int, plays: Iterable[tuple[int, int]]) -> bool:
    """Return whether plays that hold and claim so many workers can all get their claims, one after another."""
    if free < 0:
        return False
    left = list(plays)
    while left:
        next_one = min(left, key=lambda play: play[1] - play[0])
        held, claim = next_one
        if claim - held > free:
            return False
        free += held
        left.remove(next_one)
    return True
