"""The behaviour of a scripted agent, observed through the API."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langgraph_sdk import get_client

from mockserver.app import create_app, listening
from mockserver.core.script_cursor import literal
from mockserver.script.load import parse
from mockserver.script.types import Script, Step, Turn
from mockserver.web.http import ENGINE
from tests.mockserver.stage import LETTERS, Stage, on_stage
from tests.mockserver.witness import DEADLINE


async def run(stage: Stage, text: Any = "go", **more: Any) -> dict[str, Any]:
    """Play a run and return the values that it leaves, `__error__` if it failed."""
    given = {"input": {"messages": [{"role": "user", "content": text}]}} if text is not None else {}
    body = {"assistant_id": "agent", **given, **more}
    answer = await stage.http.post(f"/threads/{stage.thread}/runs/wait", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def kinds(values: dict[str, Any]) -> str:
    return "".join(LETTERS[message["type"]] for message in values["messages"])


def last(values: dict[str, Any]) -> Any:
    return values["messages"][-1]["content"]


MATCHING = """
turns:
  - {when: {text: " Exactly this "}, steps: [{say: by text}]}
  - {when: {contains: refund, turn: 2}, steps: [{say: by the second turn}]}
  - {when: {contains: refund}, steps: [{say: by a part}]}
  - {when: {matches: "order (?P<id>[0-9]+)"}, steps: [{say: "by expression: {id} {nothing} {}"}]}
  - {when: {metadata: {plan: gold}}, steps: [{say: by metadata}]}
  - {when: {assistant: somebody-else}, steps: [{say: never}]}
  - {when: {assistant: agent, contains: who}, steps: [{say: by assistant}]}
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exactly THIS", "by text"),
        ("a Refund please", "by a part"),
        ("my ORDER 77", "by expression: 77 {nothing} {}"),
        ("who is it", "by assistant"),
    ],
)
async def test_the_first_turn_that_fits_is_played(text: str, said: str) -> None:
    async with on_stage(script=parse(MATCHING)) as stage:
        assert last(await run(stage, text)) == said


async def test_turns_for_the_number_of_the_message_and_the_metadata_of_the_thread() -> None:
    async with on_stage(script=parse(MATCHING)) as stage:
        await run(stage, "who")
        assert last(await run(stage, "refund")) == "by the second turn"
        assert last(await run(stage, "refund")) == "by a part"
        await stage.client.threads.update(stage.thread, metadata={"plan": "gold"})
        assert last(await run(stage, "whatever")) == "by metadata"


async def test_a_message_that_no_turn_is_for_fails_the_run_and_says_so() -> None:
    async with on_stage(script=parse(MATCHING)) as stage:
        error = (await run(stage, "whatever"))["__error__"]
        assert error["error"] == "NoMatchingTurnError"
        assert '"whatever"' in error["message"]
        assert await stage.thread_status() == "error"


async def test_a_tool_result_is_matched_whether_the_script_or_the_client_gave_it() -> None:
    script = parse("""
turns:
  - when: {tool_result: look_up, contains: shipped}
    steps: [{say: It is on its way.}]
  - when: {tool_result: "*"}
    steps: [{say: "Hm: {text}"}]
  - when: {contains: mine}
    steps: [{call: {tool: ask_browser, args: {what: "{text}"}, id: call-1}}]
  - steps:
      - call: {tool: look_up}
      - result: shipped today
""")
    async with on_stage(script=script) as stage:
        values = await run(stage)
        assert (kinds(values), last(values)) == ("HATA", "It is on its way.")
        values = await run(stage, "mine")
        assert values["messages"][-1]["tool_calls"][0]["args"] == {"what": "mine"}
        answer = {"type": "tool", "tool_call_id": "call-1", "name": "ask_browser", "content": "Oslo"}
        values = await run(stage, None, input={"messages": [answer]})
        assert (kinds(values)[-4:], last(values)) == ("HATA", "Hm: Oslo")


async def test_nodes_channels_and_messages_of_ones_own() -> None:
    script = parse("""
channels: {log: append, files: merge}
turns:
  - steps:
      - {node: planner, channels: {todos: [look, "{text}"], log: planned, files: {a: 1}}}
      - {node: planner, channels: {log: [twice, over], files: {b: 2}}}
      - {node: writer, messages: [{role: system, content: Be brief.}, {role: assistant, content: "Yes, {text}."}]}
      - {node: nothing}
""")
    async with on_stage(script=script) as stage:
        values = await run(stage, "go", input={"messages": "go", "log": ["given"], "unknown": 1})
        assert (values["todos"], values["log"]) == (["look", "go"], ["given", "planned", "twice", "over"])
        assert values["files"] == {"a": 1, "b": 2}
        assert (kinds(values), last(values)) == ("HSA", "Yes, go.")
        assert "unknown" not in values
        history = await stage.history()
        assert [one["next"] for one in history] == [
            *(["__start__"], ["planner"], ["planner"], ["writer"], ["nothing"], []),
        ]
        graph = await stage.client.assistants.get_graph("agent")
        assert [node["id"] for node in graph["nodes"]] == ["__start__", "planner", "writer", "nothing", "__end__"]
        stopped = await run(stage, "go", interrupt_before=["writer"])
        assert stopped["log"][-2:] == ["twice", "over"]
        assert kinds(await run(stage, None)).endswith("HSA")


async def test_several_calls_with_text_and_their_results() -> None:
    script = parse("""
content: blocks
turns:
  - steps:
      - say: Let me see.
        call: [{tool: a, id: one}, {tool: b, args: {x: [1, "{text}"]}}]
      - result: [first, {content: second, status: error, artifact: {n: 1}}]
      - say: [{type: text, text: "Blocks for {text}"}]
""")
    async with on_stage(script=script) as stage:
        parts = [
            part.data[0]
            async for part in stage.client.runs.stream(
                stage.thread, "agent", input={"messages": "go"}, stream_mode="messages-tuple"
            )
            if part.event == "messages"
        ]
        state: Any = (await stage.state())["values"]
        _, call, one, two, answer = state["messages"]
        assert [block["type"] for block in call["content"]] == ["text", "tool_use", "tool_use"]
        assert call["tool_calls"][1]["args"] == {"x": [1, "go"]}
        assert [one["tool_call_id"], two["tool_call_id"]] == ["one", call["tool_calls"][1]["id"]]
        assert (two["status"], two["artifact"]) == ("error", {"n": 1})
        assert answer["content"] == [{"type": "text", "text": "Blocks for go"}]
        pieces = [part for part in parts if part["id"] == call["id"]]
        assert "".join(part["content"][0]["text"] for part in pieces) == "Let me see."
        assert [len(part["tool_call_chunks"]) for part in pieces] == [0, 0, 2]
        assert [len(part["content"]) for part in pieces] == [1, 1, 3]


async def test_an_error_fails_the_run_after_what_was_said() -> None:
    script = parse("""
turns:
  - steps:
      - {say: Half an answer, tokens: ["Half ", an answer], error: {type: OverloadedError, message: "no {text}"}}
""")
    async with on_stage(script=script) as stage:
        answer = await stage.http.post(
            f"/threads/{stage.thread}/runs/stream",
            json={"assistant_id": "agent", "input": {"messages": "go"}, "stream_mode": "messages-tuple"},
        )
        assert answer.text.count("event: messages") == 2
        assert '{"error":"OverloadedError","message":"no go"}' in answer.text
        assert await stage.said() == "H"


async def test_an_interrupt_asks_and_the_answer_decides_what_follows() -> None:
    script = parse("""
turns:
  - steps:
      - call: {tool: send_mail, id: m}
      - interrupt:
          value: {question: "Send {text}?"}
          cases:
            - {equals: {ok: true}, steps: [{result: sent}, {say: It is sent.}]}
            - {matches: "^edit", steps: [{result: "changed to {resume}"}]}
            - {steps: [{result: "refused: {resume}", node: tools}, {say: As you wish.}]}
        node: approval
      - {say: "Anything else?"}
""")
    async with on_stage(script=script) as stage:
        for answer, expected in (
            ({"ok": True}, ["sent", "It is sent.", "Anything else?"]),
            ("edit it", ["changed to edit it", "Anything else?"]),
            ([1, 2], ["refused: [1,2]", "As you wish.", "Anything else?"]),
        ):
            await run(stage, "it")
            state = await stage.state()
            assert (state["next"], state["interrupts"][0]["value"]) == (["approval"], {"question": "Send it?"})
            values = await run(stage, None, command={"resume": answer})
            assert [message["content"] for message in values["messages"]][-len(expected) :] == expected
            assert await stage.thread_status() == "idle"
        await run(stage, "it")
        waiting = (await stage.state())["interrupts"][0]["id"]
        values = await run(stage, None, command={"resume": {waiting: "edit by id"}})
        assert values["messages"][-2]["content"] == "changed to edit by id"


async def test_loops_end_by_their_number_or_by_the_recursion_limit() -> None:
    script = parse("""
turns:
  - {when: {contains: twice}, steps: [{repeat: 2, steps: [{call: {tool: look}}, {result: ""}]}, {say: Enough.}]}
  - {steps: [{repeat: forever, steps: [{call: {tool: look}}, {repeat: 2, steps: [{result: ""}]}]}]}
""")
    async with on_stage(script=script) as stage:
        assert kinds(await run(stage, "twice")) == "HATATA"
        error = (await run(stage, "on", config={"recursion_limit": 8}))["__error__"]
        assert error["error"] == "GraphRecursionError"
        assert (await run(stage, "on"))["__error__"]["message"].startswith("Recursion limit of 1000 ")


async def test_writing_by_hand_goes_on_as_if_the_node_had_done_it() -> None:
    script = parse("""
turns:
  - steps:
      - call: {tool: look, id: c}
      - {node: check, channels: {checked: true}}
      - result: found
      - say: Done.
""")
    async with on_stage(script=script) as stage:
        await run(stage, "go", interrupt_before=["check"])
        result = {"role": "tool", "content": "by hand", "tool_call_id": "c"}
        by_hand: dict[str, list[Any]] = {"check": [], "tools": [result], "agent": [{"role": "ai", "content": "Done."}]}
        for (node, said), following in zip(by_hand.items(), (["tools"], ["agent"], []), strict=True):
            await stage.client.threads.update_state(stage.thread, {"messages": said}, as_node=node)
            assert (await stage.state())["next"] == following
        update = {"messages": [{"role": "user", "content": "again"}]}
        await stage.client.threads.update_state(stage.thread, update, as_node="__start__")
        assert kinds(await run(stage, None)).endswith("HATA")
        call = {"role": "assistant", "content": "", "tool_calls": [{"name": "x", "args": {}, "id": "y"}]}
        await stage.client.threads.update_state(stage.thread, {"messages": [call]}, as_node="agent")
        assert (await stage.state())["next"] == ["tools"]


async def test_a_hold_of_the_script_stops_in_the_middle_until_it_is_released() -> None:
    app = create_app(script=parse("turns: [{steps: [{say: one two three four, hold: half}]}]"))
    gates = app[ENGINE].gates
    async with listening(app, "127.0.0.1", 0) as url, asyncio.timeout(DEADLINE), get_client(url=url) as client:
        thread = (await client.threads.create())["thread_id"]
        asked: Any = {"input": {"messages": "go"}, "stream_mode": "messages-tuple"}

        async def listen() -> list[str]:
            parts = client.runs.stream(thread, "agent", **asked)
            return [part.data[0]["content"] async for part in parts if part.event == "messages"]

        listener = asyncio.create_task(listen())
        held = await app[ENGINE].notifier.until(lambda: gates.held("half"))
        assert (len(held), held[0].thread_id) == (1, thread)
        assert gates.release("half", "another thread") == 0
        assert gates.release("half") == 1
        assert await listener == ["one ", "two ", "three ", "four"]


async def test_a_step_may_run_a_child_graph_of_its_own() -> None:
    script = parse("""
channels: {log: append}
turns:
  - steps:
      - node: researcher
        returns: messages
        subgraph:
          - {node: search, call: {tool: look, id: c}, channels: {log: searched}}
          - {result: "found {text}"}
          - {node: ask, interrupt: {value: Enough?, cases: [{equals: "no", steps: [{node: search, say: More.}]}]}}
          - {node: search, say: Searched.}
      - say: Done.
""")
    async with on_stage(script=script) as stage:
        await run(stage, "it")
        state = await stage.client.threads.get_state(stage.thread, subgraphs=True)
        inner: Any = state["tasks"][0]["state"]
        assert (state["next"], inner["next"], inner["values"]["log"]) == (["researcher"], ["ask"], ["searched"])
        values = await run(stage, None, command={"resume": "no"}, stream_subgraphs=True)
        assert [message["content"] for message in values["messages"]] == [
            *("it", "", "found it", "More.", "Searched.", "Done."),
        ]
        assert values["log"] == ["searched"]
        (assistant,) = await stage.client.assistants.search()
        described = await stage.client.assistants.get_subgraphs(assistant["assistant_id"])
        assert set(described) == {"researcher"}


PARALLEL = """
channels: {log: append}
turns:
  - when: {contains: both}
    steps:
      - parallel:
          - {node: web, channels: {log: web}, takes: 3}
          - {node: archive, say: "Found in the archive.", channels: {log: archive}, takes: 1}
      - say: Done.
  - when: {contains: broken}
    steps:
      - say: I look.
      - parallel: [{node: web, say: web}, {node: archive, error: closed}]
"""


async def test_several_nodes_in_one_superstep() -> None:
    async with on_stage(script=parse(PARALLEL)) as stage:
        values = await run(stage, "look in both")
        assert values["log"] == ["archive", "web"]
        history = await stage.history()
        assert [one["next"] for one in history] == [["__start__"], ["web", "archive"], ["agent"], []]
        assert [task["name"] for task in history[1]["tasks"]] == ["web", "archive"]


async def test_a_superstep_that_is_stopped_keeps_what_one_of_its_nodes_has_written() -> None:
    async with on_stage(script=parse(PARALLEL)) as stage:
        await stage.http.post("/_mock/holds", json={"point": "web:1/enter"})
        body = {"assistant_id": "agent", "input": {"messages": "both"}}
        first = (await stage.http.post(f"/threads/{stage.thread}/runs", json=body)).json()["run_id"]
        await stage.http.post("/_mock/wait", json={"point": "web:1/enter"})

        async def archive_has_written() -> bool:
            return bool((await stage.state())["next"] == ["web"])

        await stage.until(archive_has_written)
        await stage.client.runs.cancel(stage.thread, first, wait=True)
        await stage.http.delete("/_mock/holds")
        state = await stage.state()
        assert (state["next"], state["values"]["log"]) == (["web"], ["archive"])
        assert (await run(stage, None))["log"] == ["archive", "web"]


async def test_one_of_several_nodes_fails() -> None:
    async with on_stage(script=parse(PARALLEL)) as stage:
        assert (await run(stage, "broken"))["__error__"]["message"] == "closed"
        state = await stage.state()
        assert {task["name"]: bool(task["error"]) for task in state["tasks"]} == {"web": False, "archive": True}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{{text}} is {text}", "{text} is go"),
        ("{{{text}}}, {{text:lower}}", "{{text}}, {text:lower}"),
        ('{"a":{text}}, {{other}}, {{resume}}', '{"a":go}, {{other}}, {resume}'),
    ],
)
async def test_a_literal_brace(said: str, told: str) -> None:
    script = Script(turns=[Turn(steps=[Step(say=said)])])
    async with on_stage(script=script) as stage:
        assert last(await run(stage)) == told
    again = Script(turns=[Turn(steps=[Step(say=literal(told))])])
    async with on_stage(script=again) as stage:
        assert last(await run(stage)) == told


STATE = """
channels: {mood: replace, log: append}
turns:
  - when: {channels: {mood: bad}}
    steps: [{say: "I am sorry. You said: {state.messages}"}]
  - when: {context: {tone: formal}}
    steps: [{say: "Good day. {state.log} {{state.nothing}} {{state.mood}}", channels: {log: ["{state.mood}"]}}]
  - steps: [{say: Hi!}, {breakpoint: true, say: "{state.messages} again"}]
"""


async def test_turns_and_texts_depend_on_the_state_and_the_context() -> None:
    async with on_stage(script=parse(STATE)) as stage:
        asked: dict[str, Any] = {"messages": "hello", "mood": "bad"}
        values = await run(stage, None, input=asked)
        assert last(values) == "I am sorry. You said: hello"
        formal = {"input": {"messages": "hello", "mood": "good", "log": [1]}, "context": {"tone": "formal"}}
        values = await run(stage, None, **formal)
        assert last(values) == "Good day. [1] {state.nothing} {state.mood}"
        assert values["log"] == [1, "good"]
        values = await run(stage, None, input={"messages": "hello"}, config={"configurable": {"tone": "formal"}})
        assert last(values).startswith("Good day.")


async def test_a_turn_may_depend_on_the_user_that_a_client_names() -> None:
    script = """
        turns:
          - {when: {context: {user_id: ada}}, steps: [{say: Hello Ada.}]}
          - steps: [{say: Who are you?}]
    """
    async with on_stage(script=parse(script)) as stage:
        assert last(await run(stage, "hello")) == "Who are you?"
        assert last(await run(stage, "hello", config={"configurable": {"user_id": "ada"}})) == "Hello Ada."
        assert last(await run(stage, "hello", context={"user_id": "ada"})) == "Hello Ada."


async def test_a_breakpoint_pauses_until_the_run_is_continued() -> None:
    async with on_stage(script=parse(STATE)) as stage:
        assert last(await run(stage, "hello")) == "Hi!"
        assert (await stage.state())["next"] == ["agent"]
        assert last(await run(stage, None, input=None)) == "Hi! again"
