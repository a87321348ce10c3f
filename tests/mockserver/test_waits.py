"""Waits: they end as soon as their end is certain, say what is true instead, and never block or freeze a test."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import anyio
import freezegun
import httpx
import pytest
import trio
from langgraph_sdk import get_sync_client

from mockserver import MockDeployment
from mockserver.control.errors import BlockedLoopError, ControlError, DeadlineError, UsageError
from mockserver.deployment import AsyncDeployment
from tests.mockserver.stage import asking
from tests.mockserver.witness import DEADLINE

REFUND = """
turns:
  - name: a refund
    when: {contains: refund}
    steps:
      - call: {tool: look_up}
      - result: shipped
      - error: {type: TimeoutError, message: the model is gone}
"""


def frozen() -> Any:
    # freezegun reads every name of every module. Those of langsmith import what cannot be imported in frozen time.
    return freezegun.freeze_time("2026-01-01", ignore=["langsmith", "langgraph", "langchain"])


def begun(mock: MockDeployment, text: str = "sf") -> tuple[str, str]:
    with httpx.Client(base_url=mock.url, timeout=DEADLINE) as http:
        thread = http.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": "agent", "input": asking(text)}
        return thread, http.post(f"/threads/{thread}/runs", json=body).json()["run_id"]


def test_a_wait_for_a_status_that_a_run_will_never_have_ends_with_the_error_and_the_step() -> None:
    with MockDeployment(script=REFUND) as mock:
        thread, run = begun(mock, "I want a refund")
        mock.wait_for_status("error", thread, run)
        with pytest.raises(DeadlineError) as refused:
            mock.wait_for_status("success", thread, run)
        assert str(refused.value) == (
            f"run {run} has ended with `error` and will never have `success`. It failed in the step agent:2: "
            "TimeoutError: the model is gone"
        )


def test_a_script_without_a_turn_says_which_message_and_which_turns_there_are() -> None:
    with MockDeployment(script=REFUND) as mock:
        thread, run = begun(mock, "hello")
        with pytest.raises(DeadlineError, match=r'message ".*hello.*"\. .* for: a refund \(contains: "refund"\)'):
            mock.wait_for_status("success", thread, run)


def test_a_wait_for_the_status_of_a_run_that_asks_a_human_points_to_the_thread() -> None:
    with MockDeployment(script="turns: [{steps: [{interrupt: {value: ok?}}]}]") as mock:
        thread, run = begun(mock)
        with pytest.raises(DeadlineError, match="asks a human, so its thread has the status `interrupted`"):
            mock.wait_for_status("interrupted", thread, run)
        mock.wait_for_status("interrupted", thread)


def test_a_wait_for_a_run_that_is_erased_ends_at_once() -> None:
    with MockDeployment() as mock, get_sync_client(url=mock.url) as client:
        mock.hold("tools:1/enter")
        thread, run = begun(mock)
        mock.wait_until_held("tools:1/enter")
        newer = client.runs.create(thread, "agent", input=asking("nyc"), multitask_strategy="rollback")
        mock.release()
        with pytest.raises(ControlError, match=f"no run {run} .* superseded by run {newer['run_id']} and erased"):
            mock.wait_for_status("success", thread, run)


def test_a_wait_at_a_point_without_a_hold_ends_at_once() -> None:
    with MockDeployment() as mock:
        with pytest.raises(ControlError, match=r"no hold is set there. No hold is set. Call hold\(\"tools:1/enter\"\)"):
            mock.wait_until_held("tools:1/enter")
        mock.hold("agent:1/enter")
        with pytest.raises(ControlError, match="Holds are set at agent:1/enter"):
            mock.wait_until_held("tools:1/enter")


def test_a_wait_that_times_out_shows_what_is_true() -> None:
    with MockDeployment(deadline=0.1) as mock:
        mock.hold("tools:1/enter")
        with pytest.raises(DeadlineError) as refused:
            mock.wait_until_held("tools:1/enter")
        assert str(refused.value).splitlines() == [
            "timed out after 0.1 s: no run is held at `tools:1/enter`",
            "  no run was created",
            "  holds are set at tools:1/enter",
            "  no request was received: does the client use the URL of this deployment?",
        ]
        thread, run = begun(mock)
        mock.wait_until_held("tools:1/enter", deadline=DEADLINE)
        with pytest.raises(DeadlineError) as refused:
            mock.wait_until_quiet()
        shown = str(refused.value)
        assert f"run {run} on thread {thread}: running, held at tools:1/enter" in shown
        assert f"POST /threads/{thread}/runs -> 200" in shown
        with pytest.raises(DeadlineError, match=r"timed out after 0\.2 s"):
            mock.wait_for_status("success", thread, run, deadline=0.2)
        with pytest.raises(UsageError, match="deadline is -1"):
            mock.wait_until_quiet(deadline=-1)


async def test_a_wait_in_an_async_function_that_would_block_its_loop_is_refused() -> None:
    with MockDeployment() as mock:
        mock.hold("tools:1/enter")
        waits: dict[str, Any] = {
            "wait_until_held": lambda: mock.wait_until_held("tools:1/enter"),
            "wait_until_quiet": mock.wait_until_quiet,
            "wait_for_request": mock.wait_for_request,
            "wait_for_status": lambda: mock.wait_for_status("idle", "x"),
        }
        for name, wait in waits.items():
            with pytest.raises(
                BlockedLoopError,
                match=rf"^{name} was called .* block its event loop \(asyncio\).*`await mock.aio.{name}",
            ):
                wait()
        # Outside a task nothing depends on the loop, as with the synchronous API of Playwright.
        quiet = asyncio.Event()

        def beside() -> None:
            mock.wait_until_quiet()
            quiet.set()

        asyncio.get_running_loop().call_soon(beside)
        await quiet.wait()


async def on_any_loop() -> list[str]:
    """Do what an async test does, with no library of its own."""
    async with MockDeployment() as mock, httpx.AsyncClient(base_url=mock.url, timeout=DEADLINE) as http:
        await mock.aio.hold("tools:1/enter")
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        body = {"assistant_id": "agent", "input": asking("sf")}
        run = (await http.post(f"/threads/{thread}/runs", json=body)).json()["run_id"]
        held = await mock.aio.wait_until_held("tools:1/enter")
        assert (await mock.aio.held())[0] == held
        assert await mock.aio.release() == 1
        await mock.aio.wait_for_status("success", thread, run)
        await mock.aio.assert_requested("POST", "*/runs", times=1)
        await mock.aio.assert_not_requested("DELETE")
        with pytest.raises(DeadlineError, match="never have `pending`"):
            await mock.aio.wait_for_status("pending", thread, run)
        if anyio.get_cancelled_exc_class() is trio.Cancelled:
            with pytest.raises(BlockedLoopError, match=r"\(trio\)"):
                mock.wait_until_quiet()
        with anyio.move_on_after(0.01) as scope:
            await mock.aio.wait_for_request("DELETE")
        assert scope.cancelled_caught
        return [run["status"] for run in await mock.aio.runs(thread)]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_every_event_loop_awaits_the_same_coroutines(backend: str) -> None:
    assert anyio.run(on_any_loop, backend=backend) == ["success"]


def test_trio_without_anyio() -> None:
    async def test() -> str:
        async with MockDeployment() as mock:
            await mock.aio.wait_until_quiet()
            return await mock.aio.log()

    assert trio.run(test) == ""


def test_the_coroutines_are_as_many_as_the_methods() -> None:
    here = {"url", "controller", "submit", "is_running"}
    methods = {name for name in dir(MockDeployment) if not name.startswith("_")} - here
    assert {name for name in vars(AsyncDeployment) if not name.startswith("_")} == methods
    # `start` returns the deployment, which an async test has already.
    for name in methods - {"start"}:
        assert getattr(AsyncDeployment, name).__doc__ == getattr(MockDeployment, name).__doc__


def test_deadlines_and_real_delays_pass_while_a_test_freezes_time() -> None:
    script = "turns: [{steps: [{say: Hi., takes: 0.01}]}]"
    with frozen(), MockDeployment(time="real", script=script) as mock:
        with pytest.raises(DeadlineError, match="timed out"):
            mock.wait_for_request("DELETE", deadline=0.05)
        mock.wait_for_status("success", *begun(mock))
    # Frozen after the start as well.
    with MockDeployment() as mock, frozen(), pytest.raises(DeadlineError):
        mock.wait_for_request("DELETE", deadline=0.05)


def test_a_failure_begins_in_the_line_of_the_test() -> None:
    with MockDeployment(deadline=0.01) as mock:
        for fails in (mock.assert_requested, mock.wait_for_request, lambda: mock.runs("x")):
            with pytest.raises((AssertionError, ControlError)) as caught:
                fails()
            frames = caught.traceback.filter(caught)
            assert [entry.path.name for entry in frames if "mockserver/control" in str(entry.path)] == []  # type: ignore[union-attr]
            assert {"test_waits.py"} == {getattr(entry.path, "name", "") for entry in frames}
            # Nor are there frames of the other thread, which pytest would not hide.
            assert "controller.py" not in "".join(traceback.format_tb(caught.value.__traceback__))


def test_by_default_no_reset_gives_the_same_ids_and_a_seed_does() -> None:
    with MockDeployment() as mock, httpx.Client(base_url=mock.url) as http:
        seen = {begun(mock)}
        for _ in range(3):
            mock.reset()
            seen.add(begun(mock))
            assert http.post("/_mock/reset").status_code == 200
            seen.add(begun(mock))
        assert len(seen) == 7
        for seed in (5, 5, 6):
            assert http.post("/_mock/reset", json={"seed": seed}).status_code == 200
            seen.add(begun(mock))
        assert len(seen) == 9


def test_a_late_request_of_an_earlier_test_is_in_no_journal() -> None:
    with MockDeployment() as mock, httpx.Client(base_url=mock.url) as http:
        thread, run = begun(mock)
        mock.wait_until_quiet()
        mock.reset()
        assert http.get(f"/threads/{thread}/runs/{run}").status_code == 404
        assert mock.journal() == []
        assert mock.log() == "     1 late requests of earlier tests are not listed"
        begun(mock)
        assert [entry.number for entry in mock.journal()] == [1, 2]
        assert http.get("/_mock/journal").json()["requests"][0]["number"] == 1


def test_a_reset_over_http_takes_the_settings_of_the_next_test() -> None:
    with MockDeployment() as mock, httpx.Client(base_url=mock.url) as http:
        body = {
            "script": "turns: [{steps: [{say: Mine., takes: 5}]}]",
            "time": "hand",
            "defects": "ghost_run",
            "faults": ["bad-gateway", {"kind": "cut", "at": 2}],
            "strict": True,
        }
        assert http.post("/_mock/reset", json=body).status_code == 200
        assert [one["name"] for one in http.get("/_mock/defects").json()["on"]] == ["ghost_run"]
        assert [one["kind"] for one in http.get("/_mock/faults").json()["set"]] == ["bad-gateway", "cut"]
        assert mock.advance(1) == 1.0
        assert http.post("/_mock/reset", json={"defects": "gost_run", "script": "x"}).status_code == 404
        # An invalid reset changes nothing.
        assert [one["name"] for one in http.get("/_mock/defects").json()["on"]] == ["ghost_run"]


def test_a_wait_shows_what_a_run_has_played_and_what_time_waits_for() -> None:
    script = "turns: [{steps: [{call: {tool: look_up}}, {result: found}, {say: Found., takes: 30}]}]"
    with MockDeployment(script=script, time="hand") as mock:
        thread, run = begun(mock)
        with pytest.raises(DeadlineError) as late:
            mock.wait_for_status("success", thread, run, deadline=0.05)
        text = str(late.value)
        assert "played agent, tools" in text
        assert "time is by hand, at 0 s: advance(30) continues what waits" in text
        mock.advance(30)
        mock.wait_for_status("success", thread, run)
        mock.hold("agent:3/token")
        with pytest.raises(DeadlineError, match="success, played agent, tools, agent\n"):
            mock.wait_until_held("agent:3/token", deadline=0.05)


def test_a_property_is_not_awaited() -> None:
    with MockDeployment() as mock, pytest.raises(AttributeError, match=r"`url` is no method. Write mock.url"):
        _ = mock.aio.url  # type: ignore[attr-defined]


async def test_a_time_out_around_a_wait_keeps_its_reason() -> None:
    async with MockDeployment() as mock:
        mock.hold("agent:1/enter")
        thread, run = await asyncio.to_thread(begun, mock)
        await mock.aio.wait_until_held("agent:1/enter")
        with pytest.raises(TimeoutError) as refused:
            await asyncio.wait_for(mock.aio.wait_for_status("success", thread, run), 0.01)
    shown = "".join(traceback.format_exception(refused.value))
    assert "wait_for_status was cancelled while it waited. `deadline=` ends it with this reason:" in shown
    assert f"run {run} on thread {thread}: running, held at agent:1/enter" in shown
