"""The streams of a run in every mode, for clients that connect and disconnect at any time."""

import asyncio
from typing import Any

import pytest

from mockserver.script.actions import Call
from mockserver.script.load import parse
from mockserver.script.types import Script, Step, Turn, tokens
from tests.mockserver.stage import Stage, asking, on_stage
from tests.mockserver.witness import DEADLINE

MESSAGE = ["additional_kwargs", "content", "id", "name", "response_metadata", "type"]
AI = sorted([*MESSAGE, "tool_calls", "invalid_tool_calls", "usage_metadata"])
CHUNK = sorted([*AI, "tool_call_chunks", "chunk_position"])
TOOL = sorted([*MESSAGE, "tool_call_id", "artifact", "status"])
QUESTION = "what's the weather in oslo?"
TOKENS = tokens("It is clear and 20C in oslo. Let me know if you need any other details!")


async def watch(stage: Stage, modes: Any, **more: Any) -> list[Any]:
    return [
        part
        async for part in stage.client.runs.stream(
            stage.thread,
            "agent",
            input=asking("oslo"),
            config=stage.config("A"),
            stream_mode=modes,
            **more,
        )
    ]


def names(parts: list[Any]) -> list[str]:
    return [part.event for part in parts]


async def test_values(stage: Stage) -> None:
    parts = await watch(stage, "values")
    (run,) = await stage.client.runs.list(stage.thread)
    assert parts[0].data == {"run_id": run["run_id"], "attempt": 1}
    assert names(parts) == ["metadata"] + ["values"] * 4
    assert [len(part.data["messages"]) for part in parts[1:]] == [1, 2, 3, 4]
    assert parts[1].data["steps"] == []
    assert parts[-1].data == (await stage.state())["values"]


async def test_updates(stage: Stage) -> None:
    parts = await watch(stage, ["updates"])
    assert names(parts) == ["metadata", "updates", "updates", "updates"]
    assert [list(part.data) for part in parts[1:]] == [["agent"], ["tools"], ["agent"]]
    written = [update for part in parts[1:] for update in part.data.values()]
    assert [update["steps"] for update in written] == [["A/agent:1"], ["A/tools:1"], ["A/agent:2"]]
    messages: Any = (await stage.state())["values"]["messages"]
    assert [message for update in written for message in update["messages"]] == messages[1:]
    assert [sorted(message) for message in messages] == [sorted(MESSAGE), AI, TOOL, AI]


async def test_messages_tuple(stage: Stage) -> None:
    parts = await watch(stage, "messages-tuple")
    assert names(parts) == ["metadata"] + ["messages"] * (2 + len(TOKENS))
    call, result, *chunks = [part.data for part in parts[1:]]
    assert [sorted(message) for message, _ in (call, result)] == [CHUNK, TOOL]
    assert call[0]["tool_call_chunks"][0]["args"] == '{"query": "weather in oslo"}'
    assert {tuple(sorted(message)) for message, _ in chunks} == {tuple(CHUNK)}
    assert [message["content"] for message, _ in chunks] == TOKENS
    assert [message["chunk_position"] for message, _ in chunks] == [None] * (len(TOKENS) - 1) + ["last"]
    steps = [(data["langgraph_node"], data["langgraph_step"]) for _, data in (call, result, chunks[0])]
    assert steps == [("agent", 1), ("tools", 2), ("agent", 3)]
    messages: Any = (await stage.state())["values"]["messages"]
    assert {message["id"] for message, _ in chunks} == {messages[-1]["id"]}


async def test_messages(stage: Stage) -> None:
    parts = await watch(stage, "messages")
    assert names(parts) == [
        "metadata",
        *["messages/metadata", "messages/partial"],
        *["messages/metadata", "messages/complete"],
        "messages/metadata",
        *["messages/partial"] * len(TOKENS),
    ]
    (spoken,) = parts[-1].data
    messages: Any = (await stage.state())["values"]["messages"]
    assert spoken == messages[-1]
    assert parts[-2].data[0]["content"] + TOKENS[-1] == spoken["content"]
    announced = [key for part in parts if part.event == "messages/metadata" for key in part.data]
    assert announced == [message["id"] for message in messages[1:]]


async def test_an_answer_that_a_node_returns_by_itself_is_emitted_whole() -> None:
    script = parse(
        "turns: [{steps: [{node: think, messages: [{role: assistant, content: I thought.}]}, {say: Done.}]}]"
    )
    async with on_stage(script=script) as stage:
        whole, *_ = pieces = [part.data for part in (await watch(stage, "messages-tuple"))[1:]]
        # As on `langgraph dev`: only a model's answer comes in chunks.
        assert [(message["type"], meta["ls_integration"]) for message, meta in pieces] == [
            ("ai", "langgraph"),
            ("AIMessageChunk", "langchain_chat_model"),
        ]
        assert (whole[0]["content"], "checkpoint_ns" in whole[1]) == ("I thought.", False)
        assert names(await watch(stage, "messages"))[1:] == [
            *["messages/metadata", "messages/complete"],
            *["messages/metadata", "messages/partial"],
        ]


async def test_custom_events_come_from_the_script() -> None:
    script = Script(
        turns=[
            Turn(
                steps=[
                    Step(call=Call(tool="look"), custom=[{"thinking": True}]),
                    Step(result="", custom=["looking", "{text} up"]),
                    Step(say="Done.", custom=[{"thinking": True}]),
                ]
            )
        ]
    )
    async with on_stage(script=script) as stage:
        parts = await watch(stage, "custom")
    assert [part.data for part in parts[1:]] == [{"thinking": True}, "looking", f"{QUESTION} up", {"thinking": True}]
    assert set(names(parts[1:])) == {"custom"}


async def test_modes_together_come_in_the_order_of_the_official_server(stage: Stage) -> None:
    parts = await watch(stage, ["values", "updates", "messages-tuple"])
    assert names(parts) == [
        "metadata",
        "values",
        *["messages", "updates", "values"] * 2,
        *["messages"] * len(TOKENS),
        "updates",
        "values",
    ]


@pytest.mark.parametrize("mode", ["nonsense", "Values"])
async def test_other_modes_are_refused_by_name(stage: Stage, mode: str) -> None:
    for asked in (mode, [mode], ["values", mode]):
        answer = await stage.http.post(
            f"/threads/{stage.thread}/runs/stream", json={"assistant_id": "agent", "stream_mode": asked}
        )
        assert answer.status_code == 422
        assert mode in answer.json()["detail"]
        assert "stream_mode" in answer.json()["detail"]


async def test_the_wire_format(stage: Stage) -> None:
    answer = await stage.http.post(
        f"/threads/{stage.thread}/runs/stream", json={"assistant_id": "agent", "input": asking("sf")}
    )
    (run,) = await stage.client.runs.list(stage.thread)
    location = f"/threads/{stage.thread}/runs/{run['run_id']}"
    assert answer.headers["location"] == f"{location}/stream"
    assert answer.headers["content-location"] == location
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    first = answer.content.split(b"\r\n\r\n")[0]
    assert first == b'event: metadata\r\ndata: {"run_id":"%s","attempt":1}' % run["run_id"].encode()
    assert answer.content.endswith(b"\r\n\r\n")
    assert b"\nid:" not in answer.content


async def test_a_resumable_stream_is_replayed_from_any_event(stage: Stage) -> None:
    parts = await watch(stage, ["values", "updates"], stream_resumable=True)
    (run,) = await stage.client.runs.list(stage.thread)
    ids = [part.id for part in parts]
    assert len(set(ids)) == len(ids)
    order = [tuple(int(part) for part in one.split("-")) for one in ids]
    assert order == sorted(order)

    async def rejoin(last: str | None, **more: Any) -> list[Any]:
        async with asyncio.timeout(DEADLINE):
            stream = stage.client.runs.join_stream(stage.thread, run["run_id"], last_event_id=last, **more)
            return [part async for part in stream]

    assert await rejoin("-1") == parts
    assert await rejoin(ids[2]) == parts[3:]
    assert await rejoin(ids[-1]) == []
    assert await rejoin(None) == []
    assert await rejoin("0-999") == []
    only = await rejoin("-1", stream_mode="updates")
    assert names(only) == ["metadata", "updates", "updates", "updates"]


async def test_several_late_joiners_each_see_all_that_comes_later(stage: Stage) -> None:
    run = await stage.held("A", "sf", "tools:1/enter")
    started = asyncio.Semaphore(0)

    async def join() -> list[Any]:
        async with stage.http.stream("GET", f"/threads/{stage.thread}/runs/{run}/stream") as answer:
            started.release()
            return [line async for line in answer.aiter_lines() if line.startswith("event")]

    joining = [asyncio.create_task(join()) for _ in range(3)]
    for _ in joining:
        await started.acquire()
    stage.witness.release()
    async with asyncio.timeout(DEADLINE):
        assert await asyncio.gather(*joining) == [["event: values"] * 2] * 3


async def test_the_stream_of_a_superseded_run_ends_cleanly_with_its_own_events_only(stage: Stage) -> None:
    stage.witness.hold("A/tools:1/enter")
    watching = asyncio.create_task(watch(stage, ["values", "updates"]))
    await stage.witness.reached("A/tools:1/enter")
    waiting = await stage.create("B", "nyc", "interrupt")
    async with asyncio.timeout(DEADLINE):
        parts = await watching
    await stage.join(waiting)
    assert names(parts) == ["metadata", "values", "updates", "values"]
    assert parts[-1].data["steps"] == ["A/agent:1"]


@pytest.mark.parametrize(("strategy", "steps"), [("interrupt", ["A/agent:1"]), ("rollback", None)])
async def test_wait_gives_the_values_of_a_superseded_run_and_a_late_join_those_of_the_thread(
    stage: Stage, strategy: Any, steps: Any
) -> None:
    stage.witness.hold("A/tools:1/enter")
    waiting = asyncio.create_task(
        stage.client.runs.wait(stage.thread, "agent", input=asking("sf"), config=stage.config("A"))
    )
    await stage.witness.reached("A/tools:1/enter")
    (first,) = await stage.client.runs.list(stage.thread)
    await stage.join(await stage.create("B", "nyc", strategy))
    async with asyncio.timeout(DEADLINE):
        values: Any = await waiting
    assert values.get("steps") == steps
    joined = await stage.http.get(f"/threads/{stage.thread}/runs/{first['run_id']}/join")
    assert joined.status_code == 200
    if strategy == "interrupt":
        assert joined.json()["steps"] == ["A/agent:1", "B/agent:1", "B/tools:1", "B/agent:2"]
    else:
        assert "404" in joined.json()["__error__"]["message"]


async def test_the_stream_of_a_queued_run_stays_open_until_it_ran() -> None:
    async with on_stage(keep_alive=0.01) as stage:
        first = await stage.held("A", "sf", "agent:1/enter")
        queued = await stage.create("B", "nyc")
        path = f"/threads/{stage.thread}/runs/{queued}"
        async with stage.http.stream("GET", f"{path}/stream") as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == ": heartbeat"
            stage.witness.release()
            events = [line async for line in lines if line.startswith("event")]
        assert events == ["event: metadata"] + ["event: values"] * 4
        assert await stage.status(first) == "success"


async def test_a_waiting_answer_is_kept_alive_and_stays_json() -> None:
    async with on_stage(keep_alive=0.01) as stage:
        run = await stage.held("A", "sf", "agent:1/enter")
        async with stage.http.stream("GET", f"/threads/{stage.thread}/runs/{run}/join") as answer:
            chunks = answer.aiter_raw()
            assert await anext(chunks) == b"\n"
            stage.witness.release()
            body = b"".join([chunk async for chunk in chunks])
        assert body.lstrip().startswith(b'{"messages":')


@pytest.mark.parametrize(("on_disconnect", "status"), [("cancel", "interrupted"), ("continue", "success")])
@pytest.mark.parametrize("endpoint", ["stream", "wait"])
async def test_what_becomes_of_a_run_whose_creator_leaves(
    stage: Stage, on_disconnect: str, status: str, endpoint: str
) -> None:
    stage.witness.hold("A/tools:1/enter")
    body = {
        "assistant_id": "agent",
        "input": asking("sf"),
        "config": stage.config("A"),
        "on_disconnect": on_disconnect,
    }
    async with stage.http.stream("POST", f"/threads/{stage.thread}/runs/{endpoint}", json=body):
        await stage.witness.reached("A/tools:1/enter")
    (run,) = await stage.client.runs.list(stage.thread)
    if on_disconnect == "cancel":
        await stage.witness.reached("A/tools:1/exit")
    stage.witness.release()
    await stage.join(run["run_id"])
    assert await stage.status(run["run_id"]) == status


@pytest.mark.parametrize(("asked", "status"), [("true", "interrupted"), ("false", "success"), (None, "success")])
@pytest.mark.parametrize("endpoint", ["stream", "join"])
async def test_what_becomes_of_a_run_whose_joiner_leaves(
    stage: Stage, asked: str | None, status: str, endpoint: str
) -> None:
    run = await stage.held("A", "sf", "tools:1/enter")
    params = {} if asked is None else {"cancel_on_disconnect": asked}
    async with stage.http.stream("GET", f"/threads/{stage.thread}/runs/{run}/{endpoint}", params=params):
        pass
    if asked == "true":
        await stage.witness.reached("A/tools:1/exit")
    stage.witness.release()
    await stage.join(run)
    assert await stage.status(run) == status


async def test_a_reader_that_never_reads_stalls_nobody(stage: Stage) -> None:
    # More than the buffers between the two sockets hold.
    body = {
        "assistant_id": "agent",
        "input": {"messages": [{"role": "user", "content": "x " * 20_000}]},
        "config": stage.config("A"),
        "stream_mode": ["values", "messages-tuple"],
    }
    async with stage.http.stream("POST", f"/threads/{stage.thread}/runs/stream", json=body) as answer:
        await stage.join(answer.headers["content-location"].rpartition("/")[2])
        assert await stage.thread_status() == "idle"
