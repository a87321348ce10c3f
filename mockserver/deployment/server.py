"""The thread in which a deployment runs, with an event loop of its own.

The server thereby serves synchronous code and any event loop alike. The engine has no locks, because only this one
thread touches it: every command is a coroutine that is sent to its loop.
"""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from aiohttp import web

from mockserver.app import listening
from mockserver.deployment import loops
from mockserver.deployment.log import Log
from mockserver.web import exhaustion

T = TypeVar("T")

# Hides the frames of this module in the tracebacks of pytest, which then show the line of the test.
__tracebackhide__ = True


class ServerThread:
    """A thread that serves an application at an address, from `begin` until `end`."""

    def __init__(self, app: web.Application, host: str, port: int) -> None:
        self._app = app
        self._address = (host, port)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self.stopped: Future[None] = Future()
        """Has a result once the thread is about to end."""
        self.log = Log()
        """The warnings of the thread."""

    @property
    def is_running(self) -> bool:
        """True from the moment at which the loop runs until `end`."""
        return self._loop is not None

    def begin(self) -> Future[str]:
        """Start the thread, and return the future of the URL. Raises RuntimeError if it was started before."""
        if self._thread is not None:
            raise RuntimeError("a mock deployment starts once; create another MockDeployment, or call reset()")
        started: Future[str] = Future()
        # A daemon thread: a test that fails to call stop() does not keep the interpreter from exiting.
        self._thread = threading.Thread(target=self._run, args=(started,), name="mockserver", daemon=True)
        self.log.attach(self._thread)
        self._thread.start()
        return started

    def end(self) -> bool:
        """Let the thread end, and return whether it runs."""
        if self._loop is None or self._stop is None or self._thread is None:
            return False
        # asyncio.Event is not thread-safe, so it is set inside the loop.
        self._loop.call_soon_threadsafe(self._stop.set)
        # Later calls raise RuntimeError instead of waiting forever for a loop that no longer runs.
        self._loop = None
        return True

    def join(self) -> None:
        """Wait for the end of the thread, which has failed or was ended."""
        assert self._thread is not None  # every caller has started it
        self._thread.join()
        self.log.detach()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine in the loop. Raises RuntimeError if the thread does not run."""
        if self._loop is None:
            # A coroutine that is never awaited warns, and the warning would hide the error below.
            work.close()
            raise RuntimeError(
                "the mock deployment is not started, or was stopped: use it in `with`, or between start() and stop()"
            )
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _run(self, started: Future[str]) -> None:
        try:
            with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
                runner.run(self._serve(started))
        finally:
            self.stopped.set_result(None)

    async def _serve(self, started: Future[str]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        exhaustion.report_once(self._loop)
        try:
            async with listening(self._app, *self._address) as url:
                started.set_result(url)
                await self._stop.wait()
        except Exception as error:
            # Only a failed start belongs to start(). Once it has returned, an error is a bug of the server.
            if started.done():
                raise
            self._loop = None
            started.set_exception(self._explained(error))

    def _explained(self, error: Exception) -> Exception:
        """Return the error of a failed start with what to do, if it is one of the address."""
        host, port = self._address
        if not isinstance(error, OSError):
            return error
        if error.errno == errno.EADDRINUSE:
            return OSError(error.errno, f"port {port} of {host} is in use. Leave `port` out, which takes a free one")
        return OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}. Check `host` and `port`")
