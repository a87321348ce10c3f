"""The probe agent for servers that run Python graphs: `agent → tools → agent`, as the probe contract says."""

# No `from __future__ import annotations` here: LangGraph reads the state's annotations, and could not
# evaluate strings in a module that its loader left out of `sys.modules`.

import operator
import sys
from pathlib import Path
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage, message_chunk_to_message
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
    step = _begin("agent", state, config)

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
    step = _begin("tools", state, config)

    async def look_up(step: Step) -> ToolMessage:
        await step.take(TOOL_SECONDS)
        asking = state["messages"][-1]
        assert isinstance(asking, AIMessage), "tools follow a tool call"
        (call,) = asking.tool_calls
        return ToolMessage(result_for(state["messages"]), name=TOOL, tool_call_id=call["id"])

    return {"messages": [await step.play(look_up)], "steps": [step.entry]}


def _begin(node: str, state: State, config: RunnableConfig) -> Step:
    """The step that a call of `node` is. Raises `ProbeConfigError` for a bad probe."""
    configurable = config.get("configurable", {})
    run_id = configurable.get("run_id")
    name = f"{node}:{visit(node, state['messages'])}"
    return Step(name, read_probe(configurable), None if run_id is None else str(run_id))


def _after_agent(state: State) -> str:
    """`tools` if the agent called the tool, else the end."""
    last = state["messages"][-1]
    return "tools" if isinstance(last, AIMessage) and last.tool_calls else END


_builder = StateGraph(State)
_builder.add_node(agent)
_builder.add_node(tools)
_builder.add_edge(START, "agent")
_builder.add_conditional_edges("agent", _after_agent, ["tools", END])
_builder.add_edge("tools", "agent")

graph = _builder.compile(name="agent")
