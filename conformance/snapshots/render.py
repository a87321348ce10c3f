"""A thread's state written down for people: the conversation, the runs, and how the history came about.

One fact stands on one line, in one place: what is changed in a state changes the line that tells it.
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

HEAD = f"doubletext thread state, version {VERSION}"


def render(record: ThreadState, keep: Collection[str] = ()) -> str:
    """The state as text; `keep` names noise rules that are not to be applied; raises ValueError for unknown ones."""
    check_names(keep)
    return "\n".join(_Telling(record, keep).lines()) + "\n"


class _Telling:
    """Writes one thread down."""

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
        yield from self._forgotten()
        yield ""
        yield f"the thread is {names.value(record.thread.get('status'))}"
        yield from self._rest(record.thread, "thread", {"status", "values"})
        if record.thread.get("values") != record.state.get("values"):
            yield "  its values are not those of the state"
            yield from self._values(record.thread.get("values"), "  ")
        yield ""
        yield "the runs, the oldest first"
        ordered = oldest_first(record.runs)
        for run in ordered:
            yield from self._run(run)
        if ordered != list(reversed(record.runs)):
            listed = ", ".join(names.of("run", run.get("run_id")) for run in record.runs)
            yield f"  listed in this order, not the newest first: {listed}"
        yield ""
        yield f"the state is that of {names.of('checkpoint', checkpoint_id(record.state, ''))}"
        yield from self._state(record.state)
        yield ""
        yield "the history, the oldest first"
        for entry in reversed(record.history):
            yield from self._checkpoint(entry)
        yield from self._disorder()

    # -- messages ----------------------------------------------------------------------------------------

    def _usual_messages(self) -> dict[str, list[str]]:
        """What each message is in most of the places where it stands."""
        seen: dict[str, list[list[str]]] = {}
        places = [self._record.state, self._record.thread, *reversed(self._record.history)]
        for place in places:
            for message in messages_of(place.get("values")):
                if message.get("id") is None:
                    continue
                seen.setdefault(self._name(message), []).append(list(self._message(message)))
        usual = {}
        for name, tellings in seen.items():
            counts = Counter("\n".join(lines) for lines in tellings)
            usual[name] = counts.most_common(1)[0][0].split("\n")
        return usual

    def _usual_lines(self, message: dict[str, Any]) -> list[str]:
        return self._usual.get(self._name(message)) or list(self._message(message))

    def _name(self, message: dict[str, Any]) -> str:
        return self._names.of("message", message.get("id"))

    def _message(self, message: dict[str, Any]) -> Iterator[str]:
        """A message in full."""
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

    def _forgotten(self) -> Iterator[str]:
        """Messages of the history that the state has not."""
        kept = {self._name(message) for message in messages_of(self._record.state.get("values"))}
        gone = [name for name in self._usual if name not in kept]
        if gone:
            yield "messages that only the history has"
            for name in gone:
                yield from ("  " + line for line in self._usual[name])

    def _values(self, values: object, indent: str) -> Iterator[str]:
        """The messages by name, told in full where they are not as usual, and the other channels."""
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
        asked = f"asked for with {strategy}" if strategy else "asked for without a strategy"
        yield f"  {self._names.of('run', run.get('run_id'))}: {self._names.value(run.get('status'))}, {asked}"
        kwargs = run.get("kwargs")
        kwargs = kwargs if isinstance(kwargs, dict) else {}
        yield from self._written("    input", kwargs.get("input"))
        yield from self._rest(run, "runs.*", {"run_id", "status", "multitask_strategy", "kwargs"}, "    ")
        yield from self._rest(kwargs, "runs.*.kwargs", {"input"}, "    ", "kwargs ")

    def _written(self, what: str, values: object) -> Iterator[str]:
        """What somebody gave, or a task wrote: messages that the conversation has by their name."""
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
        """The head; what the history says of the same checkpoint is not repeated."""
        newest = self._record.history[0] if self._record.history else {}
        yield f"  next: {self._next(state)}"
        yield from self._values(state.get("values"), "  ")
        done = {"values", "next", "checkpoint", "checkpoint_id"}
        told, known = (list(self._rest(entry, "state", done)) for entry in (state, newest))
        yield from (line for line in told if line not in known)
        yield from (f"  not as in the history, where it is {line.strip()}" for line in known if line not in told)

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
        # What of these is an object was told above.
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
        """Checkpoints that claim to be older than the one before them."""
        for before, after in pairwise(reversed(self._record.history)):
            times = [before.get("created_at"), after.get("created_at")]
            if all(isinstance(time, str) for time in times) and times[1] < times[0]:
                name = self._names.of("checkpoint", checkpoint_id(after))
                yield f"  {name} says that it is older than the one before it"

    # -- everything else ---------------------------------------------------------------------------------

    def _rest(
        self, value: dict[str, Any], path: str, done: Collection[str], indent: str = "  ", prefix: str = ""
    ) -> Iterator[str]:
        """What no line above tells, by its path; noise and what is empty is left out."""
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
