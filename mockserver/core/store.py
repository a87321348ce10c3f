"""The store: items by namespace and key that outlive threads. They expire on the deployment's clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from mockserver.core.json_text import as_json
from mockserver.script.actions import RESERVED_ROOT

Namespace = tuple[str, ...]

RESERVED: Final = RESERVED_ROOT
"""The root of the namespaces that clients must not write to."""


class InvalidNamespaceError(ValueError):
    """A namespace that no item can have. The texts are LangGraph's."""


class FilterError(Exception):
    """A filter with an unknown operator."""


class Item(Struct):
    """One item. `minutes` is its time-to-live, and `expires` the clock time at which it is deleted."""

    namespace: Namespace
    key: str
    value: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    minutes: float | None = None
    expires: float | None = None

    def refresh(self, now: float) -> None:
        """Restart its time-to-live."""
        self.expires = None if self.minutes is None else now + self.minutes * 60


class Store:
    """All items of a server. `now` returns the seconds of scripted time."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._items: dict[tuple[Namespace, str], Item] = {}

    def clear(self) -> None:
        """Delete every item."""
        self._items.clear()

    def put(
        self, namespace: Namespace, key: str, value: dict[str, Any], *, minutes: float | None, moment: datetime
    ) -> None:
        """Add an item, or replace the one with the same key."""
        before = self._live().get((namespace, key))
        created = moment if before is None else before.created_at
        self._items[namespace, key] = item = Item(namespace, key, value, created, moment, minutes)
        item.refresh(self._now())

    def get(self, namespace: Namespace, key: str, *, refresh: bool = True) -> Item | None:
        """Return an item, None if it does not exist. Reading restarts its time-to-live."""
        item = self._live().get((namespace, key))
        if item is not None and refresh:
            item.refresh(self._now())
        return item

    def delete(self, namespace: Namespace, key: str) -> None:
        """Delete an item if it exists."""
        self._items.pop((namespace, key), None)

    def search(self, prefix: Namespace, wanted: Mapping[str, Any]) -> list[Item]:
        """Return the items under a namespace whose values match, the newest first. Raises `FilterError`."""
        found = [
            item
            for item in self._live().values()
            if item.namespace[: len(prefix)] == prefix
            and all(_fits(item.value.get(name), asked) for name, asked in wanted.items())
        ]
        return sorted(found, key=lambda item: item.updated_at, reverse=True)

    def namespaces(self, prefix: Sequence[str], suffix: Sequence[str], max_depth: int | None) -> list[Namespace]:
        """Return the namespaces that hold items, sorted and cut to a depth. `*` matches any one part."""
        found = {
            item.namespace[:max_depth]
            for item in self._live().values()
            if _alike(item.namespace[: len(prefix)], prefix)
            and _alike(item.namespace[len(item.namespace) - len(suffix) :] if suffix else (), suffix)
        }
        return sorted(found)

    def _live(self) -> dict[tuple[Namespace, str], Item]:
        # Expired items are dropped on access. A timer per item would wake a server that is otherwise idle.
        now = self._now()
        self._items = {key: item for key, item in self._items.items() if item.expires is None or item.expires > now}
        return self._items


def check_namespace(namespace: Namespace) -> None:
    """Raise `InvalidNamespaceError` for a namespace that a node of LangGraph cannot write to."""
    shown = f"({', '.join(map(as_json, namespace))})"
    for part in namespace:
        if "." in part:
            raise InvalidNamespaceError(
                f"Invalid namespace label {as_json(part)} found in {shown}. "
                "Namespace labels cannot contain periods ('.')."
            )
        if not part:
            raise InvalidNamespaceError(f"Namespace labels cannot be empty strings. Got {shown}")
    if namespace[0] == RESERVED:
        raise InvalidNamespaceError(f"Root label for namespace cannot be {as_json(RESERVED)}. Got: {shown}")


def _alike(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    return len(parts) == len(pattern) and all(want in ("*", part) for part, want in zip(parts, pattern, strict=True))


_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "$gt": lambda value, asked: value > asked,
    "$gte": lambda value, asked: value >= asked,
    "$lt": lambda value, asked: value < asked,
    "$lte": lambda value, asked: value <= asked,
}


def _fits(value: Any, asked: Any) -> bool:
    """Return whether a value equals the filter, or satisfies its operators (`{"$gt": 3}`)."""
    if not (isinstance(asked, dict) and any(name.startswith("$") for name in asked)):
        return _same(value, asked)
    return all(_relates(value, name, other) for name, other in asked.items())


def _relates(value: Any, name: str, other: Any) -> bool:
    if name in ("$eq", "$ne"):
        return _same(value, other) == (name == "$eq")
    if name not in _COMPARE:
        raise FilterError(
            f"`filter` has the unknown operator {as_json(name)}. Use $eq, $ne, {', '.join(sorted(_COMPARE))}."
        )
    # Values of different types have no order, so they do not match.
    # Python would raise TypeError, and count booleans as numbers.
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (value, other))
    texts = isinstance(value, str) and isinstance(other, str)
    return (numbers or texts) and _COMPARE[name](value, other)


def _same(value: Any, other: Any) -> bool:
    """Return whether two values are equal as JSON, where `true` is not `1`."""
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)
