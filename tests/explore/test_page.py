from __future__ import annotations

import re
from typing import Any, Final

import pytest

from tests.explore.page import render
from tests.explore.proof import HISTORIES, PAGE, concerned, rows

NOT_FOUND: Final = "## Not found"

FOUND = {
    "name": "ghost_run",
    "found": True,
    "after": 12,
    "why": "no order of these explains run A `error` at 0.012 s",
    "moves": [
        "submit run A (create, no multitask_strategy, hold at x)",
        "submit run B",
        "release every run",
        "wait until run A ends",
        "read state and history",
    ],
}
BLIND = {"name": "wrong_parent", "found": False, "played": 40, "shown": [["a/b", "legal", ""]]}
RARE = {**BLIND, "name": "late_checkpoint", "shown": [["a/c", "legal", ""], ["a/d", "illegal", "state"]]}
WITH: dict[str, Any] = {"seed": 1, "histories": 40, "shrinks": 10}


def test_the_page_counts_and_explains() -> None:
    page = render([FOUND, BLIND, RARE], reasons={"wrong_parent": "it has a reason"}, **WITH)
    assert "found 1\nof 3 (33%)" in page
    row = (
        "| [`ghost_run`](defects.md#ghost_run) | 12 | run A `error` | submit run A (create, hold at x), then submit run"
    )
    assert f"{row} B |\n" in page
    assert "`](defects.md#wrong_parent) | `a/b` | an order explains it | it has a reason |\n" in page
    assert (
        "`](defects.md#late_checkpoint) | `a/d` | no order explains `state` | no random history of the budget has this "
        "moment |\n"
    ) in page


def test_a_page_without_misses_has_no_table_of_them() -> None:
    assert "Not found" not in render([FOUND], reasons={}, **WITH)


def test_the_page_names_every_defect_that_concerns_one_thread_and_explains_what_is_not_found() -> None:
    page = PAGE.read_text("utf-8")
    assert set(re.findall(r"defects\.md#(\w+)", page)) == set(concerned())
    assert f"at most {HISTORIES} of them, " in page
    assert f"found {len(found_in(page))}\nof {len(concerned())} " in page


@pytest.mark.matrix
@pytest.mark.timeout(3 * 3600)
def test_the_page_is_what_exploration_finds() -> None:
    """Compute the page. Races decide when a defect is found, so a few found ones may differ."""
    now = list(rows([]))
    found = {row["name"] for row in now if row["found"]}
    lost = found_in(PAGE.read_text("utf-8")) - found
    assert len(lost) <= len(now) / 20, lost


def found_in(page: str) -> set[str]:
    """Return the defects of the first table."""
    return set(re.findall(r"defects\.md#(\w+)", page.partition(NOT_FOUND)[0]))
