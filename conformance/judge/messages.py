"""Reads the messages of a thread's state as parts of the probe agent's conversation.

Every run of a scenario asks about another place, so each message tells which run wrote it and what it is, whatever id
the deployment gave it. A conversation is then spelled in words such as `A.human A.call A.result B.human`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from conformance.scenarios.scenario import Scenario
from doubletext.probe import requested_place

Part = Literal["human", "call", "result", "invented", "answer", "fragment", "other"]
"""What a message is: `invented` is a result that the tool did not give, `fragment` a part of an answer, `other` nothing
that the contract knows.
"""

SF_CALL = "toolu_01MjNtVJwEcpujRGrf3x6Pih"
NYC_CALL = "toolu_01KtE1m1ifPLQAx4fQLyZL9Q"
CALL_IDS = {"sf": SF_CALL, "nyc": NYC_CALL}
OPENINGS = {"sf": "The search results give", "nyc": "The search results provide"}
"""How the answers begin that the contract spells out; enough to tell them apart, and all end with `ENDING`."""

RESULTS = {"sf": "wunderground.com", "nyc": "accuweather.com"}
"""What is in the tool results that the contract spells out; enough to tell them from anything else."""

ENDING = "any other details!"


@dataclass(frozen=True)
class Message:
    """One message of a state: run `label` wrote it (`?` when unknown), `part` of its turn; `id` as told."""

    label: str
    part: Part
    id: str | None

    @property
    def word(self) -> str:
        """`A.human` and so on."""
        return f"{self.label}.{self.part}"


def spell(messages: Iterable[Message]) -> str:
    """Messages as one line for people: `A.human A.call B.human`; `nothing` when there are none."""
    return " ".join(message.word for message in messages) or "nothing"


def call_id(place: str) -> str:
    """The tool call id that the contract gives to a place."""
    return CALL_IDS.get(place) or "toolu_" + re.sub(r"[^a-z0-9]+", "_", place)


def read_messages(values: object, scenario: Scenario) -> tuple[Message, ...]:
    """The messages in a state's `values`, in order; nothing when there are none."""
    messages = values.get("messages") if isinstance(values, dict) else None
    if not isinstance(messages, list):
        return ()
    return tuple(_read(message, scenario) for message in messages)


def _read(message: object, scenario: Scenario) -> Message:
    if not isinstance(message, dict):
        return Message("?", "other", None)
    message_id = message.get("id")
    message_id = message_id if isinstance(message_id, str) else None
    text = text_of(message.get("content"))
    role = message.get("type") or message.get("role")
    for submit in scenario.all_submits:
        if part := _part(role, text, message, submit.text):
            return Message(submit.label, part, message_id)
    return Message("?", "other", message_id)


def _part(role: object, text: str, message: dict[str, Any], asked: str) -> Part | None:
    """What `message` is in the turn that began with `asked`, None when it belongs to another turn."""
    place = requested_place(asked)
    if role in ("human", "user", "HumanMessage"):
        return "human" if text == asked else None
    if place is None:
        return "answer" if role in ("ai", "assistant") and text == f"You said: {asked}" else None
    if role == "tool":
        if message.get("tool_call_id") != call_id(place):
            return None
        return "result" if RESULTS.get(place, f"Clear, 20C in {place}.") in text else "invented"
    calls = message.get("tool_calls")
    if isinstance(calls, list) and any(isinstance(c, dict) and c.get("id") == call_id(place) for c in calls):
        return "call"
    opening = OPENINGS.get(place, f"It is clear and 20C in {place}.")
    if not text or not (text.startswith(opening) or opening.startswith(text)):
        return None
    return "answer" if text.endswith(ENDING) else "fragment"


def text_of(content: object) -> str:
    """The text of a message's content, a string or a list of blocks."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            block if isinstance(block, str) else str(block.get("text", ""))
            for block in content
            if isinstance(block, str | dict)
        )
    return ""
