"""Deviations from the mock that a right deployment may have: no requirement may call them FAIL, WARN or ERROR."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements import registry
from conformance.transcript.transcript import Transcript
from tests.conformance.plays import Edit, Json, bodies, edited, requests, run_status, status_code
from tests.conformance.twins.edits import (
    CANCELLED,
    CANCELLED_PENDING,
    PARKED,
    QUEUED,
    REJECTED,
    ROLLED_BACK,
    STREAMED,
    TOOLS,
    append_final_look,
    of,
    sent_to,
)

OWN_STREAM = "interrupt/during-tools/create/streamed"
MODES = "none/during-tools/stream/streamed"

EVERYWHERE = (
    *(CANCELLED, CANCELLED_PENDING, PARKED, QUEUED, REJECTED, ROLLED_BACK, STREAMED, TOOLS),
    *("interrupt/during-tools/wait/unwatched", "interrupt/lingering/create/unwatched", "none/parking/stream/unwatched"),
    *("interrupt/resuming/create/unwatched", "none/during-tools/stream/reconnected", "webhook/interrupted"),
    *("stateless/create", "bad-input/unknown-ids", "cron/made-and-deleted", "cron/busy-thread"),
)
"""Scenarios that show most of the book."""


TYPED = "SHP-09"
"""The requirement on fields that the description leaves optional, and the types of the official clients do not."""

LEFT_OUT = ("states have no `interrupts`",)
"""The variations that leave out such a field. They are legal, and a client that reads the field fails."""


def objects_in(raw: Json) -> Iterator[Json]:
    """Yield every object in a response, an event of a stream or a webhook, whole bodies and what lies inside them."""
    todo: list[Any] = [m.get("body") for m in raw["moments"] if m["kind"] == "response"]
    todo += [m.get("data") for m in raw["moments"] if m["kind"] == "stream"]
    todo += [m.get("body") for m in raw["moments"] if m["kind"] == "delivery"]
    while todo:
        found = todo.pop()
        if isinstance(found, dict):
            yield found
            todo += found.values()
        elif isinstance(found, list):
            todo += found


def everywhere(has: str, change: Callable[[Json], object]) -> Edit:
    """Change every object that has this field."""

    def edit(raw: Json) -> None:
        for found in objects_in(raw):
            if has in found:
                change(found)

    return edit


def without_fields(has: str, *names: str) -> Edit:
    """Remove fields from every object that has the field `has`."""

    def change(found: Json) -> None:
        for name in names:
            found.pop(name, None)

    return everywhere(has, change)


def is_thread(found: Json) -> bool:
    return "thread_id" in found and "status" in found and "run_id" not in found


def minimal_threads(raw: Json) -> None:
    """Leave only the fields of a thread that the published description requires."""
    # From the published description. A server that stores no copy of the values on the thread has nothing else to show.
    required = {"thread_id", "created_at", "updated_at", "metadata", "status"}
    for found in objects_in(raw):
        if is_thread(found):
            for name in found.keys() - required:
                del found[name]


def more_fields(raw: Json) -> None:
    """Add fields to every record, as later versions of an API do."""
    for found in objects_in(raw):
        if found.keys() & {"thread_id", "run_id", "checkpoint", "cron_id"}:
            found |= {"tenant": "t", "etag": 7, "links": [{"rel": "self"}]}


def spelled_out(raw: Json) -> None:
    """Show empty fields in the entries of histories, which a state leaves out."""
    for moment in raw["moments"]:
        for entry in moment["body"] if moment["kind"] == "response" and isinstance(moment.get("body"), list) else ():
            if isinstance(entry, dict) and "checkpoint" in entry:
                entry["metadata"] = {**(entry["metadata"] or {}), "checkpoint_ns": "", "writes": None}
                if entry.get("parent_checkpoint"):
                    entry["parent_checkpoint"]["checkpoint_map"] = None


def with_configs(raw: Json) -> None:
    """Show in every thread the configuration of the newest run, as far as one was created."""
    created = 0
    for moment in raw["moments"]:
        created += moment["kind"] == "request" and moment["purpose"] == "submit"
        if moment["kind"] == "response":
            for found in filter(is_thread, objects_in({"moments": [moment]})):
                found["config"] = {"configurable": {"probe": {"label": f"R{created}"}}}


def without_crons(raw: Json) -> None:
    """Refuse every request for crons: their creation with 422, as for a wrong id, and their lists with 404."""
    paths = {moment["exchange"]: moment["path"] for moment in raw["moments"] if moment["kind"] == "request"}
    for moment in raw["moments"]:
        if moment["kind"] == "response" and "/runs/crons" in (path := paths[moment["exchange"]]):
            moment |= {"status": 422 if path.startswith("/threads/") else 404, "body": {"detail": "unknown"}}


def copied_as_written(raw: Json) -> None:
    """Leave the thread on which a checkpoint was written in its metadata when it is copied."""
    first = next(response["body"] for _, response in requests(raw, "copied history"))
    copied = {entry["checkpoint"]["checkpoint_id"] for entry in first}
    for entry in objects_in(raw):
        checkpoint = entry.get("checkpoint")
        if isinstance(checkpoint, dict) and checkpoint.get("checkpoint_id") in copied and "metadata" in entry:
            entry["metadata"] |= {"thread_id": raw["threads"]["main"]}


def other_headers(change: Callable[[Json], Json]) -> Edit:
    def edit(raw: Json) -> None:
        for moment in raw["moments"]:
            if moment["kind"] == "response":
                moment["headers"] = change(moment["headers"])

    return edit


def other_times(spell: Callable[[datetime], str]) -> Edit:
    """Spell every timestamp in another way that ISO 8601 has."""

    def edit(raw: Json) -> None:
        for found in objects_in(raw):
            for name, value in found.items():
                if name.endswith("_at") and isinstance(value, str):
                    found[name] = spell(datetime.fromisoformat(value))

    return edit


def slower(raw: Json) -> None:
    """Let a hundred times as much time pass."""
    for moment in raw["moments"]:
        moment["t"] *= 100


def as_blocks(message: Json) -> None:
    """Spell the content of a message as a list of blocks."""
    if isinstance(message["content"], str) and message.get("type") in ("human", "ai"):
        message["content"] = [{"type": "text", "text": message["content"]}]


def lagging(raw: Json) -> None:
    """Let the thread's row follow its first run some milliseconds later."""
    for _, response in list(requests(raw, "look", "main"))[:2]:
        response["body"]["status"] = "idle"


def in_flight_to_the_end(raw: Json) -> None:
    """Keep run B in flight all the time, and its steps write between the state and the history."""
    run_status("B", "running")(raw)
    bodies("final runs", "main", lambda runs: [of(run, status="running") for run in runs])(raw)
    bodies("final history", "main", lambda entries: entries[1:])(raw)


def fired_again(raw: Json) -> None:
    """Let the cron be due again before it is deleted, so that its next run interrupts run B."""
    run_status("B", "interrupted", only_final=True)(raw)
    bodies(
        "final runs",
        "main",
        lambda runs: [
            of(runs[0], run_id="00000000-0000-4000-8000-000000000001"),
            of(runs[0], status="interrupted"),
            *runs[1:],
        ],
    )(raw)
    for _, response in list(requests(raw, "look", "run B"))[1:]:
        response["body"]["status"] = "interrupted"


def empty_states(raw: Json) -> None:
    """Answer a request for the state or history of a missing thread with an empty one."""
    for request, response in requests(raw, "ask"):
        if request["path"].partition("?")[0].endswith(("/state", "/history")) and response["status"] == 404:
            response |= {"status": 200, "body": []}


def pending_at_first(raw: Json) -> None:
    """Let the run's row say `pending` in the first reading after its step began."""
    _, response = next(requests(raw, "look", "run A"))
    response["body"]["status"] = "pending"


def repeated_values(raw: Json) -> None:
    """Send every `values` event of a stream twice."""
    raw["moments"] = [
        copy
        for moment in raw["moments"]
        for copy in ([moment, dict(moment)] if moment.get("event") == "values" else [moment])
    ]


def of_its_own(raw: Json) -> None:
    """Send an event without an id that belongs to no stream mode before and behind every event of a stream."""
    raw["moments"] = [
        each
        for moment in raw["moments"]
        for own in [{**moment, "event": "keepalive", "data": {}, "id": None}]
        for each in ([own, moment, own] if moment["kind"] == "stream" else [moment])
    ]


def only_a_heartbeat(raw: Json) -> None:
    """Let the one event that a stalled client reads be one of the server's own."""
    sent_to("A", lambda sent: [{**sent[0], "event": "keepalive", "data": {}, "id": None}])(raw)


def fewer_facts_in_debug_modes(raw: Json) -> None:
    """Show the results of tasks as pairs of a channel and its value, and tasks in `debug` without metadata."""
    for moment in raw["moments"]:
        shown = moment["data"] if moment["kind"] == "stream" and moment["event"] in ("tasks", "debug") else {}
        task = shown.get("payload", shown)
        if isinstance(task.get("result"), dict):
            task["result"] = [[name, value] for name, value in task["result"].items()]
        if shown.get("type") == "task":
            task.pop("metadata", None)


def calls_in_many_chunks(raw: Json) -> None:
    """Stream the arguments of each tool call letter by letter."""
    moments = []
    for moment in raw["moments"]:
        piece, *beside = moment["data"] if moment.get("event") == "messages" else [{}]
        chunks = piece.get("tool_call_chunks") or []
        moments += [
            {**moment, "data": [{**piece, "tool_call_chunks": [{**chunk, "args": letter}]}, *beside]}
            for chunk in chunks
            for letter in chunk["args"]
        ] or [moment]
    raw["moments"] = moments


def calls_as_whole_messages(raw: Json) -> None:
    """Stream each message with a tool call once, whole, as an agent that calls no model for it does. Repeat it."""
    moments = []
    for moment in raw["moments"]:
        piece, *beside = moment["data"] if moment.get("event") == "messages" else [{}]
        if piece.get("tool_call_chunks"):
            whole = {name: value for name, value in piece.items() if name != "tool_call_chunks"} | {"type": "ai"}
            moments += [{**moment, "data": [whole, *beside]}] * 2
        else:
            moments.append(moment)
    raw["moments"] = moments


def updates_without_ids(raw: Json) -> None:
    """Stream the messages of updates as the node wrote them: without ids, which they get when they are stored."""
    for moment in raw["moments"]:
        if moment.get("event") == "updates":
            for write in moment["data"].values():
                write["messages"] = [{**one, "id": None} for one in write["messages"]]


def errors_with_their_module(raw: Json) -> None:
    """Name the class of an error with its module."""
    for moment in raw["moments"]:
        if moment.get("event") == "error":
            moment["data"]["error"] = f"agent.{moment['data']['error']}"


def untyped_cancel(raw: Json) -> None:
    """Answer a cancel with an empty object in place of nothing, with the headers of an empty answer."""
    for _, response in requests(raw, "cancel"):
        response |= {"status": 200, "body": {}}
        response["headers"].pop("content-type", None)


def deep_histories(raw: Json) -> None:
    """Record every history of another thread as the text that its JSON is recorded as when it is nested too deeply."""
    for _, response in requests(raw, "final history", "other"):
        response["body"] = json.dumps(response["body"])


def stopping_takes_time(raw: Json) -> None:
    """Let the step of run A, which was cancelled, report its end behind everything else."""
    end = next(m for m in raw["moments"] if m["kind"] == "witness" and (m["label"], m["event"]) == ("A", "exit")
               and m["outcome"] == "cancelled")  # fmt: skip
    raw["moments"].remove(end)
    raw["moments"].append({**end, "t": raw["moments"][-1]["t"]})


# Only whole records are varied: a variation that is consistent in itself is what a right server could send. One that
# contradicts itself, such as a field in one answer only, may be accused rightly.
def keys_reversed(value: Any) -> Any:
    """Return a value with the keys of its objects in another order, as a database may keep them."""
    if isinstance(value, dict):
        return {key: keys_reversed(value[key]) for key in reversed(value)}
    return [keys_reversed(one) for one in value] if isinstance(value, list) else value


def other_order(raw: Json) -> None:
    """Show threads, but not their states and runs, with the keys of all objects in another order."""
    for moment in raw["moments"]:
        if moment["kind"] == "response" and isinstance(moment["body"], dict) and is_thread(moment["body"]):
            moment["body"] = keys_reversed(moment["body"])


def read_before_the_page_is_answered(raw: Json) -> None:
    """Insert a reading of the thread, without the page's run in its values, while the page waits for its run."""
    [(asked, answer)] = requests(raw, "page", "wait")
    request, response = next(found for found in requests(raw, "final thread", "main"))
    before = copy.deepcopy(response)
    before["body"]["values"] = {"messages": []}
    # Other values were written at another time, and no answer has to show it.
    before["body"].pop("state_updated_at", None)
    number = max(moment["exchange"] for moment in raw["moments"] if "exchange" in moment) + 1
    looks = [copy.deepcopy(request) | {"exchange": number, "purpose": "look"}, before | {"exchange": number}]
    for look in looks:
        look["t"] = asked["t"]
    at = raw["moments"].index(answer)
    raw["moments"][at:at] = looks


def ids_in_capitals(raw: Json) -> None:
    """Spell every UUID in an answer, an event or a webhook in capitals, as some databases do."""

    def spelled(found: Any) -> Any:
        uuid = r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
        return json.loads(re.sub(uuid, lambda one: one[0].upper(), json.dumps(found)))

    raw["threads"] = spelled(raw["threads"])
    raw["moments"] = [
        {name: spelled(value) if name in ("headers", "body", "data") else value for name, value in moment.items()}
        if moment["kind"] in ("response", "stream", "delivery")
        else moment
        for moment in raw["moments"]
    ]


def streams_end_with_end(raw: Json) -> None:
    """Send `end` without an id as the last event of every stream, which a client shows with the id of the last one."""
    last = {moment["exchange"]: moment for moment in raw["moments"] if moment["kind"] == "stream"}
    raw["moments"] = [
        each
        for moment in raw["moments"]
        for each in ([moment, {**moment, "event": "end", "data": None}] if moment in last.values() else [moment])
    ]


VARIATIONS: list[tuple[str, tuple[str, ...], tuple[Edit, ...]]] = [
    ("threads have only the required fields", EVERYWHERE, (minimal_threads,)),
    ("records have more fields", EVERYWHERE, (more_fields,)),
    ("threads have their keys in another order", EVERYWHERE, (other_order,)),
    (
        "the thread is read while a page waits for its run",
        ("none/finished/create/unwatched/other-origin",),
        (read_before_the_page_is_answered,),
    ),
    ("times end with Z", EVERYWHERE, (other_times(lambda t: t.isoformat().replace("+00:00", "Z")),)),
    ("times have milliseconds", EVERYWHERE, (other_times(lambda t: t.isoformat(timespec="milliseconds")),)),
    (
        "times are of another zone",
        EVERYWHERE,
        (other_times(lambda t: t.astimezone(timezone(timedelta(hours=2))).isoformat()),),
    ),
    ("everything takes longer", EVERYWHERE, (slower,)),
    ("ids are in capitals", EVERYWHERE, (ids_in_capitals,)),
    ("streams end with `end`", EVERYWHERE, (streams_end_with_end,)),
    ("more headers", EVERYWHERE, (other_headers(lambda headers: {**headers, "x-served-by": "a", "etag": 'W/"1"'}),)),
    (
        "metadata have more keys",
        EVERYWHERE,
        (everywhere("metadata", lambda o: (o["metadata"] or {}).update(region="eu")),),
    ),
    ("empty fields are spelled out in histories", EVERYWHERE, (spelled_out,)),
    ("a thread shows the configuration of its newest run", EVERYWHERE, (with_configs,)),
    ("states have no `interrupts`", EVERYWHERE, (without_fields("parent_checkpoint", "interrupts"),)),
    ("content is a list of blocks", EVERYWHERE, (everywhere("content", as_blocks),)),
    ("messages have more fields", EVERYWHERE, (everywhere("content", lambda o: o.update(usage_metadata=None)),)),
    ("a cancel is answered with 200", (CANCELLED, CANCELLED_PENDING), (status_code("cancel", "A", 200),)),
    ("a cancel is answered with an object without fields, and no type", (CANCELLED,), (untyped_cancel,)),
    ("the thread's row lags behind its run", (TOOLS, QUEUED), (lagging,)),
    ("a run's row lags behind its worker", (TOOLS, QUEUED), (pending_at_first,)),
    ("values are streamed twice", (STREAMED, OWN_STREAM), (repeated_values,)),
    (
        "streams have events of another name",
        (
            *(STREAMED, OWN_STREAM, "none/during-tools/stream/streamed/updates", f"{MODES}/all-modes"),
            *(f"{MODES}/debug-modes", f"{MODES}/events", "none/during-tools/stream/reconnected"),
            *("none/during-answer/create/two-joined", "enqueue/failing/create/streamed", "stateless/stream"),
            *("none/in-child/create/two-joined", "interrupt/during-tools/create/join-streamed"),
        ),
        (of_its_own,),
    ),
    ("a client that stalls reads a heartbeat", ("none/during-answer/stream/stalled",), (only_a_heartbeat,)),
    ("tasks are shown in an older form", (f"{MODES}/debug-modes",), (fewer_facts_in_debug_modes,)),
    (
        "calls are streamed in many chunks",
        (f"{MODES}/messages-tuple", f"{MODES}/all-modes"),
        (calls_in_many_chunks,),
    ),
    (
        "calls are streamed as whole messages",
        (f"{MODES}/messages-tuple", f"{MODES}/all-modes"),
        (calls_as_whole_messages,),
    ),
    ("updates have no ids", (STREAMED, f"{MODES}/updates"), (updates_without_ids,)),
    ("errors have their module", ("enqueue/failing/create/streamed",), (errors_with_their_module,)),
    (
        "Location is an absolute URL",
        (STREAMED, OWN_STREAM),
        (other_headers(lambda h: {n: f"http://server.example{v}" if n == "location" else v for n, v in h.items()}),),
    ),
    (
        "no page of another origin is served",
        ("none/finished/create/unwatched/other-origin",),
        (other_headers(lambda h: {n: v for n, v in h.items() if not n.startswith("access-control")}),),
    ),
    ("a history has an input of many levels", ("bad-input/odd",), (deep_histories,)),
    ("a cancelled step reports its end late", (CANCELLED,), (stopping_takes_time,)),
    ("the cron fires again", ("cron/busy-thread",), (fired_again,)),
    ("there are no crons", ("cron/listed",), (without_crons,)),
    (
        "copied checkpoints name the thread on which they were written",
        ("none/finished/create/unwatched/copied",),
        (copied_as_written,),
    ),
]


@pytest.mark.parametrize(("what", "scenarios", "edits"), VARIATIONS, ids=[v[0].replace(" ", "-") for v in VARIATIONS])
def test_a_legal_variation_is_not_accused(
    what: str, scenarios: tuple[str, ...], edits: tuple[Edit, ...], plays: Mapping[str, Transcript]
) -> None:
    accused = {}
    for name in scenarios:
        play = Play(edited(plays[name], *edits))
        for requirement in registry.load().requirements:
            if requirement.applies_to(name):
                verdict = judge(requirement, play, NOTHING_DECLARED)
                if verdict.word in ("FAIL", "WARN", "ERROR"):
                    accused[name, requirement.id] = verdict.word
    warned = {(name, TYPED) for name in scenarios} if what in LEFT_OUT else set()
    assert accused.keys() == warned, what
    assert not any(verdict == "FAIL" for verdict in accused.values())


def test_a_state_is_not_compared_with_a_history_while_a_run_is_in_flight(plays: Mapping[str, Transcript]) -> None:
    play = Play(edited(plays[TOOLS], in_flight_to_the_end, append_final_look("B", "running")))
    for name in ("CHK-05", "PST-08"):
        verdict = judge(registry.load().get(name), play, NOTHING_DECLARED)
        assert verdict.word == "INCONCLUSIVE", verdict


@pytest.mark.parametrize("name", ["PST-08", "HIL-08"])
def test_an_optional_field_that_is_not_there_is_not_judged(name: str, plays: Mapping[str, Transcript]) -> None:
    scenario = "interrupt/resuming/create/unwatched"
    verdict = judge(registry.load().get(name), Play(edited(plays[scenario], minimal_threads)), NOTHING_DECLARED)
    assert (verdict.word, "which the API description does not require" in verdict.reason) == ("NOT-APPLICABLE", True)


def test_an_empty_state_of_an_unknown_thread_is_no_fail(plays: Mapping[str, Transcript]) -> None:
    play = Play(edited(plays["bad-input/unknown-ids"], empty_states))
    assert {name: judge(registry.load().get(name), play, NOTHING_DECLARED).word for name in ("ERR-14", "ERR-18")} == {
        "ERR-14": "PASS",
        "ERR-18": "WARN",
    }


def test_an_end_without_an_id_is_no_fail(plays: Mapping[str, Transcript]) -> None:
    def edit(sent: list[Json]) -> list[Json]:
        return [*sent[:-1], {**sent[-1], "event": "end", "id": None}]

    play = Play(edited(plays["none/during-tools/stream/reconnected"], sent_to("A", edit)))
    verdict = judge(registry.load().get("STR-10"), play, NOTHING_DECLARED)
    assert verdict.word == "PASS", verdict
