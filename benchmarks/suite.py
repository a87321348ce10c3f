"""The cost of the suite: to collect it, to judge one verdict, and to play and judge all of it on the embedded mock.

pytest itself takes some time for thousands of tests, and more of it on a slow machine. So each run is compared with one
of pytest alone in the same environment, in turns.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

from benchmarks.tables import Goal, Table
from conformance.requirements.judged import requirements_in
from conformance.scenarios.catalogue import catalogue
from tests.reference.process import ServerError

CHECKOUT: Final = Path(__file__).parents[1]
ROUNDS: Final = 3
ONE: Final = "interrupt/during-tools/create/unwatched::INT-02"
"""The verdict that is judged alone."""
SECONDS: Final = 12 / 258
"""The seconds for a scenario on two idle cores that are the goal."""
NOISE: Final = 1.1
"""The greatest ratio of two runs that do the same."""

EMPTY: Final = """
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_nothing(number):
    pass
"""


async def measure() -> list[Table]:
    """Return the table. Raise `ServerError` when the suite is not green, because its time is meaningless then."""
    taken = defaultdict[str, list[float]](list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = cases()
        (folder / "test_one.py").write_text(EMPTY.format(count=1), "utf-8")
        (folder / "test_many.py").write_text(EMPTY.format(count=count), "utf-8")
        for _ in range(ROUNDS):
            taken["an empty project, collected"].append(timed("--collect-only", "test_one.py", cwd=folder))
            taken["the suite, collected"].append(timed("--collect-only", "conformance", cwd=CHECKOUT))
            taken["one empty test"].append(timed("test_one.py", cwd=folder))
            taken["one verdict"].append(timed("conformance", "-k", ONE, cwd=CHECKOUT))
            taken["the suite"].append(timed("conformance", cwd=CHECKOUT))
            taken["the suite, with `-n 2`"].append(timed("conformance", "-n", "2", cwd=CHECKOUT))
            taken["as many empty tests"].append(timed("test_many.py", cwd=folder))
    found = {name: statistics.median(seconds) for name, seconds in taken.items()}
    return [
        Table(
            "The suite on the embedded mock",
            ("", "seconds"),
            [(name, f"{seconds:.1f}") for name, seconds in found.items()],
            f"{count} verdicts in {len(catalogue())} scenarios. Medians of {ROUNDS} runs in turns, with the start of "
            "the process. The goal for the whole suite is 12 s for 258 scenarios, and more in proportion.",
            [
                Goal(
                    "s to collect the suite, beyond an empty project",
                    found["the suite, collected"] - found["an empty project, collected"],
                    0.5,
                    at_most=True,
                ),
                Goal(
                    "s for one verdict, beyond an empty test",
                    found["one verdict"] - found["one empty test"],
                    1.5,
                    at_most=True,
                ),
                Goal("s for the whole suite", found["the suite"], SECONDS * len(catalogue()), at_most=True),
                Goal(
                    "times as long with `-n 2` as without",
                    found["the suite, with `-n 2`"] / found["the suite"],
                    NOISE,
                    at_most=True,
                    ratio="the suite: with `-n 2` / without",
                ),
                Goal(
                    "times as long as so many empty tests",
                    found["the suite"] / found["as many empty tests"],
                    2,
                    at_most=True,
                    ratio="the suite / as many empty tests",
                ),
            ],
        )
    ]


def cases() -> int:
    """Return the number of tests of the suite: one for each requirement of each scenario."""
    return sum(len(requirements_in(scenario.id)) for scenario in catalogue())


def timed(*arguments: str, cwd: Path) -> float:
    """Return the seconds of one run of pytest, start of the process included. Raise `ServerError` if it is red."""
    began = time.perf_counter()
    code = subprocess.call(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if code != 0:
        raise ServerError(f"pytest {' '.join(arguments)} ended with code {code}, so its time means nothing")
    return time.perf_counter() - began
