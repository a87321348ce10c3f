"""One exploration: batches of histories until the budget is used, and each new finding reduced on the live server.

Theory of operation
-------------------

The histories of a seed are numbered. They are played in this order, `jobs` at a time, and each is checked when its play
is over. A play whose history no order explains counts for its finding.

Each `BATCH` of numbers is examined together. When one with a new finding is complete, no further history begins until
its findings are examined, so that nothing competes with the plays of the examination. A finding is examined with the
shortest history of its first batch. So the findings of a seed depend neither on the number of jobs nor on the machines
on which the histories are played, if the deployment does the same in each play.

A history with a new finding is played again `CONFIRMATIONS` times, one play at a time. Nothing that was found is
dropped for passing then, but for one kind: a law about a deadline (`PATIENT`) can be broken by the load of the machine,
so it must be broken again. Then hypothesis reduces the history, within a budget of plays. The finding says in how many
of how many plays the reduced history breaks the law. An exploration that is stopped keeps what was not examined yet
with the history as it was drawn.

Hypothesis is not asynchronous, so it works in a thread, and its plays are made on the loop. An exploration with a
budget of time reduces its findings for at most as long again.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Final, NamedTuple

import hypothesis
import msgspec

from conformance.explore import actions as a
from conformance.explore.findings import Findings, key_of, shape_of
from conformance.explore.generate import scenario_of
from conformance.explore.kept import KeptHistory
from conformance.explore.player import Checked, Plays
from conformance.explore.reduce import reduced
from conformance.histories.checker import Verdict
from conformance.scenarios.scenario import Scenario

CONFIRMATIONS: Final = 3
"""The number of plays that show how often a history breaks its law."""

BATCH: Final = 20
"""The number of histories that are examined together."""

PATIENT: Final = frozenset({"stopped", "progress"})
"""The laws about deadlines."""


@dataclass(frozen=True)
class Budget:
    """The limits of an exploration. None is no limit. `shrinks` are the plays to reduce one finding."""

    seconds: float | None = None
    histories: int | None = None
    findings: int | None = None
    shrinks: int = 150


class _Seen(NamedTuple):
    """A history that shows a new finding: its length, its number, and its play."""

    moves: int
    number: int
    checked: Checked


@dataclass
class Explorer:
    """An exploration of one deployment with the histories of one seed. `say` reports progress, line by line."""

    player: Plays
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
    _due: Counter[int] = field(default_factory=Counter)
    """The histories of each batch that are still to be played, for the batches that have begun."""
    _fresh: dict[int, dict[str, _Seen]] = field(default_factory=dict)
    """The new findings that were not examined yet, by their batch."""

    async def run(self) -> None:
        """Explore until the budget is used. The findings are complete whenever this is cancelled."""
        self._began = time.monotonic()
        numbers = iter(count() if self.budget.histories is None else range(self.budget.histories))
        try:
            while not self.over:
                await self._play(numbers)
                for batch in sorted(self._fresh):
                    if self.over or self.budget.findings is not None or not self._due[batch]:
                        await self._examine_batch(batch)
        finally:
            self._stopped = True
            # Its thread must not outlive the loop on which it plays.
            if self._reducing is not None:
                await asyncio.gather(self._reducing, return_exceptions=True)
            self._keep_the_rest()
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

    async def _play(self, numbers: Iterator[int]) -> None:
        """Play the next histories of the series until a complete batch has something new, or the budget is used."""
        running: dict[asyncio.Task[Checked], int] = {}
        try:
            while True:
                wanted = 0 if self._has_news else self.jobs - len(running)
                for number in islice(numbers, wanted):
                    self._begin_batch(number)
                    running[asyncio.create_task(self.player.play_number(self.seed, number))] = number
                if not running:
                    return
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in sorted(done, key=running.__getitem__):
                    self._record(running.pop(task), task.result())
                if self.over or (self.budget.findings is not None and self._fresh):
                    return
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    @property
    def _has_news(self) -> bool:
        """True when a complete batch has something to examine."""
        return any(not self._due[batch] for batch in self._fresh)

    def _begin_batch(self, number: int) -> None:
        """Note how many histories there are in the batch of a number, if it is the first of them."""
        batch, place = divmod(number, BATCH)
        if place == 0:
            last = self.budget.histories
            self._due[batch] = BATCH if last is None else min(BATCH, last - number)

    def _record(self, number: int, checked: Checked) -> None:
        """Count a history, and keep what is new in it for the examination of its batch."""
        batch = number // BATCH
        self._count(checked)
        for key in filter(None, map(self._new, checked.broken)):
            seen = _Seen(len(checked.transcript.scenario.moves), number, checked)
            # The shortest history of a finding is the quickest to reduce.
            known = self._fresh.setdefault(batch, {}).setdefault(key, seen)
            if seen[:2] < known[:2]:
                self._fresh[batch][key] = seen
        self._due[batch] -= 1
        if not self._due[batch] and batch not in self._fresh:
            del self._due[batch]
        if self.played % BATCH == 0:
            self.say(self.progress())

    async def _examine_batch(self, batch: int) -> None:
        for key, seen in list(self._fresh[batch].items()):
            # An earlier batch may have had it, too.
            if key not in self.findings.new:
                await self._examine(key, seen.number, seen.checked)
            del self._fresh[batch][key]
        del self._fresh[batch]
        if not self._due[batch]:
            del self._due[batch]

    def _keep_the_rest(self) -> None:
        """Keep what an exploration that is stopped found and did not examine. A law about a deadline is not proved."""
        for fresh in self._fresh.values():
            for key, (_, _, checked) in fresh.items():
                verdict = _showing(checked, key)
                if verdict is not None and verdict.law not in PATIENT and key not in self.findings.new:
                    self._keep(checked.transcript.scenario, verdict, checked, plays=1, failures=1)

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
            self._reducing = asyncio.create_task(asyncio.to_thread(reduced, self.seed, number, fails))
            small = scenario_of(await asyncio.shield(self._reducing), self.seed, number)
            again = await self._replay(small, key)
            failing, best = (again, again[-1]) if again else (failing, best)
            small = small if again else scenario
        verdict = _showing(best, key) or first
        self._keep(small, verdict, best, plays=CONFIRMATIONS, failures=len(failing))
        self.say(f"reduced to {len(small.moves)} moves: {verdict.why}")

    def _keep(self, scenario: Scenario, verdict: Verdict, shown: Checked, *, plays: int, failures: int) -> None:
        """Add a finding with its smallest history, and the play that shows it."""
        self.findings.add(
            KeptHistory(
                scenario=scenario,
                law=verdict.law,
                level=verdict.level,
                shape=shape_of(verdict),
                why=verdict.why,
                order=verdict.order,
                seed=self.seed,
                hypothesis=hypothesis.__version__,
                plays=plays,
                failures=failures,
            ),
            shown.transcript,
        )

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
