"""Threads with child graphs, recorded on `langgraph dev` and played again by the mock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk import get_client

from mockserver import MockDeployment
from mockserver.recording import script_of, to_yaml
from mockserver.thread_history import fetch
from tests.reference.langgraph_dev import langgraph_dev

DEEP_AGENT = Path(__file__).with_name("deep_agent")


@pytest.mark.reference
async def test_a_thread_with_a_child_graph_is_played_again(urls: tuple[str, str]) -> None:
    reference, _ = urls
    recorded = await fetch(reference, await converse(reference, "coordinator"))
    text = to_yaml(script_of(recorded))
    assert text.count("subgraph:") == 1
    with MockDeployment(script=text) as mock:
        played = await fetch(mock.url, await converse(mock.url, "agent"))
    assert plain(played) == plain(recorded)


@pytest.mark.reference
async def test_a_thread_of_a_deep_agent_is_played_again(tmp_path: Path) -> None:
    with langgraph_dev(workers=1, log=tmp_path / "log", agent=DEEP_AGENT) as reference:
        recorded = await fetch(reference, await converse(reference, "deep"))
    text = to_yaml(script_of(recorded))
    # Two tasks, of which the second one runs two child graphs, and a node that speaks beside its child graph.
    assert (text.count("subgraph:"), text.count("then:"), text.count("hidden: true")) == (4, 1, 2)
    assert "say: 'In short: It costs seven.'" in text
    with MockDeployment(script=text) as mock:
        played = await fetch(mock.url, await converse(mock.url, "agent"))
    assert plain(played) == plain(recorded)


async def converse(url: str, graph: str) -> str:
    """Run a graph to its question, answer it, and return the thread."""
    async with get_client(url=url, api_key=None, headers={"Connection": "close"}) as client:
        thread = (await client.threads.create())["thread_id"]
        await client.runs.wait(thread, graph, input={"messages": "What does it cost?"})
        await client.runs.wait(thread, graph, command={"resume": {"type": "approve"}})
    return thread


def plain(history: list[dict[str, Any]]) -> list[Any]:
    """Return a history and those of its child graphs, without ids, times and what a task has written."""
    return [
        (
            state["metadata"]["step"],
            state["next"],
            [(message["type"], message["content"]) for message in state["values"].get("messages", ())],
            {name: value for name, value in state["values"].items() if name != "messages"},
            [
                (task["name"], bool(task["checkpoint"]), [one["value"] for one in task["interrupts"]])
                for task in state["tasks"]
            ],
            [[plain(child) for child in children] for task in state["tasks"] if (children := task.get("children"))],
        )
        for state in history
    ]
