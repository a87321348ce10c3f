"""The warnings of one deployment among those of others in the same process."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Final

LOG_LINES: Final = 500
"""The number of warnings that are kept. Older ones are dropped."""


class Log(logging.Handler):
    """The warnings of one deployment.

    Deployments in one process share the logger `mockserver`. Each runs in its own thread, which identifies its records.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self.lines: deque[str] = deque(maxlen=LOG_LINES)
        self._of: threading.Thread | None = None

    def attach(self, thread: threading.Thread) -> None:
        """Collect the warnings of a thread from now on."""
        self._of = thread
        logging.getLogger("mockserver").addHandler(self)

    def detach(self) -> None:
        """Collect no more warnings, and keep those that there are."""
        logging.getLogger("mockserver").removeHandler(self)

    def clear(self) -> None:
        """Drop all warnings."""
        self.lines.clear()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning of the deployment's thread."""
        if self._of is not None and record.thread == self._of.ident:
            self.lines.append(self.format(record))
