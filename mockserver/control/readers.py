"""Checks of how a client closes and finds the streams of its runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mockserver.control.facts import Facts, Finding, stopped_by
from mockserver.web.journal import FRAME, JournalEntry

_OF_RUN = re.compile(r"/runs/[^/]+/(stream|join)$")
_OF_THREAD = re.compile(r"^/threads/[^/]+/stream(/events)?$")


def left_running(facts: Facts) -> Iterator[Finding]:
    """Report a client that closed its last stream of a run, which then ran to its end without a client."""
    stopped = {run_id for one in facts.requests for run_id in stopped_by(one)}
    asked = {one.run_id: one.number for one in facts.requests if not one.creates_run}
    for run_id, readers in _readers(facts).items():
        run = facts.runs.get(run_id)
        last = max(readers, key=lambda one: one.ended or 0)
        # A network that breaks is no decision of the client.
        if run is None or run.status != "success" or last.by_fault or not all(_left(one, run_id) for one in readers):
            continue
        created = facts.created.get(run_id)
        stops = created is not None and created.order.get("on_disconnect") == "cancel"
        followed = run_id in stopped or asked.get(run_id, 0) > (last.ended or 0)
        if not stops and not followed:
            yield Finding(
                "left-running",
                f"the client closed its last stream of run {run_id}, which continued to its end. Cancel the run, send "
                '"on_disconnect": "cancel", or join the run again',
                (last.number,),
            )


def joined_unknown(facts: Facts) -> Iterator[Finding]:
    """Report a stream or a join of a run that the thread has never had: the client kept the id of another server."""
    # Without its oldest requests the journal does not show which runs there were.
    complete = bool(facts.requests) and facts.requests[0].number == 1
    deleted = {one.thread_id for one in facts.requests if one.method == "DELETE" and one.run_id is None}
    for entry in facts.requests:
        if not complete or entry.method != "GET" or not _OF_RUN.search(entry.path) or entry.thread_id in deleted:
            continue
        if entry.run_id is not None and not facts.has_had(entry.run_id, entry.thread_id):
            yield Finding(
                "joined-unknown",
                f"run {entry.run_id} was joined, and no such run was ever created on the thread. Forget the id that "
                "was kept",
                (entry.number,),
            )


def _readers(facts: Facts) -> dict[str, list[JournalEntry]]:
    """Return by run the requests whose responses showed it."""
    found: dict[str, list[JournalEntry]] = {}
    of_threads: dict[str | None, list[JournalEntry]] = {}
    for entry in facts.requests:
        if _OF_THREAD.match(entry.path) and entry.method != FRAME:
            of_threads.setdefault(entry.thread_id, []).append(entry)
        elif entry.run_id is not None and (
            (entry.method == "GET" and _OF_RUN.search(entry.path))
            or (entry.creates_run and entry.path.endswith(("/stream", "/wait")))
        ):
            found.setdefault(entry.run_id, []).append(entry)
    for run_id, created in facts.created.items():
        for entry in of_threads.get(created.thread_id, ()):
            # A stream of the thread that was closed before the run was created did not show it.
            if entry.ended is None or entry.ended >= created.number:
                found.setdefault(run_id, []).append(entry)
    return found


def _left(entry: JournalEntry, run_id: str) -> bool:
    """Return whether the client closed a response before the run was over."""
    # The stream of a thread never ends by itself.
    return run_id in entry.left if _OF_THREAD.match(entry.path) else entry.cut
