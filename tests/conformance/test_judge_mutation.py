"""Mutation of the judge: every check notices some random edit of a record, and the page is current."""

from __future__ import annotations

import pytest

from tests.conformance import judge_mutation
from tests.conformance.judge_mutation import Tally
from tests.conformance.survivors import UNMOVED

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def tally() -> Tally:
    return judge_mutation.compute()


def test_every_check_notices_some_edit_or_says_why_not(tally: Tally) -> None:
    assert judge_mutation.blind(tally) == sorted(UNMOVED, key=judge_mutation.ORDER.index)


def test_the_page_is_current(tally: Tally) -> None:
    assert judge_mutation.PAGE.read_text() == judge_mutation.page(tally), (
        "run: python -m tests.conformance.judge_mutation"
    )
