"""The probe agent for servers that run Python graphs: `agent → tools → agent`, as the probe contract says.

A probe may ask for a child graph, or for a second step beside `tools`; without that their nodes are never entered.
"""

# No `from __future__ import annotations` here: LangGraph reads the state's annotations, and could not
# evaluate strings in a module that its loader left out of `sys.modules`.

import operator
import sys
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AIMessageChunk, ToolCall, ToolMessage, message_chunk_to_message
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, MessagesState, StateGraph

# A server loads this file by its path; the package beside it is found wherever the folder was copied to.
sys.path.insert(0, str(Path(__file__).parent))

from doubletext_probe.conversation import TOOL, Answer, reply_to, result_for, visit
from doubletext_probe.model import ScriptedModel
from doubletext_probe.probe import read_probe
from doubletext_probe.step import Step

# What a run for people (one without a probe) takes, in seconds: time enough for the guides' own code to
# interrupt it.
CALL_SECONDS = 0.4
TOOL_SECONDS = 0.4
ANSWER_SECONDS = 2.5

_MODEL = ScriptedModel()


class State(MessagesState):
    """The conversation, and the steps that finished, each written together with its message."""

    steps: Annotated[list[str], operator.add]


async def agent(state: State, config: RunnableConfig) -> dict[str, Any]:
    """Call the tool, or answer in tokens."""
    step = _begin("agent", visit("agent", state["messages"]), config)

    async def say(step: Step) -> AIMessage:
        reply = reply_to(state["messages"])
        spoken: list[AIMessageChunk] = []
        async for piece in _MODEL.astream(state["messages"], config):
            spoken.append(piece)
            if isinstance(reply, Answer):
                await step.take(ANSWER_SECONDS / len(reply.tokens))
                if len(spoken) == max(1, len(reply.tokens) // 2):
                    await step.reach("token")
            else:
                await step.take(CALL_SECONDS)
        whole = spoken[0]
        for piece in spoken[1:]:
            whole = whole + piece
        message = message_chunk_to_message(whole)
        assert isinstance(message, AIMessage)
        return message

    return {"messages": [await step.play(say)], "steps": [step.entry]}


async def tools(state: State, config: RunnableConfig) -> dict[str, Any]:
    """Answer the tool call of the last message."""
    step = _begin("tools", visit("tools", state["messages"]), config)

    async def look_up(step: Step) -> ToolMessage:
        await step.take(TOOL_SECONDS)
        return _result(state)

    return {"messages": [await step.play(look_up)], "steps": [step.entry]}


async def audit(state: State, config: RunnableConfig) -> dict[str, Any]:
    """Note the tool call, beside `tools` in one superstep."""
    step = _begin("audit", visit("tools", state["messages"]), config)
    await step.play(_nothing)
    return {"steps": [step.entry]}


class ChildState(TypedDict):
    """What the child graph knows: the tool call, and its own finished steps."""

    call: ToolCall
    visit: int
    steps: Annotated[list[str], operator.add]


async def research(state: State, config: RunnableConfig) -> dict[str, Any]:
    """Answer the tool call of the last message by way of the child graph; a node, but no step of its own."""
    told = {"call": _open_call(state), "visit": visit("tools", state["messages"]), "steps": []}
    done = await _child.ainvoke(told, config)
    return {"messages": [_result(state)], "steps": done["steps"]}


async def search(state: ChildState, config: RunnableConfig) -> dict[str, Any]:
    """The child graph's first step."""
    return await _note("search", state, config)


async def quote(state: ChildState, config: RunnableConfig) -> dict[str, Any]:
    """The child graph's second step."""
    return await _note("quote", state, config)


async def _note(node: str, state: ChildState, config: RunnableConfig) -> dict[str, Any]:
    step = _begin(node, state["visit"], config)
    await step.play(_nothing)
    return {"steps": [step.entry]}


async def _nothing(step: Step) -> None:
    """The work of a step that only reports."""


def _begin(node: str, visit: int, config: RunnableConfig) -> Step:
    """The step that this visit of `node` is. Raises `ProbeConfigError` for a bad probe."""
    configurable = config.get("configurable", {})
    run_id = configurable.get("run_id")
    return Step(f"{node}:{visit}", read_probe(configurable), None if run_id is None else str(run_id))


def _open_call(state: State) -> ToolCall:
    """The tool call of the last message."""
    asking = state["messages"][-1]
    assert isinstance(asking, AIMessage), "tools follow a tool call"
    (call,) = asking.tool_calls
    return call


def _result(state: State) -> ToolMessage:
    """The answer to the tool call of the last message."""
    return ToolMessage(result_for(state["messages"]), name=TOOL, tool_call_id=_open_call(state)["id"])


def _after_agent(state: State, config: RunnableConfig) -> str | list[str]:
    """What works on the agent's tool call, as the probe says; the end if it called none."""
    last = state["messages"][-1]
    if not (isinstance(last, AIMessage) and last.tool_calls):
        return END
    probe = read_probe(config.get("configurable", {}))
    match "tools" if probe is None else probe.work:
        case "subgraph":
            return "research"
        case "parallel":
            return ["tools", "audit"]
        case _:
            return "tools"


def _compiled_child() -> Any:
    """`search → quote`, without a checkpointer: it inherits the parent's, under a namespace of its own."""
    builder = StateGraph(ChildState)
    builder.add_node(search)
    builder.add_node(quote)
    builder.add_edge(START, "search")
    builder.add_edge("search", "quote")
    return builder.compile(name="research")


_child = _compiled_child()

_builder = StateGraph(State)
_builder.add_node(agent)
_builder.add_node(tools)
_builder.add_node(audit)
_builder.add_node(research)
_builder.add_edge(START, "agent")
_builder.add_conditional_edges("agent", _after_agent, ["tools", "audit", "research", END])
for _worker in ("tools", "audit", "research"):
    _builder.add_edge(_worker, "agent")

graph = _builder.compile(name="agent")
