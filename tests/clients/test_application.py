"""An application with three graphs in the style of deep agents, played by clients of two languages.

`application/` has the graphs for `langgraph dev` and the scripts with which the mock plays the same. Both are started
with the file that lists the graphs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import APPLICATION
from tests.clients.frames import seen
from tests.clients.javascript import Node
from tests.reference.langgraph_dev import langgraph_dev


def texts(state: Any) -> list[str]:
    return [message[1] for message in state["values"]["messages"]]


async def test_the_application(application: str) -> None:
    found = await seen(application)
    coordinator = found["coordinator"]
    asked, ended = coordinator["states"]
    assert asked["next"] == ["approval"]
    assert [one["value"]["action"] for one in asked["interrupts"]] == ["send_mail"]
    assert texts(ended) == ["What does it cost?", "", "It costs seven.", "", "sent", "I have sent the price."]
    assert ended["values"]["notes"] == ["searched"]
    # The words of the child are in its own history, and in a stream only under its namespace.
    _, (child,) = coordinator["history"]
    assert texts(child[0]) == ["Find the price.", "", "seven", "It costs seven."]
    inside = {event.partition("|")[2] for event, _ in coordinator["streams"][0]} - {""}
    assert len(inside) == 1
    assert {event for event, _ in found["unseen child"]["streams"][0]} == {
        *("metadata", "values", "tasks", "messages", "updates")
    }
    # A graph without messages pauses before it publishes.
    paused, published = found["report"]["states"]
    assert (paused["values"], paused["next"]) == ({"topic": "rain", "findings": ["about rain"]}, ["publish"])
    assert published["values"] == {**paused["values"], "published": True}


@pytest.mark.reference
async def test_both_servers_show_the_same_of_the_application(application: str, tmp_path: Path) -> None:
    with langgraph_dev(workers=4, log=tmp_path / "log", agent=APPLICATION) as url:
        reference = await seen(url)
    assert await seen(application) == reference


@pytest.mark.slow
def test_the_application_in_javascript(node: Node, application: str) -> None:
    found = node.play("application", "line-1", application)
    assert found["graphs"] == ["coordinator", "report", "researcher"]
    assert found["asked"] == {"action": "send_mail", "args": {"text": "It costs seven."}}
    assert found["inside"] == ["Find the price.", "seven", "It costs seven."]
    assert found["outside"] == ["It costs seven.", "I have sent the price."]
    assert found["report"] == {"topic": "rain", "findings": ["about rain"], "published": True}
