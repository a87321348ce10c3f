"""The cases that `-k` leaves out before there are tests: only those that pytest deselects, whatever else matches."""

from __future__ import annotations

import pytest
from _pytest.mark import KeywordMatcher
from _pytest.mark.expression import Expression

from conformance.session.keywords import Keywords
from tests.conformance.deployments import PLAINEST
from tests.conformance.test_selection import every

IDS = [f"{scenario}::{requirement}" for scenario, requirement in every()]
FILE = ("conformance", "suites", "test_interrupt.py")


def kept(expression: str, *, names: tuple[str, ...] = FILE) -> list[str]:
    keywords = Keywords(expression, names)
    return [one for one in IDS if not keywords.exclude(one)]


@pytest.mark.parametrize(
    ("expression", "fragments"),
    [
        (f"{PLAINEST}::INT-02", [f"{PLAINEST}::INT-02"]),
        ("int-02", ["INT-02"]),
        (" (INT-02 or INT-03) ", ["INT-02", "INT-03"]),
        ("INT-02 and during-tools/create", ["during-tools/create", "INT-02"]),
        ("rollback/ or cancel/", ["rollback/", "cancel/"]),
    ],
)
def test_words_that_only_ids_have_leave_the_others_out(expression: str, fragments: list[str]) -> None:
    every_one = " and " in expression
    expected = [one for one in IDS if (all if every_one else any)(part in one for part in fragments)]
    assert kept(expression) == expected != []


@pytest.mark.parametrize(
    "expression",
    [
        *("interrupt", "not interrupt", "INT-02 or races", "not (INT-02 and races)", "test_interrupt.py or INT-02"),
        *("int-02 and not during-tools/", "not rollback/ and (mine or INT-0)", "not INT-02 or not ::THR-01", "[int"),
        *(f"test_interrupt[{PLAINEST}::INT-02]", "unwatched::INT-02]", "[interrupt/during-tools", "/ and ]"),
    ],
)
@pytest.mark.parametrize("added", [(), ("races", "cancel"), ("mine",)], ids=["plain", "markers", "a plugin's word"])
def test_what_pytest_selects_is_never_left_out(expression: str, added: tuple[str, ...]) -> None:
    parsed, keywords = Expression.compile(expression), Keywords(expression, FILE)
    for one in IDS[::5]:
        if parsed.evaluate(KeywordMatcher({*FILE, f"test_interrupt[{one}]", *added})):
            assert not keywords.exclude(one), one


@pytest.mark.parametrize(
    "expression",
    ["", "interrupt", "INT-02 or", "INT-02(x=1)", "a and b and c and d and e and f and g and INT-02", "not races"],
)
def test_what_is_not_certain_leaves_nothing_out(expression: str) -> None:
    assert kept(expression) == IDS


def test_a_word_that_is_also_in_the_name_of_a_folder_is_not_certain() -> None:
    assert kept("INT-02", names=("int-02", *FILE)) == IDS
