"""Three graphs in the style of deep agents, for `langgraph dev`. Their scripts for the mock are beside this file."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Iterator
from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.graph import END, START, StateGraph, add_messages
from langgraph.types import interrupt
from typing_extensions import TypedDict


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


class Conversation(TypedDict):
    """A conversation, and what its tools have noted."""

    messages: Annotated[list[AnyMessage], add_messages]
    notes: Annotated[list[str], operator.add]


class Report(TypedDict):
    """A report, whose graph has no conversation."""

    topic: str
    findings: Annotated[list[str], operator.add]
    published: bool


async def _say(state: Any, answer: AIMessage) -> Any:
    return {"messages": [await Model(answer=answer).ainvoke(state["messages"])]}


def _call(tool: str, call_id: str, **args: str) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": tool, "args": args, "id": call_id}])


def _results(state: Any) -> int:
    return sum(message.type == "tool" for message in state["messages"])


# The researcher: it searches once, and answers.


async def _research(state: Any) -> Any:
    return await _say(state, AIMessage("It costs seven.") if _results(state) else _call("search", "s1", q="price"))


async def _search(state: Any) -> Any:
    return {"messages": [ToolMessage("seven", tool_call_id="s1", name="search")], "notes": ["searched"]}


def _tools_or_end(state: Any) -> str:
    return "tools" if getattr(state["messages"][-1], "tool_calls", None) else END


_builder = StateGraph(Conversation)
_builder.add_node("model", _research)
_builder.add_node("tools", _search)
_builder.add_edge(START, "model")
_builder.add_conditional_edges("model", _tools_or_end, ["tools", END])
_builder.add_edge("tools", "model")
researcher = _builder.compile()


# The coordinator: it gives the researcher a task, and asks a human before it sends what was found.


async def _coordinate(state: Any) -> Any:
    steps = (
        _call("task", "t1", description="Find the price.", subagent_type="researcher"),
        _call("send_mail", "m1", text="It costs seven."),
        AIMessage("I have sent the price."),
    )
    return await _say(state, steps[_results(state)])


async def _task(state: Any) -> Any:
    call = state["messages"][-1].tool_calls[0]
    order: Any = {"messages": [HumanMessage(call["args"]["description"])]}
    found = await researcher.ainvoke(order)
    answer = ToolMessage(found["messages"][-1].content, tool_call_id=call["id"], name="task")
    return {"messages": [answer], "notes": found["notes"]}


async def _send(state: Any) -> Any:
    call = state["messages"][-1].tool_calls[0]
    decision = interrupt({"action": "send_mail", "args": call["args"]})
    sent = "sent" if decision["type"] == "approve" else "not sent"
    return {"messages": [ToolMessage(sent, tool_call_id=call["id"], name="send_mail")]}


def _next(state: Any) -> str:
    calls = getattr(state["messages"][-1], "tool_calls", None)
    return END if not calls else "tools" if calls[0]["name"] == "task" else "approval"


_builder = StateGraph(Conversation)
_builder.add_node("model", _coordinate)
_builder.add_node("tools", _task)
_builder.add_node("approval", _send)
_builder.add_edge(START, "model")
_builder.add_conditional_edges("model", _next, ["tools", "approval", END])
_builder.add_edge("tools", "model")
_builder.add_edge("approval", "model")
coordinator = _builder.compile()


# The report: a graph without messages, which pauses before it publishes.


async def _collect(state: Any) -> Any:
    return {"findings": [f"about {state['topic']}"]}


async def _publish(state: Any) -> Any:
    return {"published": True}


_reporting = StateGraph(Report)
_reporting.add_node("collect", _collect)
_reporting.add_node("publish", _publish)
_reporting.add_edge(START, "collect")
_reporting.add_edge("collect", "publish")
report = _reporting.compile(interrupt_before=["publish"])
