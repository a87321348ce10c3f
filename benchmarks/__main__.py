"""The command `python -m benchmarks`: all measurements of one run, as a page of ratios that any machine can compare.

Without names, all parts are measured, docs/reference/benchmarks.md is written, and the ratios are added to
`history.jsonl`. With names, those parts are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks import history
from benchmarks.tables import Table
from tests.reference.process import ServerError

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "benchmarks.md"
PARTS: Final = ("cold_start", "suite", "project", "beside", "share", "growth", "crowd", "scale", "checker", "explore")
HEAD: Final = """# Benchmarks

Measured on {date} by `python -m benchmarks`, on {machine}.

What is compared ran in turns in one run, so the ratios say more than the numbers. But a busy machine takes more from a
server that works than from one that waits: here some {busy:.0f} processes wanted to run when it began.
`python -m benchmarks.fixture` measures how soon the first test runs and what the fixture costs a test.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure. Return 1 when a goal was missed, and 2 when something does not work that is to be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--keep", action="store_true", help="add the ratios of the named parts to history.jsonl")
    options = parser.parse_args(arguments)
    asked: list[str] = options.parts
    for part in asked:
        if part not in PARTS:
            parser.error(f"there is no part {part!r}; there are {', '.join(PARTS)}")
    tables: list[Table] = []
    busy = os.getloadavg()[0]
    try:
        for part in asked or PARTS:
            print(f"measuring: {part}", file=sys.stderr, flush=True)
            tables += asyncio.run(import_module(f"benchmarks.{part}").measure())
    except ServerError as error:
        print(str(error).splitlines()[0], file=sys.stderr)
        return 2
    goals = [goal for table in tables for goal in table.goals]
    # Before this run is added, which would otherwise be compared with itself.
    page = render([*tables, history.table(goals, history.read())], busy)
    if asked:
        print(page)
    else:
        PAGE.write_text(page, "utf-8")
        print(f"written: {PAGE}")
    if options.keep or not asked:
        history.append(history.Entry(_today(), _machine(), history.ratios(goals)))
    return 0 if all(goal.is_met for goal in goals) else 1


def render(tables: Sequence[Table], busy: float) -> str:
    """Return the page. `busy` is the number of processes that were ready to run before the measurements began."""
    head = HEAD.format(date=_today(), machine=_machine(), busy=busy)
    return "\n".join([head, *(table.render() + "\n" for table in tables)])


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _machine() -> str:
    machine = f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()})"
    return f"{machine}, Python {platform.python_version()}, aiohttp {version('aiohttp')}"


if __name__ == "__main__":
    sys.exit(main())
