"""Runs of the suite in a process of their own, started as a user starts them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import forks

CHECKOUT = Path(__file__).parents[2]
DEADLINE = 120.0
"""Seconds after which a run counts as hung, far more than any of them takes on a busy machine."""


UNUSED_PLUGINS = (
    *("langsmith_plugin", "anyio", "hypothesispytest", "syrupy", "respx", "asyncio", "schemathesis", "platformdirs"),
)
"""Plugins that the development environment installs and a user's run does not have. Loading them takes seconds."""

EVERYTHING = ("conformance",)
INTERRUPT = ("conformance/suites/test_interrupt.py",)
"""The file with the scenario that most tests play. Collecting the whole suite takes three times as long."""


@dataclass(frozen=True)
class Run:
    """A finished run: its exit code, and its standard output and error in one text."""

    code: int
    output: str

    @property
    def last_line(self) -> str:
        """The last line of the output, in which pytest counts the results."""
        return self.output.strip().splitlines()[-1]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without variables that would colour or change the output."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "DOUBLETEXT", "COV_"))}
    return {**kept, "NO_COLOR": "1", "COLUMNS": "200", **(extra or {})}


class Started:
    """A run under way, with the part of the interface of `asyncio.subprocess.Process` that the tests need."""

    def __init__(self, process: forks.Process, stdout: asyncio.StreamReader) -> None:
        self._process = process
        self.stdout = stdout
        self.send_signal = process.send_signal
        self.kill = process.kill

    @property
    def returncode(self) -> int | None:
        """The exit code, once `wait` has returned it."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait for the end and return the exit code."""
        return await asyncio.to_thread(self._process.wait)


async def start_suite(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: Path = CHECKOUT,
    suite: tuple[str, ...] = INTERRUPT,
    cache: Path | None = None,
    fresh: bool = False,
) -> Started:
    """Start `pytest SUITE ARGUMENTS`, without pytest's cache or with one in `cache`; the caller ends it.

    `fresh`: in a process that was started and not forked, for a test of what the run imports.
    """
    plugins = UNUSED_PLUGINS if cache else ("cacheprovider", *UNUSED_PLUGINS)
    without = [part for name in plugins for part in ("-p", f"no:{name}")]
    without += ["-o", f"cache_dir={cache}"] if cache else []
    output, write = os.pipe()
    command = (sys.executable, "-m", "pytest", *suite, *without, *arguments)
    try:
        process = (forks.start_fresh if fresh else forks.start)(
            command, cwd=cwd, env=environment(env), stdout=write, stderr=write
        )
    finally:
        os.close(write)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(output, "rb")
    )
    return Started(process, reader)


async def run_suite(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: Path = CHECKOUT,
    suite: tuple[str, ...] = INTERRUPT,
    cache: Path | None = None,
    fresh: bool = False,
) -> Run:
    """Run `pytest SUITE ARGUMENTS`; raises TimeoutError, and ends the process, when it hangs."""
    process = await start_suite(*arguments, env=env, cwd=cwd, suite=suite, cache=cache, fresh=fresh)
    try:
        async with asyncio.timeout(DEADLINE):
            output = await process.stdout.read()
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Run(code, output.decode())
