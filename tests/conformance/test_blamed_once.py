"""Fields that a server leaves out are the fault of the requirements on its types, and of no check that reads them."""

from __future__ import annotations

import pytest

from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements import registry
from tests.conformance.plays import Edit, Json, bodies, edited, play_named


def without(body: Json, *names: str) -> Json:
    return {name: value for name, value in body.items() if name not in names}


CASES: tuple[tuple[str, str, Edit, str], ...] = (
    ("a cron is created without an id", "cron/listed",
     bodies("create cron", None, lambda body: without(body, "cron_id")), "CRN-05"),
    ("a run of a cron has no metadata, no strategy and no kwargs", "cron/busy-thread",
     bodies("final run", "run B", lambda body: without(body, "metadata", "multitask_strategy", "kwargs")), "CRN-11"),
)  # fmt: skip
"""The fault, its scenario, the edit and the requirement that cannot be judged because of it."""


@pytest.fixture(scope="module")
def records() -> dict[str, Play]:
    found = play_named(*(scenario for _, scenario, _, _ in CASES))
    return {name: Play(edited(found[scenario], edit)) for name, scenario, edit, _ in CASES}


@pytest.mark.parametrize(("name", "requirement"), [(name, requirement) for name, _, _, requirement in CASES])
def test_a_field_that_is_left_out_is_blamed_once(name: str, requirement: str, records: dict[str, Play]) -> None:
    book = {one.id: one for one in registry.load().requirements}
    words = {one: judge(book[one], records[name], NOTHING_DECLARED).word for one in (requirement, "SHP-01", "SHP-04")}
    assert words[requirement] == "INCONCLUSIVE"
    assert "FAIL" in (words["SHP-01"], words["SHP-04"])
