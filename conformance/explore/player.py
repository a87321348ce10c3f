"""The plays of an exploration: one loop, one witness, any number of plays at a time, each checked when it is over.

A play that was checked and found legal is dropped at once, so the memory does not grow with the number of histories.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Final, Protocol

from conformance.driver.witness import Witness
from conformance.explore.generate import history_of, scenario_of
from conformance.explore.rules import broken_rules
from conformance.histories.checker import Verdict, check
from conformance.histories.freedoms import Freedoms
from conformance.histories.transcribe import transcribe
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED, Profile
from conformance.requirements import registry
from conformance.scenarios.scenario import Scenario
from conformance.session.connection import Connection
from conformance.session.target import Target
from conformance.transcript.transcript import SuiteInfo, Transcript

_DRAWING: Final = Lock()
"""Held while hypothesis draws: not every version of it can do so in two threads at once."""

LOST: Final = "deployment lost"
"""The law that a deployment breaks that does not even answer `/ok`."""


class NotExplorable(Exception):  # noqa: N818 -- a finding about a deployment
    """The deployment cannot be explored. The text is a one-line reason."""


@dataclass(frozen=True)
class Checked:
    """One play of a history, with the verdict on the order of its events and everything that it breaks.

    `broken` has that verdict, too, if it is illegal.
    """

    transcript: Transcript
    verdict: Verdict
    broken: tuple[Verdict, ...]


class Plays(Protocol):
    """The plays of an exploration, on this machine or on others."""

    async def play(self, scenario: Scenario) -> Checked:
        """Play one scenario and check its history."""

    async def play_number(self, seed: int, number: int) -> Checked:
        """Draw one history of the series of a seed, play it and check it."""


class Player:
    """A deployment that was examined, and the plays on it."""

    def __init__(
        self, target: Target, witness: Witness, connection: Connection, freedoms: Freedoms, profile: Profile
    ) -> None:
        self.target = target
        self.freedoms = freedoms
        self.profile = profile
        self._witness = witness
        self._connection = connection
        self._drawing = asyncio.Lock()
        self.suite = SuiteInfo.here(registry.load().revision)

    def require_witness(self) -> None:
        """Raise NotExplorable if the agent does not report its steps."""
        if self.target.info.probe != "witnessed":
            raise NotExplorable("the agent does not report to the witness, and without reports no order is proved")

    async def play(self, scenario: Scenario) -> Checked:
        """Play one scenario and check its history."""
        async with self._connection.transport() as transport:
            transcript = await self.target.play(scenario, transport, self._witness, self.suite)
            checked = self._checked(transcript)
            # Thousands of histories would fill the memory of a deployment. What shows a fault is left to look at.
            if not checked.broken:
                await self.target.discard(transcript, transport)
        return checked

    def _checked(self, transcript: Transcript) -> Checked:
        play = Play(transcript)
        if play.lost is not None:
            # The next play finds out whether the deployment is back.
            self.target.problem = None
            lost = Verdict("illegal", why=play.lost.error, law=LOST, seq=play.lost.seq)
            return Checked(transcript, lost, (lost,))
        verdict = check(transcribe(play), self.freedoms)
        unexplained = [verdict] if verdict.kind == "illegal" else []
        return Checked(transcript, verdict, (*unexplained, *broken_rules(play, self.profile)))

    async def play_number(self, seed: int, number: int) -> Checked:
        """Draw one history of the series of a seed, play it and check it."""
        # One at a time: the draws that wait would keep the threads from the client, which parses JSON in them.
        async with self._drawing:
            scenario = await asyncio.to_thread(_drawn, seed, number)
        return await self.play(scenario)


def _drawn(seed: int, number: int) -> Scenario:
    with _DRAWING:
        return scenario_of(history_of(seed, number), seed, number)


@asynccontextmanager
async def playing(
    target: Target,
    *,
    freedoms: Freedoms,
    connection: Connection,
    profile: Profile = NOTHING_DECLARED,
    witness_host: str | None = None,
    jobs: int | None = 1,
) -> AsyncIterator[Player]:
    """Examine a deployment, and yield its player. Raise NotExplorable."""
    loopback = witness_host in (None, "127.0.0.1", "localhost", "::1")
    witness = Witness("127.0.0.1" if loopback else "0.0.0.0", witness_host)
    await witness.start()
    try:
        player = Player(target, witness, connection, freedoms, profile)
        async with connection.transport() as transport:
            await target.examine(transport, witness, player.suite, jobs)
        if target.problem is not None:
            raise NotExplorable(target.problem)
        player.require_witness()
        yield player
    finally:
        await witness.stop()
