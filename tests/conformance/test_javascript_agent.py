"""The JavaScript probe agent alone: an abort signal, to which only the step itself reacts."""

from __future__ import annotations

import pytest

from tests.conformance.probe_agents import ENDLESS
from tests.conformance.probe_agents.javascript import JavaScriptAgent
from tests.conformance.probing import Witness, probe_for

pytestmark = [pytest.mark.javascript, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize(
    ("on_cancel", "rest"),
    [("stop", ["exit cancelled"]), ("linger", ["exit cancelled"]), ("swallow", ["token", "exit returned"])],
)
async def test_a_step_that_begins_cancelled_reports_its_beginning(
    javascript_agent: JavaScriptAgent, witness: Witness, on_cancel: str, rest: list[str]
) -> None:
    run = javascript_agent.step("tools:1", probe_for(witness=witness.url, on_cancel=on_cancel), cancelled=True)
    if on_cancel == "swallow":
        assert await run.ended() == "done"
    else:
        await javascript_agent.cancelled(run)
    assert witness.events == [f"A/tools:1/{event}" for event in ("enter", "cancelled", *rest)]


async def test_a_run_for_people_is_cut_short(javascript_agent: JavaScriptAgent) -> None:
    run = javascript_agent.step("tools:1", None, seconds=ENDLESS)
    await run.cancel()
    await javascript_agent.cancelled(run)
