"""Look-ups of the threads, runs and ids in the path of a request, with the official server's texts for 404 and 422."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from msgspec import UnsetType

from mockserver.core.ids import canonical
from mockserver.core.records import Run, Thread
from mockserver.schemas.common import CheckpointConfig
from mockserver.web.http import ENGINE, ApiError
from mockserver.web.leniency import ignore


def path_uuid(request: web.Request, name: Literal["thread", "run", "assistant"]) -> str:
    """Return an id from the path. Raises `ApiError` 422 if it is not a UUID."""
    return uuid_in(request.match_info[f"{name}_id"], name)


def uuid_in(raw: str, name: Literal["thread", "run", "assistant", "cron"]) -> str:
    """Return an id in its canonical form. Raises `ApiError` 422 if it is not a UUID."""
    # UUIDs may be written in capitals or without dashes, but the records have one spelling.
    found = canonical(raw)
    if found is None:
        raise ApiError(422, f"Invalid {name} ID: must be a UUID")
    return found


def thread_of(request: web.Request) -> Thread:
    """Return the thread in the path. Raises `ApiError` 422 or 404."""
    thread_id = path_uuid(request, "thread")
    thread = request.app[ENGINE].threads.by_id.get(thread_id)
    if thread is None:
        raise ApiError(404, f"Thread with ID {thread_id} not found")
    return thread


def run_of(request: web.Request, detail: str | None = None) -> Run:
    """Return the run in the path. Raises `ApiError` 422, or 404 with `detail`."""
    run = run_or_none(request)
    if run is None:
        # Without a text of its own, the 404 of a missing thread is more helpful than that of the run.
        if detail is None:
            thread_of(request)
        raise ApiError(404, detail or "Not Found")
    return run


def run_or_none(request: web.Request) -> Run | None:
    """Return the run in the path, or None if it does not exist. Raises `ApiError` 422 for malformed ids."""
    thread_id, run_id = path_uuid(request, "thread"), path_uuid(request, "run")
    thread = request.app[ENGINE].threads.by_id.get(thread_id)
    return None if thread is None else thread.runs.get(run_id)


def ignore_subgraph(named: CheckpointConfig | UnsetType) -> None:
    """Ignore that a run is to start from a checkpoint in a subgraph, as a RemoteGraph in another graph does."""
    if named and named.of_subgraph:
        ignore("`checkpoint_ns` names a subgraph, but runs start only in the root graph")
