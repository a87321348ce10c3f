from __future__ import annotations

from typing import Any

import pytest

from conformance.judge.messages import read_messages, spell
from conformance.scenarios import moves as s
from conformance.scenarios.catalogue.blocks import LA, NYC, SF
from conformance.scenarios.scenario import Scenario

SMALL_TALK = "thanks, that is all"

SCENARIO = Scenario(
    id="x",
    about="",
    moves=(
        s.Submit(label="A", text=SF),
        s.Submit(label="B", text=NYC),
        s.Submit(label="C", text=LA),
        s.Submit(label="D", text=SMALL_TALK),
    ),
)


def one(**message: Any) -> str:
    return spell(read_messages({"messages": [message]}, SCENARIO))


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ({"type": "human", "content": SF}, "A.human"),
        ({"role": "user", "content": NYC}, "B.human"),
        ({"type": "human", "content": [{"type": "text", "text": LA}]}, "C.human"),
        ({"type": "human", "content": "something else"}, "?.other"),
        ({"type": "ai", "content": [], "tool_calls": [{"id": "toolu_01KtE1m1ifPLQAx4fQLyZL9Q"}]}, "B.call"),
        ({"type": "ai", "content": "", "tool_calls": [{"id": "toolu_la"}]}, "C.call"),
        ({"type": "tool", "content": "Clear, 20C in la.", "tool_call_id": "toolu_la"}, "C.result"),
        ({"type": "tool", "content": "x", "tool_call_id": "toolu_01MjNtVJwEcpujRGrf3x6Pih"}, "A.invented"),
        ({"type": "tool", "content": "x", "tool_call_id": "toolu_unknown"}, "?.other"),
        ({"type": "ai", "content": "The search results give a high. Let me know if any other details!"}, "A.answer"),
        ({"type": "ai", "content": "The search results give a hi"}, "A.fragment"),
        ({"type": "ai", "content": "The search results provide"}, "B.fragment"),
        ({"type": "ai", "content": "It is clear and 20C in la. … any other details!"}, "C.answer"),
        ({"type": "ai", "content": f"You said: {SMALL_TALK}"}, "D.answer"),
        ({"type": "ai", "content": "an unrelated sentence"}, "?.other"),
        ({"type": "ai", "content": ""}, "?.other"),
        ({"type": "ai", "content": None}, "?.other"),
        ({"type": 5, "content": {"a": 1}}, "?.other"),
        ({}, "?.other"),
    ],
)
def test_a_message_is_assigned_to_a_run_and_a_part_of_its_turn(message: dict[str, Any], word: str) -> None:
    assert one(**message) == word


@pytest.mark.parametrize("values", [None, 3, [], {}, {"messages": None}, {"messages": "x"}])
def test_values_without_messages_are_no_messages(values: object) -> None:
    assert read_messages(values, SCENARIO) == ()
    assert spell(()) == "nothing"


def test_what_is_not_a_message_is_counted_as_something_else() -> None:
    assert spell(read_messages({"messages": [None, "x", {"type": "human", "content": SF}]}, SCENARIO)) == (
        "?.other ?.other A.human"
    )
