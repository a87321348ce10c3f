"""A fault of what the driver itself needs is judged under its requirement, and does not keep others from being judged.

The deployments are mocks with one defect, or behind a proxy that makes one fault. Time passes on their loop only while
everything waits, so a deadline that passes is certain to have had no event.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from conformance.driver.deadlines import Deadlines
from conformance.driver.witness import Witness
from conformance.judge.judging import Verdict, judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements import registry
from conformance.session.target import Target
from conformance.transcript.transcript import Adapted, Missed, Request, Response
from mockserver.app import serving
from mockserver.core.clock import RealClock
from mockserver.defects import named
from tests.conformance import timeless
from tests.conformance.connections import transport
from tests.conformance.killing import SCENARIOS
from tests.conformance.plays import SUITE
from tests.conformance.wire_faults import Body, Proxy, Wire

PLAYED = (
    "interrupt/during-tools/create/unwatched",
    "interrupt/during-tools/stream/unwatched",
    "interrupt/pending/create/unwatched",
    "rollback/during-tools/create/unwatched",
    "enqueue/during-tools/create/unwatched",
    "reject/during-tools/create/unwatched",
    "cancel/during-tools/interrupt/unwatched",
    "interrupt/burst/create/unwatched",
    "none/delayed/create/unwatched",
    "delete/during-tools/run/unwatched",
    "delete/during-tools/thread/unwatched",
)
WAITED = (
    "interrupt/during-tools/wait/unwatched",
    "rollback/during-tools/wait/unwatched",
    "resume/parked/wait/unwatched",
    "cancel/during-tools/interrupt/waited",
    "leave/during-tools/wait/cancel",
    "missing-thread/wait",
)
STREAMED = ("interrupt/during-tools/stream/unwatched", "leave/during-tools/stream/cancel")


@dataclass
class Judged:
    """The verdicts on the scenarios of one deployment, and the deadlines that passed in them."""

    problem: str | None = None
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    needs: Counter[str] = field(default_factory=Counter)

    def ids(self, *words: str) -> set[str]:
        """Return the requirements that have one of these verdicts somewhere."""
        return {requirement for (_, requirement), found in self.verdicts.items() if found.word in words}


def judged(wire: Wire | None = None, defect: str | None = None, scenarios: Sequence[str] = PLAYED) -> Judged:
    """Examine a deployment with one fault as a session does, and play and judge the scenarios."""
    return timeless.run(_judge(lambda inner: inner if wire is None else Proxy(inner, wire), defect, scenarios))


async def _judge(
    proxy: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport], defect: str | None, scenarios: Sequence[str]
) -> Judged:
    witness, found = Witness(), Judged()
    await witness.start()
    wrong = [] if defect is None else [named(defect)()]
    try:
        async with transport() as inner, serving(clock=RealClock(), defects=wrong) as url:
            under = proxy(inner)
            target = Target(url=url, assistant="agent", headers={}, profile=None, deadlines=Deadlines())
            await target.examine(under, witness, SUITE)
            found.problem = target.problem
            for name in scenarios if target.problem is None else ():
                transcript = await target.play(SCENARIOS[name], under, witness, SUITE)
                found.missed += [m.awaited for m in transcript.moments if isinstance(m, Missed)]
                found.needs.update(need for m in transcript.moments if isinstance(m, Adapted) for need in m.needs)
                play = Play(transcript)
                for requirement in registry.load().requirements:
                    if requirement.applies_to(name):
                        verdict = judge(requirement, play, NOTHING_DECLARED)
                        found.verdicts[name, requirement.id] = verdict
    finally:
        await witness.stop()
    return found


@pytest.fixture(scope="module")
def right() -> Judged:
    """The verdicts on the correct mock."""
    return judged()


def test_a_correct_deployment_is_sent_each_request_once(right: Judged) -> None:
    assert right.problem is None
    assert right.ids("FAIL", "WARN", "INCONCLUSIVE", "ERROR") == set()
    assert len(right.ids("PASS")) > 80
    assert not right.needs
    assert not right.missed


@pytest.mark.parametrize(
    ("defect", "need", "requirement"),
    [
        ("modes_only_as_list", "stream_mode", "FRM-01"),
        ("small_limits", "limit", "FRM-02"),
        ("creation_redirected", "redirect", "FRM-03"),
        ("assistant_only_by_id", "assistant", "FRM-04"),
        ("metadata_refused", "metadata", "FRM-05"),
        ("defaults_refused", "defaults", "FRM-06"),
        ("delay_in_whole_seconds", "after_seconds", "FRM-07"),
        ("busy_deletion_refused", "delete", "FRM-08"),
        ("put_off", "retry", "FRM-09"),
    ],
)
def test_a_refused_form_is_judged_and_all_the_rest_too(right: Judged, defect: str, need: str, requirement: str) -> None:
    found = judged(defect=defect)
    assert found.problem is None
    assert need in found.needs
    assert found.ids("FAIL", "WARN") == {requirement}
    assert found.ids("PASS", "FAIL", "WARN") == right.ids("PASS")
    assert not found.missed


def refusing(wrong: Callable[[httpx.Request, Body], bool]) -> Wire:
    """Return a wire that refuses the requests whose JSON or query is wrong."""

    def instead(request: httpx.Request) -> httpx.Response | None:
        try:
            body = json.loads(request.content)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            body = dict(request.url.params)
        return httpx.Response(422, json={"detail": "refused"}) if wrong(request, body) else None

    return Wire(instead=instead)


def test_lists_are_read_in_small_pages_and_judged_whole(right: Judged) -> None:
    found = judged(refusing(lambda _, body: int(body.get("limit", 0)) > 10))
    assert found.ids("FAIL", "WARN") == {"FRM-02"}
    assert found.ids("PASS", "FAIL", "WARN") == right.ids("PASS")
    assert not found.missed


def test_two_refused_forms_are_both_named() -> None:
    def wrong(request: httpx.Request, body: Body) -> bool:
        creates = request.method == "POST" and request.url.path.endswith("/runs")
        return creates and (isinstance(body["stream_mode"], str) or "metadata" in body)

    found = judged(refusing(wrong), scenarios=PLAYED[:1])
    assert {"FRM-01", "FRM-05"} <= found.ids("FAIL")
    # A label that is not sent cannot be reported, and that is not a fault of its own.
    assert "RUN-15" not in found.ids("FAIL")


def test_a_redirect_to_another_origin_is_not_followed() -> None:
    wire = Wire(instead=lambda _: httpx.Response(307, headers={"location": "https://elsewhere.example/"}))
    assert "a redirect to https://elsewhere.example/" in (judged(wire).problem or "")


def test_a_server_that_never_recovers_is_asked_twice() -> None:
    wire = Wire(instead=lambda _: httpx.Response(503, json={}, headers={"retry-after": "2"}))
    assert "HTTP 503" in (judged(wire).problem or "")


@pytest.mark.parametrize(("endpoint", "scenarios"), [("wait", WAITED), ("stream", STREAMED)])
def test_a_creation_that_is_put_off_is_repeated(endpoint: str, scenarios: Sequence[str]) -> None:
    seen: Counter[str] = Counter()

    def instead(request: httpx.Request) -> httpx.Response | None:
        if request.method != "POST" or not request.url.path.endswith(f"/runs/{endpoint}"):
            return None
        seen[request.url.path] += 1
        busy = httpx.Response(503, json={"detail": "busy"}, headers={"retry-after": "1"})
        return busy if seen[request.url.path] == 1 else None

    found = judged(Wire(instead=instead), scenarios=scenarios)
    assert found.problem is None
    assert "retry" in found.needs
    assert found.ids("FAIL", "WARN") == {"FRM-09"}
    assert not found.missed


def renamed(**names: str) -> Wire:
    """Return a wire that changes statuses of runs."""

    def edit(request: httpx.Request, body: Any) -> Any:
        if isinstance(body, list):
            return [edit(request, each) for each in body]
        if isinstance(body, dict) and "run_id" in body and body.get("status") in names:
            return {**body, "status": names[body["status"]]}
        return body

    return Wire(edit=edit)


@pytest.mark.parametrize(("status", "name"), [("interrupted", "cancelled"), ("success", "completed")])
def test_a_run_with_another_terminal_status_is_over(right: Judged, status: str, name: str) -> None:
    found = judged(renamed(**{status: name}))
    assert found.problem is None
    assert "RUN-01" in found.ids("FAIL")
    # Only `success` is documented to mean that the values of an answer are those of the whole run.
    assert right.ids("PASS") - found.ids("PASS", "FAIL", "WARN") <= {"RUN-03", "AGR-11"}
    assert not found.missed


def test_checkpoints_without_a_run_belong_to_the_run_whose_input_they_hold(right: Judged) -> None:
    def edit(request: httpx.Request, body: Body) -> Body:
        if not request.url.path.endswith(("/history", "/state")):
            return body
        if isinstance(body, list):
            return [edit(request, one) for one in body]
        return {**body, "metadata": {**(body["metadata"] or {}), "run_id": None}} if "metadata" in body else body

    found = judged(Wire(edit=edit))
    assert found.ids("FAIL", "WARN") == {"CHK-02"}
    assert found.ids("PASS", "FAIL", "WARN") == right.ids("PASS")


def test_a_thread_whose_row_lags_is_read_again(right: Judged) -> None:
    lag: Counter[str] = Counter()

    def edit(request: httpx.Request, body: Body) -> Body:
        parts = request.url.path.strip("/").split("/")
        if request.method != "GET" or len(parts) != 2 or parts[0] != "threads":
            return body
        lag[parts[1]] = 3 if body["status"] == "busy" else max(0, lag[parts[1]] - 1)
        return {**body, "status": "busy"} if lag[parts[1]] else body

    found = judged(Wire(edit=edit), scenarios=PLAYED[:5])
    assert found.ids("FAIL") == set()


def test_a_row_that_lagged_hides_no_contradiction_that_lasts() -> None:
    seen: Counter[str] = Counter()
    listed: set[str] = set()

    def note(request: httpx.Request) -> None:
        if request.url.params.get("status") == "pending":
            listed.add(request.url.path.split("/")[2])

    def edit(request: httpx.Request, body: Body) -> Body:
        parts = request.url.path.strip("/").split("/")
        if request.method != "GET" or parts[0] != "threads" or len(parts) not in (2, 4):
            return body
        if len(parts) == 2:
            return {**body, "status": "idle"} if parts[1] in listed else body
        seen[parts[1]] += body["status"] == "running"
        return {**body, "status": "pending"} if body["status"] == "running" and seen[parts[1]] <= 3 else body

    found = judged(Wire(instead=note, edit=edit), scenarios=("enqueue/during-tools/create/unwatched",))
    assert "THR-02" in found.ids("FAIL")


def test_a_run_whose_row_lags_is_not_taken_for_gone() -> None:
    seen: Counter[str] = Counter()

    def instead(request: httpx.Request) -> httpx.Response | None:
        parts = request.url.path.strip("/").split("/")
        if request.method != "GET" or len(parts) != 4 or parts[2] != "runs":
            return None
        seen[parts[3]] += 1
        return httpx.Response(404, json={"detail": "Run not found"}) if seen[parts[3]] <= 2 else None

    found = judged(Wire(instead=instead), scenarios=PLAYED[:5])
    assert not found.missed
    # THR-10 needs a reading in the short time between the ends of two runs.
    assert found.ids("INCONCLUSIVE", "ERROR") <= {"THR-10"}


@pytest.mark.parametrize(("times", "word"), [(1, "PASS"), (10**6, "FAIL")])
def test_a_list_of_runs_that_lags_is_read_again(times: int, word: str) -> None:
    read: Counter[str] = Counter()

    def edit(request: httpx.Request, body: Body) -> Body:
        if request.method != "GET" or not request.url.path.endswith("/runs") or not isinstance(body, list):
            return body
        read[request.url.path] += 1
        return body[1:] if read[request.url.path] <= times else body

    found = judged(Wire(edit=edit), scenarios=("enqueue/during-tools/create/unwatched",))
    assert "RUN-37" in found.ids(word)


@pytest.mark.parametrize("status", [200, 403, 410, 500])
def test_another_answer_than_404_for_what_is_deleted_costs_no_deadline(status: int) -> None:
    def head(_: httpx.Request, received: int, __: httpx.Headers) -> int:
        return status if received == 404 else received

    deleting = ("interrupt/burst/create/unwatched/mixed", "rollback/during-tools/create/joined", "stateless/stream")
    assert judged(Wire(head=head), scenarios=deleting).missed == []


@pytest.mark.parametrize(("length", "word"), [(100, "INCONCLUSIVE"), (99, "FAIL")])
def test_a_full_page_of_runs_of_other_threads_is_not_accused_of_lacking_one(length: int, word: str) -> None:
    def edit(request: httpx.Request, body: Body) -> Body:
        if request.method != "GET" or not request.url.path.endswith("/runs") or not isinstance(body, list) or not body:
            return body
        return [{**body[0], "run_id": f"{number:036}", "thread_id": "1" * 36} for number in range(length)]

    assert "RUN-37" in judged(Wire(edit=edit), scenarios=("enqueue/during-tools/create/unwatched",)).ids(word)


REFUSALS = {
    "with a status": lambda _: httpx.Response(422, json={"detail": "refused"}),
    "behind 200": lambda _: httpx.Response(200, json={"__error__": {"error": "Conflict", "message": "busy"}}),
    "in an event": lambda _: httpx.Response(
        200, content=b"event: error\r\ndata: {}\r\n\r\n", headers={"content-type": "text/event-stream"}
    ),
}


@pytest.mark.parametrize(
    ("how", "endpoint", "scenarios"),
    [
        ("with a status", "wait", WAITED),
        ("behind 200", "wait", WAITED),
        ("with a status", "stream", STREAMED),
        ("in an event", "stream", STREAMED),
    ],
)
def test_a_refusal_ends_every_wait_for_its_run(how: str, endpoint: str, scenarios: Sequence[str]) -> None:
    def instead(request: httpx.Request) -> httpx.Response | None:
        refuses = request.method == "POST" and request.url.path.endswith(f"/runs/{endpoint}")
        return REFUSALS[how](request) if refuses else None

    found = judged(Wire(instead=instead), scenarios=scenarios)
    assert found.problem is None
    assert found.missed == []


def test_the_refused_form_and_the_other_one_are_in_the_record() -> None:
    async def work() -> list[Any]:
        witness = Witness()
        await witness.start()
        try:
            async with (
                transport() as inner,
                serving(clock=RealClock(), defects=[named("modes_only_as_list")()]) as url,
            ):
                target = Target(url=url, assistant="agent", headers={}, profile=None, deadlines=Deadlines())
                transcript = await target.play(SCENARIOS[PLAYED[0]], inner, witness, SUITE)
        finally:
            await witness.stop()
        sent = [m for m in transcript.moments if isinstance(m, Request) and (m.purpose, m.about) == ("submit", "A")]
        numbers = [request.exchange for request in sent]
        return [m.status for m in transcript.moments if isinstance(m, Response) and m.exchange in numbers]

    assert timeless.run(work()) == [422, 200]


def test_a_refusal_of_reject_is_no_matter_of_form() -> None:
    found = judged(defect="reject_422", scenarios=("reject/during-tools/wait/unwatched",))
    assert found.needs == Counter()
    assert found.ids("INCONCLUSIVE", "ERROR") == set()


def test_a_refusal_for_another_reason_gives_no_hint_about_the_agent() -> None:
    def wrong(request: httpx.Request, _: Body) -> bool:
        return request.method == "POST" and request.url.path.endswith("/runs")

    problem = judged(refusing(wrong)).problem or ""
    assert 'HTTP 422: {"detail":"refused"}; it was also refused with stream_mode as a list' in problem
    assert "--deployment-assistant" not in problem
