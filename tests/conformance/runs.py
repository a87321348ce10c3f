"""Runs of the suite in a process of their own, as a user starts them."""

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
"""Seconds after which a run counts as hung; far more than any of them takes on a busy machine."""


UNUSED_PLUGINS = (
    *("langsmith_plugin", "anyio", "hypothesispytest", "syrupy", "respx", "asyncio", "schemathesis", "platformdirs"),
)
"""Plugins that this project's tests bring along, and a user's run of the suite does not have: seconds to load."""

EVERYTHING = ("conformance",)
INTERRUPT = ("conformance/suites/test_interrupt.py",)
"""The file with the scenario that most tests play: to collect the whole suite takes three times as long."""


@dataclass(frozen=True)
class Run:
    """A run that is over: exit code, and standard output and error together."""

    code: int
    output: str

    @property
    def last_line(self) -> str:
        """What pytest says in the end."""
        return self.output.strip().splitlines()[-1]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would colour or change the output."""
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
    """What a shell started in the background ignores it, and so would all that the tests start."""
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
