"""The Python probe agent alone: several event loops, and repeated cancellations of one task."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conformance.probe_agents.python import PythonAgent
from tests.conformance.probing import DEADLINE, FULL_TURN, STAYS, Witness, played, probe_for

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_runs_in_other_event_loops_report_too(python_agent: PythonAgent, witness: Witness) -> None:
    def play(label: str) -> None:
        asyncio.run(python_agent.thread().say("weather in sf", probe_for(label, witness=witness.url)))

    # Each thread has its own event loop, and a client of httpx that is bound to another loop would fail.
    await asyncio.gather(*(asyncio.to_thread(play, label) for label in "ABC"))
    for label in "ABC":
        assert [e for e in witness.events if e.startswith(label)] == played(label, *FULL_TURN)


async def test_swallow_reports_each_cancellation_it_swallows(python_agent: PythonAgent, witness: Witness) -> None:
    witness.hold("A/agent:2/enter", "A/agent:2/token")
    run = python_agent.step("agent:2", probe_for(witness=witness.url, on_cancel="swallow"))
    await witness.until("A/agent:2/enter")
    await run.cancel()
    await witness.until("A/agent:2/token")
    await run.cancel()
    assert await run.ended() == "done"
    events = ["enter", "cancelled", "token", "cancelled", "exit returned"]
    assert witness.events == [f"A/agent:2/{event}" for event in events]


@pytest.mark.parametrize(("keys", "expected"), STAYS)
async def test_a_stubborn_step_is_cancelled_in_its_work(
    python_agent: PythonAgent, keys: dict[str, Any], expected: list[float]
) -> None:
    at_work, done = asyncio.Event(), asyncio.Event()

    async def work(_: object) -> str:
        at_work.set()
        await done.wait()
        return "done"

    run = python_agent.step("tools:1", probe_for(**keys), work)
    await asyncio.wait_for(at_work.wait(), DEADLINE)
    await run.cancel()
    # The stay has begun before `done` is set: the work must not simply end.
    await python_agent.naps(count=len(expected))
    done.set()
    if keys["on_cancel"] == "swallow":
        assert await run.ended() == "done"
    else:
        await python_agent.cancelled(run)
    assert await python_agent.naps() == expected


async def test_a_graph_run_whose_node_lingers_ends_when_the_node_does(
    python_agent: PythonAgent, witness: Witness
) -> None:
    thread = python_agent.thread()
    witness.hold("A/tools:1/enter", "A/tools:1/cancelled")
    run = thread.start("weather in sf", probe_for(witness=witness.url, on_cancel="linger"))
    await witness.until("A/tools:1/enter")
    await run.cancel()
    await witness.until("A/tools:1/cancelled")
    witness.release("A/tools:1/cancelled")
    await python_agent.cancelled(run)
    await witness.until("A/tools:1/exit cancelled")
    assert await thread.steps() == ["A/agent:1"]
