"""The Python probe agent obeys the contract, in process, with a real checkpointer and a real witness."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from conformance import probe as contract
from tests.conformance.probing import BAD, DEADLINE, FULL_TURN, GOOD, POINTS, TOOL, Witness, played, told, works

FOLDER = Path(contract.__file__).parent / "agents" / "python"


class Thread:
    """One thread of the probe agent's graph, checkpointed in memory."""

    def __init__(self, graph: Any, saver: InMemorySaver) -> None:
        self._graph = graph.copy({"checkpointer": saver})
        self._thread_id = str(uuid4())

    def config(self, probe: object = None, run_id: str | None = None) -> dict[str, Any]:
        configurable: dict[str, Any] = {"thread_id": self._thread_id}
        if probe is not None:
            configurable["probe"] = probe
        if run_id is not None:
            configurable["run_id"] = run_id
        return {"configurable": configurable}

    async def say(self, text: str, probe: object = None, run_id: str | None = None) -> None:
        await self._graph.ainvoke({"messages": [{"role": "user", "content": text}]}, self.config(probe, run_id))

    def start(self, text: str, probe: object = None) -> asyncio.Task[None]:
        return asyncio.create_task(self.say(text, probe))

    async def resume(self, value: object, probe: object) -> None:
        await self._graph.ainvoke(Command(resume=value), self.config(probe))

    def stream(self, text: str, probe: object, *modes: str) -> AsyncIterator[tuple[str, Any]]:
        given = {"messages": [{"role": "user", "content": text}]}
        streamed: AsyncIterator[tuple[str, Any]] = self._graph.astream(
            given, self.config(probe), stream_mode=list(modes)
        )
        return streamed

    async def state(self, *, subgraphs: bool = False) -> Any:
        latest = await self._graph.aget_state(self.config())
        # By its id, because the state of a thread shows what single steps of an unfinished superstep wrote.
        return await self._graph.aget_state(latest.config, subgraphs=subgraphs)

    async def messages(self) -> list[Any]:
        return list((await self.state()).values["messages"])

    async def steps(self) -> list[str]:
        return list((await self.state()).values["steps"])


@pytest.fixture(scope="module")
def agent() -> ModuleType:
    """The agent's `graph.py`, loaded by its path as a server does, and left out of `sys.modules`."""
    spec = importlib.util.spec_from_file_location("probe_agent_under_test", FOLDER / "graph.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def thread(agent: ModuleType) -> Thread:
    return Thread(agent.graph, InMemorySaver())


@pytest.fixture
async def witness() -> AsyncIterator[Witness]:
    listening = Witness()
    await listening.start()
    yield listening
    await listening.stop()


class Naps(list[float]):
    """The lengths of the timed holds so far, in seconds; `any_taken` is set with the first."""

    def __init__(self) -> None:
        super().__init__()
        self.any_taken = asyncio.Event()


@pytest.fixture
def naps(agent: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Naps:
    """Records timed holds, which take no time."""
    taken = Naps()

    async def nap(seconds: float) -> None:
        if seconds:
            taken.append(seconds)
            taken.any_taken.set()

    monkeypatch.setattr(agent.Step, "nap", staticmethod(nap))
    return taken


async def ended(run: asyncio.Task[None]) -> BaseException | None:
    """How a run ended: None, or what it raised."""
    await asyncio.wait_for(asyncio.wait({run}), DEADLINE)
    assert run.done()
    try:
        await run
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - handed to the test
        return error
    return None


# --- the conversation -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "call_id", "query"),
    [
        ("what's the weather in sf?", "toolu_01MjNtVJwEcpujRGrf3x6Pih", "weather in san francisco"),
        ("What's the WEATHER IN NYC?", "toolu_01KtE1m1ifPLQAx4fQLyZL9Q", "weather in new york city"),
        ("weather in St. John's 2-b, please", "toolu_st_john_s_2_b", "weather in st. john's 2-b"),
    ],
)
async def test_a_call_has_the_contract_s_id_query_and_shape(
    thread: Thread, text: str, call_id: str, query: str
) -> None:
    await thread.say(text, told())
    human, call, result, answer = await thread.messages()
    assert isinstance(human, HumanMessage)
    assert isinstance(call, AIMessage)
    assert isinstance(result, ToolMessage)
    assert isinstance(answer, AIMessage)
    assert call.content == [{"id": call_id, "input": {"query": query}, "name": TOOL, "type": "tool_use"}]
    assert call.tool_calls == [{"name": TOOL, "args": {"query": query}, "id": call_id, "type": "tool_call"}]
    assert (result.name, result.tool_call_id) == (TOOL, call_id)
    assert answer.tool_calls == []
    assert len({m.id for m in (human, call, result, answer)}) == 4


async def test_the_texts_of_another_place(thread: Thread) -> None:
    await thread.say("Weather in Oslo?", told())
    _, _, result, answer = await thread.messages()
    assert result.content == '[{"url": "https://weather.example/oslo", "content": "Clear, 20C in oslo."}]'
    assert answer.content == "It is clear and 20C in oslo. Let me know if you need any other details!"


async def test_the_texts_of_the_guide(thread: Thread) -> None:
    guide = (Path(__file__).parents[2] / "fixtures/guides/interrupt-concurrent.md").read_text("utf-8")
    await thread.say("what's the weather in sf?", told())
    _, _, result, answer = await thread.messages()
    assert result.content in guide
    # The guide prints no answer for sf; the contract does, wrapped.
    page = " ".join((FOLDER.parent / "CONTRACT.md").read_text("utf-8").split())
    assert f"`{answer.content}`" in page
    await thread.say("what's the weather in nyc?", told("B"))
    *_, result, answer = await thread.messages()
    assert result.content in guide
    assert f"\n\n{answer.content}\n```" in guide


async def test_any_other_message_gets_one_answer_in_the_first_step(thread: Thread, witness: Witness) -> None:
    await thread.say("good  morning", told(witness=witness.url))
    assert [m.content for m in await thread.messages()] == ["good  morning", "You said: good  morning"]
    assert await thread.steps() == ["A/agent:1"]
    assert witness.events == ["A/agent:1/enter", "A/agent:1/token", "A/agent:1/exit returned"]


@pytest.mark.parametrize(
    "text",
    ["weather in sf", "WEATHER IN  Rio-2 ?", "the weather in l'Aquila. Now!", "weather", "weather in ?", ""],
)
def test_a_place_is_read_as_the_contract_reads_it(agent: ModuleType, text: str) -> None:
    assert agent.reply_to.__globals__["place_asked_for"](text) == contract.place_asked_for(text)


async def test_visits_are_counted_from_the_last_human_message(thread: Thread) -> None:
    for label in ("A", "B"):
        await thread.say("weather in oslo", told(label))
    assert await thread.steps() == [f"{label}/{step}" for label in "AB" for step in FULL_TURN]


async def test_a_turn_starts_afresh_over_a_dangling_tool_call(thread: Thread, witness: Witness) -> None:
    with pytest.raises(Exception, match="probe failure at tools:1"):
        await thread.say("weather in sf", told(fail=["tools:1"]))
    await thread.say("weather in nyc", told("B", witness=witness.url))
    assert [m.type for m in await thread.messages()] == ["human", "ai", "human", "ai", "tool", "ai"]
    assert witness.events == played("B", *FULL_TURN)


async def test_a_run_without_a_probe_plays_under_the_label_run(
    agent: ModuleType, thread: Thread, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (agent.CALL_SECONDS, agent.TOOL_SECONDS, agent.ANSWER_SECONDS) == (0.4, 0.4, 2.5)
    taken: list[tuple[str, float]] = []

    async def take(step: Any, seconds: float) -> None:
        taken.append((step.name, seconds))

    monkeypatch.setattr(agent.Step, "take", take)
    await thread.say("weather in sf")
    assert await thread.steps() == ["run/agent:1", "run/tools:1", "run/agent:2"]
    seconds = {step: sum(s for name, s in taken if name == step) for step in FULL_TURN}
    assert seconds == pytest.approx({"agent:1": 0.4, "tools:1": 0.4, "agent:2": 2.5})


async def test_steps_and_messages_are_one_write(thread: Thread) -> None:
    updates = [u async for _, u in thread.stream("weather in oslo", told(), "updates")]
    assert [(node, len(w["messages"]), w["steps"]) for u in updates for node, w in u.items()] == [
        ("agent", 1, ["A/agent:1"]),
        ("tools", 1, ["A/tools:1"]),
        ("agent", 1, ["A/agent:2"]),
    ]


# --- reports and holds ------------------------------------------------------------------------------------


async def test_every_step_reports_enter_and_exit_and_an_answer_its_middle(thread: Thread, witness: Witness) -> None:
    run_id = str(uuid4())
    await thread.say("weather in sf", told(witness=witness.url), run_id=run_id)
    assert witness.events == played("A", *FULL_TURN)
    assert {r["run_id"] for r in witness.reports} == {run_id}
    for report in witness.reports:
        assert msgspec.convert(report, contract.Report).version == 1


async def test_a_run_id_that_is_not_known_is_null(thread: Thread, witness: Witness) -> None:
    await thread.say("hello", told(witness=witness.url))
    assert [r["run_id"] for r in witness.reports] == [None] * 3


@pytest.mark.parametrize("point", ["agent:1/enter", "tools:1/enter", "agent:2/enter", "tools:1/exit"])
async def test_an_unanswered_report_holds_the_step(thread: Thread, witness: Witness, point: str) -> None:
    witness.hold(f"A/{point}")
    run = thread.start("weather in sf", told(witness=witness.url))
    reported = f"A/{point}" + (" returned" if point.endswith("/exit") else "")
    await witness.until(reported)
    held = await thread.steps() if (await thread.state()).values else []
    expected = played("A", *FULL_TURN)
    assert witness.events == expected[: expected.index(reported) + 1]
    assert held == [f"A/{step}" for step in FULL_TURN[: FULL_TURN.index(point.partition("/")[0])]]
    witness.release(f"A/{point}")
    assert await ended(run) is None
    assert witness.events == expected


async def test_the_token_report_comes_when_half_of_the_answer_was_streamed(
    agent: ModuleType, thread: Thread, witness: Witness
) -> None:
    witness.hold("A/agent:2/token")
    stream = thread.stream("weather in nyc", told(witness=witness.url), "messages")
    spoken = ""
    halfway = asyncio.create_task(witness.until("A/agent:2/token"))
    told_after: int | None = None
    pieces = 0
    answer = agent.reply_to([HumanMessage("weather in nyc"), AIMessage("")])
    assert all(re.fullmatch(r"\S+\s*", token) for token in answer.tokens)
    half = len(answer.tokens) // 2
    async for _, (piece, _) in stream:
        if piece.type == "AIMessageChunk" and isinstance(piece.content, str):
            spoken += piece.content
            pieces += 1
            assert piece.content == answer.tokens[pieces - 1]
            if pieces == half:
                # Nothing more comes until the witness answers.
                await asyncio.wait_for(halfway, DEADLINE)
                told_after = pieces
                witness.release("A/agent:2/token")
    assert told_after == half
    assert pieces == len(answer.tokens)
    assert spoken == (await thread.messages())[-1].content


async def test_messages_tuple_has_the_whole_answer_as_state_has_it(thread: Thread) -> None:
    seen: dict[str, str] = {}
    async for _, (piece, _) in thread.stream("weather in oslo", told(), "messages"):
        if isinstance(piece.content, str):
            seen[piece.id] = seen.get(piece.id, "") + piece.content
    for message in (await thread.messages())[2:]:
        assert seen[message.id] == message.content


@pytest.mark.parametrize("status", [404, 302, 500])
async def test_an_answer_that_is_not_2xx_lets_the_agent_go_on_after_the_timed_hold(
    thread: Thread, witness: Witness, naps: Naps, status: int
) -> None:
    witness.status = status
    await thread.say("weather in sf", told(witness=witness.url, hold={"tools:1/enter": 0.25}))
    assert witness.events == played("A", *FULL_TURN)
    assert naps == [0.25]


async def test_timed_holds_stand_in_for_an_absent_witness(thread: Thread, naps: Naps) -> None:
    holds = {"agent:1/enter": 0.125, "agent:2/token": 0.25, "tools:1/exit": 0.5, "agent:7/enter": 9}
    await thread.say("weather in sf", told(hold=holds))
    assert naps == [0.125, 0.5, 0.25]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/reports", "nonsense", "http://[", ""])
async def test_a_witness_that_cannot_be_reached_is_as_good_as_none(thread: Thread, naps: Naps, url: str) -> None:
    await thread.say("weather in sf", told(witness=url, hold={"tools:1/enter": 0.25}))
    assert await thread.steps() == [f"A/{step}" for step in FULL_TURN]
    assert naps == [0.25]


async def test_a_witness_that_answers_makes_timed_holds_void(thread: Thread, witness: Witness, naps: Naps) -> None:
    await thread.say("weather in sf", told(witness=witness.url, hold={"tools:1/enter": 600}))
    assert naps == []


async def test_runs_in_other_event_loops_report_too(agent: ModuleType, witness: Witness) -> None:
    def play(label: str) -> None:
        thread = Thread(agent.graph, InMemorySaver())
        asyncio.run(thread.say("weather in sf", told(label, witness=witness.url)))

    await asyncio.gather(*(asyncio.to_thread(play, label) for label in "ABC"))
    for label in "ABC":
        assert [e for e in witness.events if e.startswith(label)] == played(label, *FULL_TURN)


# --- failing and parking ----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", FULL_TURN)
async def test_fail_raises_after_enter(thread: Thread, witness: Witness, step: str) -> None:
    with pytest.raises(Exception, match="probe failure") as caught:
        await thread.say("weather in sf", told(witness=witness.url, fail=[step]))
    assert type(caught.value).__name__ == "ProbeError"
    assert str(caught.value) == f"probe failure at {step}"
    before = FULL_TURN[: FULL_TURN.index(step)]
    assert witness.events == [*played("A", *before), f"A/{step}/enter", f"A/{step}/exit raised"]
    assert (await thread.state()).values.get("steps", []) == [f"A/{s}" for s in before]


@pytest.mark.parametrize("step", FULL_TURN)
async def test_interrupt_parks_the_run_and_any_value_goes_on(thread: Thread, witness: Witness, step: str) -> None:
    await thread.say("weather in sf", told(witness=witness.url, interrupt=[step]))
    before, after = FULL_TURN[: FULL_TURN.index(step)], FULL_TURN[FULL_TURN.index(step) :]
    parked = [*played("A", *before), f"A/{step}/enter", f"A/{step}/exit interrupted"]
    assert witness.events == parked
    state = await thread.state()
    assert [i.value for i in state.interrupts] == [{"question": "Go on?", "step": step}]
    await thread.resume(False if step == "agent:2" else {"go": "on"}, told("B", witness=witness.url, interrupt=[step]))
    assert witness.events == [*parked, *played("B", *after)]
    assert await thread.steps() == [f"A/{s}" for s in before] + [f"B/{s}" for s in after]


# --- being cancelled --------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", POINTS)
async def test_stop_reports_and_ends(thread: Thread, witness: Witness, point: str) -> None:
    witness.hold(f"A/{point}")
    run = thread.start("weather in sf", told(witness=witness.url))
    await witness.until(f"A/{point}")
    before = witness.events
    run.cancel()
    assert isinstance(await ended(run), asyncio.CancelledError)
    step = point.partition("/")[0]
    assert witness.events == [*before, f"A/{step}/cancelled", f"A/{step}/exit cancelled"]
    assert (await thread.state()).values.get("steps", []) == [f"A/{s}" for s in FULL_TURN[: FULL_TURN.index(step)]]


@pytest.mark.parametrize("point", POINTS)
async def test_linger_stays_through_further_cancellations_until_it_is_answered(
    agent: ModuleType, witness: Witness, point: str
) -> None:
    step_name = point.partition("/")[0]
    witness.hold(f"A/{point}", f"A/{step_name}/cancelled", f"A/{step_name}/exit")
    step = begun(agent, step_name, told(witness=witness.url, on_cancel="linger"))
    node = asyncio.create_task(step.play(_reach_token))
    await witness.until(f"A/{step_name}/enter")
    if point.endswith("/token"):
        await witness.until(f"A/{point}")
    before = witness.events
    node.cancel()
    await witness.until(f"A/{step_name}/cancelled")
    for _ in range(3):
        node.cancel()
        await asyncio.sleep(0)
    witness.release(f"A/{step_name}/cancelled")
    await witness.until(f"A/{step_name}/exit cancelled")
    node.cancel()
    await asyncio.sleep(0)
    assert not node.done()
    witness.release(f"A/{step_name}/exit")
    assert isinstance(await ended(node), asyncio.CancelledError)
    assert witness.events == [*before, f"A/{step_name}/cancelled", f"A/{step_name}/exit cancelled"]


@pytest.mark.parametrize("point", POINTS)
async def test_swallow_carries_on_where_the_step_was(agent: ModuleType, witness: Witness, point: str) -> None:
    step_name = point.partition("/")[0]
    # The held point is never released: a wait that was cut short is not taken up again.
    witness.hold(f"A/{point}", f"A/{step_name}/cancelled")
    step = begun(agent, step_name, told(witness=witness.url, on_cancel="swallow"))
    node = asyncio.create_task(step.play(_reach_token))
    await witness.until(f"A/{point}")
    before = witness.events
    node.cancel()
    await witness.until(f"A/{step_name}/cancelled")
    node.cancel()
    await asyncio.sleep(0)
    assert witness.events == [*before, f"A/{step_name}/cancelled"]
    witness.release(f"A/{step_name}/cancelled")
    assert await asyncio.wait_for(node, DEADLINE) == "done"
    rest = [] if point.endswith("/token") else [f"A/{step_name}/token"]
    assert witness.events == [
        *before,
        f"A/{step_name}/cancelled",
        *rest,
        f"A/{step_name}/exit returned",
    ]


async def test_swallow_reports_each_cancellation_it_swallows(agent: ModuleType, witness: Witness) -> None:
    witness.hold("A/agent:2/enter", "A/agent:2/token")
    step = begun(agent, "agent:2", told(witness=witness.url, on_cancel="swallow"))
    node = asyncio.create_task(step.play(_reach_token))
    await witness.until("A/agent:2/enter")
    node.cancel()
    await witness.until("A/agent:2/token")
    node.cancel()
    assert await asyncio.wait_for(node, DEADLINE) == "done"
    assert [e.rpartition("/")[2] for e in witness.events] == [
        "enter",
        "cancelled",
        "token",
        "cancelled",
        "exit returned",
    ]


@pytest.mark.parametrize("on_cancel", ["stop", "linger", "swallow"])
async def test_a_cancellation_under_an_unanswered_exit_takes_effect_when_it_is_answered(
    agent: ModuleType, witness: Witness, on_cancel: str
) -> None:
    witness.hold("A/tools:1/exit")
    step = begun(agent, "tools:1", told(witness=witness.url, on_cancel=on_cancel))
    node = asyncio.create_task(step.play(_reach_token))
    await witness.until("A/tools:1/exit returned")
    node.cancel()
    await asyncio.sleep(0)
    assert not node.done()
    witness.release("A/tools:1/exit")
    error = await ended(node)
    if on_cancel == "swallow":
        assert error is None
    else:
        assert isinstance(error, asyncio.CancelledError)
    assert witness.events == ["A/tools:1/enter", "A/tools:1/token", "A/tools:1/exit returned"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"on_cancel": "stop", "linger": 9.0}, []),
        ({"on_cancel": "linger", "linger": 0.25}, [0.25]),
        ({"on_cancel": "swallow"}, [0.5]),
        ({"on_cancel": "linger", "hold": {"tools:1/cancelled": 2.0}}, [2.0]),
    ],
)
async def test_without_a_witness_a_stubborn_step_stays_for_a_time(
    agent: ModuleType, naps: Naps, keys: dict[str, Any], expected: list[float]
) -> None:
    step = begun(agent, "tools:1", told(**keys))
    at_work, done = asyncio.Event(), asyncio.Event()

    async def work(_: object) -> str:
        at_work.set()
        await done.wait()
        return "done"

    node = asyncio.create_task(step.play(work))
    await asyncio.wait_for(at_work.wait(), DEADLINE)
    node.cancel()
    if expected:
        await asyncio.wait_for(naps.any_taken.wait(), DEADLINE)
    done.set()
    error = await ended(node)
    assert isinstance(error, asyncio.CancelledError) == (keys["on_cancel"] != "swallow")
    assert naps == expected


async def test_a_graph_run_whose_node_lingers_ends_when_the_node_does(thread: Thread, witness: Witness) -> None:
    witness.hold("A/tools:1/enter", "A/tools:1/cancelled")
    run = thread.start("weather in sf", told(witness=witness.url, on_cancel="linger"))
    await witness.until("A/tools:1/enter")
    run.cancel()
    await witness.until("A/tools:1/cancelled")
    witness.release("A/tools:1/cancelled")
    assert isinstance(await ended(run), asyncio.CancelledError)
    await witness.until("A/tools:1/exit cancelled")
    assert await thread.steps() == ["A/agent:1"]


def begun(agent: ModuleType, name: str, probe: dict[str, object]) -> Any:
    """A step outside a graph, so that a test can cancel it as often as it likes."""
    return agent.Step(name, agent.read_probe({"probe": probe}), None)


async def _reach_token(step: Any) -> str:
    await step.reach("token")
    return "done"


# --- version 2: a child graph, and two steps in one superstep ------------------------------------------------


async def test_a_child_graph_works_on_the_call(thread: Thread, witness: Witness) -> None:
    await thread.say("weather in oslo", works("subgraph", witness))
    assert witness.events == played("A", "agent:1", "search:1", "quote:1", "agent:2")
    assert {report["version"] for report in witness.reports} == {2}
    assert await thread.steps() == ["A/agent:1", "A/search:1", "A/quote:1", "A/agent:2"]
    _, call, result, answer = await thread.messages()
    assert result.tool_call_id == call.tool_calls[0]["id"]
    assert result.content == '[{"url": "https://weather.example/oslo", "content": "Clear, 20C in oslo."}]'
    assert answer.content.startswith("It is clear and 20C in oslo.")


async def test_a_stopped_child_graph_leaves_its_writes_in_its_own_namespace_alone(
    thread: Thread, witness: Witness
) -> None:
    witness.hold("A/quote:1/enter")
    run = thread.start("weather in sf", works("subgraph", witness))
    await witness.until("A/quote:1/enter")
    run.cancel()
    assert isinstance(await ended(run), asyncio.CancelledError)
    assert witness.events[-2:] == ["A/quote:1/cancelled", "A/quote:1/exit cancelled"]
    parent = await thread.state()
    assert parent.next == ("research",)
    assert parent.values["steps"] == ["A/agent:1"]
    child = (await thread.state(subgraphs=True)).tasks[0].state
    assert child.config["configurable"]["checkpoint_ns"].startswith("research:")
    assert child.values["steps"] == ["A/search:1"]


async def test_a_parked_child_graph_goes_on_where_it_was(thread: Thread, witness: Witness) -> None:
    await thread.say("weather in sf", works("subgraph", witness, interrupt=["quote:1"]))
    await thread.resume("yes", works("subgraph", witness, "R", interrupt=["quote:1"]))
    assert await thread.steps() == ["A/agent:1", "A/search:1", "R/quote:1", "R/agent:2"]
    assert witness.events[-5:] == played("R", "quote:1", "agent:2")


async def test_two_steps_work_on_the_call_in_one_superstep(thread: Thread, witness: Witness) -> None:
    witness.hold("A/tools:1/enter", "A/audit:1/enter")
    run = thread.start("weather in sf", works("parallel", witness))
    await witness.until("A/tools:1/enter", "A/audit:1/enter")
    witness.release("A/audit:1/enter")
    await witness.until("A/audit:1/exit returned")
    assert await thread.steps() == ["A/agent:1"]
    witness.release("A/tools:1/enter")
    assert await ended(run) is None
    first, *beside, last = await thread.steps()
    assert (first, sorted(beside), last) == ("A/agent:1", ["A/audit:1", "A/tools:1"], "A/agent:2")
    assert [m.type for m in await thread.messages()] == ["human", "ai", "tool", "ai"]


async def test_a_stopped_superstep_leaves_nothing_of_the_step_that_had_finished(
    thread: Thread, witness: Witness
) -> None:
    witness.hold("A/tools:1/enter")
    run = thread.start("weather in sf", works("parallel", witness))
    await witness.until("A/tools:1/enter", "A/audit:1/exit returned")
    run.cancel()
    assert isinstance(await ended(run), asyncio.CancelledError)
    assert await thread.steps() == ["A/agent:1"]
    await thread.say("weather in nyc", told("B"))
    assert await thread.steps() == ["A/agent:1", *(f"B/{step}" for step in FULL_TURN)]


# --- what a run may be told -------------------------------------------------------------------------------


@pytest.mark.parametrize("probe", GOOD)
def test_agent_and_contract_read_a_good_probe_alike(agent: ModuleType, probe: object) -> None:
    expected = contract.read_probe({"probe": probe})
    read = agent.read_probe({"probe": probe})
    if expected is None:
        assert read is None
        return
    assert read is not None
    for key in contract.Probe.__struct_fields__:
        assert getattr(read, key) == getattr(expected, key), key


@pytest.mark.parametrize(("probe", "key"), BAD)
def test_agent_and_contract_refuse_a_bad_probe_and_name_the_key(agent: ModuleType, probe: object, key: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=key):
        contract.read_probe({"probe": probe})
    with pytest.raises(ValueError, match=key):
        agent.read_probe({"probe": probe})


async def test_a_bad_probe_fails_the_run_in_its_first_step(thread: Thread) -> None:
    with pytest.raises(ValueError, match=r"probe\.holds"):
        await thread.say("weather in sf", told(holds={}))
    assert [m.type for m in (await thread.messages())] == ["human"]
    assert (await thread.state()).next == ("agent",)


# --- the folder ------------------------------------------------------------------------------------------


def test_the_folder_imports_nothing_but_what_it_declares() -> None:
    imported: set[str] = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(str(node.module).partition(".")[0])
    assert imported - sys.stdlib_module_names == {"doubletext_probe", "httpx", "langchain_core", "langgraph"}
