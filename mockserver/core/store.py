"""The store: items that outlive threads, by namespace and key. What they expire by is the clock of the deployment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

Namespace = tuple[str, ...]

RESERVED: Final = "langgraph"
"""The root of namespaces that no client may write to."""


class FilterError(Exception):
    """A filter that asks for something unknown."""


@dataclass(slots=True)
class Item:
    """One item; `minutes` is its time-to-live, and it is gone once the clock says `expires`."""

    namespace: Namespace
    key: str
    value: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    minutes: float | None = None
    expires: float | None = None

    def refresh(self, now: float) -> None:
        """Let its time-to-live begin anew."""
        self.expires = None if self.minutes is None else now + self.minutes * 60


class Store:
    """All items of a server; `now` tells the seconds of scripted time."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._items: dict[tuple[Namespace, str], Item] = {}

    def clear(self) -> None:
        """Forget every item."""
        self._items.clear()

    def put(
        self, namespace: Namespace, key: str, value: dict[str, Any], *, minutes: float | None, moment: datetime
    ) -> None:
        """Keep an item, in place of the one that is there."""
        before = self._live().get((namespace, key))
        created = moment if before is None else before.created_at
        self._items[namespace, key] = item = Item(namespace, key, value, created, moment, minutes)
        item.refresh(self._now())

    def get(self, namespace: Namespace, key: str, *, refresh: bool = True) -> Item | None:
        """An item, None if there is none; to be read lets its time-to-live begin anew."""
        item = self._live().get((namespace, key))
        if item is not None and refresh:
            item.refresh(self._now())
        return item

    def delete(self, namespace: Namespace, key: str) -> None:
        """Forget an item, if it is there."""
        self._items.pop((namespace, key), None)

    def search(self, prefix: Namespace, wanted: Mapping[str, Any]) -> list[Item]:
        """The items under a namespace whose values fit, the one that was written last first. Raises `FilterError`."""
        found = [
            item
            for item in self._live().values()
            if item.namespace[: len(prefix)] == prefix
            and all(_fits(item.value.get(name), asked) for name, asked in wanted.items())
        ]
        return sorted(found, key=lambda item: item.updated_at, reverse=True)

    def namespaces(self, prefix: Sequence[str], suffix: Sequence[str], max_depth: int | None) -> list[Namespace]:
        """The namespaces that hold items, in order, cut off at a depth; `*` stands for any one part."""
        found = {
            item.namespace[:max_depth]
            for item in self._live().values()
            if _alike(item.namespace[: len(prefix)], prefix)
            and _alike(item.namespace[len(item.namespace) - len(suffix) :] if suffix else (), suffix)
        }
        return sorted(found)

    def _live(self) -> dict[tuple[Namespace, str], Item]:
        now = self._now()
        self._items = {key: item for key, item in self._items.items() if item.expires is None or item.expires > now}
        return self._items


def _alike(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    return len(parts) == len(pattern) and all(want in ("*", part) for part, want in zip(parts, pattern, strict=True))


_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "$gt": lambda value, asked: value > asked,
    "$gte": lambda value, asked: value >= asked,
    "$lt": lambda value, asked: value < asked,
    "$lte": lambda value, asked: value <= asked,
}


def _fits(value: Any, asked: Any) -> bool:
    """Whether a value is the one asked for, or stands in the relations (`{"$gt": 3}`) that are asked for."""
    if not (isinstance(asked, dict) and any(name.startswith("$") for name in asked)):
        return _same(value, asked)
    return all(_relates(value, name, other) for name, other in asked.items())


def _relates(value: Any, name: str, other: Any) -> bool:
    if name in ("$eq", "$ne"):
        return _same(value, other) == (name == "$eq")
    if name not in _COMPARE:
        raise FilterError(f"`filter` has the operator {name!r}; there are $eq, $ne, {', '.join(sorted(_COMPARE))}.")
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (value, other))
    texts = isinstance(value, str) and isinstance(other, str)
    return (numbers or texts) and _COMPARE[name](value, other)


def _same(value: Any, other: Any) -> bool:
    """Equal as JSON, where `true` is not `1`."""
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)
