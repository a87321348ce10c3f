"""The start of the mock, beside the plainest server of aiohttp and `langgraph dev`: time to `/ok`, imports, memory.

The servers start in turns, so that a machine that becomes busier or cooler treats all alike, and medians are compared.
The first start of each does not count, because it compiles the modules of a checkout.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from benchmarks.load import connected, request
from benchmarks.servers import MOCK, Server, bare, mock, official
from benchmarks.tables import Goal, Table

ROUNDS: Final = 5
SELF_TIME: Final = re.compile(r"^import time:\s+(\d+) \|", re.MULTILINE)
"""The microseconds that a module itself takes, in what `python -X importtime` prints."""

Start = Callable[[], AbstractContextManager[Server]]
STARTS: Final[dict[str, Start]] = {"bare aiohttp": bare, "mock": mock, "langgraph dev": official}
COMMANDS: Final = {"bare aiohttp": ("benchmarks.bare",), "mock": ("mockserver", *MOCK)}
"""The modules whose imports are measured, with their arguments."""


async def measure() -> list[Table]:
    """Return the table. Raise `ServerError` when `langgraph dev` cannot be started."""
    waited, memory, imports = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list), {}
    for _ in range(ROUNDS + 1):
        for name, start in STARTS.items():
            began = time.perf_counter()
            with start() as server:
                async with connected(server.url) as connection:
                    await connection.ask(request("GET", "/ok"))
                waited[name].append((time.perf_counter() - began) * 1000)
                memory[name].append(server.resident())
    for name, command in COMMANDS.items():
        imports[name] = statistics.median(importing(*command) for _ in range(ROUNDS))
    first = {name: statistics.median(found[1:]) for name, found in waited.items()}
    held = {name: statistics.median(found[1:]) for name, found in memory.items()}
    return [
        Table(
            "Cold start",
            ("", "first `/ok`", "imports", "memory"),
            [
                (name, f"{first[name]:.0f} ms", f"{imports[name]:.0f} ms" if name in imports else "", f"{size:.0f} MB")
                for name, size in held.items()
            ],
            "From the start of the process to its first answer, what `python -X importtime` counts for all modules, "
            f"and the memory of the fresh server. Medians of {ROUNDS} starts in turns. Bare aiohttp is the limit: the "
            "mock imports what it imports. It also loads the certificates of the system, which the mock does not.",
            [
                Goal("ms to the first `/ok`", first["mock"], 100, at_most=True),
                Goal("ms of imports", imports["mock"], 60, at_most=True),
                Goal("MB of a fresh server", held["mock"], 35, at_most=True),
                Goal(
                    "times as soon as `langgraph dev`",
                    first["langgraph dev"] / first["mock"],
                    10,
                    ratio="first `/ok`: langgraph dev / mock",
                ),
                Goal(
                    "times as late as bare aiohttp",
                    first["mock"] / first["bare aiohttp"],
                    1.5,
                    at_most=True,
                    ratio="first `/ok`: mock / bare",
                ),
            ],
        )
    ]


def importing(module: str, *options: str) -> float:
    """Return the milliseconds that all imports of a server take until it listens."""
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", module, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        # As in benchmarks.servers: what is installed has its modules compiled.
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    _, printed = process.communicate()
    return sum(map(int, SELF_TIME.findall(printed))) / 1000
