"""Placeholders for ids: one id has the same name everywhere, also inside longer texts.

An id is named by its position in the lists (the second checkpoint of the history is `checkpoint 2`), and never by its
characters. An id that is in none of the lists is unknown. So a reference that changes changes its own line, and no
other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from conformance.api import checkpoint_id
from conformance.snapshots.record import ThreadState
from conformance.transcript.text import snippet

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


class Bindings:
    """The names of ids. An id without a name is unknown."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._known: re.Pattern[str] | None = None

    def bind(self, kind: str, ids: Iterable[object]) -> None:
        """Name these ids by their position. A thread is the only one of its kind, so its name has no number."""
        number = 0
        for found in ids:
            # A shorter id would be replaced inside ordinary words of messages.
            if isinstance(found, str) and len(found) > 3 and found not in self._names:
                number += 1
                self._names[found] = f"{kind} {number}" if kind != "thread" else kind
        self._known = None

    def name(self, found: str, name: str) -> None:
        """Name one id, unless it has a name."""
        self._names.setdefault(found, name)
        self._known = None

    def text(self, text: str) -> str:
        """Return the text with every id replaced by its name."""
        if self._names:
            if self._known is None:
                # The longest first: an alternation takes its first match, and one id may begin with another.
                longest = sorted(self._names, key=len, reverse=True)
                self._known = re.compile("|".join(re.escape(one) for one in longest))
            text = self._known.sub(lambda match: f"<{self._names[match[0]]}>", text)
        return _UUID.sub(self.unknown, text)

    def unknown(self, _: re.Match[str]) -> str:
        """Return the replacement of an id that has no name."""
        return "<unknown id>"

    def value(self, value: Any) -> Any:
        """Return a JSON value with every id in it replaced, also in keys."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(item) for item in value]
            case dict():
                return {self.text(str(key)): self.value(item) for key, item in value.items()}
            case _:
                return value


class Names(Bindings):
    """The names of one thread's runs, checkpoints, messages, tool calls and interrupts."""

    def __init__(self, record: ThreadState) -> None:
        super().__init__()
        self.bind("run", (run.get("run_id") for run in oldest_first(record.runs)))
        self.bind("checkpoint", (checkpoint_id(entry) for entry in reversed(record.history)))
        found = list(_messages(record))
        ids: list[object] = [one for message in found if isinstance(one := message.get("id"), str)]
        # An id that occurs only once comes last. If it is a stray one, the other messages keep their numbers.
        self.bind("message", sorted(ids, key=lambda one: ids.count(one) == 1))
        self.bind("call", (call.get("id") for message in found for call in _dicts(message.get("tool_calls"))))
        self.bind("interrupt", (entry.get("id") for entry in _interrupts(record)))
        self.bind("assistant", (run.get("assistant_id") for run in reversed(record.runs)))
        self.bind("thread", [record.thread.get("thread_id")])

    def of(self, kind: str, found: object) -> str:
        """Return the name of an id that should belong to a `kind`."""
        if not isinstance(found, str):
            return f"a {kind}" if found is None else f"a {kind} with the id {snippet(found)}"
        name = self._names.get(found)
        return name if name is not None else f"an unknown {kind}"


def oldest_first(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return runs in the order of their creation, whichever way the server lists them."""
    # Sorting is stable, so runs that were created in the same instant stay in the order of a list that is newest first.
    backwards = list(reversed(runs))
    try:
        return sorted(backwards, key=lambda run: datetime.fromisoformat(run["created_at"]))
    except (KeyError, TypeError, ValueError):  # a time is missing or malformed
        return backwards


def messages_of(values: object) -> list[dict[str, Any]]:
    """Return the messages in a state's values."""
    return list(_dicts(values.get("messages"))) if isinstance(values, dict) else []


def _messages(record: ThreadState) -> Iterator[dict[str, Any]]:
    """Yield each occurrence of every message, in the order in which they were written."""
    for entry in (*reversed(record.history), record.state):
        yield from messages_of(entry.get("values"))


def _interrupts(record: ThreadState) -> Iterator[dict[str, Any]]:
    for entry in (*reversed(record.history), record.state):
        yield from _dicts(entry.get("interrupts"))
        for task in _dicts(entry.get("tasks")):
            yield from _dicts(task.get("interrupts"))


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
