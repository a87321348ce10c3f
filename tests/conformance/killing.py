"""Plays of scenarios against mocks with a defect, and the verdicts of the suite.

Playing every defect in every scenario would take hours, and most of these plays could not differ from the correct one.
So each scenario is first played against a correct mock that has every defect armed for zero occurrences. Such a defect
never acts, but it counts its chances. Without a chance it makes no difference: the mock answers the same requests in
the same way, so the record and the verdicts are those of the correct mock. Only the other pairs are played.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from conformance.driver.deadlines import Deadlines
from conformance.driver.witness import Witness
from conformance.judge.judging import Verdict, judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements.judged import requirements_in
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.scenario import Scenario
from conformance.session.target import Target
from conformance.transcript.transcript import Transcript
from mockserver.app import serving
from mockserver.core.clock import RealClock
from mockserver.defects import Defect, defects, named
from tests.conformance import pool, timeless
from tests.conformance.connections import transport
from tests.conformance.plays import SUITE

DEADLINES = Deadlines().scaled(0.1)
"""Short deadlines. On a timeless loop time passes only when nothing else can happen, so longer ones change nothing."""

SCENARIOS = {scenario.id: scenario for scenario in catalogue()}


@dataclass(frozen=True)
class Played:
    """The result of one scenario on one mock: the verdicts by requirement, and the chances of each defect."""

    scenario: str
    verdicts: dict[str, Verdict]
    chances: dict[str, int] = field(default_factory=dict)

    @property
    def broken(self) -> dict[str, str]:
        """The observed text of each broken requirement."""
        return {name: found.observed for name, found in self.verdicts.items() if found.word in ("FAIL", "WARN")}


class Stage:
    """The parts that plays share: the witness, and the transport under the official client."""

    def __init__(
        self, witness: Witness, under: httpx.AsyncBaseTransport, under_races: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._witness = witness
        self._transport = under
        self._under_races = under_races or under

    async def record(self, scenario: Scenario, wrong: Sequence[Defect] = ()) -> Transcript:
        """Play one scenario against a mock of its own that has these defects."""
        async with serving(defects=wrong, clock=RealClock()) as url:
            target = Target(url=url, assistant="agent", headers={}, profile=None, deadlines=DEADLINES)
            under = self._under_races if scenario.race else self._transport
            return await target.play(scenario, under, self._witness, SUITE)

    async def play(self, scenario: Scenario, wrong: Sequence[Defect]) -> Played:
        """Play one scenario against such a mock, and judge it by every requirement that it shows."""
        play = Play(await self.record(scenario, wrong))
        verdicts = {one.id: judge(one, play, NOTHING_DECLARED) for one in requirements_in(scenario.id)}
        return Played(scenario.id, verdicts, {one.name(): one.chances for one in wrong if one.chances})


@asynccontextmanager
async def stage(
    proxy: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] = lambda inner: inner,
) -> AsyncIterator[Stage]:
    """Provide a stage on the running loop. `proxy` can wrap the transport between the suite and the mock."""
    # Defects make the mock log errors and warnings in thousands of plays, all of them intended.
    logging.disable()
    warnings.simplefilter("ignore", UserWarning)
    witness = Witness()
    await witness.start()
    try:
        async with transport() as inner, pool.transport() as under_races:
            yield Stage(witness, proxy(inner), proxy(under_races))
    finally:
        await witness.stop()
        logging.disable(logging.NOTSET)


def processes() -> ProcessPoolExecutor:
    """Return a pool with one process per processor."""
    # Not forked: a fork would copy the event loop and the open sockets of the test process.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(os.cpu_count(), mp_context=context, initializer=_prepare)


def _prepare() -> None:
    """Give way to other processes, and run the garbage collector rarely."""
    # Time passes on a timeless loop only when nothing else can happen, so a play may wait for its processor. What waits
    # for a real server beside it may not.
    if hasattr(os, "nice"):
        os.nice(19)
    # The imported modules stay, and a play leaves almost no cycles. The collector took a tenth of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def play_right(scenarios: Iterable[str]) -> list[Played]:
    """Play scenarios on the correct mock, with every defect armed for zero occurrences to count its chances."""

    async def work() -> list[Played]:
        async with stage() as here:
            return [
                await here.play(SCENARIOS[name], [kind(times=0) for kind in defects().values()]) for name in scenarios
            ]

    return timeless.run(work())


def play_wrong(pairs: Iterable[tuple[str, str]]) -> list[Played]:
    """Play pairs of a defect and a scenario, each on a mock with that defect."""

    async def work() -> list[Played]:
        async with stage() as here:
            return [await here.play(SCENARIOS[scenario], [named(defect)()]) for defect, scenario in pairs]

    return timeless.run(work())


def broken_in(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Return the observed texts of what is broken in each of these plays, which another process reads faster."""
    return [played.broken for played in play_wrong(pairs)]
