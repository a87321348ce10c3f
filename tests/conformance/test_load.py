"""Reports and transcripts can be read back, or one line states why not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from conformance.report.load import Unreadable, read_report, read_transcript
from conformance.transcript.transcript import Transcript, encode
from tests.conformance.plays import play_named
from tests.conformance.reports import NAMES, TOOLS, write_folder

FIRST_REPORT = Path(__file__).parents[2] / "fixtures" / "reports" / "first-report.json"
"""A report that the suite wrote before reports had rules and moments."""


@pytest.fixture(scope="module")
def plays() -> dict[str, Transcript]:
    return play_named(*NAMES)


def test_what_was_written_is_read_back(tmp_path: Path, plays: dict[str, Transcript]) -> None:
    report = write_folder(tmp_path, [plays[TOOLS]])
    assert read_report(tmp_path) == read_report(tmp_path / "report.json") == report
    assert encode(read_transcript(tmp_path / f"transcripts/{TOOLS}.json")) == encode(plays[TOOLS])


def test_an_older_report_is_read(tmp_path: Path) -> None:
    report = read_report(FIRST_REPORT)
    assert report.results
    assert report.rules == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{", "not valid JSON: "),
        (b"\xff", "not valid JSON: "),
        (b"[" * 5000, "not valid JSON: "),
        (b"[]", "not a doubletext-report: it has no `format`"),
        (b"{}", "not a doubletext-report: it has no `format`"),
        (b'{"format": "doubletext-transcript"}', "not a doubletext-report: its `format` is doubletext-transcript"),
        (b'{"format": "doubletext-report"}', "without a valid `version`"),
        (b'{"format": "doubletext-report", "version": true}', "without a valid `version`"),
        (b'{"format": "doubletext-report", "version": 0}', "without a valid `version`"),
        (
            b'{"format": "doubletext-report", "version": 2}',
            "version 2 is newer than this doubletext, which reads",
        ),
        (
            b'{"format": "doubletext-report", "version": 1}',
            "an invalid doubletext-report: Object missing required field",
        ),
    ],
)
def test_a_file_that_is_no_report_is_refused_in_one_line(tmp_path: Path, text: bytes, why: str) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(text)
    with pytest.raises(Unreadable) as said:
        read_report(path)
    assert str(said.value).startswith(f"{path}: ")
    assert why in str(said.value)
    assert "\n" not in str(said.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="cannot be read: No such file"):
        read_transcript(tmp_path / "x.json")


def test_a_transcript_of_a_newer_version_is_not_guessed_at(tmp_path: Path, plays: dict[str, Transcript]) -> None:
    raw = msgspec.json.decode(encode(plays[TOOLS]))
    (tmp_path / "t.json").write_bytes(msgspec.json.encode({**raw, "version": 2}))
    with pytest.raises(Unreadable, match="pip install --upgrade doubletext"):
        read_transcript(tmp_path / "t.json")
