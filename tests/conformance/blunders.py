"""Edits of a record that a machine makes, blindly but always the same ones: would the judge notice?

Each kind takes one place of a record at random and changes it. What a check does not look at it cannot notice; a check
that notices no edit of any kind in any record looks at nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from conformance.transcript import Transcript
from tests.conformance.plays import Json, edited, requests

Blunder = Callable[[Json, Random], bool]
"""Changes a record in place; False when it has nothing of the kind."""

STATUSES = ("pending", "running", "success", "error", "timeout", "interrupted")
CODES = (200, 202, 204, 404, 409, 422, 500)


def _pick(random: Random, found: list[Any]) -> Any:
    return random.choice(found) if found else None


def _bodies(raw: Json, kind: type) -> list[Any]:
    """The bodies of all answers about the main parts of a play, of a type."""
    return [
        moment["body"] for moment in raw["moments"] if moment["kind"] == "response" and isinstance(moment["body"], kind)
    ]


def run_status(raw: Json, random: Random) -> bool:
    """The status of a run in one answer."""
    body = _pick(random, [body for body in _bodies(raw, dict) if "run_id" in body and "status" in body])
    if body is not None:
        body["status"] = random.choice([status for status in STATUSES if status != body["status"]])
    return body is not None


def thread_status(raw: Json, random: Random) -> bool:
    """The status of a thread in one answer."""
    threads = [body for body in _bodies(raw, dict) if "status" in body and "run_id" not in body]
    body = _pick(random, threads)
    if body is not None:
        body["status"] = random.choice([s for s in ("idle", "busy", "interrupted", "error") if s != body["status"]])
    return body is not None


def http_status(raw: Json, random: Random) -> bool:
    """The HTTP status of one answer."""
    answer = _pick(random, [moment for moment in raw["moments"] if moment["kind"] == "response"])
    answer["status"] = random.choice([code for code in CODES if code != answer["status"]])
    return True


def message_dropped(raw: Json, random: Random) -> bool:
    """One message of the state, as it was read in the end."""
    return _messages(raw, random, lambda found, at: found.pop(at))


def message_doubled(raw: Json, random: Random) -> bool:
    """One message of the state twice."""
    return _messages(raw, random, lambda found, at: found.append(copy.deepcopy(found[at])))


def _messages(raw: Json, random: Random, change: Callable[[list[Any], int], object]) -> bool:
    states = [response["body"] for _, response in requests(raw, "final state") if isinstance(response["body"], dict)]
    state = _pick(random, [one for one in states if (one.get("values") or {}).get("messages")])
    if state is not None:
        found = state["values"]["messages"]
        change(found, random.randrange(len(found)))
    return state is not None


def parent_changed(raw: Json, random: Random) -> bool:
    """The parent of one checkpoint in the final history."""
    histories = [response["body"] for _, response in requests(raw, "final history")]
    history = _pick(random, [one for one in histories if isinstance(one, list) and len(one) > 2])
    if history is not None:
        at = random.randrange(len(history) - 2)
        history[at]["parent_checkpoint"] = history[random.randrange(at + 2, len(history))]["checkpoint"]
    return history is not None


def checkpoint_dropped(raw: Json, random: Random) -> bool:
    """One checkpoint of the final history."""
    histories = [response["body"] for _, response in requests(raw, "final history")]
    history = _pick(random, [one for one in histories if isinstance(one, list) and one])
    if history is not None:
        history.pop(random.randrange(len(history)))
    return history is not None


def events_swapped(raw: Json, random: Random) -> bool:
    """Two events of a stream that follow each other."""
    return _swapped(raw, random, "stream")


def reports_swapped(raw: Json, random: Random) -> bool:
    """Two reports of the agent that follow each other."""
    return _swapped(raw, random, "witness")


def _swapped(raw: Json, random: Random, kind: str) -> bool:
    places = [place for place, moment in enumerate(raw["moments"]) if moment["kind"] == kind]
    if len(places) < 2:
        return False
    at = random.randrange(len(places) - 1)
    first, second = places[at], places[at + 1]
    raw["moments"][first], raw["moments"][second] = raw["moments"][second], raw["moments"][first]
    return True


def event_dropped(raw: Json, random: Random) -> bool:
    """One event of a stream, or its end."""
    return _dropped(raw, random, ("stream", "closed"))


def report_dropped(raw: Json, random: Random) -> bool:
    """One report of the agent."""
    return _dropped(raw, random, ("witness",))


def _dropped(raw: Json, random: Random, kinds: tuple[str, ...]) -> bool:
    moment = _pick(random, [moment for moment in raw["moments"] if moment["kind"] in kinds])
    if moment is not None:
        raw["moments"].remove(moment)
    return moment is not None


def answer_lost(raw: Json, random: Random) -> bool:
    """One answer, in whose place the connection breaks."""
    answer = _pick(random, [moment for moment in raw["moments"] if moment["kind"] == "response"])
    at = raw["moments"].index(answer)
    raw["moments"][at] = {"kind": "fault", "seq": 0, "t": answer["t"], "exchange": answer["exchange"], "error": "cut"}
    return True


BLUNDERS: tuple[Blunder, ...] = (
    run_status,
    thread_status,
    http_status,
    message_dropped,
    message_doubled,
    parent_changed,
    checkpoint_dropped,
    events_swapped,
    reports_swapped,
    event_dropped,
    report_dropped,
    answer_lost,
)


def edits(transcript: Transcript, each: int) -> Iterator[tuple[str, Transcript]]:
    """`each` edits of every kind that a record has something of, with the name of the kind."""
    for blunder in BLUNDERS:
        for number in range(each):
            made: list[bool] = []
            random = Random(f"{transcript.scenario.id}/{blunder.__name__}/{number}")
            changed = edited(transcript, lambda raw: made.append(blunder(raw, random)))  # noqa: B023 - called at once
            if made[0]:
                yield blunder.__name__, changed
