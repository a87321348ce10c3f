"""STR: the stream modes for debugging, which show each task, each checkpoint and each call of a run once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from conformance.api import checkpoint_id, objects
from conformance.checks.agreement.contradictions import stated
from conformance.judge.check import check
from conformance.judge.expect import Broken, Unproven, all_facts, expect
from conformance.judge.messages import text_of
from conformance.judge.play import Play
from conformance.judge.shapes import instant
from conformance.judge.watchers import Watcher, streams
from conformance.scenarios import moves as s
from conformance.transcript.text import common_start, difference, snippet
from conformance.transcript.transcript import StreamEvent


@check("STR-45")
@all_facts
def tasks_and_checkpoints_are_streamed_once(play: Play) -> None:
    """STR-45: compare the events of `tasks`, `checkpoints` and `debug` with each other and with the history."""
    judged = [stream for stream in streams(play) if {"tasks", "checkpoints", "debug"} & set(stream.modes)]
    if not judged:
        raise Unproven("no stream was opened with `tasks`, `checkpoints` or `debug`")
    for stream in judged:
        if stream.closed is None:
            raise Unproven(f"{stream.title} was not read to its end", stream.exchange.sent)
        if "tasks" in stream.modes:
            _expect_tasks(stream, play)
            _expect_known_tasks(stream, play)
        if "checkpoints" in stream.modes:
            _expect_checkpoints(stream, play)
        if {"tasks", "checkpoints", "debug"} <= set(stream.modes):
            _expect_debug(stream)


def _expect_tasks(stream: Watcher, play: Play) -> None:
    """Raise Broken unless every task has a beginning, and after it a result."""
    # Every node of the probe agent reads the state, which has at least the human message.
    reads = play.transcript.target.probe != "none"
    begun: dict[str, int] = {}
    ended: set[str] = set()
    for event in stream.named("tasks"):
        data = event.data if isinstance(event.data, dict) else {}
        task, name = snippet(data.get("id")), snippet(data.get("name"))
        named = isinstance(data.get("id"), str) and isinstance(data.get("name"), str)
        expect(named, f"`id` and `name` in each `tasks` event of {stream.title}", f"`{snippet(data)}`", event.seq)
        ends = _ends(event)
        shown = stated(data.get("input")) is not None if reads else "input" in data
        given = ends or (shown and isinstance(data.get("triggers"), list))
        expect(given, f"`input` and `triggers` in each beginning in {stream.title}", f"`{snippet(data)}`", event.seq)
        right = task in begun and task not in ended if ends else task not in begun
        what = "result" if ends else "beginning"
        expect(right, f"one beginning and then one result of {name} in {stream.title}", f"another {what}", event.seq)
        if ends:
            ended.add(task)
        else:
            begun.setdefault(task, event.seq)
    open_tasks = [seq for task, seq in begun.items() if task not in ended]
    expect(
        bool(begun) and not open_tasks,
        f"a beginning and a result of each task in {stream.title}",
        f"{len(begun)} beginnings, and {len(ended)} results",
        stream.exchange.sent,
        *open_tasks,
    )


def _expect_checkpoints(stream: Watcher, play: Play) -> None:
    """Raise Broken unless there is one event for each checkpoint of the history, in their order."""
    history = objects(play.body("final history", s.MAIN, list))
    due = [_step(entry) for entry in reversed(history)]
    if not due or None in due:
        raise Unproven("the history does not number its steps", play.last("final history", s.MAIN).sent)
    found = [_step(event.data) for event in stream.named("checkpoints")]
    expect(
        found == due,
        f"a `checkpoints` event for each step {snippet(due)} of the history in {stream.title}",
        f"{snippet(found)}",
        stream.exchange.sent,
    )

    for event, entry in zip(stream.named("checkpoints"), reversed(history), strict=False):
        _expect_entry(stream, event, entry)


def _expect_entry(stream: Watcher, event: StreamEvent, entry: dict[str, Any]) -> None:
    """Raise Broken unless an event shows the checkpoint that is in the history."""
    for name, found, due in _facts(event.data if isinstance(event.data, dict) else {}, entry):
        expect(
            stated(found) == stated(due),
            f"`{name}` of step {snippet(_step(entry))} as in the history in the `checkpoints` event of {stream.title}",
            difference(found, due, name),
            event.seq,
        )


def _facts(data: dict[str, Any], entry: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield each fact about a checkpoint that its event shows: its name, its value, and that of the history."""
    for name in ("values", "next"):
        if name in data and name in entry:
            yield name, data[name], entry[name]
    ids = {"config": checkpoint_id(entry), "parent_config": checkpoint_id(entry, "parent_")}
    for name, due in ids.items():
        if name in data:
            yield f"{name}.configurable.checkpoint_id", _named(data[name]), due
    if isinstance(data.get("tasks"), list) and isinstance(entry.get("next"), list):
        names = sorted(snippet(task.get("name")) for task in objects(data["tasks"]))
        yield "the names of tasks", names, sorted(map(snippet, entry["next"]))


def _named(config: Any) -> Any:
    """Return the id of the checkpoint that a config names."""
    configurable = config.get("configurable") if isinstance(config, dict) else None
    return configurable.get("checkpoint_id") if isinstance(configurable, dict) else None


def _expect_known_tasks(stream: Watcher, play: Play) -> None:
    """Raise Broken unless the tasks of the events are those of the history, where it has tasks."""
    shown = [
        task for entry in objects(play.body("final history", s.MAIN, list)) for task in objects(entry.get("tasks"))
    ]
    known = {task["id"]: task for task in shown if isinstance(task.get("id"), str)}
    for event in stream.named("tasks") if known else ():
        data = event.data if isinstance(event.data, dict) else {}
        task = known.get(snippet(data.get("id")))
        expect(task is not None, f"a task of the history in {stream.title}", f"`{snippet(data.get('id'))}`", event.seq)
        for name in ("name", "result"):
            if task is not None and task.get(name) is not None and name in data:
                expect(
                    not _differ(_by_channel(data[name]), task[name]),
                    f"`{name}` as in the history in the `tasks` event of {stream.title}",
                    difference(data[name], task[name], name),
                    event.seq,
                )


def _by_channel(result: Any) -> Any:
    """Return the writes of a task by channel. Older versions of the framework show them as pairs."""
    pairs = isinstance(result, list) and all(isinstance(one, list) and len(one) == 2 for one in result)
    return {snippet(name): value for name, value in result} if pairs else result


def _differ(found: Any, due: Any) -> bool:
    """Return whether a fact differs from another place of it, or has nothing where that place has something."""
    return (stated(found) is None and stated(due) is not None) or _contradict(found, due)


def _contradict(one: Any, other: Any) -> bool:
    """Return whether two values of one fact differ. A message may have got its id after it was stored without one."""
    if isinstance(one, dict) and isinstance(other, dict):
        return any(_contradict(one[name], other[name]) for name in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) != len(other) or any(map(_contradict, one, other))
    return stated(one) is not None and stated(other) is not None and bool(one != other)


def _step(state: Any) -> Any:
    metadata = state.get("metadata") if isinstance(state, dict) else None
    return metadata.get("step") if isinstance(metadata, dict) else None


def _expect_debug(stream: Watcher) -> None:
    """Raise Broken unless `debug` has an event for each event of the other two modes, with the same content."""
    for event in stream.named("debug"):
        data = event.data if isinstance(event.data, dict) else {}
        wrong = [
            name
            for name, right in (
                ("step", isinstance(data.get("step"), int)),
                ("timestamp", instant(data.get("timestamp")) is not None),
                ("payload", isinstance(data.get("payload"), dict)),
            )
            if not right
        ]
        expect(
            not wrong,
            f"`step`, `timestamp` with a zone and `payload` in each `debug` event of {stream.title}",
            ", ".join(f"`{snippet(data.get(name))}` for `{name}`" for name in wrong),
            event.seq,
        )
        if data.get("type") == "checkpoint":
            due = _step(data["payload"]) if isinstance(data.get("payload"), dict) else data.get("step")
            what = f"the `step` of its checkpoint, {snippet(due)}, in the `debug` event of {stream.title}"
            expect(data.get("step") == due, what, snippet(data.get("step")), event.seq)
    kinds = Counter(snippet(event.data.get("type")) for event in stream.named("debug") if isinstance(event.data, dict))
    results = sum(isinstance(one.data, dict) and "result" in one.data for one in stream.named("tasks"))
    due = {
        "checkpoint": len(stream.named("checkpoints")),
        "task": len(stream.named("tasks")) - results,
        "task_result": results,
    }
    found = {kind: kinds[kind] for kind in due}
    _expect_payloads(stream)
    expect(
        found == due,
        f"as many `debug` events in {stream.title} as there are of the other modes: {snippet(due)}",
        f"{snippet(found)}",
        stream.exchange.sent,
    )


def _expect_payloads(stream: Watcher) -> None:
    """Raise Broken unless the payload of each event of `debug` says what the event of the other mode says."""
    for kind, events in (
        ("checkpoint", stream.named("checkpoints")),
        ("task", [one for one in stream.named("tasks") if not _ends(one)]),
        ("task_result", [one for one in stream.named("tasks") if _ends(one)]),
    ):
        shown = [one for one in stream.named("debug") if isinstance(one.data, dict) and one.data.get("type") == kind]
        for event, other in zip(shown, events, strict=False):
            payload = event.data.get("payload")
            due = other.data if isinstance(other.data, dict) else {}
            for name in sorted(payload.keys() & due.keys()) if isinstance(payload, dict) else ():
                expect(
                    not _differ(payload[name], due[name]),
                    f"`{name}` as in the event `{other.event}` in the `debug` event of {stream.title}",
                    difference(payload[name], due[name], name),
                    event.seq,
                    other.seq,
                )


def _ends(event: StreamEvent) -> bool:
    return isinstance(event.data, dict) and ("result" in event.data or "error" in event.data)


@check("STR-46")
def every_call_begins_and_ends(play: Play) -> None:
    """STR-46: look in every stream of `events` for the beginning and the end of every call."""
    for stream in _of_calls(play):
        for wanted, found, seq in _unpaired(stream):
            raise Broken(f"{wanted} in {stream.title}", found, stream.exchange.sent, seq)


@check("STR-52")
@all_facts
def pieces_make_the_output(play: Play) -> None:
    """STR-52: compare the pieces of every call of the model in a stream of `events` with the output of the call."""
    for stream in _of_calls(play):
        _expect_pieces(stream)


def _of_calls(play: Play) -> list[Watcher]:
    """Return the streams of `events`. Raise Unproven unless there is one, and each was read to its end."""
    judged = [stream for stream in streams(play) if "events" in stream.modes]
    if not judged:
        raise Unproven("no stream was opened with `events`")
    for stream in judged:
        if stream.closed is None or play.final_status(stream.label) != "success":
            raise Unproven(f"{stream.title} was not read to its end, or its run did not succeed", stream.exchange.sent)
    return judged


def _unpaired(stream: Watcher) -> Iterator[tuple[str, str, int]]:
    """Yield what is wrong with the beginnings and ends of calls, which are named `on_KIND_start` and `on_KIND_end`."""
    events = stream.named("events")
    if not events:
        yield "the events of the calls", "none", stream.exchange.sent
    counts: Counter[tuple[str, str]] = Counter()
    first: dict[str, int] = {}
    for event in events:
        data = event.data if isinstance(event.data, dict) else {}
        name, call = data.get("event"), data.get("run_id")
        if not isinstance(name, str) or not isinstance(call, str):
            yield "`event` and `run_id` in each event", f"`{snippet(data)}`", event.seq
            continue
        if not isinstance(data.get("name"), str) or not isinstance(data.get("data"), dict):
            yield "the text `name` and the object `data` in each event", f"`{snippet(data)}`", event.seq
        first.setdefault(call, event.seq)
        counts[call, name.rpartition("_")[2]] += 1
    for call, seq in first.items():
        pair = counts[call, "start"], counts[call, "end"]
        if pair != (1, 1):
            yield f"one beginning and one end of call {call}", f"{pair[0]} and {pair[1]}", seq


def _expect_pieces(stream: Watcher) -> None:
    """Raise Broken unless the pieces of what the model wrote in a call add up to the output at its end."""
    calls: dict[str, list[StreamEvent]] = {}
    for event in stream.named("events"):
        calls.setdefault(snippet(_field(event, "run_id")), []).append(event)
    judged = [(call, events, due) for call, events in calls.items() if (due := _texts(events, "end", "output"))]
    if not judged:
        raise Unproven(f"no call of the model in {stream.title} has an output with a text", stream.exchange.sent)
    for call, events, due in judged:
        found = _texts(events, "stream", "chunk")
        expect(
            found == due,
            f"the `on_chat_model_stream` events of call {call} in {stream.title} to add up to its output",
            f"{snippet(found)}, which equals it for {common_start(found, due)} of {len(due)} characters",
            stream.exchange.sent,
            events[-1].seq,
        )


def _texts(events: list[StreamEvent], kind: str, name: str) -> str:
    """Return the texts of the messages `name` in all events of the model of one kind, joined."""
    shown = [_field(event, "data") for event in events if _field(event, "event") == f"on_chat_model_{kind}"]
    messages = [data.get(name) for data in shown if isinstance(data, dict)]
    return "".join(text_of(message.get("content")) for message in messages if isinstance(message, dict))


def _field(event: StreamEvent, name: str) -> Any:
    return event.data.get(name) if isinstance(event.data, dict) else None
