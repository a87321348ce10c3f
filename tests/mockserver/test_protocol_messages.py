"""The messages of the model in runs of the newer protocol, whose content is a list of blocks."""

from __future__ import annotations

from typing import Any

from mockserver.script.load import parse
from tests.mockserver.protocol import Protocol, by_model, data, over
from tests.mockserver.stage import asking, on_stage

SCRIPT = """
turns:
  - when: {contains: blocks}
    steps: [{say: [{type: reasoning, reasoning: hm}, {type: text, text: So.}]}]
  - when: {contains: nothing}
    steps: [{say: ""}]
  - steps:
      - {say: Let me look., call: {tool: find, args: {q: x}, id: t1}}
      - {result: found}
      - {call: {tool: find, args: {q: y}, id: t2}}
      - {result: found, node: tools}
      - {messages: [{type: ai, content: By hand.}]}
"""
CALL: dict[str, Any] = {"type": "tool_call", "id": "t1", "name": "find", "args": {"q": "x"}}
BLOCKS: list[Any] = [
    [{"type": "text", "text": "Let me look.", "index": 0}, CALL],
    [{**CALL, "id": "t2", "args": {"q": "y"}}],
    "By hand.",
]


async def play(protocol: Protocol, text: str) -> list[Any]:
    """Play a run of the protocol, and return its events."""
    order = {"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": text}]}}
    run_id = (await protocol.command("run.start", order))["result"]["run_id"]
    async with protocol.listening("messages", "values", "lifecycle") as ear:
        return await ear.until(over(run_id))


async def test_the_content_of_the_model_is_a_list_of_blocks() -> None:
    """Measured on `langgraph dev` 0.16.7, with nodes that await `ainvoke` of a chat model."""
    async with on_stage(script=parse(SCRIPT)) as stage:
        events = await play(Protocol(stage), "hi")
        for messages in ((await stage.state())["values"]["messages"], data(events, "values")[-1]["messages"]):
            said = [message for message in messages if message["type"] == "ai"]
            assert [message["content"] for message in said] == BLOCKS
            versions = [message.get("response_metadata", {}).get("output_version") for message in said]
            assert versions == ["v1", "v1", None]
        finished = [one for one in data(by_model(events), "messages") if one["event"] == "content-block-finish"]
        # The event has the index in place of the block, and each call is there once.
        assert [(one["index"], one["content"]) for one in finished] == [
            (0, {"type": "text", "text": "Let me look."}),
            (1, CALL),
            (0, {**CALL, "id": "t2", "args": {"q": "y"}}),
        ]


async def test_a_run_of_the_older_endpoints_keeps_the_text() -> None:
    async with on_stage(script=parse(SCRIPT)) as stage:
        values: Any = await stage.client.runs.wait(stage.thread, "agent", input=asking("hi"))
        said = [message for message in values["messages"] if message["type"] == "ai"]
        assert [message["content"] for message in said] == ["Let me look.", "", "By hand."]


async def test_the_blocks_of_a_script_are_numbered_and_an_empty_message_has_none() -> None:
    async with on_stage(script=parse(SCRIPT)) as stage:
        await play(Protocol(stage), "blocks")
        await play(Protocol(stage), "nothing")
        messages = (await stage.state())["values"]["messages"]
        assert [message["content"] for message in messages if message["type"] == "ai"] == [
            [{"type": "reasoning", "reasoning": "hm", "index": 0}, {"type": "text", "text": "So.", "index": 1}],
            "",
        ]
