"""The reader of the suite's own files: reports, transcripts and thread states, of this version or an older one.

A file that cannot be used raises Unreadable, with one line that names the file, the reason and the remedy.
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
    """A file cannot be used. The text is one line with the file and the reason."""


def read_report(path: Path) -> Report:
    """Return the report in a file, or in the `report.json` of a folder. Raise Unreadable."""
    path = path / "report.json" if path.is_dir() else path
    return parse(_bytes(path), Report, report.FORMAT, report.VERSION, str(path))


def read_transcript(path: Path) -> Transcript:
    """Return the transcript in a file. Raise Unreadable."""
    return parse(_bytes(path), Transcript, transcript.FORMAT, transcript.VERSION, str(path))


def read_thread_state(path: Path) -> ThreadState:
    """Return the recorded state of a thread in a file. Raise Unreadable."""
    return parse(_bytes(path), ThreadState, record.FORMAT, record.VERSION, str(path))


def inside(folder: Path, path: str) -> Path:
    """Return the path of a file that a report names relative to its folder. Raise Unreadable for a path outside it."""
    # A report may come from anyone. It must not make the suite read, and then publish, other files of this machine.
    # `resolve` also follows links. It raises ValueError for a NUL character, which is therefore checked first.
    if "\0" in path or not (folder / path).resolve().is_relative_to(folder.resolve()):
        raise Unreadable(f"{one_line(path, 200)}: is outside the report's folder")
    return folder / path


def parse(raw: bytes, kind: type[_T], name: str, newest: int, where: str) -> _T:
    """Return a document of the format `name`, of any version up to `newest`. Raise Unreadable."""
    try:
        found: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:  # RecursionError: JSON that is nested very deeply
        raise Unreadable(f"{where}: not valid JSON: {one_line(str(error), 200)}") from None
    # Format and version come first: for another document, or one of a newer version, the error of the conversion below
    # would name some missing field.
    named = found.get("format") if isinstance(found, dict) else None
    if named != name:
        seen = f"its `format` is {one_line(str(named), 60)}" if isinstance(named, str) else "it has no `format`"
        raise Unreadable(f"{where}: not a {name}: {seen}")
    version = found.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise Unreadable(f"{where}: a {name} without a valid `version`")
    if version > newest:
        raise Unreadable(
            f"{where}: {name} version {version} is newer than this doubletext, which reads up to {newest}; "
            "upgrade it: pip install --upgrade doubletext"
        )
    try:
        return msgspec.convert(found, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Unreadable(f"{where}: an invalid {name}: {one_line(str(error), 200)}") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{path}: cannot be read: {error.strerror or error}") from None
