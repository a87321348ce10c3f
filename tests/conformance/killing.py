"""Plays against mocks that get something wrong, and what the suite says of them.

A play with a defect is worth the time only where the defect can show: on a mock that is right but has every defect
armed for no occurrence at all, each counts its chances. Without a chance a defect never does anything but what is
right, up to its first chance the two mocks are the same mock, and a scenario is the same requests: so without a chance
in a scenario the play, and every verdict, is that of the correct mock.
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
"""Short, because nothing is slow on a timeless loop: what has not happened when time passes will not happen."""

SCENARIOS = {scenario.id: scenario for scenario in catalogue()}


@dataclass(frozen=True)
class Played:
    """What came of one scenario on one mock: the verdicts by requirement, and the chances that each defect had."""

    scenario: str
    verdicts: dict[str, Verdict]
    chances: dict[str, int] = field(default_factory=dict)

    @property
    def broken(self) -> dict[str, str]:
        """What was observed, by requirement that is broken."""
        return {name: found.observed for name, found in self.verdicts.items() if found.word in ("FAIL", "WARN")}


class Stage:
    """What plays share: the witness, the transport under the official client, and the script."""

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
        """Play one scenario so, and judge it."""
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
    """A stage on the running loop; `proxy` may stand between the suite and the mock."""
    # What defects make the mock complain of is wanted here, and there is a lot of it.
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
    """As many processes as there are processors."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(os.cpu_count(), mp_context=context, initializer=_collect_seldom)


def _collect_seldom() -> None:
    """What was imported stays, and a play leaves little garbage: looking for it takes a tenth of the time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def play_right(scenarios: Iterable[str]) -> list[Played]:
    """Play scenarios on the correct mock, with every defect looking on."""

    async def work() -> list[Played]:
        async with stage() as here:
            return [
                await here.play(SCENARIOS[name], [kind(times=0) for kind in defects().values()]) for name in scenarios
            ]

    return timeless.run(work())


def play_wrong(pairs: Iterable[tuple[str, str]]) -> list[Played]:
    """Play scenarios, each on a mock with one defect: `(defect, scenario)`."""

    async def work() -> list[Played]:
        async with stage() as here:
            return [await here.play(SCENARIOS[scenario], [named(defect)()]) for defect, scenario in pairs]

    return timeless.run(work())
