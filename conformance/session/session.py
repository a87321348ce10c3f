"""One run of the suite: its cases, the verdict of each, and the record of the verdict for the report."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from conformance.driver.witness import Witness
from conformance.judge.judging import Verdict, is_red
from conformance.judge.judging import judge as judge_play
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED, misfit, proposals
from conformance.report.failure import deciding, explain, repeating
from conformance.report.report import TRANSCRIPTS, Result, transcript_path, write_calibration, write_transcript
from conformance.requirements import registry
from conformance.requirements.areas import MARKERS, family_marker
from conformance.requirements.judged import requirements_in
from conformance.requirements.registry import Requirement
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.scenario import Scenario
from conformance.session import resume
from conformance.session.mock_process import MANY
from conformance.session.options import Options
from conformance.session.play_process import PlayProcess
from conformance.session.players import NotJudgeable, Players, PlayPool
from conformance.session.processes import apart
from conformance.session.target import Target
from conformance.transcript.transcript import SuiteInfo, Transcript

_T = TypeVar("_T")


@dataclass(frozen=True)
class Case:
    """One test: a requirement that is judged in a scenario at a deployment (`position` in the order of the options)."""

    position: int
    scenario: Scenario
    requirement: Requirement
    deployment: str
    id: str

    @property
    def markers(self) -> tuple[str, ...]:
        """The markers for `-m`: the requirement's area, the scenario's strategy, and `races` for a race."""
        found = [MARKERS[self.requirement.area], family_marker(self.scenario.family)]
        return tuple(dict.fromkeys([*found, *(["races"] if self.scenario.race else [])]))


@dataclass(frozen=True)
class CaseResult:
    """The outcome of a test: `how` pytest counts it, `text` for its users, and `record` for the report."""

    how: Literal["pass", "fail", "xfail", "skip"]
    text: str
    record: dict[str, Any]


MORE = 20
"""The number of scenarios from which a run has more than the tier smoke."""


class Session:
    """The state of one run: its options, the rule book, the players, and the transcripts that were written.

    Nothing is started before the first play. `launched` is the process that will play, if it is there already.
    """

    def __init__(self, options: Options, launched: subprocess.Popen[bytes] | None = None) -> None:
        self.options = options
        self._launched = launched
        self.registry = registry.load()
        self.suite = SuiteInfo.here(self.registry.revision)
        self._opened = False
        self._plays: dict[tuple[int, str], Play] = {}
        self._unjudged: Counter[tuple[int, str]] = Counter()
        """By play: the cases that are still to be judged by it."""
        self._resumed: set[tuple[int, str]] = set()
        """The plays that the run which this one resumes has made."""
        self._written: dict[tuple[int, str], Path] = {}

    @property
    def family_markers(self) -> set[str]:
        """The markers of all strategies."""
        return {family_marker(scenario.family) for scenario in catalogue()}

    def cases(self, families: Sequence[str]) -> list[Case]:
        """Return every case of these families of scenarios, scenario by scenario, at every deployment."""
        # The order matters: all requirements of a scenario follow each other, so that a test waits for its play only
        # once, and the progress and xdist's distribution can group by scenario.
        names = self.options.names
        return [
            Case(
                position,
                scenario,
                requirement,
                name,
                (f"{name}::" if len(names) > 1 else "") + f"{scenario.id}::{requirement.id}",
            )
            for position, name in enumerate(names)
            for scenario in catalogue()
            if scenario.family in families
            for requirement in requirements_in(scenario.id)
        ]

    def begin(self, cases: Iterable[Case]) -> None:
        """Start to play the scenarios of these cases in the background."""
        selected = list(cases)
        for case in selected:
            self._unjudged[case.position, case.scenario.id] += 1
        # A run may be killed before its first play is over, and the folder then shows that it can be resumed.
        for folder in filter(None, map(self.folder_of, {case.position for case in selected})):
            (folder / TRANSCRIPTS).mkdir(parents=True, exist_ok=True)
        missing: dict[int, list[Scenario]] = {}
        for case in {(case.position, case.scenario.id): case for case in selected}.values():
            if self._kept(case) is not None:
                self._resumed.add((case.position, case.scenario.id))
            else:
                missing.setdefault(case.position, []).append(case.scenario)
        # Together, because the pool begins with the scenarios that take longest.
        for position, scenarios in missing.items():
            self._pool.begin(self._targets[position], scenarios)

    def beginning(self) -> list[str]:
        """Return the lines on what happens before the first verdict, which may take long on a slow deployment."""
        kept, selected = len(self._resumed), len(self._unjudged)
        lines = []
        if self.options.resume is not None and selected:
            from_there = f"are judged from {self.options.resume}, the others are played"
            lines.append(f"resumed: {kept} of {selected} scenarios {from_there}")
        # The embedded mock takes less than a second.
        if self.options.urls and selected > kept:
            soonest = " (--conformance-tier=smoke has it soonest)" if selected - kept > MORE else ""
            lines.append(f"examining the deployment with a few plain runs, before the first verdict{soonest}")
        return lines

    def first_over(self, cases: Sequence[Case]) -> int:
        """Wait until the play of one of these cases is over, and return the index of the case."""
        for index, case in enumerate(cases):
            # What an earlier run has played is over.
            if (case.position, case.scenario.id) in self._resumed:
                return index
        return self._pool.first_over([(self._targets[case.position], case.scenario) for case in cases])

    def judge(self, case: Case, scratch: Callable[[], Path]) -> CaseResult:
        """Judge one case. `scratch` returns a folder for the transcripts of failures in a run without a report.

        Raise Interrupted when the run was interrupted before the play was over.
        """
        try:
            return self._judge(case, scratch)
        finally:
            self._forget(case)

    def accept(self, case: Case) -> CaseResult | None:
        """Judge one case. Return None, and change nothing, if the verdict is red. Raise Interrupted like `judge`."""
        try:
            play = self._play(case)
        except NotJudgeable:
            return None
        verdict = judge_play(case.requirement, play, self.options.profile)
        if is_red(verdict, strict=self.options.strict):
            return None
        self._keep_calibration(case, None)
        self._forget(case)
        return self._accepted(case, play, verdict)

    def _judge(self, case: Case, scratch: Callable[[], Path]) -> CaseResult:
        target = self._targets[case.position]
        try:
            play = self._play(case)
        except NotJudgeable as problem:
            verdict = Verdict(word="INCONCLUSIVE", reason=f"the deployment cannot be judged: {problem}")
            record = self._record(case, target, verdict, None)
            record["unjudged"] = True
            where = self._keep_calibration(case, scratch)
            seen = f"\ntranscript  {where}" if where else ""
            return CaseResult("fail", f"INCONCLUSIVE  {case.id}\n{verdict.reason}{seen}", record)
        self._keep_calibration(case, None)
        verdict = judge_play(case.requirement, play, self.options.profile)
        if not is_red(verdict, strict=self.options.strict):
            return self._accepted(case, play, verdict)
        where = self._keep(case, play.transcript, scratch)
        record = self._record(case, target, verdict, self._transcript_path(case))
        exchange = deciding(play, verdict.see)
        record["repeat"] = None if exchange is None else repeating(exchange, play.transcript.target.url)
        return CaseResult("fail", explain(case.requirement, play, verdict, str(where)), record)

    def _transcript_path(self, case: Case) -> str | None:
        return transcript_path(case.scenario.id) if self.options.folder else None

    def _accepted(self, case: Case, play: Play, verdict: Verdict) -> CaseResult:
        """Return the result of a verdict that is not red."""
        self._keep(case, play.transcript, None)
        record = self._record(case, self._targets[case.position], verdict, self._transcript_path(case))
        if verdict.known is not None:
            return CaseResult("xfail", f"known: {verdict.known}", record)
        if verdict.word == "NOT-APPLICABLE":
            return CaseResult("skip", verdict.reason, record)
        return CaseResult("pass", "", record)

    def target(self, position: int) -> Target:
        """Return a deployment. The embedded mock is started for it."""
        return self._targets[position]

    def visit(self, position: int, work: Callable[[Witness], Awaitable[_T]]) -> _T:
        """Examine a deployment, and wait for work that uses it. Raise NotJudgeable, or Interrupted."""
        assert isinstance(self._pool, PlayPool)
        return self._pool.visit(self._targets[position], work)

    def head(self, position: int) -> dict[str, Any]:
        """Return a record about a deployment, without a verdict."""
        return self._head(position, self._targets[position])

    def heads(self) -> list[dict[str, Any]]:
        """Return a record without a verdict for each deployment, for a run that ends before the first one."""
        if "_targets" not in self.__dict__ and not self.options.urls:
            return []  # the run ended before it started the embedded mock
        return [self.head(position) for position in range(len(self._targets))]

    def interrupt(self) -> None:
        """End the wait for a play, if there is one. The handler of a signal may call this at any moment."""
        if self._opened:
            self._pool.interrupt()

    def close(self) -> None:
        """Stop the players, if any were started."""
        if self._opened:
            self._pool.stop()

    def folder_of(self, position: int) -> Path | None:
        """Return the folder of the report on one deployment: with several, each has its own inside the given one."""
        return None if self.options.folder is None else self._folder_in(self.options.folder, position)

    def _folder_in(self, folder: Path, position: int) -> Path:
        names = self.options.names
        return folder if len(names) < 2 else folder / f"{position + 1}-{names[position]}"

    # -- inside ------------------------------------------------------------------------------------------

    @cached_property
    def _pool(self) -> Players:
        options = self.options
        pool: Players
        if apart(options):
            pool = PlayProcess(
                suite=self.suite,
                jobs=options.jobs,
                witness_host=options.witness_host,
                keep=self._keep_at_once,
                many=len(self._unjudged) >= MANY,
                launched=self._launched,
            )
        else:
            pool = PlayPool(
                suite=self.suite,
                jobs=options.jobs,
                witness_host=options.witness_host,
                connection=options.connection,
                keep=self._keep_at_once,
            )
        pool.start()
        # Only now: when the witness cannot listen, `start` raises, and there is nothing that `close` could stop.
        self._opened = True
        return pool

    @cached_property
    def _targets(self) -> list[Target]:
        return [
            Target(
                url=url,
                assistant=self.options.assistant,
                named=self.options.assistant_named,
                headers=self.options.headers,
                profile=self.options.profile.name if self.options.profile is not NOTHING_DECLARED else None,
                deadlines=self.options.deadlines,
                secret=self.options.connection.secret,
                name=self.options.given[position] if self.options.given else None,
            )
            for position, url in enumerate(self.options.urls or [self._mock()])
        ]

    def _mock(self) -> str:
        """Start the embedded mock and return its URL."""
        pool = self._pool
        return pool.embed_mock() if isinstance(pool, PlayPool) else pool.start_mock()

    def _play(self, case: Case) -> Play:
        """Return the facts of the case's play. Raise NotJudgeable."""
        key = (case.position, case.scenario.id)
        if key not in self._plays:
            transcript = self._kept(case) or self._pool.transcript(self._targets[case.position], case.scenario)
            self._plays[key] = Play(transcript)
        return self._plays[key]

    def _kept(self, case: Case) -> Transcript | None:
        """Return the transcript of the case's scenario from the run that this one resumes."""
        if self.options.resume is None:
            return None
        folder = self._folder_in(self.options.resume, case.position)
        target = self._targets[case.position]
        found = resume.kept(folder, case.scenario, target.info.url, target.assistant, self.suite)
        # Where nothing is left to play, the deployment is not examined again.
        if found is not None and target.info.server is None:
            target.info = msgspec.structs.replace(found.target, profile=target.info.profile, name=target.info.name)
        return found

    def _forget(self, case: Case) -> None:
        """Drop the play of a case once all of its requirements are judged."""
        # The transcripts of a whole run may be larger than the memory.
        key = (case.position, case.scenario.id)
        self._unjudged[key] -= 1
        if not self._unjudged[key]:
            self._plays.pop(key, None)
            self._pool.forget(self._targets[case.position], case.scenario)

    def _keep_at_once(self, target: Target, transcript: Transcript | None) -> None:
        """Write a play that is over, or the plays of an examination, into the report's folder, if there is one."""
        position = next(position for position, one in enumerate(self._targets) if one is target)
        folder = self.folder_of(position)
        if folder is None:
            return
        if transcript is not None:
            self._written[position, transcript.scenario.id] = write_transcript(folder, transcript)
        elif target.calibration:
            self._written[position, "calibration"] = write_calibration(folder, target.calibration)

    def _keep(self, case: Case, transcript: Transcript, scratch: Callable[[], Path] | None) -> Path | None:
        """Write the transcript into the report's folder, or for a failure into `scratch`, and return its path.

        Return None for a PASS in a run without a report. Each transcript is written once.
        """
        key = (case.position, case.scenario.id)
        if key not in self._written:
            folder = self.folder_of(case.position)
            if folder is None:
                if scratch is None:
                    return None
                folder = scratch() / f"doubletext-{case.position + 1}"
            self._written[key] = write_transcript(folder, transcript)
        return self._written[key]

    def _keep_calibration(self, case: Case, scratch: Callable[[], Path] | None) -> Path | None:
        """Write the plays of the examination into the report's folder, or else into `scratch`, and return the path."""
        key, plays = (case.position, "calibration"), self._targets[case.position].calibration
        folder = self.folder_of(case.position) or (scratch() if scratch else None)
        # A run that resumes another and has nothing to play examines nothing.
        if key not in self._written and folder is not None and plays:
            self._written[key] = write_calibration(folder, plays)
        return self._written.get(key)

    def _record(self, case: Case, target: Target, verdict: Verdict, transcript: str | None) -> dict[str, Any]:
        """Return the verdict as it travels to the report, in plain JSON values, which xdist can send."""
        # Redacted once more, because reports are published and a verdict quotes what the deployment answered.
        result = Result(
            requirement=case.requirement.id,
            level=case.requirement.level,
            scenario=case.scenario.id,
            verdict=verdict.word,
            reason=target.redactor.text(verdict.reason),
            transcript=transcript,
            known=verdict.known,
            freedom=verdict.freedom,
            expected=target.redactor.text(verdict.expected),
            observed=target.redactor.text(verdict.observed),
            see=verdict.see,
            plays=verdict.plays,
            branches=verdict.branches,
        )
        return {**self._head(case.position, target), "unjudged": False, "result": msgspec.to_builtins(result)}

    def _head(self, position: int, target: Target) -> dict[str, Any]:
        """Return the part of a record that is about the deployment."""
        folder = self.folder_of(position)
        record: dict[str, Any] = msgspec.to_builtins(
            {
                "position": position,
                "suite": self.suite,
                "target": target.info,
                "problem": target.problem,
                "workers": None if target.problem or not target.counted else target.width,
                "notes": self._notes(target),
                "folder": str(folder) if folder else None,
            }
        )
        return record

    def _notes(self, target: Target) -> list[str]:
        """Return notes for the reader of the verdicts: how the agent was found, and the profile that fits."""
        if target.problem is not None:
            return []
        notes = list(target.notes)
        profile = self.options.profile
        if profile is not NOTHING_DECLARED:
            unfit = misfit(profile, target.info)
            return notes if unfit is None else [*notes, unfit]
        return notes + [
            f"no profile was given, and profile {fitting.name} is for such a server; "
            f"judge by it with --deployment-profile={fitting.name}"
            for fitting in proposals(target.info)
            if target.workers is None or fitting.workers in (None, target.workers)
        ]
