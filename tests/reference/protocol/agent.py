"""Graphs whose events over the newer protocol are compared. Their scripts for the mock are in `scripts/`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolCallTransformer, ToolNode, tools_condition
from langgraph.stream.transformers import CustomTransformer, UpdatesTransformer
from langgraph.types import Command, Send, interrupt


class Model(BaseChatModel):
    """A model that gives one answer: a text in words, or tool calls."""

    answer: AIMessage

    @property
    def _llm_type(self) -> str:
        return "fixed"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.answer)])

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for word in re.findall(r"\S+\s*", str(self.answer.content)):
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))
        if self.answer.tool_calls:
            calls = [
                tool_call_chunk(name=one["name"], args=json.dumps(one["args"]), id=one["id"], index=number)
                for number, one in enumerate(self.answer.tool_calls)
            ]
            yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=calls))


def _speaker(*answers: AIMessage) -> Any:
    """Return a node that gives the answer for the number of messages of tools so far."""

    async def speak(state: MessagesState) -> Any:
        answer = answers[sum(message.type == "tool" for message in state["messages"])]
        return {"messages": [await Model(answer=answer).ainvoke(state["messages"])]}

    return speak


def _calls(*calls: tuple[str, str, dict[str, Any]]) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "id": call_id, "args": args} for name, call_id, args in calls])


@tool
def search(q: str) -> str:
    """Search."""
    return f"found {q}"


@tool
def broken(q: str) -> str:
    """Fail."""
    raise ValueError(f"no {q}")


def _alone(node: Any, name: str = "think", **more: Any) -> Any:
    return StateGraph(MessagesState).add_node(name, node).add_edge(START, name).add_edge(name, END).compile(**more)


# Tools in a plain ToolNode, which gets the whole state: one answers, and one fails.
_builder = StateGraph(MessagesState)
_builder.add_node(
    "model",
    _speaker(
        _calls(("search", "s1", {"q": "rain"}), ("broken", "b1", {"q": "sun"})), AIMessage("?"), AIMessage("It rains.")
    ),
)
_builder.add_node("tools", ToolNode([search, broken], handle_tool_errors=True))
_builder.add_edge(START, "model")
_builder.add_conditional_edges("model", tools_condition)
_builder.add_edge("tools", "model")
tools = _builder.compile()


# An agent as `create_agent` builds it: each call is sent to the tools, and a tool runs another agent.
_researcher = _alone(_speaker(AIMessage("It costs seven.")), "model").with_config(
    metadata={"lc_agent_name": "researcher"}
)


@tool
async def task(description: str, subagent_type: str, call_id: Annotated[str, InjectedToolCallId]) -> Any:
    """Give a task to another agent."""
    found = await _researcher.ainvoke({"messages": [HumanMessage(description)]})
    return Command(update={"messages": [ToolMessage(found["messages"][-1].text, tool_call_id=call_id)]})


def _sent(state: MessagesState) -> Any:
    calls = getattr(state["messages"][-1], "tool_calls", None)
    sent = {"__type": "tool_call_with_context", "state": state}
    return [Send("tools", {**sent, "tool_call": {**one, "type": "tool_call"}}) for one in calls] if calls else END


_builder = StateGraph(MessagesState)
_builder.add_node(
    "model",
    _speaker(
        _calls(
            ("task", "t1", {"description": "Find the price.", "subagent_type": "researcher"}),
            ("search", "s1", {"q": "shop"}),
        ),
        AIMessage("?"),
        AIMessage("I found both."),
    ),
)
_builder.add_node("tools", ToolNode([task, search]))
_builder.add_edge(START, "model")
_builder.add_conditional_edges("model", _sent, ["tools", END])
_builder.add_edge("tools", "model")
agent = _builder.compile(transformers=[ToolCallTransformer]).with_config(metadata={"lc_agent_name": "main"})


# Child graphs that are nodes: one in another, and two at once.
_inner = _alone(_speaker(AIMessage("Inside.")))
_outer = _alone(_inner, "inner")
_builder = StateGraph(MessagesState)
_builder.add_node("outer", _outer)
_builder.add_node("left", _alone(_speaker(AIMessage("Left."))))
_builder.add_node("right", _alone(_speaker(AIMessage("Right."))))
_builder.add_edge(START, "outer")
_builder.add_edge("outer", "left")
_builder.add_edge("outer", "right")
children = _builder.compile()


# A child graph that fails, and a tool that fails the run.
async def _fail(state: MessagesState) -> Any:
    raise ValueError("no")


_builder = StateGraph(MessagesState)
_builder.add_node("model", _speaker(_calls(("broken", "b1", {"q": "sun"}))))
_builder.add_node("tools", ToolNode([broken], handle_tool_errors=False))
_builder.add_node("child", _alone(_fail))
_builder.add_edge(START, "model")
_builder.add_conditional_edges(
    "model", lambda state: "child" if state["messages"][0].text == "child" else "tools", ["child", "tools"]
)
failing = _builder.compile(transformers=[ToolCallTransformer])


# A question in a child graph, and one of the graph itself.
async def _ask(state: MessagesState) -> Any:
    return {"messages": [AIMessage(f"It is {interrupt('Is it?')}.")]}


async def _ask_again(state: MessagesState) -> Any:
    return {"messages": [AIMessage(f"It is {interrupt('Is it really?')}.")]}


_builder = StateGraph(MessagesState)
_builder.add_node("child", _alone(_ask))
_builder.add_node("itself", _ask_again)
_builder.add_edge(START, "child")
_builder.add_edge("child", "itself")
asking = _builder.compile()
_builder = StateGraph(MessagesState)
_builder.add_node("outer", _alone(_alone(_ask), "inner"))
_builder.add_edge(START, "outer")
nested = _builder.compile(transformers=[UpdatesTransformer])


# A graph with stream transformers.
async def _work(state: MessagesState) -> Any:
    get_stream_writer()({"name": "progress", "done": 1})
    return {"messages": [await Model(answer=AIMessage("Done.")).ainvoke(state["messages"])]}


_builder = StateGraph(MessagesState)
_builder.add_node("work", _work)
_builder.add_node("ask", _ask)
_builder.add_edge(START, "work")
_builder.add_edge("work", "ask")
reported = _builder.compile(transformers=[CustomTransformer, UpdatesTransformer])
