"""One line in the log for what a client does to its connection, where aiohttp writes a traceback.

A client may send something that is not HTTP, or disconnect before it has the whole answer. Neither is a fault of the
mock, and a test that makes a client disconnect would otherwise fill the log with it.
"""

from __future__ import annotations

import logging
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError

SERVER_LOG: Final = logging.getLogger("mockserver.http")
"""The log of aiohttp's server. A fault of the mock keeps its traceback."""


def _shorten(record: logging.LogRecord) -> bool:
    """Replace the traceback of what a client did by the reason, in one line. Return whether the line is logged."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        reason = " ".join(error.message.split())
        _replace(record, logging.WARNING, f"not a request: {reason[:200]}")
    elif isinstance(error, ConnectionError):
        # `error_responses` passes on no other error of a connection. The mock's own connections have other handlers.
        _replace(record, logging.INFO, "the client disconnected before the end of the answer")
    return SERVER_LOG.isEnabledFor(record.levelno)


def _replace(record: logging.LogRecord, level: int, reason: str) -> None:
    record.msg, record.args = "%s: %s", (record.getMessage(), reason)
    record.levelno, record.levelname = level, logging.getLevelName(level)
    record.exc_info = None


SERVER_LOG.addFilter(_shorten)
