"""The report page of an exploration: each finding with its smallest history as a timeline."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from conformance.explore.findings import Findings, file_name
from conformance.explore.kept import KeptHistory
from conformance.explore.replay import as_test
from conformance.explore.rules import broken_rules
from conformance.histories.transcribe import transcribe
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.report.html.templating import environment
from conformance.report.report import write_whole
from conformance.report.timeline import Timeline, draw
from conformance.transcript.transcript import TargetInfo, Transcript, decode

PAGE = "explore.html"


@dataclass(frozen=True)
class Shown:
    """One finding on the page. `id` and `timeline` are what the macro of the timeline reads."""

    id: str
    history: KeptHistory
    timeline: Timeline
    count: int
    known: bool
    command: str
    test: str


def write_page(folder: Path, findings: Findings, target: TargetInfo, progress: str) -> Path:
    """Write the page of the findings into a folder, and return its path."""
    shown = [_shown(history, findings, target, known=False) for history in findings.new.values()]
    shown += [_shown(history, findings, target, known=True) for history in findings.known.values()]
    text = environment().get_template(PAGE).render(findings=shown, target=target, progress=progress)
    return write_whole(folder / PAGE, text.encode())


def _shown(history: KeptHistory, findings: Findings, target: TargetInfo, *, known: bool) -> Shown:
    transcript = findings.transcripts.get(history.key) or _kept(history, findings)
    play = Play(transcript)
    broken = _broken_at(play, history)
    name = f"{file_name(history)}.history.json"
    command = f"doubletext play {shlex.quote(name)} --deployment-url {shlex.quote(target.url)}"
    timeline = draw(play, {broken: history.law} if broken else None)
    return Shown(
        history.key, history, timeline, findings.counts[history.key], known, command, as_test(history, target.url)
    )


def _kept(history: KeptHistory, findings: Findings) -> Transcript:
    """Return the transcript of a finding of an earlier exploration."""
    assert findings.folder is not None, "a known finding comes from a folder"
    return decode((findings.folder / f"{file_name(history)}.transcript.json").read_bytes())


def _broken_at(play: Play, history: KeptHistory) -> int:
    """Return the moment of the reading or operation that is wrong, 0 if the play does not show it."""
    for reading in transcribe(play).readings:
        if reading.text in history.why:
            return reading.closes
    return next((one.seq for one in broken_rules(play, NOTHING_DECLARED) if one.law == history.law), 0)
