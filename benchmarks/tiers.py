"""The time of the suite's tiers on `langgraph dev`: from the start of pytest to its last line.

A busy machine takes longer, so the load and the processor time of the two processes are printed, too. The goals are for
a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.servers import Server, official
from benchmarks.tables import Goal, Table
from conformance.scenarios.tiers import TIERS, Tier
from tests.reference.process import ServerError
from tests.reference.references import fitting_profile

CHECKOUT: Final = Path(__file__).parents[1]
GOALS: Final[dict[tuple[Tier, int], float]] = {
    ("smoke", 10): 60,
    ("core", 10): 180,
    ("full", 10): 110,
    ("full", 1): 240,
}
"""Seconds, by tier and number of workers.

They are from a book of 258 scenarios, and there are more now. Most of the time is the server's own: it searches for a
pending run from time to time, and three deletions that stop no run take it 30 seconds. A play gives a worker back when
it reads that a run has ended. It keeps one for a second run of a thread, which would begin too early if it could.
"""


@dataclass(frozen=True, slots=True)
class Timed:
    """One run of a tier: its seconds, the processor time of pytest and of the server, the load, and pytest's code."""

    tier: Tier
    workers: int
    seconds: float
    cpu: float
    server_cpu: float
    load: float
    code: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurements. Return 1 when a goal was missed, and 2 when a run was not green or there is no server."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tiers", description=__doc__)
    parser.add_argument("--tier", choices=TIERS, action="append", help="repeatable; default: all")
    parser.add_argument("--workers", type=int, action="append", metavar="N", help="repeatable; default: 10 and 1")
    parser.add_argument("--jobs", default="auto", metavar="N", help="as --conformance-jobs; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="runs of each; default: %(default)s")
    options = parser.parse_args(arguments)
    found: list[Timed] = []
    try:
        for workers in options.workers or (10, 1):
            for tier in options.tier or TIERS:
                for _ in range(options.rounds):
                    # A server of its own for each run, as a vendor's first run meets one that has just started.
                    with official(workers) as server, tempfile.TemporaryDirectory() as folder:
                        found.append(timed(server, tier, workers, options.jobs, Path(folder)))
                    print(table(found[-1:]).rows[0], file=sys.stderr, flush=True)
    except ServerError as error:
        print(str(error).splitlines()[0], file=sys.stderr)
        return 2
    made = table(found)
    print(made.render())
    if any(one.code for one in found):
        print("a run was not green, so its time means nothing", file=sys.stderr)
        return 2
    return 0 if all(goal.is_met for goal in made.goals) else 1


def timed(server: Server, tier: Tier, workers: int, jobs: str, folder: Path) -> Timed:
    """Run one tier against a server."""
    load, cpu, server_cpu, began = os.getloadavg()[0], _children(), server.cpu(), time.perf_counter()
    with (folder / "output").open("wb") as output:
        code = subprocess.call(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "conformance"),
                f"--deployment-url={server.url}",
                f"--deployment-profile={fitting_profile(server.url, workers)}",
                f"--conformance-tier={tier}",
                f"--conformance-jobs={jobs}",
                f"--conformance-report={folder}",
            ],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=output,
        )
    seconds = time.perf_counter() - began
    if code:
        print((folder / "output").read_text("utf-8")[-3000:], file=sys.stderr)
    return Timed(tier, workers, seconds, _children() - cpu, server.cpu() - server_cpu, load, code)


def _children() -> float:
    """Return the processor time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(found: Sequence[Timed]) -> Table:
    """Return the measurements, and the goals that they have."""
    return Table(
        "The tiers on `langgraph dev`",
        ("tier, workers", "seconds", "CPU of pytest", "CPU of the server", "load before"),
        [
            (
                f"{one.tier}, {one.workers}",
                f"{one.seconds:.0f}",
                f"{one.cpu:.0f}",
                f"{one.server_cpu:.0f}",
                f"{one.load:.1f}",
            )
            for one in found
        ],
        "",
        [
            Goal(f"s for {one.tier} with {one.workers} workers", one.seconds, wanted, at_most=True)
            for one in found
            if (wanted := GOALS.get((one.tier, one.workers))) is not None
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
