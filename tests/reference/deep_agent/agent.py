"""A deep agent for `langgraph dev`: subagents in a dict, shared files, and a node that speaks beside its subagent."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.graph import END, START, StateGraph, add_messages
from langgraph.types import interrupt
from typing_extensions import TypedDict


def _merged(old: dict[str, str] | None, new: dict[str, str] | None) -> dict[str, str]:
    return {**(old or {}), **(new or {})}


class Deep(TypedDict):
    """The state of the agent."""

    messages: Annotated[list[AnyMessage], add_messages]
    todos: list[str]
    files: Annotated[dict[str, str], _merged]


class Sub(TypedDict):
    """The state of a subagent, which has a plan of its own."""

    messages: Annotated[list[AnyMessage], add_messages]
    files: Annotated[dict[str, str], _merged]
    plan: list[str]


def _call(tool: str, call_id: str, **args: str) -> dict[str, Any]:
    return {"name": tool, "args": args, "id": call_id}


# A subagent that writes a file, and one that asks a human.


async def _plan(state: Any) -> Any:
    return {"plan": ["look", "write"], "messages": [AIMessage("", tool_calls=[_call("write_file", "w1", path="a.md")])]}


async def _write(state: Any) -> Any:
    written = ToolMessage("written", tool_call_id="w1", name="write_file")
    return {"files": {"a.md": "seven"}, "messages": [written]}


async def _conclude(state: Any) -> Any:
    return {"messages": [AIMessage("It costs seven.")]}


async def _check(state: Any) -> Any:
    return {"messages": [AIMessage(f"It is {interrupt({'ask': 'Is seven right?'})}.")]}


_builder = StateGraph(Sub)
_builder.add_node("plan", _plan)
_builder.add_node("write", _write)
_builder.add_node("conclude", _conclude)
_builder.add_edge(START, "plan")
_builder.add_edge("plan", "write")
_builder.add_edge("write", "conclude")
_builder.add_edge("conclude", END)
researcher = _builder.compile()

_builder = StateGraph(Sub)
_builder.add_node("check", _check)
_builder.add_edge(START, "check")
_builder.add_edge("check", END)
# LangGraph does not find the graphs in a dict, and so shows no nodes of them.
_SUBAGENTS = {"researcher": researcher, "checker": _builder.compile()}


# The agent: one task, two tasks in one step, and a summary.


async def _model(state: Any) -> Any:
    done = sum(message.type == "tool" for message in state["messages"])
    if done == 0:
        calls = [_call("task", "t1", description="Find the price.", subagent="researcher")]
        return {"todos": ["ask"], "messages": [AIMessage("", tool_calls=calls)]}
    if done == 1:
        calls = [
            _call("task", "t2", description="Find more.", subagent="researcher"),
            _call("task", "t3", description="Check it.", subagent="checker"),
        ]
        return {"messages": [AIMessage("", tool_calls=calls)]}
    return {"todos": [], "messages": [AIMessage("All done.")]}


async def _run(agent: Any, text: str, state: Any) -> Any:
    return await agent.ainvoke({"messages": [HumanMessage(text)], "files": state.get("files") or {}})


async def _tools(state: Any) -> Any:
    results: list[ToolMessage] = []
    files: dict[str, str] = {}
    for call in state["messages"][-1].tool_calls:
        found = await _run(_SUBAGENTS[call["args"]["subagent"]], call["args"]["description"], state)
        results.append(ToolMessage(found["messages"][-1].content, tool_call_id=call["id"], name="task"))
        files |= found.get("files") or {}
    return {"messages": results, "files": files}


async def _summarize(state: Any) -> Any:
    found = await _run(researcher, "Summarize.", state)
    return {"messages": [AIMessage(f"In short: {found['messages'][-1].content}")], "todos": ["summarized"]}


def _next(state: Any) -> str:
    return "tools" if getattr(state["messages"][-1], "tool_calls", None) else "summary"


_agent = StateGraph(Deep)
_agent.add_node("model", _model)
_agent.add_node("tools", _tools)
_agent.add_node("summary", _summarize)
_agent.add_edge(START, "model")
_agent.add_conditional_edges("model", _next, ["tools", "summary"])
_agent.add_edge("tools", "model")
_agent.add_edge("summary", END)
deep = _agent.compile()
