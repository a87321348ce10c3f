"""The stream modes for tasks, checkpoints and events, beside the streams of `langgraph dev`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from doubletext.probe import Probe, to_config
from tests.mockserver.stage import Stage, asking

RECORDED = json.loads((Path(__file__).parents[2] / "fixtures" / "recordings" / "stream-modes.json").read_text())[
    "plays"
]
ROUTING = "_after_agent"
"""The function with which the recorded graph chooses its next node. A script has none."""


async def streamed(stage: Stage, modes: Any, **asked: Any) -> list[Any]:
    parts: Any = stage.client.runs.stream(stage.thread, "agent", stream_mode=modes, **asked)
    return [part async for part in parts]


def shape(event: str, data: Any) -> list[Any]:
    """Return an event in the form of the recording: its name, and the values that identify it."""
    name = event.partition(":")[0]
    kind = name.partition("|")[0]
    if kind == "debug":
        return [name, data["type"], data["step"], sorted(data["payload"])]
    if kind == "tasks":
        return [name, data["name"], sorted(data)]
    if kind == "checkpoints":
        return [name, data["metadata"]["source"], data["metadata"]["step"], data["next"], sorted(data)]
    if kind == "events":
        return [name, data["event"], data["name"], sorted(data["data"]), data["tags"], len(data["parent_ids"])]
    return [name]


@pytest.mark.parametrize("play", RECORDED)
async def test_modes_stream_what_they_do_on_a_real_server(stage: Stage, play: str) -> None:
    asked = RECORDED[play]["asked"]
    probe: dict[str, Any] = {"version": 1, "label": "A", **asked["probe"]}
    parts = await streamed(
        stage,
        asked["stream_mode"],
        input=asked["input"],
        config=to_config(Probe(**probe)),
        stream_subgraphs=asked["stream_subgraphs"],
    )
    seen = [one for one in RECORDED[play]["events"] if one[0] != "events" or one[2] != ROUTING]
    assert [shape(part.event, part.data) for part in parts] == seen


async def test_tasks_tell_what_a_node_takes_and_gives(stage: Stage) -> None:
    parts = await streamed(stage, ["tasks"], input=asking("sf"), config=stage.config("A"))
    begun, ended = parts[1].data, parts[2].data
    assert (begun["name"], begun["input"]["messages"][0]["type"], begun["triggers"]) == (
        "agent",
        "human",
        ["branch:to:agent"],
    )
    assert (ended["id"], ended["result"]["steps"], ended["error"]) == (begun["id"], ["A/agent:1"], None)
    stage.thread = (await stage.client.threads.create())["thread_id"]
    failing = await streamed(stage, ["tasks"], input=asking("sf"), config=stage.config("A", fail=["tools:1"]))
    assert failing[-2].data["error"] == {"error": "ProbeError", "message": "probe failure at tools:1"}


async def test_checkpoints_are_those_of_the_history(stage: Stage) -> None:
    config = stage.config("A", interrupt=["tools:1"])
    parts = await streamed(stage, ["checkpoints"], input=asking("sf"), config=config)
    told = [part.data for part in parts[1:]]
    history = await stage.history()
    assert [one["config"]["configurable"]["checkpoint_id"] for one in told] == [one["checkpoint_id"] for one in history]
    assert [one["values"] for one in told] == [one["values"] for one in history]
    assert told[0]["parent_config"] is None
    assert told[1]["parent_config"]["configurable"]["checkpoint_id"] == history[0]["checkpoint_id"]
    resumed = await streamed(stage, ["checkpoints", "debug"], command={"resume": "yes"}, config=config)
    first = resumed[1].data
    assert (first["config"]["configurable"]["checkpoint_id"], first["next"]) == (
        history[-1]["checkpoint_id"],
        ["tools"],
    )
    assert first["tasks"][0]["interrupts"][0]["value"] == {"question": "Go on?", "step": "tools:1"}
    assert resumed[2].data["payload"]["checkpoint"] == history[-1]["checkpoint"]
    assert resumed[2].data["payload"]["parent_checkpoint"] == history[-1]["parent_checkpoint"]


async def test_events_name_what_they_are_about_by_the_same_ids(stage: Stage) -> None:
    parts = await streamed(stage, ["events"], input=asking("sf"), config=stage.config("A"))
    told = [part.data for part in parts[1:]]
    run_id = parts[0].data["run_id"]
    assert {one["run_id"] for one in told if not one["parent_ids"]} == {run_id}
    for one in told:
        assert one["metadata"]["run_id"] == run_id
        assert one["parent_ids"][:1] in ([], [run_id])
    spoken = [one for one in told if one["event"] == "on_chat_model_stream"]
    ended = [one for one in told if one["event"] == "on_chat_model_end"]
    assert {one["run_id"] for one in spoken} == {one["run_id"] for one in ended}
    assert told[-1]["data"]["output"] == (await stage.state())["values"]


async def test_a_joined_stream_is_of_the_modes_asked_for(stage: Stage) -> None:
    run = await stage.held("A", "sf", "agent:1/enter", stream_mode=["tasks", "events", "values"], stream_resumable=True)
    stage.witness.release()
    await stage.join(run)
    parts: Any = stage.client.runs.join_stream(stage.thread, run, stream_mode=["tasks"], last_event_id="-1")
    assert {part.event async for part in parts} == {"metadata", "tasks"}


async def test_a_joined_stream_ignores_an_unknown_mode(stage: Stage) -> None:
    run = await stage.create("A", "sf", stream_resumable=True)
    path = f"/threads/{stage.thread}/runs/{run}/stream"
    answer = await stage.http.get(path, params={"stream_mode": ["updates", "bogus"]}, headers={"Last-Event-ID": "-1"})
    assert {line for line in answer.text.splitlines() if line.startswith("event:")} == {"event: metadata"}
    entry = (await stage.http.get("/_mock/journal")).json()["requests"][-1]
    assert ['`stream_mode` names "bogus"' in one for one in entry["ignored"]] == [True]
