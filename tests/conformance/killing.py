"""Plays against mocks with defects, and their verdicts.

Only some pairs of a defect and a scenario are worth a play. To find them, every scenario is played once on a correct
mock on which every defect is switched on for zero occurrences and counts its chances to act. A scenario always sends
the same requests, and a mock with a defect behaves correctly until the defect has its first chance. So in a scenario
without a chance, the play and all its verdicts would equal those of the correct mock.
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
from conformance.requirements import registry
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.scenario import Scenario
from conformance.session.target import Target
from conformance.transcript.transcript import Transcript
from mockserver.app import serving
from mockserver.core.clock import RealClock
from mockserver.defects import Defect, defects, named
from mockserver.script.load import load
from tests.conformance import timeless
from tests.conformance.connections import transport
from tests.conformance.plays import SUITE

DEADLINES = Deadlines().scaled(0.1)
"""Short deadlines, because time on a timeless loop passes only when nothing else can happen."""

SCENARIOS = {scenario.id: scenario for scenario in catalogue()}


@dataclass(frozen=True)
class Played:
    """The verdicts of one scenario on one mock, by requirement, and the chances that each defect had."""

    scenario: str
    verdicts: dict[str, Verdict]
    chances: dict[str, int] = field(default_factory=dict)

    @property
    def broken(self) -> dict[str, str]:
        """The observed facts, by broken requirement."""
        return {name: found.observed for name, found in self.verdicts.items() if found.word in ("FAIL", "WARN")}


class Stage:
    """The resources that plays share: the witness, the transport of the official client, and the script."""

    def __init__(self, witness: Witness, under: httpx.AsyncBaseTransport) -> None:
        self._witness = witness
        self._transport = under
        self._script = load()

    async def record(self, scenario: Scenario, wrong: Sequence[Defect] = ()) -> Transcript:
        """Play one scenario against a mock of its own that has these defects."""
        async with serving(defects=wrong, clock=RealClock(), script=self._script) as url:
            target = Target(url=url, assistant="agent", headers={}, profile=None, deadlines=DEADLINES)
            return await target.play(scenario, self._transport, self._witness, SUITE)

    async def play(self, scenario: Scenario, wrong: Sequence[Defect]) -> Played:
        """Play one scenario against such a mock and judge it."""
        # Without a profile: the matrix is about the rule book, and a profile would excuse failures.
        play = Play(await self.record(scenario, wrong))
        verdicts = {
            requirement.id: judge(requirement, play, NOTHING_DECLARED)
            for requirement in registry.load().requirements
            if requirement.applies_to(scenario.id)
        }
        return Played(scenario.id, verdicts, {one.name(): one.chances for one in wrong if one.chances})


@asynccontextmanager
async def stage(
    proxy: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] = lambda inner: inner,
) -> AsyncIterator[Stage]:
    """Yield a stage on the running loop. `proxy` may wrap the transport between the suite and the mock."""
    # Defects make the mock log and warn in thousands of plays, and all of that is expected here.
    logging.disable()
    warnings.simplefilter("ignore", UserWarning)
    witness = Witness()
    await witness.start()
    try:
        async with transport() as inner:
            yield Stage(witness, proxy(inner))
    finally:
        await witness.stop()
        logging.disable(logging.NOTSET)


def processes() -> ProcessPoolExecutor:
    """Return a pool with one process for each processor."""
    # Spawned: a fork would copy the event loops and sockets of the process that runs the tests.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(os.cpu_count(), mp_context=context, initializer=_collect_rarely)


def _collect_rarely() -> None:
    """Run gc rarely: a play leaves little garbage, and collecting takes a tenth of the time of the matrix."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def play_right(scenarios: Iterable[str]) -> list[Played]:
    """Play scenarios on the correct mock, where every defect counts its chances."""

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
