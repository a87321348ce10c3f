"""The Python SDK's synchronous client against the mock. The suite itself uses the asynchronous one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError

from doubletext.probe import Probe, to_config
from tests.mockserver.stage import asking
from tests.mockserver.witness import FakeWitness


@pytest.fixture
def client(url: str) -> Iterator[SyncLangGraphClient]:
    with get_sync_client(url=url) as found:
        yield found


def probed(label: str, **probe: Any) -> Any:
    return to_config(Probe(version=1, label=label, **probe))


def test_assistants(client: SyncLangGraphClient) -> None:
    (assistant,) = client.assistants.search(graph_id="agent")
    found = assistant["assistant_id"]
    assert client.assistants.get(found)["name"] == "agent"
    assert client.assistants.count() == 1
    assert len(client.assistants.get_graph(found)["nodes"]) == 6
    assert client.assistants.get_schemas(found)["graph_id"] == "agent"
    drawn = client.assistants.get_graph(found, xray=True)
    assert {"source": "research:search", "target": "research:quote"} in drawn["edges"]
    assert list(client.assistants.get_subgraphs(found)) == ["research"]
    assert [one["version"] for one in client.assistants.get_versions(found)] == [1]
    with pytest.raises(NotFoundError):
        client.assistants.get(str(uuid.uuid4()))


def test_threads(client: SyncLangGraphClient) -> None:
    mine = str(uuid.uuid4())
    thread = client.threads.create(metadata={"mine": mine}, graph_id="agent")["thread_id"]
    assert client.threads.update(thread, metadata={"more": 2})["metadata"] == {
        "mine": mine,
        "graph_id": "agent",
        "more": 2,
    }
    client.runs.wait(thread, "agent", input=asking("sf"), config=probed("A"))
    (checkpoint,) = client.threads.get_history(thread, metadata={"step": 1})
    assert client.threads.get_state(thread, checkpoint["checkpoint"])["next"] == ["tools"]
    client.threads.update_state(thread, {"steps": ["by hand"]}, checkpoint=checkpoint["checkpoint"])
    values: Any = client.threads.get_state(thread)["values"]
    assert values["steps"] == ["A/agent:1", "by hand"]
    client.threads.copy(thread)
    assert client.threads.count(metadata={"mine": mine}) == 2
    assert client.threads.prune([thread]) == {"pruned_count": 1}
    with pytest.raises(NotFoundError):
        client.threads.get(thread)


def test_runs(client: SyncLangGraphClient) -> None:
    thread = client.threads.create()["thread_id"]
    run = client.runs.create(thread, "agent", input=asking("sf"), config=probed("A"), stream_resumable=True)
    values: Any = client.runs.join(thread, run["run_id"])
    assert values["steps"] == ["A/agent:1", "A/tools:1", "A/agent:2"]
    replayed = list(client.runs.join_stream(thread, run["run_id"], last_event_id="-1"))
    assert [part.event for part in replayed] == ["metadata", "values", "values", "values", "values"]
    streamed = client.runs.stream(thread, "agent", input=asking("nyc"), config=probed("B"), stream_mode="updates")
    assert [part.event for part in streamed] == ["metadata", "updates", "updates", "updates"]
    assert [one["status"] for one in client.runs.list(thread, select=["status"])] == ["success", "success"]
    client.runs.delete(thread, run["run_id"])
    assert len(client.runs.list(thread)) == 1
    order: Any = {"assistant_id": "agent", "input": asking("sf"), "config": probed("A")}
    assert [one["status"] for one in client.runs.create_batch([order, order])] == ["pending", "pending"]


async def test_double_texting(client: SyncLangGraphClient) -> None:
    async with FakeWitness().listening() as witness:
        thread = client.threads.create()["thread_id"]
        witness.hold("A/tools:1/enter")
        first = client.runs.create(thread, "agent", input=asking("sf"), config=probed("A", witness=witness.url))
        await witness.reached("A/tools:1/enter")
        with pytest.raises(ConflictError):
            client.runs.create(thread, "agent", input=asking("nyc"), multitask_strategy="reject")
        second = client.runs.create(
            thread, "agent", input=asking("nyc"), config=probed("B"), multitask_strategy="interrupt"
        )
        witness.release()
    values: Any = client.runs.join(thread, second["run_id"])
    assert values["steps"] == ["A/agent:1", "B/agent:1", "B/tools:1", "B/agent:2"]
    assert client.runs.get(thread, first["run_id"])["status"] == "interrupted"
