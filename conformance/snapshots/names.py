"""Placeholders that bind: the same id is the same name wherever it stands, inside of longer texts too.

Names are given by place in the lists (the second checkpoint of the history is `checkpoint 2`), never by the id, and an
id that stands in none of them is unknown: one id that is changed changes what refers to it, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from conformance.api import checkpoint_id
from conformance.snapshots.record import ThreadState

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


class Bindings:
    """Names that were given to ids; an id that has none is unknown."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._known: re.Pattern[str] | None = None

    def bind(self, kind: str, ids: Iterable[object]) -> None:
        """Name these ids by their place; the only one of its kind, as a thread is, has the kind for its name."""
        number = 0
        for found in ids:
            if isinstance(found, str) and len(found) > 3 and found not in self._names:
                number += 1
                self._names[found] = f"{kind} {number}" if kind != "thread" else kind
        self._known = None

    def name(self, found: str, name: str) -> None:
        """Give one id this name, unless it has one."""
        self._names.setdefault(found, name)
        self._known = None

    def text(self, text: str) -> str:
        """A text with every id in it replaced by its name."""
        if self._names:
            if self._known is None:
                longest = sorted(self._names, key=len, reverse=True)
                self._known = re.compile("|".join(re.escape(one) for one in longest))
            text = self._known.sub(lambda match: f"<{self._names[match[0]]}>", text)
        return _UUID.sub(self.unknown, text)

    def unknown(self, _: re.Match[str]) -> str:
        """What stands in the place of an id that has no name."""
        return "<unknown id>"

    def value(self, value: Any) -> Any:
        """A JSON value with every id in it replaced, in keys too."""
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
    """The names of one thread's runs, checkpoints, messages, calls and interrupts."""

    def __init__(self, record: ThreadState) -> None:
        super().__init__()
        self.bind("run", (run.get("run_id") for run in oldest_first(record.runs)))
        self.bind("checkpoint", (checkpoint_id(entry) for entry in reversed(record.history)))
        found = list(_messages(record))
        ids: list[object] = [one for message in found if isinstance(one := message.get("id"), str)]
        # What stands in one place only comes last, so that one that strayed takes no other's name.
        self.bind("message", sorted(ids, key=lambda one: ids.count(one) == 1))
        self.bind("call", (call.get("id") for message in found for call in _dicts(message.get("tool_calls"))))
        self.bind("interrupt", (entry.get("id") for entry in _interrupts(record)))
        self.bind("assistant", (run.get("assistant_id") for run in reversed(record.runs)))
        self.bind("thread", [record.thread.get("thread_id")])

    def of(self, kind: str, found: object) -> str:
        """The name of an id that should be a `kind`'s."""
        if not isinstance(found, str):
            return f"a {kind}" if found is None else f"a {kind} with the id {found!r}"
        name = self._names.get(found)
        return name if name is not None else f"an unknown {kind}"


def oldest_first(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs in the order in which they were asked for, whichever way the server lists them."""
    backwards = list(reversed(runs))
    try:
        return sorted(backwards, key=lambda run: datetime.fromisoformat(run["created_at"]))
    except (KeyError, TypeError, ValueError):  # a time is missing, or is none
        return backwards


def messages_of(values: object) -> list[dict[str, Any]]:
    """The messages in a state's values."""
    return list(_dicts(values.get("messages"))) if isinstance(values, dict) else []


def _messages(record: ThreadState) -> Iterator[dict[str, Any]]:
    """Every message each time it stands somewhere, in the order in which they were written."""
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
