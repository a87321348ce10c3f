"""One fault is blamed by the requirements that state it, and by no check that only reads what is missing or moved."""

from __future__ import annotations

import pytest

from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements import registry
from tests.conformance.plays import Edit, Json, bodies, edited, history, play_named, requests


def without(body: Json, *names: str) -> Json:
    return {name: value for name, value in body.items() if name not in names}


CASES: tuple[tuple[str, str, Edit, str], ...] = (
    ("a cron is created without an id", "cron/listed",
     bodies("create cron", None, lambda body: without(body, "cron_id")), "CRN-05"),
    ("a run of a cron has no metadata, no strategy and no kwargs", "cron/busy-thread",
     bodies("final run", "run B", lambda body: without(body, "metadata", "multitask_strategy", "kwargs")), "CRN-11"),
)  # fmt: skip
"""The fault, its scenario, the edit and the requirement that cannot be judged because of it."""


def gone_when_over(label: str) -> Edit:
    """Answer 404 to every request for a run that has ended."""

    def edit(raw: Json) -> None:
        for purpose in ("look", "final run"):
            for _, response in requests(raw, purpose, f"run {label}"):
                if response["body"]["status"] not in ("pending", "running"):
                    response.update(status=404, body={"detail": "Run not found"})

    return edit


FREE: tuple[tuple[str, str, Edit, str], ...] = (
    ("a history is oldest first", "interrupt/during-tools/create/unwatched", history(lambda entries: entries[::-1]),
     "CHK-04"),
    ("a run is deleted at its end, and so no step of it is too many", "enqueue/during-tools/stream/unwatched",
     gone_when_over("B"), "STR-26"),
    ("a run is deleted at its end, and so is not in flight", "resume/parked/create/unwatched", gone_when_over("A"),
     "HIL-01"),
    ("a search shows no values", "none/finished/create/unwatched/threads", bodies("list threads", None,
     lambda found: [{**thread, "values": None} for thread in found]), "AGR-03"),
)  # fmt: skip
"""The fault, its scenario, the edit and a requirement that is kept all the same."""


@pytest.fixture(scope="module")
def records() -> dict[str, Play]:
    found = play_named(*(scenario for _, scenario, _, _ in (*CASES, *FREE)))
    return {name: Play(edited(found[scenario], edit)) for name, scenario, edit, _ in (*CASES, *FREE)}


@pytest.mark.parametrize(("name", "requirement"), [(name, requirement) for name, _, _, requirement in FREE])
def test_a_fault_breaks_no_requirement_that_is_kept(name: str, requirement: str, records: dict[str, Play]) -> None:
    assert judge(registry.load().get(requirement), records[name], NOTHING_DECLARED).word == "PASS"


def test_a_question_without_an_id_still_waits() -> None:
    def unanswered(raw: Json) -> None:
        for label in ("B", "C"):
            for request, _ in requests(raw, "submit", label):
                request["body"]["command"]["resume"] = {}

    play = Play(edited(play_named("resume/parked/create/unwatched/partial").popitem()[1], unanswered))
    assert judge(registry.load().get("HIL-03"), play, NOTHING_DECLARED).word == "INCONCLUSIVE"


@pytest.mark.parametrize(("name", "requirement"), [(name, requirement) for name, _, _, requirement in CASES])
def test_a_field_that_is_left_out_is_blamed_once(name: str, requirement: str, records: dict[str, Play]) -> None:
    book = {one.id: one for one in registry.load().requirements}
    words = {one: judge(book[one], records[name], NOTHING_DECLARED).word for one in (requirement, "SHP-01", "SHP-04")}
    assert words[requirement] == "INCONCLUSIVE"
    assert "FAIL" in (words["SHP-01"], words["SHP-04"])
