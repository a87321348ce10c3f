"""The store of items, through the official clients of Python."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langgraph_sdk import get_sync_client

from mockserver.core.clock import HandClock
from mockserver.script.load import ScriptError, parse
from tests.mockserver.stage import Stage, on_stage


async def keep(stage: Stage, *items: tuple[str, str, dict[str, Any]]) -> None:
    for namespace, key, value in items:
        await stage.client.store.put_item(namespace.split("."), key, value)


async def keys(stage: Stage, *prefix: str, **asked: Any) -> list[str]:
    found = await stage.client.store.search_items(prefix, **asked)
    return [item["key"] for item in found["items"]]


async def test_an_item_is_kept_replaced_and_deleted(stage: Stage) -> None:
    store = stage.client.store
    await keep(stage, ("users.ann", "likes", {"food": "soup"}))
    first: Any = await store.get_item(["users", "ann"], "likes")
    assert (first["namespace"], first["key"], first["value"]) == (["users", "ann"], "likes", {"food": "soup"})
    assert first["created_at"] == first["updated_at"]
    await keep(stage, ("users.ann", "likes", {"food": "bread"}))
    second: Any = await store.get_item(["users", "ann"], "likes")
    assert (second["value"], second["created_at"]) == ({"food": "bread"}, first["created_at"])
    assert second["updated_at"] > first["updated_at"]
    repeated = await stage.http.get("/store/items", params={"namespace": ["users", "ann"], "key": "likes"})
    assert repeated.json() == second
    await store.delete_item(["users", "ann"], "likes")
    await store.delete_item(["users", "ann"], "likes")
    assert await store.get_item(["users", "ann"], "likes") is None


async def test_searching(stage: Stage) -> None:
    await keep(stage, ("a.b", "1", {"x": 1}), ("a.c", "2", {"x": 2, "n": {"y": 1}}), ("ab", "3", {"x": "2"}))
    assert await keys(stage) == ["3", "2", "1"]
    assert await keys(stage, "a") == ["2", "1"]
    assert await keys(stage, "a", limit=1, offset=1) == ["1"]
    assert await keys(stage, filter={"x": 2}) == ["2"]
    assert await keys(stage, filter={"n": {"y": 1}}) == ["2"]
    assert await keys(stage, filter={"x": {"$gte": 2}}) == ["2"]
    assert await keys(stage, filter={"x": {"$gt": 0, "$ne": 2}}) == ["1"]
    assert await keys(stage, filter={"x": {"$lt": "3"}}) == ["3"]
    assert await keys(stage, filter={"x": {"$eq": True}}) == []
    assert await keys(stage, filter={"x": {"$lte": 1}}, query="of no effect") == ["1"]
    (found,) = (await stage.client.store.search_items(["ab"]))["items"]
    assert found["score"] is None
    unknown = await stage.http.post("/store/items/search", json={"filter": {"x": {"$near": 1}}})
    assert (unknown.status_code, "$near" in unknown.json()["detail"]) == (422, True)


async def test_namespaces(stage: Stage) -> None:
    await keep(stage, ("a.b", "1", {}), ("a.c.b", "2", {}), ("b", "3", {}), ("a.b", "4", {}))

    async def found(**asked: Any) -> Any:
        return (await stage.client.store.list_namespaces(**asked))["namespaces"]

    assert await found() == [["a", "b"], ["a", "c", "b"], ["b"]]
    assert await found(prefix=["a"]) == [["a", "b"], ["a", "c", "b"]]
    assert await found(prefix=["*", "c"]) == [["a", "c", "b"]]
    assert await found(suffix=["b"], max_depth=1) == [["a"], ["b"]]
    assert await found(max_depth=0) == [[]]
    assert await found(limit=1, offset=1) == [["a", "c", "b"]]


async def test_an_item_with_a_time_to_live_is_gone_by_the_clock_of_the_deployment() -> None:
    clock = HandClock()
    async with on_stage(clock=clock) as stage:
        store = stage.client.store
        await store.put_item(["a"], "brief", {"x": 1}, ttl=1)
        await store.put_item(["a"], "for good", {"x": 1})
        await clock.advance(50)
        assert await store.get_item(["a"], "brief", refresh_ttl=True) is not None
        await clock.advance(50)
        assert await keys(stage, "a", refresh_ttl=False) == ["for good", "brief"]
        await clock.advance(10)
        assert await store.get_item(["a"], "brief") is None
        assert await keys(stage, "a") == ["for good"]


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("PUT", "items", {"namespace": ["a.b"], "key": "k", "value": {}}, "namespace"),
        ("PUT", "items", {"namespace": [], "key": "k", "value": {}}, "namespace"),
        ("PUT", "items", {"namespace": ["langgraph"], "key": "k", "value": {}}, "reserved"),
        ("PUT", "items", {"namespace": ["a"], "key": "k", "value": 3}, "value"),
        ("PUT", "items", {"namespace": ["a"], "key": "k", "value": {}, "ttl": -1}, "ttl"),
        ("DELETE", "items", {"namespace": ["a"]}, "key"),
        ("POST", "items/search", {"limit": -1}, "limit"),
        ("POST", "namespaces", {"max_depth": -1}, "max_depth"),
        ("GET", "items?namespace=a", None, "key"),
        ("GET", "items?key=k", None, "namespace"),
    ],
)
async def test_bad_input_is_named(strict: Stage, method: str, path: str, body: Any, named: str) -> None:
    answer = await strict.http.request(method, f"/store/{path}", json=body)
    assert (answer.status_code, named in answer.json()["detail"]) == (422, True), answer.text


async def test_nothing_is_deleted_without_a_namespace(stage: Stage) -> None:
    await keep(stage, ("a", "k", {}))
    assert (await stage.http.request("DELETE", "/store/items", json={"key": "k"})).status_code == 204
    assert await keys(stage) == ["k"]


async def test_the_synchronous_client(stage: Stage) -> None:
    def play() -> Any:
        with get_sync_client(url=stage.url) as client:
            store = client.store
            store.put_item(["a"], "k", {"x": 1}, index=["x"], ttl=5)
            found = store.search_items(["a"])["items"], store.list_namespaces()["namespaces"]
            store.delete_item(["a"], "k")
            return *found, store.get_item(["a"], "k")

    items, namespaces, gone = await asyncio.to_thread(play)
    assert ([item["value"] for item in items], namespaces, gone) == ([{"x": 1}], [["a"]], None)


async def test_a_reset_forgets_the_items(stage: Stage) -> None:
    await keep(stage, ("a", "k", {}))
    assert (await stage.http.post("/_mock/reset", json={})).status_code == 200
    assert await keys(stage) == []


SCRIPT = """
turns:
  - when: {contains: ask}
    steps:
      - interrupt: {value: Sure?, before: [{store: [{namespace: [asked], key: "{text}", value: {asked: true}}]}]}
        store: [{namespace: [asked], key: "{text}", value: null}]
  - when: {contains: fail}
    steps: [{store: [{namespace: [kept], key: k, value: {a: 1}}], error: no}]
  - when: {matches: "expire (?P<part>.*)"}
    steps: [{store: [{namespace: [users, "{part}"], key: k, value: {}, ttl: 5}]}]
  - when: {matches: "I am (?P<who>[A-Z]+)"}
    steps:
      - say: "Hi, {who}."
        tokens: ["Hi, ", "{who}."]
        hold: halfway
        store:
          - {namespace: [users, "{who:slug}"], key: profile, value: {name: "{who}", said: ["{text}"]}}
          - {namespace: [users], key: newest, value: {}}
          - {namespace: [users], key: newest, value: null}
"""


async def items(stage: Stage, *prefix: str) -> list[Any]:
    found = await stage.client.store.search_items(prefix)
    return [(item["namespace"], item["key"], item["value"]) for item in found["items"]]


async def asked(stage: Stage, text: str) -> Any:
    return await stage.client.runs.wait(stage.thread, "agent", input={"messages": text}, raise_error=False)


async def test_a_step_puts_items_and_deletes_them_when_it_has_spoken() -> None:
    async with on_stage(script=parse(SCRIPT)) as stage:
        run = await stage.client.runs.create(stage.thread, "agent", input={"messages": "I am Ada"})
        await stage.http.post("/_mock/wait", json={"point": "halfway"})
        assert await items(stage) == []
        await stage.http.delete("/_mock/holds", params={"point": "halfway"})
        await stage.client.runs.join(stage.thread, run["run_id"])
        assert await items(stage) == [(["users", "ada"], "profile", {"name": "Ada", "said": ["I am Ada"]})]


async def test_items_stay_though_the_run_fails_or_waits() -> None:
    """Measured on `langgraph dev` 0.16.7, with a node that writes and then fails or asks."""
    async with on_stage(script=parse(SCRIPT)) as stage:
        await asked(stage, "fail")
        await asked(stage, "ask")
        assert sorted(await items(stage)) == [(["asked"], "ask", {"asked": True}), (["kept"], "k", {"a": 1})]
        await stage.client.runs.wait(stage.thread, "agent", command={"resume": "yes"})
        assert await items(stage) == [(["kept"], "k", {"a": 1})]


async def test_an_item_of_a_step_expires_on_the_clock_of_the_deployment() -> None:
    clock = HandClock()
    async with on_stage(script=parse(SCRIPT), clock=clock) as stage:
        await asked(stage, "expire soon")
        assert await items(stage) == [(["users", "soon"], "k", {})]
        await clock.advance(301)
        assert await items(stage) == []


@pytest.mark.parametrize(("part", "reason"), [("a.b", "cannot contain periods"), ("", "cannot be empty")])
async def test_a_namespace_that_no_item_can_have_fails_the_run(part: str, reason: str) -> None:
    async with on_stage(script=parse(SCRIPT)) as stage:
        failure = (await asked(stage, f"expire {part}"))["__error__"]
        assert failure["error"] == "InvalidNamespaceError"
        assert reason in failure["message"]
        assert await items(stage) == []


@pytest.mark.parametrize(
    ("item", "place", "reason"),
    [
        ("{key: k, value: {}}", "1:27", "the key `namespace` is missing"),
        ("{namespace: [a], key: k}", "1:27", "the key `value` is missing"),
        ("{namespace: a, key: k, value: {}}", "1:39", "expected a list, got a text"),
        ("{namespace: [], key: k, value: {}}", "1:39", "a list that is not empty"),
        ("{namespace: [a.b], key: k, value: {}}", "1:27", "has no dots"),
        ("{namespace: [langgraph, a], key: k, value: {}}", "1:27", "which is reserved"),
        ("{namespace: [a], key: k, value: null, ttl: 5}", "1:27", "has no `ttl`"),
        ("{namespace: [a], key: k, value: text}", "1:59", "expected an object"),
        ("{namespace: [a], key: k, values: {}}", "1:52", "Did you mean `value`?"),
        ('{namespace: [a], key: "{txet}", value: {}}', "1:49", "Did you mean `{text}`?"),
    ],
)
def test_a_mistake_in_an_item_is_named_with_its_place(item: str, place: str, reason: str) -> None:
    with pytest.raises(ScriptError) as refused:
        parse(f"turns: [{{steps: [{{store: [{item}]}}]}}]", "s")
    assert str(refused.value).startswith(f"s:{place}: "), refused.value
    assert reason in str(refused.value)
