"""`client.threads.stream` of both SDKs, over both of its transports, on the mock and on a real server.

Each difference is stated where it shows. `langgraph dev` 0.16.7 streams messages only where a node invokes a model (the
probe agent streams one), tools and tasks not at all, and does not apply the strategy of a double text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Literal

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from doubletext.probe import Probe, to_config
from tests.clients.conftest import Deployment
from tests.clients.javascript import Node
from tests.mockserver.stage import asking

DEADLINE = 60.0

Transport = Literal["sse", "websocket"]
TRANSPORTS: list[Transport] = ["sse", "websocket"]


@pytest.fixture
async def client(deployment: Deployment) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=deployment.url) as found:
        yield found


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Transport:
    found: Transport = request.param
    return found


def told(label: str, **probe: Any) -> Any:
    return to_config(Probe(version=2, label=label, **probe))


def said(values: Mapping[str, Any]) -> str:
    return "".join(message["type"][0].upper() for message in values["messages"])


def grown(states: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the human messages of each state. The first state is fetched, and may be of any moment, even empty."""
    return [said(values) for values in list(states)[1:]]


async def test_the_values_of_a_run(client: LangGraphClient, transport: Transport) -> None:
    async with asyncio.timeout(DEADLINE), client.threads.stream(assistant_id="agent", transport=transport) as thread:
        started = await thread.run.start(input=asking("sf"), config=told("A"))
        assert grown([values async for values in thread.values]) == ["H", "HA", "HAT", "HATA"]
        assert said(await thread.output) == "HATA"
        run = await client.runs.get(thread.thread_id, started["run_id"])
    assert (run["status"], run["multitask_strategy"]) == ("success", "enqueue")


async def test_messages_and_tool_calls(client: LangGraphClient, transport: Transport, deployment: Deployment) -> None:
    async with asyncio.timeout(DEADLINE), client.threads.stream(assistant_id="agent", transport=transport) as thread:
        await thread.run.start(input=asking("sf"), config=told("A"))
        spoken = [message async for message in thread.messages]
        if deployment.name == "langgraph-dev":
            assert spoken == []
            return
        calling, answering = [await message.output for message in spoken]
        (call,) = calling.tool_calls
        assert call["args"] == {"query": "weather in san francisco"}
        assert answering.text.startswith("The search results give")


async def test_tool_calls(client: LangGraphClient, transport: Transport, deployment: Deployment) -> None:
    async with asyncio.timeout(DEADLINE), client.threads.stream(assistant_id="agent", transport=transport) as thread:
        await thread.run.start(input=asking("sf"), config=told("A"))
        called = [call async for call in thread.tool_calls]
        if deployment.name == "langgraph-dev":
            assert called == []
            return
        (call,) = called
        assert (call.name, call.input) == ("tavily_search_results_json", {"query": "weather in san francisco"})
        assert (await call.output)["type"] == "tool"


async def test_a_child_graph(client: LangGraphClient, transport: Transport) -> None:
    async with asyncio.timeout(DEADLINE), client.threads.stream(assistant_id="agent", transport=transport) as thread:
        await thread.run.start(input=asking("sf"), config=told("A", work="subgraph"))
        children = [child async for child in thread.subgraphs]
    assert [(child.graph_name, len(child.path), child.status) for child in children] == [("research", 1, "completed")]


async def test_a_question_and_its_answer(client: LangGraphClient, transport: Transport) -> None:
    async with asyncio.timeout(DEADLINE), client.threads.stream(assistant_id="agent", transport=transport) as thread:
        await thread.run.start(input=asking("sf"), config=told("A", interrupt=["tools:1"]))
        while not thread.interrupted:  # noqa: ASYNC110 - the client tells nobody
            await asyncio.sleep(0)
        (asked,) = thread.interrupts
        assert asked["namespace"] == []
        with pytest.raises(RuntimeError, match="does not match any outstanding interrupt"):
            await thread.run.respond("yes", interrupt_id="nobody")
        await thread.run.respond("yes")
        assert said(await thread.output) == "HATA"
        assert not thread.interrupted


async def test_coming_back(client: LangGraphClient, transport: Transport) -> None:
    async with asyncio.timeout(DEADLINE):
        async with client.threads.stream(assistant_id="agent", transport=transport) as first:
            await first.run.start(input=asking("sf"), config=told("A"))
            await first.output
        async with client.threads.stream(first.thread_id, assistant_id="agent", transport=transport) as second:
            assert said(await second.output) == "HATA"
            await second.run.start(input=asking("nyc"), config=told("B"))
            runs = await client.runs.list(first.thread_id)
            await client.runs.join(first.thread_id, runs[0]["run_id"])
            assert said((await client.threads.get_state(first.thread_id))["values"]) == "HATAHATA"  # type: ignore[arg-type]


async def test_a_run_that_fails(client: LangGraphClient, transport: Transport, deployment: Deployment) -> None:
    # A real server does not say what failed.
    why = "probe failure at tools:1" if deployment.name == "mock" else "An internal error occurred"
    async with asyncio.timeout(DEADLINE), client.threads.stream(assistant_id="agent", transport=transport) as thread:
        await thread.run.start(input=asking("sf"), config=told("A", fail=["tools:1"]))
        with pytest.raises(RuntimeError, match=f"Run errored: {why}"):
            await thread.output


async def test_a_run_that_cannot_be(client: LangGraphClient, transport: Transport) -> None:
    async with asyncio.timeout(DEADLINE), client.threads.stream(assistant_id="nobody", transport=transport) as thread:
        with pytest.raises(RuntimeError, match="Invalid assistant: 'nobody'"):
            await thread.run.start(input=asking("sf"))


async def test_the_drawn_graph(client: LangGraphClient, transport: Transport) -> None:
    async with client.threads.stream(assistant_id="agent", transport=transport) as thread:
        drawn = await thread.agent.get_tree()
    assert {"agent", "tools", "research"} <= {node["id"] for node in drawn["nodes"]}


@pytest.mark.slow
def test_the_javascript_sdk(node: Node, transport: Transport, deployment: Deployment) -> None:
    real = deployment.name == "langgraph-dev"
    environment = {"TRANSPORT": transport, **({"SERIAL": "1"} if real else {})}
    found = node.play("protocol", "line-1", deployment.url, **environment)
    both = {"refused": None, "statuses": ["success", "success"], "state": "HATAHATA"}
    spoken = {
        "calls": ["tavily_search_results_json"],
        "answer": "The search results give a",
        "tool": ["tavily_search_results_json", True],
    }
    assert found == {
        "run": {
            "values": ["H", "HA", "HAT", "HATA"],
            "output": "HATA",
            "status": "success",
            "interrupted": False,
            **(dict.fromkeys(spoken) if real else spoken),
        },
        "enqueue": both,
        "reject": both if real else {"refused": "unknown_error: 409", "statuses": ["success"], "state": "HATA"},
        "interrupt": both if real else {"refused": None, "statuses": ["interrupted", "success"], "state": "HAHATA"},
        "rollback": both if real else {"refused": None, "statuses": ["success"], "state": "HATA"},
        "asked": {"interrupted": True, "payload": {"question": "Go on?", "step": "tools:1"}, "namespace": []},
        "wrong": "no_such_interrupt",
        "resumed": {"statuses": ["success", "success"], "state": "HATA"},
        "children": ["research"],
        "forked": ["A/agent:1", "F/search:1", "F/quote:1", "F/agent:2"],
        # A real server knows of runs over HTTP only what the one command itself did.
        "tree": "none" if real and transport == "sse" else "completed",
        "state": "unknown_command",
    }
