"""Messages as JSON: how a client's spellings become state, and how the `messages` channel takes them up."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

Message = dict[str, Any]

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
    "remove": "remove",
}


def coerce(raw: Any, new_id: Callable[[], str]) -> Message:
    """One message of a client, whole and with an id. Raises ValueError for what is not a message."""
    if isinstance(raw, str):
        raw = {"role": "user", "content": raw}
    elif isinstance(raw, list) and len(raw) == 2:
        raw = {"role": raw[0], "content": raw[1]}
    if not isinstance(raw, dict):
        raise ValueError(f"Unsupported message: {raw!r}")
    role = raw.get("role", raw.get("type"))
    kind = _ROLES.get(role) if isinstance(role, str) else None
    if kind is None:
        known = ", ".join(repr(name) for name in _ROLES)
        raise ValueError(f"Unexpected message type: {role!r}. Use one of {known}.")
    content = raw.get("content", "")
    if not isinstance(content, str | list):
        raise ValueError(f"The content of a message must be a string or a list, not {content!r}")
    return _whole(kind, content, raw, raw.get("id") or new_id())


def coerce_all(raw: Any, new_id: Callable[[], str]) -> list[Message]:
    """The messages of an input: a list of them or a single one. Raises ValueError as `coerce` does."""
    single = not isinstance(raw, list)
    return [coerce(one, new_id) for one in ([raw] if single else raw)]


def merge(existing: Sequence[Message], added: Sequence[Message]) -> list[Message]:
    """The channel after a write: a known id is replaced where it stands, `remove` takes it out, others follow.

    Raises ValueError for the removal of a message that is not there.
    """
    merged: dict[str, Message] = {message["id"]: message for message in existing}
    for message in added:
        if message["type"] != "remove":
            merged[message["id"]] = message
        elif message["id"] == REMOVE_ALL:
            merged.clear()
        elif merged.pop(message["id"], None) is None:
            raise ValueError(f"Attempting to delete a message with an ID that doesn't exist ({message['id']!r})")
    return list(merged.values())


def text_of(message: Message) -> str:
    """The text of a message; blocks that are not text have none."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return "".join(part if isinstance(part, str) else part.get("text", "") for part in content)


def human(text: str, message_id: str) -> Message:
    """A message of a human."""
    return _whole("human", text, {}, message_id)


def ai(content: str | list[Any], message_id: str, tool_calls: Sequence[dict[str, Any]] = ()) -> Message:
    """A message of the model."""
    return _whole("ai", content, {"tool_calls": list(tool_calls)}, message_id)


def chunk(message: Message, content: str | list[Any], *, last: bool) -> Message:
    """A piece of a message of the model, as the stream of tokens shows it; the call of a tool is one piece."""
    calls = enumerate(message["tool_calls"])
    return {
        **message,
        "content": content,
        "type": "AIMessageChunk",
        "tool_call_chunks": [
            {
                "name": call["name"],
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
    """The answer to a tool call; `more` are its status and its artifact."""
    return _whole("tool", content, {"name": name, "tool_call_id": call_id, **more}, message_id)


def _whole(kind: str, content: str | list[Any], raw: Message, message_id: str) -> Message:
    message: Message = {
        "content": content,
        "additional_kwargs": raw.get("additional_kwargs") or {},
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
            "tool_call_id": raw.get("tool_call_id"),
            "artifact": raw.get("artifact"),
            "status": raw.get("status", "success"),
        }
    return message
