"""ECH: what was sent is shown where it belongs, unaltered, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from conformance.api import LABEL_KEY
from conformance.judge.check import check
from conformance.judge.expect import Broken, Inapplicable, Unproven, all_facts, expect
from conformance.judge.objects import Shown, contains, shown
from conformance.judge.play import Exchange, Play
from conformance.judge.requests import labels
from conformance.judge.shapes import instant
from conformance.judge.watchers import Watcher, streams
from conformance.scenarios import moves as s
from conformance.transcript.text import difference, snippet
from conformance.transcript.transcript import Request

SHOWN = 3
"""The number of faults that a failure text names."""

ORDERS = ("input", "command", "interrupt_before", "interrupt_after")
"""The fields of a request for a run that say what it does."""

KWARGS = (*ORDERS, "webhook", "feedback_keys", "durability", "stream_mode")
"""The fields of a request for a run that its `kwargs` may repeat."""

Fault = tuple[str, str, tuple[int, ...]]
"""A fault: the expected and the observed fact, and the seqs that show it."""


def _expect_none(found: Iterator[Fault]) -> None:
    """Raise Broken if there is a fault. It names several, because each may have its own cause."""
    once: dict[str, Fault] = {}
    for fault in found:
        once.setdefault(fault[0], fault)
    each = list(once.values())
    if each:
        some = each[:SHOWN]
        more = f", and {len(each) - SHOWN} more" if len(each) > SHOWN else ""
        raise Broken(
            ", and ".join(expected for expected, *_ in some),
            ", ".join(observed for _, observed, _ in some) + more,
            *(seq for *_, see in some for seq in see),
        )


@check("ECH-01", premises=())
def run_shows_what_was_sent(play: Play) -> None:
    """ECH-01: compare what every run shows in `kwargs` with the request that created it."""
    sent = _requests(play)
    runs = [one for one in shown(play, "run") if one.id in sent]
    if not runs:
        raise Unproven("no answer contained a run whose request is in the record")
    _expect_none(_of_kwargs(runs, sent))


def _requests(play: Play) -> dict[str, Request]:
    """Return the requests that created runs, by the ids of the runs."""
    found = {}
    for label in labels(play):
        submission = play.submission(label)
        if submission.ok and isinstance(submission.request.body, dict):
            found[_known_id(play, label)] = submission.request
    return found


def _known_id(play: Play, label: str) -> str:
    try:
        return play.run_id(label)
    except Unproven:
        return ""


def _of_kwargs(runs: list[Shown], sent: dict[str, Request]) -> Iterator[Fault]:
    for one in runs:
        request, kwargs = sent[one.id], one.get("kwargs")
        if not isinstance(kwargs, dict):
            continue  # SHP-01 judges it
        pairs = [(name, request.body.get(name), kwargs.get(name)) for name in KWARGS]
        pairs += [
            (f"{place}.{key}", value, _inside(kwargs, place).get(key))
            for place in ("config.configurable", "context")
            for key, value in _inside(request.body, place).items()
        ]
        for name, due, found in pairs:
            # `kwargs` may leave out a field, or a server may hide it. What it shows is the run's own. A null in the
            # place of what the run does is no hidden value, but another order.
            if found is None and not (name in ORDERS and name in kwargs):
                continue
            if due is not None and not (contains(found, due) or found == [due]):
                yield (
                    f"`{name}` in the kwargs of run {request.about} as it was sent, in {one.place}",
                    difference(found, due, name) + " (shown and sent)",
                    (request.seq, one.received),
                )
        channels, sent_channels = _inside(kwargs, "input").keys(), _inside(request.body, "input").keys()
        if channels and sent_channels and channels - sent_channels:
            yield (
                f"no more channels in the input of run {request.about} than were sent, in {one.place}",
                f"`{snippet(sorted(channels - sent_channels))}`",
                (request.seq, one.received),
            )


def _inside(value: Any, path: str) -> dict[str, Any]:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


@check("ECH-02", premises=())
def thread_keeps_its_own_metadata(play: Play) -> None:
    """ECH-02: compare the metadata of every thread with what was sent for it, and look for that of runs."""
    sent = {}
    for exchange in play.exchanges_for("create thread"):
        body = exchange.request.body
        if exchange.ok and isinstance(body, dict) and isinstance(exchange.body, dict):
            sent[snippet(exchange.body.get("thread_id"))] = (_inside(body, "metadata"), exchange.sent)
    threads = [one for one in shown(play, "thread") if one.id in sent]
    if not threads:
        raise Unproven("no answer contained a thread that the driver created")
    _expect_none(_of_metadata(threads, sent))


def _of_metadata(threads: list[Shown], sent: dict[str, tuple[dict[str, Any], int]]) -> Iterator[Fault]:
    for one in threads:
        due, see = sent[one.id]
        metadata = one.get("metadata")
        if not isinstance(metadata, dict):
            continue  # SHP-02 judges it
        for key, value in due.items():
            if metadata.get(key) != value:
                yield (
                    f"metadata `{key}` of thread {one.id} to be `{snippet(value)}`, as it was sent, in {one.place}",
                    f"`{snippet(metadata.get(key))}`",
                    (see, one.received),
                )
        if LABEL_KEY in metadata:
            yield (
                f"no metadata of a run on thread {one.id} in {one.place}",
                f"`{LABEL_KEY}`: `{snippet(metadata[LABEL_KEY])}`",
                (see, one.received),
            )


@check("ECH-03", premises=())
def ids_name_what_was_requested(play: Play) -> None:
    """ECH-03: compare the ids in every answer and event with those of its request."""
    _expect_none(_of_ids(play))


def _of_ids(play: Play) -> Iterator[Fault]:
    seen = 0
    for one in shown(play, "run", "thread", "state", "cron"):
        for name, asked in one.asked.items():
            places = [(name, one.get(name))]
            if one.kind == "state":
                inside = [(f"{key}.{name}", one.get(key)) for key in ("checkpoint", "parent_checkpoint", "metadata")]
                places = [(place, value.get(name)) for place, value in inside if isinstance(value, dict)]
            for place, found in places:
                seen += 1
                # The metadata of a copied checkpoint may name the thread on which a run wrote it.
                if (place, asked) == ("metadata.thread_id", play.transcript.threads.get("copy")):
                    continue
                if found is not None and not _same(found, asked):
                    yield f"{place} `{asked}` in {one.place}", f"`{snippet(found)}`", (one.received,)
    for exchange in play.exchanges:
        yield from _of_location(exchange)
        yield from _of_chosen_id(exchange)
        yield from _of_update(exchange)
    for stream in streams(play):
        yield from _of_tokens(play, stream)
    if not seen:
        raise Unproven("no answer belongs to a request with an id in its path")


_IDS: Final = {name: re.compile(rf"/{name}/([0-9a-fA-F-]{{36}})") for name in ("threads", "runs")}
"""The id behind each of these words in a path."""


def _of_location(exchange: Exchange) -> Iterator[Fault]:
    """Yield a fault if a Content-Location names another run or thread than the path of the request."""
    if not exchange.ok or exchange.response is None or exchange.serves("ask"):
        return
    location = exchange.response.headers.get("content-location", "")
    # Most answers have none.
    for name, ids in _IDS.items() if location else ():
        found, asked = ids.search(location), ids.search(exchange.request.path)
        if found and asked and not _same(found[1], asked[1]):
            yield (
                f"a Content-Location of {name[:-1]} {asked[1]} for {exchange.request.method} {exchange.request.path}",
                f"`{snippet(location)}`",
                (exchange.sent,),
            )


def _of_chosen_id(exchange: Exchange) -> Iterator[Fault]:
    """Yield a fault if a thread was created under another id than the one that the client chose."""
    request, body = exchange.request, exchange.body
    creates = request.method == "POST" and request.path.endswith("/threads") and not exchange.serves("ask")
    if not creates or not exchange.ok or not isinstance(request.body, dict) or not isinstance(body, dict):
        return
    chosen = request.body.get("thread_id")
    if isinstance(chosen, str) and not _same(body.get("thread_id"), chosen):
        yield f"a thread with the id {chosen}, as it was sent", f"`{snippet(body.get('thread_id'))}`", (exchange.sent,)


def _of_update(exchange: Exchange) -> Iterator[Fault]:
    """Yield a fault if an update of the state is answered with a checkpoint of another thread."""
    found = re.fullmatch(r".*/threads/([^/]+)/state", exchange.request.path)
    if found and exchange.ok and exchange.request.method == "POST" and not exchange.serves("ask"):
        thread_id = _inside({"answer": exchange.body}, "answer.checkpoint").get("thread_id")
        if thread_id is not None and not _same(thread_id, found[1]):
            yield f"a checkpoint of thread {found[1]} for its update", f"`{snippet(thread_id)}`", (exchange.sent,)


def _of_tokens(play: Play, stream: Watcher) -> Iterator[Fault]:
    """Yield a fault for each id beside a token that is not that of its run or thread."""
    path = _IDS["threads"].search(stream.exchange.request.path)
    due = {"run_id": play.run_id(stream.label), "thread_id": path[1] if path else None}
    for event in stream.named("messages"):
        beside = event.data[1] if isinstance(event.data, list) and len(event.data) > 1 else None
        for name, asked in due.items():
            found = beside.get(name) if isinstance(beside, dict) else None
            if found is not None and asked is not None and not _same(found, asked):
                yield f"{name} `{asked}` beside a token in {stream.title}", f"`{snippet(found)}`", (event.seq,)


def _same(found: object, asked: str) -> bool:
    # A UUID may be written in capitals.
    return isinstance(found, str) and found.lower() == asked.lower()


@check("ECH-04", premises=())
def cron_shows_what_was_sent(play: Play) -> None:
    """ECH-04: compare the schedule, payload, metadata and assistant of every cron with the request that created it."""
    sent = {}
    for exchange in play.exchanges_for("create cron"):
        if exchange.ok and isinstance(exchange.body, dict) and isinstance(exchange.request.body, dict):
            sent[snippet(exchange.body.get("cron_id"))] = exchange.request
    crons = [one for one in shown(play, "cron") if one.id in sent]
    if not crons:
        raise Inapplicable("no answer contained a cron that the driver created")
    _expect_none(chain(_of_crons(crons, sent), _of_assistants(play, crons, sent)))


def _of_crons(crons: list[Shown], sent: dict[str, Request]) -> Iterator[Fault]:
    for one in crons:
        request = sent[one.id]
        payload, metadata = _inside(one.value, "payload"), _inside(one.value, "metadata")
        pairs = [("schedule", request.body.get("schedule"), one.get("schedule"))]
        pairs += [("payload.input", request.body.get("input"), payload.get("input"))]
        sent_end, shown_end = request.body.get("end_time"), one.get("end_time")
        if instant(sent_end) is not None and instant(sent_end) != instant(shown_end):
            yield (
                f"end_time `{sent_end}` of the cron `{request.about}`, as it was sent, in {one.place}",
                f"`{snippet(shown_end)}`",
                (request.seq, one.received),
            )
        # Both have a default, which the description states, and are not sent by the driver.
        pairs += [("enabled", request.body.get("enabled", True), one.get("enabled"))]
        pairs += [("timezone", request.body.get("timezone", "UTC"), one.get("timezone"))]
        pairs += [
            (f"metadata.{key}", value, metadata.get(key)) for key, value in _inside(request.body, "metadata").items()
        ]
        for name, due, found in pairs:
            # A cron may leave out its metadata, and nothing is published about the fields of its payload.
            if found is not None and due is not None and not contains(found, due):
                yield (
                    f"{name} `{snippet(due)}` of the cron `{request.about}`, as it was sent, in {one.place}",
                    f"`{snippet(found)}`",
                    (request.seq, one.received),
                )


def _of_assistants(play: Play, crons: list[Shown], sent: dict[str, Request]) -> Iterator[Fault]:
    """Yield a fault for a cron of another assistant than the runs that were sent with the same `assistant_id`."""
    requests = _requests(play)
    of_runs = {
        snippet(requests[one.id].body.get("assistant_id")): one for one in shown(play, "run") if one.id in requests
    }
    for one in crons:
        run = of_runs.get(snippet(sent[one.id].body.get("assistant_id")))
        due, found = run and run.get("assistant_id"), one.get("assistant_id")
        # Only ids are compared: an answer may have the name of a graph in the place of its assistant's id.
        if run is not None and _is_id(due) and _is_id(found) and not _same(found, str(due)):
            yield (
                f"the assistant of the cron `{sent[one.id].about}`, {due}, as in {run.place}, in {one.place}",
                f"`{snippet(found)}`",
                (run.received, one.received),
            )


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F-]{36}", value) is not None


@check("ECH-05")
@all_facts
def message_keeps_its_id(play: Play) -> None:
    """ECH-05: compare the id of each run's human message in the state with the one in the run's request."""
    see = play.last("final state", s.MAIN).sent
    for submit in play.scenario.submits():
        submission = play.accepted(submit.label)
        found = [one.id for one in play.messages() if (one.label, one.part) == (submit.label, "human")]
        if not found:
            raise Unproven(f"the state has no message of run {submit.label}", submission.sent, see)
        expect(
            found == [submit.message_id],
            f"the id {snippet(submit.message_id)} of the message of run {submit.label} in the state",
            snippet(found),
            submission.sent,
            see,
        )
