"""Reports for tests, made without a run of pytest from transcripts of the correct mock and from edited ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from conformance.judge.profiles import NOTHING_DECLARED, Profile
from conformance.report.html import write_page
from conformance.report.rejudge import judge_again, read_transcripts
from conformance.report.report import Report, rules_of, write_report, write_transcript
from conformance.requirements import registry
from conformance.transcript.transcript import Transcript
from tests.conformance.plays import SUITE, edited, move_report, run_status, witness

TOOLS = "interrupt/during-tools/create/unwatched"

LATE_EXIT = move_report("A", "exit", behind=witness("B", "exit"), step="tools:1")
"""An edit in which run A's tool ends while run B executes already, which breaks INT-07 and RUN-05."""

AS_ERROR = run_status("A", "error")
"""An edit in which run A ends `error` when it is superseded, which breaks INT-02."""


NAMES = (
    TOOLS,
    f"{TOOLS}/elsewhere",
    "interrupt/during-tools/stream/unwatched",
    "interrupt/lingering/create/unwatched",
    "reject/during-tools/create/unwatched",
    "rollback/during-tools/create/unwatched",
)
"""Plays with everything that a report can show. The whole catalogue takes minutes on a busy machine."""


def broken(plays: Mapping[str, Transcript], name: str = TOOLS) -> Transcript:
    """Return the record of a server that starts run B too early."""
    return edited(plays[name], LATE_EXIT)


def write_folder(folder: Path, transcripts: Iterable[Transcript], profile: Profile = NOTHING_DECLARED) -> Report:
    """Write the files of `--conformance-report` for these plays and return the report."""
    # From the files, as `python -m conformance judge` does: the tests then cover reading as well.
    for transcript in transcripts:
        write_transcript(folder, transcript)
    report = judge_again(read_transcripts(folder), rules_of(registry.load()), SUITE, profile)
    write_report(folder, report)
    write_page(folder, report)
    return report
