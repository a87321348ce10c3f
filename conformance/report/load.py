"""Reads back what the suite wrote: reports and transcripts, of this version or an older one.

A file that cannot be used is said to be so in one line: which, why, and what to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from conformance.report import report
from conformance.report.report import Report
from conformance.snapshots import record
from conformance.snapshots.record import ThreadState
from conformance.transcript import transcript
from conformance.transcript.text import one_line
from conformance.transcript.transcript import Transcript

_T = TypeVar("_T", bound=msgspec.Struct)


class Unreadable(Exception):  # noqa: N818 -- a finding about a file
    """A file cannot be used; the text is one line that says which and why."""


def read_report(path: Path) -> Report:
    """The report in a file, or the `report.json` of a folder; raises Unreadable."""
    path = path / "report.json" if path.is_dir() else path
    return parse(_bytes(path), Report, report.FORMAT, report.VERSION, str(path))


def read_transcript(path: Path) -> Transcript:
    """The transcript in a file; raises Unreadable."""
    return parse(_bytes(path), Transcript, transcript.FORMAT, transcript.VERSION, str(path))


def read_thread_state(path: Path) -> ThreadState:
    """The recorded state of a thread in a file; raises Unreadable."""
    return parse(_bytes(path), ThreadState, record.FORMAT, record.VERSION, str(path))


def inside(folder: Path, path: str) -> Path:
    """A path that a report gives relative to its folder; raises Unreadable.

    A report may come from anybody, and must not make us read, and publish, other files.
    """
    if "\0" in path or not (folder / path).resolve().is_relative_to(folder.resolve()):
        raise Unreadable(f"{one_line(path, 200)}: lies outside of the report's folder")
    return folder / path


def parse(raw: bytes, kind: type[_T], name: str, newest: int, where: str) -> _T:
    """A document of the format `name`, whose versions up to `newest` can be read; raises Unreadable."""
    try:
        found: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(f"{where}: no JSON: {one_line(str(error), 200)}") from None
    told = found.get("format") if isinstance(found, dict) else None
    if told != name:
        said = f"its format is {one_line(str(told), 60)}" if isinstance(told, str) else "it names no format"
        raise Unreadable(f"{where}: no {name}: {said}")
    version = found.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise Unreadable(f"{where}: a {name} without a version that can be read")
    if version > newest:
        raise Unreadable(
            f"{where}: {name} version {version} is newer than this doubletext, which reads up to {newest}; "
            "install a newer one: pip install --upgrade doubletext"
        )
    try:
        return msgspec.convert(found, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Unreadable(f"{where}: a broken {name}: {one_line(str(error), 200)}") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{path}: cannot be read: {error.strerror or error}") from None
