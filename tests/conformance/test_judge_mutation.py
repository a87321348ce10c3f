"""Random edits of records: every check notices some, or has a reason, and the page is current."""

from __future__ import annotations

import pytest

from tests.conformance import explained_edits, judge_mutation
from tests.conformance.judge_mutation import Tally
from tests.conformance.survivors import UNMOVED

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def tally() -> Tally:
    return judge_mutation.compute()


def test_every_check_notices_an_edit_or_has_a_reason(tally: Tally) -> None:
    assert judge_mutation.blind(tally) == sorted(UNMOVED, key=judge_mutation.ORDER.index)


def test_every_explained_edit_is_still_not_caught(tally: Tally) -> None:
    missed = {(name, what) for name, what, _ in tally.missed}
    assert not [key for key in explained_edits.read() if key not in missed]


def test_the_goals_are_met(tally: Tally) -> None:
    assert judge_mutation.share(tally.caught, tally.edits) >= 0.75
    assert judge_mutation.share(tally.caught, tally.edits, judge_mutation.VALUES) >= 0.6


def test_the_page_is_current(tally: Tally) -> None:
    assert judge_mutation.PAGE.read_text() == judge_mutation.page(tally), (
        "run: python -m tests.conformance.judge_mutation"
    )
