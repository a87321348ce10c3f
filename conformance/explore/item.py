"""The exploration of a deployment as one test of the suite, for `--conformance-explore=SECONDS`.

Theory of operation
-------------------

The test uses the loop, the witness and the examined deployment of the suite's players. It comes after all other tests,
so no play of the suite competes with its histories for workers. The histories are those of seed 0, so every run begins
with the same ones.

The findings are written as they are made: into the folder `exploration` of the report, or into a temporary one. The
folder may hold findings of an earlier run. Those that are seen again are not reduced again, but fail the test like new
ones. Only the profile declares findings.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from conformance.driver.witness import Witness
from conformance.explore.explorer import Budget, Explorer
from conformance.explore.findings import Findings, file_name
from conformance.explore.kept import KeptHistory
from conformance.explore.page import PAGE, write_page
from conformance.explore.player import NotExplorable, Player
from conformance.histories.freedoms import DEFAULT, EXACT, narrowed
from conformance.report.report import EXPLORATION, Exploration, Explored
from conformance.session.options import Options
from conformance.session.players import Interrupted, NotJudgeable
from conformance.session.session import CaseResult, Session
from conformance.session.target import Target

SEED: Final = 0
SHOWN: Final = 5
"""The findings that the text of a failure shows whole. The page shows all."""


@dataclass
class _Visit:
    """An exploration under way, whose findings can be reported at any moment."""

    options: Options
    target: Target
    seconds: float
    folder: Path
    findings: Findings
    explorer: Explorer | None = None

    async def explore(self, witness: Witness) -> None:
        """Explore until the budget is used. Raise NotExplorable."""
        freedoms = narrowed(DEFAULT if self.options.urls else EXACT, self.options.profile.exploration)
        player = Player(self.target, witness, self.options.connection, freedoms, self.options.profile)
        player.require_witness()
        # A history has two runs that execute at once, as a rule.
        jobs = self.options.jobs or max(1, self.target.width // 2)
        budget = Budget(seconds=self.seconds)
        self.explorer = Explorer(player, self.findings, budget, seed=SEED, jobs=jobs)
        try:
            await self.explorer.run()
        finally:
            write_page(self.folder, self.findings, self.target.info, self.explorer.progress())

    def result(self, problem: str = "") -> Exploration:
        """Return what was found up to here. `problem` is the reason why nothing could be."""
        verdicts: Counter[str] = Counter() if self.explorer is None else self.explorer.verdicts
        judged = verdicts["legal"] + verdicts["illegal"]
        # What was not examined, or not confirmed, is no finding yet.
        keys = {*self.findings.new, *self.findings.known, *self.findings.declared}
        found = [self._explored(key) for key in sorted(keys) if self.findings.counts[key] > 0]
        undeclared = [one for one in found if one.known is None]
        word, reason = "PASS", f"an order explains each of {judged} histories, and they break no rule"
        if undeclared:
            # As in the suite, what breaks no more than a SHOULD is reported and does not fail.
            word = "FAIL" if any(one.level == "MUST" for one in undeclared) else "WARN"
            reason = f"some histories break a law: {', '.join(one.finding for one in undeclared)}"
        elif found:
            word, reason = "FAIL", f"known findings: {', '.join(one.finding for one in found)}"
        elif problem or not judged:
            word, reason = "INCONCLUSIVE", problem or f"no history was judged within {self.seconds:g} s"
        return Exploration(
            verdict=word,  # type: ignore[arg-type]  # one of three words
            reason=self.target.redactor.text(reason),
            seconds=self.seconds,
            seed=SEED,
            histories=sum(verdicts.values()),
            not_judged=verdicts["unknown"],
            findings=tuple(found),
        )

    def _explored(self, key: str) -> Explored:
        count, known = self.findings.counts[key], self.findings.declared.get(key)
        history = self.findings.new.get(key) or self.findings.known.get(key)
        if history is None:
            return Explored(finding=key, histories=count, known=known)
        return Explored(
            finding=key,
            histories=count,
            level=history.level,
            known=known,
            why=history.why,
            moves=tuple(move.describe() for move in history.scenario.moves),
            failures=history.failures,
            plays=history.plays,
            repeat=self._repeat(history),
        )

    def _repeat(self, history: KeptHistory) -> str:
        """Return the command that plays a history again. It names no header, which may be a secret."""
        parts = ["doubletext", "play", str(self.folder / f"{file_name(history)}.history.json")]
        if self.options.urls:
            parts += ["--deployment-url", self.target.info.url]
        if self.options.assistant_named:
            parts += ["--deployment-assistant", self.options.assistant]
        return shlex.join(parts)


def explore(
    session: Session,
    position: int,
    scratch: Callable[[], Path],
    interrupted: Callable[[dict[str, Any]], None],
) -> CaseResult:
    """Explore one deployment and return the result of its test.

    `scratch` returns a folder for the findings of a run without a report. `interrupted` gets the record of an
    exploration that is ended from outside. Raise UnreadableHistory.
    """
    visit = _visit(session, position, scratch)
    problem = ""
    try:
        session.visit(position, visit.explore)
    except NotJudgeable as reason:
        problem = f"the deployment cannot be judged: {reason}"
    except NotExplorable as reason:
        problem = f"the deployment cannot be explored: {reason}"
    except (KeyboardInterrupt, Interrupted):
        if visit.explorer is not None:
            interrupted(_record(session, position, visit.result()))
        raise
    result = visit.result(problem)
    record = _record(session, position, result)
    name = session.options.names[position]
    undeclared = [one for one in result.findings if one.known is None]
    if result.verdict in ("PASS", "WARN"):
        return CaseResult("pass", "", record)
    if result.verdict == "FAIL" and not undeclared:
        reasons = "; ".join(f"{one.finding}: {one.known}" for one in result.findings)
        return CaseResult("xfail", f"known: {reasons}", record)
    return CaseResult("fail", _text(name, result, undeclared, visit.folder / PAGE), record)


def _visit(session: Session, position: int, scratch: Callable[[], Path]) -> _Visit:
    options = session.options
    report = session.folder_of(position)
    folder = (report or scratch() / f"doubletext-{position + 1}") / EXPLORATION
    assert options.explore is not None, "the test exists only with the option"
    return _Visit(options, session.target(position), options.explore, folder, Findings(folder, options.profile))


def _record(session: Session, position: int, result: Exploration) -> dict[str, Any]:
    return {**session.head(position), "unjudged": False, "exploration": msgspec.to_builtins(result)}


def _text(name: str, result: Exploration, undeclared: list[Explored], page: Path) -> str:
    """Return the failure in words: each finding with its smallest history and the command that repeats it."""
    lines = [f"{result.verdict}  exploration of {name}", result.reason]
    for one in undeclared[:SHOWN]:
        lines += ["", f"{one.finding} (in {one.histories} of {result.histories} histories)"]
        lines += [f"  {one.why}", f"  {one.failures} of {one.plays} plays of this history show it:"]
        lines += [f"    {number}. {move}" for number, move in enumerate(one.moves, start=1)]
        lines.append(f"  repeat  {one.repeat}")
    if len(undeclared) > SHOWN:
        lines += ["", f"and {len(undeclared) - SHOWN} more findings"]
    if undeclared:
        lines += ["", f"page  {page}"]
    return "\n".join(lines)
