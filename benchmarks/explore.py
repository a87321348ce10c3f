"""The histories per second of an exploration: on this machine alone, and with one to four workers of a cluster."""

from __future__ import annotations

import time
from typing import Final

from distributed import LocalCluster

from benchmarks.servers import mock
from benchmarks.tables import Table
from conformance.explore.cluster import Order, crew
from conformance.explore.explorer import Budget, Explorer
from conformance.explore.findings import Findings
from conformance.explore.player import Plays, playing
from conformance.histories.freedoms import EXACT
from conformance.judge.profiles import NOTHING_DECLARED
from tests.explore.proof import connection, target_at

HISTORIES: Final = 60
THREADS: Final = 4
"""The histories that a worker plays at a time."""
WORKERS: Final = (1, 2, 3, 4)
SEED: Final = 1


async def measure() -> list[Table]:
    """Return the table."""
    rows = []
    with mock("--time-scale", "0") as server:
        async with playing(target_at(server.url), freedoms=EXACT, connection=connection()) as player:
            rows.append(("none", f"{THREADS}", await _rate(player, THREADS)))
        target = target_at(server.url)
        for number in WORKERS:
            order = Order(
                url=server.url,
                assistant=target.assistant,
                named=True,
                headers={},
                profile=NOTHING_DECLARED,
                deadlines=target.deadlines,
                freedoms=EXACT,
                tls={},
                witness_host=None,
                jobs=number * THREADS,
            )
            async with (
                LocalCluster(
                    n_workers=number, threads_per_worker=THREADS, dashboard_address="127.0.0.1:0", asynchronous=True
                ) as cluster,
                crew(cluster.scheduler_address, order) as player_of_all,
            ):
                rows.append((f"{number}", f"{player_of_all.jobs}", await _rate(player_of_all, player_of_all.jobs)))
    return [
        Table(
            "Exploration on a cluster",
            ("workers", "histories at a time", "histories per second"),
            rows,
            f"{HISTORIES} histories of one seed on the mock, which is a process of its own. Each worker is a process "
            "of this machine, and the first row has no cluster. More workers than cores share the cores.",
        )
    ]


async def _rate(plays: Plays, jobs: int) -> str:
    """Return the histories per second. Raise AssertionError for a finding, because the mock is correct."""
    explorer = Explorer(plays, Findings(None), Budget(histories=HISTORIES), seed=SEED, jobs=jobs)
    began = time.perf_counter()
    await explorer.run()
    assert not explorer.findings.counts, explorer.findings.counts
    return f"{HISTORIES / (time.perf_counter() - began):.1f}"
