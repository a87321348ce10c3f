"""A thread that waits for a human, and each request that `langgraph dev` answers there in its own way."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mockserver.script.load import parse
from tests.mockserver.stage import Stage, on_stage

APPROVAL = parse("""
channels: {log: append, topic: replace}
turns:
  - steps:
      - {call: {tool: send_mail, id: mail-1}, channels: {log: called}}
      - node: approval
        interrupt: {value: Send it?}
        channels: {log: "answered {resume}"}
      - {result: sent}
      - {say: It is done.}
""")
ASKING: Any = {"messages": [{"role": "user", "content": "mail ada", "id": "h1"}]}
ANSWERED = ["called", "answered yes"]


@pytest.fixture
async def parked() -> AsyncIterator[Stage]:
    """A stage whose thread waits for the answer to a question."""
    async with on_stage(script=APPROVAL) as stage:
        await run(stage, input=ASKING)
        yield stage


async def run(stage: Stage, **asked: Any) -> Any:
    """Play a run and return its final values."""
    return await stage.client.runs.wait(stage.thread, "agent", **asked)


async def question(stage: Stage) -> str:
    """Return the id of the question for which the thread waits."""
    (asked,) = (await stage.state())["interrupts"]
    return str(asked["id"])


async def log(stage: Stage) -> Any:
    return (await stage.state())["values"]["log"]


@pytest.mark.parametrize("answer", [{"0" * 32: "yes"}, {"0" * 32: "yes", "f" * 32: "no"}, {}])
async def test_answers_to_other_questions_leave_the_thread_parked(parked: Stage, answer: Any) -> None:
    asked, before = await question(parked), await parked.history()
    await run(parked, command={"resume": answer})
    assert (await question(parked), await parked.thread_status()) == (asked, "interrupted")
    assert len(await parked.history()) == len(before)
    await run(parked, command={"resume": {asked: "yes"}})
    assert await log(parked) == ANSWERED


@pytest.mark.parametrize(
    "answer", [{"approved": True}, {"0" * 32: 1, "approved": True}, {"A" * 32: 1}, {"0" * 16: 1}, [], 0, False, ""]
)
async def test_any_other_value_is_the_answer(parked: Stage, answer: Any) -> None:
    await run(parked, command={"resume": answer})
    assert await parked.thread_status() == "idle"
    assert len(await log(parked)) == 2


async def test_an_answer_by_id_may_come_with_answers_to_others(parked: Stage) -> None:
    await run(parked, command={"resume": {await question(parked): "yes", "0" * 32: "no"}})
    assert await log(parked) == ANSWERED


@pytest.mark.parametrize("asked", [{}, {"messages": []}, ASKING, {"topic": "x"}])
async def test_input_without_a_new_message_passes_from_the_entry_to_a_new_question(parked: Stage, asked: Any) -> None:
    old, before = await question(parked), await parked.history()
    await run(parked, input=asked)
    received, entered, waiting = (await parked.history())[len(before) :]
    assert (received["metadata"]["source"], received["next"]) == ("input", ["__start__"])
    assert (entered["next"], waiting["next"]) == (["agent"], ["approval"])
    assert await question(parked) != old
    await run(parked, command={"resume": "yes"})
    assert await log(parked) == ["called", *ANSWERED]


ROUND = parse("""
channels: {log: append}
turns:
  - steps:
      - {node: a, say: a, channels: {log: a}}
      - parallel: [{node: b, channels: {log: b}}, {node: c, interrupt: {value: Continue?}, channels: {log: c}}]
      - {node: d, say: d, channels: {log: d}}
""")


@pytest.mark.parametrize("asked", [{}, {"messages": []}, {"log": []}])
async def test_input_without_a_new_message_on_a_finished_thread_passes_from_the_entry(asked: Any) -> None:
    """Measured on `langgraph dev` 0.16.7 with the same graph."""
    async with on_stage(script=ROUND) as stage:
        await run(stage, input=ASKING)
        await run(stage, command={"resume": 1})
        assert await log(stage) == ["a", "b", "c", "d"]
        await run(stage, input=asked)
        assert (await log(stage), (await stage.state())["next"]) == (["a", "b", "c", "d", "a", "b"], ["c"])


async def test_an_update_in_the_role_of_the_start_passes_from_the_entry() -> None:
    async with on_stage(script=ROUND) as stage:
        await run(stage, input=ASKING)
        await run(stage, command={"resume": 1})
        await stage.client.threads.update_state(stage.thread, {"log": "x"}, as_node="__start__")
        assert (await log(stage), (await stage.state())["next"]) == (["a", "b", "c", "d", "x"], ["a"])


async def test_an_update_that_ends_a_thread_keeps_what_finished_beside_the_question() -> None:
    async with on_stage(script=ROUND) as stage:
        await run(stage, input=ASKING)
        ended: Any = {"values": None, "as_node": "__end__"}
        assert (await stage.http.post(f"/threads/{stage.thread}/state", json=ended)).is_success
        assert (await log(stage), (await stage.state())["next"]) == (["a", "b"], [])


LOOP = parse("""
channels: {log: append}
turns:
  - steps:
      - {node: model, call: {tool: task, id: t1}}
      - {node: tools, result: It costs seven.}
      - {node: model, call: {tool: send_mail, id: m1}}
      - {node: approval, interrupt: {value: Send it?}, result: sent}
      - {node: model, say: I have sent it.}
""")


@pytest.mark.parametrize("asked", [{}, {"messages": []}, ASKING])
async def test_a_model_that_is_entered_again_answers_the_conversation_as_it_is(asked: Any) -> None:
    async with on_stage(script=LOOP) as stage:
        await run(stage, input=ASKING)
        assert await stage.said() == "HATA"
        await run(stage, input=asked)
        # Only the model has played, and it has seen the result of the task.
        assert (await stage.said(), (await stage.state())["next"]) == ("HATAA", ["approval"])
        await run(stage, command={"resume": "yes"})
        assert await stage.said() == "HATAATA"


@pytest.mark.parametrize(("asked", "shown"), [({}, False), ({"unknown": 1}, False), ({"messages": []}, True)])
async def test_an_input_that_writes_nothing_shows_no_values(parked: Stage, asked: Any, shown: bool) -> None:
    modes: Any = ["values", "updates", "checkpoints"]
    events = [part async for part in parked.client.runs.stream(parked.thread, "agent", input=asked, stream_mode=modes)]
    before = itertools.takewhile(lambda part: part.event != "updates", events)
    assert [part.event for part in before] == ["metadata", "checkpoints", *["values"] * shown, "checkpoints"]


async def test_a_node_that_writes_nothing_shows_no_values() -> None:
    script = parse("turns: [{steps: [{node: look, custom: [seen]}, {node: speak, say: Done.}]}]")
    async with on_stage(script=script) as stage:
        parts = stage.client.runs.stream(stage.thread, "agent", input=ASKING, stream_mode=["values", "updates"])
        shown = [(part.event, [*part.data]) async for part in parts][1:]
        assert shown == [
            *(("values", ["messages"]), ("updates", ["look"])),
            *(("updates", ["speak"]), ("values", ["messages"])),
        ]


async def test_a_run_without_input_asks_the_same_question_again(parked: Stage) -> None:
    old = await question(parked)
    await run(parked, input=None)
    assert await question(parked) == old


@pytest.mark.parametrize("values", [{"topic": "x"}, {}, None])
async def test_an_answer_after_an_update_of_the_state_is_not_lost(parked: Stage, values: Any) -> None:
    await parked.client.threads.update_state(parked.thread, values)
    state = await parked.state()
    assert (state["next"], state["interrupts"]) == (["approval"], [])
    await run(parked, command={"resume": "yes"})
    assert (await parked.thread_status(), await log(parked)) == ("idle", ANSWERED)


async def test_an_answer_to_a_node_that_waits_at_a_breakpoint_answers_its_question() -> None:
    async with on_stage(script=APPROVAL) as stage:
        await run(stage, input=ASKING, interrupt_before=["approval"])
        assert (await stage.state())["interrupts"] == []
        await run(stage, command={"resume": "yes"})
        assert await log(stage) == ANSWERED


async def test_a_copy_of_a_checkpoint_waits_for_the_answer_without_having_asked(parked: Stage) -> None:
    original = (await parked.history())[-1]
    await parked.client.threads.update_state(parked.thread, None, as_node="__copy__")
    copy = await parked.state()
    assert (copy["next"], copy["interrupts"], copy["metadata"]["source"]) == (["approval"], [], "fork")
    assert copy["parent_checkpoint_id"] == original["parent_checkpoint_id"]
    await run(parked, command={"resume": "yes"})
    assert await log(parked) == ANSWERED


async def test_an_older_checkpoint_can_be_copied_but_not_one_of_an_empty_thread(parked: Stage) -> None:
    *_, entered, _ = await parked.history()
    body = {"values": None, "as_node": "__copy__"}
    copied = await parked.http.post(
        f"/threads/{parked.thread}/state", json={**body, "checkpoint_id": entered["checkpoint_id"]}
    )
    assert copied.is_success, copied.text
    assert ((await parked.state())["next"], await parked.said()) == (["agent"], "H")
    empty = (await parked.client.threads.create())["thread_id"]
    refused = await parked.http.post(f"/threads/{empty}/state", json=body)
    assert (refused.status_code, "no checkpoint to copy" in refused.text) == (422, True)
