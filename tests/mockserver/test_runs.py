"""Creating and listing runs, stateless runs, and requests that are refused."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk.errors import NotFoundError

from tests.mockserver.stage import Stage, asking, on_stage

BODY = {"assistant_id": "agent", "input": asking("sf")}


async def test_a_created_run_is_shown_whole(stage: Stage) -> None:
    answer = await stage.http.post(f"/threads/{stage.thread}/runs", json=BODY)
    run = answer.json()
    assert answer.status_code == 200
    assert answer.headers["content-location"] == f"/threads/{stage.thread}/runs/{run['run_id']}"
    assert list(run) == [
        *("run_id", "thread_id", "assistant_id", "metadata", "status", "kwargs"),
        *("multitask_strategy", "created_at", "updated_at", "langsmith_session_name"),
    ]
    assert (run["status"], run["multitask_strategy"]) == ("pending", "enqueue")
    assert list(run["kwargs"]) == [
        *("input", "command", "config", "context", "stream_mode", "interrupt_before", "interrupt_after"),
        *("webhook", "feedback_keys", "temporary", "subgraphs", "resumable", "checkpoint_during", "durability"),
    ]


async def test_listing(stage: Stage) -> None:
    done = [await stage.create(label, "sf") for label in "AB"]
    await stage.join(done[-1])
    running = await stage.held("C", "sf", "tools:1/enter")
    queued = await stage.create("D", "nyc")
    runs: Any = stage.client.runs

    async def found(**asked: Any) -> list[str]:
        return [run["run_id"] for run in await runs.list(stage.thread, **asked)]

    assert await found() == [queued, running, *reversed(done)]
    assert await found(limit=2, offset=1) == [running, done[1]]
    assert await found(status="pending") == [queued]
    assert await found(status="success") == [*reversed(done)]
    assert await runs.list(stage.thread, select=["run_id", "status"], limit=1) == [
        {"run_id": queued, "status": "pending"}
    ]
    (waiting,) = await runs.list(stage.thread, status="pending")
    assert waiting["kwargs"]["input"] == asking("nyc")


async def test_a_missing_thread_is_created_where_that_was_asked_for_and_only_once(stage: Stage) -> None:
    stage.thread = str(uuid4())
    with pytest.raises(NotFoundError):
        await stage.create("A", "sf", "reject")
    runs = await asyncio.gather(*(stage.create(label, "sf", if_not_exists="create") for label in "AB"))
    for run in runs:
        await stage.join(run)
    assert await stage.said() == "HATAHATA"


async def test_a_thread_that_a_run_makes_has_the_metadata_of_the_run(stage: Stage) -> None:
    stage.thread = str(uuid4())
    await stage.create("A", "sf", if_not_exists="create", metadata={"asked_by": "the run"})
    made: Any = await stage.client.threads.get(stage.thread)
    assert made["metadata"]["asked_by"] == "the run"
    body = {"assistant_id": "agent", "metadata": {"asked_by": "nobody"}, "on_completion": "keep"}
    thread = (await stage.http.post("/runs", json=body)).json()["thread_id"]
    made = await stage.client.threads.get(thread)
    assert made["metadata"]["asked_by"] == "nobody"


async def test_a_run_that_is_missing_on_a_missing_thread_names_the_thread(stage: Stage) -> None:
    missing = uuid4()
    answer = await stage.http.get(f"/threads/{missing}/runs/{uuid4()}")
    assert (answer.status_code, answer.json()) == (404, {"detail": f"Thread with ID {missing} not found"})
    answer = await stage.http.get(f"/threads/{stage.thread}/runs/{uuid4()}")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


async def test_a_run_that_goes_on_from_a_checkpoint_says_from_which(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    asked = (await stage.history())[-1]["checkpoint_id"]
    run = await stage.create("B", "nyc", checkpoint_id=asked)
    await stage.join(run)
    kept: Any = await stage.client.runs.get(stage.thread, run)
    told = kept["kwargs"]["config"]["configurable"]
    assert (told["checkpoint_id"], told["checkpoint_ns"]) == (asked, "")
    said = [one["metadata"].get("checkpoint_id") for one in await stage.history()]
    assert [one for one in said if one is not None] == [asked] * 5


async def test_runs_for_people_take_their_time_and_need_no_witness() -> None:
    async with on_stage() as stage:
        values: Any = await stage.client.runs.wait(stage.thread, "agent", input={"messages": "hello there"})
        assert [message["content"] for message in values["messages"]] == ["hello there", "You said: hello there"]
        assert values["steps"] == ["run/agent:1"]
        state = await stage.state()
        # Half a second per step would be too little for the guide's readers; logical time shows what was spent.
        assert state["created_at"] >= "2025-01-01T00:00:02.5"


async def test_context_is_what_the_nodes_are_told(stage: Stage) -> None:
    told = stage.config("A")["configurable"]
    run: Any = await stage.client.runs.create(stage.thread, "agent", input=asking("sf"), context=told)
    await stage.join(run["run_id"])
    assert run["kwargs"]["context"] == told
    assert await stage.steps() == ["A/agent:1", "A/tools:1", "A/agent:2"]


async def test_what_a_run_is_told_is_in_the_metadata_of_its_checkpoints(stage: Stage) -> None:
    config = {"configurable": {"a": 1, "b": "x", "c": [1]}, "recursion_limit": 9, "tags": ["t"]}
    await stage.client.runs.wait(stage.thread, "agent", input=asking("sf"), config=config)  # type: ignore[call-overload]
    metadata = (await stage.state())["metadata"]
    assert (metadata["a"], metadata["b"], metadata["c"]) == (1, "x", [1])
    (run,) = await stage.client.runs.list(stage.thread)
    kept = run["kwargs"]["config"]  # type: ignore[typeddict-item]
    assert (kept["recursion_limit"], kept["tags"]) == (9, ["t"])


@pytest.mark.parametrize(
    ("given", "kept", "shown"),
    [
        ({"config": {"configurable": {"user_id": "ada"}}}, "ada", "ada"),
        ({"context": {"user_id": "ada"}}, "ada", "ada"),
        ({"config": {"configurable": {"user_id": None}}}, "", ""),
        ({}, "", ""),
        ({"metadata": {"user_id": "bob"}}, "", "bob"),
        ({"metadata": {"user_id": "bob"}, "context": {"user_id": "ada"}}, "ada", "bob"),
    ],
)
async def test_the_user_that_a_client_names_is_kept(stage: Stage, given: dict[str, Any], kept: str, shown: str) -> None:
    await stage.client.runs.wait(stage.thread, "agent", input=asking("sf"), **given)
    run: Any = (await stage.client.runs.list(stage.thread))[0]
    assert run["kwargs"]["config"]["configurable"]["user_id"] == kept
    assert {one["metadata"]["user_id"] for one in await stage.history()} == {shown}


async def test_a_run_cannot_name_what_the_server_knows(stage: Stage) -> None:
    named = dict.fromkeys(("thread_id", "run_id", "langgraph_auth_user_id", "langgraph_request_id"), "mine")
    await stage.client.runs.wait(stage.thread, "agent", input=asking("sf"), context=named)
    run: Any = (await stage.client.runs.list(stage.thread))[0]
    known = run["kwargs"]["config"]["configurable"]
    assert (known["thread_id"], known["run_id"], known["langgraph_auth_user_id"]) == (stage.thread, run["run_id"], "")
    assert known["langgraph_request_id"] != "mine"
    metadata = (await stage.state())["metadata"]
    assert [metadata[name] for name in named] == [known[name] for name in named]


async def test_the_recursion_limit(stage: Stage) -> None:
    body = {**BODY, "config": {"recursion_limit": 2}}
    answer = await stage.http.post(f"/threads/{stage.thread}/runs/wait", json=body)
    assert answer.json()["__error__"]["error"] == "GraphRecursionError"
    assert await stage.said() == "HAT"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (None, "EmptyInputError"),
        ("text", "InvalidUpdateError"),
        ({"messages": [{"role": "nobody", "content": ""}]}, "ValueError"),
        ({"messages": [{"role": "user", "content": 3}]}, "ValueError"),
        ({"messages": [3]}, "ValueError"),
        ({"messages": [{"role": "user"}]}, "ValueError"),
        ({"messages": [], "steps": "x"}, "InvalidUpdateError"),
    ],
)
async def test_an_input_that_the_graph_cannot_take_fails_the_run_without_a_trace(
    stage: Stage, given: Any, error: str
) -> None:
    answer = await stage.http.post(f"/threads/{stage.thread}/runs/wait", json={"assistant_id": "agent", "input": given})
    assert answer.json()["__error__"]["error"] == error
    assert await stage.history() == []
    assert await stage.thread_status() == "error"


@pytest.mark.parametrize(
    ("probe", "named"),
    [
        ({"version": 5, "label": "A"}, "version"),
        ({"version": 1, "label": "A", "work": "subgraph"}, "work"),
        ({"version": 1}, "label"),
        ({"version": 1, "label": "A B"}, "label"),
        ({"version": 1, "label": "A", "surprise": 1}, "surprise"),
        ({"version": 1, "label": "A", "hold": {"tools": 1}}, "hold"),
    ],
)
async def test_a_bad_probe_fails_the_run_and_is_named(stage: Stage, probe: Any, named: str) -> None:
    body = {**BODY, "config": {"configurable": {"probe": probe}}}
    answer = await stage.http.post(f"/threads/{stage.thread}/runs/wait", json=body)
    assert named in answer.json()["__error__"]["message"]


@pytest.mark.parametrize("how", ["stream", "wait", "create"])
@pytest.mark.parametrize("on_completion", [None, "delete", "keep"])
async def test_stateless_runs_use_a_thread_each_and_leave_none(stage: Stage, how: str, on_completion: Any) -> None:
    runs: Any = stage.client.runs
    more = {} if on_completion is None else {"on_completion": on_completion}
    arguments = {"input": asking("sf"), "config": stage.config("A"), **more}
    if how == "stream":
        assert [part async for part in runs.stream(None, "agent", **arguments)][-1].event == "values"
    elif how == "wait":
        assert (await runs.wait(None, "agent", **arguments))["steps"][-1] == "A/agent:2"
    else:
        run = await runs.create(None, "agent", **arguments)
        assert run["kwargs"]["temporary"] is (on_completion != "keep")
        await stage.http.get(f"/threads/{run['thread_id']}/runs/{run['run_id']}/join")
    assert await stage.client.threads.count() == (2 if on_completion == "keep" else 1)


async def test_a_stateless_run_may_go_to_a_node_but_has_nothing_to_resume(stage: Stage) -> None:
    body = {"assistant_id": "agent", "command": {"goto": "agent", "update": {"messages": "hello"}}}
    values = (await stage.http.post("/runs/wait", json=body)).json()
    assert [message["type"] for message in values["messages"]] == ["human", "ai"]
    refused = await stage.http.post("/runs/wait", json={**body, "command": {"resume": "yes"}})
    assert (refused.status_code, "thread_id" in refused.json()["detail"]) == (400, True)


async def test_stateless_runs_never_contend(stage: Stage) -> None:
    stage.witness.hold("A/tools:1/enter")
    first = asyncio.create_task(stage.client.runs.wait(None, "agent", input=asking("sf"), config=stage.config("A")))
    await stage.witness.reached("A/tools:1/enter")
    second: Any = await stage.client.runs.wait(None, "agent", input=asking("nyc"), config=stage.config("B"))
    assert second["steps"] == ["B/agent:1", "B/tools:1", "B/agent:2"]
    stage.witness.release()
    third: Any = await first
    assert third["steps"] == ["A/agent:1", "A/tools:1", "A/agent:2"]


async def test_a_stateless_run_whose_client_leaves_is_cancelled_where_asked(stage: Stage) -> None:
    stage.witness.hold("A/tools:1/enter")
    body = {**BODY, "config": stage.config("A"), "on_disconnect": "cancel"}
    async with stage.http.stream("POST", "/runs/stream", json=body):
        await stage.witness.reached("A/tools:1/enter")
    await stage.witness.reached("A/tools:1/exit")
    await stage.until(lambda: _only_one_thread(stage))


async def _only_one_thread(stage: Stage) -> bool:
    return await stage.client.threads.count() == 1


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"multitask_strategy": "nonsense"}, 422, "multitask_strategy"),
        ({"multitask_strategy": None}, 422, "multitask_strategy"),
        ({"multitask_strategy": ["interrupt"]}, 422, "multitask_strategy"),
        ({"assistant_id": 3}, 422, "assistant_id"),
        ({"assistant_id": "nobody"}, 422, "registered graphs: agent"),
        ({"assistant_id": str(uuid4())}, 404, "Thread or assistant not found."),
        ({"metadata": 3}, 422, "metadata"),
        ({"webhook": 5}, 422, "webhook"),
        ({"webhook": ""}, 422, "webhook"),
        ({"webhook": "/here"}, 422, "an http or https URL"),
        ({"webhook": "ftp://x/"}, 422, "an http or https URL"),
        ({"webhook": "http://[x/"}, 422, "an http or https URL"),
        ({"webhook": "file:///tmp/hook", "assistant_id": str(uuid4())}, 422, "an http or https URL"),
        ({"feedback_keys": "x"}, 422, "feedback_keys"),
        ({"strict_resume": 1}, 422, "strict_resume"),
        ({"langsmith_tracer": {"x": 1}}, 422, "langsmith_tracer"),
        ({"input": None, "command": {"goto": "nowhere"}}, 422, "nowhere"),
        ({"input": None, "command": {"goto": ["agent", {"node": "tools", "input": {}}]}}, 422, "goto"),
        ({"input": None, "command": {"update": [1]}}, 422, "update"),
        ({"input": None, "command": {"goto": [{"node": "nowhere", "input": {}}]}}, 422, "nowhere"),
        ({"input": None, "command": {"graph": 3}}, 422, "graph"),
        ({"checkpoint": {"checkpoint_ns": "tools:x"}}, 422, "checkpoint_ns"),
        ({"on_completion": "keep"}, 422, "on_completion"),
        ({"interrupt_before": ["nowhere"]}, 422, "nowhere"),
        ({"checkpoint_id": "unknown"}, 404, "unknown"),
        ({"checkpoint": {"thread_id": str(uuid4())}}, 422, "checkpoint"),
        ({"checkpoint": {"checkpoint_ns": "child"}}, 422, "checkpoint_ns"),
        ({"config": {"configurable": {"a": 1}}, "context": {"b": 1}}, 400, "context"),
        ({"config": {"unheard": 1}}, 422, "unheard"),
        ({"after_seconds": -1}, 422, "after_seconds"),
        ({"config": {"max_concurrency": None}}, 422, "max_concurrency"),
        ({"durability": "maybe"}, 422, "durability"),
    ],
)
async def test_what_is_refused_is_named_and_creates_nothing(
    strict: Stage, change: dict[str, Any], status: int, named: str
) -> None:
    for endpoint in ("", "/stream", "/wait"):
        answer = await strict.http.post(f"/threads/{strict.thread}/runs{endpoint}", json=BODY | change)
        assert answer.status_code == status, answer.text
        assert named in answer.json()["detail"]
    assert await strict.client.runs.list(strict.thread) == []
    assert await strict.thread_status() == "idle"


async def test_an_assistant_is_required(stage: Stage) -> None:
    answer = await stage.http.post(f"/threads/{stage.thread}/runs", json={})
    assert (answer.status_code, "assistant_id" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize(("field", "value"), [("checkpoint_id", "x"), ("checkpoint", {"checkpoint_id": "x"})])
async def test_what_makes_no_sense_without_a_thread_is_refused(strict: Stage, field: str, value: Any) -> None:
    answer = await strict.http.post("/runs/wait", json={"assistant_id": "agent", field: value})
    assert (answer.status_code, field in answer.json()["detail"]) == (422, True)


async def test_unknown_and_malformed_ids(stage: Stage) -> None:
    known, unknown = stage.thread, str(uuid4())
    gone = {"__error__": {"error": "HTTPException", "message": "404: Run not found"}}
    for path, status, detail in [
        (f"/threads/{unknown}", 404, f"Thread with ID {unknown} not found"),
        (f"/threads/{unknown}/state", 404, f"Thread with ID {unknown} not found"),
        (f"/threads/{unknown}/history", 404, f"Thread with ID {unknown} not found"),
        (f"/threads/{unknown}/runs", 404, f"Thread with ID {unknown} not found"),
        ("/threads/nonsense", 422, "Invalid thread ID: must be a UUID"),
        (f"/threads/{known}/runs/nonsense", 422, "Invalid run ID: must be a UUID"),
        (f"/threads/{known}/runs/{unknown}", 404, "Not Found"),
        (f"/assistants/{unknown}", 404, f"Assistant with ID {unknown} not found"),
        ("/assistants/agent", 422, "Invalid assistant ID: must be a UUID"),
    ]:
        answer = await stage.http.get(path)
        assert (answer.status_code, answer.json()) == (status, {"detail": detail})
    for thread in (known, unknown):
        answer = await stage.http.get(f"/threads/{thread}/runs/{unknown}/join")
        assert (answer.status_code, answer.json()) == (200, gone)
        stream = await stage.http.get(f"/threads/{thread}/runs/{unknown}/stream")
        assert stream.content.startswith(b"event: error\r\ndata: ")
        cancel = await stage.http.post(f"/threads/{thread}/runs/{unknown}/cancel")
        assert (cancel.status_code, cancel.json()) == (404, {"detail": "No runs found to cancel."})
    run = await stage.create("A", "sf")
    other = (await stage.client.threads.create())["thread_id"]
    assert (await stage.http.post(f"/threads/{other}/runs/{run}/cancel")).status_code == 404


async def test_cancel_actions(stage: Stage) -> None:
    run = await stage.held("A", "sf", "tools:1/enter")
    path = f"/threads/{stage.thread}/runs/{run}/cancel"
    assert (await stage.http.post(path, params={"action": "explode"})).status_code == 422
    assert (await stage.http.post(path, params={"wait": "perhaps"})).status_code == 422
    assert await stage.status(run) == "running"
    answer = await stage.http.post(path, params={"wait": "0"})
    assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a":1,}', b"\xff\xfe", b"[1]", b"3", b"null", b'"x"', b"[" * 100_000])
async def test_bodies_that_are_no_objects(stage: Stage, raw: bytes) -> None:
    for path in (f"/threads/{stage.thread}/runs", "/runs/wait", "/runs/cancel", f"/threads/{stage.thread}/state"):
        answer = await stage.http.post(path, content=raw)
        assert answer.status_code == 422
        assert isinstance(answer.json()["detail"], str)
    answer = await stage.http.post(f"/threads/{stage.thread}/runs", content=b"{")
    assert answer.json() == {"detail": "Invalid JSON in request body"}


async def test_a_body_that_is_too_large() -> None:
    async with on_stage(max_body=1000) as stage:
        answer = await stage.http.post("/threads", content=b" " * 1001)
        assert answer.status_code == 413
        assert isinstance(answer.json()["detail"], str)
        assert (await stage.http.post("/threads", content=b"{}" + b" " * 998)).status_code == 200


async def test_a_body_of_30_megabytes(stage: Stage) -> None:
    body = {"assistant_id": "agent", "input": {"messages": "x" * 30_000_000}}
    ended = (await stage.http.post(f"/threads/{stage.thread}/runs/wait", json=body)).json()
    assert len(ended["messages"][0]["content"]) == 30_000_000


async def test_paths_and_methods_that_do_not_exist(stage: Stage) -> None:
    for path in ("/nowhere", "/threads/", f"/threads/{stage.thread}/nothing", "/store/nothing", "/%00"):
        answer = await stage.http.get(path)
        assert (answer.status_code, answer.json()["detail"].startswith("Not Found")) == (404, True)
    answer = await stage.http.put("/threads")
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
    assert answer.headers["allow"] == "POST"


async def test_a_query_parameter_that_would_be_ignored_is_refused_by_name(strict: Stage) -> None:
    for path in (f"/threads/{strict.thread}", f"/threads/{strict.thread}/runs", f"/threads/{strict.thread}/state"):
        answer = await strict.http.get(path, params={"surprise": "1"})
        assert (answer.status_code, "surprise" in answer.json()["detail"]) == (422, True)
    for query in ("limit=x", "limit=0", "limit=1001", "offset=-1", "status=nonsense"):
        answer = await strict.http.get(f"/threads/{strict.thread}/runs?{query}")
        assert answer.status_code == 422


async def test_a_page_in_a_browser_may_call(stage: Stage) -> None:
    asking_first = {
        "Origin": "http://localhost:3000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key",
    }
    answer = await stage.http.options(f"/threads/{stage.thread}/runs/stream", headers=asking_first)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "content-type,x-api-key"
    answer = await stage.http.get("/ok", headers={"Origin": "http://localhost:3000"})
    exposed = answer.headers["access-control-expose-headers"]
    assert exposed == "Content-Location, X-Pagination-Total, X-Pagination-Next"
    assert "access-control-allow-origin" not in (await stage.http.get("/ok")).headers


async def test_the_system_routes(stage: Stage) -> None:
    assert (await stage.http.get("/ok")).json() == {"ok": True, "services": {}}
    assert (await stage.http.get("/ok?check_db=1")).json() == {"ok": True, "services": {}}
    info = (await stage.http.get("/info")).json()
    assert info["name"] == "doubletext-mockserver"
    assert set(info) >= {"version", "flags", "host"}


async def test_a_run_has_the_metadata_of_its_thread_and_of_its_config(stage: Stage) -> None:
    await stage.client.threads.update(stage.thread, metadata={"of": "thread", "thread": 1})
    config: Any = {**stage.config("A"), "metadata": {"of": "config", "config": 2}}
    run: Any = await stage.client.runs.create(
        stage.thread, "agent", input=asking("sf"), config=config, metadata={"of": "run", "run": 3}
    )
    wanted = {"of": "run", "thread": 1, "config": 2, "run": 3}
    assert {key: run["metadata"].get(key) for key in wanted} == wanted
    await stage.join(run["run_id"])
    shown = (await stage.state())["metadata"]
    assert {key: shown.get(key) for key in wanted} == wanted


async def test_a_batch_is_created_whole_or_not_at_all(stage: Stage) -> None:
    order = {"assistant_id": "agent", "input": asking("sf"), "config": stage.config("A")}
    answer = await stage.http.post("/runs/batch", json=[order, {**order, "assistant_id": "nobody"}])
    assert (answer.status_code, "nobody" in answer.json()["detail"]) == (422, True)
    assert stage.witness.seen == []
    assert await stage.client.threads.count() == 1
    answer = await stage.http.post("/runs/batch", json=[{**order, "assistantId": "agent"}, order])
    assert [run["status"] for run in answer.json()] == ["pending", "pending"]


@pytest.mark.parametrize("path", ["/store/x", "/threads/x/nothing"])
async def test_what_the_mock_does_not_have_is_refused_by_its_name(stage: Stage, path: str) -> None:
    answer = await stage.http.post(path, json={})
    assert (answer.status_code, path in answer.json()["detail"]) == (404, True)
