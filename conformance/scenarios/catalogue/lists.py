"""The scenarios that read with filters and pages: the history of a thread, threads, and crons.

No run is in flight while they read, so that the answer to every request follows from the answers to the others.

Absent on purpose: the filter `values` of threads (the description does not define how nested values match), and
`select` and `extract` (they change the form of an answer and not what is in it).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.scenarios.catalogue.blocks import BOSTON, EARLIER_TURN, LA, NYC, SF
from conformance.scenarios.moves import OTHER, AwaitEnd, CreateCron, DeleteCron, Look, Move, Query, ReadState, Submit
from conformance.scenarios.scenario import Scenario

HISTORY = "/threads/{main}/history"
THREADS = {"doubletext_threads_of": "{play}"}
OLDEST_FIRST = {"sort_by": "created_at", "sort_order": "asc"}


def scenarios() -> Iterator[Scenario]:
    """Yield a scenario for each kind of list."""
    yield Scenario(
        id="none/finished/create/unwatched/history",
        about="After three turns the history is read in pages and with filters, and the state at old checkpoints.",
        moves=(
            *EARLIER_TURN,
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            # A third one, so that there are more entries than the default limit of a page.
            Submit(label="B", text=NYC),
            AwaitEnd(label="B"),
            Look(),
            ReadState(),
            *_of_history(),
        ),
    )
    yield Scenario(
        id="none/finished/create/unwatched/threads",
        about="After a run that fails on one thread and a turn on an older one the threads are listed and counted.",
        moves=(
            # The older thread is updated last, so the orders of `created_at` and `updated_at` differ.
            Submit(label="X", text=BOSTON, thread=OTHER, fail=("tools:1",)),
            AwaitEnd(label="X"),
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            Look(),
            *_of_threads(),
        ),
    )
    # The years of their ends, so that no order by it is one of their creation.
    names = {"first": 2098, "second": 2099, "third": 2097}
    yield Scenario(
        id="cron/listed",
        about="After plain turns on two threads a client creates three crons on one, and lists and counts them.",
        moves=(
            Submit(label="A", text=SF),
            Submit(label="X", text=BOSTON, thread=OTHER),
            AwaitEnd(label="A"),
            AwaitEnd(label="X"),
            *(CreateCron(label=name, text=LA, until=year) for name, year in names.items()),
            *_of_crons(),
            *(DeleteCron(label=name) for name in names),
        ),
    )


def _of_history() -> Iterator[Move]:
    yield Query(purpose="list history", method="GET", path=HISTORY)
    for query in ("limit=2", "limit=1", "limit=100&before={checkpoint 2}", "limit=2&before={checkpoint 2}"):
        yield Query(purpose="list history", method="GET", path=f"{HISTORY}?{query}")
    filters: tuple[dict[str, Any], ...] = (
        {"limit": 3},
        {"limit": 100, "metadata": {"source": "input"}},
        {"limit": 1, "metadata": {"source": "input"}},
        {"limit": 100, "metadata": {"step": 2}},
        {"limit": 100, "metadata": {"run_id": "{A}"}},
        {"limit": 100, "metadata": {"source": "input", "run_id": "{A}"}},
        {"limit": 100, "metadata": {"run_id": "{main}"}},
        # The form of the description. Last, because a server that fails on it may drop the connection.
        {"limit": 100, "before": {"checkpoint_id": "{checkpoint 2}"}},
        {"limit": 2, "before": {"checkpoint_id": "{checkpoint 2}"}},
    )
    for body in filters:
        yield Query(purpose="list history", method="POST", path=HISTORY, body=body)
    for position in (0, 3, 5):
        at = f"{{checkpoint {position}}}"
        yield Query(purpose="state at", method="GET", path=f"/threads/{{main}}/state/{at}")
        body = {"checkpoint": {"thread_id": "{main}", "checkpoint_ns": "", "checkpoint_id": at}}
        yield Query(purpose="state at", method="POST", path="/threads/{main}/state/checkpoint", body=body)


def _of_threads() -> Iterator[Move]:
    everything = {"metadata": THREADS, "limit": 100}
    bodies: tuple[dict[str, Any], ...] = (
        # The first one is the whole list, by which the others are judged.
        {**everything, **OLDEST_FIRST},
        {**everything, "sort_by": "created_at", "sort_order": "desc"},
        {**everything, "sort_by": "updated_at", "sort_order": "asc"},
        {**everything, "sort_by": "updated_at", "sort_order": "desc"},
        {**everything, "sort_by": "thread_id", "sort_order": "asc"},
        {**everything, "sort_by": "thread_id", "sort_order": "desc"},
        {"metadata": THREADS, **OLDEST_FIRST, "limit": 1},
        {"metadata": THREADS, **OLDEST_FIRST, "limit": 1, "offset": 1},
        {"metadata": THREADS, **OLDEST_FIRST, "limit": 100, "offset": 1},
        {"metadata": THREADS, **OLDEST_FIRST, "limit": 100, "offset": 2},
        {**everything, "status": "error"},
        {**everything, "status": "idle"},
        {**everything, "status": "busy"},
        {**everything, "metadata": {**THREADS, "doubletext": "another thread"}},
        {**everything, "metadata": {**THREADS, "doubletext": "no such thread"}},
        {**everything, "metadata": {**THREADS, "doubletext_other": True}},
        {**everything, "metadata": {**THREADS, "doubletext_other": False}},
        {**everything, "metadata": {**THREADS, "doubletext_other": "true"}},
        {**everything, "ids": ["{other}"]},
    )
    for body in bodies:
        yield Query(purpose="list threads", method="POST", path="/threads/search", body=body)
    for body in (
        {"metadata": THREADS},
        {"metadata": THREADS, "status": "error"},
        {"metadata": THREADS, "status": "busy"},
        {"metadata": {**THREADS, "doubletext": "another thread"}},
        {"metadata": {**THREADS, "doubletext": "no such thread"}},
        {"metadata": {**THREADS, "doubletext_other": True}},
    ):
        yield Query(purpose="count threads", method="POST", path="/threads/count", body=body)


def _of_crons() -> Iterator[Move]:
    of_thread = {"thread_id": "{main}"}
    bodies: tuple[dict[str, Any], ...] = (
        {**of_thread, "limit": 100, **OLDEST_FIRST},
        {**of_thread, "limit": 100, "sort_by": "created_at", "sort_order": "desc"},
        {**of_thread, "limit": 100, "sort_by": "cron_id", "sort_order": "asc"},
        {**of_thread, "limit": 100, "sort_by": "end_time", "sort_order": "asc"},
        {**of_thread, "limit": 100, "sort_by": "end_time", "sort_order": "desc"},
        {**of_thread, **OLDEST_FIRST, "limit": 1},
        {**of_thread, **OLDEST_FIRST, "limit": 1, "offset": 1},
        {**of_thread, **OLDEST_FIRST, "limit": 100, "offset": 2},
        {**of_thread, "limit": 100, "metadata": {"doubletext_label": "second"}},
        {**of_thread, "limit": 100, "metadata": {"doubletext_label": "no such cron"}},
        {"thread_id": "{other}", "limit": 100},
    )
    for body in bodies:
        yield Query(purpose="filter crons", method="POST", path="/runs/crons/search", body=body)
    for body in (of_thread, {**of_thread, "metadata": {"doubletext_label": "second"}}, {"thread_id": "{other}"}):
        yield Query(purpose="count crons", method="POST", path="/runs/crons/count", body=body)
