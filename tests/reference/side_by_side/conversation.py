"""A transcript as a conversation, which can be compared with another server's.

By topic: each request with its response, each stream's events in order, the statuses that were read, the reports to the
witness, the webhooks. Ids and times are placeholders, and an id has the same one wherever it occurs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final

from conformance.api import Purpose, checkpoint_id
from conformance.judge.expect import Unproven
from conformance.judge.play import Exchange, Play
from conformance.snapshots.names import Bindings, messages_of, oldest_first
from conformance.transcript.transcript import (
    Closed,
    Delivery,
    Left,
    Missed,
    Response,
    StreamEvent,
    Transcript,
    WitnessEvent,
)

Conversation = dict[str, Any]
"""The entries of a conversation by topic: `submit A`, `final history main`, `statuses of run A`, …"""

POLLS: Final[frozenset[Purpose]] = frozenset({"find run", "await state", "cron runs"})
"""Purposes of requests that are repeated until a response fits. Only the last one counts."""

FRAMING = frozenset({"date", "server", "content-length", "transfer-encoding", "connection", "keep-alive"})
"""Headers that HTTP libraries write, about how the bytes travel."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?")
_TESTER = re.compile(r"http://[\w.-]+:\d+(?=/witness/|/webhook/)")
IN_FLIGHT = frozenset({"pending", "running", "busy"})
"""Statuses that go by: whether a look meets one is luck."""

SIGNATURE = frozenset(
    {"langgraph_version", "langgraph_api_version", "langgraph_plan", "langgraph_host", "langgraph_api_url"}
)
"""Fields that a server adds about itself to the metadata of runs and checkpoints."""

LEFT_OVER = frozenset({"__pregel_node_finished"})
"""Keys of the runtime's own that `langgraph dev` leaves, as null, in the configurable of a run that was executed."""

_MILLISECONDS = range(10**12, 10**13)
"""Numbers that are the time of this century, in milliseconds."""


def conversation(transcript: Transcript) -> Conversation:
    """Return the conversation of this play, with placeholders."""
    play = Play(transcript)
    names = _PlayNames(play)
    told: Conversation = {}
    for exchange in play.exchanges:
        if exchange.serves("look"):
            continue
        names.begin()
        topic = f"{exchange.request.purpose} {exchange.request.about}"
        said = {"asked": _asked(exchange, names), "answer": _answer(exchange, play, names)}
        earlier = [] if exchange.request.purpose in POLLS else told.get(topic, [])
        told[topic] = [*earlier, said]
    told |= _looks(play, names)
    told |= _heard(play, names)
    if missed := [moment.awaited for moment in play.moments if isinstance(moment, Missed)]:
        told["missed"] = missed
    return told


def _asked(exchange: Exchange, names: _PlayNames) -> dict[str, Any]:
    request = exchange.request
    return {
        "line": f"{request.method} {names.text(request.path)}",
        "headers": names.value(request.headers),
        "body": names.value(request.body),
    }


def _answer(exchange: Exchange, play: Play, names: _PlayNames) -> dict[str, Any]:
    if exchange.response is None:
        return {"fault": names.text(exchange.fault.error) if exchange.fault else "none"}
    told: dict[str, Any] = {"status": exchange.response.status, "headers": _headers(exchange.response, names)}
    if exchange.response.streamed:
        number = exchange.request.exchange
        events = [m for m in play.moments if isinstance(m, StreamEvent) and m.exchange == number]
        told["events"] = [_event(event, names) for event in events]
        told["end"] = _end(exchange, play)
    else:
        told["body"] = names.value(exchange.response.body)
    return told


def _headers(response: Response, names: _PlayNames) -> dict[str, str]:
    return {name: names.text(text) for name, text in response.headers.items() if name.lower() not in FRAMING}


def _event(event: StreamEvent, names: _PlayNames) -> dict[str, Any]:
    return {"event": names.text(event.event), "id": names.value(event.id), "data": names.value(event.data)}


def _end(exchange: Exchange, play: Play) -> str:
    """Return the end of a stream."""
    number = exchange.request.exchange
    ends = [m for m in play.moments if isinstance(m, Closed | Left) and m.exchange == number]
    if exchange.fault is not None:
        return "broken off"
    return "open" if not ends else "left by the client" if isinstance(ends[0], Left) else "closed by the server"


def _looks(play: Play, names: _PlayNames) -> dict[str, Any]:
    """Return the course of the statuses that were polled, and the fields of a response with each status.

    Statuses in flight are left out of the course, because requirements judge them, with the witness.
    """
    told: dict[str, Any] = {}
    about = dict.fromkeys(e.request.about for e in play.exchanges if e.serves("look"))
    for one in about:
        looks = [e for e in play.exchanges_for("look", one) if e.response is not None]
        course = (status for look in looks if (status := _status(look)) not in IN_FLIGHT)
        told[f"statuses of {one}"] = [status for status, _ in groupby(course)]
        names.begin()
        fields = {_status(look): _shape(names.value(look.body)) for look in looks}
        told[f"fields of {one}"] = dict(sorted(fields.items()))
    return told


def _status(look: Exchange) -> str:
    if look.ok and isinstance(look.body, dict):
        return str(look.body.get("status"))
    return look.outcome()


def _shape(value: Any) -> Any:
    """Return the fields of an object and of its metadata, without those that a thread has once it has rested."""
    if not isinstance(value, dict):
        return value
    fields = sorted(key for key in value if key not in ("error", "interrupts"))
    metadata = value.get("metadata")
    return {"fields": fields, "metadata": sorted(metadata) if isinstance(metadata, dict) else metadata}


def _heard(play: Play, names: _PlayNames) -> dict[str, Any]:
    """Return the agent's reports to the witness, and the webhooks, by run."""
    told: dict[str, Any] = {}
    for moment in play.moments:
        if isinstance(moment, WitnessEvent) and moment.event != "token":
            outcome = f" {moment.outcome}" if moment.outcome else ""
            told.setdefault(f"steps of {moment.label}", []).append(f"{moment.event} {moment.step}{outcome}")
        elif isinstance(moment, Delivery):
            names.begin()
            told.setdefault(f"webhook of {moment.label}", []).append(names.value(moment.body))
    return told


class _PlayNames(Bindings):
    """The names of ids in one play. An id without a name gets a number within its exchange."""

    def __init__(self, play: Play) -> None:
        super().__init__()
        self._strays: dict[str, int] = {}
        self._events: dict[str, str] = {}
        for thread, found in play.transcript.threads.items():
            self.name(found, f"thread {thread}")
        for submit in play.scenario.all_submits:
            try:
                self.name(play.run_id(submit.label), f"run {submit.label}")
            except Unproven:
                continue
        self._bind_lists(play)
        self._bind_events(play)

    def begin(self) -> None:
        """Start a new exchange, in which ids without a name are numbered from 1."""
        self._strays = {}

    def unknown(self, match: re.Match[str]) -> str:
        """Return a placeholder for an id without a name, from its position in this exchange."""
        return f"<id {self._strays.setdefault(match[0], len(self._strays) + 1)}>"

    def text(self, text: str) -> str:
        """Return a text with every id and every time replaced."""
        if text in self._events:
            return self._events[text]
        return super().text(_TIME.sub("<time>", _TESTER.sub("<tester>", text)))

    def value(self, value: Any) -> Any:
        """Return a JSON value with every id and every time replaced."""
        if isinstance(value, int | float) and not isinstance(value, bool) and int_of(value) in _MILLISECONDS:
            return "<time>"
        if isinstance(value, dict):
            value = {
                key: "<the server's own>" if key in SIGNATURE else item
                for key, item in value.items()
                if key not in LEFT_OVER
            }
        return super().value(value)

    def _bind_lists(self, play: Play) -> None:
        runs = list(_dicts(play, "final runs"))
        self.bind("run", (run.get("run_id") for run in oldest_first(runs)))
        self.bind("assistant", (run.get("assistant_id") for run in [*runs, *_answers(play, "submit")]))
        entries = [*reversed(list(_dicts(play, " history"))), *_dicts(play, " state")]
        self.bind("checkpoint", (checkpoint_id(entry) for entry in entries))
        messages = [message for entry in entries for message in messages_of(entry.get("values"))]
        self.bind("message", (message.get("id") for message in messages))
        tasks = [task for entry in entries for task in entry.get("tasks") or () if isinstance(task, dict)]
        self.bind("task", (task.get("id") for task in tasks))
        for run in [*runs, *_answers(play, "submit")]:
            if isinstance(request := _request_id(run), str):
                self.name(request, f"request of {self.text(str(run.get('run_id')))}")
        self.bind("interrupt", (one.get("id") for task in tasks for one in task.get("interrupts") or ()))
        self.bind("cron", (cron.get("cron_id") for cron in _answers(play, "create cron")))
        self.bind("play", (_token(e.request.body) for e in play.exchanges_for("create thread")))

    def _bind_events(self, play: Play) -> None:
        """Name every stream event after the stream in which it was first seen, and its place there."""
        topics = {e.request.exchange: f"{e.request.purpose} {e.request.about}" for e in play.exchanges}
        counts: dict[str, int] = {}
        for moment in play.moments:
            if isinstance(moment, StreamEvent) and moment.id is not None and moment.id not in self._events:
                topic = topics[moment.exchange]
                counts[topic] = counts.get(topic, 0) + 1
                self._events[moment.id] = f"<event {counts[topic]} of {topic}>"


def int_of(number: float) -> int:
    """Return a number as an integer, or 0 where it cannot be a time."""
    return int(number) if abs(number) < 10**15 else 0


def _request_id(run: dict[str, Any]) -> object:
    """Return the id of the request that created a run, as the run keeps it."""
    config = run.get("kwargs", {}).get("config") if isinstance(run.get("kwargs"), dict) else None
    configurable = config.get("configurable") if isinstance(config, dict) else None
    return configurable.get("langgraph_request_id") if isinstance(configurable, dict) else None


def _token(body: object) -> object:
    metadata = body.get("metadata") if isinstance(body, dict) else None
    return metadata.get("doubletext_play") if isinstance(metadata, dict) else None


def _answers(play: Play, purpose: Purpose) -> Iterable[dict[str, Any]]:
    return [e.body for e in play.exchanges if e.serves(purpose) and isinstance(e.body, dict)]


def _dicts(play: Play, purpose: str) -> Iterator[dict[str, Any]]:
    """Yield the objects in the responses to requests whose purpose has this ending, those of the last request first."""
    for exchange in reversed(play.exchanges):
        if exchange.request.purpose.endswith(purpose):
            body = exchange.body
            yield from (one for one in (body if isinstance(body, list) else [body]) if isinstance(one, dict))
