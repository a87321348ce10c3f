from __future__ import annotations

from tests.explore.page import render

FOUND = {
    "name": "ghost_run",
    "found": True,
    "after": 12,
    "law": "run status: `error`",
    "moves": ["submit run A", "submit run B", "release every run", "wait until run A ends", "read state and history"],
}
MISSED = {"name": "wrong_parent", "found": False, "played": 100}


def test_the_page_counts_and_explains() -> None:
    page = render([FOUND, MISSED], seed=1, histories=100, reasons={"wrong_parent": "it has a reason"})
    assert "found 1 of 2 (50%)" in page
    assert (
        "| [`ghost_run`](defects.md#ghost_run) | 12 | `run status: error` | submit run A, then submit run B |\n" in page
    )
    assert "| [`wrong_parent`](defects.md#wrong_parent) | 100 | it has a reason |\n" in page


def test_a_page_without_misses_has_no_table_of_them() -> None:
    assert "Not found" not in render([FOUND], seed=1, histories=100, reasons={})
