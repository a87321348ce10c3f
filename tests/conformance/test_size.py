"""Bounds on what a verbose deployment leaves in memory and on the disk."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance.driver.deadlines import Deadlines
from conformance.judge.judging import Verdict, judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.report.failure import explain
from conformance.report.report import write_transcript
from conformance.requirements import registry
from conformance.scenarios.scenario import Scenario
from conformance.session import options
from conformance.session.session import Session
from conformance.session.target import Target
from conformance.transcript.recorder import MAX_KEY, Recorder
from conformance.transcript.redaction import Redactor
from conformance.transcript.size import MAX_KEPT, bounded
from conformance.transcript.transcript import Response, Transcript, decode, encode
from tests.conformance.deployments import PLAINEST
from tests.conformance.plays import edited, play_named

LARGE = "x" * (MAX_KEPT // 2)


@pytest.fixture(scope="module")
def transcript() -> Transcript:
    return play_named(PLAINEST)[PLAINEST]


def verbose(raw: dict[str, Any]) -> None:
    """Let the last three responses with a body be large."""
    responses = [one for one in raw["moments"] if one["kind"] == "response" and isinstance(one.get("body"), dict)]
    for response in responses[-3:]:
        response["body"] = {**response["body"], "note": LARGE}


def test_an_ordinary_transcript_is_written_whole(transcript: Transcript) -> None:
    assert bounded(transcript) is transcript


def test_a_large_transcript_is_cut_to_the_bound_and_states_how_much(transcript: Transcript, tmp_path: Path) -> None:
    large = edited(transcript, verbose)
    written = decode(write_transcript(tmp_path, large).read_bytes())
    assert len(encode(written)) < MAX_KEPT + len(encode(transcript))
    cut = [
        moment for moment in written.moments if isinstance(moment, Response) and str(moment.body).startswith("[cut: ")
    ]
    assert 1 <= len(cut) <= 3
    assert written.cut >= len(LARGE) * len(cut)
    untouched = [one for one in written.moments if one not in cut]
    assert untouched == [one for one in large.moments if one.seq not in {moment.seq for moment in cut}]


def test_what_was_cut_is_judged_before_and_not_again(transcript: Transcript) -> None:
    large = edited(transcript, verbose)
    requirement = registry.load().get("INT-02")
    assert judge(requirement, Play(large), NOTHING_DECLARED).word == "PASS"
    verdict = judge(requirement, Play(bounded(large)), NOTHING_DECLARED)
    assert verdict.word == "INCONCLUSIVE"
    assert "bytes of the record were cut" in verdict.reason


def test_equal_bodies_are_one_object_in_memory() -> None:
    recorder = Recorder(Redactor({}), clock=lambda: 0.0)
    raw = msgspec.json.encode({"values": "x" * MAX_KEY})
    assert recorder.body(raw, "application/json") is recorder.body(bytes(bytearray(raw)), "application/json")
    assert recorder.body(b'{"a": 1}', "application/json") == {"a": 1}
    assert recorder.body(raw, "text/plain; charset=json") == {"values": "x" * MAX_KEY}


class Pool:
    """A stand-in for the players: one transcript for every scenario, and a count of how often it was asked for."""

    def __init__(self, transcript: Transcript) -> None:
        self._raw = encode(transcript)
        self.kept: dict[str, Transcript] = {}
        self.played = 0

    def begin(self, target: object, scenarios: list[Scenario]) -> None:
        """Play nothing yet."""

    def transcript(self, target: object, scenario: Scenario) -> Transcript:
        """Return the transcript, another object for each play."""
        if scenario.id not in self.kept:
            self.played += 1
            self.kept[scenario.id] = decode(self._raw)
        return self.kept[scenario.id]

    def forget(self, target: object, scenario: Scenario) -> None:
        """Drop the play of a scenario."""
        self.kept.pop(scenario.id, None)


@pytest.mark.usefixtures("earlier_objects_are_kept")
def test_a_play_is_dropped_when_all_was_judged_by_it(
    transcript: Transcript, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    session = Session(options.read(pytestconfig))
    pool = Pool(transcript)
    # What would start a server and threads is replaced; the rest is the session that pytest uses.
    vars(session).update(
        _pool=pool, _targets=[Target(url="http://x", assistant="a", headers={}, profile=None, deadlines=Deadlines())]
    )
    cases = [case for case in session.cases(["interrupt"]) if case.scenario.id == PLAINEST]
    session.begin(cases)
    for case in cases[:-1]:
        session.judge(case, lambda: tmp_path)
    [play] = session._plays.values()
    lives = weakref.ref(play)
    del play
    session.judge(cases[-1], lambda: tmp_path)
    gc.collect()
    assert (lives(), pool.kept, pool.played) == (None, {}, 1)
    # A plugin that runs a failed test again gets another play.
    assert session.judge(cases[0], lambda: tmp_path).how == "pass"
    assert pool.played == 2


def test_the_text_of_a_failure_is_short_for_a_large_request(transcript: Transcript) -> None:
    def large(raw: dict[str, Any]) -> None:
        for moment in raw["moments"]:
            if moment["kind"] == "request" and moment.get("body") is not None:
                moment["body"] = {**moment["body"], "note": LARGE}
            if moment["kind"] == "request" and moment["purpose"] == "submit":
                moment["path"] += LARGE

    play = Play(edited(transcript, large))
    [first, *_] = play.exchanges_for("submit", "A")
    broken = Verdict(word="FAIL", reason="", expected="an answer", observed="none", see=(first.sent,))
    text = explain(registry.load().get("RUN-01"), play, broken, "transcript.json")
    assert "repeat with\n  exchange " in text
    assert len(text) < 5_000
