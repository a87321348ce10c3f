"""Every check holds on what the correct mock does, and fails on a record that was edited to break its rule.

The edits are the broken twins of the requirements: each says in one line what a wrong server would have shown, and
which observed fact the failure must name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from conformance import registry
from conformance.checks import all_checks
from conformance.evidence import Play
from conformance.profiles import NOTHING_DECLARED
from conformance.transcript import Transcript
from conformance.verdicts import judge
from tests.conformance.plays import (
    Edit,
    Json,
    bodies,
    edited,
    history,
    messages,
    move_report,
    requests,
    run_status,
    status_code,
    thread_status,
    without,
    witness,
)

BOOK = registry.load()
TOOLS = "interrupt/during-tools/create/unwatched"
STREAMED = "interrupt/during-tools/stream/unwatched"
QUEUED_STREAM = "enqueue/during-tools/stream/unwatched"
PARKED = "interrupt/parked/create/unwatched"
CANCELLED = "cancel/during-tools/interrupt/unwatched"
CANCELLED_PENDING = "cancel/pending/interrupt/unwatched"
CANCELLED_TWICE = "cancel/lingering/interrupt/unwatched/twice"
CANCEL_ROLLBACK = "cancel/during-tools/rollback/unwatched"
QUEUED = "enqueue/during-tools/create/unwatched"
REJECTED = "reject/during-tools/create/unwatched"
ROLLED_BACK = "rollback/during-tools/create/unwatched"


@dataclass(frozen=True)
class Twin:
    """A requirement, the scenario whose record is edited, the edits, and a fact that the failure must name."""

    requirement: str
    what: str
    scenario: str
    edits: tuple[Edit, ...]
    fact: str


def twin(requirement: str, what: str, scenario: str, *edits: Edit, fact: str) -> Twin:
    return Twin(requirement, what, scenario, edits, fact)


def of(body: Json, **changes: Any) -> Json:
    return {**body, **changes}


def drop_response(purpose: str, about: str) -> Edit:
    def edit(raw: Json) -> None:
        for request, _ in list(requests(raw, purpose, about)):
            raw["moments"] = [
                {"kind": "fault", "seq": 0, "t": m["t"], "exchange": m["exchange"], "error": "connection broken"}
                if m["kind"] == "response" and m["exchange"] == request["exchange"]
                else m
                for m in raw["moments"]
            ]

    return edit


def drop_reports(label: str) -> Edit:
    def edit(raw: Json) -> None:
        raw["moments"] = [m for m in raw["moments"] if m.get("label") != label]

    return edit


def never_cancelled(label: str) -> Edit:
    """The run's steps returned; nobody told them to stop."""

    def edit(raw: Json) -> None:
        for moment in raw["moments"]:
            if moment["kind"] == "witness" and moment["label"] == label and moment.get("outcome"):
                moment["outcome"] = "returned"

    return edit


def drop_header(name: str) -> Edit:
    def edit(raw: Json) -> None:
        for _, response in requests(raw, "submit"):
            response["headers"].pop(name, None)

    return edit


def append_final_look(label: str, status: str) -> Edit:
    """After all is over the run is read once more, with another status."""

    def edit(raw: Json) -> None:
        _, response = list(requests(raw, "final run", f"run {label}"))[-1]
        response["body"] = of(response["body"], status=status)

    return edit


def listed_without(label_index: int) -> Edit:
    return bodies("final runs", "main", lambda runs: [r for i, r in enumerate(runs) if i != label_index])


def late_report(label: str, step: str, event: str, outcome: str | None = None) -> Edit:
    """One more sign of life of a run, after everything."""

    def edit(raw: Json) -> None:
        moments = raw["moments"]
        last = max(i for i, m in enumerate(moments) if m["kind"] == "witness")
        report = {"kind": "witness", "seq": 0, "t": moments[last]["t"], "label": label, "step": step, "event": event}
        moments.insert(last + 1, report | ({"outcome": outcome} if outcome else {}))

    return edit


def entry(**changes: Any) -> Callable[[list[Json]], list[Json]]:
    """Change the newest checkpoint."""
    return lambda entries: [of(entries[0], **changes), *entries[1:]]


def reparent(entries: list[Json]) -> list[Json]:
    """The newest checkpoint of all hangs on the oldest one."""
    root = entries[-1]["checkpoint"]
    return [of(entries[0], parent_checkpoint=root), *entries[1:]]


def reparent_second_run(entries: list[Json]) -> list[Json]:
    """The second run's first checkpoint hangs on the oldest one, as if the first run's steps had not been."""
    newest = entries[0]["metadata"]["run_id"]
    first = max(i for i, e in enumerate(entries) if e["metadata"]["run_id"] == newest)
    return [of(e, parent_checkpoint=entries[-1]["checkpoint"]) if i == first else e for i, e in enumerate(entries)]


def late_checkpoint(entries: list[Json]) -> list[Json]:
    """A copy of the first run's oldest checkpoint stands on top, under a new id."""
    stale = of(entries[-1], checkpoint=of(entries[-1]["checkpoint"], checkpoint_id="zzz"))
    return [of(stale, parent_checkpoint=entries[0]["checkpoint"]), *entries]


def without_first_run(entries: list[Json]) -> list[Json]:
    first = entries[-1]["metadata"]["run_id"]
    return [e for e in entries if e["metadata"]["run_id"] != first]


def twice(found: list[Json]) -> list[Json]:
    return [*found, *[m for m in found if m["content"] == "what's the weather in nyc?"]]


def second_input_first(found: list[Json]) -> list[Json]:
    nyc = [m for m in found if m["content"] == "what's the weather in nyc?"]
    return [*nyc, *[m for m in found if m not in nyc]]


def half_answer(found: list[Json]) -> list[Json]:
    half = {"type": "ai", "id": "half", "content": "The search results give a high of"}
    at = next(i for i, m in enumerate(found) if "nyc" in str(m["content"]))
    return [*found[:at], half, *found[at:]]


def invented_result(found: list[Json]) -> list[Json]:
    call = "toolu_01MjNtVJwEcpujRGrf3x6Pih"
    made_up = {"type": "tool", "id": "made-up", "content": "cancelled", "tool_call_id": call}
    at = next(i for i, m in enumerate(found) if "nyc" in str(m["content"]))
    return [*found[:at], made_up, *found[at:]]


def same_ids(found: list[Json]) -> list[Json]:
    return [of(m, id="same") for m in found]


def looks_during(label: str, thread: str) -> Edit:
    """The thread reads `thread` in every look that lies between two of run `label` in flight."""

    def edit(raw: Json) -> None:
        flight = [
            (request["seq"], response["seq"])
            for request, response in requests(raw, "look", f"run {label}")
            if response["body"]["status"] in ("pending", "running")
        ]
        for request, response in requests(raw, "look", "main"):
            if flight[0][1] < request["seq"] and response["seq"] < flight[-1][0]:
                response["body"]["status"] = thread

    return edit


def resumes(raw: Json) -> None:
    """The second run begins with the step that the first one was parked in."""
    for moment in raw["moments"]:
        if moment["kind"] == "witness" and moment["label"] == "B" and moment["step"] == "agent:1":
            moment["step"] = "tools:1"


def search_finds_nothing(raw: Json) -> None:
    for _, response in requests(raw, "search threads"):
        response["body"] = []


def vanishing(raw: Json) -> None:
    """The oldest checkpoint is shown at first only."""
    for _, response in requests(raw, "final history", "main"):
        response["body"] = response["body"][:-1]


def left_over(entries: list[Json]) -> list[Json]:
    """A checkpoint with the first run's input lies at the bottom."""
    message = {"type": "human", "id": "x", "content": "what's the weather in sf?"}
    values = of(entries[-1]["values"], messages=[message])
    return [*entries, of(entries[-1], values=values, checkpoint=of(entries[-1]["checkpoint"], checkpoint_id="0"))]


def without_metadata(raw: Json) -> None:
    raw["moments"] = [m for m in raw["moments"] if m.get("event") != "metadata"]


def metadata_of(run_id: str) -> Edit:
    def edit(raw: Json) -> None:
        for moment in raw["moments"]:
            if moment["kind"] == "stream" and moment["event"] == "metadata":
                moment["data"]["run_id"] = run_id

    return edit


def foreign_update(raw: Json) -> None:
    call = {"type": "ai", "content": "", "tool_calls": [{"id": "toolu_01MjNtVJwEcpujRGrf3x6Pih"}]}
    update = next(m for m in raw["moments"] if m["kind"] == "stream" and m["event"] == "updates")
    update["data"] = {"agent": {"messages": [call]}}


def without_updates(raw: Json) -> None:
    raw["moments"] = [m for m in raw["moments"] if m["kind"] != "stream" or m["event"] != "updates"]


def closed_at_once(raw: Json) -> None:
    """The end of the stream stands right behind its beginning."""
    moments = raw["moments"]
    end = next(m for m in moments if m["kind"] == "closed")
    moments.remove(end)
    start = next(i for i, m in enumerate(moments) if m["kind"] == "response" and m["exchange"] == end["exchange"])
    moments.insert(start + 1, end)


def answered_at_once(raw: Json) -> None:
    """The answer to the cancel stands right behind the request."""
    moments = raw["moments"]
    request, response = next(requests(raw, "cancel", "A"))
    moments.remove(response)
    moments.insert(moments.index(request) + 1, response)


def second_cancel_crashes(raw: Json) -> None:
    list(requests(raw, "cancel", "A"))[1][1]["status"] = 500


def still_listed(raw: Json) -> None:
    submitted = next(response["body"] for _, response in requests(raw, "submit", "A"))
    bodies("final runs", "main", lambda runs: [*runs, submitted])(raw)


TWINS = [
    twin("RUN-01", "a status of its own", TOOLS, run_status("A", "cancelled"), fact="`cancelled`"),
    twin("RUN-02", "201 for a create", TOOLS, status_code("submit", "B", 201), fact="201"),
    twin(
        "RUN-02", "a create that tells only the id", TOOLS,
        bodies("submit", "B", lambda b: {"run_id": b["run_id"]}), fact="no thread_id",
    ),
    twin(
        "RUN-02", "a create that answers when all is over", TOOLS,
        bodies("submit", "B", lambda b: of(b, status="success")), fact="`success`",
    ),
    twin("RUN-02", "no Content-Location", TOOLS, drop_header("content-location"), fact="no such header"),
    twin("RUN-03", "interrupted turns success", TOOLS, append_final_look("A", "success"), fact="`success` later"),
    twin("RUN-04", "success turns pending", TOOLS, append_final_look("B", "pending"), fact="`pending` later"),
    twin(
        "RUN-05", "both execute at once", TOOLS,
        move_report("A", "exit", behind=witness("B", "exit"), step="tools:1"),
        fact="run A reported from a step after that",
    ),
    twin(
        "RUN-06", "another strategy is told", TOOLS,
        bodies("final run", "run B", lambda b: of(b, multitask_strategy="enqueue")), fact="`enqueue`",
    ),
    twin(
        "RUN-07", "the default is reject", "default/during-tools/create/unwatched",
        status_code("submit", "B", 409), fact="`reject`",
    ),
    twin(
        "RUN-07", "the default is interrupt", "default/during-tools/create/unwatched",
        run_status("A", "interrupted"), fact="`interrupt`",
    ),
    twin(
        "RUN-08", "a status for being stopped", "interrupt/lingering/create/unwatched",
        bodies("look", "run A", lambda b: of(b, status="cancelling") if b["status"] == "running" else b),
        fact="`cancelling`",
    ),
    twin(
        "RUN-10", "the filter by status does nothing", f"{TOOLS}/second-turn",
        bodies("list runs", "main", lambda runs: runs * 2), fact="B, E, B, E",
    ),
    twin("INT-01", "interrupt is a conflict", TOOLS, status_code("submit", "B", 409), fact="HTTP 409"),
    twin("INT-01", "no answer", TOOLS, drop_response("submit", "B"), drop_reports("B"), fact="connection broken"),
    twin("INT-02", "the superseded run ends error", TOOLS, run_status("A", "error"), fact="`error`"),
    twin("INT-02", "the superseded run is gone", TOOLS, status_code("final run", "run A", 404), fact="404"),
    twin("INT-03", "the superseded run is gone", TOOLS, status_code("final run", "run A", 404), fact="404"),
    twin("INT-03", "the superseded run is not listed", TOOLS, listed_without(1), fact="only B"),
    twin("INT-04", "the new run ends error", TOOLS, run_status("B", "error"), fact="`error`"),
    twin("INT-04", "the new run's answer is lost", TOOLS, messages(without("provide weather")), fact="no B.answer"),
    twin("INT-05", "the first run's call is lost", TOOLS, messages(without("toolu_01Mj")), fact="[A.human B.human"),
    twin("INT-05", "the second input comes first", TOOLS, messages(second_input_first), fact="[B.human A.human"),
    twin("INT-06", "the new run branches off", TOOLS, history(reparent_second_run), fact="its parent is"),
    twin(
        "INT-07", "the first run's tool ends late", TOOLS,
        move_report("A", "exit", behind=witness("B", "exit"), step="tools:1"),
        fact="tools:1 of run A was still executing",
    ),
    twin("INT-08", "a late checkpoint", TOOLS, history(late_checkpoint), fact="checkpoint zzz of run A"),
    twin("INT-08", "a late message", TOOLS, messages(invented_result), fact="A.result"),
    twin(
        "INT-09", "only one of two is superseded", "interrupt/pending/create/unwatched",
        run_status("A", "success"), fact="`success`",
    ),
    twin(
        "INT-10", "the pending run executes", "interrupt/pending/create/unwatched",
        late_report("A", "agent:1", "enter"), fact="it entered agent:1",
    ),
    twin(
        "INT-10", "the pending run's input is kept", "interrupt/pending/create/unwatched",
        messages(lambda found: [*found, {"type": "human", "id": "x", "content": "what's the weather in sf?"}]),
        fact="A.human",
    ),
    twin(
        "INT-11", "the pending run's input is kept", "interrupt/pending/create/unwatched",
        messages(lambda found: [*found, {"type": "human", "id": "x", "content": "what's the weather in sf?"}]),
        fact="A.human",
    ),
    twin(
        "INT-12", "a conflict with nothing in flight", "interrupt/finished/create/unwatched",
        status_code("submit", "B", 409), fact="HTTP 409",
    ),
    twin(
        "INT-12", "a finished run is rewritten", "interrupt/finished/create/unwatched",
        append_final_look("A", "interrupted"), fact="`interrupted`",
    ),
    twin(
        "INT-13", "another thread's run is stopped", f"{TOOLS}/elsewhere", run_status("X", "interrupted"),
        fact="`interrupted`",
    ),
    twin(
        "INT-13", "another thread's data is lost", f"{TOOLS}/elsewhere", messages(lambda _: [], name="other"),
        fact="[]",
    ),
    twin(
        "INT-14", "stream ignores the strategy", "interrupt/during-tools/stream/unwatched",
        run_status("A", "success"), fact="run A ended `success`",
    ),
    twin(
        "INT-14", "wait ignores the strategy", "interrupt/during-tools/wait/unwatched",
        run_status("A", "success"), fact="run A ended `success`",
    ),
    twin(
        "INT-15", "the first run's reject counts", f"{TOOLS}/first-reject", status_code("submit", "B", 409),
        fact="HTTP 409",
    ),
    twin(
        "INT-15", "the first run's rollback counts", f"{TOOLS}/first-rollback",
        status_code("final run", "run A", 404), fact="404",
    ),
    twin("INT-16", "one of three is stuck", "interrupt/thrice/create/unwatched",
         bodies("final run", "run D", lambda b: of(b, status="pending")), fact="`pending`"),
    twin("INT-16", "one of three is refused", "interrupt/thrice/create/unwatched",
         status_code("submit", "D", 500), fact="HTTP 500"),
    twin("INT-17", "the new run is lost in the race", "interrupt/finishing/create/unwatched",
         status_code("submit", "B", 500), fact="HTTP 500"),
    twin("INT-17", "success without its answer", "interrupt/finishing/create/unwatched",
         run_status("A", "success"), messages(without("results give")), fact="run A `success`"),
    twin("INT-18", "the first run goes on", TOOLS, late_report("A", "agent:2", "enter"), fact="reported `enter`"),
    twin("INT-18", "the first run's tool returns", TOOLS, late_report("A", "tools:1", "exit", "returned"),
         fact="tools:1 reported `exit`"),
    twin("INT-20", "accepted and ignored", TOOLS, run_status("A", "success"), never_cancelled("A"),
         fact="ran on to `success`"),
    twin("INT-20", "refused with a crash", TOOLS, status_code("submit", "B", 500), fact="HTTP 500"),
    twin("INT-21", "the second input is lost", "interrupt/at-once/create/unwatched", messages(without("in nyc?")),
         fact="0 times"),
    twin("PST-01", "a finished step is lost", TOOLS, messages(without("toolu_01Mj")), fact="no A.call"),
    twin("PST-02", "the first input is lost", TOOLS, messages(without("in sf?")), fact="no A.human"),
    twin("PST-03", "half an answer is kept", "interrupt/during-answer/create/unwatched", messages(half_answer),
         fact="A.fragment"),
    twin("PST-04", "the open call is removed", TOOLS, messages(without("toolu_01Mj")), fact="A.human B.human"),
    twin("PST-04", "a result is invented", TOOLS, messages(invented_result), fact="A.result"),
    twin("PST-05", "with exit all is lost", f"{TOOLS}/durability-exit", messages(without("toolu_01Mj")),
         fact="no A.call"),
    twin("PST-06", "with sync the step is not there yet", f"{TOOLS}/durability-sync",
         bodies("mid history", "main", lambda entries: entries[1:]), fact="newest checkpoint: A.human"),
    twin("PST-08", "the thread's values are cleared", TOOLS,
         bodies("final thread", "main", lambda b: of(b, values=None)), fact="`None`"),
    twin("PST-09", "message ids collide", TOOLS, messages(same_ids), fact="twice: same"),
    twin("PST-10", "the second input twice", TOOLS, messages(twice), fact="2 times"),
    twin("PST-10", "the second input first", TOOLS, messages(second_input_first), fact="A.human A.call after it"),
    twin("PST-12", "the parked step is resumed", "interrupt/parked/create/unwatched", resumes,
         fact="run B began with tools:1"),
    twin("PST-12", "the first run is resumed", "interrupt/parked/create/unwatched",
         late_report("A", "tools:1", "enter"), fact="run A entered tools:1 again"),
    twin("CHK-01", "a fork", TOOLS, history(reparent), fact="places below"),
    twin("CHK-01", "two roots", TOOLS, history(entry(parent_checkpoint=None, parent_checkpoint_id=None)), fact="2"),
    twin("CHK-01", "a parent that is not there", TOOLS, history(lambda entries: entries[:-1]), fact="0"),
    twin("CHK-02", "no run in the metadata", TOOLS, history(entry(metadata={})), fact="`None`"),
    twin("CHK-02", "an unknown run", TOOLS, history(entry(metadata={"run_id": "nobody"})), fact="unknown run nobody"),
    twin("CHK-03", "the first run's checkpoints are gone", TOOLS, history(without_first_run), fact="none"),
    twin("CHK-03", "one of them is gone", TOOLS,
         history(lambda entries: [e for e in entries if e["next"] != ["tools"] or "nyc" in str(e["values"])]),
         fact="none that ends with A.call"),
    twin("CHK-04", "an id twice", TOOLS, history(lambda entries: [entries[0], *entries]), fact="twice: "),
    twin("CHK-04", "ids that do not sort", TOOLS, history(late_checkpoint), history(lambda e: e[::-1]),
         fact="newest first they are"),
    twin("CHK-05", "an old state", TOOLS, history(lambda entries: entries[1:]), fact="in the history"),
    twin("CHK-07", "the update is accepted", "none/during-tools/create/unwatched/update-state",
         status_code("update state", "main", 200), fact="HTTP 200"),
    twin("CHK-07", "the update is refused and written", "none/during-tools/create/unwatched/update-state",
         messages(lambda f: [*f, {"type": "human", "id": "x", "content": "an update in the middle of a run"}]),
         fact="an update in the middle"),
    twin("CHK-08", "a checkpoint vanishes", f"{TOOLS}/durability-sync", vanishing, fact="vanished"),
    twin("CHK-09", "a checkpoint that marks the stop", TOOLS,
         history(lambda e: [of(x, metadata=of(x["metadata"], source="update")) if x is e[-1] else x for x in e]),
         fact="source `update`"),
    twin("CHK-09", "a step recorded twice", TOOLS,
         history(lambda e: [*e[:-1], e[-2], e[-1]]), fact="two that record the same"),
    twin("THR-01", "a status of its own", TOOLS, thread_status("cancelled"), fact="`cancelled`"),
    twin("THR-02", "idle while a run is in flight", TOOLS, looks_during("A", "idle"), fact="`idle`"),
    twin("THR-03", "busy for ever", TOOLS, thread_status("busy"), fact="`busy`"),
    twin("THR-03", "interrupted in the end", TOOLS, thread_status("interrupted"), fact="`interrupted`"),
    twin("THR-07", "a failure does not show", "interrupt/failed/create/unwatched",
         thread_status("idle", purpose="look"), fact="`idle`"),
    twin("THR-07", "a failure is never cleared", "interrupt/failed/create/unwatched", thread_status("error"),
         fact="`error`"),
    twin("THR-08", "busy after join", TOOLS, thread_status("busy", purpose="look"),
         thread_status("busy"), fact="`busy`"),
    twin("THR-09", "search does not see it", f"{TOOLS}/elsewhere", search_finds_nothing, fact="not found"),
    twin("THR-10", "idle before the successor began", TOOLS, looks_during("B", "idle"), fact="`idle`"),
    twin("ENQ-01", "the queued run starts at once", QUEUED,
         move_report("B", "enter", behind=witness("A", "enter"), step="agent:1"), fact="entered its first step"),
    twin("ENQ-01", "the queued run reads running", QUEUED,
         bodies("look", "run B", lambda b: of(b, status="running")), fact="`running`"),
    twin("ENQ-02", "last in, first out", "enqueue/pending/create/unwatched",
         move_report("B", "enter", behind=witness("Z", "exit"), step="agent:1"), fact="Z B A"),
    twin("ENQ-03", "the first answer is lost", QUEUED, messages(without("results give")), fact="A.result B.human"),
    twin("ENQ-04", "the queued run starts from where it was asked for", QUEUED, history(reparent_second_run),
         fact="its parent is"),
    twin("ENQ-05", "the queue is stranded", "enqueue/failing/create/unwatched",
         bodies("final run", "run B", lambda b: of(b, status="pending")), fact="`pending`"),
    twin("ENQ-08", "queued runs are not listed", QUEUED, bodies("list runs", "main", lambda _: []),
         fact="an empty list"),
    twin("ENQ-08", "the input is hidden", QUEUED, bodies("list runs", "main", lambda runs: [of(runs[0], kwargs={})]),
         fact="`None`"),
    twin("REJ-01", "422 for a conflict", REJECTED, status_code("submit", "B", 422), fact="`422`"),
    twin("REJ-02", "the first run is stopped as well", REJECTED, run_status("A", "interrupted"), fact="`interrupted`"),
    twin("REJ-02", "the first run's answer is lost", REJECTED,
         bodies("mid state", "main", lambda b: of(b, values={"messages": b["values"]["messages"][:2]})),
         fact="[A.human A.call]"),
    twin("REJ-03", "a record of the refused run", REJECTED,
         bodies("list runs", "main", lambda runs: [*runs, of(runs[0], run_id="leak")]), fact="1 more"),
    twin("REJ-03", "the refused input is kept", REJECTED,
         messages(lambda f: [*f, {"type": "human", "id": "x", "content": "what's the weather in nyc?"}]),
         fact="B.human"),
    twin("REJ-04", "refused with nothing in flight", REJECTED, status_code("submit", "C", 409), fact="HTTP 409"),
    twin("REJ-05", "a pending run does not count", "reject/at-once/create/unwatched", status_code("submit", "B", 200),
         fact="HTTP 200"),
    twin("REJ-06", "refused while a human is asked", "reject/parked/create/unwatched", status_code("submit", "B", 409),
         fact="HTTP 409"),
    twin("REJ-07", "a missing thread is a conflict", "reject/missing-thread/create/unwatched",
         status_code("submit", "X", 409), fact="HTTP 409"),
    twin("REJ-08", "a refusal without words", REJECTED, bodies("submit", "B", lambda _: {"error": True}), fact="error"),
    twin("RBK-01", "the record stays", ROLLED_BACK, status_code("final run", "run A", 200),
         bodies("final run", "run A", lambda _: {"status": "error"}), fact="`error`"),
    twin("RBK-01", "the record is still listed", ROLLED_BACK, still_listed, fact="it is listed"),
    twin("RBK-02", "its input stays", ROLLED_BACK,
         messages(lambda f: [{"type": "human", "id": "x", "content": "what's the weather in sf?"}, *f]),
         fact="[A.human B.human"),
    twin("RBK-03", "a checkpoint stays", ROLLED_BACK, history(left_over), fact="A.human"),
    twin("RBK-04", "an earlier turn's checkpoint is gone", f"{ROLLED_BACK}/second-turn", history(lambda e: e[:-1]),
         fact="gone"),
    twin("RBK-04", "an earlier turn is changed", f"{ROLLED_BACK}/second-turn",
         history(lambda e: [*e[:-1], of(e[-1], created_at="later")]), fact="changed"),
    twin("RBK-05", "a late write comes back", "rollback/swallowing/create/unwatched", history(left_over),
         fact="A.human"),
    twin("RBK-06", "a running run ends error", ROLLED_BACK,
         status_code("final run", "run A", 200), bodies("final run", "run A", lambda _: {"status": "error"}),
         fact="`error`"),
    twin("RBK-07", "another channel keeps its values", ROLLED_BACK,
         bodies("final state", "main", lambda b: of(b, values=of(b["values"], steps=["A/agent:1"]))),
         fact="A/agent:1"),
    twin("RBK-08", "a pending run's input is kept", "rollback/pending/create/unwatched",
         messages(lambda f: [*f, {"type": "human", "id": "x", "content": "what's the weather in sf?"}]),
         fact="A.human"),
    twin("RBK-09", "the thread shows the old values", ROLLED_BACK,
         bodies("final thread", "main", lambda b: of(b, values=None)), fact="`None`"),
    twin("RBK-11", "only one of two is rolled back", "rollback/pending/create/unwatched",
         status_code("final run", "run Z", 200), bodies("final run", "run Z", lambda _: {"status": "success"}),
         fact="`success`"),
    twin("CON-07", "the new run does not wait", ROLLED_BACK,
         move_report("A", "exit", behind=witness("B", "exit"), step="tools:1"),
         fact="tools:1 of run A was still executing"),
    twin("STR-01", "metadata comes late", STREAMED, without_metadata, fact="`values`"),
    twin("STR-01", "another run's id", STREAMED, metadata_of("somebody"), fact="run_id somebody"),
    twin("STR-05", "join hangs", f"{TOOLS[:-9]}joined", drop_response("join", "A"), fact="connection broken"),
    twin("STR-05", "join reports an error", TOOLS, bodies("join", "A", lambda _: {"__error__": {}}),
         fact="`__error__`"),
    twin("STR-06", "the error is swallowed", "interrupt/failed/create/unwatched",
         bodies("join", "A", lambda _: {"messages": []}), fact="values of 1 channels"),
    twin("STR-14", "another run's id", STREAMED, metadata_of("somebody"), fact="run somebody"),
    twin("STR-14", "another run's update", STREAMED, foreign_update, fact="A.call"),
    twin("STR-15", "the stream of a queued run ends at once", QUEUED_STREAM, closed_at_once, fact="closed before"),
    twin("STR-15", "the stream leaves the answer out", QUEUED_STREAM, without_updates, fact="no B.call"),
    twin("STR-19", "join hangs", ROLLED_BACK, drop_response("join", "A"), fact="connection broken"),
    twin("HIL-01", "no question in the thread", PARKED,
         bodies("look", "main", lambda b: of(b, interrupts={})), fact="`{}`"),
    twin("HIL-01", "the thread reads idle", PARKED, thread_status("idle", purpose="look"), fact="`idle`"),
    twin("HIL-02", "another status", PARKED, run_status("A", "interrupted"), fact="`interrupted`"),
    twin("HIL-03", "a dead question stays", PARKED,
         bodies("final thread", "main", lambda b: of(b, interrupts={"t": [{"value": 1}]})), fact="'value': 1"),
    twin("HIL-04", "the parked step is resumed", PARKED, resumes, fact="run B began with tools:1"),
    twin("CAN-01", "a cancelled run ends error", CANCELLED, run_status("A", "error"), fact="`error`"),
    twin("CAN-01", "what it wrote is lost", CANCELLED, messages(lambda f: f[:1]), fact="[A.human]"),
    twin("CAN-02", "a cancelled pending run executes", CANCELLED_PENDING, late_report("A", "agent:1", "enter"),
         fact="it did"),
    twin("CAN-02", "its input is kept", CANCELLED_PENDING,
         messages(lambda f: [*f, {"type": "human", "id": "x", "content": "what's the weather in sf?"}]),
         fact="A.human"),
    twin("CAN-03", "200 with a body", CANCELLED, status_code("cancel", "A", 200),
         bodies("cancel", "A", lambda _: {"status": "interrupted"}), fact="200 with a body"),
    twin("CAN-04", "wait is answered at once", "cancel/lingering/interrupt/unwatched/waited", answered_at_once,
         fact="after the answer"),
    twin("CAN-05", "wait must be sent", CANCELLED, status_code("cancel", "A", 422), fact="HTTP 422"),
    twin("CAN-06", "rollback is not offered", CANCEL_ROLLBACK, status_code("cancel", "A", 422), fact="HTTP 422"),
    twin("CAN-06", "its checkpoint stays", CANCEL_ROLLBACK, history(left_over), fact="A.human"),
    twin("CAN-06", "too much is deleted", CANCEL_ROLLBACK, history(lambda e: e[1:]), fact="checkpoints instead of"),
    twin("CAN-07", "a finished run is rewritten", "cancel/finished/interrupt/unwatched",
         append_final_look("A", "interrupted"), fact="`interrupted`"),
    twin("CAN-08", "a late cancel is a conflict", "cancel/finished/interrupt/unwatched",
         status_code("cancel", "A", 409), fact="`409`"),
    twin("CAN-09", "an unknown run is cancelled", "cancel/unknown/interrupt/unwatched",
         status_code("cancel", "nobody", 202), fact="HTTP 202"),
    twin("CAN-10", "the last cancel decides", CANCELLED_TWICE, status_code("final run", "run A", 404), fact="404"),
    twin("CAN-10", "the second cancel crashes", CANCELLED_TWICE, second_cancel_crashes, fact="HTTP 500"),
    twin("CAN-12", "nothing happens", CANCELLED, bodies("final run", "run A", lambda b: of(b, status="running")),
         fact="still `running`"),
    twin("CAN-13", "a cancelled run succeeds", CANCELLED, run_status("A", "success"), fact="`success`"),
    twin("CAN-14", "a conflict while it stops", f"{CANCELLED}/then-interrupt", status_code("submit", "B", 409),
         fact="HTTP 409"),
    twin("ENQ-06", "the whole queue is cancelled", CANCELLED_PENDING, run_status("B", "interrupted"),
         fact="`interrupted`"),
    twin("PST-11", "nothing is next", CANCELLED, bodies("final state", "main", lambda b: of(b, next=[])), fact="[]"),
    twin("THR-04", "another status", CANCELLED, thread_status("idle"), fact="`idle`"),
    twin("THR-05", "idle while another run executes", CANCELLED_PENDING, looks_during("Z", "idle"), fact="`idle`"),
    twin("THR-06", "busy for ever", CANCELLED, thread_status("busy"), fact="`busy`"),
]  # fmt: skip


@pytest.mark.parametrize("requirement", BOOK.requirements, ids=lambda r: r.id)
def test_the_correct_mock_passes(requirement: registry.Requirement, plays: dict[str, Transcript]) -> None:
    shown = [t for scenario, t in plays.items() if requirement.applies_to(scenario)]
    assert shown, "no scenario shows this requirement"
    verdicts = {t.scenario.id: judge(requirement, Play(t), NOTHING_DECLARED) for t in shown}
    assert {name: v for name, v in verdicts.items() if v.word != "PASS"} == {}


@pytest.mark.parametrize("case", TWINS, ids=lambda t: f"{t.requirement}-{t.what}")
def test_a_broken_twin_is_found(case: Twin, plays: dict[str, Transcript]) -> None:
    requirement = BOOK.get(case.requirement)
    assert requirement.applies_to(case.scenario)
    verdict = judge(requirement, Play(edited(plays[case.scenario], *case.edits)), NOTHING_DECLARED)
    assert verdict.word == ("WARN" if requirement.level == "SHOULD" else "FAIL"), verdict
    assert case.fact in verdict.observed
    assert verdict.expected


def test_every_requirement_has_a_broken_twin() -> None:
    assert {t.requirement for t in TWINS} == {r.id for r in BOOK.requirements}


def test_every_requirement_has_a_check_and_every_check_a_requirement() -> None:
    assert set(all_checks()) == {r.id for r in BOOK.requirements}


def test_every_scenario_is_judged_by_something(plays: dict[str, Transcript]) -> None:
    unjudged = [name for name in plays if not any(r.applies_to(name) for r in BOOK.requirements)]
    assert unjudged == []
