"""The probe agent for servers that run Python graphs: `agent → tools → agent`, as in the probe contract.

A run enters the other nodes only if its probe has a `work` that needs them: a child graph, or a second step in the
superstep of `tools`.
"""

# No `from __future__ import annotations` here: LangGraph evaluates the annotations of the state, and cannot
# evaluate strings in a module that its loader did not add to `sys.modules`.

import operator
import sys
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AIMessageChunk, ToolCall, ToolMessage, message_chunk_to_message
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.runtime import get_runtime

# A server loads this file by its path. Without this line it would not find the package beside it in a copied folder.
sys.path.insert(0, str(Path(__file__).parent))

from doubletext_probe.conversation import TOOL, Answer, reply_to, result_for, visit
from doubletext_probe.model import ScriptedModel
from doubletext_probe.probe import read_probe
from doubletext_probe.step import Step

# Seconds of a run without a probe. Long enough for the guides' own code, which sleeps 2 s
# before it creates the second run, to find the first run in flight.
CALL_SECONDS = 0.4
TOOL_SECONDS = 0.4
ANSWER_SECONDS = 2.5

_MODEL = ScriptedModel()


class State(MessagesState):
    """The state: the conversation, and the finished steps. A step and its message are written together."""

    steps: Annotated[list[str], operator.add]


async def agent(state: State, config: RunnableConfig) -> dict[str, Any]:
    """Call the tool, or stream an answer."""
    step = _begin("agent", visit("agent", state["messages"]), config)

    async def reply_in_pieces(step: Step) -> AIMessage:
        reply = reply_to(state["messages"])
        spoken: list[AIMessageChunk] = []
        async for piece in _MODEL.astream(state["messages"], config):
            spoken.append(piece)
            if isinstance(reply, Answer):
                await step.take(ANSWER_SECONDS / len(reply.tokens))
                # Rounded down, but at least one: an answer of one token has a point, too.
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

    return {"messages": [await step.play(reply_in_pieces)], "steps": [step.entry]}


async def tools(state: State, config: RunnableConfig) -> dict[str, Any]:
    """Answer the tool call of the last message."""
    step = _begin("tools", visit("tools", state["messages"]), config)

    async def look_up(step: Step) -> ToolMessage:
        await step.take(TOOL_SECONDS)
        return _result(state)

    return {"messages": [await step.play(look_up)], "steps": [step.entry]}


async def audit(state: State, config: RunnableConfig) -> dict[str, Any]:
    """Report a step in the same superstep as `tools`, and write nothing else."""
    step = _begin("audit", visit("tools", state["messages"]), config)
    await step.play(_nothing)
    return {"steps": [step.entry]}


class ChildState(TypedDict):
    """The state of the child graph: the tool call, and the steps of the child that have finished."""

    call: ToolCall
    visit: int
    steps: Annotated[list[str], operator.add]


async def research(state: State, config: RunnableConfig) -> dict[str, Any]:
    """Answer the tool call of the last message with the help of the child graph. This node is not a step."""
    given = {"call": _open_call(state), "visit": visit("tools", state["messages"]), "steps": []}
    done = await _child.ainvoke(given, config)
    # In one write, so that the parent's state has all of the child's steps and the result, or nothing.
    return {"messages": [_result(state)], "steps": done["steps"]}


async def search(state: ChildState, config: RunnableConfig) -> dict[str, Any]:
    """Report the first step of the child graph."""
    return await _report("search", state, config)


async def quote(state: ChildState, config: RunnableConfig) -> dict[str, Any]:
    """Report the second step of the child graph."""
    return await _report("quote", state, config)


async def _report(node: str, state: ChildState, config: RunnableConfig) -> dict[str, Any]:
    step = _begin(node, state["visit"], config)
    await step.play(_nothing)
    return {"steps": [step.entry]}


async def _nothing(step: Step) -> None:
    """Do nothing: the work of a step that only reports."""


def _begin(node: str, visit: int, config: RunnableConfig) -> Step:
    """Return the step for this visit of `node`. Raises `ProbeConfigError` for a wrong probe."""
    given = _given(config)
    run_id = given.get("run_id")
    return Step(f"{node}:{visit}", read_probe(given), None if run_id is None else str(run_id), given)


def _given(config: RunnableConfig) -> dict[str, Any]:
    """Return what the run was given: its configurable and, if the probe is there, its context."""
    configurable = config.get("configurable", {})
    context: Any = get_runtime().context
    # The context first: some servers keep the configurable of a thread's earlier runs.
    return {**configurable, **context} if isinstance(context, dict) and "probe" in context else configurable


def _open_call(state: State) -> ToolCall:
    """Return the tool call of the last message."""
    calling = state["messages"][-1]
    assert isinstance(calling, AIMessage), "the last message before a tool is a tool call"
    (call,) = calling.tool_calls
    return call


def _result(state: State) -> ToolMessage:
    """Return the result of the tool call of the last message."""
    return ToolMessage(result_for(state["messages"]), name=TOOL, tool_call_id=_open_call(state)["id"])


def _after_agent(state: State, config: RunnableConfig) -> str | list[str]:
    """Return the nodes that work on the agent's tool call, as the probe states, or the end if there is no call."""
    last = state["messages"][-1]
    if not (isinstance(last, AIMessage) and last.tool_calls):
        return END
    probe = read_probe(_given(config))
    match "tools" if probe is None else probe.work:
        case "subgraph":
            return "research"
        case "parallel":
            return ["tools", "audit"]
        case _:
            return "tools"


def _compiled_child() -> Any:
    """Return the child graph `search → quote`.

    It has no checkpointer, so it inherits the parent's and writes under a namespace of its own.
    """
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
