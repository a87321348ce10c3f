"""The ids of runs and threads in a record, which the driver and the judge read with one function."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from conformance.transcript import ids
from conformance.transcript.transcript import AnyMoment, NetworkFault, Request, Response, StreamEvent, WitnessEvent

RUN = "11111111-0000-4000-8000-000000000001"
THREAD = "22222222-0000-4000-8000-000000000002"
LOCATION = f"/threads/{THREAD}/runs/{RUN}/stream"

Part = tuple[type[AnyMoment], dict[str, Any]]
"""The type of a moment and its fields, without its number and time."""


def record(*moments: Part) -> list[AnyMoment]:
    seqs = itertools.count()
    return [kind(seq=next(seqs), t=0.0, **fields) for kind, fields in moments]


def request(exchange: int, purpose: str = "submit", about: str = "A") -> Part:
    head = {"method": "POST", "path": "/", "headers": {}}
    return Request, {"exchange": exchange, "purpose": purpose, "about": about, **head}


def answer(exchange: int, body: Any = None, status: int = 200, **headers: str) -> Part:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response, {"exchange": exchange, "status": status, "headers": named, "body": body}


def event(exchange: int, name: str, data: Any) -> Part:
    return StreamEvent, {"exchange": exchange, "event": name, "data": data}


def report(label: str, run_id: str | None) -> Part:
    return WitnessEvent, {"label": label, "step": "agent:1", "event": "enter", "run_id": run_id}


def listed(label: str, run_id: str) -> dict[str, Any]:
    return {"run_id": run_id, "metadata": {"doubletext_label": label}}


RECORDS: dict[str, list[Part]] = {
    "body": [request(1), answer(1, {"run_id": RUN})],
    "head": [request(1), answer(1, None, content_location=LOCATION)],
    "head, where the body is something else": [request(1), answer(1, ["x"], content_location=f"/runs/{RUN}")],
    "first event": [request(1), answer(1), event(1, "metadata", {"run_id": RUN})],
    "event after a reconnection": [
        request(1),
        answer(1),
        request(2, "submit again"),
        answer(2),
        event(2, "metadata", {"run_id": RUN}),
    ],
    "agent, where the metadata event has no id": [
        request(1),
        answer(1),
        event(1, "metadata", {"attempt": 1}),
        report("A", None),
        report("A", RUN),
    ],
    "agent, while no answer came": [request(1), report("B", "another"), report("A", RUN)],
    "agent, when the answer was given up": [
        request(1),
        (NetworkFault, {"exchange": 1, "error": "late"}),
        report("A", RUN),
    ],
    "list": [request(1), request(2, "find run"), answer(2, ["x", listed("B", "another"), listed("A", RUN)])],
    "second list": [
        request(1),
        request(2, "find run"),
        answer(2, []),
        request(3, "find run"),
        answer(3, [listed("A", RUN)]),
    ],
}


@pytest.mark.parametrize("moments", RECORDS.values(), ids=RECORDS)
def test_the_id_of_a_run_is_found_wherever_it_was_reported(moments: list[Part]) -> None:
    assert ids.run_id(record(*moments), "A") == RUN


UNKNOWN: dict[str, list[Part]] = {
    "nothing": [],
    "no answer": [request(1)],
    "refusal": [request(1), answer(1, {"run_id": RUN}, 409, content_location=f"/runs/{RUN}")],
    "another run": [request(1, about="B"), answer(1, {"run_id": RUN}), report("B", RUN)],
    "another request": [request(1, "cancel"), answer(1, {"run_id": RUN})],
    "no text": [request(1), answer(1, {"run_id": 7}), event(1, "metadata", {"run_id": None}), report("A", None)],
    "another event": [request(1), answer(1), event(1, "values", {"run_id": RUN})],
    "another run's list": [request(1), request(2, "find run"), answer(2, [listed("B", RUN), {"metadata": 3}])],
    "no list": [request(1), request(2, "find run"), answer(2, {"runs": [listed("A", RUN)]})],
}


@pytest.mark.parametrize("moments", UNKNOWN.values(), ids=UNKNOWN)
def test_the_id_of_a_run_is_not_invented(moments: list[Part]) -> None:
    assert ids.run_id(record(*moments), "A") is None


def test_the_answer_counts_more_than_the_agent() -> None:
    # The report comes first here, so the order of the record does not decide.
    moments = record(report("A", "from the agent"), request(1), answer(1, {"run_id": RUN}))
    assert ids.run_id(moments, "A") == RUN


def test_the_thread_of_a_stateless_run_is_in_the_body_or_the_head() -> None:
    assert ids.thread_id(record(request(1), answer(1, {"thread_id": THREAD})), "A") == THREAD
    assert ids.thread_id(record(request(1), answer(1, [], content_location=LOCATION)), "A") == THREAD
    assert ids.thread_id(record(request(1), answer(1, {"thread_id": THREAD}, 404)), "A") is None
    assert ids.thread_id(record(request(1), answer(1, content_location=f"/runs/{RUN}")), "A") is None
