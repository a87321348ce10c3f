"""One exploration: batches of histories until the budget is used, and each new finding reduced on the live server.

Theory of operation
-------------------

A batch of histories is drawn, played by `jobs` at a time, and checked play by play. A play whose history no order
explains counts for its finding. If the finding is new, its history is played again `CONFIRMATIONS` times, one play at a
time. Nothing that was found is dropped for passing then, but for one kind: a law about a deadline (`PATIENT`) can be
broken by the load of the machine, so it must be broken again. Then hypothesis reduces the history, within a budget of
plays. The finding says in how many of how many plays the reduced history breaks the law.

Hypothesis is not asynchronous, so it works in a thread, and its plays are made on the loop. An exploration with a
budget of time reduces its findings for at most as long again.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import hypothesis
import msgspec

from conformance.explore import actions as a
from conformance.explore.findings import Findings, key_of, shape_of
from conformance.explore.generate import history_of, scenario_of, shrunk
from conformance.explore.kept import KeptHistory
from conformance.explore.player import Checked, Player, play_all
from conformance.histories.checker import Verdict
from conformance.scenarios.scenario import Scenario

CONFIRMATIONS: Final = 3
"""The number of plays that show how often a history breaks its law."""

BATCH: Final = 20
"""The histories that are drawn together, if there are not more jobs. What is new in them is examined before others."""

PATIENT: Final = frozenset({"stopped", "progress"})
"""The laws about deadlines."""


@dataclass(frozen=True)
class Budget:
    """The limits of an exploration. None is no limit. `shrinks` are the plays to reduce one finding."""

    seconds: float | None = None
    histories: int | None = None
    findings: int | None = None
    shrinks: int = 150


@dataclass
class Explorer:
    """An exploration of one deployment with the histories of one seed. `say` reports progress, line by line."""

    player: Player
    findings: Findings
    budget: Budget
    seed: int
    jobs: int = 1
    say: Callable[[str], None] = lambda _: None
    played: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)
    """The number of histories after which each finding was first seen."""
    _began: float = 0.0
    _stopped: bool = False
    _reducing: asyncio.Task[list[a.Action]] | None = None

    async def run(self) -> None:
        """Explore until the budget is used. The findings are complete whenever this is cancelled."""
        self._began, number = time.monotonic(), 0
        size = max(BATCH, self.jobs)
        try:
            while not self.over:
                await self._play(range(number, number + size))
                number += size
        finally:
            self._stopped = True
            # Its thread must not outlive the loop on which it plays.
            if self._reducing is not None:
                await asyncio.gather(self._reducing, return_exceptions=True)
            self.findings.close()

    @property
    def over(self) -> bool:
        """True when the budget is used."""
        return (
            self._has_spent(1)
            or (self.budget.histories is not None and self.played >= self.budget.histories)
            or (self.budget.findings is not None and len(self.findings.new) >= self.budget.findings)
        )

    def _has_spent(self, times: int) -> bool:
        """Return whether so many times the budget of seconds is used."""
        spent = time.monotonic() - self._began
        return self.budget.seconds is not None and spent >= times * self.budget.seconds

    async def _play(self, numbers: range) -> None:
        """Play some histories of the series, and examine what is new in them."""
        if self.budget.histories is not None:
            numbers = numbers[: self.budget.histories - self.played]
        drawn = await asyncio.to_thread(lambda: [history_of(self.seed, number) for number in numbers])
        scenarios = [scenario_of(one, self.seed, number) for number, one in zip(numbers, drawn, strict=True)]
        fresh: dict[str, tuple[int, Checked]] = {}
        plays = play_all(self.player, scenarios, self.jobs)
        async for number, checked in plays:
            self._count(checked)
            for key in filter(None, map(self._new, checked.broken)):
                # The shortest history of a finding is the quickest to reduce.
                if key not in fresh or len(scenarios[number].moves) < len(scenarios[fresh[key][0]].moves):
                    fresh[key] = number, checked
            if self.over or (self.budget.findings is not None and fresh):
                break
        await plays.aclose()
        self.say(self.progress())
        for key, (number, checked) in fresh.items():
            await self._examine(key, numbers[number], checked)

    def _new(self, verdict: Verdict) -> str | None:
        """Count what a history breaks. Return the finding if it is new."""
        if not self.findings.count(verdict):
            return None
        key = key_of(verdict)
        if key not in self.first:
            self.first[key] = self.played
            self.say(f"found: {verdict.why}")
        return key

    def _count(self, checked: Checked) -> None:
        self.played += 1
        self.verdicts[checked.verdict.kind] += 1
        if checked.verdict.kind == "unknown":
            self.unknown[checked.verdict.why] += 1

    def progress(self) -> str:
        """Return how far the exploration is, in one line."""
        seconds = time.monotonic() - self._began
        old = self.findings.known.keys() | self.findings.declared.keys()
        known = sum(count for key, count in self.findings.counts.items() if key in old)
        return (
            f"{self.played} histories in {seconds:.0f} s ({self.played / max(seconds, 0.001):.1f} per second): "
            f"{len(self.findings.new)} new findings, {known} histories with known findings, "
            f"{self.verdicts['unknown']} not judged"
        )

    async def _examine(self, key: str, number: int, checked: Checked) -> None:
        """Confirm and reduce a new finding, and keep it."""
        scenario = checked.transcript.scenario
        failing = await self._replay(scenario, key)
        first = _showing(checked, key)
        assert first is not None, "this play was found to break the law"
        if first.law in PATIENT and not failing:
            self.say(f"not confirmed, so no finding: {first.why}")
            self.findings.counts[key] -= 1
            return
        small, best = scenario, failing[-1] if failing else checked
        if failing and self.budget.shrinks:
            tries = 1 if len(failing) == CONFIRMATIONS else CONFIRMATIONS
            fails = self._condition(key, tries)
            self._reducing = asyncio.create_task(asyncio.to_thread(shrunk, self.seed, number, fails))
            small = scenario_of(await asyncio.shield(self._reducing), self.seed, number)
            again = await self._replay(small, key)
            failing, best = (again, again[-1]) if again else (failing, best)
            small = small if again else scenario
        verdict = _showing(best, key) or first
        self.findings.add(
            KeptHistory(
                scenario=small,
                law=verdict.law,
                level=verdict.level,
                shape=shape_of(verdict),
                why=verdict.why,
                order=verdict.order,
                seed=self.seed,
                hypothesis=hypothesis.__version__,
                plays=CONFIRMATIONS,
                failures=len(failing),
            ),
            best.transcript,
        )
        self.say(f"reduced to {len(small.moves)} moves: {verdict.why}")

    async def _replay(self, scenario: Scenario, key: str) -> list[Checked]:
        """Return the plays of a scenario that show a finding, of `CONFIRMATIONS`."""
        plays = [await self.player.play(scenario) for _ in range(CONFIRMATIONS)]
        return [one for one in plays if _showing(one, key) is not None]

    def _condition(self, key: str, tries: int) -> Callable[[list[a.Action]], bool]:
        """Return the test whether a history shows a finding in one of `tries` plays, until the budget is used."""
        loop, left, known = asyncio.get_running_loop(), self.budget.shrinks, dict[bytes, bool]()

        def play(scenario: Scenario) -> bool:
            future = asyncio.run_coroutine_threadsafe(self.player.play(scenario), loop)
            while not self._stopped:
                try:
                    checked = future.result(timeout=0.2)
                except concurrent.futures.TimeoutError:
                    continue
                return _showing(checked, key) is not None
            future.cancel()
            return False

        def fails(history: list[a.Action]) -> bool:
            nonlocal left
            scenario = scenario_of(history, self.seed, 0)
            # Different actions may make the same moves. The answer is remembered, because hypothesis asks again.
            moves = msgspec.json.encode(scenario.moves)
            if moves not in known:
                known[moves] = False
                for _ in range(tries):
                    if left <= 0 or self._stopped or self._has_spent(2):
                        break
                    left -= 1
                    if play(scenario):
                        known[moves] = True
                        break
            return known[moves]

        return fails


def _showing(checked: Checked, key: str) -> Verdict | None:
    """Return the verdict by which a play shows a finding, or None."""
    return next((one for one in checked.broken if key_of(one) == key), None)
