"""The scripted conversation: the agent's reply to each message, as pure functions.

A reply depends on the messages alone. So a run that resumes, retries or starts from an old checkpoint replies as the
contract states, and the state shows which messages it was given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

TOOL = "tavily_search_results_json"


@dataclass(frozen=True)
class Forecast:
    """The three texts and the tool call id of a conversation about one place."""

    call_id: str
    query: str
    result: str
    answer: str


@dataclass(frozen=True)
class Call:
    """A tool call of the agent."""

    call_id: str
    query: str


@dataclass(frozen=True)
class Answer:
    """A final answer of the agent. The joined tokens are its text, and each keeps its trailing white space."""

    tokens: tuple[str, ...]


# The texts of the interrupt guide, https://docs.langchain.com/langsmith/interrupt-concurrent
# The guide prints no answer for sf. That one is from the probe contract.
_GUIDE = {
    "sf": Forecast(
        call_id="toolu_01MjNtVJwEcpujRGrf3x6Pih",
        query="weather in san francisco",
        result=(
            '[{"url": '
            '"https://www.wunderground.com/hourly/us/ca/san-francisco/KCASANFR2002/date/2024-6-18", '
            '"content": "High 64F. Winds W at 10 to 20 mph. A few clouds from time to time. Low 49F. '
            "Winds W at 10 to 20 mph. Temp. San Francisco Weather Forecasts. Weather Underground "
            'provides local & long-range weather ..."}]'
        ),
        answer=(
            "The search results give a high of 64F and a low of 49F for San Francisco, with winds "
            "from the west at 10 to 20 mph and a few clouds from time to time. Let me know if you "
            "need any other details!"
        ),
    ),
    "nyc": Forecast(
        call_id="toolu_01KtE1m1ifPLQAx4fQLyZL9Q",
        query="weather in new york city",
        result=(
            '[{"url": "https://www.accuweather.com/en/us/new-york/10021/june-weather/349727", '
            '"content": "Get the monthly weather forecast for New York, NY, including daily '
            'high/low, historical averages, to help you plan ahead."}]'
        ),
        answer=(
            "The search results provide weather forecasts and information for New York City. Based "
            "on the top result from AccuWeather, here are some key details about the weather in NYC:\n"
            "\n"
            "* This is a monthly weather forecast for New York City for the month of June.\n"
            "* It includes daily high and low temperatures to help plan ahead.\n"
            "* Historical averages for June in NYC are also provided as a reference point.\n"
            "* More detailed daily or hourly forecasts with precipitation chances, humidity, wind, "
            "etc. can be found by visiting the AccuWeather page.\n"
            "\n"
            "In summary, the search provides a convenient overview of the expected weather "
            "conditions in New York City over the next month to give you an idea of what to prepare "
            "for if traveling or making plans there. Let me know if you need any other details!"
        ),
    ),
}


def requested_place(text: str) -> str | None:
    """Return the place in a message about the weather, in lower case, or None for any other message."""
    found = re.search(r"weather in ([a-z0-9 .'-]+)", text, re.IGNORECASE)
    return found.group(1).strip().lower() if found else None


def forecast(place: str) -> Forecast:
    """Return the texts of the conversation about `place`, which is in lower case."""
    known = _GUIDE.get(place)
    if known is not None:
        return known
    return Forecast(
        call_id="toolu_" + re.sub(r"[^a-z0-9]+", "_", place),
        query=f"weather in {place}",
        result=f'[{{"url": "https://weather.example/{place}", "content": "Clear, 20C in {place}."}}]',
        answer=f"It is clear and 20C in {place}. Let me know if you need any other details!",
    )


def reply_to(messages: Sequence[BaseMessage]) -> Call | Answer:
    """Return the next message of the agent in a conversation."""
    text, turn = _last_turn(messages)
    place = requested_place(text)
    if place is None:
        return Answer(_tokens(f"You said: {text}"))
    if any(isinstance(message, AIMessage) for message in turn):
        return Answer(_tokens(forecast(place).answer))
    return Call(forecast(place).call_id, forecast(place).query)


def result_for(messages: Sequence[BaseMessage]) -> str:
    """Return the result of the tool in a conversation whose last human message is about the weather."""
    text, _ = _last_turn(messages)
    return forecast(requested_place(text) or "").result


def visit(node: str, messages: Sequence[BaseMessage]) -> int:
    """Return the number of the visit of `node` (`agent` or `tools`) in the last turn that is about to begin, from 1."""
    # Counted by messages: a counter in the state would not survive a state update or an older checkpoint.
    written = AIMessage if node == "agent" else ToolMessage
    return 1 + sum(isinstance(message, written) for message in _last_turn(messages)[1])


def _last_turn(messages: Sequence[BaseMessage]) -> tuple[str, Sequence[BaseMessage]]:
    """Return the text of the last human message, and the messages after it."""
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if isinstance(message, HumanMessage):
            return str(message.text), messages[index + 1 :]
    return "", messages


def _tokens(text: str) -> tuple[str, ...]:
    # White space stays with the word before it, so that the joined tokens are the text again, to the last character.
    return tuple(re.findall(r"\S+\s*", text))
