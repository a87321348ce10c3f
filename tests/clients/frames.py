"""The frames that a client of a deployment sees, in a form in which two servers can be compared."""

from __future__ import annotations

import json
import re
from typing import Any

from langgraph_sdk import get_client

_ID = re.compile(r"lc_run--[0-9a-f-]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")
_KEPT = ("checkpoint_ns", "parents", "source", "step")
"""The metadata that is compared, beside that whose name begins with `langgraph_` and is not about the server."""
_OF_THE_SERVER = ("version", "plan", "host", "api_url", "auth", "request_id", "api_version")
_LEFT_OUT = ("created_at", "thread_id", "run_id", "attempt", "metadata")


async def seen(url: str) -> dict[str, Any]:
    """Return what a client sees of the three graphs of the application at `url`."""
    async with get_client(url=url) as client:
        found = {
            "researcher": await _conversation(client, "researcher"),
            "coordinator": await _conversation(client, "coordinator", {"resume": {"type": "approve"}}),
            "unseen child": await _conversation(client, "coordinator", {"resume": {"type": "approve"}}, inside=False),
            "report": await _conversation(client, "report", None, given={"topic": "rain"}),
        }
        for name in ("coordinator", "researcher", "report"):
            assistant = (await client.assistants.search(graph_id=name))[0]["assistant_id"]
            drawn = [await client.assistants.get_graph(assistant, xray=depth) for depth in (False, True)]
            found[f"{name} drawn"] = [sorted(node["id"] for node in one["nodes"]) for one in drawn]
    return _named(found, {})


async def _conversation(
    client: Any, graph: str, *commands: dict[str, Any] | None, given: Any = None, inside: bool = True
) -> Any:
    """Return the streams of runs on one thread, the states between them, and the history with those of child graphs."""
    thread = (await client.threads.create())["thread_id"]
    first: Any = given or {"messages": [{"role": "user", "content": "What does it cost?"}]}
    modes = ["values", "updates", "messages-tuple", "tasks", "custom"]
    streams, states = [], []
    for order in ({"input": first}, *({"command": one} if one else {"input": None} for one in commands)):
        parts = client.runs.stream(thread, graph, stream_mode=modes, stream_subgraphs=inside, **order)
        streams.append(_merged([(part.event, _shown(part.data)) async for part in parts]))
        states.append(_shown(await client.threads.get_state(thread, subgraphs=True)))
    history = await client.threads.get_history(thread, limit=100)
    children = [
        await client.threads.get_history(thread, checkpoint=task["checkpoint"], limit=100)
        for one in history
        for task in one["tasks"]
        if task["checkpoint"]
    ]
    return {"streams": streams, "states": states, "history": _shown([history, children])}


def _shown(value: Any) -> Any:
    """Return data without what is of the server or of the moment, and messages in short."""
    if isinstance(value, list):
        return [_shown(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "content" in value and value.get("type"):
        calls = [(call["name"], call["args"], call["id"]) for call in value.get("tool_calls") or ()]
        return [value["type"].removesuffix("MessageChunk").lower(), value["content"], calls, value.get("tool_call_id")]
    shown = {name: _shown(one) for name, one in value.items() if name not in _LEFT_OUT}
    if "langgraph_node" in value or "source" in value:
        shown = {name: one for name, one in shown.items() if _is_compared(name)}
    elif isinstance(value.get("metadata"), dict):
        about = _shown(value["metadata"])
        shown["metadata"] = {name: one for name, one in about.items() if _is_compared(name)}
    return shown


def _is_compared(name: str) -> bool:
    about = name.removeprefix("langgraph_")
    return name in _KEPT or (about != name and not about.startswith(_OF_THE_SERVER))


def _merged(events: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return events with the pieces of a message as one: how a model divides its answer differs."""
    merged: list[tuple[str, Any]] = []
    for event, data in events:
        last: tuple[str, Any] = merged[-1] if merged else ("", None)
        if event.startswith("messages") and last[0] == event and data[1] == last[1][1] and data[0][0] == "ai":
            said, about = last[1]
            merged[-1] = (event, [["ai", said[1] + data[0][1], said[2] or data[0][2], None], about])
        else:
            merged.append((event, data))
    return merged


def _named(value: Any, names: dict[str, str]) -> dict[str, Any]:
    """Return data with every id replaced by the number of its first appearance."""
    text = _ID.sub(lambda found: names.setdefault(found.group(), f"id-{len(names)}"), json.dumps(value))
    named: dict[str, Any] = json.loads(text)
    return named
