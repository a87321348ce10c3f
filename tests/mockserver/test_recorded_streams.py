"""The streams and states of the probe agent's runs on a real server, compared with the mock event by event."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.mockserver.stage import Stage

PLAYS = json.loads((Path(__file__).parents[2] / "fixtures" / "recordings" / "streams.json").read_text())["plays"]

# Different at every start, so that only their type is compared.
MADE_UP = {
    *("id", "run_id", "thread_id", "assistant_id", "checkpoint_id", "parent_checkpoint_id", "checkpoint_ns"),
    *("langgraph_checkpoint_ns", "langgraph_request_id", "created_at", "updated_at", "state_updated_at"),
}
# What a server says of itself; the recording has been cleared of it.
OF_THE_SERVER = {
    *("langgraph_version", "langgraph_plan", "langgraph_host", "langgraph_api_version", "langgraph_api_url"),
    "ls_provider",
}


def comparable(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {_plain(name): comparable(inner, name) for name, inner in value.items() if name not in OF_THE_SERVER}
    if isinstance(value, list):
        return [comparable(inner, key) for inner in value]
    if key == "message" and isinstance(value, str):
        # The recorded server hides the words of exceptions whose class it does not know.
        return "the words of an exception"
    if key == "id":
        # In the results of its tasks the recorded server sometimes shows messages before it gave them their ids.
        return "an id"
    return type(value).__name__ if key in MADE_UP and value is not None else value


def _plain(name: str) -> str:
    """Return the name of a field. Some names are ids of messages or tasks."""
    return "an id" if name.count("-") >= 4 else name


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play["name"])
async def test_a_play_streams_and_leaves_what_it_did_on_a_real_server(stage: Stage, play: Any) -> None:
    for turn in play["turns"]:
        parts = [
            {"event": part.event, "data": part.data}
            async for part in stage.client.runs.stream(stage.thread, "agent", **turn["request"])
        ]
        assert _named(parts) == _named(turn["events"])
        for part, recorded in zip(parts, turn["events"], strict=True):
            assert comparable(part) == comparable(recorded)
    path = f"/threads/{stage.thread}"
    left = {
        "state": (await stage.http.get(f"{path}/state")).json(),
        "thread": (await stage.http.get(path)).json(),
        "history": (await stage.http.get(f"{path}/history", params={"limit": 100})).json(),
    }
    assert comparable(left) == comparable(play["left"])


def _named(parts: list[dict[str, Any]]) -> list[str]:
    return [part["event"] for part in parts]
