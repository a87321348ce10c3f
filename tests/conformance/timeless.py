"""An event loop on which waiting takes no time: when no callback is ready, its clock jumps to the next timer.

The suite and a mock deployment, both on one such loop, play a scenario as fast as the machine can. A busy machine makes
no deadline pass, because time passes only while every task waits.

The loop has to be certain that every task waits. Data that is sent over TCP travels for a while, during which no socket
is readable and the loop would wrongly let time pass. So connections to servers on this loop go through Unix sockets, on
which data is readable as soon as it was sent.
"""

from __future__ import annotations

import asyncio
import selectors
import shutil
import socket
import tempfile
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """A selector that advances the clock to the next timer instead of waiting, unless a connection is being made."""

    now = 0.0
    connecting = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found: list[tuple[selectors.SelectorKey, int]]
        # Without a timer, only a socket, such as that of another process, can wake the loop.
        if timeout is None or self.connecting:
            found = super().select(timeout)
            return found
        found = super().select(0)
        if not found and timeout > 0:
            self.now += timeout
        return found


class TimelessLoop(asyncio.SelectorEventLoop):
    """A selector loop with its own clock, which starts at 0."""

    def __init__(self) -> None:
        self._timer = _Selector()
        super().__init__(self._timer)
        self._folder = tempfile.mkdtemp(prefix="timeless-")
        self._paths: dict[int, str] = {}
        """The Unix socket of each server, by its port."""
        self._bound_for: WeakKeyDictionary[socket.socket, int] = WeakKeyDictionary()
        """The port of a server on this loop to which each socket is to be connected."""

    def time(self) -> float:
        """Return the seconds that passed on this loop."""
        return self._timer.now

    def close(self) -> None:
        """Close the loop and delete the Unix sockets."""
        super().close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def create_server(self, protocol_factory: Any, *place: Any, **options: Any) -> asyncio.Server:
        """Create a server on its port, and on a Unix socket for connections from this loop."""
        server = await super().create_server(protocol_factory, *place, **options)
        port = server.sockets[0].getsockname()[1]
        self._paths[port] = f"{self._folder}/{port}"
        twin = await self.create_unix_server(protocol_factory, self._paths[port])
        close = server.close

        def close_both() -> None:
            self._paths.pop(port, None)
            twin.close()
            close()

        server.close = close_both  # type: ignore[method-assign]
        return server

    async def create_connection(self, protocol_factory: Any, *place: Any, **options: Any) -> Any:
        """Connect, through the Unix socket if the server is on this loop."""
        # aiohttp passes a socket that `sock_connect` has connected before. Other clients pass host and port.
        sock = options.get("sock")
        port = self._bound_for.get(sock) if sock is not None else (place[1] if len(place) > 1 else options.get("port"))
        if port not in self._paths:
            return await super().create_connection(protocol_factory, *place, **options)
        if sock is not None:
            sock.close()
        return await self.create_unix_connection(protocol_factory, self._paths[port])

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """Connect a socket, or only note the port if the server is on this loop: the time of TCP varies."""
        if address[1] in self._paths:
            self._bound_for[sock] = address[1]
            return
        # Until the connection is made, the selector has to wait for real: the clock must not jump ahead of it.
        self._timer.connecting += 1
        try:
            await super().sock_connect(sock, address)
        finally:
            self._timer.connecting -= 1

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Call a function at once: while a thread works, every task seems to wait, and time would pass."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - the task that awaits the future gets it
            done.set_exception(error)
        return done


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`, run on a timeless loop."""
    with asyncio.Runner(loop_factory=TimelessLoop) as runner:
        return runner.run(work)
