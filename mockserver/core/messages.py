"""Messages as JSON: conversion from the spellings of clients, and the reducer of the `messages` channel."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from mockserver.core.json_text import as_json

Message = dict[str, Any]

_id_of = itemgetter("id")

LONG: Final = 4
"""The number of messages from which on their ids are kept in a set. Looking at fewer takes less time than the set."""

REMOVE_ALL = "__remove_all__"
"""The id of a `remove` message that empties the channel."""

_ROLES = {
    "user": "human",
    "human": "human",
    "assistant": "ai",
    "ai": "ai",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "function",
    "remove": "remove",
}

_CLASSES: Final[Mapping[str, str]] = {
    f"{name}Message{suffix}": kind
    for name, kind in (
        ("Human", "human"),
        ("AI", "ai"),
        ("System", "system"),
        ("Tool", "tool"),
        ("Function", "function"),
    )
    for suffix in ("", "Chunk")
} | {"RemoveMessage": "remove"}
"""The classes of LangChain's messages, by which serialized messages name their type."""

_FIELDS: Final = frozenset(
    {
        *("role", "type", "content", "name", "id", "tool_calls", "tool_call_id", "artifact", "status"),
        *("additional_kwargs", "response_metadata", "invalid_tool_calls", "usage_metadata", "example"),
    }
)
"""The fields of messages. LangChain moves any other into `additional_kwargs`."""


NoContentError: Final[type[ValueError]] = type("ValueError", (ValueError,), {})
"""The error of a message without a content. Its name is that of LangChain's, because clients see the name."""


def coerce(raw: Any, new_id: Callable[[], str]) -> Message:
    """Return a client's message in full, with an id. Raises ValueError if it is not a message."""
    raw = deserialized(raw)
    if isinstance(raw, str):
        raw = {"role": "user", "content": raw}
    elif isinstance(raw, list) and len(raw) == 2:
        raw = {"role": raw[0], "content": raw[1]}
    if not isinstance(raw, dict):
        raise ValueError(
            f"Unsupported message: {as_json(raw)}. Send an object with `role` and `content`, a pair of them, or a text."
        )
    role = raw.get("role", raw.get("type"))
    kind = _ROLES.get(role) if isinstance(role, str) else None
    if kind is None:
        raise ValueError(f"Unexpected message type: {as_json(role)}. Use one of {', '.join(map(as_json, _ROLES))}.")
    if "content" not in raw:
        # The text of the official server.
        raise NoContentError(f"Message dict must contain 'role' and 'content' keys, got {as_json(raw)}.")
    content = "" if raw["content"] is None else raw["content"]
    if not isinstance(content, str | list):
        raise ValueError(f"The content of a message must be a string or a list, not {as_json(content)}.")
    _check({**raw, "content": content})
    return _complete(kind, content, raw, _text(raw.get("id")) or new_id())


def deserialized(raw: Any) -> Any:
    """Return the fields of a message that LangChain has serialized as a constructor call, anything else unchanged.

    Clients in JavaScript send messages in this form: `JSON.stringify` of LangChain's message has it.
    """
    if not isinstance(raw, dict) or (raw.get("lc"), raw.get("type")) != (1, "constructor"):
        return raw
    path, fields = raw.get("id"), raw.get("kwargs")
    kind = _CLASSES.get(path[-1]) if isinstance(path, list) and path and isinstance(path[-1], str) else None
    # An unknown class stays as it is, so that the error quotes what the client sent.
    return {**fields, "type": kind} if kind is not None and isinstance(fields, dict) else raw


def coerce_all(raw: Any, new_id: Callable[[], str]) -> list[Message]:
    """Return the messages of an input, which is a list or a single message. Raises ValueError as `coerce` does."""
    single = not isinstance(raw, list)
    return [coerce(one, new_id) for one in ([raw] if single else raw)]


def merge(existing: Sequence[Message], added: Sequence[Message]) -> list[Message]:
    """Return the channel after a write.

    A message with a known id replaces that message in its position, `remove` deletes it, and any other is appended.
    Raises ValueError if a message to remove does not exist.
    """
    new = {message["id"] for message in added if message["type"] != "remove"}
    known = existing.ids if isinstance(existing, Conversation) else map(_id_of, existing)
    # Nearly every write appends messages with ids of their own, and needs no dict.
    if len(new) == len(added) and new.isdisjoint(known):
        return [*existing, *added] if len(existing) < LONG else Conversation.of(existing, added, new)
    # A dict keeps the position of a key that is assigned again, which is how `add_messages` replaces a message.
    merged: dict[str, Message] = {message["id"]: message for message in existing}
    for message in added:
        if message["type"] != "remove":
            merged[message["id"]] = message
        elif message["id"] == REMOVE_ALL:
            merged.clear()
        elif merged.pop(message["id"], None) is None:
            missing = as_json(message["id"])
            raise ValueError(f"Attempting to delete a message with an ID that doesn't exist ({missing}).")
    return list(merged.values())


class Conversation(list[Message]):
    """The messages of a long conversation.

    It shares `ids` with the conversations that it was made of and that are made of it. So these are the ids of all its
    messages, and perhaps of others: a message whose id is not among them is new.
    """

    __slots__ = ("ids",)

    ids: set[str]

    @classmethod
    def of(cls, existing: Sequence[Message], added: Sequence[Message], new: set[str]) -> Conversation:
        """Return a conversation with messages `added`, whose ids are `new`."""
        longer = cls(existing)
        longer.extend(added)
        longer.ids = existing.ids if isinstance(existing, cls) else set(map(_id_of, existing))
        longer.ids |= new
        return longer


def text_of(message: Message) -> str:
    """Return the text of a message. Blocks that are not text contribute nothing."""
    content = message["content"]
    if isinstance(content, str):
        return content
    parts = [part if isinstance(part, str) else part.get("text") for part in content]
    return "".join(part for part in parts if isinstance(part, str))


def agent_of(call: Mapping[str, Any]) -> str | None:
    """Return the agent that a tool call names, as the calls of deep agents do, or None."""
    named = call["args"].get("subagent_type")
    return named if isinstance(named, str) else None


def human(text: str, message_id: str) -> Message:
    """Return a human message."""
    return _complete("human", text, {}, message_id)


def ai(content: str | list[Any], message_id: str, tool_calls: Sequence[dict[str, Any]] = ()) -> Message:
    """Return a message of the model."""
    return _complete("ai", content, {"tool_calls": list(tool_calls)}, message_id)


def chunk(message: Message, content: str | list[Any], *, last: bool) -> Message:
    """Return a chunk of a model message, as the token stream shows it. A tool call is a single chunk."""
    calls = enumerate(message["tool_calls"])
    return {
        **message,
        "content": content,
        "type": "AIMessageChunk",
        "tool_call_chunks": [
            {
                "name": call["name"],
                # With json's default spacing, as the chunks of Python chat models
                # have it. Clients join the pieces and parse them.
                "args": json.dumps(call["args"]),
                "id": call["id"],
                "index": index,
                "type": "tool_call_chunk",
            }
            for index, call in calls
        ],
        "chunk_position": "last" if last else None,
    }


def tool_result(content: str | list[Any], message_id: str, *, name: str, call_id: str, **more: Any) -> Message:
    """Return a tool's result. `more` holds its status and its artifact."""
    return _complete("tool", content, {"name": name, "tool_call_id": call_id, **more}, message_id)


def _check(raw: Message) -> None:
    """Raise ValueError for the first field of a message whose type LangChain's messages do not accept."""
    for name, (fits, words) in _SHAPES.items():
        value = raw.get(name)
        if value is not None and not fits(value):
            shown = as_json(value)
            shown = shown if len(shown) <= 80 else f"{shown[:80]}..."
            raise ValueError(f"The `{name}` of a message must be {words}, not {shown}.")


def _text(value: Any) -> str | None:
    """Return an id as text. LangChain accepts numbers as ids and converts them."""
    return value if value is None or isinstance(value, str) else str(value)


def _is_id(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _is_call(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and isinstance(value.get("args"), dict)
        and isinstance(value.get("id"), str | None)
    )


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_name(value: Any) -> bool:
    return isinstance(value, str)


def _list_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


_SHAPES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "content": (
        lambda value: _is_name(value) or _list_of(lambda part: isinstance(part, str | dict))(value),
        "a string or a list of strings and objects",
    ),
    "id": (_is_id, "a string"),
    "name": (_is_name, "a string"),
    "additional_kwargs": (_is_object, "an object"),
    "response_metadata": (_is_object, "an object"),
    "usage_metadata": (_is_object, "an object"),
    "tool_calls": (_list_of(_is_call), "a list of objects with a `name`, an object `args` and an `id`"),
    "invalid_tool_calls": (_list_of(_is_object), "a list of objects"),
    "tool_call_id": (_is_id, "a string"),
    "status": (lambda value: value in ("success", "error"), '"success" or "error"'),
}
"""The check of each field and the description of valid values. `null` counts as absent."""


def _complete(kind: str, content: str | list[Any], raw: Message, message_id: str) -> Message:
    message: Message = {
        "content": content,
        "additional_kwargs": {
            **{name: value for name, value in raw.items() if name not in _FIELDS},
            **(raw.get("additional_kwargs") or {}),
        },
        "response_metadata": raw.get("response_metadata") or {},
        "type": kind,
        "name": raw.get("name"),
        "id": message_id,
    }
    if kind == "ai":
        calls = raw.get("tool_calls") or []
        message |= {
            "tool_calls": [{**call, "type": "tool_call"} for call in calls],
            "invalid_tool_calls": raw.get("invalid_tool_calls") or [],
            "usage_metadata": raw.get("usage_metadata"),
        }
    elif kind == "tool":
        message |= {
            "tool_call_id": _text(raw.get("tool_call_id")),
            "artifact": raw.get("artifact"),
            "status": raw.get("status") or "success",
        }
    return message
