"""`docs/reference/compatibility.md` says what the reports of the reference servers say."""

from __future__ import annotations

from pathlib import Path

from conformance.report.compare import read_comparison
from tests.pages import COMPARISON


def test_it_tells_of_every_server_of_the_field_with_its_version_and_the_day() -> None:
    found = read_comparison(COMPARISON)
    assert {column.name.split()[0] for column in found.columns} == {
        "Aegra",
        "doubletext-mockserver",
        "langgraph-api",
        "langgraph-js",
    }
    assert "langgraph-api 0.11.1, langhost" in {column.name for column in found.columns}
    assert all(column.finished_at for column in found.columns)
    assert all(not Path(column.file).is_absolute() for column in found.columns)
