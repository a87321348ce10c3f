"""The mock in a process that reports what it holds: `python -m benchmarks.counted`, with the options of the mock.

On SIGUSR1 it collects its garbage and prints its blocks of memory in use and its tasks, as a line of JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from typing import Final

from mockserver.__main__ import main

TURNS: Final = 50
"""Turns of the event loop after which every task that was about to end has ended."""


def asked(*_: object) -> None:
    """Report once the tasks that have just sent a response are done."""
    loop = asyncio.get_running_loop()
    loop.call_soon_threadsafe(wait, loop, TURNS)


def wait(loop: asyncio.AbstractEventLoop, turns: int) -> None:
    """Let some turns of the event loop pass, and report."""
    if turns:
        loop.call_soon(wait, loop, turns - 1)
        return
    gc.collect()
    print(json.dumps({"blocks": sys.getallocatedblocks(), "tasks": len(asyncio.all_tasks(loop))}), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, asked)
    sys.exit(main())
