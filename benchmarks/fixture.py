"""The cost of the pytest fixture: the time until the first test's body, and what a test with the fixture takes.

Two modules of tests that do nothing run in turns, one with the fixture and one without, so that what pytest itself
takes is not counted. Medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.tables import Goal
from mockserver import MockDeployment

TESTS: Final = 200
GOAL: Final = 5.0
"""Milliseconds that the fixture may take for one test, with both of its resets."""
MODULE: Final = """import time
import pytest

@pytest.mark.parametrize("number", range({tests}))
def test_one({argument}number):
    if number == 0:
        print("first body", time.time())
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurements. Return 1 when the goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fixture", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each (default: %(default)s)")
    rounds: int = parser.parse_args(arguments).rounds
    with tempfile.TemporaryDirectory() as folder:
        runs = [(play(Path(folder), ""), play(Path(folder), "mock_deployment, ")) for _ in range(max(1, rounds))]
    bare, fixture = zip(*runs, strict=True)
    first = [statistics.median(begin for begin, _ in side) for side in (bare, fixture)]
    whole = [statistics.median(seconds for _, seconds in side) for side in (bare, fixture)]
    # What happens once, such as the start of the deployment, is in the time until the first body.
    each = ((whole[1] - first[1]) - (whole[0] - first[0])) / TESTS * 1000
    print(f"from `pytest` to the first test's body: {first[1]:.2f} s with the fixture, {first[0]:.2f} s without")
    print(f"a reset: {reset():.3f} ms")
    print(f"the fixture of a test, with two resets: {each:.2f} ms")
    goal = Goal(f"tests with the fixture in {GOAL:g} ms", GOAL / max(each, 0.001), 1)
    print(goal.in_words())
    return 0 if goal.is_met else 1


def play(folder: Path, argument: str, tests: int = TESTS) -> tuple[float, float]:
    """Return the seconds from the start of pytest to the first body, and to the end, of a module of tests."""
    module = folder / "test_it.py"
    module.write_text(MODULE.format(tests=tests, argument=argument), encoding="utf-8")
    command = (sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", "no:xdist", str(module))
    # The time of day, because two processes have to agree on it.
    begun = time.time()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    ended = time.time()
    body = next(line for line in done.stdout.splitlines() if "first body" in line)
    return float(body.rpartition(" ")[2]) - begun, ended - begun


def reset() -> float:
    """Return the milliseconds of a reset."""
    taken = []
    with MockDeployment() as mock:
        for _ in range(TESTS):
            begun = time.perf_counter()
            mock.reset()
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1000


if __name__ == "__main__":
    sys.exit(main())
