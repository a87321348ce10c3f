"""The routes of assistants and threads, through the official client where it has a word for it."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from langgraph_sdk.errors import ConflictError, NotFoundError

from mockserver import HandClock, MockDeployment
from tests.mockserver.stage import Stage, asking, on_stage


async def test_assistants(stage: Stage) -> None:
    (found,) = await stage.client.assistants.search()
    assert found["graph_id"] == "agent"
    assert set(found) == {
        *("assistant_id", "graph_id", "config", "context", "metadata", "name"),
        *("created_at", "updated_at", "version", "description"),
    }
    assert await stage.client.assistants.get(found["assistant_id"]) == found
    assert await stage.client.assistants.search(graph_id="other") == []
    named: Any = await stage.client.assistants.search(name="AGE", select=["name"])
    assert named == [{"name": "agent"}]
    assert await stage.client.assistants.search(offset=1) == []
    with pytest.raises(NotFoundError):
        await stage.client.assistants.get(str(uuid4()))


async def test_a_new_thread(stage: Stage) -> None:
    thread: Any = await stage.client.threads.create(metadata={"who": "me"})
    created = thread.pop("created_at")
    assert thread == {
        "thread_id": thread["thread_id"],
        "updated_at": created,
        "state_updated_at": created,
        "metadata": {"who": "me"},
        "status": "idle",
        "config": {},
        "values": None,
    }
    stage.thread = thread["thread_id"]
    assert await stage.state() == {
        "values": {},
        "next": [],
        "tasks": [],
        "metadata": None,
        "created_at": None,
        "checkpoint": None,
        "parent_checkpoint": None,
        "interrupts": [],
        "checkpoint_id": None,
        "parent_checkpoint_id": None,
    }
    assert await stage.history() == []


async def test_a_thread_under_an_id_of_the_clients_choice(stage: Stage) -> None:
    wanted = str(uuid4())
    first = await stage.client.threads.create(thread_id=wanted)
    assert first["thread_id"] == wanted
    with pytest.raises(ConflictError):
        await stage.client.threads.create(thread_id=wanted)
    again = await stage.client.threads.create(thread_id=wanted.upper(), if_exists="do_nothing")
    assert again == first


async def test_a_thread_after_a_run(stage: Stage) -> None:
    stage.witness.hold("A/agent:1/enter")
    run: Any = await stage.client.runs.create(
        stage.thread, "agent", input=asking("sf"), config=stage.config("A"), metadata={"mine": 1}
    )
    assert run["status"] == "pending"
    assert run["kwargs"]["input"] == asking("sf")
    assert run["metadata"]["mine"] == 1
    busy: Any = await stage.client.threads.get(stage.thread)
    assert (busy["status"], busy["values"]) == ("busy", None)
    stage.witness.release()
    await stage.join(run["run_id"])
    thread: Any = await stage.client.threads.get(stage.thread)
    assert (thread["status"], thread["error"], thread["interrupts"]) == ("idle", None, {})
    assert thread["values"] == (await stage.state())["values"]
    assert thread["metadata"] == {"graph_id": "agent", "assistant_id": run["assistant_id"]}
    assert thread["config"] == {"configurable": {}}
    assert thread["state_updated_at"] > thread["created_at"]


async def test_patching_and_deleting(stage: Stage) -> None:
    patched: Any = await stage.client.threads.update(stage.thread, metadata={"a": 1})
    patched = await stage.client.threads.update(stage.thread, metadata={"b": 2})
    assert patched["metadata"] == {"a": 1, "b": 2}
    await stage.client.threads.delete(stage.thread)
    with pytest.raises(NotFoundError):
        await stage.client.threads.get(stage.thread)


async def test_searching(stage: Stage) -> None:
    threads: Any = stage.client.threads
    first = stage.thread
    second = (await threads.create(metadata={"who": "me"}))["thread_id"]
    third = (await threads.create(metadata={"who": "you"}))["thread_id"]
    run = await stage.held("A", "sf", "tools:1/enter")

    async def found(**asked: Any) -> list[str]:
        return [one["thread_id"] for one in await threads.search(**asked)]

    assert await found() == [third, second, first]
    assert await found(sort_order="asc") == [first, second, third]
    assert await found(metadata={"who": "me"}) == [second]
    assert await found(status="busy") == [first]
    assert await found(status="idle") == [third, second]
    assert await found(limit=1, offset=1) == [second]
    assert await found(ids=[first, third]) == [third, first]
    assert await found(sort_by="updated_at") == [first, third, second]
    assert await found(sort_by="thread_id", sort_order="asc") == sorted([first, second, third])
    assert await threads.search(select=["status"], limit=1) == [{"status": "idle"}]
    # As on the official server, an empty list selects everything.
    assert await threads.search(select=[], limit=1) == await threads.search(limit=1)
    assert await threads.count() == 3
    assert await threads.count(status="busy") == 1
    answer = await stage.http.post("/threads/search", json={"limit": 2})
    assert (answer.headers["x-pagination-total"], answer.headers["x-pagination-next"]) == ("3", "2")
    stage.witness.release()
    await stage.join(run)
    assert await found(values={"steps": await stage.steps()}) == [first]
    assert await found(status="busy") == []


async def test_the_thread_that_changed_last_has_the_latest_time(stage: Stage) -> None:
    threads: Any = stage.client.threads
    # The turn takes scripted seconds, and the new thread's own timeline has not seen them.
    await stage.join(await stage.create("A", "sf"))
    new = (await threads.create())["thread_id"]
    for changed_last in (new, stage.thread, new):
        await threads.update(changed_last, metadata={"changed": changed_last})
        found = await threads.search(sort_by="updated_at")
        assert found[0]["thread_id"] == changed_last
        assert found[0]["updated_at"] > found[1]["updated_at"]


async def test_copying(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    original = await stage.history()
    threads: Any = stage.client.threads
    copy = await threads.copy(stage.thread)
    stage.thread = copy["thread_id"]
    assert copy["status"] == "idle"
    copied = await stage.history()
    assert [one["values"] for one in copied] == [one["values"] for one in original]
    assert {one["metadata"]["thread_id"] for one in copied} == {stage.thread}
    assert await stage.client.runs.list(stage.thread) == []
    await stage.join(await stage.create("B", "nyc"))
    ids = [one["checkpoint_id"] for one in await stage.history()]
    assert ids == sorted(set(ids))
    assert await stage.said() == "HATAHATA"


async def test_history_and_state_at_a_checkpoint(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    chain = await stage.history()
    threads: Any = stage.client.threads
    assert len(await threads.get_history(stage.thread, limit=2)) == 2
    assert await threads.get_history(stage.thread, before={"checkpoint_id": chain[2]["checkpoint_id"]}) == chain[1::-1]
    assert await threads.get_history(stage.thread, before=chain[1]["checkpoint"]) == chain[:1]
    assert await threads.get_history(stage.thread, metadata={"source": "input"}) == chain[:1]
    answer = await stage.http.get(f"/threads/{stage.thread}/history", params={"limit": 3})
    assert answer.json() == chain[:-4:-1]
    for one in chain:
        assert await threads.get_state(stage.thread, checkpoint_id=one["checkpoint_id"]) == one
        assert await threads.get_state(stage.thread, checkpoint=one["checkpoint"]) == one
    unknown = await stage.http.get(f"/threads/{stage.thread}/state/{uuid4()}")
    assert unknown.status_code == 404


async def test_updating_the_state(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    threads: Any = stage.client.threads
    answer = await threads.update_state(stage.thread, {"messages": [{"role": "user", "content": "again"}]})
    state = await stage.state()
    assert answer["checkpoint_id"] == state["checkpoint_id"]
    assert answer["checkpoint"] == answer["configurable"] == state["checkpoint"]
    assert (await stage.said(), state["next"]) == ("HATAH", [])
    assert (state["metadata"]["source"], state["metadata"]["step"]) == ("update", 4)
    assert (await threads.get(stage.thread))["values"] == state["values"]

    await threads.update_state(stage.thread, {"messages": asking("nyc")["messages"]}, as_node="__start__")
    assert ((await stage.state())["next"], await stage.thread_status()) == (["agent"], "interrupted")
    await stage.client.runs.wait(stage.thread, "agent", config=stage.config("B"))
    assert await stage.said() == "HATAHHATA"

    message: Any = (await stage.state())["values"]["messages"][0]
    await threads.update_state(stage.thread, {"messages": [{**message, "content": "changed"}]})
    changed: Any = (await stage.state())["values"]["messages"]
    assert (changed[0]["content"], len(changed)) == ("changed", 9)
    await threads.update_state(stage.thread, {"messages": [{"type": "remove", "id": message["id"], "content": ""}]})
    assert await stage.said() == "ATAHHATA"
    path = f"/threads/{stage.thread}/state"
    assert (await stage.http.post(path, json={"values": {}, "as_node": "nobody"})).status_code == 422
    assert (await stage.http.post(path, json={"values": {"steps": 3}})).status_code == 422
    for unfit, status in (({"type": "remove", "id": "x", "content": ""}, 422), ({"role": "user"}, 400)):
        assert (await stage.http.post(path, json={"values": {"messages": [unfit]}})).status_code == status


async def test_messages_serialized_by_langchain_are_written_and_removed(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    first: Any = (await stage.state())["values"]["messages"][0]

    def serialized(name: str, **fields: Any) -> Any:
        return {"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", name], "kwargs": fields}

    written = [serialized("RemoveMessage", id=first["id"], content=[]), serialized("HumanMessage", content="hi")]
    await stage.client.threads.update_state(stage.thread, {"messages": written})
    assert await stage.said() == "ATAH"
    asked: Any = {"messages": [serialized("HumanMessage", content="sf")]}
    await stage.client.runs.wait(stage.thread, "agent", input=asked, config=stage.config("B"))
    assert await stage.said() == "ATAHHA"


async def test_the_state_of_a_busy_thread_is_not_updated(stage: Stage) -> None:
    await stage.held("A", "sf", "tools:1/enter")
    before = await stage.history()
    with pytest.raises(ConflictError):
        await stage.client.threads.update_state(stage.thread, {"steps": ["mine"]})
    assert await stage.history() == before


async def test_a_run_from_an_older_checkpoint_branches_off(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    chain = await stage.history()
    before_tools = chain[2]
    await stage.client.runs.wait(
        stage.thread, "agent", config=stage.config("B"), checkpoint_id=before_tools["checkpoint_id"]
    )
    assert await stage.steps() == ["A/agent:1", "B/tools:1", "B/agent:2"]
    fork = (await stage.history())[len(chain)]
    assert (fork["metadata"]["source"], fork["parent_checkpoint_id"]) == ("fork", before_tools["checkpoint_id"])
    await stage.client.runs.wait(
        stage.thread,
        "agent",
        input=asking("nyc"),
        config=stage.config("C"),
        checkpoint=before_tools["checkpoint"],
    )
    assert await stage.said() == "HAHATA"


@pytest.mark.parametrize("strategy", ["delete", "keep_latest"])
async def test_a_thread_expires_when_its_time_to_live_is_over(strategy: str) -> None:
    clock = HandClock()
    async with on_stage(clock=clock) as stage:
        thread = f"/threads/{stage.thread}"
        for number in range(3):
            values = {"messages": f"message {number}"}
            await stage.http.post(f"{thread}/state", json={"values": values, "as_node": "agent"})
        await stage.http.patch(thread, json={"ttl": {"ttl": 10, "strategy": strategy}})
        await clock.advance(599)
        assert len((await stage.http.get(f"{thread}/history")).json()) == 3
        # A newer time to live counts from now on.
        await stage.http.patch(thread, json={"ttl": {"ttl": 20, "strategy": strategy}})
        await clock.advance(1199)
        assert len((await stage.http.get(f"{thread}/history")).json()) == 3
        await clock.advance(2)
        history = await stage.http.get(f"{thread}/history")
        count = (await stage.http.post("/threads/count", json={})).json()
        if strategy == "delete":
            assert (history.status_code, count) == (404, 0)
        else:
            assert (len(history.json()), count) == (1, 1)
            assert "ttl" not in (await stage.http.get(thread, params={"include": "ttl"})).json()


async def test_a_busy_thread_expires_when_its_runs_have_ended() -> None:
    clock = HandClock()
    async with on_stage(clock=clock) as stage:
        run = await stage.held("A", "sf", "tools:1/enter")
        await stage.http.patch(f"/threads/{stage.thread}", json={"ttl": {"ttl": 1}})
        await clock.advance(3600)
        assert await stage.status(run) == "running"
        await stage.http.post(f"/threads/{stage.thread}/runs/{run}/cancel?wait=true")
        assert (await stage.http.get(f"/threads/{stage.thread}")).status_code == 404


def test_a_reset_forgets_every_time_to_live() -> None:
    with MockDeployment(time="hand") as deployment:
        ids = {"thread_id": "00000000-0000-4000-8000-000000000001"}
        httpx.post(f"{deployment.url}/threads", json={**ids, "ttl": {"ttl": 1}})
        deployment.reset(time="hand")
        httpx.post(f"{deployment.url}/threads", json=ids)
        deployment.advance(3600)
        assert len(deployment.threads()) == 1


async def test_a_time_to_live_is_shown(strict: Stage) -> None:
    threads: Any = strict.client.threads
    mortal = (await threads.create(ttl=5))["thread_id"]
    told = (await threads.get(mortal, include=["ttl"]))["ttl"]
    assert (told["strategy"], told["ttl_minutes"]) == ("delete", 5)
    assert told["expires_at"] > (await threads.get(mortal))["created_at"]
    await threads.update(mortal, metadata={}, ttl={"ttl": 7, "strategy": "keep_latest"})
    assert (await threads.get(mortal, include=["ttl"]))["ttl"]["strategy"] == "keep_latest"
    assert "ttl" not in await threads.get(mortal)
    assert "ttl" not in await threads.get(strict.thread, include=["ttl"])
    assert (await strict.http.get(f"/threads/{mortal}", params={"include": "soul"})).status_code == 422
    assert (await strict.http.post("/threads", json={"ttl": {"ttl": -5}})).status_code == 422


async def test_a_thread_may_begin_with_the_supersteps_of_another(stage: Stage) -> None:
    def wrote(node: str, **more: Any) -> Any:
        return {"updates": [{"as_node": node, "values": None, **more}]}

    threads: Any = stage.client.threads
    said = {"messages": [{"role": "user", "content": "hi", "id": "h"}]}
    thread = await threads.create(
        graph_id="agent",
        supersteps=[
            wrote("__input__", values=said),
            wrote("__start__", values=said),
            wrote(
                "agent",
                values={"messages": [{"role": "assistant", "content": "yo"}]},
                command={"update": {"steps": ["x"]}},
            ),
        ],
    )
    stage.thread = thread["thread_id"]
    assert (thread["status"], thread["metadata"]) == ("idle", {"graph_id": "agent"})
    assert (await stage.said(), await stage.steps()) == ("HA", ["x"])
    assert [(one["next"], one["metadata"]["source"], one["metadata"]["step"]) for one in await stage.history()] == [
        (["__start__"], "input", -1),
        (["agent"], "update", 0),
        ([], "update", 1),
    ]
    # As on `langgraph dev`, a task has what an update wrote in its place.
    results = [task["result"] for one in await stage.history() for task in one["tasks"]]
    assert results == [said, {"messages": [{"role": "assistant", "content": "yo"}], "steps": ["x"]}]
    before = await threads.count()
    emptied: Any = {"updates": []}
    for wrong, status in (
        (wrote("nobody"), 422),
        (wrote("agent", values={"messages": [{"role": "user"}]}), 400),
        (emptied, 422),
        (wrote("agent", command={"goto": ["agent"]}), 422),
        (wrote("__input__"), 422),
    ):
        answer = await stage.http.post("/threads", json={"supersteps": [wrong]})
        assert (answer.status_code, await threads.count()) == (status, before), answer.text


@pytest.mark.parametrize("given", [None, {"messages": "new"}])
async def test_a_run_takes_the_input_that_an_update_has_stored(stage: Stage, given: Any) -> None:
    threads: Any = stage.client.threads
    stored = {"values": {"messages": [{"role": "user", "content": "stored"}]}, "as_node": "__input__"}
    thread = await threads.create(graph_id="agent", supersteps=[{"updates": [stored]}])
    stage.thread = thread["thread_id"]
    assert (thread["status"], thread["values"]["messages"]) == ("interrupted", [])
    values: Any = await stage.client.runs.wait(stage.thread, "agent", input=given)
    # A new input takes its place, as on `langgraph dev`.
    asked = [message["content"] for message in values["messages"] if message["type"] == "human"]
    assert asked == [given["messages"] if given else "stored"]
    steps = [(one["metadata"]["source"], one["metadata"]["step"], one["next"]) for one in await stage.history()]
    assert steps[0] == ("input", -1, ["__start__"])
    assert steps[1] == (("input" if given else "loop"), 0, ["__start__"] if given else ["agent"])


async def test_a_search_extracts_parts_of_threads(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    paths = {
        "last": "values.messages[-1].type",
        "graph": "metadata.graph_id",
        "none": "values.nope.deeper[3]",
        "beyond": "values.messages[99]",
    }
    (found,) = await stage.client.threads.search(ids=[stage.thread], extract=paths, select=["thread_id"])
    extracted = {"last": "ai", "graph": "agent", "none": None, "beyond": None}
    assert found == {"thread_id": stage.thread, "extracted": extracted}  # type: ignore[comparison-overlap]
    wrongs: list[dict[str, str]] = [
        {"x": "status"},
        {"x": "values..y"},
        {str(number): "values" for number in range(11)},
    ]
    for wrong in wrongs:
        assert (await stage.http.post("/threads/search", json={"extract": wrong})).status_code == 422


async def test_pruning(stage: Stage) -> None:
    threads: Any = stage.client.threads
    await stage.join(await stage.create("A", "sf"))
    state = await stage.state()
    assert await threads.prune([stage.thread, str(uuid4())], strategy="keep_latest") == {"pruned_count": 1}
    (kept,) = await stage.history()
    assert (kept["checkpoint_id"], kept["values"], kept["parent_checkpoint"]) == (
        state["checkpoint_id"],
        state["values"],
        None,
    )
    await stage.held("B", "nyc", "tools:1/enter")
    with pytest.raises(ConflictError):
        await threads.prune([stage.thread], strategy="keep_latest")
    stage.witness.release()
    await stage.until(lambda: _is(stage, "idle"))
    assert await stage.said() == "HATAHATA"
    assert await threads.prune([stage.thread]) == {"pruned_count": 1}
    assert await threads.count() == 0


async def _is(stage: Stage, status: str) -> bool:
    return await stage.thread_status() == status


async def test_the_storage_of_a_thread(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    told = (await stage.http.get(f"/threads/{stage.thread}/storage")).json()
    assert told["thread_id"] == stage.thread
    assert told["checkpoints"]["count"] == len(await stage.history())
    assert set(told["channel_values"]["by_channel"]) == {"messages", "steps"}
    assert told["total_bytes"] == sum(
        told[part]["bytes"] for part in ("checkpoints", "channel_values", "pending_writes")
    )


async def test_some_fields_of_a_state(strict: Stage) -> None:
    await strict.join(await strict.create("A", "sf"))
    threads: Any = strict.client.threads
    whole: Any = await strict.state()
    steps = {"values": {"steps": whole["values"]["steps"]}, "next": []}
    asked: Any = {"select": ["values.steps", "next"]}
    assert await threads.get_state(strict.thread, **asked) == steps
    assert await threads.get_state(strict.thread, checkpoint_id=whole["checkpoint_id"], **asked) == steps
    assert await threads.get_state(strict.thread, checkpoint=whole["checkpoint"], **asked) == steps
    assert await threads.get_history(strict.thread, limit=1, **asked) == [steps]
    assert await threads.get_state(strict.thread, select=["values"]) == {"values": whole["values"]}
    for path in ("state", f"state/{whole['checkpoint_id']}"):
        unknown = await strict.http.get(f"/threads/{strict.thread}/{path}", params={"select": "nope"})
        assert (unknown.status_code, "select" in unknown.json()["detail"]) == (422, True)


async def test_counting(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    threads: Any = stage.client.threads
    await threads.create(metadata={"who": "me"})
    assert (await threads.count(), await threads.count(metadata={"who": "me"})) == (2, 1)
    assert await threads.count(values={"steps": await stage.steps()}) == 1
    assert await threads.count(values={"steps": []}) == 0


async def test_the_state_is_updated_on_top_of_an_older_checkpoint(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    threads: Any = stage.client.threads
    older = (await stage.history())[2]
    await threads.update_state(stage.thread, {"steps": ["mine"]}, checkpoint=older["checkpoint"])
    state = await stage.state()
    assert (await stage.steps(), state["parent_checkpoint_id"]) == (["A/agent:1", "mine"], older["checkpoint_id"])
    inside = {**older["checkpoint"], "checkpoint_ns": "research:x"}
    answer = await stage.http.post(f"/threads/{stage.thread}/state", json={"values": {}, "checkpoint": inside})
    assert (answer.status_code, "research:x" in answer.json()["detail"]) == (422, True)
