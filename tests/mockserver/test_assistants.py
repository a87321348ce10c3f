"""Assistants that clients make, change, find and delete, and what a run takes from them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk.errors import BadRequestError, ConflictError, NotFoundError

from tests.mockserver.stage import Stage, asking

UNKNOWN = str(uuid4())


async def made(stage: Stage, **asked: Any) -> Any:
    return await stage.client.assistants.create("agent", **asked)


async def test_creating(stage: Stage) -> None:
    plain = await made(stage)
    assert {**plain, "assistant_id": "", "created_at": "", "updated_at": ""} == {
        "assistant_id": "",
        "graph_id": "agent",
        "config": {},
        "context": {},
        "metadata": {},
        "name": "Untitled",
        "created_at": "",
        "updated_at": "",
        "version": 1,
        "description": None,
    }
    told = await made(stage, name="Bee", config={"configurable": {"x": 1}, "tags": ["t"]}, description="d")
    assert (told["config"], told["context"]) == ({"configurable": {"x": 1}, "tags": ["t"]}, {"x": 1})
    by_context = await made(stage, context={"y": 2})
    assert (by_context["config"], by_context["context"]) == ({"configurable": {"y": 2}}, {"y": 2})
    with pytest.raises(BadRequestError, match="both configurable and context"):
        await made(stage, context={"y": 2}, config={"configurable": {"x": 1}})
    with pytest.raises(NotFoundError, match='Graph "nope" not found'):
        await stage.client.assistants.create("nope")
    again = {"assistant_id": plain["assistant_id"], "name": "other"}
    with pytest.raises(ConflictError):
        await made(stage, **again)
    assert await made(stage, **again, if_exists="do_nothing") == plain
    for existing in ("raise", "do_nothing"):
        with pytest.raises(NotFoundError, match='Graph "nope" not found'):
            await stage.client.assistants.create("nope", **again, if_exists=existing)


async def test_changing_makes_versions(stage: Stage) -> None:
    assistants: Any = stage.client.assistants
    first = await made(stage, name="Bee", metadata={"who": "me"}, config={"configurable": {"x": 1}})
    bee = first["assistant_id"]
    second = await assistants.update(bee, metadata={"more": 1}, name="Bee 2")
    assert (second["version"], second["name"], second["metadata"]) == (2, "Bee 2", {"who": "me", "more": 1})
    assert second["config"] == first["config"]
    third = await assistants.update(bee, context={"z": 1}, description="new", graph_id="agent")
    assert (third["config"], third["context"], third["description"]) == ({"configurable": {"z": 1}}, {"z": 1}, "new")
    assert [one["version"] for one in await assistants.get_versions(bee)] == [3, 2, 1]
    assert [one["version"] for one in await assistants.get_versions(bee, limit=1, offset=1)] == [2]
    assert [one["version"] for one in await assistants.get_versions(bee, metadata={"more": 1})] == [3, 2]
    older = await assistants.set_latest(bee, 1)
    assert (older["version"], older["context"], older["name"]) == (1, {"x": 1}, "Bee")
    assert await assistants.get(bee) == older
    fourth = await assistants.update(bee, config={"tags": ["a"]})
    assert (fourth["version"], fourth["name"], fourth["config"]) == (4, "Bee", {"tags": ["a"]})
    by_query = await stage.http.post(f"/assistants/{bee}/latest", params={"version": 2})
    assert by_query.json()["version"] == 2
    unsaid = await stage.http.post(f"/assistants/{bee}/latest")
    assert (unsaid.status_code, "`version`" in unsaid.json()["detail"]) == (422, True)
    with pytest.raises(NotFoundError, match="Version 9 not found"):
        await assistants.set_latest(bee, 9)
    with pytest.raises(NotFoundError, match='Graph "nope"'):
        await assistants.update(bee, graph_id="nope")
    with pytest.raises(BadRequestError, match="both configurable and context"):
        await assistants.update(bee, context={"y": 2}, config={"configurable": {"x": 1}})
    for missing in (assistants.update, assistants.get_versions, assistants.delete, assistants.get):
        with pytest.raises(NotFoundError):
            await missing(UNKNOWN)


async def test_searching(stage: Stage) -> None:
    assistants: Any = stage.client.assistants
    bee = await made(stage, name="Bee", metadata={"who": "me"})
    ant = await made(stage, name="ant")

    async def names(**asked: Any) -> list[str]:
        return [one["name"] for one in await assistants.search(**asked)]

    assert await names() == ["ant", "Bee", "agent"]
    assert await names(sort_by="name", sort_order="asc") == ["agent", "ant", "Bee"]
    assert await names(metadata={"who": "me"}) == ["Bee"]
    assert await names(name="BE") == ["Bee"]
    assert await names(graph_id="agent", limit=1, offset=2) == ["agent"]
    assert await names(graph_id="other") == []
    await assistants.update(bee["assistant_id"], description="changed")
    assert await names(sort_by="updated_at") == ["Bee", "ant", "agent"]
    assert await names(sort_by="assistant_id", sort_order="asc") == [
        one["name"] for one in sorted(await assistants.search(), key=lambda one: str(one["assistant_id"]))
    ]
    assert await names(sort_by="graph_id", limit=3) != []
    assert await assistants.search(select=["version"], name="Bee") == [{"version": 2}]
    paged = await assistants.search(limit=2, response_format="object")
    assert ([one["name"] for one in paged["assistants"]], paged["next"]) == (["ant", "Bee"], "2")
    assert (await assistants.count(), await assistants.count(name="ant"), await assistants.count(graph_id="x")) == (
        3,
        1,
        0,
    )
    assert await assistants.count(metadata={"who": "me"}) == 1
    await assistants.delete(ant["assistant_id"])
    assert await assistants.count() == 2


async def test_a_run_takes_what_it_does_not_say_itself_from_its_assistant(stage: Stage) -> None:
    probe = stage.config("A")["configurable"]["probe"]
    told: Any = await made(
        stage,
        metadata={"who": "assistant", "mine": 1},
        config={"configurable": {"probe": probe, "x": 1}, "tags": ["t"], "recursion_limit": 3},
    )
    thread: Any = await stage.client.threads.create(metadata={"who": "thread"})
    stage.thread = thread["thread_id"]
    run: Any = await stage.client.runs.create(
        stage.thread, told["assistant_id"], input=asking("sf"), context={"x": 2, "y": 3}
    )
    assert (run["assistant_id"], run["metadata"]["who"], run["metadata"]["mine"]) == (told["assistant_id"], "thread", 1)
    assert run["kwargs"]["context"] == {"probe": probe, "x": 2, "y": 3}
    assert (run["kwargs"]["config"]["tags"], run["kwargs"]["config"]["recursion_limit"]) == (["t"], 3)
    await stage.join(run["run_id"])
    assert await stage.steps() == ["A/agent:1", "A/tools:1", "A/agent:2"]
    found: Any = await stage.client.threads.get(stage.thread)
    assert found["metadata"]["assistant_id"] == told["assistant_id"]
    assert found["config"]["configurable"]["x"] == 1
    await stage.client.assistants.update(told["assistant_id"], config={"recursion_limit": 1})
    limited: Any = await stage.client.runs.create(
        stage.thread, told["assistant_id"], input=asking("nyc"), config=stage.config("B")
    )
    assert (await stage.join_failed(limited["run_id"]))["error"] == "GraphRecursionError"


async def test_deleting(stage: Stage) -> None:
    assistants: Any = stage.client.assistants
    kept, gone = await made(stage), await made(stage)
    threads = []
    for assistant in (kept, gone):
        stage.thread = (await stage.client.threads.create())["thread_id"]
        await stage.client.runs.wait(stage.thread, assistant["assistant_id"], input=asking("sf"))
        await stage.client.crons.create_for_thread(stage.thread, assistant["assistant_id"], schedule="0 0 1 1 *")
        threads.append(stage.thread)
    await assistants.delete(kept["assistant_id"])
    assert await stage.client.runs.list(threads[0]) != []
    await assistants.delete(gone["assistant_id"], delete_threads=True)
    assert (await stage.http.get(f"/threads/{threads[1]}")).status_code == 404
    assert await stage.client.crons.search() == []
    with pytest.raises(NotFoundError, match="assistant not found"):
        await stage.client.runs.create(threads[0], kept["assistant_id"], input=asking("sf"))
    (system,) = await assistants.search()
    await assistants.delete(system["assistant_id"])
    with pytest.raises(NotFoundError, match="assistant not found"):
        await stage.client.runs.create(threads[0], "agent", input=asking("sf"))
    other = await made(stage)
    run = await stage.client.runs.create(threads[0], "agent", input=asking("sf"))
    assert run["assistant_id"] == other["assistant_id"]


async def test_the_graph_its_schemas_and_its_subgraphs(stage: Stage) -> None:
    assistants: Any = stage.client.assistants
    bee = (await made(stage))["assistant_id"]
    assert await assistants.get_graph(bee) == await assistants.get_graph("agent")
    every = await assistants.get_subgraphs(bee, recurse=True)
    assert await assistants.get_subgraphs(bee, namespace="research") == {"research": every["research"]}
    assert await assistants.get_subgraphs(bee, namespace="tools") == {}
    for part in ("graph", "schemas", "subgraphs", "subgraphs/research"):
        assert (await stage.http.get(f"/assistants/{UNKNOWN}/{part}")).status_code == 404
        # As on langgraph dev, only the drawing takes the name of a graph instead of an id.
        named = await stage.http.get(f"/assistants/agent/{part}")
        assert named.status_code == (200 if part == "graph" else 422)


async def test_a_suite_that_begins_with_an_empty_deployment(stage: Stage) -> None:
    client, every = stage.client, {"threads": True, "assistants": True, "store": True}
    await client.assistants.create("agent")
    await client.store.put_item(("a",), "b", {"c": 1})
    for given, left in (({"threads": False}, (1, 2, 1)), ({"store": True}, (1, 2, 0)), (every, (0, 1, 0))):
        answer = await stage.http.post("/internal/truncate", json=given)
        assert answer.json() == {"ok": True}
        items = await client.store.search_items(("a",))
        assert (await client.threads.count(), await client.assistants.count(), len(items["items"])) == left
