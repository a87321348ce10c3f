"""The kill matrix: every requirement detects a defect, every defect is detected, and the pages are current.

The plays are those that show every kill, and some more, as `tests.conformance.proving` describes. The numbers of
scenarios on the page need the whole matrix, which `tox -e whole-kill-matrix` plays.
"""

from __future__ import annotations

import re
import tomllib

import pytest

from conformance.requirements import registry
from mockserver.defects import defects
from tests.conformance import kill_matrix
from tests.conformance.kill_matrix import Matrix
from tests.conformance.survivors import FREEDOMS, UNDETECTED, UNPROVED

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(1800)]
BOOK = registry.load()


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return kill_matrix.compute(whole=False)


def test_the_correct_mock_breaks_nothing(matrix: Matrix) -> None:
    """The mock has every defect armed for zero occurrences, so this also shows that such a defect never acts."""
    wrong = {
        f"{played.scenario}::{name}": verdict.reason
        for played in matrix.right
        for name, verdict in played.verdicts.items()
        if verdict.word != "PASS"
    }
    assert wrong == {}


def test_every_requirement_detects_a_defect_or_has_a_reason(matrix: Matrix) -> None:
    bound = [one.id for one in BOOK.requirements if one.level != "PROFILE"]
    assert sorted(name for name in bound if not matrix.detected[name]) == sorted(UNPROVED)


def test_every_defect_is_detected_or_has_a_reason(matrix: Matrix) -> None:
    assert sorted(name for name in defects() if not matrix.detecting(name)) == sorted(UNDETECTED)


def test_every_defect_breaks_its_own_requirement(matrix: Matrix) -> None:
    assert {name: kind.rule for name, kind in defects().items() if kind.rule not in matrix.detecting(name)} == {}


def test_a_defect_that_is_only_a_freedom_has_a_reason(matrix: Matrix) -> None:
    assert kill_matrix.freedoms(matrix) == sorted(FREEDOMS)


def test_no_requirement_detects_half_of_the_defects(matrix: Matrix) -> None:
    """A requirement that is broken whatever is wrong would not show which behaviour to correct."""
    most = max(len(by) for by in matrix.detected.values())
    assert most < len(defects()) / 2


def test_the_pages_are_current(matrix: Matrix) -> None:
    # Also for a kill that is new in these plays, or lost.
    hint = "run: python -m tests.conformance.kill_matrix"
    assert kill_matrix.FAULTS.read_text() == kill_matrix.faults(matrix), hint
    tiers = tomllib.loads(kill_matrix.TIERS.read_text())
    assert tiers["detected"] == kill_matrix.totals(matrix, tiers["scenarios"]), hint
    assert _without_numbers(kill_matrix.PAGE.read_text()) == _without_numbers(kill_matrix.page(matrix)), hint


def _without_numbers(page: str) -> str:
    """Return a page without the numbers of scenarios in which each defect was detected."""
    return re.sub(r"(?<=`) \d+(?=[,\s])", "", page)
