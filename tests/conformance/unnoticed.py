"""Reasons why an edit of a record need not break a requirement: one text for each edit, from its own facts.

The reason is computed from what was edited, from the published types, and from what else the record shows. It is no
entry of a table for the kind of edit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from conformance.api import IN_FLIGHT, TERMINAL
from conformance.judge.objects import ROUTES
from conformance.judge.play import Play
from conformance.judge.shapes import REQUIRED
from conformance.transcript.text import snippet
from conformance.transcript.transcript import Transcript
from tests.conformance.plays import Json

MISSING: Final = object()
"""The value of a field that is not there."""

TYPES: Final = {"run": "Run", "thread": "Thread", "state": "ThreadState", "cron": "Cron"}

HEADERS: Final = {
    "vary": "`Vary` is for caches. The API description names no such header, and no client of the API reads it",
    "content-location": "the description promises a Content-Location only where a run is created, and the body or the "
    "`metadata` event of this answer, or another answer, names the run",
    "location": "the API description names no Location header",
    "cache-control": "`Cache-Control` is for caches. The API description names no such header",
    "x-accel-buffering": "the header is an instruction to a proxy. The API description names no such header",
    "transfer-encoding": "the header is of the connection, and the HTTP library reads it before the suite does",
    "x-pagination-total": "the API description names no such header, and the list is whole",
}
"""The meaning of a dropped header, by its name."""


class Edit(NamedTuple):
    """An edit of a moment: the moment, the request that it answers, and the path, old and new value of the field.

    `path` is empty if the whole moment was dropped, repeated or moved, and `how` is what happened to it.
    """

    moment: Json
    request: Json
    path: tuple[str | int, ...]
    before: Any
    after: Any
    how: str

    @property
    def name(self) -> str:
        """The name of the field, empty for an item of a list."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")


def edit_of(before: Transcript, after: Transcript) -> Edit:
    """Return what an edit changed."""
    old, new = (msgspec.to_builtins(one)["moments"] for one in (before, after))
    asked = {moment["exchange"]: moment for moment in old if moment["kind"] == "request"}
    place = next(
        at for at in range(max(len(old), len(new))) if min(len(old), len(new)) <= at or _bare(old[at]) != _bare(new[at])
    )
    moment = new[place] if len(new) > len(old) else old[place]
    request = asked.get(moment.get("exchange"), {})
    if len(old) != len(new):
        return Edit(moment, request, (), None, None, "dropped" if len(new) < len(old) else "repeated")
    other = new[place]
    if moment["kind"] != other["kind"] or (place + 1 < len(old) and _bare(old[place + 1]) == _bare(other)):
        how = "lost" if other["kind"] == "fault" else "swapped"
        return Edit(moment, request, (), None, old[min(place + 1, len(old) - 1)], how)
    path, was, now = next(_differences(_bare(moment), _bare(other), ()))
    return Edit(moment, request, path, was, now, "dropped" if now is MISSING else "changed")


def _bare(moment: Json) -> Json:
    return {name: value for name, value in moment.items() if name != "seq"}


def _differences(old: Any, new: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            if old.get(key, MISSING) != new.get(key, MISSING):
                yield from _differences(old.get(key, MISSING), new.get(key, MISSING), (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for at, pair in enumerate(zip(old, new, strict=True)):
            if pair[0] != pair[1]:
                yield from _differences(*pair, (*path, at))
    else:
        yield path, old, new


def describe(edit: Edit) -> str:
    """Return what was edited, in a few words."""
    moment = edit.moment
    match moment["kind"]:
        case "witness":
            whole = f"the report `{moment['event']}` of {moment['step']} of run {moment['label']}"
            if edit.how == "swapped":
                whole += f" and the next, `{edit.after.get('event')}` of {edit.after.get('step')}"
        case "stream":
            whole = f"the event `{moment['event']}` of the stream of {edit.request.get('about')}"
            if edit.how == "swapped":
                whole += f" and the next, `{edit.after.get('event')}`"
        case "closed":
            whole = f"the end of the stream of {edit.request.get('about')}"
        case _:
            whole = f"the answer to {edit.request.get('method')} {_template(edit.request)} ({_purpose(edit.request)})"
    if not edit.path:
        return f"{whole}: {edit.how}"
    place = _masked("".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in edit.path).lstrip("."))
    if _is_item(edit):
        return f"{whole}: an item of `{place}` dropped"
    new = "" if edit.after is MISSING else f" to `{_short(edit.after)}`"
    return f"{whole}: `{place}` {edit.how}{' from' if new else ':'} `{_short(edit.before)}`{new}"


def _is_item(edit: Edit) -> bool:
    """Return whether the edit dropped an item of a list."""
    return isinstance(edit.before, list) and isinstance(edit.after, list)


def reason(edit: Edit, before: Transcript, doubt: str) -> str:
    """Return why no requirement is broken. `doubt` is the reason of a verdict that became inconclusive, if one did."""
    found = _reason(edit, Play(before))
    return f"{found[0].upper()}{found[1:]}." + (f" A verdict is inconclusive: {_masked(doubt)}" if doubt else "")


def _reason(edit: Edit, play: Play) -> str:
    if edit.moment["kind"] == "witness":
        return _of_report(edit, play)
    if edit.moment["kind"] in ("stream", "closed"):
        return _of_event(edit, play)
    if edit.how == "lost":
        return "the suite has no answer to judge"
    if edit.path[0] == "headers":
        return HEADERS.get(str(edit.path[1]), f"the API description does not name the header `{edit.path[1]}`")
    if edit.path[0] == "status":
        return _of_code(edit)
    if edit.name == "status" and edit.path[-1] == "status":
        return _of_status(edit, play)
    return _of_value(edit, play)


def _of_report(edit: Edit, play: Play) -> str:
    moment = edit.moment
    label = moment["label"]
    rest = [one for one in play.reports(label) if one.seq > moment["seq"]]
    if edit.how == "swapped":
        if edit.after["label"] != label:
            return f"the reports are of two runs, {label} and {edit.after['label']}, and travel independently"
        return (
            "the agent sends a report when the one before was answered, so a server cannot swap them. Reports in this "
            "order are a fault of the record, not of the server"
        )
    if rest:
        return (
            f"the agent sends its reports past the server, so a lost one is a loss of the suite, and the next of run "
            f"{label}, `{rest[0].event}` of {rest[0].step}, shows that it continued"
        )
    return (
        f"the agent sends its reports past the server, so a lost one is a loss of the suite. It was the last of run "
        f"{label}, which ends `{_end(play, label)}`"
    )


def _end(play: Play, label: str) -> str:
    readings = play.readings(label)
    return readings[-1].status if readings else "unread"


def _of_event(edit: Edit, play: Play) -> str:
    exchange, name = edit.moment["exchange"], edit.moment.get("event", "its end")
    mine = [m for m in play.moments if getattr(m, "exchange", None) == exchange and hasattr(m, "event")]
    same = sum(m.event == name for m in mine)
    if edit.moment["kind"] == "closed":
        return "a connection ends once, and an end that is recorded twice is a fault of the record"
    if edit.how == "swapped" and edit.after.get("kind") == "stream":
        if edit.after["exchange"] != exchange:
            return "the events are of two connections, which are independent of each other"
        return f"no document orders `{name}` and `{edit.after['event']}`, which are of " + (
            "two modes" if edit.after["event"] != name else "one mode, but of different parts of the graph"
        )
    if edit.how == "dropped":
        return (
            f"the stream has {same - 1} other events `{name}` of {len(mine) - 1}, and no document promises one after "
            "each step of this kind"
        )
    return f"the stream has {same} events `{name}`, and no document promises that a state is sent only once"


def _of_code(edit: Edit) -> str:
    code, what = edit.after, f"{edit.request.get('method')} {_template(edit.request)}"
    if code < 300:
        return f"the description lists another 2xx status for {what} than the reference server sends, so both are right"
    if code == 404:
        return f"the description lists 404 for {what}, and no later answer shows the object"
    return f"the description lists {code} for {what}, and the server may refuse the request"


def _of_status(edit: Edit, play: Play) -> str:
    about, at = edit.request.get("about", ""), edit.moment["seq"]
    is_run = "run_id" in _object(edit)
    label = about.removeprefix("run ")
    readings = play.readings(label) if is_run else play.thread_readings(about)
    before = [one.status for one in readings if one.received < at]
    after = [one.status for one in readings if one.received > at]
    around = f"the reading before shows {_quoted(before[-1:])} and the next {_quoted(after[:1])}"
    if is_run and edit.after in IN_FLIGHT:
        return f"{around}, so that the run may have been `{edit.after}` for a moment between them"
    if is_run and edit.after in TERMINAL and not before and not after:
        return "no other answer shows a status of this run"
    if is_run:
        return f"{around}. The requirements on the order of statuses are not judged in this scenario"
    return f"{around}, and no answer shows that no run began or ended between them"


def _of_value(edit: Edit, play: Play) -> str:
    if _is_item(edit) and edit.request.get("purpose") == "final history":
        return (
            f"the history of thread `{edit.request['about']}` in {play.scenario.id} ends with the play. "
            "CHK-01 judges chains of the main thread, where one run follows another"
        )
    if _is_item(edit):
        return f"the suite has no other answer to compare `{edit.name}` with at that time, and the list may be shorter"
    if edit.name == "detail":
        return "the text of a refusal is for humans, and no document fixes its words"
    if edit.after is MISSING and edit.before in (None, "", False, [], {}):
        return f"`{edit.name}` was empty. No document requires the field, and a missing one means the same"
    kind = next((r.kind for r in ROUTES if r.method == edit.request.get("method")
                 and re.fullmatch(r.path, edit.request["path"].partition("?")[0])), None)  # fmt: skip
    top = next((str(part) for part in edit.path[1:] if isinstance(part, str)), "")
    same = _occurrences(play, edit)
    shown = f"{same} other answers show this value under the same name"
    if kind is None:
        return f"the description gives this answer no type, and {shown} at other times"
    required = top in REQUIRED[TYPES[kind]]
    what = f"`{top}` is {'a' if required else 'no'} required field of the published type {TYPES[kind]}"
    if required and top != edit.name:
        what += f", but nothing is published about `{edit.name}` inside it"
    if same == 0:
        return f"{what}. No other answer shows this value, and the driver did not send it"
    return f"{what}. {shown}, and the first answer that shows an object may lack what is added later"


def _occurrences(play: Play, edit: Edit) -> int:
    """Count the other answers in which a field of the same name has the value that was edited."""
    bodies = [e.response.body for e in play.exchanges if e.response and e.response.seq != edit.moment["seq"]]
    return sum(_shows(body, edit.name, edit.before) for body in bodies)


def _shows(value: Any, name: str, wanted: Any) -> bool:
    if isinstance(value, dict):
        return (name in value and value[name] == wanted) or any(_shows(one, name, wanted) for one in value.values())
    return isinstance(value, list) and any(_shows(one, name, wanted) for one in value)


def _object(edit: Edit) -> Json:
    found: Any = edit.moment
    for part in edit.path[:-1]:
        found = found[part]
    return found if isinstance(found, dict) else {}


def _quoted(statuses: list[str]) -> str:
    return f"`{statuses[0]}`" if statuses else "no status"


def _purpose(request: Json) -> str:
    return f"{request.get('purpose')}, about {request.get('about')}"


def _template(request: Json) -> str:
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", request.get("path", "").partition("?")[0])


def _short(value: Any) -> str:
    # Masked first: an id that is cut would not be recognised.
    return snippet(_masked(snippet(value, 400)), 60).replace("|", "\\|").replace("`", "'")


def _masked(text: str) -> str:
    """Return a text without the ids, times, ports and random names that differ from machine to machine."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{1,12}", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(\+[\d:]+|Z)?", "TIME", text)
    text = re.sub(r"http://127[^\s`\"]*", "URL", text)
    return re.sub(r"(?<![\w/.-])[A-Za-z0-9_-]{16}(?![\w/.-])", "ID", text)
