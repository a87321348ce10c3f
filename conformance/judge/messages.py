"""The messages of a thread's state, read as parts of the probe agent's conversation.

Every run of a scenario asks about a different place. The content of a message therefore identifies the run that wrote
it and its part in the conversation, whatever id the deployment assigned. A conversation is written in words such as
`A.human A.call A.result B.human`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from conformance.scenarios.scenario import Scenario
from doubletext.probe import requested_place

Part = Literal["human", "call", "result", "invented", "answer", "fragment", "other"]
"""The part of a message in its turn.

`invented` is a tool result that the tool did not return. `fragment` is a part of an answer. `other` is any message that
is not in the contract.
"""

# The ids and texts that the interrupt guide prints, so that its example can be judged word for word
# (https://docs.langchain.com/langsmith/interrupt-concurrent). The contract derives those of all other places.
SF_CALL = "toolu_01MjNtVJwEcpujRGrf3x6Pih"
NYC_CALL = "toolu_01KtE1m1ifPLQAx4fQLyZL9Q"
CALL_IDS = {"sf": SF_CALL, "nyc": NYC_CALL}
QUERIES = {"sf": "san francisco", "nyc": "new york city"}
OPENINGS = {"sf": "The search results give", "nyc": "The search results provide"}
"""The beginnings of the answers whose text is given in the contract. They are distinct, and all end with `ENDING`."""

RESULTS = {"sf": "wunderground.com", "nyc": "accuweather.com"}
"""A text that occurs only in the tool result whose text is given in the contract."""

ENDING = "any other details!"


@dataclass(frozen=True)
class Message:
    """One message of a state: the run that wrote it (`?` when unknown), its part, and its id as received."""

    label: str
    part: Part
    id: str | None

    @property
    def word(self) -> str:
        """The label and the part: `A.human`."""
        return f"{self.label}.{self.part}"


def spell(messages: Iterable[Message]) -> str:
    """Return messages as one line, such as `A.human A.call B.human`. Return `nothing` when there are none."""
    return " ".join(message.word for message in messages) or "nothing"


def call_id(place: str) -> str:
    """Return the tool call id that the contract assigns to a place."""
    return CALL_IDS.get(place) or "toolu_" + re.sub(r"[^a-z0-9]+", "_", place)


def query_of(place: str) -> str:
    """Return the query of the tool call that the contract assigns to a place."""
    return f"weather in {QUERIES.get(place, place)}"


def read_messages(values: object, scenario: Scenario) -> tuple[Message, ...]:
    """Return the messages in a state's `values`, in order. Return an empty tuple when there are none."""
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
    # The first match counts: no two runs of a scenario send the same text.
    for submit in scenario.all_submits:
        if part := _part(role, text, message, submit.text):
            return Message(submit.label, part, message_id)
    return Message("?", "other", message_id)


class _Turn(NamedTuple):
    """The contents by which the messages of a turn are known. `call` is None if the turn has no tool call."""

    call: str | None
    result: str
    opening: str


@lru_cache(1024)  # every message of every checkpoint is compared with every run of the scenario
def _turn(question: str) -> _Turn:
    place = requested_place(question)
    if place is None:
        return _Turn(None, "", "")
    result = RESULTS.get(place, f"Clear, 20C in {place}.")
    return _Turn(call_id(place), result, OPENINGS.get(place, f"It is clear and 20C in {place}."))


def _part(role: object, text: str, message: dict[str, Any], question: str) -> Part | None:
    """Return the part of `message` in the turn with the human message `question`. Return None in another turn."""
    call, result, opening = _turn(question)
    if role in ("human", "user", "HumanMessage"):
        return "human" if text == question else None
    if call is None:
        return "answer" if role in ("ai", "assistant") and text == f"You said: {question}" else None
    if role == "tool":
        if message.get("tool_call_id") != call:
            return None
        return "result" if result in text else "invented"
    calls = message.get("tool_calls")
    if isinstance(calls, list) and any(isinstance(c, dict) and c.get("id") == call for c in calls):
        return "call"
    # The second condition finds a fragment that was cut within the opening.
    if not text or not (text.startswith(opening) or opening.startswith(text)):
        return None
    return "answer" if text.endswith(ENDING) else "fragment"


def text_of(content: object) -> str:
    """Return the text of a message's content, which is a string or a list of blocks."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            block if isinstance(block, str) else str(block.get("text", ""))
            for block in content
            if isinstance(block, str | dict)
        )
    return ""
