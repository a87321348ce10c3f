"""A part of a request without effect is ignored and noted where the description allows it, or refused on request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mockserver import MockDeployment
from mockserver.control.client_checks import Facts, judge
from mockserver.schemas.common import RunRequest
from mockserver.schemas.known import known_part
from mockserver.web.journal import JournalEntry
from tests.mockserver.protocol import Protocol
from tests.mockserver.stage import Stage, asking, on_stage

RUN = {"assistant_id": "agent", "input": asking("sf")}

# Where, what, and what is said about it. `langgraph dev` 0.16.7 answers each of them with 200.
MEANINGLESS: list[tuple[str, str, Any, str]] = [
    ("POST", "/threads", {"unheard": 1}, "unknown field `unheard`"),
    ("POST", "/threads", {"ttl": {"ttl": 5, "unheard": 1}}, "unknown field `ttl.unheard`"),
    ("POST", "/threads/search", {"order_by": "x"}, "unknown field `order_by`"),
    ("POST", "/assistants", {"graph_id": "agent", "config": {"run_id": "x"}}, "unknown field `config.run_id`"),
    ("POST", "{thread}/runs", {**RUN, "config": {"run_id": "x"}}, "unknown field `config.run_id`"),
    ("POST", "{thread}/runs/wait", {**RUN, "checkpoint": {"x": 1}}, "unknown field `checkpoint.x`"),
    ("POST", "{thread}/runs/stream", {**RUN, "command": None, "unheard": {}}, "unknown field `unheard`"),
    ("POST", "/runs/batch", [RUN, {**RUN, "unheard": 1}], "unknown field `[1].unheard`"),
    ("POST", "{thread}/runs/wait", {**RUN, "after_seconds": -1}, "`after_seconds` is negative"),
    ("POST", "{thread}/runs/wait", {**RUN, "config": {"metadata": None}}, "`config.metadata`"),
    ("POST", "{thread}/runs/wait", {**RUN, "config": {"run_name": None}}, "`config.run_name`"),
    ("POST", "/runs/batch", [{**RUN, "on_disconnect": None}], "invalid value of `on_disconnect`"),
    ("POST", "{thread}/history", {"before": {"configurable": {"x": 1}}}, "unknown field `before.configurable.x`"),
    ("POST", "{thread}/runs", {**RUN, "on_disconnect": "x"}, "invalid value of `on_disconnect`"),
    ("POST", "{thread}/runs/wait", {**RUN, "strict_resume": None}, "invalid value of `strict_resume`"),
    ("POST", "{thread}/runs/wait", {**RUN, "on_completion": "delete"}, "`on_completion` is only for stateless runs"),
    ("POST", "/runs/wait", {**RUN, "multitask_strategy": None}, "invalid value of `multitask_strategy`"),
    ("POST", "/runs/wait", {**RUN, "checkpoint": {"checkpoint_id": "x"}}, "A stateless run has no `checkpoint`"),
    ("POST", "{thread}/runs/wait", {**RUN, "interrupt_before": ["x"]}, '`interrupt_before` names the node "x"'),
    ("POST", "{thread}/runs/wait", {**RUN, "command": {"goto": "x"}}, '`command.goto` names the node "x"'),
    ("POST", "{thread}/runs/wait", {**RUN, "command": {"goto": [{"node": "x", "input": {}}]}}, "`command.goto` names"),
    ("POST", "{thread}/runs/crons", {"assistant_id": "agent", "schedule": "0 0 1 1 *", "colour": 1}, "`colour`"),
    ("POST", "{thread}/state/checkpoint", {"checkpoint": {}, "select": 5}, "invalid value of `select`"),
    ("POST", "/store/namespaces", {"limit": 0}, "`limit` is 0"),
    ("GET", "{thread}/runs?limit=0", None, "`limit` is 0"),
    ("GET", "{thread}/runs?limit=5000&offset=-1", None, "`offset` is -1"),
    ("GET", "{thread}/history?limit=-1", None, "`limit` is -1"),
    ("GET", "{thread}/state?select=x", None, "select: "),
    ("GET", "{thread}?include=x", None, '`include` names "x"'),
    ("GET", "{thread}?unheard=1", None, "unknown field `unheard`"),
    ("GET", "/info?unheard=1", None, "unknown query parameter `unheard`"),
]


@pytest.mark.parametrize(("method", "path", "body", "reason"), MEANINGLESS)
async def test_what_has_no_effect_is_ignored_and_noted(
    stage: Stage, method: str, path: str, body: Any, reason: str
) -> None:
    answer = await stage.http.request(method, path.format(thread=f"/threads/{stage.thread}"), json=body)
    assert answer.status_code == 200, answer.text
    entry = (await stage.http.get("/_mock/journal")).json()["requests"][-1]
    assert any(reason in one for one in entry["ignored"]), entry
    (*_, finding) = (await stage.http.get("/_mock/conduct")).json()["findings"]
    assert finding["rule"] == "ignored-field"
    assert finding["requests"] == [entry["number"]]


@pytest.mark.parametrize(("method", "path", "body", "reason"), MEANINGLESS)
async def test_a_strict_deployment_refuses_it(strict: Stage, method: str, path: str, body: Any, reason: str) -> None:
    answer = await strict.http.request(method, path.format(thread=f"/threads/{strict.thread}"), json=body)
    assert answer.status_code == 422, reason
    assert isinstance(answer.json()["detail"], str)
    assert (await strict.http.get("/_mock/conduct")).json()["findings"] == []


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("{thread}/runs", {**RUN, "unheard": 1, "durability": "maybe"}, "durability"),
        ("{thread}/runs", {**RUN, "unheard": 1, "config": {"tags": 5}}, "config.tags"),
        ("{thread}/runs/stream", {**RUN, "on_disconnect": "x"}, "on_disconnect"),
        ("/threads/search", {"limit": 0}, "limit"),
        ("/threads/search", {"status": "bogus", "unheard": 1}, "status"),
    ],
)
async def test_what_the_description_forbids_is_refused(stage: Stage, path: str, body: Any, named: str) -> None:
    answer = await stage.http.post(path.format(thread=f"/threads/{stage.thread}"), json=body)
    assert (answer.status_code, named in answer.json()["detail"]) == (422, True), answer.text
    assert (await stage.http.get("/_mock/conduct")).json()["findings"] == []


@pytest.mark.parametrize("strictness", [False, True])
async def test_a_whole_number_may_be_written_with_a_point(strictness: bool) -> None:
    async with on_stage(strict=strictness) as stage:
        for body in ('{"limit": 1.0}', '{"limit": 1e0, "offset": 0.0}'):
            assert (await stage.http.post("/threads/search", content=body)).status_code == 200
        assert (await stage.http.post("/threads/search", content='{"limit": 1.5}')).status_code == 422
        assert (await stage.http.get("/_mock/conduct")).json()["findings"] == []


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_recursion_limit_that_is_too_small_fails_the_run(stage: Stage, limit: int) -> None:
    body = {**RUN, "config": {"recursion_limit": limit}}
    ended = (await stage.http.post(f"/threads/{stage.thread}/runs/wait", json=body)).json()
    assert ended == {"__error__": {"error": "ValueError", "message": "recursion_limit must be at least 1"}}


async def test_no_ids_are_no_filter(stage: Stage) -> None:
    assert len((await stage.http.post("/threads/search", json={"ids": []})).json()) == 1


async def test_a_status_that_does_not_exist_is_refused_in_a_list(stage: Stage) -> None:
    assert (await stage.http.get(f"/threads/{stage.thread}/runs?status=bogus")).status_code == 422


async def test_pages_without_published_bounds(stage: Stage) -> None:
    ids = [(await stage.http.post(f"/threads/{stage.thread}/runs", json=RUN)).json()["run_id"] for _ in range(3)]

    async def listed(query: str) -> list[str]:
        answer = await stage.http.get(f"/threads/{stage.thread}/runs?{query}")
        return [run["run_id"] for run in answer.json()]

    assert await listed("limit=0") == []
    assert await listed("limit=5000") == ids[::-1]
    assert await listed("offset=-1&limit=1") == ids[:1:-1]


async def test_commands_ignore_what_has_no_effect(stage: Stage) -> None:
    protocol = Protocol(stage)
    params = {"assistant_id": "agent", "config": None, "metadata": None, "multitaskStrategy": None, "unheard": 1}
    assert (await protocol.command("run.start", {**params, "input": asking("sf")}))["type"] == "success"
    entry = (await stage.http.get("/_mock/journal")).json()["requests"][-1]
    assert entry["ignored"] == ["unknown field `unheard`"]


async def test_strict_commands_refuse_it(strict: Stage) -> None:
    refused = await Protocol(strict).refused("run.start", {"assistant_id": "agent", "unheard": 1})
    assert refused == ("invalid_argument", "run.start: Object contains unknown field `unheard`")


def test_one_finding_for_the_same_mistake_again() -> None:
    def sent(number: int, reason: str) -> JournalEntry:
        more: dict[str, Any] = {"thread_id": None, "run_id": None, "busy": False, "asks": (), "ignored": [reason]}
        return JournalEntry(number, 0.0, "POST", "/threads", {}, b"", **more)

    found = judge(Facts([sent(1, "unknown field `a`"), sent(2, "unknown field `b`"), sent(3, "unknown field `a`")]))
    assert [one.requests for one in found] == [(2,), (1, 3)]
    assert str(found[0]) == (
        "ignored-field: POST /threads has a part without effect: unknown field `b`. Correct or remove it (requests 2)"
    )


def test_a_test_chooses_strictness_and_the_next_one_does_not_have_it() -> None:
    with MockDeployment() as mock:
        mock.reset(strict=True)
        assert mock.controller.journal.strict
        mock.reset()
        assert not mock.controller.journal.strict


async def test_the_log_names_what_was_ignored() -> None:
    async with on_stage() as stage:
        await stage.http.post("/threads", json={"unheard": 1})
        entry = (await stage.http.get("/_mock/journal")).json()["requests"][-1]
    made = JournalEntry(
        1, 0.0, "POST", "/threads", {}, b"", None, None, busy=False, asks=(), status=200, ignored=entry["ignored"]
    )
    assert made.line().endswith("POST /threads -> 200; ignored: unknown field `unheard`")


def test_the_known_part_of_a_request() -> None:
    raw = json.loads('{"assistant_id": "a", "x": {"y": 1}, "config": {"tags": [], "z": 2}, "strict_resume": 5}')
    known, reasons = known_part(raw, RunRequest, ("strict_resume",))
    assert known == {"assistant_id": "a", "config": {"tags": []}}
    assert [one.partition("`")[2].partition("`")[0] for one in reasons] == ["x", "config.z", "strict_resume"]
    assert "x" in raw, "the given value is not changed"
