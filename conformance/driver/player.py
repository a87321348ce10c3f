"""The player: one play of one scenario, from its first thread to the transcript.

Theory of operation
-------------------

A play does not judge. It brings about the situation that its scenario describes, records everything, and always ends,
whatever the deployment does. Its phases are:

1. Create the main thread. If that fails, the transcript consists of the failed request.
2. Make the moves in order. Most moves send a request or wait for an event, with a deadline (`deadlines.py`). A missed
   deadline is recorded and the play continues with the next move, so that one fault does not hide others. When a wait
   for a stop is missed, the held run is released, because the deployment may be waiting for it.
3. Meanwhile a background task reads the statuses of the thread and of all runs, `poll` seconds after every event and
   less often without one. Changes of status are judged from these readings. Streams, joins and waits are background
   tasks, too.
4. After the last move, release every hold, since a run that is held for ever would never end. Then wait for the
   background requests.
5. Read the final state of every thread and run.
6. Clean up, also after an exception or Ctrl-C: delete the crons, cancel the background requests, and close the channel
   at the witness. Threads are kept.

When the deployment is lost (no answer, not even to `/ok`), the remaining moves are skipped and `Http` sends nothing
more. The transcript then contains the moment `lost`.
"""

from __future__ import annotations

import datetime
from typing import Protocol

from conformance.driver import dispatch
from conformance.driver.context import Context
from conformance.driver.moves import cron, read
from conformance.scenarios import moves as s
from conformance.scenarios.demand import demand
from conformance.scenarios.scenario import Scenario
from conformance.transcript.transcript import MoveMade, SuiteInfo, TargetInfo, Transcript


class WorkerLease(Protocol):
    """The workers of the deployment that a play may let its runs occupy."""

    async def need(self, workers: int) -> None:
        """Wait until the runs may occupy this many workers. Give back those that are more."""

    def lower(self, workers: int) -> None:
        """Give back the workers that are more than this."""


class _Demand:
    """The workers that the runs of one play may occupy, move by move, as the statuses of its runs are read."""

    def __init__(self, context: Context, scenario: Scenario, lease: WorkerLease) -> None:
        self._context = context
        self._scenario = scenario
        self._lease = lease
        self._index = 0
        self._known: dict[frozenset[str], tuple[int, ...]] = {}
        # Without a witness runs are held by time, which must not pass while the scenario waits for another worker.
        self._steady = context.probe != "witnessed"
        if not self._steady:
            context.on_status = self._lower

    async def begin(self, index: int) -> None:
        """Wait for the workers that the move at `index` needs."""
        self._index = index
        await self._lease.need(self._needed(index))

    def _needed(self, index: int) -> int:
        needed = self._demand()
        return max(needed) if self._steady and needed[index] else needed[index]

    def _lower(self) -> None:
        # The most that a later move needs, so that the play never waits for what it has given back.
        self._lease.lower(max(self._demand()[self._index :]))

    def _demand(self) -> tuple[int, ...]:
        ended = frozenset() if self._steady else frozenset(self._context.at_rest())
        if ended not in self._known:
            self._known[ended] = demand(self._scenario, ended)
        return self._known[ended]


async def play(
    context: Context, scenario: Scenario, suite: SuiteInfo, target: TargetInfo, lease: WorkerLease
) -> Transcript:
    """Play `scenario` to its end and return the transcript. Nothing that the deployment does raises an exception.

    A move waits for the workers that the runs may occupy from there on. `lease` has none once the remaining moves start
    no run and wait for none.
    """
    started_at = datetime.datetime.now(datetime.UTC).isoformat()
    demands = _Demand(context, scenario, lease)
    try:
        await context.open_thread(s.MAIN, scenario.id)
        if s.MAIN in context.threads:
            async with read.following(context):
                for index, move in enumerate(scenario.moves):
                    if context.http.lost is not None:
                        break
                    await demands.begin(index)
                    context.recorder.add(MoveMade, index=index, text=move.describe())
                    await dispatch.do(context, move)
                # Before the wait: joins and streams end only when their runs do.
                context.channel.release()
                await context.finish_background()
                # The row of the thread may be updated a moment after those of its runs.
                await context.until(lambda: not context.thread_lags(), context.deadlines.observe)
            # After the polling has stopped, so that no reading is recorded later than the final ones.
            await read.read_final(context)
    finally:
        # A cron that is left behind would create runs for ever.
        await cron.delete_left(context)
        await context.cancel_background()
        context.close()
    return Transcript(
        suite=suite,
        target=target,
        scenario=scenario,
        started_at=started_at,
        observed_for=context.deadlines.observe,
        threads=dict(context.threads),
        moments=list(context.recorder.moments),
    )
