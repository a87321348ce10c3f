"""Random but repeatable edits of records, which show whether the judge notices a changed fact.

Each kind of edit picks one place of a record at random and changes it. A check cannot notice an edit of a fact that it
does not read. A check that notices no edit of any kind in any record reads nothing at all.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from conformance.transcript.transcript import Transcript
from tests.conformance.plays import Json, edited, requests

Blunder = Callable[[Json, Random], bool]
"""A function that edits a record in place. It returns False if the record has no place for such an edit."""

STATUSES = ("pending", "running", "success", "error", "timeout", "interrupted")
CODES = (200, 202, 204, 404, 409, 422, 500)


def _pick(random: Random, found: list[Any]) -> Any:
    return random.choice(found) if found else None


def _pick_answer(raw: Json, random: Random, fits: Callable[[Any], bool] = lambda _: True) -> Any:
    """Return an answer whose body fits, None if there is no such answer."""
    # First a purpose and then an answer of that purpose: most answers are reads of statuses, and would be picked nearly
    # every time.
    purposes = {m["exchange"]: m["purpose"] for m in raw["moments"] if m["kind"] == "request"}
    by_purpose: dict[str, list[Json]] = {}
    for moment in raw["moments"]:
        if moment["kind"] == "response" and fits(moment["body"]):
            by_purpose.setdefault(purposes[moment["exchange"]], []).append(moment)
    return _pick(random, _pick(random, list(by_purpose.values())) or [])


def run_status(raw: Json, random: Random) -> bool:
    """Change the status of a run in one answer."""
    answer = _pick_answer(raw, random, lambda body: isinstance(body, dict) and {"run_id", "status"} <= body.keys())
    if answer is not None:
        body = answer["body"]
        body["status"] = random.choice([status for status in STATUSES if status != body["status"]])
    return answer is not None


def thread_status(raw: Json, random: Random) -> bool:
    """Change the status of a thread in one answer."""

    def of_a_thread(body: Any) -> bool:
        return isinstance(body, dict) and "status" in body and "run_id" not in body

    answer = _pick_answer(raw, random, of_a_thread)
    if answer is not None:
        body = answer["body"]
        body["status"] = random.choice([s for s in ("idle", "busy", "interrupted", "error") if s != body["status"]])
    return answer is not None


def http_status(raw: Json, random: Random) -> bool:
    """Change the HTTP status of one answer."""
    answer = _pick_answer(raw, random)
    answer["status"] = random.choice([code for code in CODES if code != answer["status"]])
    return True


def value_changed(raw: Json, random: Random) -> bool:
    """Change one value in the body of an answer."""
    return _in_a_body(raw, random, lambda holder, key: holder.__setitem__(key, _another(holder[key])))


def value_dropped(raw: Json, random: Random) -> bool:
    """Drop one value from the body of an answer."""
    return _in_a_body(raw, random, lambda holder, key: holder.pop(key))


def _in_a_body(raw: Json, random: Random, change: Callable[[Any, Any], object]) -> bool:
    answer = _pick_answer(raw, random, lambda body: bool(body) and isinstance(body, dict | list))
    place = None if answer is None else _pick(random, list(_leaves(answer["body"])))
    if place is not None:
        change(*place)
    return place is not None


def _leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every value that contains no other value, as its container and its key in it."""
    for key, each in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(each, dict | list) and each:
            yield from _leaves(each)
        else:
            yield value, key


def _another(value: Any) -> Any:
    """Return another value, of the same type if it has one."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value}?"
    return "?"


def header_dropped(raw: Json, random: Random) -> bool:
    """Drop one header of an answer."""
    answer = _pick_answer(raw, random)
    # No requirement can depend on these three: the HTTP library adds or reads them.
    names = [name for name in answer["headers"] if name not in ("date", "server", "content-length")]
    name = _pick(random, names)
    if name is not None:
        del answer["headers"][name]
    return name is not None


def message_dropped(raw: Json, random: Random) -> bool:
    """Drop one message from the final state."""
    return _messages(raw, random, lambda found, at: found.pop(at))


def message_doubled(raw: Json, random: Random) -> bool:
    """Repeat one message in the final state."""
    return _messages(raw, random, lambda found, at: found.append(copy.deepcopy(found[at])))


def _messages(raw: Json, random: Random, change: Callable[[list[Any], int], object]) -> bool:
    states = [response["body"] for _, response in requests(raw, "final state") if isinstance(response["body"], dict)]
    state = _pick(random, [one for one in states if (one.get("values") or {}).get("messages")])
    if state is not None:
        found = state["values"]["messages"]
        change(found, random.randrange(len(found)))
    return state is not None


def parent_changed(raw: Json, random: Random) -> bool:
    """Change the parent of one checkpoint in the final history."""
    histories = [response["body"] for _, response in requests(raw, "final history")]
    history = _pick(random, [one for one in histories if isinstance(one, list) and len(one) > 2])
    if history is not None:
        # The new parent lies at least two below, because the one directly below is the right one.
        at = random.randrange(len(history) - 2)
        history[at]["parent_checkpoint"] = history[random.randrange(at + 2, len(history))]["checkpoint"]
    return history is not None


def checkpoint_dropped(raw: Json, random: Random) -> bool:
    """Drop one checkpoint from the final history."""
    histories = [response["body"] for _, response in requests(raw, "final history")]
    history = _pick(random, [one for one in histories if isinstance(one, list) and one])
    if history is not None:
        history.pop(random.randrange(len(history)))
    return history is not None


def events_swapped(raw: Json, random: Random) -> bool:
    """Swap two consecutive events of a stream."""
    return _swapped(raw, random, "stream")


def reports_swapped(raw: Json, random: Random) -> bool:
    """Swap two consecutive reports of the agent."""
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
    """Drop one event of a stream, or its end."""
    return _dropped(raw, random, ("stream", "closed"))


def report_dropped(raw: Json, random: Random) -> bool:
    """Drop one report of the agent."""
    return _dropped(raw, random, ("witness",))


def _dropped(raw: Json, random: Random, kinds: tuple[str, ...]) -> bool:
    moment = _pick(random, [moment for moment in raw["moments"] if moment["kind"] in kinds])
    if moment is not None:
        raw["moments"].remove(moment)
    return moment is not None


def answer_lost(raw: Json, random: Random) -> bool:
    """Replace one answer by a broken connection."""
    answer = _pick_answer(raw, random)
    at = raw["moments"].index(answer)
    fault = {"kind": "fault", "seq": 0, "t": answer["t"], "exchange": answer["exchange"]}
    raw["moments"][at] = {**fault, "error": "connection broken: ReadError"}
    return True


def event_doubled(raw: Json, random: Random) -> bool:
    """Repeat one event of a stream."""
    events = [place for place, moment in enumerate(raw["moments"]) if moment["kind"] == "stream"]
    at = _pick(random, events)
    if at is not None:
        raw["moments"].insert(at, copy.deepcopy(raw["moments"][at]))
    return at is not None


BLUNDERS: tuple[Blunder, ...] = (
    run_status,
    thread_status,
    http_status,
    value_changed,
    value_dropped,
    header_dropped,
    message_dropped,
    message_doubled,
    parent_changed,
    checkpoint_dropped,
    events_swapped,
    reports_swapped,
    event_dropped,
    event_doubled,
    report_dropped,
    answer_lost,
)


def edits(transcript: Transcript, each: int) -> Iterator[tuple[str, Transcript]]:
    """Yield `each` edits of every kind that the record has a place for, with the name of the kind."""
    for number in range(each):
        for blunder in BLUNDERS:
            made: list[bool] = []
            # The seed makes the edits, and so the page, the same on every machine.
            random = Random(f"{transcript.scenario.id}/{blunder.__name__}/{number}")
            changed = edited(transcript, lambda raw: made.append(blunder(raw, random)))  # noqa: B023 - called at once
            if made[0]:
                yield blunder.__name__, changed
