"""The threads, runs and ids that the path of a request names."""

from __future__ import annotations

from typing import Literal

from aiohttp import web

from mockserver.core.ids import canonical
from mockserver.core.records import Run, Thread
from mockserver.schemas.common import CheckpointConfig
from mockserver.web.http import ENGINE, Refusal


def path_uuid(request: web.Request, name: Literal["thread", "run", "assistant"]) -> str:
    """An id from the path; raises `Refusal` 422 for what is not a UUID."""
    return uuid_in(request.match_info[f"{name}_id"], name)


def uuid_in(raw: str, name: Literal["thread", "run", "assistant", "cron"]) -> str:
    """An id as the server spells it; raises `Refusal` 422 for what is not a UUID."""
    found = canonical(raw)
    if found is None:
        raise Refusal(422, f"Invalid {name} ID: must be a UUID")
    return found


def thread_of(request: web.Request) -> Thread:
    """The thread that the path names; raises `Refusal` 422 or 404."""
    thread_id = path_uuid(request, "thread")
    thread = request.app[ENGINE].threads.by_id.get(thread_id)
    if thread is None:
        raise Refusal(404, f"Thread with ID {thread_id} not found")
    return thread


def run_of(request: web.Request, detail: str | None = None) -> Run:
    """The run that the path names; raises `Refusal` 422 or 404, which says by default whether the thread is there."""
    run = run_or_none(request)
    if run is None:
        if detail is None:
            thread_of(request)
        raise Refusal(404, detail or "Not Found")
    return run


def run_or_none(request: web.Request) -> Run | None:
    """The run that the path names, None if there is none; raises `Refusal` 422 for malformed ids."""
    thread_id, run_id = path_uuid(request, "thread"), path_uuid(request, "run")
    thread = request.app[ENGINE].threads.by_id.get(thread_id)
    return None if thread is None else thread.runs.get(run_id)


def refuse_subgraph(named: CheckpointConfig | None) -> None:
    """Raise `Refusal` 422 for a checkpoint inside a subgraph, where only those of the graph itself will do."""
    if named is not None and named.of_subgraph:
        raise Refusal(
            422,
            "`checkpoint_ns` names a subgraph; runs start, and the state is updated, only in the graph itself.",
        )
