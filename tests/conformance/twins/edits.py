"""The edits that make a record lie, and the scenarios whose records the twins are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.api import Purpose
from tests.conformance.plays import (
    Edit,
    Json,
    bodies,
    requests,
)

TOOLS = "interrupt/during-tools/create/unwatched"
STREAMED = "interrupt/during-tools/stream/unwatched"
QUEUED_STREAM = "enqueue/during-tools/stream/unwatched"
PARKED = "interrupt/parked/create/unwatched"
CANCELLED = "cancel/during-tools/interrupt/unwatched"
CANCELLED_PENDING = "cancel/pending/interrupt/unwatched"
CANCELLED_TWICE = "cancel/lingering/interrupt/unwatched/twice"
CANCEL_BURST = "cancel/burst/interrupt/unwatched"
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


def drop_response(purpose: Purpose, about: str) -> Edit:
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


def reported(field: str, value: Any) -> Edit:
    """Set a field of every report that has it."""

    def edit(raw: Json) -> None:
        found = [m for m in raw["moments"] if m["kind"] == "witness" and m.get(field) is not None]
        assert found, f"no report has the field {field}"
        for moment in found:
            moment[field] = value

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


def without_reports(label: str, *events: str) -> Edit:
    """A run never said these things to the witness."""

    def edit(raw: Json) -> None:
        raw["moments"] = [m for m in raw["moments"] if m.get("label") != label or m.get("event") not in events]

    return edit


def every(purpose: Purpose, **changes: Any) -> Edit:
    """Every answer with this purpose, whatever it is about: `status` is the HTTP one, else fields of the body."""

    def edit(raw: Json) -> None:
        for _, response in requests(raw, purpose):
            response["body"] = of(response["body"], **changes)

    return edit


def all_accepted(raw: Json) -> None:
    for _, response in requests(raw, "submit"):
        response["status"] = 200


def finished_step_is_kept(raw: Json) -> None:
    """The state holds what the step wrote whose superstep was never finished."""

    def kept(body: Json) -> Json:
        return of(body, values=of(body["values"], steps=[*body["values"]["steps"], "A/audit:1"]))

    bodies("final state", "main", kept)(raw)


def finished_step_is_lost(raw: Json) -> None:
    """No task has a result."""
    bodies("mid state", "main", lambda body: of(body, tasks=[of(task, result=None) for task in body["tasks"]]))(raw)


def begins_anew(label: str) -> Edit:
    """The run enters the graph at its start instead of the step that asked."""

    def edit(raw: Json) -> None:
        for moment in raw["moments"]:
            if moment["kind"] == "witness" and moment["label"] == label and moment["step"] == "tools:1":
                moment["step"] = "agent:1"

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
    return _with_result(found, "cancelled")


def late_result(found: list[Json]) -> list[Json]:
    return _with_result(found, '[{"url": "https://www.wunderground.com/hourly"}]')


def _with_result(found: list[Json], text: str) -> list[Json]:
    call = "toolu_01MjNtVJwEcpujRGrf3x6Pih"
    made_up = {"type": "tool", "id": "made-up", "content": text, "tool_call_id": call}
    at = next(i for i, m in enumerate(found) if "nyc" in str(m["content"]))
    return [*found[:at], made_up, *found[at:]]


def same_ids(found: list[Json]) -> list[Json]:
    return [of(m, id="same") for m in found]


def looks_during(label: str, thread: str) -> Edit:
    """The thread reads `thread` in every look between two of run `label` in flight, which are made to lie far apart."""

    def edit(raw: Json) -> None:
        flight = [
            (request["seq"], response["seq"])
            for request, response in requests(raw, "look", f"run {label}")
            if response["body"]["status"] in ("pending", "running")
        ]
        for request, response in requests(raw, "look", "main"):
            if flight[0][1] < request["seq"] and response["seq"] < flight[-1][0]:
                response["body"]["status"] = thread
        stretch(raw, flight[0][1], flight[-1][0])

    return edit


def pending_all_the_time(label: str) -> Edit:
    """Show the run as waiting as long as it executes, in readings that are made to lie far apart."""

    def edit(raw: Json) -> None:
        flight = [
            (request["seq"], response["seq"])
            for request, response in requests(raw, "look", f"run {label}")
            if response["body"]["status"] == "running"
        ]
        change = bodies("look", f"run {label}", lambda b: of(b, status="pending") if b["status"] == "running" else b)
        change(raw)
        stretch(raw, flight[0][1], flight[-1][0])

    return edit


def stretch(raw: Json, since: int, until: int) -> None:
    """Let a second pass at each moment between two seqs."""
    for moment in raw["moments"]:
        moment["t"] += max(0, min(moment["seq"], until) - since)


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


def answered_at_once(purpose: Purpose, about: str) -> Edit:
    """The answer stands right behind the request."""
    return answered_behind(purpose, about, purpose)


def answered_behind(purpose: Purpose, about: str, other: Purpose) -> Edit:
    """The answer stands right behind the first request of another purpose that comes after its own."""

    def edit(raw: Json) -> None:
        moments = raw["moments"]
        request, response = next(requests(raw, purpose, about))
        moments.remove(response)
        begin = moments.index(request)
        place = next(i for i, m in enumerate(moments) if i >= begin and m.get("purpose") == other)
        moments.insert(place + 1, response)

    return edit


def second_cancel_crashes(raw: Json) -> None:
    list(requests(raw, "cancel", "A"))[1][1]["status"] = 500


def still_listed(raw: Json) -> None:
    submitted = next(response["body"] for _, response in requests(raw, "submit", "A"))
    bodies("final runs", "main", lambda runs: [*runs, submitted])(raw)


def sent_to(name: str, change: Callable[[list[Json]], list[Json]]) -> Edit:
    """Change the events that client `name` was sent; the changed list stands where the first of them stood."""

    def edit(raw: Json) -> None:
        exchanges = {
            m["exchange"]
            for m in raw["moments"]
            if m["kind"] == "request" and m["purpose"] in ("submit", "watch") and m["about"] == name
        }
        moments = raw["moments"]
        sent = [m for m in moments if m["kind"] == "stream" and m["exchange"] in exchanges]
        assert sent, f"client {name} was sent nothing"
        place = moments.index(sent[0])
        rest = [m for m in moments if m not in sent]
        raw["moments"] = [*rest[:place], *change(sent), *rest[place:]]

    return edit


def never_closed(name: str) -> Edit:
    """The stream of client `name` stays open."""

    def edit(raw: Json) -> None:
        exchanges = [m["exchange"] for m in raw["moments"] if m["kind"] == "request" and m["about"] == name]
        raw["moments"] = [m for m in raw["moments"] if m["kind"] != "closed" or m["exchange"] not in exchanges]

    return edit


def named(event: str) -> Callable[[list[Json]], list[Json]]:
    """The first event under another name."""
    return lambda sent: [of(sent[0], event=event), *sent[1:]]


def changed(event: str, **changes: Any) -> Callable[[list[Json]], list[Json]]:
    """Change the data of every event with this name."""
    return lambda sent: [of(e, data=of(e["data"], **changes)) if e["event"] == event else e for e in sent]


def repeated(sent: list[Json]) -> list[Json]:
    """The last event twice."""
    return [*sent, sent[-1]]


def one_less(sent: list[Json]) -> list[Json]:
    """Without the first event."""
    return sent[1:]


def without_ids(sent: list[Json]) -> list[Json]:
    return [of(event, id=None) for event in sent]


def shown_ids(event_id: str) -> Callable[[list[Json]], list[Json]]:
    """The messages of every `values` under another id."""

    def change(sent: list[Json]) -> list[Json]:
        return [
            of(e, data=of(e["data"], messages=[of(m, id=event_id) for m in e["data"]["messages"]]))
            if e["event"] == "values"
            else e
            for e in sent
        ]

    return change


def with_newcomer(values: Json) -> Json:
    """Values to which the second run's input was added."""
    nyc = {"type": "human", "id": "x", "content": "what's the weather in nyc?"}
    return of(values, messages=[*values["messages"], nyc])


def of_later_run(sent: list[Json]) -> list[Json]:
    """Repeat the values after the last event, with the second run's input."""
    values = next(e for e in reversed(sent) if e["event"] == "values")
    return [*sent, of(values, data=with_newcomer(values["data"]))]


def with_early_update(sent: list[Json]) -> list[Json]:
    """The update of the first step, once more, at the beginning."""
    call = {"type": "ai", "id": "c", "content": "", "tool_calls": [{"id": "toolu_01MjNtVJwEcpujRGrf3x6Pih"}]}
    return [of(sent[0], event="updates", data={"agent": {"messages": [call]}}), *sent]


def begins_at_once(label: str) -> Edit:
    """The run's steps are reported at the moment at which it is asked for."""

    def edit(raw: Json) -> None:
        asked = next(m["t"] for m in raw["moments"] if m["kind"] == "request" and m["about"] == label)
        for moment in raw["moments"]:
            if moment["kind"] == "witness" and moment["label"] == label:
                moment["t"] = asked

    return edit


def header(name: str, value: str) -> Edit:
    """Every answer to a submission has this header."""

    def edit(raw: Json) -> None:
        for _, response in requests(raw, "submit"):
            response["headers"][name] = value

    return edit


def late_events(name: str) -> Edit:
    """Everything that client `name` was sent came at the end."""

    def edit(raw: Json) -> None:
        request = next(m for m in raw["moments"] if m["kind"] == "request" and m["about"] == name)
        sent = [m for m in raw["moments"] if m["kind"] == "stream" and m["exchange"] == request["exchange"]]
        raw["moments"] = [*(m for m in raw["moments"] if m not in sent), *sent]

    return edit


def without_last_token(sent: list[Json]) -> list[Json]:
    last = max(i for i, e in enumerate(sent) if e["event"] == "messages" and e["data"][0]["content"])
    return [*sent[:last], *sent[last + 1 :]]


def with_token_twice(sent: list[Json]) -> list[Json]:
    last = max(i for i, e in enumerate(sent) if e["event"] == "messages" and e["data"][0]["content"])
    return [*sent[:last], sent[last], *sent[last:]]
