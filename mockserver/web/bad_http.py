"""One line in the log for a request that is not HTTP, where aiohttp writes a traceback."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError

SERVER_LOG: Final = logging.getLogger("mockserver.http")
"""The log of aiohttp's server. A fault of the mock keeps its traceback."""


def _shorten(record: logging.LogRecord) -> bool:
    """Replace the traceback of a request that could not be parsed by the reason, in one line."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        reason = " ".join(error.message.split())
        record.msg, record.args = "%s: not a request: %s", (record.getMessage(), reason[:200])
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.exc_info = None
    return True


SERVER_LOG.addFilter(_shorten)
