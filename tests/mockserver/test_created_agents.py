"""Scripts in the form of LangChain's `create_agent` and of deep agents, which send each call to the tools."""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from mockserver import script_from_graph
from mockserver.recording import script_of
from mockserver.script.load import parse
from mockserver.thread_history import fetch
from tests.mockserver.stage import Stage, on_stage
from tests.mockserver.test_child_graphs import streamed
from tests.mockserver.test_from_graph import executed, search
from tests.mockserver.test_sent_tasks import run

SCRIPT = """
turns:
  - when: {contains: two}
    steps:
      - node: model
        call: [{tool: search, args: {q: price}, id: s1}, {tool: search, args: {q: shop}, id: s2}]
      - parallel: [{node: tools, result: seven}, {node: tools, result: there}]
      - {node: model, say: Done.}
  - when: {contains: asks}
    steps:
      - {node: model, call: {tool: search, args: {q: price}, id: s1}}
      - {node: tools, interrupt: {value: May I?}, result: "{resume}", sent: true}
      - {node: model, say: Done.}
  - steps:
      - {node: model, call: {tool: search, args: {q: price}, id: s1}}
      - {node: tools, result: seven, sent: true}
      - {node: model, say: Done.}
"""
PUSHED = ["__pregel_push", 0, False]


def given(stream: list[Any]) -> list[Any]:
    """Return the inputs of the tools, and their triggers."""
    started = (event.data for event in stream if event.event == "tasks" and "input" in event.data)
    return [(one["input"], one["triggers"]) for one in started if one["name"] == "tools"]


def call(query: str, number: int) -> dict[str, Any]:
    return {"name": "search", "args": {"q": query}, "id": f"s{number}", "type": "tool_call"}


async def test_a_tool_is_sent_its_call() -> None:
    async with on_stage(script=parse(SCRIPT)) as stage:
        events = await streamed(stage, "one", ["tasks", "messages-tuple"], inside=True)
        assert given(events) == [([call("price", 1)], ["__pregel_push"])]
        (about,) = [event.data[1] for event in events if event.event == "messages" and event.data[0]["type"] == "tool"]
        assert about["langgraph_path"] == PUSHED
        (before,) = [one for one in await stage.history() if one["next"] == ["tools"]]
        assert [task["path"] for task in before["tasks"]] == [PUSHED]


async def test_several_calls_are_sent_one_by_one() -> None:
    async with on_stage(script=parse(SCRIPT)) as stage:
        events = await streamed(stage, "two", ["tasks"], inside=True)
        assert given(events) == [
            ([call(query, number)], ["__pregel_push"]) for query, number in (("price", 1), ("shop", 2))
        ]


async def test_a_tool_that_was_sent_its_call_may_ask() -> None:
    async with on_stage(script=parse(SCRIPT)) as stage:
        await streamed(stage, "it asks", ["tasks"], inside=True)
        state = await stage.state()
        assert (state["next"], [task["path"] for task in state["tasks"]]) == (["tools"], [PUSHED])
        parts = stage.client.runs.stream(stage.thread, "agent", command={"resume": "yes"}, stream_mode="tasks")
        assert given([part async for part in parts]) == [([call("price", 1)], ["__pregel_push"])]
        assert [message["content"] for message in (await messages(stage))[1:]] == ["", "yes", "Done."]


async def test_a_command_goes_to_a_tool_that_is_otherwise_sent() -> None:
    async with on_stage(script=parse(SCRIPT)) as stage:
        await streamed(stage, "one", ["tasks"], inside=True)
        said = [{"role": "ai", "content": "", "tool_calls": [call("other", 9)]}]
        values = await run(stage, command={"goto": {"node": "tools", "input": {"messages": said}}})
        (answer,) = [message for message in values["messages"] if message.get("tool_call_id") == "s9"]
        assert answer["content"] == "seven"


async def test_a_recorded_thread_is_sent_its_calls_again() -> None:
    async with on_stage(script=parse(SCRIPT)) as stage:
        await streamed(stage, "one", ["tasks"], inside=True)
        recorded: Any = script_of(await fetch(stage.url, stage.thread))
        assert [step.get("sent", False) for step in recorded["turns"][0]["steps"]] == [False, True, False]


async def messages(stage: Stage) -> Any:
    values: Any = (await stage.state())["values"]
    return values["messages"]


def test_the_turn_of_an_agent_goes_to_its_tools_and_back_past_its_middleware() -> None:
    builder = StateGraph(MessagesState)
    for node in ("before", "model", "after", "end"):
        builder.add_node(node, executed)
    builder.add_node("tools", ToolNode([search]))
    builder.add_edge(START, "before")
    builder.add_edge("before", "model")
    builder.add_edge("model", "after")
    builder.add_conditional_edges("after", executed, ["end", "model", "tools"])
    # As with a tool that returns directly, the end is near.
    builder.add_conditional_edges("tools", executed, ["end", "model"])
    builder.add_edge("end", END)
    compiled = builder.compile().with_config(metadata={"ls_integration": "langchain_create_agent"})
    steps = script_from_graph(compiled).turns[0].steps
    assert [step.at for step in steps] == ["before", "model", "after", "tools", "model", "after", "end"]
    assert [bool(step.call) for step in steps] == [False, True, False, False, False, False, False]
    assert [step.say for step in steps][4:] == ["...", None, None]
    assert (steps[3].result, steps[3].sent) == ("...", True)
