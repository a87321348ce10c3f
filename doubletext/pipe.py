"""Commands whose output goes to a pipe that the reader may close early, as in `doubletext judge DIR | head`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


def written(command: Callable[[], int]) -> int:
    """Run a command that writes to standard output. Return its exit code, or 1 if the reader has closed the pipe."""
    try:
        # Flushed here, because a short output fits into the buffer and would fail only when the interpreter exits.
        code = command()
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more when it exits, and would print a traceback for the closed pipe.
        # https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code
