"""The suite sees what a proxy does to the answers of a correct mock, and reports it under the right requirement."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.conformance import timeless
from tests.conformance.killing import SCENARIOS, Played, stage
from tests.conformance.wire_faults import Body, Proxy, Wire

TOOLS = "interrupt/during-tools/create/unwatched"
STREAMED = "interrupt/during-tools/stream/unwatched"
ROLLED_BACK = "rollback/during-tools/create/unwatched"
QUEUED = "enqueue/during-tools/create/unwatched"
REJECTED = "reject/during-tools/create/unwatched"


def answers(kind: str, change: Callable[[Body], Body]) -> Wire:
    """Change the answers of one kind: `state`, `history`, `runs`, `run`, `thread`, `join` or `created`."""
    return Wire(edit=lambda request, body: change(body) if _kind(request) == kind else body)


def _kind(request: httpx.Request) -> str:
    parts = request.url.path.strip("/").split("/")
    if parts[-1] in ("state", "history", "join"):
        return parts[-1]
    if parts[0] != "threads" or len(parts) < 2:
        return ""
    if len(parts) == 2:
        return "thread"
    if parts[-1] == "runs":
        return "created" if request.method == "POST" else "runs"
    return "run" if len(parts) == 4 and parts[2] == "runs" else ""


def messages(change: Callable[[list[Any]], list[Any]]) -> Callable[[Body], Body]:
    """Change the messages of a state."""
    return lambda body: {**body, "values": {**body["values"], "messages": change(body["values"].get("messages", []))}}


def over(body: Body, **changes: Any) -> Body:
    """A run that is over, changed."""
    return {**body, **changes} if body.get("status") not in ("pending", "running") else body


def cached() -> Wire:
    """A cache keeps the first answer about each run."""
    kept: dict[str, Body] = {}
    return Wire(edit=lambda request, body: kept.setdefault(request.url.path, body) if _kind(request) == "run" else body)


def retried() -> Wire:
    """Every create is sent twice, as by a proxy that retries."""
    return Wire(twice=lambda request: _kind(request) == "created")


def headless(name: str) -> Wire:
    """A header is taken away."""

    def head(_: httpx.Request, status: int, headers: httpx.Headers) -> int:
        headers.pop(name, None)
        return status

    return Wire(head=head)


def answered(code: int, instead: int, method: str) -> Wire:
    """Another HTTP status than the deployment's."""
    return Wire(
        head=lambda request, status, _: code if (status, request.method) == (instead, method) else status,
    )


def without_text(found: list[Any]) -> list[Any]:
    return [{**one, "content": "cancelled by user"} if one["type"] == "tool" else one for one in found]


def renamed_calls(found: list[Any]) -> list[Any]:
    return [{**one, "tool_call_id": "call_1"} if one["type"] == "tool" else one for one in found]


def orphaned(found: list[Any]) -> list[Any]:
    return [{**one, "parent_checkpoint": None, "parent_checkpoint_id": None} for one in found]


def misattributed(found: list[Any]) -> list[Any]:
    newest = found[0]["metadata"]["run_id"] if found else None
    return [{**one, "metadata": {**one["metadata"], "run_id": newest}} for one in found]


def greedy(found: list[Any]) -> list[Any]:
    extra = copy.deepcopy(found[:1])
    return [*found, *[{**one, "id": "extra", "content": "As an AI model"} for one in extra]]


def foreign_metadata(frames: list[bytes]) -> list[bytes]:
    foreign = b'event: metadata\r\ndata: {"run_id":"00000000-0000-4000-8000-000000000000"}'
    return [foreign if b"event: metadata" in frame else frame for frame in frames]


def silent(frames: list[bytes]) -> list[bytes]:
    return [frame for frame in frames if b"event: updates" not in frame]


WIRES: list[tuple[str, Wire, str, set[str]]] = [
    ("the newest message is missing", answers("state", messages(lambda found: found[:-1])), TOOLS, {"INT-04"}),
    ("the messages come backwards", answers("state", messages(lambda found: found[::-1])), TOOLS, {"INT-05"}),
    ("one message more than was said", answers("state", messages(greedy)), TOOLS, {"INT-05"}),
    ("a tool's result is another one", answers("state", messages(without_text)), TOOLS, {"CHK-05"}),
    ("results belong to no call", answers("state", messages(renamed_calls)), TOOLS, {"INT-05"}),
    ("the history comes oldest first", answers("history", lambda found: found[::-1]), TOOLS, {"CHK-01"}),
    ("checkpoints have no parents", answers("history", orphaned), TOOLS, {"CHK-01"}),
    ("all checkpoints are the newest run's", answers("history", misattributed), TOOLS, {"CHK-03"}),
    ("the superseded run reads success", answers("run", lambda body: over(body, status="success")), TOOLS, {"INT-02"}),
    ("a status in capitals", answers("run", lambda body: {**body, "status": body["status"].upper()}), TOOLS,
     {"RUN-01"}),
    ("a run says that it is on another thread", answers("created", lambda body: {**body, "thread_id": "x"}), TOOLS,
     {"RUN-02"}),
    ("the list lacks the oldest run", answers("runs", lambda found: found[:-1]), TOOLS, {"INT-03"}),
    ("runs do not tell their strategy", answers("run", lambda body: {**body, "multitask_strategy": None}), TOOLS,
     {"RUN-06"}),
    ("the thread is never idle", answers("thread", lambda body: {**body, "status": "busy"}), TOOLS, {"THR-03"}),
    ("the thread is always idle", answers("thread", lambda body: {**body, "status": "idle"}), TOOLS, {"THR-02"}),
    ("the thread's values are empty", answers("thread", lambda body: {**body, "values": {}}), TOOLS, {"PST-08"}),
    ("join gives nothing", answers("join", lambda _: None), TOOLS, {"STR-05"}),
    ("join tells of an error", answers("join", lambda _: {"__error__": {"error": "x", "message": "y"}}), TOOLS,
     {"STR-05"}),
    ("a cache keeps the first answer about a run", cached(), TOOLS, {"INT-02"}),
    ("a proxy sends every create twice", retried(), QUEUED, {"ENQ-03"}),
    ("no Content-Location", headless("content-location"), TOOLS, {"RUN-02"}),
    ("a create is answered 202", answered(202, 200, "POST"), TOOLS, {"RUN-02"}),
    ("a conflict is answered 200", answered(200, 409, "POST"), REJECTED, {"REJ-01"}),
    ("a conflict is answered 503", answered(503, 409, "POST"), REJECTED, {"REJ-01"}),
    ("a run that is gone is answered 410", answered(410, 404, "GET"), ROLLED_BACK, {"RBK-01"}),
    ("a run that is gone is answered 200", answered(200, 404, "GET"), ROLLED_BACK, {"RBK-01"}),
    ("a stream tells another run's id", Wire(frames=foreign_metadata), STREAMED, {"STR-01"}),
    ("no updates in the stream", Wire(frames=silent), STREAMED, {"STR-26"}),
]  # fmt: skip


def through(wire: Wire, scenario: str) -> Played:
    """A play of a scenario on the correct mock, through a wire."""

    async def work() -> Played:
        async with stage(lambda inner: Proxy(inner, wire)) as here:
            return await here.play(SCENARIOS[scenario], ())

    return timeless.run(work())


@pytest.mark.parametrize(("what", "wire", "scenario", "due"), WIRES, ids=[wire[0].replace(" ", "-") for wire in WIRES])
def test_a_fault_at_the_wire_is_reported(what: str, wire: Wire, scenario: str, due: set[str]) -> None:
    played = through(wire, scenario)
    assert due <= played.broken.keys()
    assert "ERROR" not in {verdict.word for verdict in played.verdicts.values()}


def test_a_wire_that_does_nothing_changes_no_verdict() -> None:
    for scenario in (TOOLS, STREAMED, ROLLED_BACK, QUEUED, REJECTED):
        assert {verdict.word for verdict in through(Wire(), scenario).verdicts.values()} == {"PASS"}
