"""A client of the newer protocol, and what it receives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from mockserver.web.protocol import CHANNELS
from tests.mockserver.stage import Stage, asking
from tests.mockserver.witness import DEADLINE

Heard = dict[str, Any]

OVER = ("completed", "failed", "interrupted")


class Ear:
    """A listener that collects events of either transport, up to the one that a test waits for."""

    def __init__(self, source: AsyncIterator[Heard]) -> None:
        self._source = source
        self.heard: list[Heard] = []

    async def until(self, wanted: Callable[[Heard], bool]) -> list[Heard]:
        """Return every event up to the first that matches, within the deadline."""
        async with asyncio.timeout(DEADLINE):
            async for event in self._source:
                self.heard.append(event)
                if wanted(event):
                    return self.heard
        raise AssertionError(f"the stream ended with {self.heard[-3:]}")

    async def to_the_end(self) -> list[Heard]:
        """Return every event until the server ends the stream."""
        async with asyncio.timeout(DEADLINE):
            self.heard += [event async for event in self._source]
        return self.heard


def over(run_id: str) -> Callable[[Heard], bool]:
    """Return whether an event reports the end of a run."""
    return lambda event: f"{run_id}:lc||" in event["event_id"] and event["params"]["data"]["event"] in OVER


def by_model(events: Iterable[Any]) -> list[Any]:
    """Return the events of messages without those of the results of tools, which have namespaces of their own."""
    found = [event for event in events if event["method"] == "messages"]
    tools = [one["params"]["namespace"] for one in found if one["params"]["data"].get("role") == "tool"]
    return [event for event in found if event["params"]["namespace"] not in tools]


def data(events: list[Heard], method: str) -> list[Any]:
    return [event["params"]["data"] for event in events if event["method"] == method]


def lifecycle(events: list[Heard]) -> list[tuple[str, str]]:
    """Return the nodes whose graphs started and ended, with the outcome. The root has an empty name."""
    told = [event["params"] for event in events if event["method"] == "lifecycle"]
    return [("".join(one["namespace"]).partition(":")[0], one["data"]["event"]) for one in told]


def said(values: Any) -> str:
    return "".join(message["type"][0].upper() for message in values["messages"])


class Protocol:
    """The protocol on the thread of a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def command(self, method: str, params: Any = None, *, status: int = 200) -> Any:
        told = {"id": 7, "method": method, **({} if params is None else {"params": params})}
        answer = await self.stage.http.post(f"/threads/{self.stage.thread}/commands", json=told)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def start(self, label: str, strategy: str | None = None, *, probe: Any = None, **more: Any) -> str:
        """Start a run, and its id."""
        named = {} if strategy is None else {"multitask_strategy": strategy}
        config = self.stage.config(label, **(probe or {}))
        told = {"assistant_id": "agent", "input": asking("sf"), "config": config, **named, **more}
        answer = await self.command("run.start", told)
        assert answer["type"] == "success", answer
        return str(answer["result"]["run_id"])

    async def refused(self, method: str, params: Any = None) -> tuple[str, str]:
        """Return the code and the message of a command's error."""
        answer = await self.command(method, params)
        assert (answer["type"], answer["id"]) == ("error", 7)
        return answer["error"], answer["message"]

    @asynccontextmanager
    async def listening(self, *channels: str, **more: Any) -> AsyncIterator[Ear]:
        wanted = {"channels": channels or CHANNELS, **more}
        path = f"/threads/{self.stage.thread}/stream/events"
        async with self.stage.http.stream("POST", path, json=wanted) as answer:
            assert answer.status_code == 200, await answer.aread()
            yield Ear(_sent(answer))


async def _sent(answer: httpx.Response) -> AsyncIterator[Heard]:
    frame: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if name:
            frame[name] = value
            continue
        if "data" in frame:
            event = json.loads(frame["data"])
            assert (frame["event"], frame["id"]) == (event["method"], str(event["seq"]))
            yield event
        frame = {}
