"""LangGraph's `RemoteGraph`, which uses a deployment as if it were a graph of one's own, against the mock."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command
from langgraph_sdk import get_client, get_sync_client

from doubletext.probe import Probe, to_config
from mockserver.script.load import parse
from tests.mockserver.stage import on_stage

GO_ON = {"question": "Go on?", "step": "tools:1"}
SF: dict[str, Any] = {"messages": [{"role": "user", "content": "what's the weather in sf?"}]}


@pytest.fixture
async def graph(url: str) -> AsyncIterator[RemoteGraph]:
    # Clients that RemoteGraph makes itself are never closed.
    async with get_client(url=url) as client:
        with get_sync_client(url=url) as sync_client:
            yield RemoteGraph("agent", client=client, sync_client=sync_client)


def on_thread(thread: str = "", **probe: Any) -> RunnableConfig:
    """Return the config of a run on a thread in the form that LangGraph's users write."""
    configurable: Any = to_config(Probe(version=1, label="A", **probe))["configurable"]
    return {"configurable": {**configurable, "thread_id": thread}, "tags": ["t"], "recursion_limit": 25}


@pytest.fixture
def thread(url: str) -> str:
    with get_sync_client(url=url) as client:
        return client.threads.create(thread_id=str(uuid.uuid4()))["thread_id"]


def said(values: Any) -> str:
    """Return the types of the messages, a letter each."""
    return "".join(message["type"][0].upper() for message in values["messages"])


def nodes(chunks: Sequence[Any]) -> list[str]:
    """Return the nodes of the updates."""
    return [node for chunk in chunks for node in chunk]


def test_invoke_and_stream(graph: RemoteGraph, thread: str) -> None:
    assert said(graph.invoke(SF, on_thread(thread))) == "HATA"
    config = on_thread(thread)
    assert nodes(list(graph.stream(SF, config, stream_mode="updates"))) == ["agent", "tools", "agent"]
    assert [said(values) for values in graph.stream(SF, config, stream_mode="values")][-1] == "HATA" * 3
    pieces: list[Any] = [piece for piece, _ in graph.stream(SF, config, stream_mode="messages")]
    assert "".join(piece["content"] for piece in pieces[2:]).startswith("The search results")
    several: list[Any] = list(graph.stream(SF, config, stream_mode=["values", "updates"]))
    assert [part[0] for part in several] == ["values", "updates", "values", "updates", "values", "updates", "values"]
    apart = list(graph.stream(SF, config, stream_mode="updates", subgraphs=True))
    assert [namespace for namespace, _ in apart] == [(), (), ()]


def test_the_state_and_its_history(graph: RemoteGraph, thread: str) -> None:
    config = on_thread(thread)
    graph.invoke(SF, config)
    state = graph.get_state(config, subgraphs=True)
    assert (said(state.values), state.next, state.interrupts) == ("HATA", (), ())
    history = list(graph.get_state_history(config, limit=3))
    assert [said(state.values) for state in history] == ["HATA", "HAT", "HA"]
    assert said(graph.get_state(history[2].config).values) == "HA"
    assert [said(s.values) for s in graph.get_state_history(config, before=history[2].config, limit=1)] == ["H"]
    assert [s.next for s in graph.get_state_history(config, filter={"step": 1})] == [("tools",)]
    written = graph.update_state(config, {"messages": [{"role": "user", "content": "hi"}]}, as_node="__start__")
    assert graph.get_state(written).next == ("agent",)
    assert said(graph.invoke(None, config)) == "HATAHA"
    forked = graph.update_state(history[2].config, {"steps": ["by hand"]})
    assert graph.get_state(forked).values["steps"] == ["A/agent:1", "by hand"]


def test_a_human_in_the_loop(graph: RemoteGraph, thread: str) -> None:
    config = on_thread(thread, interrupt=["tools:1"])
    *_, asked = graph.stream(SF, config, stream_mode="updates")
    assert [interrupt["value"] for interrupt in asked["__interrupt__"]] == [GO_ON]
    state = graph.get_state(config)
    assert [interrupt.value for interrupt in state.interrupts] == [GO_ON]
    values = graph.invoke(Command(resume="yes", update={"steps": ["by hand"]}), config)
    assert (said(values), values["steps"][1]) == ("HATA", "by hand")


def test_a_breakpoint(graph: RemoteGraph, thread: str) -> None:
    config = on_thread(thread)
    before = list(graph.stream(SF, config, stream_mode="updates", interrupt_before=["tools"]))
    assert nodes(before) == ["agent", "__interrupt__"]
    assert nodes(list(graph.stream(None, config, stream_mode="updates"))) == ["tools", "agent"]


def test_a_failure(graph: RemoteGraph, thread: str) -> None:
    with pytest.raises(RemoteException, match="probe failure at tools:1"):
        graph.invoke(SF, on_thread(thread, fail=["tools:1"]))


def test_without_a_thread(graph: RemoteGraph) -> None:
    config: Any = to_config(Probe(version=1, label="A"))
    assert said(graph.invoke(SF, config)) == "HATA"


def test_the_drawn_graph(graph: RemoteGraph) -> None:
    drawn = graph.get_graph()
    assert sorted(drawn.nodes) == ["__end__", "__start__", "agent", "audit", "research", "tools"]
    assert sorted(set(graph.get_graph(xray=True).nodes) - set(drawn.nodes)) == ["research:quote", "research:search"]


async def test_asynchronously(graph: RemoteGraph, thread: str) -> None:
    config = on_thread(thread)
    assert said(await graph.ainvoke(SF, config)) == "HATA"
    assert nodes([chunk async for chunk in graph.astream(SF, config, stream_mode="updates")]) == [
        "agent",
        "tools",
        "agent",
    ]
    assert said((await graph.aget_state(config)).values) == "HATAHATA"
    assert [said(s.values) async for s in graph.aget_state_history(config, limit=2)] == ["HATAHATA", "HATAHAT"]
    written = await graph.aupdate_state(config, {"steps": ["by hand"]})
    assert (await graph.aget_state(written)).values["steps"][-1] == "by hand"
    assert len((await graph.aget_graph()).nodes) == 6


DEEP = """
turns:
  - steps:
      - {node: model, call: {tool: task, args: {description: look}, id: t1}}
      - {node: tools, subgraph: [{node: model, say: I saw it.}]}
      - {node: model, say: All done.}
"""


async def test_the_words_of_a_child_graph_have_its_namespace() -> None:
    async with on_stage(script=parse(DEEP)) as stage:
        graph = RemoteGraph("agent", client=stage.client)
        config: RunnableConfig = {"configurable": {"thread_id": stage.thread}}
        seen: list[Any] = [part async for part in graph.astream(SF, config, stream_mode="messages", subgraphs=True)]
        inside = [(namespace, said) for namespace, (said, _) in seen if namespace]
        assert "".join(said["content"] for _, said in inside) == "I saw it."
        ((node, task),) = {tuple(namespace[0].split(":")) for namespace, _ in inside}
        (at_tools,) = [one for one in await stage.history() if one["next"] == ["tools"]]
        assert (node, task) == ("tools", at_tools["tasks"][0]["id"])
        outside = [said["content"] for namespace, (said, _) in seen if not namespace]
        assert outside == ["", "I saw it.", "All ", "done."]
        alone: Any = [said async for said, _ in graph.astream(SF, config, stream_mode="messages")]
        assert [said["content"] for said in alone] == outside


TWO_QUESTIONS = """
turns:
  - steps:
      - parallel:
          - {node: first, interrupt: {value: one}, say: "first {resume}"}
          - {node: second, interrupt: {value: two}, say: "second {resume}"}
"""


async def test_several_questions_are_answered_by_their_ids() -> None:
    async with on_stage(script=parse(TWO_QUESTIONS)) as stage:
        graph = RemoteGraph("agent", client=stage.client)
        config: RunnableConfig = {"configurable": {"thread_id": stage.thread}}
        chunks: list[Any] = [chunk async for chunk in graph.astream(SF, config, stream_mode="updates")]
        assert [question["value"] for chunk in chunks for question in chunk["__interrupt__"]] == ["one", "two"]
        one, two = (await graph.aget_state(config)).interrupts
        with pytest.raises(RemoteException, match="you must specify the interrupt id"):
            await graph.ainvoke(Command(resume="yes"), config)
        await graph.ainvoke(Command(resume={two.id: "B"}), config)
        state = await graph.aget_state(config)
        assert (state.next, [question.id for question in state.interrupts]) == (("first",), [one.id])
        values: Any = await graph.ainvoke(Command(resume={one.id: "A"}), config)
        assert [message["content"] for message in values["messages"][1:]] == ["first A", "second B"]
