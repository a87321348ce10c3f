"""One line in the log, where asyncio writes a traceback for each connection that it cannot accept.

When a process has no file descriptors left, asyncio (up to Python 3.14) tries to accept a hundred connections in a row
and reports each failure, again every second: ten thousand tracebacks in five seconds, on a disk that may be full soon.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from typing import Any, Final

try:
    import resource
except ImportError:  # Windows has no such limits, and no use for this module but the one line.
    resource = None  # type: ignore[assignment]

AGAIN_AFTER: Final = 60.0
"""Seconds after which a server that still cannot accept connections reports it again."""

FILES: Final = 65_536
"""The most files that are requested. Some systems have no limit, and one address has no more connections than this."""

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log: Final = logging.getLogger("mockserver")


def report_once(loop: asyncio.AbstractEventLoop) -> None:
    """Let an event loop report a connection that it could not accept in one line, and once a minute."""
    last = float("-inf")

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal last
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _EXHAUSTED:
            loop.default_exception_handler(context)
        elif loop.time() - last >= AGAIN_AFTER:
            last = loop.time()
            limit = "" if resource is None else f" ({resource.getrlimit(resource.RLIMIT_NOFILE)[0]})"
            _log.error("cannot accept connections: %s; close clients, or raise `ulimit -n`%s", error.strerror, limit)

    loop.set_exception_handler(handle)


def raise_limit() -> None:
    """Allow this process as many open files as the system lets it have, up to `FILES`."""
    if resource is not None:
        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, min(most, FILES)), most))
