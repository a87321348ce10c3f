"""`docs/reference/compatibility.md` says what the reports of the reference servers say."""

from __future__ import annotations

from pathlib import Path

from conformance.report.compare import in_markdown, read_comparison

CHECKOUT = Path(__file__).parents[1]
KEPT = CHECKOUT / "fixtures" / "reports" / "compatibility.json"
"""Made by: python -m conformance compare build/reference --json fixtures/reports/compatibility.json"""


def test_the_page_is_made_from_the_kept_comparison() -> None:
    page = (CHECKOUT / "docs" / "reference" / "compatibility.md").read_text("utf-8")
    assert page == in_markdown(read_comparison(KEPT)), (
        "run: python -m conformance compare fixtures/reports/compatibility.json "
        "--markdown docs/reference/compatibility.md"
    )


def test_it_tells_of_every_server_of_the_field_with_its_version_and_the_day() -> None:
    found = read_comparison(KEPT)
    assert {column.name.split()[0] for column in found.columns} == {
        "Aegra",
        "doubletext-mockserver",
        "langgraph-api",
        "langgraph-js",
    }
    assert "langgraph-api 0.11.1, langhost" in {column.name for column in found.columns}
    assert all(column.finished_at for column in found.columns)
    assert all(not Path(column.file).is_absolute() for column in found.columns)
