"""The cost of the whole suite on the embedded mock, compared with the same number of pytest tests that do nothing.

pytest itself takes some time for thousands of tests, and more of it on a slow machine. The ratio shows what playing and
judging add, and is about the same on every machine, which seconds are not.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]

EMPTY = """
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_nothing(number):
    pass
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurements. Return 2 when the suite is not green, because its time is meaningless then."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.suite", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each (default: %(default)s)")
    rounds: int = parser.parse_args(arguments).rounds
    suite: list[float] = []
    empty: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(max(1, rounds)):
            seconds, red = timed("conformance", f"--junitxml={folder / 'junit.xml'}", cwd=CHECKOUT)
            if red:
                print("the suite is not green on the embedded mock: run pytest conformance", file=sys.stderr)
                return 2
            suite.append(seconds)
            count = len(list(ET.parse(folder / "junit.xml").iter("testcase")))
            (folder / "test_empty.py").write_text(EMPTY.format(count=count), "utf-8")
            empty.append(timed("test_empty.py", f"--junitxml={folder / 'empty.xml'}", cwd=folder)[0])
    print(f"the suite: {statistics.median(suite):.1f} s (median of {len(suite)}), {count} tests")
    print(f"as many empty tests: {statistics.median(empty):.1f} s")
    print(f"ratio of the medians: {statistics.median(suite) / statistics.median(empty):.1f}")
    return 0


def timed(*arguments: str, cwd: Path) -> tuple[float, bool]:
    """Seconds of one run of pytest, start of the process included, and whether it was red."""
    began = time.perf_counter()
    code = subprocess.call(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began, code != 0


if __name__ == "__main__":
    sys.exit(main())
