"""Runs of the suite in a process of their own, started as a user starts them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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


async def start_suite(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: Path = CHECKOUT,
    suite: tuple[str, ...] = INTERRUPT,
    cache: Path | None = None,
) -> asyncio.subprocess.Process:
    """Start `pytest SUITE ARGUMENTS`, without pytest's cache or with one in `cache`; the caller ends it."""
    plugins = UNUSED_PLUGINS if cache else ("cacheprovider", *UNUSED_PLUGINS)
    without = [part for name in plugins for part in ("-p", f"no:{name}")]
    without += ["-o", f"cache_dir={cache}"] if cache else []
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", *suite, *without, *arguments),
        cwd=cwd,
        env=environment(env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        preexec_fn=_hear_ctrl_c,
    )


def _hear_ctrl_c() -> None:
    """Restore the default of SIGINT: a process that a shell starts in the background ignores it, with its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def run_suite(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    cwd: Path = CHECKOUT,
    suite: tuple[str, ...] = INTERRUPT,
    cache: Path | None = None,
) -> Run:
    """Run `pytest SUITE ARGUMENTS`; raises TimeoutError, and ends the process, when it hangs."""
    process = await start_suite(*arguments, env=env, cwd=cwd, suite=suite, cache=cache)
    try:
        async with asyncio.timeout(DEADLINE):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Run(process.returncode, output.decode())
