"""The newer streaming protocol at the wire: commands, channels, namespaces, replays."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from mockserver.script.load import parse
from mockserver.script.shapes import OPTIONAL
from tests.mockserver.protocol import Heard, Protocol, by_model, data, lifecycle, over, said
from tests.mockserver.stage import Stage, asking, on_stage


async def test_no_event_is_sent_on_channels_that_langgraph_dev_does_not_have(protocol: Protocol) -> None:
    async with protocol.listening() as ear:
        events = await ear.until(over(await protocol.start("A", probe={"version": 2, "work": "subgraph"})))
    assert {event["method"] for event in events} == {"lifecycle", "messages", "tools", "values"}


@pytest.mark.parametrize("channel", ["updates", "tasks", "checkpoints"])
async def test_a_script_names_the_channels_that_its_server_has(channel: str) -> None:
    script = parse(f"protocol_channels: [{channel}]\nturns: [{{steps: [{{say: Done.}}]}}]")
    async with on_stage(script=script) as stage:
        protocol = Protocol(stage)
        async with protocol.listening(*OPTIONAL, "lifecycle") as ear:
            events = await ear.until(over(await protocol.start("A")))
        assert {event["method"] for event in events} == {channel, "lifecycle"}


async def test_a_child_graph_starts_behind_its_first_values_and_ends_with_its_error() -> None:
    """Measured on `langgraph dev` 0.16.7."""
    script = parse("turns: [{steps: [{node: child, subgraph: [{node: bad, error: {type: ValueError, message: no}}]}]}]")
    async with on_stage(script=script) as stage:
        protocol = Protocol(stage)
        async with protocol.listening() as ear:
            events = await ear.until(over(await protocol.start("A")))
    seen = [(event["method"], len(event["params"]["namespace"])) for event in events]
    assert seen == [
        ("lifecycle", 0),
        ("values", 0),
        ("values", 1),
        ("lifecycle", 1),
        ("lifecycle", 1),
        ("lifecycle", 0),
    ]
    assert [(one["event"], one.get("error")) for one in data(events, "lifecycle")] == [
        ("running", None),
        ("started", None),
        ("failed", "no"),
        ("failed", "no"),
    ]


async def test_a_graph_without_the_channel_of_tools_reports_none_of_them() -> None:
    script = parse("protocol_channels: []\nturns: [{steps: [{call: {tool: find}}, {result: found}]}]")
    async with on_stage(script=script) as stage:
        protocol = Protocol(stage)
        async with protocol.listening() as ear:
            events = await ear.until(over(await protocol.start("A")))
    assert {event["method"] for event in events} == {"lifecycle", "messages", "values"}
    assert by_model(events) == [event for event in events if event["method"] == "messages"]


CALLED = """
turns:
  - steps:
      - {call: {tool: ask, args: {q: price}, id: t1}}
      - {node: tools, sent: %s, agent: buyer, subgraph: [{node: model, say: Seven.}]}
"""


@pytest.mark.parametrize("sent", ["true", "false"])
async def test_a_child_graph_with_the_name_of_an_agent_starts_with_its_cause(sent: str) -> None:
    """Measured on `langgraph dev` 0.16.7, whose agents have the name that `create_agent` gives them."""
    async with on_stage(script=parse(CALLED % sent)) as stage:
        protocol = Protocol(stage)
        async with protocol.listening() as ear:
            events = await ear.until(over(await protocol.start("A")))
    started, ended = (
        event["params"]["data"] for event in events if event["params"]["data"].get("graph_name") == "buyer"
    )
    assert (started["event"], ended["event"]) == ("started", "completed")
    assert started.get("cause") == ({"type": "toolCall", "tool_call_id": "t1"} if sent == "true" else None)
    # A tool that is no `task` of a deep agent returns its text.
    (result,) = (one["output"] for one in data(events, "tools") if one["event"] == "tool-finished")
    assert (result["type"], result["content"], result["artifact"]) == ("tool", "Seven.", None)


async def test_a_run_that_pauses_at_a_breakpoint_is_completed() -> None:
    """Measured on `langgraph dev` 0.16.7. The SDK waits for an answer of its user after `interrupted`."""
    async with on_stage(script=parse("turns: [{steps: [{say: a}, {node: b, say: b, breakpoint: true}]}]")) as stage:
        protocol = Protocol(stage)
        async with protocol.listening("lifecycle") as ear:
            events = await ear.until(over(await protocol.start("A")))
        assert lifecycle(events) == [("", "running"), ("", "completed")]
        assert (await stage.client.threads.get(stage.thread))["status"] == "interrupted"


async def test_a_run_on_every_channel(reported: Protocol) -> None:
    protocol = reported
    async with protocol.listening() as ear:
        run = await protocol.start("A")
        events = await ear.until(over(run))
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert len({event["event_id"] for event in events}) == len(events)
    assert lifecycle(events) == [("", "running"), ("", "completed")]
    assert [said(values) for values in data(events, "values")] == ["H", "HA", "HAT", "HATA"]
    assert [write["node"] for write in data(events, "updates")] == ["agent", "tools", "agent"]
    tasks = data(events, "tasks")
    assert [(task["name"], "result" in task) for task in tasks] == [
        ("agent", False),
        ("agent", True),
        ("tools", False),
        ("tools", True),
        ("agent", False),
        ("agent", True),
    ]
    started, finished = data(events, "tools")
    assert (started["event"], finished["event"]) == ("tool-started", "tool-finished")
    assert started["input"] == {"query": "weather in san francisco"}
    assert finished["output"]["tool_call_id"] == started["tool_call_id"] == finished["tool_call_id"]
    assert set(data(events, "values")[0]["messages"][0]) == {"type", "content", "id"}


async def test_every_state_is_told_behind_its_checkpoint(reported: Protocol) -> None:
    protocol = reported
    async with protocol.listening("checkpoints", "values") as ear:
        run = await protocol.start("A")
        events = await ear.until(lambda _: len(ear.heard) == 8)
    assert [event["method"] for event in events] == ["checkpoints", "values"] * 4
    history = await protocol.stage.history()
    assert [pointer["id"] for pointer in data(events, "checkpoints")] == [one["checkpoint_id"] for one in history[1:]]
    assert [pointer["parent_id"] for pointer in data(events, "checkpoints")] == [
        one["parent_checkpoint_id"] for one in history[1:]
    ]
    assert {(one["source"], one["step"] >= 0) for one in data(events, "checkpoints")} == {("loop", True)}
    assert (await protocol.stage.client.runs.get(protocol.stage.thread, run))["status"] == "success"


async def test_a_message_in_blocks(protocol: Protocol) -> None:
    async with protocol.listening("messages", "lifecycle") as ear:
        events = await ear.until(over(await protocol.start("A")))
    blocks = data(by_model(events), "messages")
    kinds = [one["event"] for one in blocks]
    first, second = (place for place, kind in enumerate(kinds) if kind == "message-start")
    assert [kind for place, kind in enumerate(kinds) if kind != kinds[place - 1]] == [
        *("message-start", "content-block-start", "content-block-delta", "content-block-finish", "message-finish"),
        *("message-start", "content-block-start", "content-block-delta", "content-block-finish", "message-finish"),
    ]
    call = next(one for one in blocks if one.get("content", {}).get("type") == "tool_call" and "finish" in one["event"])
    assert call["content"]["args"] == {"query": "weather in san francisco"}
    pieces = [one["delta"]["text"] for one in blocks[second:] if one["event"] == "content-block-delta"]
    final = next(one for one in blocks[second:] if one["event"] == "content-block-finish")
    assert len(pieces) > 3
    assert "".join(pieces) == final["content"]["text"]
    assert (blocks[first]["role"], blocks[second]["role"]) == ("ai", "ai")
    # The official server does not name the node.
    assert not any("node" in event["params"] for event in events if event["method"] == "messages")


async def test_the_arguments_of_tool_calls_are_text_until_the_message_ends() -> None:
    """Measured on `langgraph dev` 0.16.7 with a model that streams its tool calls."""
    script = parse("turns: [{steps: [{say: Ok., call: [{tool: find, args: {q: x}}, {tool: look}]}, {result: a}]}]")
    async with on_stage(script=script) as stage:
        protocol = Protocol(stage)
        async with protocol.listening("messages", "lifecycle") as ear:
            events = await ear.until(over(await protocol.start("A")))
    told = [one for one in data(by_model(events), "messages") if one["event"].startswith("content-block-")]
    assert [(one["event"].rpartition("-")[2], one["index"]) for one in told] == [
        *(("start", 0), ("delta", 0), ("start", 1), ("delta", 1), ("start", 2), ("delta", 2)),
        *(("finish", 0), ("finish", 1), ("finish", 2)),
    ]
    begun = [
        one["content"] for one in told if one["content" if "content" in one else "delta"]["type"] == "tool_call_chunk"
    ]
    assert [(one["name"], one["args"], one["index"]) for one in begun] == [("find", "", 0), ("look", "", 1)]
    assert [one["delta"] for one in told if one["event"] == "content-block-delta"][1:] == [
        {"type": "tool-call-delta", "args": '{"q": "x"}'},
        {"type": "tool-call-delta", "args": "{}"},
    ]
    assert [one["content"].get("args") for one in told[-3:]] == [None, {"q": "x"}, {}]


@pytest.mark.parametrize(
    ("strategy", "statuses", "heard", "state"),
    [
        ("enqueue", ["success", "success"], ["running", "completed", "running", "completed"], "HATAHATA"),
        (None, ["success", "success"], ["running", "completed", "running", "completed"], "HATAHATA"),
        ("interrupt", ["interrupted", "success"], ["running", "interrupted", "running", "completed"], "HAHATA"),
        ("rollback", ["success"], ["running", "interrupted", "running", "completed"], "HATA"),
    ],
)
async def test_double_texts(
    protocol: Protocol, strategy: str | None, statuses: list[str], heard: list[str], state: str
) -> None:
    stage = protocol.stage
    async with protocol.listening("lifecycle") as ear:
        stage.witness.hold("A/tools:1/enter")
        await protocol.start("A")
        await stage.witness.reached("A/tools:1/enter")
        second = await protocol.start("B", strategy)
        stage.witness.release()
        events = await ear.until(over(second))
    assert [event for _, event in lifecycle(events)] == heard
    runs = await stage.client.runs.list(stage.thread)
    assert [run["status"] for run in reversed(runs)] == statuses
    assert await stage.said() == state


async def test_what_was_rolled_back_is_not_told_again(protocol: Protocol) -> None:
    stage = protocol.stage
    stage.witness.hold("A/tools:1/enter")
    await protocol.start("A")
    await stage.witness.reached("A/tools:1/enter")
    second = await protocol.start("B", "rollback")
    await stage.join(second)
    async with protocol.listening() as ear:
        events = await ear.until(over(second))
    assert {event["event_id"].split(":")[1] for event in events if event["method"] == "lifecycle"} == {second}
    assert [said(values) for values in data(events, "values")] == ["H", "HA", "HAT", "HATA"]


async def test_reject(protocol: Protocol) -> None:
    stage = protocol.stage
    stage.witness.hold("A/tools:1/enter")
    first = await protocol.start("A")
    await stage.witness.reached("A/tools:1/enter")
    for name in ("multitask_strategy", "multitaskStrategy"):
        told = {"assistant_id": "agent", "input": asking("nyc"), name: "reject"}
        code, message = await protocol.refused("run.start", told)
        assert (code, message[:5]) == ("unknown_error", "409: ")
    stage.witness.release()
    await stage.join(first)
    assert len(await stage.client.runs.list(stage.thread)) == 1


async def test_a_run_that_fails(reported: Protocol) -> None:
    protocol = reported
    async with protocol.listening() as ear:
        events = await ear.until(over(await protocol.start("A", probe={"fail": ["tools:1"]})))
    assert lifecycle(events) == [("", "running"), ("", "failed")]
    assert data(events, "lifecycle")[-1]["error"] == "probe failure at tools:1"
    assert [one["event"] for one in data(events, "tools")] == ["tool-started", "tool-error"]
    assert data(events, "tasks")[-1]["error"] == "ProbeError('probe failure at tools:1')"


async def test_a_run_that_is_cancelled_inside_a_child_graph(protocol: Protocol) -> None:
    stage = protocol.stage
    stage.witness.hold("A/search:1/enter")
    async with protocol.listening() as ear:
        run = await protocol.start("A", probe={"version": 2, "work": "subgraph"})
        await stage.witness.reached("A/search:1/enter")
        await stage.client.runs.cancel(stage.thread, run)
        stage.witness.release()
        events = await ear.until(over(run))
    assert lifecycle(events) == [
        ("", "running"),
        ("research", "started"),
        ("research", "interrupted"),
        ("", "interrupted"),
    ]


async def test_a_child_graph(protocol: Protocol) -> None:
    async with protocol.listening() as ear:
        events = await ear.until(over(await protocol.start("A", probe={"version": 2, "work": "subgraph"})))
    assert lifecycle(events) == [("", "running"), ("research", "started"), ("research", "completed"), ("", "completed")]
    started = next(one for one in data(events, "lifecycle") if one["event"] == "started")
    assert started["namespace"] == [f"research:{started['trigger_call_id']}"]
    inside = [event for event in events if event["params"]["namespace"]]
    assert [values["steps"] for values in data(inside, "values")] == [[], ["A/search:1"], ["A/search:1", "A/quote:1"]]
    (answer,) = (await protocol.command("agent.getTree"),)
    tree = answer["result"]["tree"]
    assert (tree["namespace"], tree["status"], tree["graph_name"]) == ([], "completed", "agent")
    assert [(child["namespace"], child["status"]) for child in tree["children"]] == [
        (started["namespace"], "completed")
    ]


@pytest.mark.parametrize(
    ("asked", "inside", "outside"),
    [
        ({}, 3, 4),
        ({"namespaces": []}, 3, 4),
        ({"namespaces": [["research"]]}, 3, 0),
        ({"namespaces": [[]], "depth": 0}, 0, 4),
        ({"depth": 0}, 3, 4),
        ({"namespaces": [["nobody"], ["research"]], "depth": 0}, 3, 0),
        ({"namespaces": [["research:1"]]}, 0, 0),
        ({"namespaces": [["research", "deeper"]]}, 0, 0),
    ],
)
async def test_namespaces(protocol: Protocol, asked: Any, inside: int, outside: int) -> None:
    stage = protocol.stage
    async with protocol.listening("lifecycle") as ear:
        await ear.until(over(await protocol.start("A", probe={"version": 2, "work": "subgraph"})))
    async with protocol.listening("values", **asked) as ear:
        # Its stream ends with its thread.
        await stage.client.threads.delete(stage.thread)
        events = await ear.to_the_end()
    counted = [bool(event["params"]["namespace"]) for event in events]
    assert (sum(counted), len(counted) - sum(counted)) == (inside, outside)


async def test_a_client_that_comes_back_asks_for_what_it_missed(protocol: Protocol) -> None:
    async with protocol.listening() as ear:
        whole = await ear.until(over(await protocol.start("A")))
    seen = whole[4]["seq"]
    async with protocol.listening(since=seen) as ear:
        await ear.until(lambda event: bool(event["seq"] == whole[-1]["seq"]))
        assert ear.heard == whole[5:]
    async with protocol.listening(since=whole[-1]["seq"]) as ear:
        second = await protocol.start("B")
        events = await ear.until(over(second))
    assert lifecycle(events) == [("", "running"), ("", "completed")]


async def test_a_run_of_the_run_endpoints_is_heard_too(protocol: Protocol) -> None:
    async with protocol.listening() as ear:
        events = await ear.until(over(await protocol.stage.create("A", "sf")))
    assert [said(values) for values in data(events, "values")] == ["H", "HA", "HAT", "HATA"]


async def test_a_question_and_its_answer(protocol: Protocol) -> None:
    stage = protocol.stage
    async with protocol.listening("input", "lifecycle", "values") as ear:
        events = await ear.until(over(await protocol.start("A", probe={"interrupt": ["tools:1"]})))
        assert lifecycle(events) == [("", "running"), ("", "interrupted")]
        (asked,) = data(events, "input.requested")
        assert asked["payload"] == {"question": "Go on?", "step": "tools:1"}
        assert "__interrupt__" not in data(events, "values")[-1]
        answer = {"interrupt_id": asked["interrupt_id"], "namespace": [], "response": "yes"}
        wrong = "Unknown or already-consumed interrupt: nobody"
        assert await protocol.refused("input.respond", {**answer, "interrupt_id": "nobody"}) == (
            "no_such_interrupt",
            wrong,
        )
        assert (await protocol.refused("input.respond", {**answer, "namespace": ["elsewhere"]}))[0] == (
            "no_such_interrupt"
        )
        update = {"update": {"steps": ["by hand"]}, "config": stage.config("R")}
        assert (await protocol.command("input.respond", {**answer, **update}))["result"] == {}
        assert (await protocol.refused("input.respond", answer))[0] == "no_such_interrupt"
        events = await ear.until(lambda event: event["params"]["data"].get("event") == "completed")
    assert await stage.steps() == ["A/agent:1", "by hand", "R/tools:1", "R/agent:2"]


async def test_a_question_of_a_child_graph_is_answered_in_its_namespace(protocol: Protocol) -> None:
    stage = protocol.stage
    probe = {"version": 2, "work": "subgraph"}
    async with protocol.listening("input", "lifecycle") as ear:
        events = await ear.until(over(await protocol.start("A", probe={**probe, "interrupt": ["search:1"]})))
        (asked,) = (event["params"] for event in events if event["method"] == "input.requested")
        assert asked["namespace"][0].startswith("research:")
        answer = {"interrupt_id": asked["data"]["interrupt_id"], "namespace": [], "response": 1}
        assert (await protocol.refused("input.respond", answer))[0] == "no_such_interrupt"
        told = {"responses": [{**answer, "namespace": asked["namespace"]}], "config": stage.config("R", **probe)}
        assert (await protocol.command("input.respond", told))["type"] == "success"
        await ear.until(lambda event: event["params"]["data"].get("event") == "completed" and not _inside(event))
    assert await stage.said() == "HATA"


def _inside(event: Heard) -> bool:
    return bool(event["params"]["namespace"])


async def test_a_run_started_on_a_thread_that_waits_answers_it(protocol: Protocol) -> None:
    stage = protocol.stage
    await stage.join(await protocol.start("A", probe={"interrupt": ["tools:1"]}))
    await stage.join(await protocol.start("B", input="yes"))
    runs: list[Any] = list(await stage.client.runs.list(stage.thread))
    kwargs = runs[0]["kwargs"]
    assert (kwargs["command"]["resume"], kwargs["input"]) == ("yes", None)
    assert await stage.steps() == ["A/agent:1", "B/tools:1", "B/agent:2"]


async def test_going_on_from_a_checkpoint(protocol: Protocol) -> None:
    stage = protocol.stage
    await stage.join(await protocol.start("A"))
    before_tools = next(one for one in await stage.history() if one["next"] == ["tools"])
    config = stage.config("F")
    config["configurable"]["checkpoint_id"] = before_tools["checkpoint_id"]
    await stage.join(await protocol.start("F", input=None, config=config))
    assert await stage.steps() == ["A/agent:1", "F/tools:1", "F/agent:2"]
    config["configurable"]["checkpoint_id"] = str(uuid.uuid4())
    told = {"assistant_id": "agent", "config": config}
    assert (await protocol.refused("run.start", told))[0] == "no_such_checkpoint"


async def test_clients_listen_before_the_thread_exists(stage: Stage) -> None:
    """Measured on `langgraph dev` 0.16.7. The JavaScript SDK subscribes before it starts the first run."""
    stage.thread = str(uuid.uuid4())
    protocol = Protocol(stage)
    async with protocol.listening("lifecycle") as ear:
        async with protocol.listening("lifecycle"):
            pass
        # Another client that has disconnected does not end the stream.
        run = await protocol.start("A")
        assert lifecycle(await ear.until(over(run))) == [("", "running"), ("", "completed")]


async def test_a_run_creates_its_thread(stage: Stage) -> None:
    stage.thread = str(uuid.uuid4())
    protocol = Protocol(stage)
    answer = {"interrupt_id": "x", "namespace": [], "response": 1}
    assert (await protocol.refused("input.respond", answer))[0] == "no_such_run"
    await stage.join(await protocol.start("A", metadata={"mine": 1}))
    thread: Any = await stage.client.threads.get(stage.thread)
    assert thread["metadata"]["mine"] == 1
    async with protocol.listening("lifecycle") as ear:
        assert lifecycle(await ear.until(lambda event: event["params"]["data"]["event"] == "completed")) == [
            ("", "running"),
            ("", "completed"),
        ]


@pytest.mark.parametrize(
    ("method", "params", "code", "told"),
    [
        ("run.start", None, "invalid_argument", "run.start: Object missing required field `assistant_id`"),
        ("run.start", {"assistant_id": "nobody"}, "unknown_error", "422: Invalid assistant: 'nobody'."),
        ("run.start", {"assistant_id": "agent", "multitask_strategy": "x"}, "invalid_argument", "$.multitask_strategy"),
        (
            "run.start",
            {"assistant_id": "agent", "multitask_strategy": "reject", "multitaskStrategy": "enqueue"},
            "invalid_argument",
            "differ",
        ),
        ("input.respond", {"responses": []}, "invalid_argument", "$.responses"),
        ("input.respond", {}, "invalid_argument", "missing required field"),
        ("agent.getTree", {}, "no_such_run", "No active run"),
        ("agent.getTree", {"run_id": "x"}, "no_such_run", "No active run"),
        ("subscription.subscribe", {"channels": ["values"]}, "not_supported", "over HTTP, POST to stream/events"),
        ("subscription.unsubscribe", {"subscription_id": "x"}, "no_such_subscription", "Unknown subscription: x"),
        ("subscription.reconnect", {"run_id": "x"}, "not_supported", "`since`"),
        ("state.get", {"namespace": []}, "unknown_command", "state.get"),
        ("input.inject", {}, "unknown_command", "input.inject"),
        ("nonsense", {}, "unknown_command", "nonsense"),
    ],
)
async def test_commands_that_cannot_be_done(protocol: Protocol, method: str, params: Any, code: str, told: str) -> None:
    found, message = await protocol.refused(method, params)
    assert (found, told in message) == (code, True), message
    assert await protocol.stage.client.runs.list(protocol.stage.thread) == []


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b"nope", None),
        (b"", None),
        (b"[]", None),
        (b'{"id": 1}', 1),
        (b'{"method": "x"}', None),
        (b'{"id": "1"}', None),
    ],
)
async def test_what_is_no_command(stage: Stage, body: bytes, number: int | None) -> None:
    answer = await stage.http.post(f"/threads/{stage.thread}/commands", content=body)
    assert answer.status_code == 400
    told = answer.json()
    assert (told["type"], told["id"], told["error"]) == ("error", number, "invalid_argument")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("nope", "Invalid JSON"),
        ([], "Expected `object`"),
        ({}, "`channels`"),
        ({"channels": []}, "$.channels"),
        ({"channels": ["bogus"]}, '"bogus" is not a channel; the channels are values, '),
        ({"channels": ["custom:"]}, "is not a channel"),
        ({"channels": ["values"], "since": -1}, "$.since"),
        ({"channels": ["values"], "depth": -1}, "$.depth"),
        ({"channels": ["values"], "namespaces": "x"}, "$.namespaces"),
        ({"channels": ["values"], "more": 1}, "unknown field `more`"),
    ],
)
async def test_streams_that_cannot_be_had(strict: Stage, body: Any, told: str) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    answer = await strict.http.post(f"/threads/{strict.thread}/stream/events", content=content)
    assert (answer.status_code, told in answer.json()["detail"]) == (400, True), answer.text


SCRIPT = """
transformer: true
channels: {seen: append}
turns:
  - steps:
      - say: Let me see.
        call: {tool: look, args: {at: you}}
        custom: [plain, {name: progress, part: 1}, {name: 5}, null]
      - node: helper
        subgraph:
          - {say: Inside., node: writer, custom: [deep]}
      - result: {content: nothing, status: error}
        channels: {seen: 1}
      - say: Nothing.
"""


async def test_a_script_on_every_channel(tmp_path: Any) -> None:
    from mockserver.script.load import load

    path = tmp_path / "script.yaml"
    path.write_text(SCRIPT, "utf-8")
    async with on_stage(script=load(path)) as stage:
        protocol = Protocol(stage)
        async with protocol.listening() as ear:
            told = {"assistant_id": "agent", "input": {"messages": "hello"}}
            run = (await protocol.command("run.start", told))["result"]["run_id"]
            events = await ear.until(over(run))
        assert [
            (event["params"]["namespace"] != [], event["params"]["data"])
            for event in events
            if event["method"] == "custom"
        ] == [
            (False, "plain"),
            (False, {"name": "progress", "part": 1}),
            (False, {"name": 5}),
            (False, None),
            (True, "deep"),
        ]
        starts = [event["params"] for event in by_model(events)]
        starts = [params for params in starts if params["data"]["event"] == "message-start"]
        # The official server does not name the node.
        assert [(one.get("node"), len(one["namespace"])) for one in starts] == [(None, 0), (None, 1), (None, 0)]
        blocks = [
            one["content"] for one in data(by_model(events), "messages") if one["event"] == "content-block-finish"
        ]
        assert [block["type"] for block in blocks] == ["text", "tool_call", "text", "text"]
        assert data(events, "values")[-1]["seen"] == [1]
        async with protocol.listening("custom:progress") as ear:
            await stage.client.threads.delete(stage.thread)
            assert data(await ear.to_the_end(), "custom") == [{"name": "progress", "part": 1}]


async def test_custom_events_need_a_transformer() -> None:
    script = parse("turns: [{steps: [{say: Done., custom: [{name: progress, part: 1}]}]}]")
    async with on_stage(script=script) as stage:
        protocol = Protocol(stage)
        async with protocol.listening() as ear:
            params = {"assistant_id": "agent", "input": {"messages": "hello"}}
            run = (await protocol.command("run.start", params))["result"]["run_id"]
            events = await ear.until(over(run))
        assert data(events, "custom") == []
        order = {"assistant_id": "agent", "input": {"messages": "hello"}, "stream_mode": "custom"}
        answer = await stage.http.post(f"/threads/{stage.thread}/runs/stream", json=order)
        assert '{"name":"progress","part":1}' in answer.text
