"""Both probe agents obey the contract, each in its real framework, with a real checkpointer and a real witness."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

import conformance
from doubletext import probe as contract
from tests.conformance.probe_agents import ENDLESS, AgentError, ProbeAgent, Run, Thread
from tests.conformance.probing import (
    BAD,
    FULL_TURN,
    GOOD,
    POINTS,
    STAYS,
    TOOL,
    Witness,
    played,
    probe_for,
    probe_with_work,
)

GUIDE = Path(__file__).parents[2] / "fixtures" / "guides" / "interrupt-concurrent.md"
TEXTS = conformance.AGENTS / "texts.json"

AGENTS: dict[str, tuple[pytest.MarkDecorator, ...]] = {"python": (), "javascript": (pytest.mark.javascript,)}

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(params=[pytest.param(name, marks=marks) for name, marks in AGENTS.items()])
def agent(request: pytest.FixtureRequest) -> ProbeAgent:
    found: ProbeAgent = request.getfixturevalue(f"{request.param}_agent")
    return found


@pytest.fixture
def thread(agent: ProbeAgent) -> Thread:
    return agent.thread()


def before(point: str) -> list[str]:
    """Return the `steps` of run A when it reaches a point of a full turn."""
    return [f"A/{step}" for step in FULL_TURN[: FULL_TURN.index(point.partition("/")[0])]]


async def stopped(agent: ProbeAgent, run: Run, witness: Witness, step: str) -> None:
    """Wait for the end of a run that was cancelled in `step`, and for the report of that step's end."""
    await agent.cancelled(run)
    if not agent.awaits_cancelled_nodes:
        await witness.until(f"A/{step}/exit cancelled")


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
    await thread.say(text, probe_for())
    human, call, result, answer = await thread.messages()
    assert [m.type for m in (human, call, result, answer)] == ["human", "ai", "tool", "ai"]
    assert call.content == [{"id": call_id, "input": {"query": query}, "name": TOOL, "type": "tool_use"}]
    assert call.tool_calls == [{"name": TOOL, "args": {"query": query}, "id": call_id, "type": "tool_call"}]
    assert (result.name, result.tool_call_id) == (TOOL, call_id)
    assert answer.tool_calls == []
    # Equal ids would make LangGraph replace a message instead of adding one.
    assert len({m.id for m in (human, call, result, answer)}) == 4


async def test_the_texts_of_another_place(thread: Thread) -> None:
    await thread.say("Weather in Oslo?", probe_for())
    _, _, result, answer = await thread.messages()
    assert result.content == '[{"url": "https://weather.example/oslo", "content": "Clear, 20C in oslo."}]'
    assert answer.content == "It is clear and 20C in oslo. Let me know if you need any other details!"


async def test_the_texts_of_the_guide(thread: Thread) -> None:
    guide = GUIDE.read_text("utf-8")
    await thread.say("what's the weather in sf?", probe_for())
    _, _, result, answer = await thread.messages()
    assert result.content in guide
    # The guide prints no answer for sf. The contract has one.
    assert json.loads(TEXTS.read_text("utf-8"))["sf"]["answer"] == answer.content
    await thread.say("what's the weather in nyc?", probe_for("B"))
    *_, result, answer = await thread.messages()
    assert result.content in guide
    assert f"\n\n{answer.content}\n```" in guide


async def test_any_other_message_gets_one_answer_in_the_first_step(thread: Thread, witness: Witness) -> None:
    await thread.say("good  morning", probe_for(witness=witness.url))
    assert [m.content for m in await thread.messages()] == ["good  morning", "You said: good  morning"]
    assert await thread.steps() == ["A/agent:1"]
    assert witness.events == ["A/agent:1/enter", "A/agent:1/token", "A/agent:1/exit returned"]


@pytest.mark.parametrize(
    "text",
    [
        "weather in sf",
        "WEATHER IN  Rio-2 ?",
        "the weather in l'Aquila. Now!",
        "in l'Aquila. Now!",
        "weather",
        "weather in ?",
        "",
    ],
)
async def test_a_place_is_read_as_the_contract_reads_it(agent: ProbeAgent, text: str) -> None:
    place = contract.requested_place(text)
    reply = await agent.reply(text)
    if place is None:
        assert reply.tokens is not None
        assert "".join(reply.tokens) == f"You said: {text}"
    else:
        assert reply.query == f"weather in {'san francisco' if place == 'sf' else place}"


async def test_visits_are_counted_from_the_last_human_message(thread: Thread) -> None:
    for label in ("A", "B"):
        await thread.say("weather in oslo", probe_for(label))
    assert await thread.steps() == [f"{label}/{step}" for label in "AB" for step in FULL_TURN]


async def test_a_turn_starts_afresh_over_a_dangling_tool_call(thread: Thread, witness: Witness) -> None:
    with pytest.raises(AgentError, match="probe failure at tools:1"):
        await thread.say("weather in sf", probe_for(fail=["tools:1"]))
    await thread.say("weather in nyc", probe_for("B", witness=witness.url))
    assert [m.type for m in await thread.messages()] == ["human", "ai", "human", "ai", "tool", "ai"]
    assert witness.events == played("B", *FULL_TURN)


async def test_a_run_without_a_probe_plays_under_the_label_run_and_takes_its_time(
    agent: ProbeAgent, thread: Thread
) -> None:
    await thread.say("weather in sf")
    entries = [f"run/{step}" for step in FULL_TURN]
    assert await thread.steps() == entries
    taken = await agent.taken()
    # A step takes its time in several parts: the answer waits before each of its tokens.
    seconds = {entry: sum(s for name, s in taken if name == entry) for entry in entries}
    assert seconds == pytest.approx({"run/agent:1": 0.4, "run/tools:1": 0.4, "run/agent:2": 2.5})


async def test_steps_and_messages_are_one_write(thread: Thread) -> None:
    updates = [update async for update in thread.stream("weather in oslo", probe_for(), "updates").parts()]
    assert [(node, len(w["messages"]), w["steps"]) for u in updates for node, w in u.items()] == [
        ("agent", 1, ["A/agent:1"]),
        ("tools", 1, ["A/tools:1"]),
        ("agent", 1, ["A/agent:2"]),
    ]


# --- reports and holds ------------------------------------------------------------------------------------


async def test_every_step_reports_enter_and_exit_and_an_answer_its_middle(thread: Thread, witness: Witness) -> None:
    run_id = str(uuid4())
    await thread.say("weather in sf", probe_for(witness=witness.url), run_id=run_id)
    assert witness.events == played("A", *FULL_TURN)
    assert {r["run_id"] for r in witness.reports} == {run_id}
    for report in witness.reports:
        assert msgspec.convert(report, contract.StepReport).version == 1


async def test_a_run_id_that_is_not_known_is_null(thread: Thread, witness: Witness) -> None:
    await thread.say("hello", probe_for(witness=witness.url))
    assert [r["run_id"] for r in witness.reports] == [None] * 3


@pytest.mark.parametrize("point", ["agent:1/enter", "tools:1/enter", "agent:2/enter", "tools:1/exit"])
async def test_an_unanswered_report_holds_the_step(thread: Thread, witness: Witness, point: str) -> None:
    witness.hold(f"A/{point}")
    run = thread.start("weather in sf", probe_for(witness=witness.url))
    reported = f"A/{point}" + (" returned" if point.endswith("/exit") else "")
    await witness.until(reported)
    expected = played("A", *FULL_TURN)
    assert witness.events == expected[: expected.index(reported) + 1]
    assert await thread.steps() == before(point)
    witness.release(f"A/{point}")
    await run.ended()
    assert witness.events == expected


async def test_the_token_report_comes_when_half_of_the_answer_was_streamed(
    agent: ProbeAgent, thread: Thread, witness: Witness
) -> None:
    witness.hold("A/agent:2/token")
    tokens = (await agent.reply("weather in nyc", answering=True)).tokens
    assert tokens is not None
    assert all(re.fullmatch(r"\S+\s*", token) for token in tokens)
    half = len(tokens) // 2
    pieces: list[str] = []
    run = thread.stream("weather in nyc", probe_for(witness=witness.url), "messages")
    async for piece in run.parts():
        if piece.type == "ai" and isinstance(piece.content, str):
            pieces.append(piece.content)
            if len(pieces) == half:
                await witness.until("A/agent:2/token")
                # The held report must stop the stream here.
                assert await run.quiet()
                witness.release("A/agent:2/token")
    assert pieces == tokens
    assert "".join(pieces) == (await thread.messages())[-1].content


async def test_messages_are_streamed_under_the_ids_that_they_have_in_the_state(thread: Thread) -> None:
    seen: dict[str, str] = {}
    async for piece in thread.stream("weather in oslo", probe_for(), "messages").parts():
        if isinstance(piece.content, str):
            seen[piece.id] = seen.get(piece.id, "") + piece.content
    for message in (await thread.messages())[2:]:
        assert seen[message.id] == message.content


@pytest.mark.parametrize("status", [404, 302, 500])
async def test_an_answer_that_is_not_2xx_lets_the_agent_continue_after_the_timed_hold(
    agent: ProbeAgent, thread: Thread, witness: Witness, status: int
) -> None:
    witness.status = status
    await thread.say("weather in sf", probe_for(witness=witness.url, hold={"tools:1/enter": 0.25}))
    assert witness.events == played("A", *FULL_TURN)
    assert await agent.naps() == [0.25]


async def test_timed_holds_replace_an_absent_witness(agent: ProbeAgent, thread: Thread) -> None:
    holds = {"agent:1/enter": 0.125, "agent:2/token": 0.25, "tools:1/exit": 0.5, "agent:7/enter": 9}
    await thread.say("weather in sf", probe_for(hold=holds))
    # In the order of the run. The hold in agent:7 never happens, because the run has no such step.
    assert await agent.naps() == [0.125, 0.5, 0.25]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/reports", "nonsense", "http://[", "http://a\x00b/", "ftp://127.0.0.1/", ""]
)
async def test_a_witness_that_cannot_be_reached_is_ignored(agent: ProbeAgent, thread: Thread, url: str) -> None:
    await thread.say("weather in sf", probe_for(witness=url, hold={"tools:1/enter": 0.25}))
    assert await thread.steps() == [f"A/{step}" for step in FULL_TURN]
    assert await agent.naps() == [0.25]


async def test_a_witness_that_answers_makes_timed_holds_void(
    agent: ProbeAgent, thread: Thread, witness: Witness
) -> None:
    await thread.say("weather in sf", probe_for(witness=witness.url, hold={"tools:1/enter": ENDLESS}))
    assert await agent.naps() == []


# --- failing and parking ----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", FULL_TURN)
async def test_fail_raises_after_enter(thread: Thread, witness: Witness, step: str) -> None:
    with pytest.raises(AgentError) as caught:
        await thread.say("weather in sf", probe_for(witness=witness.url, fail=[step]))
    assert (caught.value.name, str(caught.value)) == ("ProbeError", f"probe failure at {step}")
    earlier = FULL_TURN[: FULL_TURN.index(step)]
    assert witness.events == [*played("A", *earlier), f"A/{step}/enter", f"A/{step}/exit raised"]
    assert await thread.steps() == before(step)


@pytest.mark.parametrize("step", FULL_TURN)
async def test_interrupt_parks_the_run_and_any_value_resumes_it(thread: Thread, witness: Witness, step: str) -> None:
    await thread.say("weather in sf", probe_for(witness=witness.url, interrupt=[step]))
    earlier, later = FULL_TURN[: FULL_TURN.index(step)], FULL_TURN[FULL_TURN.index(step) :]
    parked = [*played("A", *earlier), f"A/{step}/enter", f"A/{step}/exit interrupted"]
    assert witness.events == parked
    assert (await thread.state()).interrupts == [{"question": "Go on?", "step": step}]
    await thread.resume(
        False if step == "agent:2" else {"go": "on"}, probe_for("B", witness=witness.url, interrupt=[step])
    )
    assert witness.events == [*parked, *played("B", *later)]
    assert await thread.steps() == [*before(step), *(f"B/{s}" for s in later)]


# --- being cancelled --------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", POINTS)
async def test_stop_reports_and_ends(agent: ProbeAgent, thread: Thread, witness: Witness, point: str) -> None:
    witness.hold(f"A/{point}")
    run = thread.start("weather in sf", probe_for(witness=witness.url))
    await witness.until(f"A/{point}")
    earlier = witness.events
    await run.cancel()
    step = point.partition("/")[0]
    await stopped(agent, run, witness, step)
    assert witness.events == [*earlier, f"A/{step}/cancelled", f"A/{step}/exit cancelled"]
    assert await thread.steps() == before(point)


@pytest.mark.parametrize("point", POINTS)
async def test_linger_stays_through_further_cancellations_until_it_is_answered(
    agent: ProbeAgent, witness: Witness, point: str
) -> None:
    step = point.partition("/")[0]
    witness.hold(f"A/{point}", f"A/{step}/cancelled", f"A/{step}/exit")
    run = agent.step(step, probe_for(witness=witness.url, on_cancel="linger"))
    await witness.until(f"A/{point}")
    earlier = witness.events
    await run.cancel()
    await witness.until(f"A/{step}/cancelled")
    # A server may cancel again while the step cleans up, and each cancellation interrupts an await.
    for _ in range(3):
        await run.cancel()
    assert await run.quiet()
    assert witness.events == [*earlier, f"A/{step}/cancelled"]
    witness.release(f"A/{step}/cancelled")
    await witness.until(f"A/{step}/exit cancelled")
    await run.cancel()
    assert await run.quiet()
    witness.release(f"A/{step}/exit")
    await agent.cancelled(run)
    assert witness.events == [*earlier, f"A/{step}/cancelled", f"A/{step}/exit cancelled"]


@pytest.mark.parametrize("point", POINTS)
async def test_swallow_carries_on_where_the_step_was(agent: ProbeAgent, witness: Witness, point: str) -> None:
    step = point.partition("/")[0]
    # The held point is never released, because a wait that was cancelled is not repeated.
    witness.hold(f"A/{point}", f"A/{step}/cancelled")
    run = agent.step(step, probe_for(witness=witness.url, on_cancel="swallow"))
    await witness.until(f"A/{point}")
    earlier = witness.events
    await run.cancel()
    await witness.until(f"A/{step}/cancelled")
    await run.cancel()
    assert await run.quiet()
    assert witness.events == [*earlier, f"A/{step}/cancelled"]
    witness.release(f"A/{step}/cancelled")
    assert await run.ended() == "done"
    rest = [] if point.endswith("/token") else [f"A/{step}/token"]
    assert witness.events == [*earlier, f"A/{step}/cancelled", *rest, f"A/{step}/exit returned"]


@pytest.mark.parametrize("on_cancel", ["stop", "linger", "swallow"])
async def test_a_cancellation_under_an_unanswered_exit_takes_effect_when_it_is_answered(
    agent: ProbeAgent, witness: Witness, on_cancel: str
) -> None:
    witness.hold("A/tools:1/exit")
    run = agent.step("tools:1", probe_for(witness=witness.url, on_cancel=on_cancel))
    await witness.until("A/tools:1/exit returned")
    await run.cancel()
    assert await run.quiet()
    witness.release("A/tools:1/exit")
    if on_cancel == "swallow":
        assert await run.ended() == "done"
    else:
        await agent.cancelled(run)
    assert witness.events == ["A/tools:1/enter", "A/tools:1/token", "A/tools:1/exit returned"]


@pytest.mark.parametrize(("keys", "expected"), STAYS)
async def test_without_a_witness_a_stubborn_step_stays_for_a_time(
    agent: ProbeAgent, keys: dict[str, Any], expected: list[float]
) -> None:
    hold = {"tools:1/token": ENDLESS, **keys.get("hold", {})}
    run = agent.step("tools:1", probe_for(**{**keys, "hold": hold}))
    await agent.naps(count=1)
    await run.cancel()
    if keys["on_cancel"] == "swallow":
        assert await run.ended() == "done"
    else:
        await agent.cancelled(run)
    assert await agent.naps() == [ENDLESS, *expected]


# --- version 3: what the agent was given ---------------------------------------------------------------------


async def test_the_agent_reports_the_answer_that_it_got(thread: Thread, witness: Witness) -> None:
    asking = {"version": 3, "show": True, "witness": witness.url, "interrupt": ["tools:1"]}
    await thread.say("weather in sf", probe_for("A", **asking))
    await thread.resume({"approved": False, "notes": [1.5, None]}, probe_for("R", **asking))
    answers = [(report["label"], report["step"], report["resume"]) for report in witness.reports if "resume" in report]
    assert answers == [("R", "tools:1", {"approved": False, "notes": [1.5, None]})]
    shown = {report["event"]: report["configurable"] for report in witness.reports if "configurable" in report}
    # Nothing but entries of the suite is shown, and this run has none.
    assert shown == {"enter": {}}


async def test_showing_needs_version_3(thread: Thread) -> None:
    with pytest.raises(AgentError, match=r"probe\.show"):
        await thread.say("weather in sf", probe_for("A", version=2, show=True))


# --- version 4: the probe in the context ---------------------------------------------------------------------


@pytest.mark.parametrize("older", [None, probe_for("older")])
async def test_the_probe_of_the_context_counts(thread: Thread, witness: Witness, older: object) -> None:
    given = {
        "probe": probe_for("B", version=4, show=True, witness=witness.url),
        "doubletext_of": ["B", None],
        "secret": "x",
    }
    await thread.start("weather in sf", older, context=given).ended()
    assert witness.events == played("B", *FULL_TURN)
    assert witness.reports[0]["configurable"] == {"doubletext_of": ["B", None]}
    assert await thread.steps() == ["B/agent:1", "B/tools:1", "B/agent:2"]


async def test_a_context_without_a_probe_changes_nothing(thread: Thread, witness: Witness) -> None:
    probe = probe_for(version=3, show=True, witness=witness.url)
    await thread.start("good morning", probe, context={"doubletext_of": "B"}).ended()
    assert witness.reports[0]["configurable"] == {}


# --- version 2: a child graph, and two steps in one superstep ------------------------------------------------


async def test_a_child_graph_works_on_the_call(thread: Thread, witness: Witness) -> None:
    await thread.say("weather in oslo", probe_with_work("subgraph", witness))
    assert witness.events == played("A", "agent:1", "search:1", "quote:1", "agent:2")
    assert {report["version"] for report in witness.reports} == {2}
    assert await thread.steps() == ["A/agent:1", "A/search:1", "A/quote:1", "A/agent:2"]
    _, call, result, answer = await thread.messages()
    assert result.tool_call_id == call.tool_calls[0]["id"]
    assert result.content == '[{"url": "https://weather.example/oslo", "content": "Clear, 20C in oslo."}]'
    assert answer.content.startswith("It is clear and 20C in oslo.")


async def test_a_stopped_child_graph_leaves_its_writes_in_its_own_namespace_alone(
    agent: ProbeAgent, thread: Thread, witness: Witness
) -> None:
    witness.hold("A/quote:1/enter")
    run = thread.start("weather in sf", probe_with_work("subgraph", witness))
    await witness.until("A/quote:1/enter")
    await run.cancel()
    await stopped(agent, run, witness, "quote:1")
    assert witness.events[-2:] == ["A/quote:1/cancelled", "A/quote:1/exit cancelled"]
    # The child has written already, and its parent must not show the writes of a step that never ended.
    state = await thread.state(subgraphs=True)
    assert (state.next, state.steps) == (["research"], ["A/agent:1"])
    assert state.child is not None
    assert state.child.namespace.startswith("research:")
    assert state.child.steps == ["A/search:1"]


async def test_a_parked_child_graph_resumes_where_it_was(thread: Thread, witness: Witness) -> None:
    await thread.say("weather in sf", probe_with_work("subgraph", witness, interrupt=["quote:1"]))
    await thread.resume("yes", probe_with_work("subgraph", witness, "R", interrupt=["quote:1"]))
    assert await thread.steps() == ["A/agent:1", "A/search:1", "R/quote:1", "R/agent:2"]
    assert witness.events[-5:] == played("R", "quote:1", "agent:2")


async def test_two_steps_work_on_the_call_in_one_superstep(thread: Thread, witness: Witness) -> None:
    witness.hold("A/tools:1/enter", "A/audit:1/enter")
    run = thread.start("weather in sf", probe_with_work("parallel", witness))
    await witness.until("A/tools:1/enter", "A/audit:1/enter")
    witness.release("A/audit:1/enter")
    await witness.until("A/audit:1/exit returned")
    assert await thread.steps() == ["A/agent:1"]
    witness.release("A/tools:1/enter")
    await run.ended()
    # The order of steps in one superstep is not defined.
    first, *beside, last = await thread.steps()
    assert (first, sorted(beside), last) == ("A/agent:1", ["A/audit:1", "A/tools:1"], "A/agent:2")
    assert [m.type for m in await thread.messages()] == ["human", "ai", "tool", "ai"]


async def test_a_stopped_superstep_leaves_nothing_of_the_step_that_had_finished(
    agent: ProbeAgent, thread: Thread, witness: Witness
) -> None:
    witness.hold("A/tools:1/enter")
    run = thread.start("weather in sf", probe_with_work("parallel", witness))
    await witness.until("A/tools:1/enter", "A/audit:1/exit returned")
    await run.cancel()
    await agent.cancelled(run)
    assert await thread.steps() == ["A/agent:1"]
    await thread.say("weather in nyc", probe_for("B"))
    assert await thread.steps() == ["A/agent:1", *(f"B/{step}" for step in FULL_TURN)]


# --- probe configurations ---------------------------------------------------------------------------------


def _differs_in_javascript(probe: object) -> bool:
    """Return whether the mistake in a probe reaches JavaScript: 1.0 is 1 there, and JSON has no NaN and no infinity."""
    return not any(
        isinstance(value, float) and (value.is_integer() or not math.isfinite(value))
        for value in (_values(probe) if isinstance(probe, dict) else ())
    )


def _values(probe: dict[str, Any]) -> list[object]:
    return [*probe.values(), *(probe["hold"].values() if isinstance(probe.get("hold"), dict) else ())]


@pytest.mark.parametrize("probe", GOOD)
async def test_agent_and_contract_read_a_good_probe_alike(agent: ProbeAgent, probe: object) -> None:
    expected = contract.read_probe({"probe": probe})
    # Not `to_builtins`, which leaves out fields with their default.
    plain = None if expected is None else json.loads(json.dumps(msgspec.structs.asdict(expected)))
    assert await agent.read(probe) == plain


@pytest.mark.parametrize(
    ("agent", "probe", "key"),
    [
        pytest.param(name, probe, key, marks=marks)
        for name, marks in AGENTS.items()
        for probe, key in BAD
        if name != "javascript" or _differs_in_javascript(probe)
    ],
    indirect=["agent"],
)
async def test_agent_and_contract_refuse_a_bad_probe_and_name_the_key(
    agent: ProbeAgent, probe: object, key: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=key):
        contract.read_probe({"probe": probe})
    with pytest.raises(AgentError, match=key) as caught:
        await agent.read(probe)
    assert caught.value.name == "ProbeConfigError"


async def test_a_bad_probe_fails_the_run_in_its_first_step(thread: Thread) -> None:
    with pytest.raises(AgentError, match=r"probe\.holds") as caught:
        await thread.say("weather in sf", probe_for(holds={}))
    assert caught.value.name == "ProbeConfigError"
    state = await thread.state()
    assert [m.type for m in state.messages] == ["human"]
    # The step failed before it wrote anything, so the thread still waits for it.
    assert state.next == ["agent"]
