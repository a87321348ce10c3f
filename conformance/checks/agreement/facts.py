"""AGR: facts about runs, threads, states and messages that are shown in several places or several times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import Any, Final

from conformance.api import TERMINAL, checkpoint_id, objects
from conformance.checks.agreement.contradictions import (
    Contradiction,
    expect_none,
    may_have_results,
    require_rest,
    state_differently,
    stated,
)
from conformance.judge.check import check
from conformance.judge.expect import Broken, Unproven
from conformance.judge.objects import Kind, Shown, contains, of_each, shown
from conformance.judge.play import Play, status_text
from conformance.judge.premises import HELD, SETTLED
from conformance.judge.requests import labels
from conformance.judge.shapes import instant
from conformance.scenarios import moves as s
from conformance.scenarios.steps import STEPS
from conformance.transcript.text import difference, snippet
from conformance.transcript.transcript import StreamEvent

FIXED: dict[Kind, tuple[str, ...]] = {
    "run": ("thread_id", "assistant_id", "created_at", "multitask_strategy"),
    "thread": ("created_at",),
    "cron": ("thread_id", "assistant_id", "created_at", "schedule"),
}
"""The facts of an object that are decided when it is created."""

GIVEN: dict[Kind, tuple[str, ...]] = {
    "run": ("metadata", "kwargs"),
    # Not its `config`: that of its newest run is shown there, and no request for a thread has one.
    "thread": ("metadata",),
    "cron": ("metadata", "payload"),
}
"""The objects inside an object that hold what was sent for it. A server may add to them."""

DATES = ("updated_at", "state_updated_at")
"""The times of updates. Only threads have the second one, and a server may leave it out."""

COUNTERS = ("run_attempt",)
"""Fields of these that count, so they change."""


@check("AGR-01", premises=())
def fixed_facts_stay(play: Play) -> None:
    """AGR-01: compare the facts of every run, thread and cron that its creation decides, in all answers."""
    expect_none(_changes(play, FIXED, _other), "one value in every answer")


@check("AGR-13", premises=())
def ids_are_spelled_alike(play: Play) -> None:
    """AGR-13: compare the spellings of the id of every run, thread and cron in all answers."""
    found = [one for one in shown(play, *FIXED) if one.id]
    if not found:
        raise Unproven("no answer contained a run, a thread or a cron with an id")
    expect_none(_spellings(found), "one spelling of an id in every answer")


def _spellings(found: list[Shown]) -> Iterator[Contradiction]:
    """Yield every id that has another spelling in an earlier answer."""
    first: dict[str, Shown] = {}
    for one in found:
        before = first.setdefault(one.id.lower(), one)
        if before.id != one.id:
            what = f"the {one.kind}_id in {one.place}"
            yield Contradiction(what, f"`{before.id}` as before", f"`{one.id}`", (before.received, one.received))


@check("AGR-02", premises=())
def given_facts_stay(play: Play) -> None:
    """AGR-02: compare what was sent for every run, thread and cron, in all answers that show it."""
    sent = {pair for exchange in play.exchanges for pair in _pairs(exchange.request.body)}

    def lost(before: Any, after: Any, path: str) -> Iterator[str]:
        # A server may add to what was sent, for example to metadata, and need not add it everywhere.
        return (one for one in _lost(before, after, path) if _pair(one, _under(before, path, one)) in sent)

    expect_none(_changes(play, GIVEN, lost), "the value that an earlier answer had")


def _pairs(body: Any) -> Iterator[tuple[str, str]]:
    """Yield every key in a body with its value, at any depth."""
    if isinstance(body, dict):
        for key, value in body.items():
            yield _pair(key, value)
            yield from _pairs(value)
    elif isinstance(body, list):
        for value in body:
            yield from _pairs(value)


def _pair(path: str, value: Any) -> tuple[str, str]:
    return path.rpartition(".")[2], snippet(value)


def _under(value: Any, root: str, path: str) -> Any:
    """Return the value at `path`, which begins with the path `root` of `value`."""
    return _at(value, path[len(root) + 1 :]) if path != root else value


def _changes(
    play: Play, fields: dict[Kind, tuple[str, ...]], differ: Callable[[Any, Any, str], Iterator[str]]
) -> Iterator[Contradiction]:
    """Yield every field that differs from that in the first answer that shows it."""
    seen = 0
    for kind, names in fields.items():
        for readings in of_each(shown(play, kind)).values():
            seen += 1
            for name in names:
                yield from _changes_of(kind, name, readings, differ)
    if not seen:
        raise Unproven("no answer contained a run, a thread or a cron with an id")


def _changes_of(
    kind: Kind, name: str, readings: list[Shown], differ: Callable[[Any, Any, str], Iterator[str]]
) -> Iterator[Contradiction]:
    having = [one for one in readings if one.get(name) is not None]
    for before, after in pairwise(having):
        for path in differ(before.get(name), after.get(name), name):
            what = f"`{path}` of the {kind} {before.id}"
            yield Contradiction(
                f"{what} in {after.place}",
                f"`{snippet(_at(before.value, path), 80)}` as before",
                f"`{snippet(_at(after.value, path), 80)}`",
                (before.received, after.received),
            )


def _other(before: Any, after: Any, path: str) -> Iterator[str]:
    first, other = instant(before), instant(after)
    # Two spellings of one moment, such as `Z` and `+00:00`, are the same fact.
    if before != after and (first is None or other is None or first != other):
        yield path


def _lost(before: Any, after: Any, path: str) -> Iterator[str]:
    """Yield the path of every value of the first that the second does not have. What the second adds does not count."""
    # Most answers repeat the one before, and equal values contain each other.
    if before == after or before in (None, "", [], {}) or path.rpartition(".")[2] in COUNTERS:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            yield from _lost(value, after.get(key), f"{path}.{key}")
    elif not (contains(after, before) or contains(before, after)):
        yield path


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


@check("AGR-03", premises=())
def times_go_forward(play: Play) -> None:
    """AGR-03: compare the times of every run and thread with each other, earlier answers, statuses and checkpoints."""
    expect_none(_backward(play), "times that go forward")


def _backward(play: Play) -> Iterator[Contradiction]:
    # The reference server shows a delayed run as created when it is due.
    delayed = any(submit.after_seconds for submit in play.scenario.all_submits)
    # A webhook is sent when the run ends, and may describe it as it was before.
    found = [one for one in shown(play, "run", "thread") if one.purpose != "webhook"]
    dated = {name: [(one, moment) for one in found if (moment := instant(one.get(name))) is not None] for name in DATES}
    if not any(dated.values()):
        raise Unproven("no answer contained a run or a thread with the time of its last update")
    for name, readings in dated.items():
        for one, updated in readings:
            created = instant(one.get("created_at"))
            if created is not None and created > updated and not (delayed and one.kind == "run"):
                due = f"not before {snippet(one.get('created_at'))}"
                yield _time(name, f"`{name}` of {one.kind} {one.id}", due, one, one)
        yield from _earlier(name, readings)
    if not delayed:
        yield from _later_than_its_checkpoints(play, found)


CLOCKS: Final = timedelta(minutes=1)
"""The difference between the clocks of two machines of one deployment that is excused."""


def _later_than_its_checkpoints(play: Play, found: list[Shown]) -> Iterator[Contradiction]:
    """Yield every run that says that it was created after a checkpoint that it wrote."""
    written: dict[str, tuple[Shown, datetime]] = {}
    for entry in shown(play, "state"):
        metadata, moment = entry.get("metadata"), instant(entry.get("created_at"))
        run_id = metadata.get("run_id") if isinstance(metadata, dict) else None
        if isinstance(run_id, str) and moment is not None and moment < written.setdefault(run_id, (entry, moment))[1]:
            written[run_id] = (entry, moment)
    for one in found:
        created = instant(one.get("created_at")) if one.kind == "run" else None
        if created is not None and one.id in written and created > written[one.id][1] + CLOCKS:
            entry, _ = written[one.id]
            due = f"not after that of its first checkpoint, {snippet(entry.get('created_at'))}"
            yield _time("created_at", f"`created_at` of run {one.id}", due, entry, one)


def _earlier(name: str, readings: list[tuple[Shown, datetime]]) -> Iterator[Contradiction]:
    """Yield every time of an update that is before an earlier answer's, or that the end of a run did not move."""
    latest: dict[str, tuple[Shown, datetime]] = {}
    for one, updated in readings:
        what = f"`{name}` of {one.kind} {one.id}"
        before, newest = latest.setdefault(one.id, (one, updated))
        # An answer that overlaps the earlier one may have been made before it.
        if before.received < one.sent:
            if updated < newest:
                yield _time(name, f"{what} later", f"not before {snippet(before.get(name))}", before, one)
            # A clock of whole seconds may show the same time for two moments.
            elif updated == newest and updated.microsecond and (change := _MOVES[name](before, one)):
                yield _time(name, f"{what} {change}", f"after {snippet(before.get(name))}", before, one)
        if updated >= newest:
            latest[one.id] = (one, updated)


def _time(name: str, what: str, due: str, before: Shown, after: Shown) -> Contradiction:
    return Contradiction(what, due, snippet(after.get(name)), (before.received, after.received))


def _end(before: Shown, after: Shown) -> str:
    """Return the statuses between which a run, or the last one of a thread, ended. Return an empty text for none."""
    busy, over = ("busy", {"idle", "error", "interrupted"}) if before.kind == "thread" else ("running", TERMINAL)
    if before.get("status") != busy or status_text(after.get("status")) not in over:
        return ""
    return f"between `{snippet(before.get('status'))}` and `{snippet(after.get('status'))}`"


def _other_values(before: Shown, after: Shown) -> str:
    """Return a text if two answers show different values of a thread. Return an empty text otherwise."""
    first, second = before.get("values"), after.get("values")
    # An answer without values, such as one of a search, shows no other ones. AGR-06 judges that they are missing.
    other = state_differently(first, second) and stated(first) is not None and stated(second) is not None
    return "between two different `values`" if other else ""


_MOVES: dict[str, Callable[[Shown, Shown], str]] = {"updated_at": _end, "state_updated_at": _other_values}
"""The change that moves each of the times, in words, or an empty text."""


@check("AGR-04", premises=(SETTLED,))
def state_is_the_newest_entry(play: Play) -> None:
    """AGR-04: compare the state with the newest entry of the history, in all but their values."""
    state, history = play.state(), play.body("final history", s.MAIN, list)
    # CHK-05 judges whether the newest entry is the checkpoint of the state at all.
    newest = history[0] if history else {}
    if not isinstance(newest, dict) or checkpoint_id(newest) is None:
        raise Unproven("the history has no entry with a checkpoint id", play.last("final history", s.MAIN).sent)
    require_rest(play)
    see = (play.last("final state", s.MAIN).sent, play.last("final history", s.MAIN).sent)
    expect_none(_of_state(state, newest, see), "the state to agree with the newest entry of its history")


def _of_state(state: Any, newest: Any, see: tuple[int, int]) -> Iterator[Contradiction]:
    for name in sorted(state.keys() & newest.keys() - {"values", "next"}):
        if state_differently(state[name], newest[name]):
            where = difference(state[name], newest[name], name)
            yield Contradiction(f"`{name}`", "the same in both", f"{where} (state and history)", see)
    for place, one in (("the state", state), ("the newest entry", newest)):
        asked = [question for task in objects(one.get("tasks")) for question in objects(task.get("interrupts"))]
        if "tasks" in one and "interrupts" in one and asked != objects(one["interrupts"]):
            both = f"`{snippet(one['interrupts'])}` and `{snippet(asked)}` (state and tasks)"
            yield Contradiction(f"the `interrupts` of {place} and of its tasks", "equal", both, see)


def _differ_where_both_state(described: Any, itself: Any) -> bool:
    """Return whether two descriptions of a checkpoint have different values for a field that both have."""
    # Either may leave out a field, such as the map of a child graph's checkpoint.
    if not isinstance(described, dict) or not isinstance(itself, dict):
        return False
    return any(described[name] != itself[name] for name in described.keys() & itself.keys())


def _flat_ids(state: dict[str, Any], place: str, see: tuple[int, int]) -> Iterator[Contradiction]:
    """Yield each id of a checkpoint that differs from its older spelling outside the checkpoint."""
    for prefix in ("", "parent_"):
        flat, nested = state.get(f"{prefix}checkpoint_id"), state.get(f"{prefix}checkpoint")
        due = nested.get("checkpoint_id") if isinstance(nested, dict) else flat
        if flat is not None and due != flat:
            yield Contradiction(f"`{prefix}checkpoint_id` of {place}", f"`{snippet(due)}`", f"`{snippet(flat)}`", see)


@check("AGR-05", premises=())
def checkpoints_do_not_change(play: Play) -> None:
    """AGR-05: compare every checkpoint with itself in other answers, and each parent with the entry that it names."""
    states = [one for one in shown(play, "state") if isinstance(one.value, dict) and checkpoint_id(one.value)]
    if not states:
        raise Unproven("no answer contained a checkpoint with an id")
    expect_none(chain(_of_checkpoints(states), _lost_parents(play)), "one checkpoint to be the same in every answer")


def _of_checkpoints(states: list[Shown]) -> Iterator[Contradiction]:
    first: dict[tuple[str, str], Shown] = {}
    for one in states:
        place = (one.asked.get("thread_id", ""), str(checkpoint_id(one.value)))
        before = first.setdefault(place, one)
        for name in ("values", "metadata", "created_at", "checkpoint", "parent_checkpoint"):
            if name == "values" and (may_have_results(before.value) or may_have_results(one.value)):
                continue
            earlier, now = before.get(name), one.get(name)
            # Every other answer shows most checkpoints again, and equal values are the same.
            if earlier == now:
                continue
            if name != "values":
                earlier, now = stated(earlier), stated(now)
            if earlier and earlier != now:
                yield Contradiction(
                    f"`{name}` of checkpoint {place[1]} in {one.place}",
                    "as before",
                    difference(before.get(name), one.get(name), name),
                    (before.received, one.received),
                )
    for one in states:
        yield from _flat_ids(one.value, one.place, (one.sent, one.received))
        parent = one.get("parent_checkpoint")
        named = first.get((one.asked.get("thread_id", ""), str(checkpoint_id(one.value, "parent_"))))
        itself = None if named is None else named.get("checkpoint")
        if named is None or parent == itself:
            continue
        if _differ_where_both_state(stated(parent), stated(itself)) or _differ_in_namespace(parent, itself):
            yield Contradiction(
                f"`parent_checkpoint` in {one.place}",
                f"`{snippet(itself)}`, as the entry that it names describes itself",
                f"`{snippet(parent)}`",
                (named.received, one.received),
            )


def _lost_parents(play: Play) -> Iterator[Contradiction]:
    """Yield every entry of a history whose parent is missing there, and is in another history of the thread."""
    histories = [(exchange, [entry for entry in found if entry.id]) for exchange, found in play.histories()]
    shown_in = {entry.id: exchange for exchange, found in histories for entry in found}
    for exchange, found in histories:
        ids = {entry.id for entry in found}
        for entry in found:
            other = shown_in.get(entry.parent_id)
            if other is not None and entry.parent_id not in ids:
                what = f"checkpoint {entry.parent_id}, the parent of an entry, in {exchange.request.path}"
                yield Contradiction(what, "as in another answer", "no entry", (other.sent, exchange.sent))


def _differ_in_namespace(parent: Any, checkpoint: Any) -> bool:
    # The empty text is the namespace of the root graph. One that is left out is not stated.
    names = [one.get("checkpoint_ns") for one in (parent, checkpoint) if isinstance(one, dict)]
    return len({name for name in names if isinstance(name, str)}) > 1


@check("AGR-07", premises=())
def messages_are_the_same_everywhere(play: Play) -> None:
    """AGR-07: compare every message with those of its id in other states, histories, threads, joins and events."""
    first: dict[str, tuple[dict[str, Any], int]] = {}
    found: list[Contradiction] = []
    for place, seq, values in _values(play):
        for message in objects(values.get("messages")):
            message_id = message.get("id")
            if isinstance(message_id, str):
                before, see = first.setdefault(message_id, (message, seq))
                found += _of_message(before, message, f"message {message_id} in {place}", (see, seq))
    if not first:
        raise Unproven("no answer contained a message with an id")
    expect_none(iter(found), "one message in every place")


def _of_message(before: dict[str, Any], after: dict[str, Any], what: str, see: tuple[int, int]) -> list[Contradiction]:
    if before == after:
        return []
    # A null, an empty object and no such field are three spellings of the same fact.
    pairs = [(name, before.get(name) or None, after.get(name) or None) for name in sorted({**before, **after})]
    return [
        Contradiction(f"`{name}` of {what}", f"`{snippet(one, 80)}`", f"`{snippet(other, 80)}`", see)
        for name, one, other in pairs
        if one != other
    ]


def _values(play: Play) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield all that shows a thread's values, or what a step wrote to them: its place, its seq and the values."""
    for one in shown(play, "thread", "state"):
        if isinstance(one.get("values"), dict):
            yield one.place, one.received, one.get("values")
        for task in objects(one.get("tasks")):
            # The entry of the graph writes the input as it was sent, before it is read as messages.
            if isinstance(task.get("result"), dict) and task.get("name") != "__start__":
                yield f"the result of a task in {one.place}", one.received, task["result"]
    for exchange in play.exchanges:
        path = exchange.request.path.partition("?")[0]
        if path.endswith(("/join", "/wait")) and isinstance(exchange.body, dict) and exchange.response:
            yield f"the answer to {exchange.request.method} {path}", exchange.response.seq, exchange.body
    for moment in play.moments:
        if isinstance(moment, StreamEvent) and moment.event == "values" and isinstance(moment.data, dict):
            yield "a `values` event", moment.seq, moment.data
        elif isinstance(moment, StreamEvent) and isinstance(moment.data, dict):
            for written in objects(_written(moment.event, moment.data)):
                yield f"an event `{moment.event}`", moment.seq, written


def _written(event: str, data: dict[str, Any]) -> list[Any]:
    """Return the values in the data of an event: what steps wrote, or what a checkpoint holds."""
    name = event.partition("|")[0]
    if name == "updates":
        return list(data.values())
    payload = data.get("payload") if name == "debug" else data if name in ("tasks", "checkpoints") else None
    return [payload.get("values"), payload.get("result")] if isinstance(payload, dict) else []


@check("AGR-08", premises=(HELD,))
def steps_follow_one_another(play: Play) -> None:
    """AGR-08: look for a step that began before the steps before it in its run had ended."""
    _require_order(play)
    for label in labels(play):
        open_steps: dict[str, int] = {}
        ended = {report.step for report in play.reports(label) if report.event == "exit"}
        for report in play.reports(label):
            # The reports after a cancellation are sent independently of each other.
            if report.event in ("cancelled", "gone"):
                break
            if report.event == "exit":
                open_steps.pop(report.step, None)
            elif report.event == "enter" and report.step in STEPS:
                for step, seq in open_steps.items():
                    # A step that never reported its end may have lost that report.
                    if STEPS.index(step) < STEPS.index(report.step) and step in ended:
                        raise Broken(
                            f"run {label} to begin {report.step} after {step} has ended",
                            f"{report.step} was entered before {step} reported its end",
                            seq,
                            report.seq,
                        )
                open_steps[report.step] = report.seq


def _require_order(play: Play) -> None:
    """Raise Unproven if a step reported its end before its beginning: one of the reports was late or lost."""
    for label in labels(play):
        entered: Counter[str] = Counter()
        for report in play.reports(label):
            # A step that is stopped while it reports its beginning abandons that report. It wrote nothing.
            if report.event == "exit" and report.outcome == "cancelled" and not entered[report.step]:
                continue
            entered[report.step] += (report.event == "enter") - (report.event == "exit")
            if entered[report.step] < 0:
                raise Unproven(f"{report.step} of run {label} reported `exit` without `enter`", report.seq)
