"""The log of the command `doubletext mock`, which no reader of its standard error can stop.

A pipe has room for about 64 KiB. A program that starts the mock and never reads what it logs would otherwise block the
one thread of the server with the first line that has no room, and with it every request.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
from typing import Final, TextIO

KEPT: Final = 10_000
"""The number of lines that wait for the reader. Newer ones are dropped, and counted."""

FLUSH_SECONDS: Final = 1.0
"""The seconds in which the last lines are written when the process ends."""


class PipedLog(logging.Handler):
    """A handler that lets a thread of its own write the lines."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._stream = sys.stderr if stream is None else stream
        self._lines: queue.Queue[str | None] = queue.Queue(KEPT)
        self._dropped = 0
        # A daemon, because it may wait for a reader forever.
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over a line, or drop it if nothing has been read for long."""
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        """Wait until the lines are written, at most for `FLUSH_SECONDS`."""
        try:
            self._lines.put(None, timeout=FLUSH_SECONDS)
        except queue.Full:
            return
        self._writer.join(FLUSH_SECONDS)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            more = f"\n{dropped} lines were dropped, because the standard error was not read" if dropped else ""
            try:
                self._stream.write(f"{line}{more}\n")
                self._stream.flush()
            except (OSError, ValueError):
                # The reader has closed the pipe. The mock works without its log.
                return
