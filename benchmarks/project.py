"""The time that a contributor waits for: the project's quick tests, and the kill matrix.

Each is compared with a run of pytest alone, with as many empty tests and as many processes as the quick tests.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.suite import CHECKOUT, EMPTY, timed
from benchmarks.tables import Goal, Table
from tests.reference.process import ServerError

PROCESSES: Final = ("-n", "4")
"""The processes of the quick tests, as in tox.ini."""
MATRIX: Final = ("tests/conformance/test_kill_matrix.py", "-m", "matrix")


async def measure() -> list[Table]:
    """Return the table. Raise `ServerError` when a test is red, because the time is meaningless then."""
    count = quick_tests()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_many.py").write_text(EMPTY.format(count=count), "utf-8")
        empty = timed("test_many.py", *PROCESSES, cwd=folder)
    quick, matrix = timed("tests", *PROCESSES, cwd=CHECKOUT), timed(*MATRIX, cwd=CHECKOUT)
    return [
        Table(
            "The project's own checks",
            ("", "seconds"),
            [
                (f"as many empty tests, with `{' '.join(PROCESSES)}`", f"{empty:.0f}"),
                (f"the {count} quick tests, with `{' '.join(PROCESSES)}`", f"{quick:.0f}"),
                ("the kill matrix, in the plays that show every kill", f"{matrix:.0f}"),
            ],
            "One run of each, with the start of the process. `.ci/run` prints its own time at its end.",
            [
                Goal("s for the quick tests", quick, 180, at_most=True),
                Goal("s for the kill matrix", matrix, 120, at_most=True),
                # Both ratios are those of the goals in seconds, where so many empty tests take twelve.
                Goal(
                    "times as long as so many empty tests",
                    quick / empty,
                    180 / 12,
                    at_most=True,
                    ratio="the quick tests / as many empty tests",
                ),
                Goal(
                    "times as long as the quick tests for the kill matrix",
                    matrix / quick,
                    120 / 180,
                    at_most=True,
                    ratio="the kill matrix / the quick tests",
                ),
            ],
        )
    ]


def quick_tests() -> int:
    """Return the number of quick tests. Raise `ServerError` when pytest does not print it."""
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", "tests"],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        check=False,
    ).stdout
    # The quick tests are some of all: `7000/8000 tests collected`.
    counted = re.search(r"^(\d+)(?:/\d+)? tests collected", found, re.MULTILINE)
    if counted is None:
        raise ServerError("pytest tests --collect-only printed no number of tests")
    return int(counted[1])
