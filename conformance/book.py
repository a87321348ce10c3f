"""One run of the suite: which deployments are judged by what, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import httpx
import msgspec
import pytest

from conformance import profiles, registry
from conformance.catalogue import catalogue
from conformance.deadlines import Deadlines
from conformance.evidence import Play
from conformance.explain import explain
from conformance.profiles import NOTHING_DECLARED, Profile, ProfileError
from conformance.pytest_plugin import HEADER_VARIABLE
from conformance.registry import Requirement
from conformance.report import Result, slug, transcript_path, write_transcript
from conformance.scenarios import Scenario
from conformance.session import NotJudgeable, Session
from conformance.target import Target
from conformance.transcript import SuiteInfo, Transcript
from conformance.verdicts import Verdict, is_red
from conformance.verdicts import judge as judge_play

EMBEDDED_JOBS = 8


@dataclass(frozen=True)
class Case:
    """One test: a requirement to be judged in a scenario at a deployment (`position` among those given)."""

    position: int
    scenario: Scenario
    requirement: Requirement
    id: str


@dataclass(frozen=True)
class Outcome:
    """What becomes of a test: `record` is for the report, `text` for people."""

    how: Literal["pass", "fail", "xfail", "skip"]
    text: str
    record: dict[str, Any]


class Book:
    """Opened when the first test of the suite is collected; raises `pytest.UsageError` for unusable options."""

    def __init__(self, config: pytest.Config) -> None:
        option = config.option
        self.strict: bool = option.conformance_strict
        self.registry = registry.load()
        self.profile = _profile(option.deployment_profile)
        self.folder = _folder(option.conformance_report)
        self._urls: list[str] = [_url(url) for url in option.deployment_url or []]
        self._assistant: str = option.deployment_assistant
        self._headers = _headers(option.deployment_header or [])
        self._deadlines = Deadlines().scaled(_positive(option.conformance_deadline_scale))
        self._jobs = _jobs(option.conformance_jobs, embedded=not self._urls)
        self._witness_host: str | None = option.conformance_witness_host
        self.suite = SuiteInfo("doubletext", _version(), self.registry.revision)
        self._opened = False
        self._plays: dict[tuple[int, str], Play] = {}
        self._written: dict[tuple[int, str], Path] = {}

    def cases(self, families: Sequence[str]) -> list[Case]:
        """Every case of these families of scenarios, scenario by scenario, at every deployment."""
        names = [slug(url) for url in self._urls] or [""]
        return [
            Case(
                position,
                scenario,
                requirement,
                (f"{name}::" if len(names) > 1 else "") + f"{scenario.id}::{requirement.id}",
            )
            for position, name in enumerate(names)
            for scenario in catalogue()
            if scenario.family in families
            for requirement in self.registry.requirements
            if requirement.applies_to(scenario.id)
        ]

    def begin(self, cases: Iterable[Case]) -> None:
        """Begin to play the scenarios of these cases in the background."""
        for case in cases:
            self._session.begin(self._targets[case.position], [case.scenario])

    def judge(self, case: Case, scratch: Callable[[], Path]) -> Outcome:
        """Judge one case. `scratch` gives a folder for transcripts of failures when no report was asked for."""
        target = self._targets[case.position]
        try:
            play = self._play(case)
        except NotJudgeable as problem:
            verdict = Verdict(word="INCONCLUSIVE", reason=f"the deployment cannot be judged: {problem}")
            record = self._record(case, target, verdict, None)
            record["unjudged"] = True
            return Outcome("fail", f"INCONCLUSIVE  {case.id}\n{verdict.reason}", record)
        verdict = judge_play(case.requirement, play, self.profile)
        red = is_red(verdict, strict=self.strict)
        where = self._keep(case, play.transcript, scratch if red else None)
        record = self._record(case, target, verdict, transcript_path(case.scenario.id) if self.folder else None)
        if red:
            return Outcome("fail", explain(case.requirement, play, verdict, str(where)), record)
        if verdict.known is not None:
            return Outcome("xfail", f"known: {verdict.known}", record)
        if verdict.word == "NOT-APPLICABLE":
            return Outcome("skip", verdict.reason, record)
        return Outcome("pass", "", record)

    def close(self) -> None:
        """Stop playing."""
        if self._opened:
            self._session.stop()

    def folder_of(self, position: int) -> Path | None:
        """Where the report about one deployment goes: the folder itself, or one inside it for each of several."""
        if self.folder is None or len(self._urls) < 2:
            return self.folder
        return self.folder / f"{position + 1}-{slug(self._urls[position])}"

    # -- inside ------------------------------------------------------------------------------------------

    @cached_property
    def _session(self) -> Session:
        session = Session(suite=self.suite, jobs=self._jobs, witness_host=self._witness_host)
        session.start()
        self._opened = True
        return session

    @cached_property
    def _targets(self) -> list[Target]:
        return [
            Target(
                url=url,
                assistant=self._assistant,
                headers=self._headers,
                profile=self.profile.name if self.profile is not NOTHING_DECLARED else None,
                deadlines=self._deadlines,
            )
            for url in self._urls or [self._session.embed_mock()]
        ]

    def _play(self, case: Case) -> Play:
        """The facts of the case's play; raises NotJudgeable."""
        key = (case.position, case.scenario.id)
        if key not in self._plays:
            transcript = self._session.transcript(self._targets[case.position], case.scenario)
            self._plays[key] = Play(transcript)
        return self._plays[key]

    def _keep(self, case: Case, transcript: Transcript, scratch: Callable[[], Path] | None) -> Path | None:
        """Write the transcript where a report was asked for, or where a failure needs it."""
        key = (case.position, case.scenario.id)
        if key not in self._written:
            folder = self.folder_of(case.position)
            if folder is None:
                if scratch is None:
                    return None
                folder = scratch() / f"doubletext-{case.position + 1}"
            self._written[key] = write_transcript(folder, transcript)
        return self._written[key]

    def _record(self, case: Case, target: Target, verdict: Verdict, transcript: str | None) -> dict[str, Any]:
        """The verdict as it travels to the report, in plain JSON values."""
        result = Result(
            requirement=case.requirement.id,
            level=case.requirement.level,
            scenario=case.scenario.id,
            verdict=verdict.word,
            reason=target.redactor.text(verdict.reason),
            transcript=transcript,
            known=verdict.known,
        )
        folder = self.folder_of(case.position)
        record: dict[str, Any] = msgspec.to_builtins(
            {
                "position": case.position,
                "suite": self.suite,
                "target": target.info,
                "problem": target.problem,
                "folder": str(folder) if folder else None,
                "unjudged": False,
                "result": result,
            }
        )
        return record


def _version() -> str:
    try:
        return version("doubletext")
    except PackageNotFoundError:
        return "unknown (not installed)"


def _profile(name: str | None) -> Profile:
    if name is None:
        return NOTHING_DECLARED
    try:
        return profiles.load(name)
    except ProfileError as error:
        raise pytest.UsageError(f"--deployment-profile: {error}") from error


def _folder(name: str | None) -> Path | None:
    if name is None:
        return None
    folder = Path(name).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise pytest.UsageError(f"--conformance-report: {folder} cannot be made: {error}") from error
    return folder


def _url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise pytest.UsageError(f"--deployment-url: {text!r} is not a URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise pytest.UsageError(
            f"--deployment-url: {text!r} is not of the form http://HOST:PORT or https://HOST/PREFIX"
        )
    return text


def _headers(given: Sequence[str]) -> dict[str, str]:
    """Headers from the options and the environment variable; an error names the header, never its value."""
    headers: dict[str, str] = {}
    for line in [*os.environ.get(HEADER_VARIABLE, "").splitlines(), *given]:
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or not value.strip():
            raise pytest.UsageError(
                f"--deployment-header: {name.strip()[:20]!r}… is not of the form 'Name: value'"
                if colon
                else "--deployment-header: a header without a colon; the form is 'Name: value'"
            )
        headers[name.strip()] = value.strip()
    return headers


def _positive(scale: float) -> float:
    if not 0 < scale < 1000:
        raise pytest.UsageError(f"--conformance-deadline-scale: {scale} is not between 0 and 1000")
    return scale


def _jobs(given: int | None, *, embedded: bool) -> int:
    if given is None:
        return EMBEDDED_JOBS if embedded else 1
    if given < 1:
        raise pytest.UsageError(f"--conformance-jobs: {given} is less than 1")
    return given
