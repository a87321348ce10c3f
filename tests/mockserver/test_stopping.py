"""The end of a superseded run: lingering and swallowing nodes, cancellations, deletion."""

import asyncio
from typing import Any

import pytest

from mockserver.core.clock import HandClock
from mockserver.script.load import load, parse
from mockserver.script.types import tokens
from tests.mockserver.stage import Stage, asking, on_stage
from tests.mockserver.witness import DEADLINE


@pytest.mark.parametrize("on_cancel", ["linger", "swallow"])
@pytest.mark.parametrize(
    ("strategy", "fate", "said"), [("interrupt", "interrupted", "HAHATA"), ("rollback", "gone", "HATA")]
)
async def test_the_next_run_starts_when_the_last_node_of_the_old_one_has_stopped(
    stage: Stage, on_cancel: str, strategy: str, fate: str, said: str
) -> None:
    stage.witness.hold("A/tools:1/cancelled")
    first = await stage.held("A", "sf", "tools:1/enter", probe={"on_cancel": on_cancel})
    second = await stage.create("B", "nyc", strategy)
    await stage.witness.reached("A/tools:1/cancelled")

    # No terminal status while a step still executes, and nothing of the next run.
    assert [await stage.status(one) for one in (first, second)] == ["running", "pending"]
    assert await stage.thread_status() == "busy"
    assert stage.witness.of("B") == []

    stage.witness.release("A/tools:1/cancelled")
    await stage.join(second)
    assert await stage.status(first) == fate
    assert await stage.said() == said
    assert "B/agent:1" in await stage.steps()
    assert "A/tools:1" not in await stage.steps()
    # The swallowing node went on, but no later step was started.
    assert not any(seen.startswith("A/agent:2") for seen in stage.witness.seen)
    over = [index for index, seen in enumerate(stage.witness.seen) if seen.startswith("A/tools:1/exit")]
    assert over[-1] < stage.witness.seen.index("B/agent:1/enter")


async def test_a_swallowing_answer_reaches_neither_state_nor_stream(stage: Stage) -> None:
    stage.witness.hold("A/agent:2/token", "A/agent:2/cancelled")
    events: list[Any] = []

    async def watch() -> None:
        stream = stage.client.runs.stream(
            stage.thread,
            "agent",
            input=asking("sf"),
            config=stage.config("A", on_cancel="swallow"),
            stream_mode=["messages-tuple", "values"],
        )
        async for part in stream:
            events.append(part)  # noqa: PERF401 - looked at while they come

    watching = asyncio.create_task(watch())
    await stage.witness.reached("A/agent:2/token")
    second = await stage.create("B", "nyc", "interrupt")
    await stage.witness.reached("A/agent:2/cancelled")
    await stage.until(lambda: _seen_all_tokens(stage, events))
    so_far = len(events)
    stage.witness.release()
    await stage.join(second)
    async with asyncio.timeout(DEADLINE):
        await watching

    assert stage.witness.of("A")[-1] == "agent:2/exit=returned"
    assert len(events) == so_far
    assert {part.event for part in events} == {"metadata", "values", "messages"}
    assert await stage.said() == "HATHATA"


async def _seen_all_tokens(stage: Stage, events: list[Any]) -> bool:
    """Return whether the half answer before the hold has arrived."""
    await stage.thread_status()
    answer = load().turns[0].steps[-1].say
    assert isinstance(answer, str)
    heard = [part for part in events if _is_token(part)]
    return len(heard) == len(tokens(answer)) // 2


def _is_token(part: Any) -> bool:
    return part.event == "messages" and isinstance(part.data[0]["content"], str) and "lc_run" in part.data[0]["id"]


async def test_a_run_that_finished_stays_finished_when_it_is_superseded_or_cancelled(stage: Stage) -> None:
    first = await stage.create("A", "sf")
    await stage.join(first)
    answer = await stage.http.post(f"/threads/{stage.thread}/runs/{first}/cancel")
    assert (answer.status_code, answer.json()) == (404, {"detail": "No runs found to cancel."})
    await stage.join(await stage.create("B", "nyc", "rollback"))
    assert await stage.status(first) == "success"


async def test_cancel_with_wait_answers_when_execution_has_stopped(stage: Stage) -> None:
    stage.witness.hold("A/tools:1/cancelled")
    first = await stage.held("A", "sf", "tools:1/enter", probe={"on_cancel": "linger"})
    path = f"/threads/{stage.thread}/runs/{first}/cancel"
    waiting = asyncio.create_task(stage.http.post(path, params={"wait": "true"}))
    await stage.witness.reached("A/tools:1/cancelled")
    assert not waiting.done()
    assert (await stage.http.post(path)).status_code == 202
    stage.witness.release()
    answer = await waiting
    assert (answer.status_code, answer.json()) == (200, {})
    assert await stage.status(first) == "interrupted"
    state = await stage.state()
    assert state["next"] == ["tools"]
    assert await stage.thread_status() == "interrupted"
    assert (await stage.client.threads.get(stage.thread))["interrupts"] == {}


async def test_the_first_action_decides(stage: Stage) -> None:
    stage.witness.hold("A/tools:1/cancelled")
    first = await stage.held("A", "sf", "tools:1/enter", probe={"on_cancel": "linger"})
    await stage.client.runs.cancel(stage.thread, first)
    await stage.client.runs.cancel(stage.thread, first, action="rollback")
    second = await stage.create("B", "nyc", "rollback")
    stage.witness.release()
    await stage.join(second)
    assert await stage.status(first) == "interrupted"
    assert await stage.said() == "HAHATA"


async def test_cancel_with_rollback_restores_everything(stage: Stage) -> None:
    await stage.join(await stage.create("A", "sf"))
    before, record = await stage.history(), await stage.client.threads.get(stage.thread)
    second = await stage.held("B", "nyc", "agent:2/token")
    await stage.client.runs.cancel(stage.thread, second, wait=True, action="rollback")

    assert await stage.status(second) == "gone"
    assert await stage.history() == before
    after = await stage.client.threads.get(stage.thread)
    assert after["values"] == record["values"]
    assert after["status"] == "idle"


async def test_a_pending_run_is_cancelled_at_once_and_touches_nothing(stage: Stage) -> None:
    first = await stage.held("A", "sf", "tools:1/enter")
    before = await stage.history()
    kept, erased = [await stage.create(label, "nyc") for label in "BC"]
    await stage.client.runs.cancel(stage.thread, kept)
    await stage.client.runs.cancel(stage.thread, erased, action="rollback")

    assert [await stage.status(one) for one in (first, kept, erased)] == ["running", "interrupted", "gone"]
    assert await stage.history() == before
    assert await stage.thread_status() == "busy"
    stage.witness.release()
    await stage.join(first)
    assert stage.witness.of("B") == stage.witness.of("C") == []


async def test_after_seconds_delays_the_start_and_a_run_cancelled_meanwhile_never_executes() -> None:
    clock = HandClock()
    async with on_stage(clock=clock) as stage:
        first, second = [await stage.create(label, "sf", after_seconds=60) for label in "AB"]
        assert await stage.thread_status() == "busy"
        await clock.advance(59)
        assert [await stage.status(one) for one in (first, second)] == ["pending", "pending"]
        await stage.client.runs.cancel(stage.thread, first, wait=True)
        assert await stage.status(first) == "interrupted"
        await clock.advance(1)
        await stage.join(second)
        assert stage.witness.of("A") == []
        assert await stage.said() == "HATA"


async def test_a_run_that_takes_too_long_times_out() -> None:
    clock = HandClock()
    async with on_stage(clock=clock, run_timeout=30) as stage:
        first = await stage.held("A", "sf", "tools:1/enter")
        await clock.advance(30)
        assert (await stage.join_failed(first))["error"] == "TimeoutError"
        assert await stage.status(first) == "timeout"
        assert await stage.thread_status() == "error"
        await stage.join(await stage.create("B", "nyc"))
        assert await stage.thread_status() == "idle"


async def test_a_thread_can_be_used_right_after_a_cancel_that_did_not_wait(stage: Stage) -> None:
    for strategy, label in (("interrupt", "B"), ("rollback", "C"), ("enqueue", "D")):
        first = await stage.held(f"A{label}", "sf", "tools:1/enter")
        await stage.client.runs.cancel(stage.thread, first)
        second = await stage.create(label, "nyc", strategy)
        await stage.join(second)
        assert [await stage.status(one) for one in (first, second)] == ["interrupted", "success"]


async def test_bulk_cancel(stage: Stage) -> None:
    running = await stage.held("A", "sf", "tools:1/enter")
    pending = await stage.create("B", "nyc")

    async def bulk(body: Any, **query: str) -> int:
        return (await stage.http.post("/runs/cancel", json=body, params=query)).status_code

    assert await bulk({}) == 422
    assert await bulk({"thread_id": stage.thread}) == 422
    assert await bulk({"run_ids": [running]}) == 422
    assert await bulk({"status": "all", "thread_id": stage.thread}) == 422
    assert await bulk({"status": "all", "thread_id": stage.thread, "run_ids": [running]}) == 422
    assert await bulk({"status": "gone"}) == 422
    assert await bulk({"thread_id": running, "run_ids": [running]}) == 404
    assert await bulk({"status": "pending"}) == 204
    assert [await stage.status(one) for one in (running, pending)] == ["running", "interrupted"]
    assert await bulk({"thread_id": stage.thread, "run_ids": [running]}, action="rollback") == 204
    await stage.until(lambda: _is(stage, running, "gone"))
    assert await bulk({"status": "all"}) == 404


async def _is(stage: Stage, run_id: str, status: str) -> bool:
    return await stage.status(run_id) == status


async def test_deleting_runs(stage: Stage) -> None:
    first, second = [await stage.create(label, "sf") for label in "AB"]
    await stage.join(second)
    # The second turn is built upon the first, whose checkpoints therefore stay.
    await stage.client.runs.delete(stage.thread, first)
    assert await stage.said() == "HATAHATA"
    await stage.client.runs.delete(stage.thread, second)
    assert await stage.said() == "HATA"
    running = await stage.held("C", "sf", "tools:1/enter")
    await stage.client.runs.delete(stage.thread, running)
    assert await stage.said() == "HATA"
    assert await stage.client.runs.list(stage.thread) == []
    assert await stage.thread_status() == "idle"
    assert (await stage.http.delete(f"/threads/{stage.thread}/runs/{running}")).status_code == 404


async def test_deleting_a_busy_thread(stage: Stage) -> None:
    run = await stage.held("A", "sf", "tools:1/enter")
    joining = asyncio.create_task(stage.http.get(f"/threads/{stage.thread}/runs/{run}/join"))
    await stage.until(lambda: _answers(stage))
    await stage.client.threads.delete(stage.thread)
    assert (await stage.http.get(f"/threads/{stage.thread}")).status_code == 404
    async with asyncio.timeout(DEADLINE):
        assert (await joining).json() in ({}, {"__error__": _GONE})


_GONE = {"error": "HTTPException", "message": "404: Run not found"}


async def _answers(stage: Stage) -> bool:
    return (await stage.http.get("/ok")).status_code == 200


async def test_a_thread_tells_why_its_last_run_was_stopped_until_the_next_has_ended(stage: Stage) -> None:
    async def error() -> Any:
        return dict(await stage.client.threads.get(stage.thread)).get("error")

    first = await stage.held("A", "sf", "tools:1/enter")
    stage.witness.hold("B/agent:1/enter")
    second = await stage.create("B", "nyc", "interrupt")
    await stage.witness.reached("B/agent:1/enter")
    message = f"superseded by run {second} (multitask_strategy=interrupt)"
    assert (await stage.status(first), await error()) == ("interrupted", {"error": "UserInterrupt", "message": message})
    assert await stage.thread_status() == "busy"
    stage.witness.release()
    await stage.join(second)
    assert (await stage.thread_status(), await error()) == ("idle", None)

    await stage.client.runs.cancel(stage.thread, await stage.held("C", "la", "tools:1/enter"), wait=True)
    told = await error()
    assert (await stage.thread_status(), told["error"]) == ("interrupted", "UserInterrupt")
    assert "cancel" in told["message"]
    fourth = await stage.held("D", "la", "tools:1/enter")
    await stage.client.runs.cancel(stage.thread, fourth, wait=True, action="rollback")
    assert await error() == told
    await stage.client.threads.update_state(stage.thread, {"steps": ["by hand"]}, as_node="agent")
    assert await error() is None


async def test_a_failed_run_makes_the_thread_error_until_a_good_one(stage: Stage) -> None:
    first = await stage.create("A", "sf", probe={"fail": ("tools:1",)})
    error = {"error": "ProbeError", "message": "probe failure at tools:1"}
    answer = await stage.http.get(f"/threads/{stage.thread}/runs/{first}/join")
    assert answer.json() == {"__error__": error}
    assert await stage.status(first) == "error"
    record: Any = await stage.client.threads.get(stage.thread)
    assert (record["status"], record["error"]) == ("error", error)
    state = await stage.state()
    assert state["tasks"][0]["error"] == "ProbeError('probe failure at tools:1')"
    await stage.join(await stage.create("B", "nyc", "interrupt"))
    record = await stage.client.threads.get(stage.thread)
    assert (record["status"], record["error"]) == ("idle", None)


async def test_rolling_back_the_run_after_a_failed_one_restores_its_error(stage: Stage) -> None:
    await stage.join_failed(await stage.create("A", "sf", probe={"fail": ("tools:1",)}))
    second = await stage.held("B", "nyc", "tools:1/enter")
    await stage.client.runs.cancel(stage.thread, second, wait=True, action="rollback")
    assert await stage.thread_status() == "error"


async def test_concurrent_cancels_are_harmless(stage: Stage) -> None:
    first = await stage.held("A", "sf", "tools:1/enter")
    path = f"/threads/{stage.thread}/runs/{first}/cancel"
    answers = await asyncio.gather(*(stage.http.post(path, params={"wait": "1"}) for _ in range(8)))
    assert {answer.status_code for answer in answers} <= {200, 404}
    assert await stage.status(first) == "interrupted"


@pytest.mark.parametrize(
    ("modes", "error"),
    [(["values", "messages-tuple"], "CancelledError()"), (["custom"], "CancelledError()"), (["values"], None)],
)
@pytest.mark.parametrize("superseded", [False, True])
async def test_a_step_that_was_cancelled_shows_it_where_langgraph_does(
    stage: Stage, modes: Any, error: str | None, superseded: bool
) -> None:
    run = await stage.held("A", "sf", "tools:1/enter", stream_mode=modes)
    if superseded:
        await stage.join(await stage.create("B", "nyc", "interrupt"))
    else:
        await stage.client.runs.cancel(stage.thread, run, wait=True)
        assert [task["error"] for task in (await stage.state())["tasks"]] == [error]
    errors = [task["error"] for state in await stage.history() for task in state["tasks"] if task["name"] == "tools"]
    assert errors[0] == error
    assert errors[1:] == [None] * superseded


async def test_a_step_shows_that_it_was_cancelled_because_its_neighbour_failed() -> None:
    script = parse("""
    turns:
      - steps:
          - parallel:
              - {node: bad, error: boom}
              - {node: quick, channels: {log: quick}}
              - {node: slow, hold: here}
    """)
    async with on_stage(script=script) as stage:
        await stage.client.runs.wait(stage.thread, "agent", input={"messages": "go"}, raise_error=False)
        state: Any = await stage.state()
        assert state["next"] == ["bad", "slow"]
        errors = {task["name"]: task["error"] for task in state["tasks"]}
        assert errors == {"bad": "RuntimeError('boom')", "quick": None, "slow": "CancelledError()"}


HELD = parse("""
turns:
  - when: {contains: alone}
    steps: [{node: slow, hold: here}]
  - when: {contains: inside}
    steps: [{node: outer, subgraph: [{node: slow, hold: here}]}]
  - when: {contains: beside}
    steps: [{parallel: [{node: outer, subgraph: [{node: slow, hold: here}]}, {node: quick, channels: {log: quick}}]}]
  - when: {contains: neighbors}
    steps: [{node: outer, subgraph: [{parallel: [{node: slow, hold: here}, {node: quick, say: quick}]}]}]
""")
CANCELLED = "CancelledError()"


@pytest.mark.parametrize("mode", ["values", "updates", "events", "debug", "custom", "messages-tuple"])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # The errors of the tasks of the thread, and of those of its child graph, without and with a mode in which
        # nodes emit. `langgraph dev` was asked.
        ("alone", ({"slow": None}, {"slow": CANCELLED})),
        ("inside", ({"outer": None, "slow": None}, {"outer": CANCELLED, "slow": None})),
        ("beside", ({"outer": CANCELLED, "quick": None, "slow": None},) * 2),
        (
            "neighbors",
            ({"outer": None, "slow": CANCELLED, "quick": None}, {"outer": CANCELLED, "slow": CANCELLED, "quick": None}),
        ),
    ],
)
async def test_every_kind_of_step_shows_its_cancellation_where_langgraph_does(
    mode: Any, kind: str, expected: tuple[Any, Any]
) -> None:
    async with on_stage(script=HELD) as stage:
        run = await start(stage, kind, stream_mode=mode)
        await stage.client.runs.cancel(stage.thread, run, wait=True)
        assert await errors(stage) == expected[mode in ("custom", "messages-tuple")]


async def test_a_run_that_stores_at_its_end_shows_no_cancelled_step() -> None:
    async with on_stage(script=HELD) as stage:
        run = await start(stage, "beside", stream_mode="custom", durability="exit")
        await stage.client.runs.cancel(stage.thread, run, wait=True)
        assert set((await errors(stage)).values()) == {None}


async def start(stage: Stage, text: str, **more: Any) -> str:
    """Create a run, and return its id when it is held and the steps beside that one have ended."""
    given: Any = {"messages": [{"role": "user", "content": text}]}
    run: Any = await stage.client.runs.create(stage.thread, "agent", input=given, **more)
    (await stage.http.post("/_mock/wait", json={"point": "here"})).raise_for_status()
    return str(run["run_id"])


async def errors(stage: Stage) -> dict[str, Any]:
    """Return the errors of the tasks of a thread and of its child graph, by the names of their nodes."""
    found: dict[str, Any] = {}
    state: Any = await stage.client.threads.get_state(stage.thread, subgraphs=True)
    waiting = [state]
    for one in waiting:
        found |= {task["name"]: task["error"] for task in one["tasks"]}
        waiting += [task["state"] for task in one["tasks"] if task["state"]]
    return found
