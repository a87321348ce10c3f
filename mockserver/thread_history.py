"""The history of a real deployment's thread, with those of its child graphs."""

from __future__ import annotations

from typing import Any, Final

import aiohttp

PAGE: Final = 100
"""The number of checkpoints to fetch per request."""
State = dict[str, Any]
"""A checkpoint as the API shows it."""


class RecordingError(Exception):
    """A thread that cannot be recorded. The text states the reason."""


async def fetch(url: str, thread_id: str, headers: dict[str, str] | None = None) -> list[State]:
    """Return every checkpoint of a thread, newest first. Raises `RecordingError`.

    A task that ran child graphs has those of each as `children`, newest first.
    """
    address = f"{url.rstrip('/')}/threads/{thread_id}/history"
    try:
        async with aiohttp.ClientSession(headers=headers) as session:
            return await _history(session, address, thread_id, "")
    except (aiohttp.ClientError, ValueError, OSError) as error:
        raise RecordingError(f"{address}: {error}") from error


async def _history(session: aiohttp.ClientSession, address: str, thread_id: str, namespace: str) -> list[State]:
    """Return the checkpoints of a graph and of its child graphs. Raises `RecordingError` and those of aiohttp.

    A server that has no histories of child graphs refuses the request, or answers with the history of the thread. Then
    the child graph is left out.
    """
    found: list[State] = []
    page: list[State] = []
    inside = {"checkpoint": {"thread_id": thread_id, "checkpoint_ns": namespace}} if namespace else {}
    # A page that is not full is the last one. A full one may be, and then an empty page follows.
    while not found or len(page) == PAGE:
        # `langgraph dev` fails at a checkpoint without `configurable`, although that is the published form.
        before = {"before": {"configurable": found[-1]["checkpoint"]}} if found else {}
        async with session.post(address, json={"limit": PAGE, **inside, **before}) as answer:
            if answer.status != 200 and namespace:
                return []
            if answer.status != 200:
                raise RecordingError(f"{address}: HTTP {answer.status}: {(await answer.text())[:200]}")
            page = await answer.json()
        if not page:
            break
        if namespace and any((one.get("checkpoint") or {}).get("checkpoint_ns") != namespace for one in page):
            return []
        found += page
    for task in (task for state in found for task in state.get("tasks") or ()):
        if first := _namespace(task, namespace):
            task["children"] = []
            # The further ones have the namespace of the first with a number. Most tasks have none.
            while inner := await _history(session, address, thread_id, _numbered(first, len(task["children"]))):
                task["children"].append(inner)
    return found


def _numbered(namespace: str, number: int) -> str:
    return f"{namespace}|{number}" if number else namespace


def _namespace(task: State, outer: str) -> str | None:
    """Return the namespace of the child graph that a task ran, None for a task that cannot have one.

    LangGraph has no reference to a child graph that the function of a node hides. Such a node is a tool.
    """
    if task.get("checkpoint"):
        return str(task["checkpoint"]["checkpoint_ns"])
    if not (task.get("interrupts") or any(one.get("type") == "tool" for one in written(task))):
        return None
    return "|".join((*([outer] if outer else ()), f"{task['name']}:{task['id']}"))


def written(task: State) -> list[State]:
    """Return the messages that a task wrote."""
    result = task.get("result")
    given = result.get("messages") if isinstance(result, dict) else None
    return [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, dict)]
