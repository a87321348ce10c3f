"""Checks of how a client closes and finds the streams of its runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from mockserver.control.facts import Facts, Finding, stopped_by
from mockserver.web.journal import FRAME, JournalEntry

_OF_RUN = re.compile(r"/runs/[^/]+/(stream|join)$")
_STATUS = re.compile(r"^/threads/[^/]+(/runs(/[^/]+)?)?$")
_OF_THREAD = re.compile(r"^/threads/[^/]+/stream(/events)?$")


def left_running(facts: Facts) -> Iterator[Finding]:
    """Report a client that closed its last stream of a run, which then ran to its end without a client."""
    readers = _readers(facts)
    followed = _Followed(facts, readers)
    for run_id, found in readers.items():
        run, created = facts.runs.get(run_id), facts.created.get(run_id)
        # Without its first requests the journal does not show who else read the run.
        if run is None or run.status != "success" or created is None or _is_of_no_client(created):
            continue
        # A network or a server that breaks is no decision of the client.
        if any(one.by_fault or not _left(one, run_id) for one in found):
            continue
        last = max(found, key=lambda one: one.ended or 0)
        if not followed(run_id, created, last):
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
    # Of a thread that is gone, with its runs, nothing is known.
    threads = {run.thread_id for run in facts.runs.values()}
    # A cancel or a deletion of a run that is answered shows that it was there.
    known = {one.run_id for one in facts.requests if one.method != "GET" and (one.outcome or 0) < 300}
    for entry in facts.requests:
        if not complete or not _OF_RUN.search(entry.path) or entry.method != "GET" or entry.thread_id not in threads:
            continue
        if entry.run_id is not None and entry.run_id not in known and not facts.has_had(entry.run_id, entry.thread_id):
            yield Finding(
                "joined-unknown",
                f"run {entry.run_id} was joined, and no such run was ever created on the thread. Forget the id that "
                "was kept",
                (entry.number,),
            )


class _Followed:
    """The ways in which a client learns of the end of a run after it has closed its last stream."""

    def __init__(self, facts: Facts, readers: Mapping[str, Sequence[JournalEntry]]) -> None:
        self._stopped = {run_id for one in facts.requests for run_id in stopped_by(one)}
        self._asked: dict[str | None, int] = {}
        self._of_threads: dict[str | None, int] = {}
        self._waited_for: set[str] = set()
        for one in facts.requests:
            if one.creates_run:
                continue
            self._asked[one.run_id] = one.number
            # The status of the thread, or of its runs.
            if one.method == "GET" and _STATUS.match(one.path):
                self._of_threads[one.thread_id] = one.number
        for run_id, found in readers.items():
            created = facts.created.get(run_id)
            if created is not None and not all(_left(one, run_id) for one in found):
                # The values of a run that waited in the queue have the results of those ahead of it.
                self._waited_for.update(created.in_flight)

    def __call__(self, run_id: str, created: JournalEntry, last: JournalEntry) -> bool:
        """Return whether the client cancelled a run, read it again, or read one that waited for it."""
        ended, thread = last.ended or 0, created.thread_id
        again = max(self._asked.get(run_id, 0), self._of_threads.get(thread, 0) if thread else 0) > ended
        return run_id in self._stopped or run_id in self._waited_for or again


def _is_of_no_client(created: JournalEntry) -> bool:
    """Return whether a run is stopped by a disconnect, or was made to execute without a client."""
    order = created.order
    return order.get("on_disconnect") == "cancel" or bool(order.get("webhook") or order.get("after_seconds"))


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
