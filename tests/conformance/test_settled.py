"""Readings beside a run that still writes accuse no deployment, and the same readings beside runs that are over do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msgspec
import pytest

from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements import registry
from conformance.transcript.transcript import Request, Transcript
from tests.conformance import timeless
from tests.conformance.killing import SCENARIOS, stage
from tests.conformance.plays import Edit, Json, bodies, edited, requests, status_code, thread_status, unwitnessed
from tests.conformance.twins.edits import CANCELLED, CANCELLED_TWICE, TOOLS, of

DELETED = "delete/during-tools/run/unwatched"
LEFT = "leave/during-tools/stream/cancel"

shorter = bodies("final history", "main", lambda entries: entries[1:])
other_step = bodies("final state", "main", lambda state: of(state, metadata=of(state["metadata"], step=77)))
other_values = bodies("final thread", "main", lambda thread: of(thread, interrupts={"x": [{"id": "q", "value": {}}]}))
busy = thread_status("busy")


def still_executing(raw: Json) -> None:
    """Report the end of run A's last step behind the last reading."""
    ends = [
        m for m in raw["moments"] if m["kind"] == "witness" and m["label"] == "A" and m["event"] in ("exit", "gone")
    ]
    raw["moments"].remove(ends[-1])
    raw["moments"].append({**ends[-1], "t": raw["moments"][-1]["t"]})


def read_again(raw: Json) -> None:
    """Read the thread, its state and its history once more, with the same results."""
    for purpose in ("final thread", "final state", "final history"):
        request, response = list(requests(raw, purpose, "main"))[-1]
        number = max(m["exchange"] for m in raw["moments"] if m["kind"] == "request") + 1
        end = max(raw["moments"].index(m) for _, m in requests(raw, "final history", "main"))
        raw["moments"][end + 1 : end + 1] = [{**request, "exchange": number}, {**response, "exchange": number}]


def word(transcript: Transcript, name: str, *edits: Edit) -> str:
    return judge(registry.load().get(name), Play(edited(transcript, *edits)), NOTHING_DECLARED).word


CASES = [
    ("CHK-05", TOOLS, shorter),
    ("AGR-04", TOOLS, other_step),
    ("AGR-06", TOOLS, other_values),
    ("AGR-09", DELETED, busy),
    ("THR-03", TOOLS, busy),
    ("THR-04", CANCELLED, busy),
    ("THR-06", LEFT, busy),
    ("PST-08", TOOLS, bodies("final thread", "main", lambda thread: of(thread, values={"messages": []}))),
]


@pytest.mark.parametrize(("name", "scenario", "edit"), CASES, ids=[case[0] for case in CASES])
def test_a_run_that_still_executes_excuses_a_reading(
    name: str, scenario: str, edit: Edit, plays: Mapping[str, Transcript]
) -> None:
    guilty = "WARN" if registry.load().get(name).level == "SHOULD" else "FAIL"
    assert word(plays[scenario], name, edit) == guilty
    assert word(plays[scenario], name, edit, still_executing) == "INCONCLUSIVE"
    assert word(plays[scenario], name, still_executing) == "PASS"


@pytest.mark.parametrize(("name", "edit"), [("CHK-05", shorter), ("AGR-04", other_step), ("AGR-06", other_values)])
def test_two_equal_readings_excuse_nothing(name: str, edit: Edit, plays: Mapping[str, Transcript]) -> None:
    guilty = "WARN" if registry.load().get(name).level == "SHOULD" else "FAIL"
    assert word(plays[TOOLS], name, edit, still_executing, read_again) == guilty
    unseen = unwitnessed(plays[TOOLS])
    assert word(unseen, name, edit) == "INCONCLUSIVE"


def test_a_thread_that_is_not_found_is_not_excused(plays: Mapping[str, Transcript]) -> None:
    assert word(plays[TOOLS], "AGR-09", status_code("final state", "main", 404), still_executing) == "FAIL"


def busy_once(raw: Json) -> None:
    """Show the thread as busy in the first reading after run A was requested, and in no later one."""
    moments = raw["moments"]
    asked = next(i for i, one in enumerate(moments) if (one["kind"], one.get("purpose")) == ("request", "submit"))
    looks = [answer for look, answer in requests(raw, "look", "main") if moments.index(look) > asked]
    for number, answer in enumerate(looks):
        answer["body"]["status"] = "idle" if number else "busy"


def test_a_run_is_in_flight_although_its_client_left_before_the_answer(plays: Mapping[str, Transcript]) -> None:
    assert word(plays["leave/during-tools/wait/continue"], "AGR-06", busy_once) == "PASS"


def overlapping(raw: Json) -> None:
    """Answer the first cancel of run A only after the second one was sent."""
    (_, answer), (second, _) = requests(raw, "cancel", "A")
    raw["moments"].remove(answer)
    raw["moments"].insert(raw["moments"].index(second) + 1, answer)


def test_of_two_cancels_that_overlap_either_may_decide(plays: Mapping[str, Transcript]) -> None:
    gone = status_code("final run", "run A", 404)
    assert word(plays[CANCELLED_TWICE], "CAN-10", gone) == "WARN"
    assert word(plays[CANCELLED_TWICE], "CAN-10", gone, overlapping) == "INCONCLUSIVE"


def another_first(raw: Json) -> None:
    """Answer the first of ten cancels that were sent at once with 404, as a server that received another one first."""
    (_, answer), *_ = requests(raw, "cancel", "A")
    answer |= {"status": 404, "body": {"detail": "there is no such run"}}


def last_crashes(raw: Json) -> None:
    """Answer the last of the ten cancels with 500."""
    *_, (_, answer) = requests(raw, "cancel", "A")
    answer |= {"status": 500}


def none_accepted(raw: Json) -> None:
    """Answer every cancel with 404."""
    for _, answer in requests(raw, "cancel", "A"):
        answer |= {"status": 404}


@pytest.mark.parametrize("requirement", ["CAN-10", "CAN-12", "CAN-13"])
def test_of_cancels_sent_at_once_any_may_be_the_first(requirement: str, plays: Mapping[str, Transcript]) -> None:
    burst = plays["cancel/burst/rollback/unwatched"]
    assert word(burst, requirement, another_first) == "PASS"
    assert word(burst, requirement, none_accepted) == "INCONCLUSIVE"


def test_none_of_the_cancels_sent_at_once_may_crash(plays: Mapping[str, Transcript]) -> None:
    assert word(plays["cancel/burst/rollback/unwatched"], "CAN-10", last_crashes) == "WARN"


def failing_wait(raw: Json) -> None:
    """Answer the `wait` with an error of the run, in a response that names the run."""
    for _, response in requests(raw, "submit", "A"):
        response |= {"status": 500, "body": {"detail": "RuntimeError: the tool failed"}}


@pytest.mark.parametrize(("named", "due"), [(True, "FAIL"), (False, "INCONCLUSIVE")])
def test_a_run_that_failed_was_created(named: bool, due: str, plays: Mapping[str, Transcript]) -> None:
    def unnamed(raw: Json) -> None:
        for _, response in requests(raw, "submit", "A"):
            if not named:
                response["headers"].pop("content-location")

    wait, stays = plays["stateless/wait"], status_code("final thread", "thread of A", 200)
    assert word(wait, "STL-02", failing_wait, unnamed, stays, lambda raw: _drop_reports(raw)) == due


def _drop_reports(raw: Json) -> None:
    raw["moments"] = [m for m in raw["moments"] if m["kind"] != "witness"]


class Behind(httpx.AsyncBaseTransport):
    """A transport that leaves out the newest entry of the final histories until they were read `times` times."""

    def __init__(self, inner: httpx.AsyncBaseTransport, times: int) -> None:
        self._inner, self._left = inner, times

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if request.url.path.endswith("/history") and self._left:
            self._left -= 1
            entries = msgspec.json.decode(await response.aread())
            return httpx.Response(200, json=entries[1:])
        return response


def played(scenario: str, change: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]) -> Transcript:
    async def work() -> Any:
        async with stage(change) as here:
            return await here.record(SCENARIOS[scenario])

    found: Transcript = timeless.run(work())
    return found


def readings(transcript: Transcript) -> int:
    return sum(isinstance(m, Request) and m.purpose == "final history" for m in transcript.moments)


@pytest.mark.parametrize(("times", "due"), [(0, "PASS"), (1, "PASS"), (2, "PASS"), (99, "FAIL")])
def test_a_thread_is_read_again_until_its_state_and_history_agree(times: int, due: str) -> None:
    transcript = played(CANCELLED, lambda inner: Behind(inner, times))
    assert readings(transcript) == min(1 + times, 5)
    assert word(transcript, "CHK-05") == due


def test_a_thread_on_which_nothing_was_stopped_is_read_once() -> None:
    transcript = played("none/finished/create/late", lambda inner: Behind(inner, 99))
    assert (readings(transcript), word(transcript, "CHK-05")) == (1, "FAIL")
