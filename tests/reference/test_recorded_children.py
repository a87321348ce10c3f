"""A thread with a child graph, recorded on `langgraph dev` and played again by the mock."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph_sdk import get_client

from mockserver import MockDeployment
from mockserver.recording import script_of, to_yaml
from mockserver.thread_history import fetch


@pytest.mark.reference
async def test_a_thread_with_a_child_graph_is_played_again(urls: tuple[str, str]) -> None:
    reference, _ = urls
    recorded = await fetch(reference, await converse(reference, "coordinator"))
    text = to_yaml(script_of(recorded))
    assert text.count("subgraph:") == 1
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
            state["values"].get("notes"),
            [
                (task["name"], bool(task["checkpoint"]), [one["value"] for one in task["interrupts"]])
                for task in state["tasks"]
            ],
            [[plain(child) for child in task.get("children", ())] for task in state["tasks"]],
        )
        for state in history
    ]
