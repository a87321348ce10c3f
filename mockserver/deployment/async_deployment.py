"""The twin of `MockDeployment` for async tests: the same methods as coroutines.

It calls the same code, which then gets a future in place of the result, and awaits the future.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from mockserver.deployment import loops
from mockserver.deployment.commands import EXPECTED, Commands, without_frames
from mockserver.deployment.words import METHODS
from mockserver.words import unknown

P = ParamSpec("P")
T = TypeVar("T")

# Hides the frames of this module in the tracebacks of pytest, which then show the line of the test.
__tracebackhide__ = True


class _Deferred(Commands):
    """The same deployment, whose methods return futures in place of results."""

    def __init__(self, deployment: Commands) -> None:
        # Shared, and not copied: it is the same deployment.
        self.__dict__ = deployment.__dict__

    def _check_caller(self, name: str) -> None:
        """Allow every caller: nothing blocks."""

    def _result(self, future: Future[T]) -> T:
        return cast(T, future)


def _awaited(
    method: Callable[Concatenate[Commands, P], T],
) -> Callable[Concatenate[AsyncDeployment, P], Coroutine[Any, Any, T]]:
    """Return a method of `MockDeployment` as a coroutine of `AsyncDeployment`."""

    async def act(self: AsyncDeployment, /, *args: P.args, **named: P.kwargs) -> T:
        found = method(_Deferred(self.deployment), *args, **named)
        if not isinstance(found, Future):
            # A stopped deployment has its log without its loop.
            return found
        try:
            return cast(T, await loops.awaited(found))
        except EXPECTED as error:
            raise without_frames(error) from None
        except asyncio.CancelledError as error:
            # A time-out around the wait, such as `asyncio.wait_for`, would lose the reason. The traceback shows a note.
            if method.__name__.startswith("wait"):
                error.add_note(self.deployment._situation(method.__name__))
            raise

    # The name that Python warns with where a coroutine is not awaited.
    act.__name__, act.__qualname__ = method.__name__, f"MockDeployment.aio.{method.__name__}"

    @functools.wraps(method)
    def call(self: AsyncDeployment, /, *args: P.args, **named: P.kwargs) -> Coroutine[Any, Any, T]:
        coroutine = act(self, *args, **named)
        if self.deployment.is_shared:
            self.deployment.created.note(method.__name__, coroutine)
        return coroutine

    return call


def no_method(name: str) -> str:
    """Return the text that refuses a name that is neither a method nor a property."""
    known = [one for one in ("start", "stop", *dir(Commands)) if not one.startswith("_")]
    return unknown("method", name, known, meant=METHODS, plural="methods and properties")


class AsyncDeployment:
    """The methods of `MockDeployment` as coroutines, for async tests under asyncio, trio and anyio."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Raise AttributeError with the nearest right name."""
            if isinstance(inspect.getattr_static(Commands, name, None), property):
                raise AttributeError(f"`aio` has the methods only, and `{name}` is no method. Write mock.{name}")
            raise AttributeError(no_method(name))

    def __init__(self, deployment: Commands) -> None:
        self.deployment = deployment

    async def start(self) -> None:
        """Start the deployment and return once it accepts connections. Raises OSError if it cannot be bound."""
        started = self.deployment._begin()
        try:
            self.deployment._url = await loops.awaited(started)
        except BaseException:
            self.deployment._server.end()
            self.deployment._server.join()
            raise

    async def stop(self) -> None:
        """Stop the deployment. Open responses are cut off. Raises `UsageError` for the deployment of the fixtures."""
        self.deployment._check_owned("stop it")
        server = self.deployment._server
        if server.end():
            await loops.awaited(server.stopped)
            server.join()

    load_script = _awaited(Commands.load_script)
    hold = _awaited(Commands.hold)
    release = _awaited(Commands.release)
    set_time = _awaited(Commands.set_time)
    advance = _awaited(Commands.advance)
    defect_on = _awaited(Commands.defect_on)
    defect_off = _awaited(Commands.defect_off)
    fault = _awaited(Commands.fault)
    reset = _awaited(Commands.reset)
    threads = _awaited(Commands.threads)
    runs = _awaited(Commands.runs)
    state = _awaited(Commands.state)
    checkpoints = _awaited(Commands.checkpoints)
    journal = _awaited(Commands.journal)
    held = _awaited(Commands.held)
    conduct = _awaited(Commands.conduct)
    assert_requested = _awaited(Commands.assert_requested)
    assert_not_requested = _awaited(Commands.assert_not_requested)
    assert_requested_in_order = _awaited(Commands.assert_requested_in_order)
    log = _awaited(Commands.log)
    wait_for_request = _awaited(Commands.wait_for_request)
    wait_for_status = _awaited(Commands.wait_for_status)
    wait_until_held = _awaited(Commands.wait_until_held)
    wait_until_quiet = _awaited(Commands.wait_until_quiet)
