"""The shapes of the API's objects, and the fields of a JSON value that do not fit one.

The types of fields come from `langgraph_sdk.schema`, which is published with the official client. Two facts are not in
these types and come from the published API description: the fields that an answer must have, and formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache, partial
from types import NoneType, UnionType
from typing import Any, Final, Literal, NamedTuple, TypedDict, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from langgraph_sdk import schema

from conformance.api import namesake, objects
from conformance.transcript.text import snippet

_REQUIRED: Final = """
Run: run_id thread_id assistant_id created_at updated_at status metadata kwargs multitask_strategy
Thread: thread_id created_at updated_at metadata status
ThreadState: values next checkpoint metadata created_at
ThreadTask: id name
Interrupt: value
Failure: error message
Cron: cron_id thread_id end_time schedule created_at updated_at payload enabled
"""

_TYPED: Final = """
Thread: interrupts
ThreadState: tasks interrupts parent_checkpoint
ThreadTask: error interrupts checkpoint state result
Checkpoint: thread_id checkpoint_ns
Cron: next_run_date
"""


def _table(lines: str) -> Mapping[str, frozenset[str]]:
    return {
        name: frozenset(fields.split())
        for name, _, fields in (line.partition(":") for line in lines.strip().splitlines())
    }


REQUIRED: Final = _table(_REQUIRED)
"""The required fields of the published description. A server that leaves out another one breaks a MUST nowhere."""

TYPED: Final = _table(_TYPED)
"""The other fields that the types of both official clients have in every object, and do not mark as optional.

The types also have the values of a thread, which a server may keep in the state alone, and the id and the map of a
checkpoint, which the documentation of the types calls optional.
"""

DESCRIBED: Final[Mapping[str, Mapping[str, Any]]] = {
    "Run": {"run_id": UUID, "thread_id": UUID, "assistant_id": UUID, "metadata": dict, "kwargs": dict},
    "Thread": {"thread_id": UUID, "metadata": dict, "state_updated_at": datetime},
    "Cron": {"cron_id": UUID, "thread_id": UUID | None, "assistant_id": UUID | None, "enabled": bool},
}
"""The fields of which the published description says more than the client's types."""


class Failure(TypedDict):
    """The error of a run, as the JavaScript client publishes its type."""

    error: str
    message: str


FRAMES: Final[Mapping[str, Any]] = {
    "values": dict,
    "updates": dict,
    "messages": list,
    "messages/metadata": dict,
    "messages/partial": list,
    "messages/complete": list,
    "error": Failure,
}
"""The data of stream events by their names. The oldest supported client has no types for them."""


NO: Final = "no "
"""The first word of what is found in the place of a field that is not there."""


class Misfit(NamedTuple):
    """A field that does not fit its type: its path, what is there, and what the type wants."""

    path: str
    found: str
    wanted: str


_Test = Callable[[Any, str], Sequence[Misfit]]
"""A function that returns the misfits of a JSON value at a path."""


def misfits(value: Any, hint: Any, path: str) -> Sequence[Misfit]:
    """Return every field of a JSON value that does not fit a type. Types that are not of JSON fit everything."""
    return _test(hint)(value, path)


def _test(hint: Any) -> _Test:
    """Return the function that tests values of one type."""
    origin = get_origin(hint) or hint
    if origin in (Union, UnionType):
        return partial(_best, [_test(one) for one in get_args(hint) if one is not NoneType], NoneType in get_args(hint))
    if origin is Literal:
        return partial(_of_literal, get_args(hint))
    if hasattr(origin, "__required_keys__"):
        return partial(_fields, origin)
    if origin in (list, Sequence):
        (inner,) = get_args(hint) or (Any,)
        return partial(_items, _test(inner))
    return partial(_of_type, *_FITS[origin]) if origin in _FITS else lambda _, __: ()


def _of_type(wanted: str, fits: Callable[[Any, str], bool], value: Any, path: str) -> Sequence[Misfit]:
    return () if fits(value, path) else (Misfit(path, _spelt(value), wanted),)


def _of_literal(words: tuple[Any, ...], value: Any, path: str) -> Sequence[Misfit]:
    return () if value in words else (Misfit(path, _spelt(value), f"one of {', '.join(map(str, words))}"),)


def _items(test: _Test, value: Any, path: str) -> Sequence[Misfit]:
    if not isinstance(value, list):
        return (Misfit(path, _spelt(value), "a list"),)
    return [found for at, one in enumerate(value) for found in test(one, f"{path}[{at}]")]


def _best(options: Sequence[_Test], nullable: bool, value: Any, path: str) -> Sequence[Misfit]:
    """Return the misfits of the option that the value fits best."""
    if value is None and nullable:
        return ()
    # A misfit of a field inside is closer than one of the whole value.
    found = [test(value, path) for test in options]
    return min(found, key=lambda each: (any(one.path == path for one in each), len(each)))


def _fields(kind: Any, value: Any, path: str) -> Sequence[Misfit]:
    if not isinstance(value, dict):
        return (Misfit(path, _spelt(value), "an object"),)
    required = REQUIRED.get(kind.__name__, frozenset())
    found: list[Misfit] = []
    for name, test in _tests(kind).items():
        place = f"{path}.{name}" if path else name
        if name not in value:
            if name in required:
                other = namesake(value, name)
                but = f" but `{snippet(other, 80)}`" if other else ""
                found.append(Misfit(place, f"{NO}`{place}`{but}", "present"))
        # The description has no nullable fields. A null in a field that may be left out means the same as none.
        elif value[name] is not None or name in required:
            found += test(value[name], place)
    return found


@cache  # by field and not as a whole, because a type may contain itself
def _tests(kind: Any) -> dict[str, _Test]:
    """Return the tests of the fields of an object. A play has thousands of values, and few types."""
    return {name: _test(hint) for name, hint in _hints(kind).items()}


@cache
def _hints(kind: Any) -> dict[str, Any]:
    known = {**get_type_hints(kind), **DESCRIBED.get(kind.__name__, {})}
    if kind is schema.ThreadState:
        # The state of a thread without a checkpoint has none. `checkpoint_is_missing` judges the others.
        known["checkpoint"] = known["checkpoint"] | None
    return known


def untyped(value: Any, kind: Any) -> Iterator[Misfit]:
    """Yield every field that a thread, a state or a cron lacks although the client's type has it in every object."""
    if not isinstance(value, dict) or (kind is schema.Thread and not value.get("values")):
        # A thread that shows no values shows nothing that belongs to its state.
        return
    yield from _lacking(value, kind, "")
    if kind is schema.ThreadState:
        yield from _lacking(value.get("checkpoint"), schema.Checkpoint, "checkpoint.")
        yield from _lacking(value.get("parent_checkpoint"), schema.Checkpoint, "parent_checkpoint.")
        for task in objects(value.get("tasks")):
            yield from _lacking(task, schema.ThreadTask, "tasks[].")
            yield from _lacking(task.get("checkpoint"), schema.Checkpoint, "tasks[].checkpoint.")


def _lacking(value: Any, kind: Any, path: str) -> Iterator[Misfit]:
    # SHP-03 judges a value that is no object. An empty object has nothing to describe.
    for name in sorted(TYPED[kind.__name__]) if isinstance(value, dict) and value else ():
        if name not in value:
            yield Misfit(path + name, NO + f"`{path}{name}`", "present")
        elif value[name] is None and NoneType not in get_args(_hints(kind)[name]):
            yield Misfit(path + name, "`null`", "present and not null")


def checkpoint_is_missing(state: Any) -> bool:
    """Return whether a state has values, but a null in the place of the checkpoint that holds them."""
    return isinstance(state, dict) and "checkpoint" in state and state["checkpoint"] is None and bool(state["values"])


def instant(value: object) -> datetime | None:
    """Return the moment that a text in RFC 3339 names. Return None for anything else, and for a time without zone."""
    return _instant(value) if isinstance(value, str) else None


@lru_cache(4096)  # a few laws compare the same times in all answers of a play
def _instant(value: str) -> datetime | None:
    if not re.match(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", value):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _is_uuid(value: object) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def _is_text(value: object, path: str) -> bool:
    # An empty id names nothing. Other texts, such as the namespace of a checkpoint, may be empty.
    return isinstance(value, str) and (value != "" or not re.search(r"(^|[._])id$", path) or path.endswith("user_id"))


_FITS: Final[Mapping[Any, tuple[str, Any]]] = {
    datetime: ("a time in RFC 3339 with a zone", lambda value, _: instant(value) is not None),
    UUID: ("a UUID", lambda value, _: _is_uuid(value)),
    str: ("text", _is_text),
    bool: ("a boolean", lambda value, _: isinstance(value, bool)),
    int: ("a number", lambda value, _: isinstance(value, int) and not isinstance(value, bool)),
    dict: ("an object", lambda value, _: isinstance(value, dict)),
}


def _spelt(value: object) -> str:
    return f"`{snippet(value, 80)}`" if value != "" else "an empty text"
