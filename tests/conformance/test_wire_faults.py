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
WATCHED = "interrupt/during-tools/create/streamed"
WAITED = "interrupt/during-tools/wait/unwatched"
CANCELLED = "cancel/during-tools/interrupt/unwatched"
RECONNECTED = "none/during-tools/stream/reconnected"
PARKED = "interrupt/parked/create/unwatched"


def answers(kind: str, change: Callable[[Body], Body]) -> Wire:
    """Change the answers of one kind: `state`, `history`, `runs`, `run`, `thread`, `join` or `created`."""
    return Wire(edit=lambda request, body: change(body) if _kind(request) == kind else body)


def _kind(request: httpx.Request) -> str:
    parts = request.url.path.strip("/").split("/")
    if parts[-1] in ("state", "history", "join", "wait", "cancel"):
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
    """Return a run with changes if it has ended."""
    # While the run is in flight, the driver waits for its end, and a changed status would end the play early.
    return {**body, **changes} if body.get("status") not in ("pending", "running") else body


def cached() -> Wire:
    """Return a wire with a cache that keeps the first answer about each run."""
    kept: dict[str, Body] = {}
    return Wire(edit=lambda request, body: kept.setdefault(request.url.path, body) if _kind(request) == "run" else body)


def retried() -> Wire:
    """Return a wire that sends every create twice, as a proxy does that retries."""
    return Wire(twice=lambda request: _kind(request) == "created")


def headless(name: str) -> Wire:
    """Return a wire that removes a header."""

    def head(_: httpx.Request, status: int, headers: httpx.Headers) -> int:
        headers.pop(name, None)
        return status

    return Wire(head=head)


def answered(code: int, instead: int, method: str) -> Wire:
    """Return a wire that answers `code` for the HTTP status `instead` of this method."""
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


def first_of(kind: str, answer: httpx.Response) -> Wire:
    """Return a wire that answers the first request of a kind itself and does not forward it."""
    waiting = [answer]
    return Wire(instead=lambda request: waiting.pop() if waiting and _kind(request) == kind else None)


def refused(body: Body) -> Wire:
    """Return a wire that replaces the body of every refusal."""
    return Wire(edit=lambda _, right: body if isinstance(right, dict) and right.keys() == {"detail"} else right)


def located_elsewhere(_: httpx.Request, status: int, headers: httpx.Headers) -> int:
    if "content-location" in headers:
        headers["content-location"] = headers["content-location"].rpartition("/")[0] + "/" + "0" * 36
    return status


def event(name: bytes, change: Callable[[bytes], list[bytes]]) -> Wire:
    """Change the events of one name in every stream."""
    marker = b"event: " + name
    return Wire(frames=lambda frames: [one for each in frames for one in (change(each) if marker in each else [each])])


def overtaken() -> Wire:
    """Return a wire that swaps every two consecutive updates of a stream."""
    held: list[bytes] = []

    def frames(found: list[bytes]) -> list[bytes]:
        out = []
        for frame in found:
            if b"event: updates" in frame and not held:
                held.append(frame)
                continue
            out.append(frame)
            if b"event: updates" in frame:
                out.append(held.pop())
        return out

    return Wire(frames=frames)


def cut_at(name: bytes) -> Wire:
    """Return a wire that breaks the connection at the first event of a name."""

    def frames(found: list[bytes]) -> list[bytes]:
        if any(b"event: " + name in frame for frame in found):
            raise httpx.ReadError("the proxy went away")
        return found

    return Wire(frames=frames)


def over_thread(body: Body, status: str) -> Body:
    """Return an idle thread with another status."""
    return {**body, "status": status} if body["status"] == "idle" else body


def other_results(body: Body) -> Body:
    """Return a JSON value in which every result of a tool has another text."""
    if isinstance(body, list):
        return [other_results(each) for each in body]
    if not isinstance(body, dict):
        return body
    changed = {name: other_results(each) for name, each in body.items()}
    return {**changed, "content": "cancelled by user"} if body.get("type") == "tool" else changed


def without_calls(found: list[Any]) -> list[Any]:
    return [{**one, "tool_calls": [], "content": ""} if one.get("tool_calls") else one for one in found]


def collided(found: list[Any]) -> list[Any]:
    return [{**one, "checkpoint": found[0]["checkpoint"], "checkpoint_id": found[0]["checkpoint_id"]} for one in found]


def twice_listed(found: list[Any]) -> list[Any]:
    return [one for each in found for one in (each, each)]


# Each fault, with a scenario and requirements that must fail. Others may fail as well: one fault has several symptoms.
WIRES: list[tuple[str, Wire, str, set[str]]] = [
    ("the newest message is missing", answers("state", messages(lambda found: found[:-1])), TOOLS, {"INT-05"}),
    ("the messages come backwards", answers("state", messages(lambda found: found[::-1])), TOOLS, {"INT-05"}),
    ("one message too many", answers("state", messages(greedy)), TOOLS, {"INT-05"}),
    ("a tool's result is another one", answers("state", messages(without_text)), TOOLS, {"CHK-05"}),
    ("results belong to no call", answers("state", messages(renamed_calls)), TOOLS, {"INT-05"}),
    ("the history comes oldest first", answers("history", lambda found: found[::-1]), TOOLS, {"CHK-01"}),
    ("checkpoints have no parents", answers("history", orphaned), TOOLS, {"CHK-01"}),
    ("all checkpoints are the newest run's", answers("history", misattributed), TOOLS, {"CHK-03"}),
    ("the superseded run reads success", answers("run", lambda body: over(body, status="success")), TOOLS, {"INT-02"}),
    ("a status in capitals", answers("run", lambda body: {**body, "status": body["status"].upper()}), TOOLS,
     {"RUN-01"}),
    ("a created run has another thread", answers("created", lambda body: {**body, "thread_id": "x"}), TOOLS,
     {"RUN-02"}),
    ("the list lacks the oldest run", answers("runs", lambda found: found[:-1]), TOOLS, {"INT-03"}),
    ("runs have no strategy", answers("run", lambda body: {**body, "multitask_strategy": None}), TOOLS,
     {"RUN-06"}),
    ("the thread is never idle", answers("thread", lambda body: {**body, "status": "busy"}), TOOLS, {"THR-03"}),
    ("the thread is always idle", answers("thread", lambda body: {**body, "status": "idle"}), TOOLS, {"THR-02"}),
    ("the thread's values are empty", answers("thread", lambda body: {**body, "values": {}}), TOOLS, {"PST-08"}),
    ("join returns nothing", answers("join", lambda _: None), TOOLS, {"STR-05"}),
    ("join returns an error", answers("join", lambda _: {"__error__": {"error": "x", "message": "y"}}), TOOLS,
     {"STR-05"}),
    ("a cache keeps the first answer about a run", cached(), TOOLS, {"INT-02"}),
    ("a proxy sends every create twice", retried(), QUEUED, {"ENQ-03"}),
    ("no Content-Location", headless("content-location"), TOOLS, {"RUN-02"}),
    ("a create is answered 202", answered(202, 200, "POST"), TOOLS, {"RUN-02"}),
    ("a conflict is answered 200", answered(200, 409, "POST"), REJECTED, {"REJ-01"}),
    ("a conflict is answered 503", answered(503, 409, "POST"), REJECTED, {"REJ-01"}),
    ("a run that is gone is answered 410", answered(410, 404, "GET"), ROLLED_BACK, {"RBK-01"}),
    ("a run that is gone is answered 200", answered(200, 404, "GET"), ROLLED_BACK, {"RBK-01"}),
    ("a stream has another run's id", Wire(frames=foreign_metadata), STREAMED, {"STR-01"}),
    ("no updates in the stream", Wire(frames=silent), STREAMED, {"STR-26"}),
    # Ours from here on.
    ("the list of runs has another status", answers("runs", lambda found: [over(one, status="error") for one in found]),
     TOOLS, {"RUN-03"}),
    ("a run is over before it began", answers("created", lambda body: {**body, "status": "success"}), TOOLS,
     {"RUN-02"}),
    ("a create has another id than its header", answers("created", lambda body: {**body, "run_id": "0" * 36}), TOOLS,
     {"RUN-02"}),
    ("Content-Location names another run", Wire(head=located_elsewhere), TOOLS, {"RUN-02"}),
    ("a run's metadata is lost", answers("run", lambda body: {**body, "metadata": {}}), TOOLS, {"RUN-15"}),
    ("a run has no assistant", answers("run", lambda body: {**body, "assistant_id": None}), TOOLS, {"RUN-15"}),
    ("a run is shown on another thread", answers("run", lambda body: {**body, "thread_id": "0" * 36}), TOOLS,
     {"RUN-15"}),
    ("the oldest checkpoints are missing", answers("history", lambda found: found[:-2]), TOOLS, {"CHK-01"}),
    ("all checkpoints have one id", answers("history", collided), TOOLS, {"CHK-04"}),
    ("the newest checkpoint is missing", answers("history", lambda found: found[1:]), TOOLS, {"CHK-05"}),
    ("the state has a next step", answers("state", lambda body: {**body, "next": ["tools"]}), TOOLS, {"CHK-05"}),
    ("the state is another checkpoint's",
     answers("state", lambda body: {**body, "checkpoint": body["parent_checkpoint"]}), TOOLS, {"CHK-05"}),
    ("the thread is interrupted in the end", answers("thread", lambda body: over_thread(body, "interrupted")), TOOLS,
     {"THR-03"}),
    ("the thread has failed in the end", answers("thread", lambda body: over_thread(body, "error")), TOOLS,
     {"THR-03"}),
    ("a call is taken out of the state", answers("state", messages(without_calls)), TOOLS, {"PST-01"}),
    ("what the user said is the agent's", answers("state", messages(lambda found: [{**one, "type": "ai"} for one in
     found])), TOOLS, {"INT-05"}),
    ("all messages have one id", answers("state", messages(lambda found: [{**one, "id": "m"} for one in found])), TOOLS,
     {"PST-09"}),
    ("tools return another text everywhere", Wire(edit=lambda _, body: other_results(body)), TOOLS, {"INT-05"}),
    ("a wait answers without the last message", answers("wait", lambda body: {**body, "messages":
     body["messages"][:-1]}), WAITED, {"STR-28"}),
    ("join fails", Wire(head=lambda request, status, _: 500 if _kind(request) == "join" else status), TOOLS,
     {"STR-05", "ERR-06"}),
    ("a superseded run is not found", Wire(head=lambda request, status, _: 404 if _kind(request) == "run" else status),
     TOOLS, {"INT-03"}),
    ("a proxy is not there for a moment", first_of("created", httpx.Response(502, html="<h1>Bad Gateway</h1>")), TOOLS,
     {"ERR-06"}),
    ("a cancel is lost", first_of("cancel", httpx.Response(202)), CANCELLED, {"CAN-01"}),
    ("a cancel fails", first_of("cancel", httpx.Response(500, json={"detail": "x"})), CANCELLED, {"CAN-05"}),
    ("a refusal has no detail", refused({"error": True}), REJECTED, {"REJ-08"}),
    ("a conflict is answered 423", answered(423, 409, "POST"), REJECTED, {"REJ-01"}),
    ("an update comes twice", event(b"updates", lambda frame: [frame, frame]), STREAMED, {"STR-26"}),
    ("updates overtake each other", overtaken(), STREAMED, {"STR-26"}),
    ("a stream breaks in the middle", cut_at(b"updates"), WATCHED, {"STR-26"}),
    ("a stopped run's stream ends with an error", event(b"updates", lambda frame: [frame, b'event: error\r\ndata: {}']),
     WATCHED, {"STR-03"}),
    ("a stream begins with its values", event(b"metadata", lambda _: []), WATCHED, {"STR-01"}),
    ("events have no ids", Wire(frames=lambda frames: [frame.partition(b"\r\nid:")[0] for frame in frames]),
     RECONNECTED, {"STR-10"}),
    ("a resumed stream begins again", event(b"metadata", lambda frame: [frame, frame]), RECONNECTED, {"STR-10"}),
    ("questions are not shown", answers("thread", lambda body: {**body, "interrupts": {}}), PARKED, {"HIL-01"}),
    ("a thread's questions stay", answers("thread", lambda body: {**body, "interrupts": {"x": [{"value": "?"}]}}),
     PARKED, {"HIL-03"}),
    ("a thread's values are those of another", answers("thread", lambda body: {**body, "values": {"messages": [],
     "steps": []}}), ROLLED_BACK, {"RBK-09"}),
    ("a run is listed twice", answers("runs", twice_listed), f"{TOOLS}/second-turn", {"RUN-10"}),
    ("runs are listed oldest first", answers("runs", lambda found: found[::-1]), f"{TOOLS}/second-turn", {"RUN-10"}),
]  # fmt: skip


def through(wire: Wire, scenario: str) -> Played:
    """Play and judge a scenario on the correct mock through a wire."""

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
