"""A script made of a deployment's thread plays the same history again."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from mockserver.app import serving
from mockserver.core.clock import UndelayedClock
from mockserver.deployment import MockDeployment
from mockserver.recording import main, script_of, to_yaml
from mockserver.script.load import GUIDE, parse
from mockserver.thread_history import RecordingError, fetch
from tests.mockserver.witness import DEADLINE

RECORD = "python -m mockserver record"

ELABORATE = """
channels: {log: replace}
turns:
  - when: {contains: elaborate}
    steps:
      - {node: planner, channels: {log: [planned]}}
      - {say: Let me see., call: [{tool: a, args: {x: 1}, id: one}, {tool: b, id: two}], takes: 1.5}
      - {result: [first, {content: [{type: text, text: second}], status: error}]}
      - {node: approval, interrupt: {value: {sure: true}}, channels: {log: [asked]}}
      - {node: writer, messages: [{role: system, content: "several\\nlines"}, {role: assistant, content: "Done: yes"}]}
      - {node: nothing}
  - {when: {contains: broken}, steps: [{say: one, error: {type: OverloadedError, message: too much}}]}
  - {steps: [{call: {tool: a, id: three}}, {result: last}, {say: Bye.}]}
"""


async def converse(http: httpx.AsyncClient, mock: MockDeployment) -> str:
    """Hold a conversation with an interrupt, a superseded run and a failure. It is the same on every deployment."""
    thread = str((await http.post("/threads", json={})).json()["thread_id"])
    runs = f"/threads/{thread}/runs"

    async def ask(text: str, path: str = "/wait", **more: Any) -> Any:
        body = {"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": text}]}, **more}
        return (await http.post(f"{runs}{path}", json=body)).json()

    await ask("something elaborate")
    await http.post(f"{runs}/wait", json={"assistant_id": "agent", "command": {"resume": "yes"}})
    mock.hold("tools:1/enter", thread_id=thread)
    # With tokens, so that the task of the superseded run shows that it was cancelled.
    await ask("hello", "", stream_mode=["messages-tuple"])
    await mock.aio.wait_until_held("tools:1/enter", thread_id=thread)
    second = await ask("hello again", "", multitask_strategy="interrupt")
    mock.release(thread_id=thread)
    await mock.aio.wait_for_status("success", thread, second["run_id"])
    assert "__error__" in await ask("something broken")
    return thread


def plain(history: list[dict[str, Any]]) -> list[Any]:
    """Return a history without ids and times."""

    def without_ids(values: dict[str, Any]) -> dict[str, Any]:
        said = [{key: one[key] for key in one if key != "id"} for one in values.get("messages", ())]
        return {**values, "messages": said}

    return [
        (state["metadata"]["source"], state["metadata"]["step"], state["next"], without_ids(state["values"]))
        for state in history
    ]


async def test_the_same_requests_give_the_same_history() -> None:
    async with MockDeployment(script=ELABORATE) as mock, httpx.AsyncClient(base_url=mock.url, timeout=DEADLINE) as http:
        thread = await converse(http, mock)
        history = await fetch(mock.url, thread)
        text = to_yaml(script_of(history))
        script = parse(text)
        assert "say: Let me see." in text
        assert "takes: 1.5" in text
        assert any(task["error"] == "CancelledError()" for state in history for task in state["tasks"])
        assert "CancelledError" not in text
        mock.reset(script=script)
        again = await converse(http, mock)
        assert plain(await fetch(mock.url, again)) == plain(history)


async def test_the_guides_thread_over_more_than_one_page() -> None:
    async with (
        serving(clock=UndelayedClock()) as url,
        httpx.AsyncClient(base_url=url, timeout=DEADLINE) as http,
    ):
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        for turn in range(25):
            body = {"assistant_id": "agent", "input": {"messages": f"weather in {('sf', 'oslo')[turn % 2]}"}}
            await http.post(f"/threads/{thread}/runs/wait", json=body)
        history = await fetch(url, thread)
        assert len(history) == 125
        made = script_of(history)
    assert [turn["when"]["turn"] for turn in made["turns"]] == list(range(1, 26))
    assert made["turns"][0]["steps"][0]["call"]["args"] == {"query": "weather in san francisco"}
    assert [set(step) - {"takes"} for step in made["turns"][1]["steps"]] == [{"say", "call"}, {"result"}, {"say"}]
    assert GUIDE.exists()


async def test_what_cannot_be_recorded_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as url, httpx.AsyncClient(base_url=url) as http:
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        with pytest.raises(RecordingError, match="no checkpoints"):
            script_of(await fetch(url, thread))
        with pytest.raises(RecordingError, match="HTTP 422"):
            await fetch(url, "nonsense")
    with pytest.raises(RecordingError, match=r"127\.0\.0\.1:9"):
        await fetch("http://127.0.0.1:9", thread)
    with pytest.raises(SystemExit, match="2"):
        main(["--from", "x", "--thread", "y", "--header", "nonsense"], RECORD)
    assert "expected 'NAME: VALUE'" in capsys.readouterr().err


DEEP = """
channels: {notes: append}
turns:
  - when: {contains: deep}
    steps:
      - {node: model, call: {tool: task, args: {description: Look.}, id: t1}}
      - node: tools
        subgraph:
          - {node: model, call: {tool: task, args: {description: Look closer.}, id: t2}}
          - {node: tools, hidden: true, subgraph: [{node: model, say: Seven.}, {node: keep, channels: {notes: [leaf]}}]}
          - {node: ask, interrupt: {value: Sure?}, channels: {notes: [asked]}}
          - {node: model, say: "It is {state.notes}.", channels: {notes: [said]}}
      - {node: model, say: "Done."}
  - when: {contains: shared}
    steps:
      - {node: researcher, returns: messages, subgraph: [{node: model, say: Found.}, {node: check, say: Checked.}]}
      - {node: model, call: [{tool: task, args: {a: one}, id: t3}, {tool: task, args: {a: two}, id: t4}]}
      - parallel:
          - {node: tools, subgraph: [{node: model, say: First.}]}
          - {node: tools, subgraph: [{node: model, say: Second.}]}
      - {node: model, say: Both.}
  - steps:
      - {node: model, call: {tool: task, args: {description: Look.}, id: t5}}
      - {node: tools, subgraph: [{node: model, say: Not this.}]}
      - {node: tools, result: "But this."}
"""


def with_children(history: list[dict[str, Any]]) -> list[Any]:
    """Return a history without ids and times, and the histories of its child graphs."""
    tasks = [
        [
            (
                task["name"],
                task["checkpoint"] is None,
                [one["value"] for one in task["interrupts"]],
                [with_children(child) for child in task.get("children", ())],
            )
            for task in state["tasks"]
        ]
        for state in history
    ]
    return [plain(history), tasks]


async def test_child_graphs_are_recorded() -> None:
    async with MockDeployment(script=DEEP) as mock, httpx.AsyncClient(base_url=mock.url, timeout=DEADLINE) as http:

        async def converse() -> str:
            thread = str((await http.post("/threads", json={})).json()["thread_id"])
            for given in (
                # First, as a graph that is a node returns its whole state, so that LangGraph appends what it got again.
                {"input": {"messages": "shared"}},
                {"input": {"messages": "deep"}},
                {"command": {"resume": "yes"}},
            ):
                await http.post(f"/threads/{thread}/runs/wait", json={"assistant_id": "agent", **given})
            return thread

        history = await fetch(mock.url, await converse())
        text = to_yaml(script_of(history))
        assert text.count("subgraph:") == 5
        assert text.count("hidden: true") == text.count("returns: messages") == 1
        mock.reset(script=text)
        assert with_children(await fetch(mock.url, await converse())) == with_children(history)


@pytest.mark.parametrize("refuses", [True, False])
async def test_a_server_without_histories_of_child_graphs(refuses: bool) -> None:
    """Refuse the parameter, or ignore it and answer with the history of the thread."""
    async with MockDeployment(script=DEEP) as mock, httpx.AsyncClient(base_url=mock.url, timeout=DEADLINE) as http:
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        body = {"assistant_id": "agent", "input": {"messages": "other"}}
        await http.post(f"/threads/{thread}/runs/wait", json=body)
        history = (await http.get(f"/threads/{thread}/history?limit=50")).json()

        async def answer(request: web.Request) -> web.Response:
            if refuses and "checkpoint" in await request.json():
                return web.json_response({"detail": "no"}, status=500)
            return web.json_response(history)

        application = web.Application()
        application.router.add_post("/threads/{thread}/history", answer)
        async with TestServer(application) as server:
            recorded = await fetch(str(server.make_url("/")), thread)
    assert "subgraph" not in to_yaml(script_of(recorded))


async def test_a_result_that_is_not_of_the_child_graph_is_that_of_the_node() -> None:
    async with MockDeployment(script=DEEP) as mock, httpx.AsyncClient(base_url=mock.url, timeout=DEADLINE) as http:
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        body = {"assistant_id": "agent", "input": {"messages": "other"}}
        await http.post(f"/threads/{thread}/runs/wait", json=body)
        history = await fetch(mock.url, thread)
    (task,) = next(state for state in history if state["next"] == ["tools"] and state["tasks"][0].get("children"))[
        "tasks"
    ]
    task["result"] = {"messages": [{"type": "tool", "content": "Another.", "name": "task", "tool_call_id": "t5"}]}
    (step,) = [one for one in script_of(history)["turns"][0]["steps"] if "subgraph" in one]
    assert step["subgraph"] == [{"say": "Not this.", "node": "model"}]
    assert step["result"] == [{"content": "Another."}]


OWN_CHANNELS = """
channels: {notes: append, verdict: replace}
turns:
  - when: {contains: shared}
    steps:
      - node: researcher
        returns: messages
        state: {notes: append, plan: replace, tries: {reducer: append, initial: [none]}}
        subgraph:
          - {node: think, say: I look., channels: {plan: [look], notes: [thought]}}
          - {node: look, say: It costs 7., channels: {tries: [once]}}
        say: I found it.
  - steps:
      - {node: model, call: [{tool: task, args: {a: one}, id: t1}, {tool: task, args: {a: two}, id: t2}]}
      - node: tools
        state: {files: merge}
        subgraph: [{node: model, say: First., channels: {files: {a: 1}}}]
        then:
          - {input: And this?, subgraph: [{node: model, say: Second., channels: {notes: [seen]}}]}
      - {node: model, call: {tool: task, args: {a: three}, id: t3}}
      - node: tools
        hidden: true
        subgraph:
          - {node: model, call: {tool: look, args: {deep: "yes"}, id: t4}}
          - {node: inner, state: {depth: replace}, subgraph: [{node: leaf, say: Deep., channels: {depth: 2}}]}
          - {node: ask, interrupt: {value: Sure?}}
          - {node: model, say: Third.}
        then: [{input: Is it?, state: {mood: replace}, subgraph: [{node: model, say: It is., channels: {mood: calm}}]}]
        result: Both are done.
        channels: {verdict: good}
      - {node: model, say: Done.}
"""


async def test_child_graphs_with_channels_of_their_own_and_nodes_that_speak_beside_them() -> None:
    async with (
        MockDeployment(script=OWN_CHANNELS) as mock,
        httpx.AsyncClient(base_url=mock.url, timeout=DEADLINE) as http,
    ):

        async def converse() -> str:
            thread = str((await http.post("/threads", json={})).json()["thread_id"])
            for given in (
                {"input": {"messages": "shared"}},
                {"input": {"messages": "x"}},
                {"command": {"resume": "y"}},
            ):
                await http.post(f"/threads/{thread}/runs/wait", json={"assistant_id": "agent", **given})
            return thread

        history = await fetch(mock.url, await converse())
        text = to_yaml(script_of(history))
        assert (text.count("subgraph:"), text.count("then:"), text.count("state:")) == (6, 2, 6)
        assert "plan:" not in text[: text.index("turns:")]
        said = [message["content"] for message in history[0]["values"]["messages"]]
        assert said[3] == "I found it."
        assert said[-5:] == ["First.", "Second.", "", "Both are done.", "Done."]
        assert history[0]["values"]["verdict"] == "good"
        mock.reset(script=text)
        assert with_children(await fetch(mock.url, await converse())) == with_children(history)


UNKNOWN_NODES = """
turns:
  - steps:
      - {node: model, call: [{tool: task, args: {a: one}, id: t1}, {tool: task, args: {a: two}, id: t2}]}
      - node: tools
        hidden: true
        subgraph: [{node: plan, call: {tool: look, id: t3}}, {node: look, result: seen}, {node: end, say: First.}]
        then: [{input: Is it?, subgraph: [{node: ask, interrupt: {value: Sure?}, say: It is.}]}]
      - {node: model, say: Done.}
"""


@pytest.mark.parametrize("answered", [True, False])
async def test_child_graphs_whose_nodes_a_server_does_not_know(answered: bool) -> None:
    async with (
        MockDeployment(script=UNKNOWN_NODES) as mock,
        httpx.AsyncClient(base_url=mock.url, timeout=DEADLINE) as http,
    ):
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        for given in ({"input": {"messages": "x"}}, {"command": {"resume": "y"}})[: 1 + answered]:
            await http.post(f"/threads/{thread}/runs/wait", json={"assistant_id": "agent", **given})
        history = await fetch(mock.url, thread)
    said = {"say": "It is."} if answered else {}
    step = script_of(history)["turns"][0]["steps"][1]
    assert step == {
        "node": "tools",
        "hidden": True,
        "input": "one",
        "subgraph": [
            {"node": "inner_model", "call": {"tool": "look", "id": "t3"}},
            {"node": "inner_tools", "result": "seen"},
            {"node": "inner_model", "say": "First."},
        ],
        "then": [{"input": "Is it?", "subgraph": [{"node": "inner_model", "interrupt": {"value": "Sure?"}, **said}]}],
    }


def test_the_command_line_writes_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    with MockDeployment() as mock, httpx.Client(base_url=mock.url, timeout=DEADLINE) as http:
        thread = http.post("/threads", json={}).json()["thread_id"]
        http.post(f"/threads/{thread}/runs/wait", json={"assistant_id": "agent", "input": {"messages": "hello"}})
        assert main(["--from", f"{mock.url}/", "--thread", thread, "--header", "X-Api-Key: secret"], RECORD) == 0
        out = capsys.readouterr().out
        assert parse(out).turns[0].steps[0].say == "You said: hello"
        assert thread in out
        assert main(["--from", mock.url, "--thread", "nonsense"], RECORD) == 1
        assert capsys.readouterr().err.startswith("mockserver record: http")


BRANCHES = """
channels: {log: replace}
turns:
  - steps:
      - say: "The text is {text}, not {{text}}."
        call: [{tool: a, args: {"as": "{{resume}}"}, id: one}, {tool: b, id: two}]
      - parallel:
          - {node: first, messages: [{role: tool, content: found, tool_call_id: one, name: a}], takes: 1}
          - {node: second, messages: [{role: tool, content: found, tool_call_id: two, name: b}], takes: 1}
          - {node: third, channels: {log: [seen]}}
      - say: Done.
"""


async def test_several_nodes_in_one_superstep_and_texts_with_braces_are_played_again() -> None:
    async with MockDeployment(script=BRANCHES) as mock, httpx.AsyncClient(base_url=mock.url, timeout=DEADLINE) as http:

        async def converse() -> str:
            thread = str((await http.post("/threads", json={})).json()["thread_id"])
            body = {"assistant_id": "agent", "input": {"messages": "{name}"}}
            await http.post(f"/threads/{thread}/runs/wait", json=body)
            return thread

        history = await fetch(mock.url, await converse())
        made = script_of(history)
        (turn,) = made["turns"]
        assert turn["steps"][0]["say"] == "The text is {name}, not {{text}}."
        assert [part["node"] for part in turn["steps"][1]["parallel"]] == ["first", "second", "third"]
        mock.reset(script=parse(to_yaml(made)))
        assert plain(await fetch(mock.url, await converse())) == plain(history)


ASKING = """
channels: {log: replace}
turns:
  - when: {contains: questions}
    steps:
      - parallel:
          - {node: first, interrupt: {value: one}, channels: {log: [answered]}}
          - {node: second, interrupt: {value: {two: 2}}, say: I was asked.}
          - {node: third, messages: [{role: system, content: beside}]}
      - {call: [{tool: a, id: one}, {tool: b, id: two}]}
      - parallel: [{node: tools, result: for one}, {node: tools, result: for two}]
      - {say: Done.}
  - steps:
      - parallel: [{node: first, interrupt: {value: one}}, {node: second, interrupt: {value: two}}]
"""


async def test_several_questions_and_tasks_of_one_node_are_played_again() -> None:
    async def converse(http: httpx.AsyncClient) -> str:
        thread = str((await http.post("/threads", json={})).json()["thread_id"])

        async def run(**asked: Any) -> None:
            await http.post(f"/threads/{thread}/runs/wait", json={"assistant_id": "agent", **asked})

        await run(input={"messages": "some questions"})
        asked = (await http.get(f"/threads/{thread}/state")).json()["interrupts"]
        await run(command={"resume": {one["id"]: "yes" for one in asked}})
        await run(input={"messages": "and a last one"})
        return thread

    async with MockDeployment(script=ASKING) as mock, httpx.AsyncClient(base_url=mock.url, timeout=DEADLINE) as http:
        history = await fetch(mock.url, await converse(http))
    script = script_of(history)
    async with (
        MockDeployment(script=parse(to_yaml(script))) as mock,
        httpx.AsyncClient(base_url=mock.url, timeout=DEADLINE) as http,
    ):
        again = await fetch(mock.url, await converse(http))
    assert plain(again) == plain(history)
    questions = [[one["value"] for one in state["interrupts"]] for state in history]
    assert [[one["value"] for one in state["interrupts"]] for state in again] == questions
    assert questions[0] == ["one", "two"]


REPORT = """
messages: false
channels: {topic: replace, draft: replace}
turns:
  - {when: {channels: {topic: rain}}, steps: [{node: write, channels: {draft: It rains.}}]}
  - {steps: [{node: write, channels: {draft: It snows.}}]}
"""


async def recorded(script: str, *topics: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Play runs of a graph without a conversation on one thread, and return the last values and the recording."""
    with MockDeployment(script=parse(script)) as mock:
        async with httpx.AsyncClient(base_url=mock.url, timeout=DEADLINE) as http:
            thread = (await http.post("/threads", json={})).json()["thread_id"]
            for topic in topics:
                body = {"assistant_id": "agent", "input": {"topic": topic}}
                values = (await http.post(f"/threads/{thread}/runs/wait", json=body)).json()
        return values, script_of(await fetch(mock.url, thread))


@pytest.mark.parametrize("topics", [("rain",), ("snow",), ("rain", "snow"), ("snow", "rain")])
async def test_a_graph_without_messages_is_played_again(topics: tuple[str, ...]) -> None:
    values, made = await recorded(REPORT, *topics)
    assert values["topic"] == topics[-1]
    again, _ = await recorded(to_yaml(made), *topics)
    assert again == values
    conditions = [turn.get("when") for turn in made["turns"]]
    assert conditions == ([None] if len(topics) == 1 else [{"channels": {"topic": topic}} for topic in topics])


async def test_the_only_turn_of_a_graph_without_messages_takes_any_input() -> None:
    _, made = await recorded(REPORT, "rain")
    values, _ = await recorded(to_yaml(made), "fog")
    assert values == {"topic": "fog", "draft": "It rains."}
