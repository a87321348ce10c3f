"""The events of runs over the newer protocol, in a form in which those of two servers can be compared.

`protocol/` has the graphs for `langgraph dev` and the scripts with which the mock plays the same. The events of
`langgraph dev` are recorded, so that the mock is compared with them without it. To renew the record:
`python -m tests.reference.recorded protocol > tests/reference/protocol/events.json`.

Not played are two faults of `langgraph dev` 0.16.7. The child graphs of a run that is cancelled are `completed`, where
the mock reports them as interrupted. And a client that comes after the end of a failed run gets the event of that end
with the same id, but without its `error`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from mockserver.web.protocol import CHANNELS

GRAPHS: Final = Path(__file__).with_name("protocol")
RECORD: Final = GRAPHS / "events.json"
DEADLINE: Final = 60.0
PLAYED: Final[dict[str, tuple[str, str, Sequence[str]]]] = {
    # The graph, the text that it gets, and the answers to its questions.
    "tools of a plain graph": ("tools", "hi", ()),
    "tools and an agent of an agent": ("agent", "hi", ()),
    "child graphs": ("children", "hi", ()),
    "a tool that fails": ("failing", "hi", ()),
    "a child graph that fails": ("failing", "child", ()),
    "questions": ("asking", "hi", ("yes", "really")),
    "a question in two graphs": ("nested", "hi", ("yes",)),
    "stream transformers": ("reported", "hi", ("yes",)),
}
_ID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
_AT = re.compile(r"^\d+-0(?:\.\d+)?$")


async def feed(url: str, graph: str, text: str, answers: Sequence[str]) -> list[dict[str, Any]]:
    """Play a graph to its end, and return the events of its thread."""
    events: list[dict[str, Any]] = []
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=DEADLINE) as client:
        thread = (await client.post("/threads", json={})).json()["thread_id"]

        async def command(method: str, **params: Any) -> None:
            sent = {"id": 1, "method": method, "params": params}
            answer = (await client.post(f"/threads/{thread}/commands", json=sent)).json()
            assert answer["type"] == "success", answer

        order = {"messages": [{"role": "user", "content": text, "id": "h1"}]}
        await command("run.start", assistant_id=graph, input=order)
        asked: list[dict[str, Any]] = []
        remaining = list(answers)
        async for event in _events(client, thread):
            events.append(event)
            if event["method"] == "input.requested":
                asked.append(event["params"])
            if remaining and _is_root(event, "values") and asked:
                # The values behind the question are the last event of the graph itself, before it gets the answer.
                await _idle(client, thread)
                question = asked.pop()
                named = {"namespace": question["namespace"], "interrupt_id": question["data"]["interrupt_id"]}
                await command("input.respond", **named, response=remaining.pop(0))
            if _is_root(event, "lifecycle") and event["params"]["data"]["event"] in ("completed", "failed"):
                return events
    raise AssertionError("the stream ended before the run")


async def _events(client: httpx.AsyncClient, thread: str) -> AsyncIterator[dict[str, Any]]:
    async with (
        asyncio.timeout(DEADLINE),
        client.stream("POST", f"/threads/{thread}/stream/events", json={"channels": CHANNELS}) as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))


async def _idle(client: httpx.AsyncClient, thread: str) -> None:
    """Wait until the run has ended, as the server accepts no answer before."""
    (run, *_) = (await client.get(f"/threads/{thread}/runs")).json()
    await client.get(f"/threads/{thread}/runs/{run['run_id']}/join")


def _is_root(event: dict[str, Any], method: str) -> bool:
    return bool(event["method"] == method and not event["params"]["namespace"])


def plain(events: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the events of each namespace and tool call, with names in place of ids and without times.

    Tasks that work at the same time take turns by chance, so the order is compared inside each namespace.
    """
    seen = defaultdict(list)
    for event in events:
        params, method, data = event["params"], event["method"], event["params"]["data"]
        assert type(params["timestamp"]) is int
        event_id = "time" if _AT.match(event["event_id"]) else event["event_id"]
        place = "|".join(params["namespace"])
        if method == "updates":
            # The published form is {"node", "values"}. `langgraph dev` sends {node: values}, and {} at a question.
            continue
        if method == "tools":
            place = f"{place} {data['tool_call_id']}"
            if data["event"] == "tool-finished":
                # The reducer gives the result its id, before or after `langgraph dev` has sent the event.
                data = {**data, "output": {**data["output"], "id": None}}
        elif place.startswith("tools:") and not _ID.search(place):
            data = _of_tool(data)
        seen[place].append([event_id, method, data])
    # Named in the order of the places, as ids in different places come in any order.
    names: dict[str, str] = {}
    named = _ID.sub(
        lambda found: names.setdefault(found.group(), f"id{len(names) + 1}"),
        json.dumps(sorted(seen.items(), key=lambda one: _ID.sub("", one[0])), sort_keys=True),
    )
    return dict(json.loads(named))


def _of_tool(data: dict[str, Any]) -> dict[str, Any]:
    """Return the message of a tool, as far as both servers agree by more than chance and the published description."""
    if data["event"] == "message-start":
        # It has the id of the result, if it has one already.
        return {**data, "id": None}
    if "content" in data and data["event"] == "content-block-delta":
        # The published field is `delta`.
        kept = {name: value for name, value in data.items() if name != "content"}
        return {**kept, "delta": {"type": "text-delta", "text": data["content"]["text"]}}
    return data
