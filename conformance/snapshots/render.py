"""A thread's state as text for people: the conversation, the runs, and the history.

The text is made for diffs. One fact is on one line, in one place, so that a change of the state changes the line of
that fact and no other. Each message is therefore written once, in the form that it has in most places. A place where
it differs repeats it in full.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Any

from conformance.api import checkpoint_id
from conformance.judge.messages import text_of
from conformance.snapshots.names import Names, messages_of, oldest_first
from conformance.snapshots.noise import check_names, is_noise
from conformance.snapshots.record import VERSION, ThreadState

# The version is part of the text, so that a snapshot of an older form is recognised as such in a diff.
HEAD = f"doubletext thread state, version {VERSION}"


def render(record: ThreadState, keep: Collection[str] = ()) -> str:
    """Return the state as text. `keep` names noise rules that are not applied. Raise ValueError for an unknown rule."""
    check_names(keep)
    return "\n".join(_Writer(record, keep).lines()) + "\n"


class _Writer:
    """The writer of one thread's text."""

    def __init__(self, record: ThreadState, keep: Collection[str]) -> None:
        self._record = record
        self._keep = keep
        self._names = Names(record)
        self._usual = self._usual_messages()

    def lines(self) -> Iterator[str]:
        record, names = self._record, self._names
        yield HEAD
        yield ""
        yield "the conversation"
        for message in messages_of(record.state.get("values")):
            yield from ("  " + line for line in self._usual_lines(message))
        yield from self._only_in_history()
        yield ""
        yield f"the thread is {names.value(record.thread.get('status'))}"
        yield from self._rest(record.thread, "thread", {"status", "values"})
        # Two endpoints report the values. They are equal unless the server has a fault, and then both are shown.
        if record.thread.get("values") != record.state.get("values"):
            yield "  its values differ from those of the state"
            yield from self._values(record.thread.get("values"), "  ")
        yield ""
        yield "the runs, oldest first"
        ordered = oldest_first(record.runs)
        for run in ordered:
            yield from self._run(run)
        if ordered != list(reversed(record.runs)):
            listed = ", ".join(names.of("run", run.get("run_id")) for run in record.runs)
            yield f"  listed in this order, not newest first: {listed}"
        yield ""
        yield f"the state is that of {names.of('checkpoint', checkpoint_id(record.state, ''))}"
        yield from self._state(record.state)
        yield ""
        yield "the history, oldest first"
        for entry in reversed(record.history):
            yield from self._checkpoint(entry)
        yield from self._disorder()

    # -- messages ----------------------------------------------------------------------------------------

    def _usual_messages(self) -> dict[str, list[str]]:
        """Return the lines that each message has in most of the places where it occurs."""
        seen: dict[str, list[list[str]]] = {}
        places = [self._record.state, self._record.thread, *reversed(self._record.history)]
        for place in places:
            for message in messages_of(place.get("values")):
                # Without an id nothing connects two occurrences, so such a message is always written in full.
                if message.get("id") is None:
                    continue
                seen.setdefault(self._name(message), []).append(list(self._message(message)))
        usual = {}
        for name, versions in seen.items():
            counts = Counter("\n".join(lines) for lines in versions)
            usual[name] = counts.most_common(1)[0][0].split("\n")
        return usual

    def _usual_lines(self, message: dict[str, Any]) -> list[str]:
        return self._usual.get(self._name(message)) or list(self._message(message))

    def _name(self, message: dict[str, Any]) -> str:
        return self._names.of("message", message.get("id"))

    def _message(self, message: dict[str, Any]) -> Iterator[str]:
        """Yield a message in full."""
        role = self._names.value(message.get("type") or message.get("role"))
        answers = message.get("tool_call_id")
        to = f", answering {self._names.of('call', answers)}" if answers is not None else ""
        first, *more = self._names.text(text_of(message.get("content"))).split("\n")
        name = f"{self._name(message)}, " if message.get("id") is not None else ""
        yield f"{name}{role}{to}: {first}".rstrip()
        yield from (f"    {line}".rstrip() for line in more)
        for call in message.get("tool_calls") or []:
            if isinstance(call, dict):
                arguments = self._json(call.get("args"))
                yield f"    {self._names.of('call', call.get('id'))}: {call.get('name')}({arguments})"
                if call.get("type") != "tool_call":
                    yield f"      type: {self._json(call.get('type'))}"
        content = message.get("content")
        for block in content if isinstance(content, list) else []:
            if not isinstance(block, dict) or block.keys() - {"type", "text", "index"}:
                yield f"    block: {self._json(block)}"
        done = {"id", "type", "role", "content", "tool_call_id", "tool_calls"}
        yield from self._rest(message, "message", done, "    ")

    def _only_in_history(self) -> Iterator[str]:
        """Yield the messages of the history that the state does not have."""
        kept = {self._name(message) for message in messages_of(self._record.state.get("values"))}
        gone = [name for name in self._usual if name not in kept]
        if gone:
            yield "messages that are only in the history"
            for name in gone:
                yield from ("  " + line for line in self._usual[name])

    def _values(self, values: object, indent: str) -> Iterator[str]:
        """Yield the messages by name, those that differ from their usual form in full, and the other channels."""
        if not isinstance(values, dict):
            yield f"{indent}values: {self._json(values)}"
            return
        found = messages_of(values)
        yield f"{indent}conversation: {', '.join(self._name(message) for message in found) or 'nothing'}"
        for message in found:
            lines = list(self._message(message))
            if lines != self._usual.get(self._name(message)):
                yield from (f"{indent}  {'' if number else 'here '}{line}" for number, line in enumerate(lines))
        for channel, value in values.items():
            if channel != "messages":
                yield f"{indent}{channel}: {self._json(value)}"

    # -- runs and checkpoints ----------------------------------------------------------------------------

    def _run(self, run: dict[str, Any]) -> Iterator[str]:
        strategy = run.get("multitask_strategy")
        created = f"created with {strategy}" if strategy else "created without a strategy"
        yield f"  {self._names.of('run', run.get('run_id'))}: {self._names.value(run.get('status'))}, {created}"
        kwargs = run.get("kwargs")
        kwargs = kwargs if isinstance(kwargs, dict) else {}
        yield from self._written("    input", kwargs.get("input"))
        yield from self._rest(run, "runs.*", {"run_id", "status", "multitask_strategy", "kwargs"}, "    ")
        yield from self._rest(kwargs, "runs.*.kwargs", {"input"}, "    ", "kwargs ")

    def _written(self, what: str, values: object) -> Iterator[str]:
        """Yield values that a client sent or a task wrote. A message of the conversation is written by its name."""
        if not isinstance(values, dict):
            if values is not None:
                yield f"{what}: {self._json(values)}"
            return
        found = messages_of(values)
        for message in found:
            lines = list(self._message(message))
            known = lines == self._usual.get(self._name(message))
            for number, line in enumerate([self._name(message)] if known else lines):
                yield f"{what}  {line}" if number else f"{what}: {line}"
        for channel, value in values.items():
            if channel != "messages" or not found:
                yield f"{what} {channel}: {self._json(value)}"

    def _state(self, state: dict[str, Any]) -> Iterator[str]:
        """Yield the state, without the facts that the history reports of the same checkpoint."""
        # A correct server reports the same in both, so only the differences are of interest.
        newest = self._record.history[0] if self._record.history else {}
        yield f"  next: {self._next(state)}"
        yield from self._values(state.get("values"), "  ")
        done = {"values", "next", "checkpoint", "checkpoint_id"}
        reported, known = (list(self._rest(entry, "state", done)) for entry in (state, newest))
        yield from (line for line in reported if line not in known)
        yield from (f"  the history has another value: {line.strip()}" for line in known if line not in reported)

    def _checkpoint(self, entry: dict[str, Any]) -> Iterator[str]:
        metadata = entry.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        parent = checkpoint_id(entry, "parent_")
        on = "the first one" if parent is None else f"on {self._names.of('checkpoint', parent)}"
        run = self._names.of("run", metadata.get("run_id"))
        source = self._names.value(metadata.get("source"))
        name = self._names.of("checkpoint", checkpoint_id(entry))
        yield f"  {name} of {run}: {source}, step {metadata.get('step')}, {on}, next: {self._next(entry)}"
        yield from self._values(entry.get("values"), "    ")
        for task in entry.get("tasks") or []:
            yield from self._task(task)
        done = {"values", "next", "metadata", "tasks"}
        # Written above, as ids. Where one of these is not an object, the server has a fault, and `_rest` shows it.
        done |= {key for key in ("checkpoint", "parent_checkpoint") if isinstance(entry.get(key), dict)}
        yield from self._rest(entry, "history.*", done, "    ")
        yield from self._rest(metadata, "history.*.metadata", {"source", "step", "run_id"}, "    ", "metadata ")

    def _task(self, task: object) -> Iterator[str]:
        if not isinstance(task, dict):
            yield f"    task: {self._json(task)}"
            return
        name = f"    task {self._names.value(task.get('name'))}"
        if not task.get("result"):
            yield f"{name} wrote nothing"
        yield from self._written(f"{name} wrote", task.get("result"))
        yield from self._rest(task, "history.*.tasks.*", {"name", "result"}, "      ")

    def _next(self, entry: dict[str, Any]) -> str:
        following = entry.get("next")
        return ", ".join(map(str, following)) if isinstance(following, list) and following else "nothing"

    def _disorder(self) -> Iterator[str]:
        """Yield the checkpoints whose time is earlier than that of the one before them."""
        # Times are noise and are left out. A time that contradicts the order is the mark of a late checkpoint of a
        # superseded run, and must not be lost with them.
        for before, after in pairwise(reversed(self._record.history)):
            times = [before.get("created_at"), after.get("created_at")]
            if all(isinstance(time, str) for time in times) and times[1] < times[0]:
                name = self._names.of("checkpoint", checkpoint_id(after))
                yield f"  {name} has an earlier time than the one before it"

    # -- everything else ---------------------------------------------------------------------------------

    def _rest(
        self, value: dict[str, Any], path: str, done: Collection[str], indent: str = "  ", prefix: str = ""
    ) -> Iterator[str]:
        """Yield the values that no line above contains, by path, without noise and empty values."""
        for key, item in value.items():
            if key not in done:
                yield from self._leaves(item, f"{path}.{key}", f"{indent}{prefix}{key}")

    def _leaves(self, value: Any, path: str, shown: str) -> Iterator[str]:
        if value in (None, "", [], {}) or is_noise(path, self._keep):
            return
        if isinstance(value, dict):
            for key, item in value.items():
                yield from self._leaves(item, f"{path}.{key}", f"{shown}.{self._names.text(str(key))}")
        elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
            for number, item in enumerate(value, 1):
                yield from self._leaves(item, f"{path}.*", f"{shown} {number}")
        else:
            yield f"{shown}: {self._json(value)}"

    def _json(self, value: Any) -> str:
        return json.dumps(self._names.value(value), ensure_ascii=False)
