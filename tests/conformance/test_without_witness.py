"""Verdicts without reports of steps: a rule about an overlap is judged only if the statuses prove the overlap."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from conformance.judge import overlap
from conformance.judge.check import premises_of
from conformance.judge.judging import judge
from conformance.judge.overlap import in_flight
from conformance.judge.play import Play
from conformance.judge.premises import HELD
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements import registry
from conformance.scenarios import moves as s
from conformance.scenarios.catalogue import catalogue
from conformance.transcript.transcript import ProbeUse, Transcript
from tests.conformance.deployments import PLAINEST
from tests.conformance.plays import Edit, Json, edited, run_status, unwitnessed, words

BOOK = registry.load()


def without_looks(label: str, *, after: str) -> Edit:
    """Remove every poll after the create of run `after` that shows run `label` in flight."""

    def edit(raw: Json) -> None:
        moments = raw["moments"]
        asked = next(
            m["seq"] for m in moments if m["kind"] == "request" and m["purpose"] == "submit" and m["about"] == after
        )
        dropped = {
            m["exchange"]
            for m in moments
            if m["kind"] == "response" and m["seq"] > asked and isinstance(m.get("body"), dict)
            if m["body"].get("status") in ("pending", "running")
        }
        looks = {m["exchange"] for m in moments if m["kind"] == "request" and m["about"] == f"run {label}"}
        raw["moments"] = [m for m in moments if m.get("exchange") not in dropped & looks]

    return edit


def without_looks_after_the_release(raw: Json) -> None:
    """Remove every poll after the release that shows run A in flight, as if it had ended at once."""
    moments = raw["moments"]
    release = next(i for i, move in enumerate(raw["scenario"]["moves"]) if move["type"] == "release")
    released = next(m["seq"] for m in moments if m["kind"] == "move" and m["index"] == release)
    late = {m["exchange"] for m in moments if m["kind"] == "request" and m["seq"] > released and m["about"] == "run A"}
    dropped = {
        m["exchange"]
        for m in moments
        if m["kind"] == "response" and m["exchange"] in late and m["body"]["status"] in ("pending", "running")
    }
    raw["moments"] = [m for m in moments if m.get("exchange") not in dropped]


def of_the_situation(found: dict[str, str]) -> set[str]:
    """Return the verdicts by the requirements that need the situation. The others are judged on every play."""
    return {word for name, word in found.items() if HELD in premises_of(name)}


# -- what follows from what was observed ------------------------------------------------------------------------------


def test_a_run_that_ended_interrupted_was_in_flight_when_it_was_superseded(plays: Mapping[str, Transcript]) -> None:
    play = Play(unwitnessed(plays[PLAINEST]))
    found = words(play)
    assert found["INT-02"] == "PASS"
    assert found["INT-07"] == "INCONCLUSIVE"
    assert set(found.values()) == {"PASS", "INCONCLUSIVE"}


def test_a_run_that_may_have_finished_before_proves_nothing(plays: Mapping[str, Transcript]) -> None:
    finished = edited(unwitnessed(plays[PLAINEST]), run_status("A", "success"), without_looks("A", after="B"))
    assert of_the_situation(words(Play(finished))) == {"INCONCLUSIVE"}


def test_a_run_that_was_over_before_proves_nothing(plays: Mapping[str, Transcript]) -> None:
    def all_success(raw: Json) -> None:
        for moment in raw["moments"]:
            body = moment.get("body")
            if moment["kind"] == "response" and isinstance(body, dict) and "multitask_strategy" in body:
                body["status"] = "success" if body["metadata"]["doubletext_label"] == "A" else body["status"]

    over = Play(edited(unwitnessed(plays[PLAINEST]), all_success))
    assert in_flight(over, over.scenario.submit("A"), over.scenario.moves.index(over.scenario.submit("B"))) is False
    assert of_the_situation(words(over)) == {"INCONCLUSIVE"}


def test_a_superseded_run_that_continues_for_long_is_a_failure(plays: Mapping[str, Transcript]) -> None:
    def late(raw: Json) -> None:
        """Move everything after B's acceptance two seconds later, with one poll then that shows A running."""
        moments = raw["moments"]
        b = next(
            m["exchange"] for m in moments if m["kind"] == "request" and (m["purpose"], m["about"]) == ("submit", "B")
        )
        answered = next(m["seq"] for m in moments if m["kind"] == "response" and m["exchange"] == b)
        first = True
        for moment in moments[answered + 1 :]:
            moment["t"] += 2.0
        looks = {m["exchange"] for m in moments[answered:] if m["kind"] == "request" and m["about"] == "run A"}
        for moment in moments:
            if moment["kind"] == "response" and moment["exchange"] in looks:
                moment["body"]["status"] = "running" if first else "success"
                first = False

    found = words(Play(edited(unwitnessed(plays[PLAINEST]), late)))
    assert found["INT-02"] == "FAIL"


def test_a_refusal_is_judged_where_the_first_run_was_seen_in_flight_later(plays: Mapping[str, Transcript]) -> None:
    name = "reject/during-tools/create/unwatched"
    assert words(Play(unwitnessed(plays[name])))["REJ-01"] == "PASS"
    blind = edited(unwitnessed(plays[name]), without_looks("A", after="B"))
    assert of_the_situation(words(Play(blind))) == {"INCONCLUSIVE"}


@pytest.mark.parametrize("phase", ["during-agent", "during-tools", "during-answer", "failing"])
def test_a_queue_is_judged_where_the_run_ahead_ends_as_soon_as_it_is_released(
    phase: str, plays: Mapping[str, Transcript]
) -> None:
    # Whether a poll meets run A between its release and its end is luck, and must not decide the verdict.
    play = Play(edited(unwitnessed(plays[f"enqueue/{phase}/create/unwatched"]), without_looks_after_the_release))
    found = words(play)
    assert found["ENQ-04"] == "PASS"
    assert found.get("ENQ-08", "PASS") == "PASS"


def test_a_scenario_reads_the_statuses_before_it_releases_a_run() -> None:
    # A read of its own follows the last move for which a run is held. Without it, the verdict would depend on whether a
    # background poll came in time.
    for scenario in catalogue():
        for submit, index in overlap.claims(scenario):
            end = overlap.released_in(scenario, submit, overlap.submitted_in(scenario, submit))
            reads = any(isinstance(move, s.Look | s.Observe) for move in scenario.moves[index + 1 : end])
            assert reads or index in overlap.stops(scenario, submit), f"{scenario.id}: run {submit.label}"


def test_a_first_run_that_was_not_accepted_is_the_reason(plays: Mapping[str, Transcript]) -> None:
    def refuse(raw: Json) -> None:
        a = next(m["exchange"] for m in raw["moments"] if (m.get("purpose"), m.get("about")) == ("submit", "A"))
        for moment in raw["moments"]:
            if moment["kind"] == "response" and moment["exchange"] == a:
                moment |= {"status": 422, "body": {"detail": "Webhook domain not allowed"}}

    play = Play(edited(unwitnessed(plays[PLAINEST]), refuse))
    verdict = judge(BOOK.get("INT-02"), play, NOTHING_DECLARED)
    assert (verdict.word, verdict.reason) == ("INCONCLUSIVE", "run A was not accepted: HTTP 422")


def test_a_missing_event_of_a_late_client_is_a_failure_only_if_the_run_executed_later(
    plays: Mapping[str, Transcript],
) -> None:
    # A client that joins late may miss every event. Only the witness, or a status after the client joined, proves that
    # the run still had events to send.

    def silence(raw: Json) -> None:
        joined = next(m["exchange"] for m in raw["moments"] if m["kind"] == "request" and m["purpose"] == "watch")
        raw["moments"] = [m for m in raw["moments"] if not (m["kind"] == "stream" and m["exchange"] == joined)]

    silent = edited(plays["none/during-tools/create/join-streamed/updates"], silence)

    def unseen(raw: Json) -> None:
        for moment in raw["moments"]:
            body = moment.get("body")
            if moment["kind"] == "response" and isinstance(body, dict) and body.get("status") == "running":
                body["status"] = "success"

    assert words(Play(silent))["STR-25"] == "FAIL"
    assert words(Play(unwitnessed(silent)))["STR-25"] == "FAIL"
    assert words(Play(edited(unwitnessed(silent), unseen)))["STR-25"] == "INCONCLUSIVE"


def test_a_scenario_in_which_nothing_overlaps_needs_no_proof(plays: Mapping[str, Transcript]) -> None:
    found = words(Play(unwitnessed(plays["interrupt/finished/create/unwatched"])))
    assert found["RUN-01"] == "PASS"
    assert "FAIL" not in found.values()


def test_with_any_agent_what_needs_the_probe_is_not_applicable(plays: Mapping[str, Transcript]) -> None:
    found = words(Play(unwitnessed(plays[PLAINEST], "none")))
    for name, word in found.items():
        assert word == ("PASS" if BOOK.get(name).needs == "any" else "NOT-APPLICABLE"), name
    failing = words(Play(unwitnessed(plays["interrupt/failed/create/unwatched"], "none")))
    assert set(failing.values()) == {"NOT-APPLICABLE"}


@pytest.mark.parametrize(("probe", "word"), [("none", "PASS"), ("unwitnessed", "FAIL")])
def test_an_agent_that_calls_no_model_need_not_stream_messages(
    probe: ProbeUse, word: str, plays: Mapping[str, Transcript]
) -> None:
    def silence(raw: Json) -> None:
        raw["moments"] = [m for m in raw["moments"] if not (m["kind"] == "stream" and m["event"] == "messages")]

    play = Play(edited(unwitnessed(plays["none/during-tools/stream/streamed/messages-tuple"], probe), silence))
    assert judge(BOOK.get("STR-25"), play, NOTHING_DECLARED).word == word
