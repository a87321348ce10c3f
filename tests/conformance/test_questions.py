"""Questions: they are compared by their ids if both have one (HIL-07), and a new one replaces the old (HIL-11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from conformance.judge.judging import Verdict, judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.judge.turns import outcomes
from conformance.requirements import registry
from conformance.transcript.text import mentions
from conformance.transcript.transcript import Transcript
from tests.conformance.plays import Edit, Json, edited, play_named

PARKING = "none/parking/stream/unwatched"
AGAIN = "resume/parked/create/unwatched/asks-again"
BOOK = registry.load()

Change = Callable[[Json], None]


@pytest.fixture(scope="module")
def parked() -> Transcript:
    return play_named(PARKING)[PARKING]


def objects(value: object) -> Iterator[dict[str, Any]]:
    """Yield every object in a JSON value, at any depth."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(one)


def questions(change: Change, *, streamed: bool) -> Edit:
    """Change the question in the events of streams, or in the answers that show thread and state."""

    def edit(raw: Json) -> None:
        found = [
            one
            for moment in raw["moments"]
            if moment["kind"] == ("stream" if streamed else "response")
            for one in objects(moment.get("data" if streamed else "body"))
            if isinstance(one.get("value"), dict) and "question" in one["value"]
        ]
        assert found
        for one in found:
            change(one)

    return edit


def without_id(question: Json) -> None:
    del question["id"]


def with_null_id(question: Json) -> None:
    question["id"] = None


def with_another_value(question: Json) -> None:
    question["value"] = {"question": "Really?", "step": None}


def with_another_id(question: Json) -> None:
    question["id"] = "another"


def with_more_fields(question: Json) -> None:
    question |= {"resumable": True, "ns": ["tools:1"]}


def verdict(parked: Transcript, *edits: Edit) -> Verdict:
    return judge(registry.load().get("HIL-07"), Play(edited(parked, *edits)), NOTHING_DECLARED)


def test_the_question_has_an_id_and_a_value(parked: Transcript) -> None:
    assert verdict(parked).word == "PASS"
    # The ids are equal, so another value does not make it another question: a server may add fields to it.
    assert verdict(parked, questions(with_another_value, streamed=False)).word == "PASS"


@pytest.mark.parametrize("drop", [without_id, with_null_id])
def test_the_same_question_without_ids_passes(parked: Transcript, drop: Change) -> None:
    here, there = questions(drop, streamed=True), questions(drop, streamed=False)
    assert verdict(parked, here, there).word == "PASS"
    assert verdict(parked, here).word == verdict(parked, there).word == "PASS"
    assert verdict(parked, here, there, questions(with_more_fields, streamed=False)).word == "PASS"


@pytest.mark.parametrize("drop", [without_id, with_null_id])
def test_another_question_without_ids_is_found(parked: Transcript, drop: Change) -> None:
    here, there = questions(drop, streamed=True), questions(drop, streamed=False)
    found = verdict(parked, here, there, questions(with_another_value, streamed=False))
    assert found.word == "WARN"
    assert '"question":"Go on?"' in found.expected
    assert '{"question":"Really?","step":null}' in found.observed


def test_a_question_with_another_id_is_another_question(parked: Transcript) -> None:
    assert verdict(parked, questions(with_another_id, streamed=False)).word == "WARN"


def test_a_run_that_answers_but_never_asks_shows_no_new_question() -> None:
    def edit(raw: Json) -> None:
        for moment in raw["moments"]:
            if moment["kind"] == "witness" and (moment["label"], moment["step"]) == ("B", "agent:2"):
                moment["outcome"] = moment["outcome"] and "returned"

    found = judge(BOOK.get("HIL-11"), Play(edited(play_named(AGAIN)[AGAIN], edit)), NOTHING_DECLARED)
    assert (found.word, found.reason) == (
        "INCONCLUSIVE",
        "the witness received no report that a step of run B called interrupt()",
    )


def test_a_run_that_asks_again_leaves_the_rest_of_the_turn() -> None:
    play = Play(play_named(AGAIN)[AGAIN])
    assert {outcome.conversation for outcome in outcomes(play)} == {("A.human", "A.call", "A.result")}


def test_a_question_that_is_nowhere_is_found(parked: Transcript) -> None:
    def edit(raw: Json) -> None:
        for moment in raw["moments"]:
            if moment["kind"] == "response" and isinstance(moment.get("body"), dict) and "tasks" in moment["body"]:
                moment["body"] |= {"tasks": ["?", {"interrupts": None}], "interrupts": []}

    found = verdict(parked, edit)
    assert (found.word, found.observed) == ("WARN", "`[null]`")
    assert "of the state" in found.expected


@pytest.mark.parametrize(
    ("value", "there"),
    [
        ("say hello", True),
        (["x", {"y": [{"z": "hello"}]}], True),
        ({"hello": 1}, False),
        ({"x": 1, "y": None}, False),
        (["hel", "lo"], False),
        (None, False),
    ],
)
def test_a_text_is_searched_in_the_strings_of_a_value(value: Any, there: bool) -> None:
    assert mentions(value, "hello") is there


def test_quotes_and_line_breaks_are_those_of_the_text() -> None:
    assert mentions({"content": "it's\n“so”"}, "it's\n“so”")
