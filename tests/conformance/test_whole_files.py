"""Files that are written in one step: a reader, or a run that is killed, sees the old one or the new one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import conformance
from conformance.report.html import page
from conformance.report.report import Report, summarise, write_whole
from conformance.transcript.transcript import TargetInfo
from tests.conformance.plays import SUITE

PACKAGE: Final = Path(conformance.__file__).parent
WRITES: Final = {"write_text", "write_bytes", "writelines", "open"}
EMPTY: Final = Report(suite=SUITE, target=TargetInfo("http://x"), summary=summarise([]), results=[])
ELSEWHERE: Final = {
    "report/report.py": "write_whole itself",
    "report/github.py": "appends to a file that other commands write to",
    "schemas/__init__.py": "a command for this repository",
    "driver/context.py": "opens an address, and no file",
}


def writes(path: Path) -> list[int]:
    """Return the lines in which a module may write a file by itself."""
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    return [call.lineno for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in WRITES]


def test_every_file_is_written_in_one_step() -> None:
    modules = {
        path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py") if "agents" not in path.parts
    }
    found = {name: lines for name, path in modules.items() if (lines := writes(path))}
    assert set(found) == set(ELSEWHERE), found


def test_a_page_that_breaks_off_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Report, __: Path) -> Iterator[str]:
        yield "<html>"
        raise KeyboardInterrupt

    old = page.write_page(tmp_path, EMPTY)
    whole = old.read_bytes()
    monkeypatch.setattr(page, "render_page", broken)
    with pytest.raises(KeyboardInterrupt):
        page.write_page(tmp_path, EMPTY)
    assert old.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [old]


def test_a_file_that_cannot_be_replaced_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(path), None, str(target))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "report.json", b"{}")
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_whole(Path("/dev/null"), b"text")
    assert Path("/dev/null").is_char_device()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    link = tmp_path / "junit.xml"
    link.symlink_to(tmp_path / "kept" / "junit.xml")
    (tmp_path / "kept" / "junit.xml").write_bytes(b"old")
    write_whole(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "kept" / "junit.xml").read_bytes() == b"new"
