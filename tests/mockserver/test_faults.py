"""Faults of the network, and a restart in the middle of a run."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

import mockserver
from mockserver.core.clock import HandClock, UndelayedClock
from mockserver.web.faults import BadFaultError, Fault, parse_fault
from tests.mockserver.stage import Stage, asking, on_stage
from tests.mockserver.witness import DEADLINE

BODY = {"assistant_id": "agent", "input": asking("sf"), "stream_mode": "updates"}


async def streamed(stage: Stage, **headers: str) -> tuple[list[str], bool]:
    """Return the names of the events of a run's stream, and whether the stream ended."""
    names: list[str] = []
    path = f"/threads/{stage.thread}/runs/stream"
    try:
        async with stage.http.stream("POST", path, json=BODY, headers=headers) as answer:
            async for line in answer.aiter_lines():
                names += [line[7:]] if line.startswith("event: ") else []
    except httpx.RemoteProtocolError:
        return names, False
    return names, True


WHOLE = ["metadata", "updates", "updates", "updates"]


async def test_a_stream_without_faults() -> None:
    async with on_stage() as stage:
        assert await streamed(stage) == (WHOLE, True)


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_stream_that_is_cut_after_so_many_events(after: int) -> None:
    async with on_stage(faults=[f"cut@{after}"]) as stage:
        assert await streamed(stage) == (WHOLE[:after], False)


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_stream_that_ends_in_the_middle_looks_complete_and_its_run_continues(after: int) -> None:
    async with on_stage(faults=[f"end@{after}"]) as stage:
        assert await streamed(stage) == (WHOLE[:after], True)
        [run] = (await stage.http.get(f"/threads/{stage.thread}/runs")).json()
        await stage.join(run["run_id"])
        assert (await stage.status(run["run_id"]), await stage.said()) == ("success", "HATA")


async def test_a_stream_that_ended_and_had_an_event_held_back_stays_ended() -> None:
    async with on_stage() as stage:
        assert await streamed(stage, **{"X-Mock-Fault": "reorder@0,end@1"}) == ([], True)


async def test_a_run_whose_stream_was_cut_goes_on_or_not_as_it_was_asked() -> None:
    async with on_stage() as stage:
        for asked, status in (("continue", "success"), ("cancel", "interrupted")):
            await stage.http.post("/_mock/faults", json={"kind": "cut", "at": 1, "times": 1})
            body = {**BODY, "on_disconnect": asked}
            with pytest.raises(httpx.RemoteProtocolError):
                await stage.http.post(f"/threads/{stage.thread}/runs/stream", json=body)
            [run, *_] = (await stage.http.get(f"/threads/{stage.thread}/runs")).json()
            await stage.join(run["run_id"])
            assert await stage.status(run["run_id"]) == status


async def test_events_twice_and_in_another_order() -> None:
    async with on_stage() as stage:
        assert await streamed(stage, **{"X-Mock-Fault": "duplicate@0"}) == (["metadata", *WHOLE], True)
        assert await streamed(stage, **{"X-Mock-Fault": "reorder@0"}) == (
            ["updates", "metadata", "updates", "updates"],
            True,
        )
        assert await streamed(stage, **{"X-Mock-Fault": "reorder@3"}) == (WHOLE, True)


async def test_a_proxy_that_answers_itself() -> None:
    async with mockserver.serving(faults=["bad-gateway"]) as url, httpx.AsyncClient(base_url=url) as http:
        assert (await http.get("/ok", headers={"X-Mock-Fault": "none"})).status_code == 200
        answer = await http.get("/ok")
        assert (answer.status_code, answer.headers["content-type"][:9]) == (502, "text/html")


@pytest.mark.parametrize("kind", ["", "/wait"])
async def test_an_answer_that_a_proxy_loses(kind: str) -> None:
    async with on_stage() as stage:
        fault = {"kind": "gateway-timeout", "path": f"*/runs{kind}", "times": 1}
        await stage.http.post("/_mock/faults", json=fault)
        runs = f"/threads/{stage.thread}/runs"
        answer = await stage.http.post(f"{runs}{kind}", json=BODY)
        assert (answer.status_code, answer.headers["content-type"][:9]) == (504, "text/html")
        # The server has carried it out.
        [run] = (await stage.http.get(runs)).json()
        assert (await stage.http.get(f"{runs}/{run['run_id']}/join")).status_code == 200
        assert (await stage.http.post(f"{runs}{kind}", json=BODY)).status_code == 200


async def test_a_run_whose_wait_is_given_up_by_a_proxy_may_be_cancelled_by_it() -> None:
    async with on_stage() as stage:
        await stage.http.post("/_mock/faults", json={"kind": "gateway-timeout"})
        runs = f"/threads/{stage.thread}/runs"
        body = {**BODY, "on_disconnect": "cancel"}
        assert (await stage.http.post(f"{runs}/wait", json=body)).status_code == 504
        await stage.http.delete("/_mock/faults")
        [run] = (await stage.http.get(runs)).json()
        assert run["status"] == "interrupted"


async def test_a_stream_is_never_late_for_a_proxy() -> None:
    async with on_stage() as stage:
        assert await streamed(stage, **{"X-Mock-Fault": "gateway-timeout"}) == (WHOLE, True)


async def test_json_of_which_half_is_missing() -> None:
    async with on_stage() as stage:
        header = {"X-Mock-Fault": "truncate"}
        for method, path in (("GET", f"/threads/{stage.thread}"), ("POST", f"/threads/{stage.thread}/runs/wait")):
            answer = await stage.http.request(method, path, json=BODY if method == "POST" else None, headers=header)
            assert answer.status_code == 200
            with pytest.raises(json.JSONDecodeError):
                answer.json()


async def test_a_delay_runs_on_the_clock_of_the_mock() -> None:
    clock = HandClock()
    async with on_stage(clock=clock) as stage:
        header = {"X-Mock-Fault": "delay@30"}
        asked = asyncio.create_task(stage.http.get(f"/threads/{stage.thread}", headers=header))
        assert (await stage.http.get("/ok")).status_code == 200
        while not asked.done():
            await clock.advance(10)
            await asyncio.sleep(0)
        assert asked.result().status_code == 200


async def test_the_nearest_place_counts_header_then_thread_then_deployment() -> None:
    async with on_stage() as stage:
        await stage.http.post("/_mock/faults", json={"kind": "bad-gateway"})
        url = f"/threads/{stage.thread}"
        await stage.http.post("/_mock/faults", json={"kind": "truncate", "thread_id": stage.thread})
        assert (await stage.http.get(url)).status_code == 200
        assert (await stage.http.get(url, headers={"X-Mock-Fault": "bad-gateway"})).status_code == 502
        assert (await stage.http.get("/ok")).status_code == 502
        await stage.http.delete(f"/_mock/faults?thread_id={stage.thread}")
        assert (await stage.http.get(url)).status_code == 502
        assert (await stage.http.delete("/_mock/faults")).json() == {"set": []}
        assert (await stage.http.get(url)).json()["thread_id"] == stage.thread


async def test_a_fault_befalls_the_requests_it_is_for_so_often_as_it_says() -> None:
    async with on_stage() as stage:
        fault = {"kind": "bad-gateway", "path": "*/runs/*/cancel", "method": "POST", "times": 2}
        await stage.http.post("/_mock/faults", json=fault)
        run_id = await stage.held("A", "sf", "tools:1/enter")
        path = f"/threads/{stage.thread}/runs/{run_id}"
        assert (await stage.http.get(path)).status_code == 200
        assert [(await stage.http.post(f"{path}/cancel")).status_code for _ in range(3)] == [502, 502, 202]
        [shown] = (await stage.http.get("/_mock/faults")).json()["set"]
        assert shown == {**fault, "thread_id": None, "struck": 2}


async def test_the_same_seed_strikes_the_same_requests() -> None:
    async def codes(seed: int) -> list[int]:
        async with on_stage(seed=seed) as stage:
            await stage.http.post("/_mock/faults", json={"kind": "bad-gateway", "chance": 0.5})
            return [(await stage.http.get("/ok")).status_code for _ in range(20)]

    first, again, other = await codes(1), await codes(1), await codes(2)
    assert first == again
    assert first != other
    assert set(first) == {200, 502}


async def test_a_fault_that_there_is_not() -> None:
    with pytest.raises(BadFaultError, match=r"there is no fault `cute`. Did you mean `cut`\?"):
        parse_fault("cute@1")
    async with on_stage() as stage:
        answer = await stage.http.get("/ok", headers={"X-Mock-Fault": "cut@x"})
        assert (answer.status_code, answer.json()["detail"][:13]) == (400, "X-Mock-Fault:")
        assert (await stage.http.post("/_mock/faults", json={"kind": "cut", "at": -1})).status_code == 422


async def test_a_restart_in_the_middle_of_a_run_starts_it_again_from_its_newest_checkpoint() -> None:
    async with on_stage() as stage:
        run_id = await stage.held("A", "sf", "tools:1/enter")
        before = await stage.history()
        assert (await stage.http.post("/_mock/restart")).json() == {"starts": 2}
        stage.witness.release()
        await stage.join(run_id)
        assert await stage.status(run_id) == "success"
        assert await stage.said() == "HATA"
        assert await stage.steps() == ["A/agent:1", "A/tools:1", "A/agent:2"]
        # What had been written is there once, and no input is written again.
        after = await stage.history()
        assert [one["checkpoint_id"] for one in after[: len(before)]] == [one["checkpoint_id"] for one in before]
        assert len(after) == 5


async def test_a_restart_before_anything_was_written_takes_up_the_input_once() -> None:
    async with on_stage() as stage:
        run_id = await stage.create("A", "sf")
        await stage.http.post("/_mock/restart")
        await stage.join(run_id)
        assert await stage.said() == "HATA"


async def test_a_run_whose_worker_is_gone_before_its_witness_is_let_go_is_executed_again() -> None:
    async with on_stage() as stage:
        # A connection to the witness is left open, and takes some turns to close.
        await stage.join(await stage.create("A", "sf"))
        await stage.http.post("/_mock/holds", json={"point": "agent:1/enter"})
        run_id = await stage.create("B", "nyc", probe={"witness": None})
        await stage.http.post("/_mock/wait", json={"point": "agent:1/enter"})
        await stage.http.post("/_mock/restart")
        await stage.http.delete("/_mock/holds")
        await stage.join(run_id)
        assert await stage.status(run_id) == "success"
        assert await stage.said() == "HATAHATA"


async def test_the_lost_worker_tells_nobody_anything_and_writes_nothing() -> None:
    async with on_stage() as stage:
        run_id = await stage.held("A", "sf", "tools:1/enter", probe={"on_cancel": "swallow"})
        await stage.http.post("/_mock/restart")
        stage.witness.release()
        await stage.join(run_id)
        assert await stage.said() == "HATA"
        assert [seen for seen in stage.witness.seen if "cancelled" in seen] == []


async def test_a_restart_cuts_connections_and_does_not_count_as_leaving() -> None:
    async with on_stage() as stage:
        stage.witness.hold("A/tools:1/enter")
        body = {"assistant_id": "agent", "input": asking("sf"), "config": stage.config("A"), "on_disconnect": "cancel"}
        waiting = asyncio.create_task(stage.http.post(f"/threads/{stage.thread}/runs/wait", json=body))
        await stage.witness.reached("A/tools:1/enter")
        await stage.http.post("/_mock/restart")
        async with asyncio.timeout(DEADLINE):
            with pytest.raises(httpx.HTTPError):
                await waiting
        stage.witness.release()
        [run] = (await stage.http.get(f"/threads/{stage.thread}/runs")).json()
        await stage.join(run["run_id"])
        assert await stage.status(run["run_id"]) == "success"


async def test_after_a_restart_what_was_queued_is_still_queued_and_what_was_stopping_is_over() -> None:
    async with on_stage() as stage:
        stage.witness.hold("A/tools:1/enter", "A/tools:1/cancelled")
        first = await stage.create("A", "sf", probe={"on_cancel": "linger"})
        await stage.witness.reached("A/tools:1/enter")
        second = await stage.create("B", "nyc", "interrupt")
        third = await stage.create("C", "la", "enqueue")
        await stage.witness.reached("A/tools:1/cancelled")
        await stage.http.post("/_mock/restart")
        stage.witness.release()
        await stage.join(third)
        assert [await stage.status(run) for run in (first, second, third)] == ["interrupted", "success", "success"]


async def test_a_stream_of_a_restarted_run_tells_the_attempt() -> None:
    async with mockserver.serving(clock=UndelayedClock()) as url, httpx.AsyncClient(base_url=url) as http:
        thread: Any = (await http.post("/threads", json={})).json()["thread_id"]
        await http.post("/_mock/holds", json={"point": "agent:1/enter"})
        run = (await http.post(f"/threads/{thread}/runs", json={**BODY, "stream_resumable": True})).json()
        await http.post("/_mock/wait", json={"point": "agent:1/enter"})
        await http.post("/_mock/restart")
        await http.delete("/_mock/holds")
        path = f"/threads/{thread}/runs/{run['run_id']}"
        await http.get(f"{path}/join")
        told = await http.get(f"{path}/stream", headers={"Last-Event-ID": "-1"})
        first = [json.loads(line[6:]) for line in told.text.splitlines() if line.startswith("data: ")]
        assert [data["attempt"] for data in first if "attempt" in data] == [1, 2]


async def test_a_fault_counts_only_the_answers_that_it_changes() -> None:
    async with on_stage() as stage:
        for fault in ({"kind": "cut", "at": 2}, {"kind": "truncate"}):
            await stage.http.delete("/_mock/faults")
            await stage.http.post("/_mock/faults", json={**fault, "times": 1})
            # No stream, no body, and a stream of fewer events than the fault is to let through.
            is_cut = fault["kind"] == "cut"
            thread = (await stage.client.threads.create())["thread_id"] if is_cut else stage.thread
            await stage.http.delete(f"/threads/{thread}" if is_cut else "/threads/00000000-0000-4000-8000-000000000000")
            if is_cut:
                values = {**BODY, "stream_mode": "custom"}
                await stage.http.post(f"/threads/{stage.thread}/runs/stream", json=values)
                assert await streamed(stage) == (WHOLE[:2], False)
                assert await streamed(stage) == (WHOLE, True)
            [shown] = (await stage.http.get("/_mock/faults")).json()["set"]
            assert shown["struck"] == 1


async def test_two_streams_at_once_share_one_cut() -> None:
    async with on_stage() as stage:
        await stage.http.post("/_mock/faults", json={"kind": "cut", "at": 1, "times": 1})
        found = await asyncio.gather(streamed(stage), streamed(stage))
        assert sorted(whole for _, whole in found) == [False, True]


async def test_a_reset_draws_the_same_numbers_again() -> None:
    async def codes(stage: Stage) -> list[int]:
        await stage.http.post("/_mock/reset", json={"seed": 4, "faults": [{"kind": "bad-gateway", "chance": 0.5}]})
        return [(await stage.http.get("/ok")).status_code for _ in range(20)]

    async with on_stage() as stage:
        assert await codes(stage) == await codes(stage)


@pytest.mark.parametrize("wrong", [{"kind": "kut"}, {"at": -1}, {"chance": 2}, {"times": 0}, {"path": 1}, {"at": "2"}])
def test_a_fault_that_python_code_creates_is_checked(wrong: Any) -> None:
    with pytest.raises(BadFaultError):
        Fault(**{"kind": "cut", **wrong})
