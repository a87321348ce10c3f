"""The findings of an exploration: one for each broken law and shape, with its smallest history.

They are written to a folder as they are found, so an exploration that is stopped loses none. The folder is the corpus
of the next exploration: a finding that it holds is counted and not reduced again. So is one that the profile declares.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import msgspec

from conformance.explore import kept
from conformance.explore.kept import KeptHistory
from conformance.histories.checker import Verdict
from conformance.histories.history import Operation, Reading
from conformance.judge.profiles import NOTHING_DECLARED, Profile
from conformance.report.report import write_whole
from conformance.transcript.transcript import Transcript
from conformance.transcript.transcript import encode as encode_transcript


def shape_of(verdict: Verdict) -> str:
    """Return what distinguishes a finding from others of its law, without labels, times and ids."""
    broken = verdict.broken
    if isinstance(broken, Operation):
        return re.sub(r"\b(run|runs) \w+", r"\1", broken.text)
    if isinstance(broken, Reading) and broken.subject in ("run status", "thread status"):
        return f"`{broken.shown}`"
    if isinstance(broken, Reading) and broken.subject == "result" and isinstance(broken.shown, str):
        return f"`{broken.shown}`"
    if isinstance(broken, Reading) and broken.subject == "result" and "`__interrupt__`" in broken.text:
        return "`__interrupt__`"
    return ""


def key_of(verdict: Verdict) -> str:
    """Return the finding that a verdict belongs to."""
    shape = shape_of(verdict)
    return f"{verdict.law}: {shape}" if shape else verdict.law


class Findings:
    """The findings so far, by key.

    `folder` is None for an exploration that writes nothing. `profile` declares findings.
    """

    def __init__(self, folder: Path | None, profile: Profile = NOTHING_DECLARED) -> None:
        self.folder = folder
        self.profile = profile
        self.declared: dict[str, str] = {}
        """The reasons of the findings that were seen and that the profile declares."""
        self.new: dict[str, KeptHistory] = {}
        self.transcripts: dict[str, Transcript] = {}
        self.known: dict[str, KeptHistory] = {}
        self.counts: Counter[str] = Counter()
        for path in sorted(folder.glob("*.history.json")) if folder is not None else ():
            history = kept.read(path)
            self.known[history.key] = history

    def count(self, verdict: Verdict) -> bool:
        """Count a history that no order explains. Return whether its finding is new."""
        key = key_of(verdict)
        self.counts[key] += 1
        reason = self.profile.known_finding(key)
        if reason is not None:
            self.declared[key] = reason
            return False
        return key not in self.known and key not in self.new

    def add(self, history: KeptHistory, transcript: Transcript) -> None:
        """Keep a new finding with its smallest history, and write both."""
        self.new[history.key] = history
        self.transcripts[history.key] = transcript
        if self.folder is not None:
            name = file_name(history)
            write_whole(self.folder / f"{name}.history.json", kept.encode(history))
            write_whole(self.folder / f"{name}.transcript.json", encode_transcript(transcript))

    def close(self) -> None:
        """Write how many histories showed each finding."""
        for key, history in (*self.known.items(), *self.new.items()):
            if self.folder is not None and self.counts[key]:
                counted = msgspec.structs.replace(history, seen=history.seen + self.counts[key])
                write_whole(self.folder / f"{file_name(history)}.history.json", kept.encode(counted))


def file_name(history: KeptHistory) -> str:
    """Return the name of a finding's files, without their ends."""
    return re.sub(r"[^a-z0-9]+", "-", history.key.lower()).strip("-")[:80]
