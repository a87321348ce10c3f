"""The coroutines that a test has created with `aio` and not finished.

A wait or an assertion that is not awaited does nothing, so the test passes for no reason.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NamedTuple

CALLER = 2
"""The number of frames from `note` to the caller of the method that calls it."""


class Forgotten(NamedTuple):
    """A coroutine that was not finished: the method, the place of the call, and whether it has begun."""

    name: str
    file: Path
    line: int
    has_begun: bool

    def text(self, folder: Path) -> str:
        """Return what is wrong, with the file relative to a folder."""
        file = self.file.relative_to(folder) if self.file.is_relative_to(folder) else self.file
        if self.has_begun:
            return f"{file}:{self.line}: aio.{self.name}(...) was still waiting when the test ended. Await its task"
        return (
            f"{file}:{self.line}: aio.{self.name}(...) was called and not awaited. Write `await`, or outside of an "
            "async function, leave out `aio`"
        )


class Created:
    """The coroutines of one deployment, each with the method and the place of its call."""

    def __init__(self) -> None:
        self._open: list[tuple[Coroutine[Any, Any, Any], str, Path, int]] = []

    def note(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Note a coroutine that a method returns to its caller."""
        frame = sys._getframe(CALLER)
        # Those that are finished are forgotten with the next call, so that the list stays short.
        self._open = [one for one in self._open if _is_open(one[0])]
        self._open.append((coroutine, name, Path(frame.f_code.co_filename), frame.f_lineno))

    def take(self) -> list[Forgotten]:
        """Return the coroutines that are not finished, and forget them."""
        found = []
        for coroutine, name, file, line in self._open:
            if _is_open(coroutine):
                has_begun = inspect.getcoroutinestate(coroutine) != inspect.CORO_CREATED
                found.append(Forgotten(name, file, line, has_begun))
                if not has_begun:
                    # Otherwise the interpreter would warn of it as well.
                    coroutine.close()
        self._open.clear()
        return found


def _is_open(coroutine: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(coroutine) != inspect.CORO_CLOSED
