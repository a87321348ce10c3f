"""The interrupt guide as a real server answered it, exchange by exchange, against the mock."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.mockserver.stage import Stage

RECORDED = json.loads((Path(__file__).parents[2] / "fixtures" / "recordings" / "interrupt-guide.json").read_text())[
    "exchanges"
]

# What one of the two agents or servers has and the other has not, and rightly so: settings of the recorded
# agent, the probe of ours and its second channel, and a variable of the recorded server's own engine.
DIFFERENT = {
    *("agent1_delay", "tool_delay", "agent2_delay", "token_delay"),
    *("probe", "steps", "__pregel_node_finished"),
}
LITERAL = {"status", "next", "source", "step", "type", "role", "path", "multitask_strategy", "checkpoint_ns"}


def shape(value: Any, key: str = "") -> Any:
    """Return the parts that must be equal: keys, types, lengths of lists, and the values that carry meaning."""
    if isinstance(value, dict):
        return {name: shape(inner, name) for name, inner in value.items() if name not in DIFFERENT}
    if isinstance(value, list) and key not in LITERAL:
        return [shape(inner) for inner in value]
    return value if key in LITERAL else type(value).__name__


async def test_every_answer_has_the_recorded_shape(stage: Stage) -> None:
    stage.witness.hold("A/agent:2/enter")
    labels = iter("AB")
    known: dict[str, str] = {}
    for number, exchange in enumerate(RECORDED):
        asked, expected = exchange["request"], exchange["response"]["body"]
        path, body = asked["path"], asked["body"]
        for recorded, ours in known.items():
            path = path.replace(recorded, ours)
        creates_run = asked["method"] == "POST" and path.endswith("/runs")
        if creates_run:
            body = {**body, "config": stage.config(next(labels))}
        if isinstance(expected, dict) and expected.get("status") == "interrupted":
            await stage.until(partial(_interrupted, stage, known[expected["run_id"]]))
        if isinstance(expected, list):
            # Its list has a field, always null, that neither a single run nor the API's description has.
            expected = [{name: run[name] for name in run if name != "values" or "next" in run} for run in expected]

        answer = await stage.http.request(asked["method"], path, json=body)
        got = answer.json()
        told = (number, asked["method"], path)
        assert (told, answer.status_code) == (told, exchange["response"]["status"])
        assert (told, shape(got)) == (told, shape(expected))
        for header in ("content-location", "location"):
            assert (header in answer.headers) == (header in exchange["response"]["headers"])
        if creates_run:
            known[expected["run_id"]] = got["run_id"]
            await stage.witness.reached("A/agent:2/enter")
        elif path == "/threads":
            known[expected["thread_id"]] = stage.thread = got["thread_id"]


async def _interrupted(stage: Stage, run_id: str) -> bool:
    return await stage.status(run_id) == "interrupted"


@pytest.mark.parametrize("name", sorted(DIFFERENT - {"probe", "steps"}))
def test_each_difference_is_real(name: str) -> None:
    assert f'"{name}"' in json.dumps(RECORDED)
