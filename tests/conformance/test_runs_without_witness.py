"""Whole runs on agents that cannot reach the witness, and on agents that are not the probe agent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from conformance.driver.deadlines import Deadlines
from conformance.judge.play import Play
from conformance.report.report import Report
from conformance.scenarios.catalogue import catalogue
from conformance.session.players import PlayPool
from conformance.session.target import Target
from tests.conformance.deployments import ONE, PLAINEST, agent_without_probe, deployment
from tests.conformance.plays import SUITE, words
from tests.conformance.runs import run_suite

NO_WITNESS_THERE = "--conformance-witness-host=witness.invalid"


@pytest.fixture
def pool() -> Iterator[PlayPool]:
    pool = PlayPool(suite=SUITE, jobs=12, witness_host="witness.invalid")
    pool.start()
    yield pool
    pool.stop()


@pytest.mark.slow
@pytest.mark.parametrize("hold", [0.0, 1.0])
def test_nothing_is_held_against_a_right_deployment_that_reaches_no_witness(hold: float, pool: PlayPool) -> None:
    # Timed holds replace the witness. If a busy machine outlasts the hold, or without any hold, verdicts become
    # INCONCLUSIVE, and none may become a failure.
    target = Target(url=pool.embed_mock(), assistant="agent", headers={}, profile=None, deadlines=Deadlines(hold=hold))
    phases = ("during-tools", "pending", "thrice", "idle", "parked", "create")
    scenarios = [s for s in catalogue() if s.id.split("/")[1] in phases]
    pool.begin(target, scenarios)
    for scenario in scenarios:
        found = words(Play(pool.transcript(target, scenario)))
        assert set(found.values()) <= {"PASS", "INCONCLUSIVE", "NOT-APPLICABLE"}, scenario.id
    assert target.info.probe == "unwitnessed"


def test_a_hold_by_time_makes_the_moment(pool: PlayPool) -> None:
    there, for_long = (
        pool.embed_mock(),
        Deadlines(hold=60.0),
    )  # longer than the test, because the interrupt ends the hold
    target = Target(url=there, assistant="agent", headers={}, profile=None, deadlines=for_long)
    scenario = next(s for s in catalogue() if s.id == "cancel/during-tools/interrupt/unwatched")
    play = Play(pool.transcript(target, scenario))
    assert words(play)["CAN-12"] == "PASS"
    # The cancel came during the second step: only the writes of the first one are in the state.
    assert play.state()["values"]["steps"] == ["A/agent:1"]


def test_a_run_whose_client_waits_for_its_answer_is_found_in_the_list(pool: PlayPool) -> None:
    # The answer that has the id comes when the run ends. The list shows it while the scenario can still act on the run.
    there, for_long = (
        pool.embed_mock(),
        Deadlines(hold=60.0),
    )  # longer than the test, because the disconnect ends the hold
    target = Target(url=there, assistant="agent", headers={}, profile=None, deadlines=for_long)
    scenario = next(s for s in catalogue() if s.id == "leave/during-tools/wait/cancel")
    play = Play(pool.transcript(target, scenario))
    assert play.final_status("A") == "interrupted"
    assert play.state()["values"]["steps"] == ["A/agent:1"]


async def test_an_unreachable_witness_is_reported_once_and_the_run_continues(tmp_path: Path) -> None:
    async with deployment() as there:
        run = await run_suite(
            f"--deployment-url={there.url}", NO_WITNESS_THERE, f"--conformance-report={tmp_path}", *ONE
        )
    assert run.code == 1, run.output
    assert run.output.count("the agent cannot reach the suite's witness") == 1
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=Report)
    assert report.target.probe == "unwitnessed"
    assert report.notes[0].startswith("the agent cannot reach the suite's witness")
    assert report.summary["FAIL"] == report.summary["WARN"] == report.summary["ERROR"] == 0
    assert report.summary["INCONCLUSIVE"] > 5


@pytest.mark.slow
async def test_an_agent_that_knows_nothing_of_the_probe_is_judged_where_it_is_named(tmp_path: Path) -> None:
    some = ("-k", f"{PLAINEST}:: or interrupt/idle/ or interrupt/failed/")
    async with agent_without_probe() as url:
        run = await run_suite(
            f"--deployment-url={url}", "--deployment-assistant=agent", f"--conformance-report={tmp_path}", *some
        )
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=Report)
    assert report.target.probe == "none"
    # This deployment changes the text of an input, so the input that it shows is not the one that was sent.
    broken = {r.requirement for r in report.results if r.verdict in ("FAIL", "WARN", "ERROR")}
    assert broken <= {"ECH-01"}, run.output
    idle = {r.requirement: r.verdict for r in report.results if r.scenario.startswith("interrupt/idle/")}
    assert idle["RUN-01"] == idle["THR-01"] == "PASS"
    assert idle["INT-05"] == "NOT-APPLICABLE"
    assert {r.verdict for r in report.results if r.scenario.startswith("interrupt/failed/")} == {"NOT-APPLICABLE"}
    assert (
        "note: the agent `agent` does not implement the probe contract, so requirements that need the probe agent are "
        "NOT-APPLICABLE" in run.output
    )
    assert re.search(r"judged \d+ of the \d+ requirements of the rule book", run.output)


async def test_an_agent_that_knows_nothing_of_the_probe_and_was_not_named_is_not_judged() -> None:
    async with agent_without_probe(0.1) as url:
        run = await run_suite(f"--deployment-url={url}", *ONE)
    assert run.code == 1, run.output
    assert "cannot be judged" in run.output
    assert "deploy the probe agent under this name, or give --deployment-assistant=agent" in run.output
