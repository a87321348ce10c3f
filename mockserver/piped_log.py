"""The log of the command `doubletext mock`, which no reader of its standard error can stop.

A pipe has room for about 64 KiB. A program that starts the mock and never reads what it logs would otherwise block the
one thread of the server with the first line that has no room, and with it every request.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections.abc import Iterator
from typing import Final, TextIO

KEPT: Final = 10_000
"""The number of lines that wait for the reader. Newer ones are dropped, and counted."""

GATHER_SECONDS: Final = 0.02
"""The seconds in which lines are gathered. Waking the thread for each line costs more than the line does."""

FLUSH_SECONDS: Final = 1.0
"""The seconds in which the last lines are written when the process ends."""


class PipedLog(logging.Handler):
    """A handler that lets a thread of its own write the lines."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._stream = sys.stderr if stream is None else stream
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._dropped = 0
        self._ending = threading.Event()
        # A daemon, because it may wait for a reader forever.
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over a line, or drop it if nothing has been read for long."""
        if self._lines.qsize() < KEPT:
            self._lines.put(self.format(record))
        else:
            self._dropped += 1

    def flush(self) -> None:
        """Wait until the lines are written, at most for `FLUSH_SECONDS`."""
        self._ending.set()
        self._lines.put(None)
        self._writer.join(FLUSH_SECONDS)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            self._ending.wait(GATHER_SECONDS)
            lines = [line, *self._rest()]
            dropped, self._dropped = self._dropped, 0
            if dropped:
                lines.append(f"{dropped} lines were dropped, because the standard error was not read")
            try:
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()
            except (OSError, ValueError):
                # The reader has closed the pipe. The mock works without its log.
                return

    def _rest(self) -> Iterator[str]:
        """Take the lines that have come meanwhile. The end stays in the queue."""
        while not self._lines.empty():
            line = self._lines.get()
            if line is None:
                self._lines.put(None)
                return
            yield line
