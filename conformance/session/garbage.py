"""Python's garbage collector during a run of the suite, whose tests, plays and reports stay until its end.

A collection has next to nothing to find among them, and takes longer the more of them there are. They made half of the
time of `--collect-only`, a tenth of that of a whole run, and a second after its last line.
"""

from __future__ import annotations

import atexit
import gc
from functools import cache, partial

import pytest

THRESHOLDS = (50_000, 20, 100)
"""The thresholds of the garbage collector while the tests run. A play leaves some ten thousand objects."""

_STOPPED: pytest.StashKey[bool] = pytest.StashKey()
"""True if the garbage collector was stopped for the collection of the tests."""


def stop(config: pytest.Config) -> None:
    """Stop the collector from the first test of the suite to `start_again`.

    Runs without a test of the suite, in an environment in which doubletext is installed, keep theirs.
    """
    if gc.isenabled():
        config.stash[_STOPPED] = True
        # An earlier run in this process may have left its tests.
        gc.unfreeze()
        gc.disable()
        _end_at_once()


def start_again(config: pytest.Config) -> None:
    """Let the collector ignore the tests, and work less often until the end of the run, if it was stopped."""
    if config.stash.get(_STOPPED, False):
        gc.freeze()
        config.add_cleanup(partial(gc.set_threshold, *gc.get_threshold()))
        gc.set_threshold(*THRESHOLDS)
        gc.enable()


@cache  # once for each process, which may have several runs
def _end_at_once() -> None:
    # Python collects garbage when a process ends. The system frees all of its memory without that.
    atexit.register(gc.freeze)
