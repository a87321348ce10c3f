"""The kill matrix: the correct mock kills nothing, some defect kills every requirement, and the pages are current."""

from __future__ import annotations

import pytest

from conformance.requirements import registry
from mockserver.defects import defects
from tests.conformance import kill_matrix
from tests.conformance.kill_matrix import Matrix
from tests.conformance.survivors import BLIND, FREEDOMS, SURVIVORS

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(1800)]
BOOK = registry.load()


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return kill_matrix.compute()


def test_the_correct_mock_kills_nothing(matrix: Matrix) -> None:
    # Every defect is switched on for zero occurrences here. So this also proves that a defect without an occurrence
    # changes nothing, which the matrix relies on when it leaves out plays.
    wrong = {
        f"{played.scenario}::{name}": verdict.reason
        for played in matrix.right
        for name, verdict in played.verdicts.items()
        if verdict.word != "PASS"
    }
    assert wrong == {}


def test_every_requirement_is_killed_by_a_defect_or_says_why_not(matrix: Matrix) -> None:
    bound = [one.id for one in BOOK.requirements if one.level != "PROFILE"]
    assert sorted(name for name in bound if not matrix.kills[name]) == sorted(SURVIVORS)


def test_every_defect_kills_something_or_says_why_not(matrix: Matrix) -> None:
    assert sorted(name for name in defects() if not matrix.killed_by(name)) == sorted(BLIND)


def test_a_defect_that_turns_only_a_freedom_says_why(matrix: Matrix) -> None:
    assert kill_matrix.freedoms(matrix) == sorted(FREEDOMS)


def test_no_requirement_is_killed_by_every_defect(matrix: Matrix) -> None:
    # A requirement that fails with any defect would not help to find the cause. Half is twice the largest number today.
    most = max(len(by) for by in matrix.kills.values())
    assert most < len(defects()) / 2


def test_the_pages_are_current(matrix: Matrix) -> None:
    again = "run: python -m tests.conformance.kill_matrix"
    assert kill_matrix.PROOFS.read_text() == kill_matrix.proofs(matrix), again
    page = kill_matrix.PAGE.read_text()
    assert page == kill_matrix.page(matrix), again
