"""The mock in a process that tells how much it holds: `python -m benchmarks.counted`, with the options of the mock.

On SIGUSR1 it collects its garbage and prints, as a line of JSON, its blocks of memory that are in use and its tasks.
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
"""Turns of the event loop after which whoever was about to end has ended."""


def asked(*_: object) -> None:
    """Tell, when those who have just answered somebody are done."""
    loop = asyncio.get_running_loop()
    loop.call_soon_threadsafe(wait, loop, TURNS)


def wait(loop: asyncio.AbstractEventLoop, turns: int) -> None:
    """Let so many turns pass, and tell."""
    if turns:
        loop.call_soon(wait, loop, turns - 1)
        return
    gc.collect()
    print(json.dumps({"blocks": sys.getallocatedblocks(), "tasks": len(asyncio.all_tasks(loop))}), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, asked)
    sys.exit(main())
