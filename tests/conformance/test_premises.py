"""Premises: a report that is lost makes no verdict, a play is repeated to restore it, and nothing is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from aiohttp import web

from conformance.driver.witness import Witness
from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.premises import REPLAYS, lost_reports
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.report import premises_page
from conformance.requirements import registry
from conformance.session.players import PlayPool
from conformance.transcript.transcript import Transcript, decode, encode
from tests.conformance import timeless
from tests.conformance.connections import transport
from tests.conformance.killing import SCENARIOS, Stage
from tests.conformance.plays import SUITE, edited, run_status, target_at
from tests.conformance.twins.edits import CANCELLED, PARKED, QUEUED, REJECTED, ROLLED_BACK, STREAMED, TOOLS

Loses = Callable[[dict[str, Any]], bool]
"""A function that returns whether a report is lost on its way to the witness."""

WAITED = "interrupt/during-tools/wait/unwatched"
HELD_IN_TOOLS = (TOOLS, STREAMED, QUEUED, REJECTED, ROLLED_BACK, CANCELLED, PARKED, WAITED)
PENDING = "interrupt/pending/create/unwatched"


class Deaf(Witness):
    """A witness that some reports of agents do not reach. The agent continues, as the contract says."""

    def __init__(self, loses: Loses) -> None:
        super().__init__()
        self._loses = loses

    async def _on_report(self, request: web.Request) -> web.Response:
        if self._loses(msgspec.json.decode(await request.read())):
            return web.json_response({}, status=503)
        return await super()._on_report(request)


def loses(label: str, *points: str) -> Loses:
    """Return a loss of the reports of a run at these points, or of all its reports when none is given."""
    return lambda report: report["label"] == label and (not points or f"{report['step']}/{report['event']}" in points)


def record(scenario: str, lost: Loses) -> Transcript:
    """Play a scenario on the correct mock, whose agent loses these reports."""

    async def work() -> Transcript:
        witness = Deaf(lost)
        await witness.start()
        try:
            async with transport() as inner:
                return await Stage(witness, inner).record(SCENARIOS[scenario])
        finally:
            await witness.stop()

    return timeless.run(work())


@pytest.mark.parametrize("scenario", HELD_IN_TOOLS)
@pytest.mark.parametrize(
    "points", [("tools:1/enter",), ("agent:1/enter", "tools:1/enter"), ()], ids=["one", "two", "all"]
)
def test_no_verdict_is_given_about_a_situation_that_did_not_arise(scenario: str, points: tuple[str, ...]) -> None:
    play = Play(record(scenario, loses("A", *points)))
    words = {
        requirement.id: judge(requirement, play, NOTHING_DECLARED).word
        for requirement in registry.load().requirements
        if requirement.applies_to(scenario)
    }
    # Every check has the premise `situation` unless it says otherwise, which the page shows.
    about = {name for name in words if "situation" in _row(name)}
    assert {words[name] for name in about} == {"INCONCLUSIVE"}
    assert not {"FAIL", "WARN", "ERROR"} & set(words.values())


def _row(requirement_id: str) -> str:
    return next(line for line in premises_page.render().splitlines() if line.startswith(f"| {requirement_id} |"))


def test_a_run_that_is_stopped_while_its_step_begins_lost_nothing(plays: Mapping[str, Transcript]) -> None:
    burst = "interrupt/burst/create/unwatched"
    stopped = [
        {"kind": "witness", "label": "R6", "step": "agent:1", "event": event, "run_id": None, "outcome": outcome}
        for event, outcome in (("cancelled", None), ("exit", "cancelled"))
    ]

    def edit(raw: dict[str, Any]) -> None:
        mine = [m for m in raw["moments"] if m["kind"] == "witness" and m["label"] == "R6"]
        raw["moments"] = [m for m in raw["moments"] if m not in mine]
        raw["moments"] += [{**one, "seq": 0, "t": raw["moments"][-1]["t"]} for one in stopped]

    assert lost_reports(Play(edited(plays[burst], edit))) == ()


def test_no_report_is_missed_in_the_catalogue(plays: Mapping[str, Transcript]) -> None:
    assert {name: found for name, one in plays.items() if (found := lost_reports(Play(one)))} == {}


@pytest.mark.parametrize("times", [1, REPLAYS, REPLAYS + 1])
def test_a_play_is_repeated_until_nothing_is_lost(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [times]

    # Run Z is not in the plays that examine the deployment, which need all of their reports.
    def lost(report: dict[str, Any]) -> bool:
        hit = (report["label"], report["step"], report["event"]) == ("Z", "tools:1", "enter") and left[0] > 0
        left[0] -= hit
        return hit

    monkeypatch.setattr("conformance.session.players.Witness", lambda *_: Deaf(lost))
    # A play waits for a lost report until a deadline passes.
    monkeypatch.setattr("asyncio.new_event_loop", timeless.TimelessLoop)
    pool = PlayPool(suite=SUITE, jobs=1, witness_host=None)
    pool.start()
    try:
        transcript = pool.transcript(target_at(pool.embed_mock()), SCENARIOS[PENDING])
    finally:
        pool.stop()
    verdict = judge(registry.load().get("INT-02"), Play(transcript), NOTHING_DECLARED)
    assert (verdict.word, verdict.plays) == ("PASS" if times <= REPLAYS else "INCONCLUSIVE", min(times, REPLAYS) + 1)
    assert len(transcript.earlier) == min(times, REPLAYS)
    assert decode(encode(transcript)) == transcript


def test_a_repeated_play_erases_no_verdict(plays: Mapping[str, Transcript]) -> None:
    wrong = edited(plays[TOOLS], run_status("A", "success"))
    transcript = msgspec.structs.replace(plays[TOOLS], earlier=(plays[TOOLS], wrong))
    verdict = judge(registry.load().get("INT-02"), Play(transcript), NOTHING_DECLARED)
    assert (verdict.word, verdict.plays) == ("FAIL", 3)
    assert verdict.reason.startswith("in play 2 of 3: expected run A")
