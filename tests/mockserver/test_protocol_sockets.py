"""The newer streaming protocol over WebSockets, and the ends of its streams."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx
import pytest

from mockserver.core.protocol_feed import KEPT, Feed, Filter, Listener
from mockserver.deployment import MockDeployment
from tests.mockserver.protocol import Heard, Protocol, lifecycle, over
from tests.mockserver.stage import Stage, asking
from tests.mockserver.witness import DEADLINE


class Socket:
    """A WebSocket to the thread of a stage."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.events: list[Heard] = []

    async def says(self, method: str, params: Any = None, *, number: int = 1) -> Any:
        """Send a command and return its response. Events that arrive before it are kept."""
        await self.socket.send_json({"id": number, "method": method, "params": params or {}})
        return await self.answer()

    async def answer(self) -> Any:
        async with asyncio.timeout(DEADLINE):
            while (told := await self.socket.receive_json())["type"] == "event":
                self.events.append(told)
        return told

    async def until(self, wanted: Callable[[Heard], bool]) -> list[Heard]:
        async with asyncio.timeout(DEADLINE):
            while not any(wanted(event) for event in self.events):
                self.events.append(await self.socket.receive_json())
        return self.events


@asynccontextmanager
async def connected(stage: Stage, thread: str | None = None) -> AsyncIterator[Socket]:
    path = f"{stage.url}/threads/{thread or stage.thread}/stream/events"
    async with aiohttp.ClientSession() as session, session.ws_connect(path) as socket:
        yield Socket(socket)


def order(stage: Stage, label: str, **more: Any) -> Any:
    return {"assistant_id": "agent", "input": asking("sf"), "config": stage.config(label), **more}


async def test_a_websocket(stage: Stage) -> None:
    async with connected(stage) as socket:
        assert (await socket.says("agent.getTree"))["error"] == "no_such_run"
        subscribed = await socket.says("subscription.subscribe", {"channels": ["values", "lifecycle"]})
        assert subscribed["result"]["replayed_events"] == 0
        run = (await socket.says("run.start", order(stage, "A")))["result"]["run_id"]
        events = await socket.until(over(run))
        assert [event["method"] for event in events] == ["lifecycle", *["values"] * 4, "lifecycle"]
        told = await socket.says("agent.getTree", number=9)
        assert (told["id"], told["meta"]["applied_through_seq"]) == (9, events[-1]["seq"])
        # Another subscription replays what is its own, and no event comes twice after that.
        again = await socket.says("subscription.subscribe", {"channels": ["lifecycle"], "since": events[0]["seq"]})
        assert again["result"]["replayed_events"] == 1
        assert socket.events[-1] == events[5]
        for found in (subscribed, again):
            name = {"subscription_id": found["result"]["subscription_id"]}
            assert (await socket.says("subscription.unsubscribe", name))["result"] == {}
        heard = len(socket.events)
        await stage.join((await socket.says("run.start", order(stage, "B")))["result"]["run_id"])
        assert (await socket.says("agent.getTree"))["result"]["tree"]["status"] == "completed"
        assert len(socket.events) == heard


async def test_what_is_no_command_over_a_websocket(stage: Stage) -> None:
    async with connected(stage) as socket:
        for said in ("nope", "[]", '{"channels": ["values"]}'):
            await socket.socket.send_str(said)
            told = await socket.answer()
            assert (told["type"], told["id"], told["error"]) == ("error", None, "invalid_argument")
        await socket.socket.send_bytes(b'{"id": 3, "method": "agent.getTree"}')
        assert (await socket.answer())["id"] == 3


async def test_a_websocket_creates_its_thread(stage: Stage) -> None:
    stage.thread = str(uuid.uuid4())
    async with connected(stage) as socket:
        await socket.says("subscription.subscribe", {"channels": ["lifecycle"]})
        run = (await socket.says("run.start", order(stage, "A")))["result"]["run_id"]
        assert lifecycle(await socket.until(over(run))) == [("", "running"), ("", "completed")]
        await stage.client.threads.delete(stage.thread)
        message = await socket.socket.receive(timeout=DEADLINE)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4404)


async def test_a_websocket_that_is_none(stage: Stage) -> None:
    answer = await stage.http.get(f"/threads/{stage.thread}/stream/events")
    assert (answer.status_code, "POST" in answer.json()["detail"]) == (426, True)
    with pytest.raises(aiohttp.WSServerHandshakeError, match="422"):
        async with connected(stage, "x"):
            pass


async def test_a_reset_ends_streams() -> None:
    async with MockDeployment() as mock, httpx.AsyncClient(base_url=mock.url, timeout=DEADLINE) as http:
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        path = f"/threads/{thread}/stream/events"
        async with http.stream("POST", path, json={"channels": ["values"]}) as answer:
            mock.reset()
            async with asyncio.timeout(DEADLINE):
                assert [line async for line in answer.aiter_lines()] == []


async def test_the_journal_knows_what_was_said_over_either() -> None:
    async with MockDeployment() as mock, httpx.AsyncClient(base_url=mock.url, timeout=DEADLINE) as http:
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        mock.hold("agent:1/enter")
        told = {"assistant_id": "agent", "input": asking("sf")}
        first = {"id": 1, "method": "run.start", "params": told}
        run = (await http.post(f"/threads/{thread}/commands", json=first)).json()["result"]["run_id"]
        rejected = {**first, "params": {**told, "input": asking("nyc"), "multitaskStrategy": "reject"}}
        await http.post(f"/threads/{thread}/commands", json=rejected)
        address = f"{mock.url}/threads/{thread}/stream/events"
        async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
            await socket.send_json({**first, "params": {**told, "multitask_strategy": "interrupt"}})
            await socket.receive_json(timeout=DEADLINE)
        mock.assert_requested("POST", "*/commands", protocol="run.start", strategy=None, run_id=run)
        mock.assert_requested("POST", "*/commands", protocol="run.start", strategy="reject")
        mock.assert_requested("WS", "*/stream/events", protocol="run.start", strategy="interrupt")
        (ignored, other) = mock.conduct(strategy="interrupt")
        assert {ignored.rule, other.rule} == {"ignored-conflict", "other-strategy"}
        assert {ignored.requests, other.requests} == {(3,)}


def test_a_listener_that_never_reads_is_cut_off() -> None:
    feed, listener = Feed(), Listener()
    feed.subscribe(listener, "", Filter(frozenset(["custom"])))
    for number in range(KEPT + 1):
        feed.publish("custom", {"payload": number}, run_id="A", at=number)
    assert listener.closed
    later = Listener()
    assert feed.subscribe(later, "", Filter(frozenset(["custom"]))) == KEPT
    assert not later.closed


async def test_nobody_is_told_of_a_thread_that_nobody_asked_about(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    async with Protocol(stage).listening() as ear:
        await stage.client.threads.delete(stage.thread)
        assert await ear.to_the_end() == []
