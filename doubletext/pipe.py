"""Commands whose output is read by a program that may have seen enough, as in `doubletext judge DIR | head`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


def written(command: Callable[[], int]) -> int:
    """Run a command that writes to standard output, and return its exit code; 1 when the reader closed the pipe."""
    try:
        code = command()
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at its end, and must not find the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code
