"""The differences between two conversations, value by value, each with its path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, Final

import msgspec

from tests.reference.side_by_side.conversation import Conversation

ABSENT: Final = "nothing"
"""In place of a value that one of the two has not."""

TELLING: Final = ("event", "type", "name", "source", "step", "run_id", "asked")
"""By which fields the entries of two lists are paired, where one list is longer."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One value that differs between the two conversations. `path` is dotted, with indices in lists."""

    scenario: str
    topic: str
    path: str
    reference: str
    mock: str

    @property
    def place(self) -> str:
        """Topic and path."""
        return f"{self.topic}: {self.path}"


def differences(scenario: str, reference: Conversation, mock: Conversation) -> list[Difference]:
    """Return every difference, or none where the conversations are equal."""
    return [
        Difference(scenario=scenario, topic=topic, path=path, reference=left, mock=right)
        for topic in dict.fromkeys([*reference, *mock])
        for path, left, right in _values(*_comparable(topic, reference, mock), "")
    ]


def _comparable(topic: str, reference: Conversation, mock: Conversation) -> tuple[Any, Any]:
    """Compare both conversations on a topic. Fields that come with a status are compared where both have the status."""
    left, right = reference.get(topic, _NONE), mock.get(topic, _NONE)
    if topic.startswith("fields of ") and isinstance(left, dict) and isinstance(right, dict):
        both = left.keys() & right.keys()
        return {key: left[key] for key in sorted(both)}, {key: right[key] for key in sorted(both)}
    return left, right


class _Nothing:
    """Where there is no value at all, which is not the same as null."""


_NONE: Final = _Nothing()


def _values(left: Any, right: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in dict.fromkeys([*left, *right]):
            yield from _values(left.get(key, _NONE), right.get(key, _NONE), f"{path}.{key}" if path else key)
    elif isinstance(left, list) and isinstance(right, list):
        yield from _lists(left, right, path)
    elif type(left) is not type(right) or left != right:
        yield path, _json(left), _json(right)


def _lists(left: list[Any], right: list[Any], path: str) -> Iterator[tuple[str, str, str]]:
    """Compare lists entry by entry. Where one is longer, entries of a kind are paired, and the others remain single.

    Where the same entries are in another order, the order is the difference, and they are paired.
    """
    prefix = f"{path}." if path else ""
    order, other_order = [_kind(one) for one in left], [_kind(one) for one in right]
    if order != other_order and sorted(order) == sorted(other_order) and len(set(order)) == len(order):
        yield f"{prefix}order", _json(order), _json(other_order)
        right = [right[other_order.index(kind)] for kind in order]
    if len(left) == len(right):
        for number, (one, other) in enumerate(zip(left, right, strict=True), 1):
            yield from _values(one, other, f"{prefix}{number}")
        return
    matcher = SequenceMatcher(None, order, other_order, autojunk=False)
    for how, a, b, c, d in matcher.get_opcodes():
        pairs = min(b - a, d - c) if how in ("equal", "replace") else 0
        for number in range(pairs):
            yield from _values(left[a + number], right[c + number], f"{prefix}{a + number + 1}")
        for number in range(a + pairs, b):
            yield f"{prefix}{number + 1}", _json(left[number]), ABSENT
        for number in range(c + pairs, d):
            yield f"{prefix}+{number + 1}", ABSENT, _json(right[number])


def _kind(entry: Any) -> str:
    """Return the kind of a list's entry, for pairing it."""
    if not isinstance(entry, dict):
        return _json(entry)
    metadata = entry.get("metadata")
    found = {**(metadata if isinstance(metadata, dict) else {}), **entry}
    return _json({key: found[key] for key in TELLING if key in found})


def _json(value: Any) -> str:
    return ABSENT if isinstance(value, _Nothing) else json.dumps(value, ensure_ascii=False, sort_keys=True)
