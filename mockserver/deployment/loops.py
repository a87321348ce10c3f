"""The event loops of a deployment and of the tests that use it: real time, blocking, and awaiting from another thread.

A test may freeze time (freezegun replaces `time.monotonic`, from which every loop of asyncio reads its time). The loop
of the deployment reads the clock of the machine, so that deadlines pass and delays in real time end.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import Future
from typing import Any, TypeVar

from mockserver.core.clock import real_seconds

T = TypeVar("T")

# Hides the frames of this module in the tracebacks of pytest.
__tracebackhide__ = True


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop whose time a test cannot freeze."""
    loop = asyncio.new_event_loop()
    # Every timer of asyncio and aiohttp asks the loop. There is no other way to give it a clock.
    loop.time = real_seconds  # type: ignore[method-assign]
    return loop


def blocked_by_caller() -> str | None:
    """Return the library whose running task calls this function, which would block its event loop by waiting."""
    trio: Any = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return "trio"
    try:
        # A task and not only a loop: the synchronous API of Playwright runs a test beside a loop that waits for it.
        return "asyncio" if asyncio.current_task() is not None else None
    except RuntimeError:
        return None


async def awaited(future: Future[T]) -> T:
    """Return the result of a future of another thread, under asyncio or trio and therefore under anyio."""
    if blocked_by_caller() == "trio":
        return await _awaited_by_trio(future)
    return await asyncio.wrap_future(future)


async def _awaited_by_trio(future: Future[T]) -> T:
    import trio  # type: ignore[import-not-found,unused-ignore]

    done, token = trio.Event(), trio.lowlevel.current_trio_token()

    def wake(_: object) -> None:
        try:
            token.run_sync_soon(done.set)
        except trio.RunFinishedError:
            # The test has ended meanwhile, so that nothing waits any longer.
            return

    future.add_done_callback(wake)
    try:
        await done.wait()
    finally:
        # Has no effect on a future that is done.
        future.cancel()
    return future.result()
