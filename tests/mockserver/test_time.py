"""Time that is real, instant or driven by hand: everything that waits for it, and the order of what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import httpx
import msgspec
import pytest

from mockserver.app import create_app, listening
from mockserver.core import clock as clock_module
from mockserver.core.clock import (
    TICK,
    Clock,
    Clocks,
    HandClock,
    InstantClock,
    RealClock,
    Timeline,
    UndelayedClock,
    iso,
)
from mockserver.core.records import Run
from mockserver.core.streams import EventLog
from mockserver.deployment import MockDeployment
from mockserver.schemas.common import RunRequest
from mockserver.script.load import parse
from mockserver.web.http import ENGINE
from tests.mockserver.stage import on_stage
from tests.mockserver.witness import DEADLINE

SLOW = """
turns:
  - when: {contains: slow}
    steps:
      - {call: {tool: look}, takes: 12}
      - {result: "", takes: 3}
      - {say: one two three four five, takes: 15}
  - when: {contains: quick}
    steps:
      - {call: {tool: look}, takes: 5}
      - {result: "", takes: 17.25}
      - {say: six seven, takes: 8}
  - steps:
      - {call: {tool: look}, takes: 6.5}
      - {result: "", takes: 17.25}
      - {say: eight nine, takes: 8}
"""


async def happenings(clock: Clock) -> list[str]:
    """Yield every event in order while agents of different speeds run."""
    seen: list[str] = []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep(nap)
            # As much as ever lies between two delays of a run, and more.
            for _ in range(len(name) % 12):
                await asyncio.sleep(0)
            seen.append(f"{name} {nap}")

    async def patience(seconds: float) -> None:
        try:
            async with clock.within(seconds):
                await asyncio.Event().wait()
        except TimeoutError:
            seen.append(f"out of patience {seconds}")

    waiting = [asyncio.create_task(patience(seconds)) for seconds in (0.055, 0.31, 50)]
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(
            sleeper("alice", 0.1, 0.2, 0.1), sleeper("bob-and-his-friends", 0.05, 0.01, 0.2), sleeper("c", 0.37)
        )
    for task in waiting:
        task.cancel()
    return seen


async def test_jumping_keeps_the_order_of_real_time() -> None:
    clock = InstantClock()
    assert await happenings(clock) == [
        *("bob-and-his-friends 0.05", "out of patience 0.055", "bob-and-his-friends 0.01", "alice 0.1"),
        *("bob-and-his-friends 0.2", "alice 0.2", "out of patience 0.31", "c 0.37", "alice 0.1"),
    ]
    assert round(clock.now, 6) == 0.4


async def test_agents_of_thirty_seconds_end_at_once_with_everything_at_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, happened, names = InstantClock(), list[tuple[float, str]](), dict[str, str]()
    append = EventLog.append

    def watched(self: EventLog, name: str, mode: str | None, data: Any, *, at: int) -> None:
        if name == "messages":
            happened.append((round(clock.now, 3), names[data[1]["thread_id"]]))
        append(self, name, mode, data, at=at)

    monkeypatch.setattr(EventLog, "append", watched)
    app = create_app(script=parse(SLOW), clock=clock)
    gates = app[ENGINE].gates
    gates.hold("agent:1/enter")
    async with listening(app, "127.0.0.1", 0) as url, httpx.AsyncClient(base_url=url, timeout=DEADLINE) as http:

        async def play(name: str) -> None:
            thread = (await http.post("/threads", json={})).json()["thread_id"]
            names[thread] = name
            body = {"assistant_id": "agent", "input": {"messages": name}, "stream_mode": "messages-tuple"}
            await http.post(f"/threads/{thread}/runs/stream", json=body)

        playing = [asyncio.create_task(play(name)) for name in ("slow", "quick", "third")]
        await app[ENGINE].notifier.until(lambda: len(gates.held()) == 3)
        gates.release()
        await asyncio.gather(*playing)
    assert happened == sorted(
        [
            *((seconds, "slow") for seconds in (12, 15, 18, 21, 24, 27, 30)),
            *((seconds, "quick") for seconds in (5, 22.25, 26.25, 30.25)),
            *((seconds, "third") for seconds in (6.5, 23.75, 27.75, 31.75)),
        ]
    )


async def test_time_by_hand_moves_delays_after_seconds_timeouts_and_keep_alives() -> None:
    clock = HandClock()
    async with on_stage(clock=clock, run_timeout=25, keep_alive=4) as stage:
        thread = f"/threads/{stage.thread}"
        body = {"assistant_id": "agent", "input": {"messages": "hello"}, "after_seconds": 10}
        async with stage.http.stream("POST", f"{thread}/runs/wait", json=body) as answer:
            parts = answer.aiter_raw()
            await clock.advance(9)
            assert await stage.thread_status() == "busy"
            assert await anext(parts) == b"\n"
            await clock.advance(4)
            received = b"".join([part async for part in parts])
        assert received.endswith(b"}")
        config = stage.config("A", hold={"agent:1/enter": 30}, witness=None)
        run = (await stage.http.post(f"{thread}/runs", json={**body, "after_seconds": 0, "config": config})).json()
        await stage.until(lambda: _is(stage, run["run_id"], "running"))
        await clock.advance(24.9)
        assert await stage.status(run["run_id"]) == "running"
        await clock.advance(0.2)
        await stage.until(lambda: _is(stage, run["run_id"], "timeout"))


async def _is(stage: Any, run: str, status: str) -> bool:
    return bool(await stage.status(run) == status)


def test_a_thread_may_have_a_clock_of_its_own() -> None:
    with MockDeployment(script=SLOW) as mock, httpx.Client(base_url=mock.url, timeout=DEADLINE) as http:
        one, other = (http.post("/threads", json={}).json()["thread_id"] for _ in range(2))
        mock.set_time("hand", thread_id=one)
        body = {"assistant_id": "agent", "input": {"messages": "slow"}}
        runs = {thread: http.post(f"/threads/{thread}/runs", json=body).json()["run_id"] for thread in (one, other)}
        mock.wait_for_status("success", other, runs[other])
        mock.wait_for_status("running", one, runs[one])
        assert mock.advance(29.9, thread_id=one) == 29.9
        mock.wait_for_status("running", one, runs[one])
        mock.advance(0.2, thread_id=one)
        mock.wait_for_status("success", one, runs[one])
        runs[one] = http.post(f"/threads/{one}/runs", json=body).json()["run_id"]
        mock.wait_for_status("running", one, runs[one])
        # Whoever sleeps is woken when the clock is taken away.
        mock.set_time("instant", thread_id=one)
        mock.wait_for_status("success", one, runs[one])


async def test_while_all_wait_for_something_else_time_stands_still() -> None:
    clock = InstantClock()
    async with on_stage(clock=clock, keep_alive=5, run_timeout=60) as stage:
        run = await stage.held("A", "sf", "tools:1/enter")
        await asyncio.gather(*(stage.thread_status() for _ in range(20)))
        assert (clock.now, await stage.status(run)) == (0, "running")
        await clock.advance(59)
        assert await stage.status(run) == "running"
        await clock.advance(2)
        await stage.until(lambda: _is(stage, run, "timeout"))


async def test_alarms_that_nobody_waits_for_are_forgotten() -> None:
    clock = HandClock()
    for _ in range(500):
        async with clock.within(5):
            pass
    assert len(clock._alarms) < 100
    clocks = Clocks(UndelayedClock())
    clocks.set(clock, "a")
    assert clocks.of("a") is clock
    clocks.forget_threads()
    assert clocks.of("a") is not clock
    assert RealClock(2).now >= 0
    assert UndelayedClock().now >= 0


async def test_a_jump_over_a_week_sends_no_keep_alives() -> None:
    async with on_stage(clock=InstantClock(), keep_alive=5) as stage:
        body = {"assistant_id": "agent", "input": {"messages": "hello"}, "after_seconds": 7 * 24 * 3600}
        for path in ("wait", "stream"):
            answer = await stage.http.post(f"/threads/{stage.thread}/runs/{path}", json=body)
            assert answer.status_code == 200
            assert answer.content[:1] not in (b"\n", b":")
            assert b": heartbeat" not in answer.content


@pytest.mark.parametrize("seconds", [-1e9 - 1, 1e9 + 1, 1e308])
async def test_a_delay_beyond_the_calendar_is_refused(seconds: float) -> None:
    async with on_stage(clock=InstantClock()) as stage:
        body = {"assistant_id": "agent", "input": {"messages": "hello"}, "after_seconds": seconds}
        answer = await stage.http.post(f"/threads/{stage.thread}/runs", json=body)
        assert (answer.status_code, "after_seconds" in answer.text) == (422, True)


def test_delays_end_with_the_calendar() -> None:
    timeline = Timeline()
    for _ in range(400):
        timeline.spend(1e9)
    timeline.spend(1e300)
    before = timeline.moment()
    assert iso(before).startswith("9999-01-01")
    assert timeline.moment() == before + TICK


class LateClock(HandClock):
    """A clock on which every sleep takes ten times as long, as short ones do in real time."""

    def __init__(self) -> None:
        super().__init__()
        self.slept = 0

    async def sleep(self, seconds: float) -> None:
        """Let ten times as much time pass at once."""
        self.slept += 1
        self.now += seconds * 10


async def test_a_long_text_catches_up_with_the_time_that_it_should_take() -> None:
    clock = LateClock()
    script = parse("turns: [{steps: [{say: '" + "word " * 1000 + "', takes: 100}]}]")
    async with on_stage(clock=clock, script=script) as stage:
        body = {"assistant_id": "agent", "input": {"messages": "hello"}}
        await stage.http.post(f"/threads/{stage.thread}/runs/wait", json=body)
    # Each sleep is ten pieces late, give or take one for the rounding of floats.
    assert clock.slept in (100, 101)
    assert clock.now == pytest.approx(100, abs=1)


BUSY = """
turns:
  - when: {contains: busy}
    steps:
      - parallel:
          - {node: a, say: one two, takes: 1}
          - {node: b, say: three four, takes: 1}
          - {node: c, say: five, takes: 1}
      - {node: child, subgraph: [{node: x, say: six, takes: 2}, {node: y, say: seven, takes: 2}]}
      - {say: eight, takes: 1}
  - steps:
      - {call: {tool: look}, takes: 5}
      - {result: "", takes: 1}
      - {say: nine, takes: 8}
"""
HELD = {f"{node}:1/enter": 1.0 for node in ("agent", "tools", "search", "audit")}


class MeasuredClock(InstantClock):
    """Counts the turns of the event loop between an alarm and the last sleep that it leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = self.longest = 0

    def _turn(self, left: int) -> None:
        self.turns = clock_module.SETTLE - left
        super()._turn(left)

    def _set(self, seconds: float, wake: Callable[[], object], *, drives: bool) -> Any:
        if drives:
            self.longest = max(self.longest, self.turns)
        return super()._set(seconds, wake, drives=drives)


async def busiest(clock: Clock) -> list[tuple[str, datetime]]:
    """Play what needs the most turns: child graphs and parallel steps that are held, stopped and lost in a restart.

    The longest chain is the end of a run under a probe, whose last steps take no time, and the start of the next run.
    """
    engine = create_app(script=parse(BUSY), clock=clock)[ENGINE]
    thread = engine.threads.create_thread()
    engine.feeds.of(thread.thread_id)

    def create(text: str, strategy: str, probe: Mapping[str, Any] | None = None) -> Run:
        config = {"configurable": {"probe": {"version": 2, "label": "A", "hold": HELD, **probe}}} if probe else {}
        request = {
            "assistant_id": "agent",
            "input": {"messages": text},
            "multitask_strategy": strategy,
            "stream_mode": ["values", "messages-tuple", "events", "debug"],
            "stream_subgraphs": True,
            "config": config,
        }
        return engine.create_run(thread, msgspec.convert(request, RunRequest))

    runs = [create("busy", "enqueue") for _ in range(3)]
    await runs[-1].ended.wait()
    for strategy in ("interrupt", "rollback"):
        for reaction in ("stop", "swallow"):
            for work in ("tools", "subgraph", "parallel"):
                probe = {"on_cancel": reaction, "linger": 1, "work": work}
                runs += [create("hello", "enqueue", probe) for _ in range(3)]
                await runs[-2].ended.wait()
                await clock.sleep(2.5)
                runs.append(create("hello", strategy, probe))
                await clock.sleep(1.5)
                await engine.restart()
                await clock.sleep(1.5)
                runs += [create("hello", strategy, probe), create("busy", "enqueue"), create("hello", "enqueue", probe)]
                await runs[-1].ended.wait()
    await engine.close()
    return [(run.status, run.updated_at) for run in runs]


async def test_the_busiest_chain_settles_in_a_quarter_of_the_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    # Measured with more turns than any chain needs, so that the measurement itself is not cut off.
    monkeypatch.setattr(clock_module, "SETTLE", 1000)
    clock = MeasuredClock()
    async with asyncio.timeout(DEADLINE):
        await busiest(clock)
    monkeypatch.undo()
    assert 0 < clock.longest <= clock_module.SETTLE / 4


async def test_fewer_turns_give_the_same_results(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asyncio.timeout(DEADLINE):
        expected = await busiest(InstantClock())
        monkeypatch.setattr(clock_module, "SETTLE", clock_module.SETTLE // 4)
        assert await busiest(InstantClock()) == expected
