"""Reports to read, made from the transcripts of the correct mock and of its broken twins, without a run of pytest."""

from __future__ import annotations

from collections.abc import Iterable
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
"""Run A's tool ends while run B executes already: INT-07 and RUN-05 are broken."""

AS_ERROR = run_status("A", "error")
"""Run A, superseded, ends `error`: INT-02 is broken."""


NAMES = (
    TOOLS,
    f"{TOOLS}/elsewhere",
    "interrupt/during-tools/stream/unwatched",
    "interrupt/lingering/create/unwatched",
    "reject/during-tools/create/unwatched",
    "rollback/during-tools/create/unwatched",
)
"""Plays that show what there is to show; the whole catalogue takes minutes on a busy machine."""


def broken(plays: dict[str, Transcript], name: str = TOOLS) -> Transcript:
    """The record of a server that starts run B too early."""
    return edited(plays[name], LATE_EXIT)


def write_folder(folder: Path, transcripts: Iterable[Transcript], profile: Profile = NOTHING_DECLARED) -> Report:
    """What --conformance-report writes, of these plays."""
    for transcript in transcripts:
        write_transcript(folder, transcript)
    report = judge_again(read_transcripts(folder), rules_of(registry.load()), SUITE, profile)
    write_report(folder, report)
    write_page(folder, report)
    return report
