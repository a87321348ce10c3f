"""A run that gets no worker before the deadline is not held when it starts later, where it would block other runs."""

from __future__ import annotations

from dataclasses import replace

from conformance.driver.deadlines import Deadlines
from conformance.judge.play import Play
from conformance.scenarios.catalogue.blocks import IN_TOOLS, NYC, SF
from conformance.scenarios.moves import AwaitEnd, AwaitPoint, Release, Submit
from conformance.scenarios.scenario import Scenario
from conformance.session.players import PlayPool
from conformance.session.target import Target
from conformance.transcript.transcript import Released
from tests.conformance.plays import SUITE

NO_WORKER_FOR_B = Scenario(
    id="enqueue/no-worker/create/unwatched",
    about="B has to wait for A, as every run does on a deployment with one worker.",
    moves=(
        Submit(label="A", text=SF, hold=(IN_TOOLS,)),
        AwaitPoint(label="A", point=IN_TOOLS),
        Submit(label="B", text=NYC, hold=(IN_TOOLS,)),
        AwaitPoint(label="B", point=IN_TOOLS, optional=True),
        Release(label="A"),
        AwaitEnd(label="A"),
        AwaitEnd(label="B"),
    ),
)


def test_a_run_that_is_not_there_in_time_is_not_held_there() -> None:
    pool = PlayPool(suite=SUITE, jobs=1, witness_host=None)
    pool.start()
    try:
        target = Target(
            url=pool.embed_mock(),
            assistant="agent",
            headers={},
            profile=None,
            # B cannot start before A ends, so any wait for its worker only takes time.
            deadlines=replace(Deadlines(), capacity=0.2),
        )
        play = Play(pool.transcript(target, NO_WORKER_FOR_B))
    finally:
        pool.stop()
    assert play.missed() == []
    assert play.final_status("B") == "success"
    released = [moment for moment in play.moments if isinstance(moment, Released)]
    # B was released when its time was up, before it had a worker.
    assert [moment.label for moment in released] == ["B", "A"]
    began = play.began("B")
    assert began is not None
    assert began > released[1].seq
