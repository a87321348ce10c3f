"""The control API as other languages use it: scripts, holds, time, journal, conduct, waiting, reset."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.mockserver.stage import Stage, asking

SCRIPT = "turns: [{name: only, steps: [{say: Hello., takes: 5, hold: half}]}]"


async def control(stage: Stage, method: str, path: str, **more: object) -> tuple[int, object]:
    answer = await stage.http.request(method, f"/_mock{path}", **more)  # type: ignore[arg-type]
    return answer.status_code, answer.json()


async def test_a_conversation_from_outside(stage: Stage) -> None:
    assert await control(stage, "POST", "/script", json={"script": SCRIPT}) == (
        200,
        {"turns": ["only"], "graphs": ["agent"]},
    )
    assert await control(stage, "POST", "/time", json={"mode": "hand"}) == (200, {"now": 0.0})
    run = (
        await stage.http.post(f"/threads/{stage.thread}/runs", json={"assistant_id": "agent", "input": asking("x")})
    ).json()
    wait = {"status": "running", "thread_id": stage.thread, "run_id": run["run_id"]}
    assert await control(stage, "POST", "/wait", json=wait) == (200, {"status": "running"})
    waiting = asyncio.create_task(control(stage, "POST", "/wait", json={"point": "half"}))
    assert await control(stage, "POST", "/time/advance", json={"seconds": 5}) == (200, {"now": 5.0})
    assert await waiting == (200, {"thread_id": stage.thread, "run_id": run["run_id"]})
    _, held = await control(stage, "GET", "/holds")
    assert held == {
        "held": [{"point": "half", "thread_id": stage.thread, "run_id": run["run_id"]}],
        "closed": [],
    }
    status, told = await control(stage, "DELETE", "/holds", params={"point": "helf"})
    assert (status, "Did you mean `half`?" in str(told)) == (422, True)
    assert await control(stage, "DELETE", "/holds") == (200, {"released": 1})
    await stage.join(run["run_id"])
    _, journal = await control(stage, "GET", "/journal", params={"thread_id": stage.thread})
    assert isinstance(journal, dict)
    assert [entry["method"] for entry in journal["requests"]] == ["POST", "GET"]
    wanted = {"request": {"method": "POST", "path": "*/runs", "having": {"assistant_id": "agent"}}}
    status, entry = await control(stage, "POST", "/wait", json=wanted)
    assert isinstance(entry, dict)
    assert (status, entry["run_id"]) == (200, run["run_id"])
    assert await control(stage, "GET", "/conduct", params={"strategy": "interrupt"}) == (200, {"findings": []})
    assert await control(stage, "POST", "/reset") == (200, {"reset": True})
    assert (await stage.http.post("/threads/search", json={})).json() == []


async def test_holds_for_one_thread_and_conduct(stage: Stage) -> None:
    other = (await stage.client.threads.create())["thread_id"]
    for thread in (stage.thread, other):
        await control(stage, "POST", "/holds", json={"point": "tools:1/enter", "thread_id": thread})
    _, shown = await control(stage, "GET", "/holds")
    assert shown == {"held": [], "closed": ["tools:1/enter"]}
    assert await control(stage, "DELETE", "/holds", params={"thread_id": other}) == (200, {"released": 0})
    body = {"assistant_id": "agent", "input": asking("sf")}
    assert (await stage.http.post(f"/threads/{other}/runs/wait", json=body)).status_code == 200
    await stage.http.post(f"/threads/{stage.thread}/runs", json=body)
    await control(stage, "POST", "/wait", json={"point": "tools:1/enter", "thread_id": stage.thread})
    await stage.http.post(f"/threads/{stage.thread}/runs", json=body)
    _, found = await control(
        stage, "GET", "/conduct", params=httpx.QueryParams([("strategy", "interrupt"), ("without", "retried")])
    )
    assert isinstance(found, dict)
    assert [finding["rule"] for finding in found["findings"]] == ["other-strategy", "sent-twice"]


HOLD: list[tuple[dict[str, Any], list[int]]] = [
    ({"request": {"method": "post"}, "times": 2}, [1, 2]),
    ({"request": {"having": {"input": {"$including": {"messages": [{"content": "in sf"}]}}}}, "at_least": 1}, [2]),
    ({"request": {"having": {"body": {"$including": {"assistant_id": {"$any": True}}}}}}, [2]),
    ({"request": {"having": {"input": {"messages": [{"role": "user", "content": {"$any": True}}]}}}}, [2]),
    ({"request": {"having": {"headers": {"Host": {"$including": "127.0.0"}}}}, "times": 2}, [1, 2]),
    ({"request": {"path": "*/cancel"}, "times": 0}, []),
    ({"in_order": ["POST /threads", {"having": {"strategy": "reject"}}]}, [1, 2]),
]
"""Assertions that hold, with the numbers of the requests that match. `test_assertions.py` has the same in Python."""

BROKEN: list[tuple[int, dict[str, Any], str]] = [
    (
        412,
        {"request": {"having": {"input": {"$including": {"a": 1}}}}},
        'no request matches * * input=Including({"a":1})',
    ),
    (412, {"request": {"having": {"input": [{"$including": "a"}]}}}, "no request matches"),
    (412, {"request": {}, "times": 3}, "expected 3 matching requests, received 2"),
    (412, {"request": {"path": "/threads"}, "times": 0}, "expected 0 matching requests, received 1"),
    (412, {"in_order": ["GET *", "POST *"]}, "request 1 of 2, GET *, was not received at all"),
    (422, {}, "Send one of the two"),
    (422, {"request": {}, "in_order": ["GET *", "POST *"]}, "Send one of the two"),
    (422, {"in_order": ["GET *", "POST *"], "times": 1}, "not counted"),
    (422, {"in_order": ["GET *"]}, "needs two patterns"),
    (422, {"request": {}, "times": 1, "at_least": 1}, "Leave one of them out"),
    (422, {"request": {"having": {"input": {"$include": 1}}}}, "Did you mean `$including`?"),
    (422, {"request": {"having": {"input": {"$any": 1, "a": 1}}}}, "It needs an object of its own"),
    (422, {"request": {"having": {"unheard": 1}}}, '{"$including": {...}}'),
    (422, {"request": {"having": {"strategy": "rejct"}}}, "Did you mean `reject`?"),
    (422, {"reqest": {}}, "Did you mean `request`?"),
]


async def test_assertions_from_outside(stage: Stage) -> None:
    body = {"assistant_id": "agent", "input": asking("sf"), "multitask_strategy": "reject"}
    await stage.http.post(f"/threads/{stage.thread}/runs/wait", json=body)
    for wanted, numbers in HOLD:
        status, found = await control(stage, "POST", "/assert", json=wanted)
        assert isinstance(found, dict)
        assert (status, [entry["number"] for entry in found.get("requests", [])]) == (200, numbers), (wanted, found)
    for expected, wanted, reason in BROKEN:
        status, found = await control(stage, "POST", "/assert", json=wanted)
        assert (status, reason in str(found)) == (expected, True), found
    # An operator of a filter is no matcher.
    await stage.http.post("/store/items/search", json={"namespace_prefix": ["a"], "filter": {"x": {"$gt": 0}}})
    by_filter = {"request": {"having": {"filter": {"x": {"$gt": 0}}}}}
    assert (await control(stage, "POST", "/assert", json=by_filter))[0] == 200


async def test_bad_commands_are_refused_in_one_line(stage: Stage) -> None:
    for method, path, body, status, told in (
        ("POST", "/script", {"script": "turns: [{steps: [{sai: x}]}]"}, 422, "Did you mean `say`?"),
        ("POST", "/script", {"script": {"turns": []}, "thread_id": "x"}, 422, "UUID"),
        ("POST", "/holds", {}, 422, "`point`"),
        ("POST", "/time", {"mode": "slow"}, 422, "slow"),
        ("POST", "/time/advance", {"seconds": 1}, 409, "cannot be advanced"),
        ("POST", "/time/advance", {"seconds": -1}, 422, "seconds"),
        ("POST", "/wait", {}, 422, "send a `point`"),
        ("POST", "/wait", {"status": "idle"}, 422, "Add `thread_id`"),
        ("POST", "/wait", {"point": "never", "deadline": 0.01}, 422, "there is no point `never`"),
        ("POST", "/wait", {"point": "agent:1/enter", "deadline": 0.01}, 404, "no hold is set there"),
        ("POST", "/wait", {"status": "idle", "thread_id": "x", "deadline": 0.01}, 404, "there is no thread x"),
        ("GET", "/conduct?without=nice", None, 422, "there is no rule `nice`"),
        ("POST", "/reset", {"sede": 5}, 422, "Did you mean `seed`?"),
        ("POST", "/holds", {"point": "x"}, 422, "there is no point `x`"),
        ("DELETE", "/holds?point=agent:1/exit", None, 404, "no run is or would be held at"),
    ):
        answer = await stage.http.request(method, f"/_mock{path}", json=body)
        assert (answer.status_code, told in answer.json()["detail"]) == (status, True), answer.text
