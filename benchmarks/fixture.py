"""The cost of the pytest fixture: the time until the first test's body, and what a test with the fixture takes.

Three modules of tests that do nothing run in turns: with the fixture, without it, and without doubletext, so that what
pytest itself takes is not counted. No other plugins are loaded, because those of a development environment take longer
than all the rest. Medians are compared.
"""

from __future__ import annotations

import argparse
import os
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
PLUGINS: Final = ("-p", "doubletext.pytest_conformance", "-p", "doubletext.pytest_mock")
FIXTURE: Final = "mock_deployment, "
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
        at = Path(folder)
        kinds = [("", ()), ("", PLUGINS), (FIXTURE, PLUGINS)]
        runs = [[play(at, argument, plugins) for argument, plugins in kinds] for _ in range(max(1, rounds))]
    sides = list(zip(*runs, strict=True))
    bare, without, fixture = (statistics.median(begin for begin, _ in side) for side in sides)
    rest = [statistics.median(ended - begin for begin, ended in side) for side in sides]
    # What happens once, such as the start of the deployment, is in the time until the first body.
    each = (rest[2] - rest[1]) / TESTS * 1000
    print(f"from `pytest` to the first test's body: {fixture:.2f} s with the fixture, {without:.2f} s without it")
    print(f"the same without doubletext: {bare:.2f} s")
    print(f"a reset: {reset():.3f} ms")
    print(f"the fixture of a test, with two resets: {each:.2f} ms")
    goal = Goal(f"tests with the fixture in {GOAL:g} ms", GOAL / max(each, 0.001), 1)
    print(goal.in_words())
    return 0 if goal.is_met else 1


def play(folder: Path, argument: str, plugins: Sequence[str] = PLUGINS, tests: int = TESTS) -> tuple[float, float]:
    """Return the seconds from the start of pytest to the first body, and to the end, of a module of tests."""
    module = folder / "test_it.py"
    module.write_text(MODULE.format(tests=tests, argument=argument), encoding="utf-8")
    command = (sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", *plugins, str(module))
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    # The time of day, because two processes have to agree on it.
    begun = time.time()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
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
