"""The proof that exploration finds faults: every defect of the mock that concerns one thread, explored blindly.

`python -m tests.explore` writes `docs/reference/exploration.md`. With names of defects it prints their rows only.

A defect that is not found has one of two reasons, and the row shows which. The scenario of the catalogue that proves
the defect is played on it, and the checker gets its history. If no order explains that, random histories with this
moment are rare. If an order does, the model explains too much or reads too little, and `REASONS` states why where it
is known.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from conformance.driver.deadlines import Deadlines
from conformance.explore.explorer import Budget, Explorer
from conformance.explore.findings import Findings
from conformance.explore.player import NotExplorable, playing
from conformance.histories.freedoms import EXACT
from conformance.scenarios.catalogue import catalogue
from conformance.session.connection import Connection
from conformance.session.target import Target
from mockserver import serving
from mockserver.defects.registry import defects
from tests.conformance.test_defects import CASES

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "exploration.md"

CONCERNED: Final = (
    "admission",
    "queue",
    "stopping",
    "state",
    "statuses",
    "rollback",
    "streams",
    "deletions",
    "waiting",
)
"""The modules of defects that are about the order, the statuses, the state or the streams of one thread."""

HISTORIES: Final = 250
"""The budget for each defect: at most so many histories."""

SHRINKS: Final = Budget().shrinks
"""The plays to reduce the first finding: as many as a user's exploration has."""

SEED: Final = 1

REASONS: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("join_drops_subgraphs", "rollback_keeps_the_child", "subgraph_survives"), "the histories have no child graphs"
    ),
    "rollback_half_step_reappears": "the histories have no parallel steps",
    **dict.fromkeys(
        ("checkpoint_ignored", "checkpoint_run_restarts", "update_at_ignored"), "the histories name no checkpoint"
    ),
    "created_again_remembers": "the histories create no thread again under its id",
    **dict.fromkeys(("breakpoints_ignored", "stopped_thread_idle"), "the histories set no breakpoints"),
    "interrupt_adds_checkpoint": "the model reads the conversations of a history, and not how often each is there",
    "backpressure_stall": "the clients of the histories read their streams at once, so the runs seldom wait for them",
    "queue_stands_after_deletion": "no play of the budget deleted a run while another waited behind it",
    "wrong_run_values": "a client that waits for a run which is stopped may be shown any values",
    "pending_wait_queues": "the model requires an answer to a cancel, and not how soon",
}
"""The reasons why exploration cannot find a defect, by name."""


def target_at(url: str) -> Target:
    """Return a mock as a deployment. Its deadlines are short, because a defect that hangs costs them."""
    return Target(url=url, assistant="agent", headers={}, profile=None, deadlines=Deadlines().scaled(0.3))


def connection() -> Connection:
    """Return the way to a mock."""
    return Connection()


async def explore(name: str, *, histories: int = HISTORIES, shrinks: int = SHRINKS, jobs: int = 8) -> dict[str, Any]:
    """Return the row of one defect."""
    began = time.monotonic()
    async with serving(defects=[name] if name else []) as url:
        budget = Budget(histories=histories, findings=1 if name else None, shrinks=shrinks)
        findings = Findings(None)
        try:
            async with playing(target_at(url), freedoms=EXACT, connection=connection()) as player:
                explorer = Explorer(player, findings, budget, seed=SEED, jobs=jobs)
                await explorer.run()
        except NotExplorable as reason:
            # The examination itself fails: a plain run does not work on this server.
            return {"name": name, "found": True, "after": 0, "law": "examination", "why": str(reason), "moves": []}
    row = {
        "name": name,
        "found": bool(findings.new),
        "played": explorer.played,
        "unknown": explorer.verdicts["unknown"],
    }
    for key, history in findings.new.items():
        row |= {"after": explorer.first.get(key, explorer.played), "law": key, "why": history.why}
        row["moves"] = [move.describe() for move in history.scenario.moves]
        break
    if name and not findings.new:
        row["shown"] = await shown(name)
    return row | {"seconds": round(time.monotonic() - began, 1)}


async def shown(name: str) -> list[tuple[str, str, str]]:
    """Return the scenarios of the catalogue that prove a defect, each with the checker's verdict and the broken law."""
    found = {scenario for defect, scenario, _ in CASES if defect == name}
    verdicts: list[tuple[str, str, str]] = []
    for scenario in catalogue():
        if scenario.id in found:
            async with (
                serving(defects=[name]) as url,
                playing(target_at(url), freedoms=EXACT, connection=connection()) as player,
            ):
                verdict = (await player.play(scenario)).verdict
                verdicts.append((scenario.id, verdict.kind, verdict.law or verdict.why))
    return verdicts


def row_of(name: str) -> dict[str, Any]:
    """Return the row of one defect, in a process of its own."""
    return asyncio.run(explore(name))


def concerned() -> list[str]:
    """Return the names of the defects that concern one thread. Those of stateless runs concern none."""
    return [
        name
        for name, kind in defects().items()
        if kind.__module__.rpartition(".")[2] in CONCERNED and not name.startswith("stateless")
    ]


def rows(names: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of these defects, or of all that concern one thread."""
    workers = int(os.environ.get("WORKERS", "1"))
    # A new process now and then: a defect may leave tasks behind that would take time from the next one. The pool of
    # `concurrent.futures` hangs on Python 3.11 with such a limit (https://github.com/python/cpython/issues/115634).
    with get_context("spawn").Pool(workers, maxtasksperchild=4) as pool:
        yield from pool.imap_unordered(row_of, names or concerned())
