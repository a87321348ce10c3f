"""The report: `report.json` and the transcripts it points to."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from conformance.judge.judging import WORDS, Word
from conformance.requirements.registry import Level, Needs, Registry
from conformance.transcript.size import bounded
from conformance.transcript.transcript import SuiteInfo, TargetInfo, Transcript, encode

FORMAT: Literal["doubletext-report"] = "doubletext-report"
VERSION: Literal[1] = 1
REPORT = "report.json"
RACE = "race "
"""The beginning of a note about a race that was played several times."""
TRANSCRIPTS = "transcripts"
"""The folder of the transcripts, beside the report."""
CALIBRATION = "calibration.json"
"""The file with the plays by which a deployment was examined, beside the report."""
EXPLORATION = "exploration"
"""The folder of what an exploration found, beside the report."""


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One verdict. `transcript` is a path relative to the report, and `known` the profile's reason for the failure.

    `freedom` is the documented freedom that the deployment took. `see` lists the `seq` of the moments of the transcript
    that show the verdict. `expected` and `observed` are given for a failure. The number of plays that were judged is
    `plays`. It is above 1 when a report to the witness was lost and the scenario was played again, or when it is a
    race. `branches` then has how many plays took each branch of the race.
    """

    requirement: str
    level: Level
    scenario: str
    verdict: Word
    reason: str
    transcript: str | None = None
    known: str | None = None
    freedom: str | None = None
    expected: str = ""
    observed: str = ""
    see: tuple[int, ...] = ()
    plays: int = 1
    branches: dict[str, int] = {}

    @property
    def id(self) -> str:
        """The id of the test, `SCENARIO::REQUIREMENT`."""
        return f"{self.scenario}::{self.requirement}"


class Cause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A broken requirement, the broken requirements that it explains, and the known fault that it resembles.

    `fault` is the name of the fault, None where it resembles none, or several equally.
    """

    requirement: str
    explains: tuple[str, ...] = ()
    fault: str | None = None


class Explored(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A law that some histories break, with the smallest history that was found.

    The number of histories that showed it is `histories`. The level of the requirement, or MUST, is `level`.

    The reading or request that no order explains is `why`, or what the requirement expected. `failures` of `plays` of
    the smallest history showed it. The command `repeat` plays it again. A finding that the profile declares has the
    profile's reason in `known`, and no history.
    """

    finding: str
    histories: int
    level: Literal["MUST", "SHOULD"] = "MUST"
    known: str | None = None
    why: str = ""
    moves: tuple[str, ...] = ()
    failures: int = 0
    plays: int = 0
    repeat: str = ""


class Exploration(msgspec.Struct, frozen=True, kw_only=True):
    """The result of exploring the deployment with random histories of one `seed` for some `seconds`.

    Of `histories`, those with more possible orders than the checker can visit are `not_judged`.
    """

    verdict: Word
    reason: str
    seconds: float
    seed: int
    histories: int
    not_judged: int
    findings: tuple[Explored, ...] = ()


class JudgedRequirement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A requirement of the rule book by which the report was judged.

    With it a later version of the suite can show the report, and judge its transcripts again by the same rule book.
    """

    id: str
    level: Level
    sentence: str
    sources: tuple[str, ...]
    shown_by: tuple[str, ...]
    not_by: tuple[str, ...] = ()
    argument: str = ""
    documented: str | None = None
    also: tuple[str, ...] = ()
    needs: Needs = "witness"

    @property
    def area(self) -> str:
        """The letters of the id, such as `INT`."""
        return self.id.partition("-")[0]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of one run of the suite about one deployment. `summary` counts the verdicts of each kind.

    The broken requirements that explain the others are `causes`, the worst first. Known failures of the profile that
    did not happen are `stale`. Remarks on how the deployment was judged are `notes`. The reason why it could not be
    judged, or not to the end, is `problem`. What ended the run before its time is `incomplete`. The number of runs
    that the deployment executes at a time is `workers`, if it was measured. The whole rule book is `rules`. The
    wall-clock time in ISO 8601 is `finished_at`. A run with `--conformance-explore` has an `exploration`.
    """

    format: Literal["doubletext-report"] = FORMAT
    version: Literal[1] = VERSION
    suite: SuiteInfo
    target: TargetInfo
    summary: dict[Word, int]
    results: list[Result]
    causes: list[Cause] = []
    stale: list[str] = []
    notes: list[str] = []
    problem: str | None = None
    workers: int | None = None
    incomplete: str | None = None
    rules: list[JudgedRequirement] = []
    finished_at: str | None = None
    exploration: Exploration | None = None

    def rule(self, requirement_id: str) -> JudgedRequirement | None:
        """Return a requirement of the report's rule book, or None when the report does not contain it."""
        return next((rule for rule in self.rules if rule.id == requirement_id), None)

    def explained_by(self, requirement_id: str) -> tuple[str, ...]:
        """Return the broken requirements that follow from this one."""
        return next((cause.explains for cause in self.causes if cause.requirement == requirement_id), ())


def rules_of(registry: Registry) -> list[JudgedRequirement]:
    """Return the rule book as a report carries it."""
    return [
        msgspec.convert(requirement, JudgedRequirement, from_attributes=True) for requirement in registry.requirements
    ]


def summarise(results: Iterable[Result]) -> dict[Word, int]:
    """Return the number of verdicts of each kind, with 0 for those that were not given."""
    counts = Counter(result.verdict for result in results)
    return {word: counts[word] for word in WORDS}


def transcript_path(scenario_id: str) -> str:
    """Return the path of a scenario's transcript, relative to the report."""
    return f"{TRANSCRIPTS}/{scenario_id}.json"


def write_transcript(folder: Path, transcript: Transcript) -> Path:
    """Write one transcript under `folder`, bounded in size, and return its path. Raise OSError."""
    # A run may be killed at any moment, and what it has written is used by the run that resumes it.
    return write_whole(folder / transcript_path(transcript.scenario.id), encode(bounded(transcript)))


def write_calibration(folder: Path, plays: Sequence[Transcript]) -> Path:
    """Write the plays of an examination as one transcript, and return its path. Raise OSError."""
    # Beside the transcripts, and not among them: it is judged by no requirement.
    whole = msgspec.structs.replace(plays[-1], earlier=tuple(plays[:-1]))
    return write_whole(folder / CALIBRATION, encode(bounded(whole)))


def write_report(folder: Path, report: Report) -> Path:
    """Write `report.json` under `folder` and return its path. Raise OSError."""
    return write_whole(folder / REPORT, msgspec.json.format(msgspec.json.encode(report), indent=1))


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file at once, so that a run that is killed leaves the old one or the new one. Raise OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        # A pipe or a terminal, such as /dev/stdout, cannot be replaced.
        path.write_bytes(content)
        return path
    # Several processes may write it: every worker of xdist examines the deployment, and keeps what it played.
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        # A link stays a link.
        unfinished.replace(path.resolve())
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return path


def slug(url: str) -> str:
    """Return a deployment's URL as a folder name, without user and password."""
    address = (url.partition("://")[2] or url).rpartition("@")[2]
    return re.sub(r"[^A-Za-z0-9.]+", "-", address).strip("-.") or "deployment"
