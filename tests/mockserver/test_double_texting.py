"""Every strategy against a first run in every phase, through the official client."""

from typing import Any

import pytest
from langgraph_sdk.errors import ConflictError

from tests.mockserver.stage import Stage, asking

# What the first run left, by where it is held: the messages, and the steps that finished.
HELD = {
    "agent:1/enter": ("H", []),
    "tools:1/enter": ("HA", ["A/agent:1"]),
    "agent:2/enter": ("HAT", ["A/agent:1", "A/tools:1"]),
    "agent:2/token": ("HAT", ["A/agent:1", "A/tools:1"]),
}
OF_B = ["B/agent:1", "B/tools:1", "B/agent:2"]


@pytest.mark.parametrize("point", HELD)
async def test_interrupt_keeps_what_the_first_run_finished(stage: Stage, point: str) -> None:
    messages, steps = HELD[point]
    first = await stage.held("A", "sf", point)
    second = await stage.create("B", "nyc", "interrupt")
    await stage.join(second)

    assert await stage.status(first) == "interrupted"
    assert await stage.status(second) == "success"
    assert await stage.thread_status() == "idle"
    assert await stage.said() == messages + "HATA"
    assert await stage.steps() == steps + OF_B
    node = point.partition("/")[0]
    assert stage.witness.of("A")[-2:] == [f"{node}/cancelled", f"{node}/exit=cancelled"]


@pytest.mark.parametrize("point", HELD)
async def test_rollback_leaves_no_trace_of_the_first_run(stage: Stage, point: str) -> None:
    first = await stage.held("A", "sf", point)
    second = await stage.create("B", "nyc", "rollback")
    await stage.join(second)

    assert await stage.status(first) == "gone"
    assert [run["run_id"] for run in await stage.client.runs.list(stage.thread)] == [second]
    assert await stage.said() == "HATA"
    assert await stage.steps() == OF_B
    assert {one["metadata"]["run_id"] for one in await stage.history()} == {second}
    assert await stage.thread_status() == "idle"


@pytest.mark.parametrize("point", HELD)
async def test_reject_refuses_the_second_run_and_leaves_the_first_alone(stage: Stage, point: str) -> None:
    first = await stage.held("A", "sf", point)
    before = await stage.state()
    with pytest.raises(ConflictError):
        await stage.create("B", "nyc", "reject")
    assert await stage.state() == before
    stage.witness.release()
    await stage.join(first)

    assert [run["run_id"] for run in await stage.client.runs.list(stage.thread)] == [first]
    assert await stage.said() == "HATA"
    assert stage.witness.of("B") == []
    await stage.join(await stage.create("B", "nyc", "reject"))
    assert await stage.said() == "HATAHATA"


@pytest.mark.parametrize("point", HELD)
@pytest.mark.parametrize("strategy", ["enqueue", None])
async def test_enqueue_waits_its_turn(stage: Stage, point: str, strategy: str | None) -> None:
    first = await stage.held("A", "sf", point)
    second = await stage.create("B", "nyc", strategy)
    assert await stage.status(second) == "pending"
    assert (await stage.client.runs.get(stage.thread, second))["multitask_strategy"] == "enqueue"
    stage.witness.release()
    await stage.join(second)

    assert [await stage.status(one) for one in (first, second)] == ["success", "success"]
    assert await stage.steps() == ["A/agent:1", "A/tools:1", "A/agent:2", *OF_B]
    last_of_first = stage.witness.seen.index("A/agent:2/exit=returned")
    assert last_of_first < stage.witness.seen.index("B/agent:1/enter")


@pytest.mark.parametrize("strategy", ["enqueue", "interrupt", "rollback", "reject"])
async def test_after_the_first_run_a_second_is_an_ordinary_turn(stage: Stage, strategy: str) -> None:
    first = await stage.create("A", "sf")
    await stage.join(first)
    before = await stage.history()
    second = await stage.create("B", "nyc", strategy)
    await stage.join(second)

    assert [await stage.status(one) for one in (first, second)] == ["success", "success"]
    assert await stage.said() == "HATAHATA"
    # The older checkpoints are the same, ids and all.
    assert (await stage.history())[: len(before)] == before
    assert (await stage.client.runs.get(stage.thread, second))["multitask_strategy"] == strategy


@pytest.mark.parametrize("endpoint", ["create", "stream", "wait"])
@pytest.mark.parametrize(("strategy", "said"), [("interrupt", "HAHATA"), ("rollback", "HATA")])
async def test_every_endpoint_honours_the_strategy(stage: Stage, endpoint: str, strategy: Any, said: str) -> None:
    await stage.held("A", "sf", "tools:1/enter")
    arguments: dict[str, Any] = {
        "thread_id": stage.thread,
        "assistant_id": "agent",
        "input": asking("nyc"),
        "config": stage.config("B"),
        "multitask_strategy": strategy,
    }
    if endpoint == "create":
        await stage.join((await stage.client.runs.create(**arguments))["run_id"])
    elif endpoint == "wait":
        values: Any = await stage.client.runs.wait(**arguments)
        assert values["steps"][-1] == "B/agent:2"
    else:
        parts = [part async for part in stage.client.runs.stream(**arguments)]
        assert parts[-1].data["steps"][-1] == "B/agent:2"
    assert await stage.said() == said


@pytest.mark.parametrize("endpoint", ["runs", "runs/stream", "runs/wait"])
async def test_every_endpoint_refuses_in_plain_json(stage: Stage, endpoint: str) -> None:
    await stage.held("A", "sf", "tools:1/enter")
    answer = await stage.http.post(
        f"/threads/{stage.thread}/{endpoint}",
        json={"assistant_id": "agent", "input": asking("nyc"), "multitask_strategy": "reject"},
    )
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "detail": "Thread is already running a task. Wait for it to finish or choose a different multitask strategy."
    }


@pytest.mark.parametrize(("strategy", "fate"), [("interrupt", "interrupted"), ("rollback", "gone")])
async def test_all_that_is_in_flight_is_superseded_and_what_was_pending_never_executes(
    stage: Stage, strategy: str, fate: str
) -> None:
    superseded = [await stage.held("A", "sf", "tools:1/enter")]
    superseded += [await stage.create(label, "oslo") for label in ("Q1", "Q2")]
    last = await stage.create("B", "nyc", strategy)
    await stage.join(last)

    assert [await stage.status(one) for one in superseded] == [fate] * 3
    assert stage.witness.of("Q1") == stage.witness.of("Q2") == []
    assert await stage.said() == ("HAHATA" if strategy == "interrupt" else "HATA")
    assert await stage.thread_status() == "idle"


async def test_the_newcomers_strategy_decides(stage: Stage) -> None:
    first = await stage.held("A", "sf", "tools:1/enter", strategy="rollback")
    await stage.join(await stage.create("B", "nyc", "interrupt"))
    assert await stage.status(first) == "interrupted"


async def test_history_is_one_chain_across_the_interruption(stage: Stage) -> None:
    first = await stage.held("A", "sf", "agent:2/token")
    second = await stage.create("B", "nyc", "interrupt")
    await stage.join(second)
    chain = await stage.history()
    shape = [
        (one["metadata"]["run_id"], one["metadata"]["source"], one["metadata"]["step"], one["next"]) for one in chain
    ]

    assert shape == [
        (first, "input", -1, ["__start__"]),
        (first, "loop", 0, ["agent"]),
        (first, "loop", 1, ["tools"]),
        (first, "loop", 2, ["agent"]),
        (second, "input", 3, ["__start__"]),
        (second, "loop", 4, ["agent"]),
        (second, "loop", 5, ["tools"]),
        (second, "loop", 6, ["agent"]),
        (second, "loop", 7, []),
    ]
    parents = [one["parent_checkpoint_id"] for one in chain]
    assert parents == [None, *(one["checkpoint_id"] for one in chain[:-1])]
    ids = [one["checkpoint_id"] for one in chain]
    assert ids == sorted(set(ids))
    # `tasks[0].result` of the step that was cut short stays empty, those before it hold what was written.
    assert [bool(one["tasks"][0]["result"]) for one in chain[:4]] == [True, True, True, False]
    assert chain[-1] == await stage.state()


async def test_other_threads_are_untouched(stage: Stage) -> None:
    first = await stage.held("A", "sf", "tools:1/enter")
    mine = stage.thread
    stage.thread = (await stage.client.threads.create())["thread_id"]
    await stage.join(await stage.create("B", "nyc", "interrupt"))
    stage.thread = mine
    assert await stage.status(first) == "running"
    stage.witness.release()
    await stage.join(first)
    assert await stage.said() == "HATA"


async def test_of_many_interrupts_at_once_the_last_succeeds(stage: Stage) -> None:
    stage.witness.hold(*(f"R{number}/agent:1/enter" for number in range(7)))
    runs = [await stage.create(f"R{number}", "sf", "interrupt") for number in range(8)]
    await stage.join(runs[-1])
    assert [await stage.status(one) for one in runs] == ["interrupted"] * 7 + ["success"]
    assert await stage.thread_status() == "idle"


async def test_queued_runs_start_in_order_and_the_queue_survives_whatever_happens_ahead(stage: Stage) -> None:
    failing = await stage.held("A", "sf", "agent:1/enter", probe={"fail": ("agent:1",)})
    cancelled = await stage.create("B", "sf")
    labels = ["C", "D", "E"]
    queued = [await stage.create(label, "sf") for label in labels]
    await stage.client.runs.cancel(stage.thread, cancelled)
    assert await stage.status(cancelled) == "interrupted"
    assert await stage.thread_status() == "busy"
    stage.witness.release()
    await stage.join(queued[-1])

    assert await stage.status(failing) == "error"
    assert [await stage.status(one) for one in queued] == ["success"] * 3
    started = [seen[0] for seen in stage.witness.seen if seen.endswith("agent:1/enter")]
    assert started == ["A", *labels]
    assert await stage.thread_status() == "idle"
