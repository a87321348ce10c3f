"""The report: `report.json` and the transcripts it points to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from conformance.registry import Level
from conformance.transcript import SuiteInfo, TargetInfo, Transcript, encode
from conformance.verdicts import WORDS, Word

FORMAT: Literal["doubletext-report"] = "doubletext-report"
VERSION: Literal[1] = 1


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One verdict. `transcript` is a path relative to the report; `known` the profile's reason for the failure.

    `freedom` is the one that was taken, where a documented freedom was judged.
    """

    requirement: str
    level: Level
    scenario: str
    verdict: Word
    reason: str
    transcript: str | None = None
    known: str | None = None
    freedom: str | None = None

    @property
    def id(self) -> str:
        """`SCENARIO::REQUIREMENT`, the same as the test's."""
        return f"{self.scenario}::{self.requirement}"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of the suite found about one deployment; `summary` counts verdicts by word.

    `stale` lists known failures of the profile that did not happen, `notes` what a reader must know about how the
    verdicts came about.
    """

    format: Literal["doubletext-report"] = FORMAT
    version: Literal[1] = VERSION
    suite: SuiteInfo
    target: TargetInfo
    summary: dict[Word, int]
    results: list[Result]
    stale: list[str] = []
    notes: list[str] = []


def summarise(results: Iterable[Result]) -> dict[Word, int]:
    """How often each verdict was given; every word is there."""
    counts = Counter(result.verdict for result in results)
    return {word: counts[word] for word in WORDS}


def transcript_path(scenario_id: str) -> str:
    """Where a scenario's transcript lies, relative to the report."""
    return f"transcripts/{scenario_id}.json"


def write_transcript(folder: Path, transcript: Transcript) -> Path:
    """Write one transcript under `folder` and return its path; raises OSError."""
    path = folder / transcript_path(transcript.scenario.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(transcript))
    return path


def write_report(folder: Path, report: Report) -> Path:
    """Write `report.json` under `folder` and return its path; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    return path


def slug(url: str) -> str:
    """A deployment's URL as a folder name, without user and password."""
    address = (url.partition("://")[2] or url).rpartition("@")[2]
    return re.sub(r"[^A-Za-z0-9.]+", "-", address).strip("-.") or "deployment"
