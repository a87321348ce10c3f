"""An event loop on which waiting takes no time: when nobody has anything to do, it goes on to the next timer at once.

The suite and a mock deployment, both on one such loop, play a scenario as fast as the machine can, and no deadline is
ever missed because the machine is busy: time passes only while everybody waits. That must be known for certain, and
what is sent over TCP is under way for a while in which nobody seems to have anything to do. So servers on this loop
are reached through Unix sockets, where what was sent has arrived.
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
    """Waits for no timer: it lets the time pass that the timer is away, unless a connection is being made."""

    now = 0.0
    connecting = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found: list[tuple[selectors.SelectorKey, int]]
        if timeout is None or self.connecting:
            found = super().select(timeout)
            return found
        found = super().select(0)
        if not found and timeout > 0:
            self.now += timeout
        return found


class TimelessLoop(asyncio.SelectorEventLoop):
    """A selector loop with a time of its own, which begins at nought."""

    def __init__(self) -> None:
        self._timer = _Selector()
        super().__init__(self._timer)
        self._folder = tempfile.mkdtemp(prefix="timeless-")
        self._paths: dict[int, str] = {}
        """The Unix socket of each server, by its port."""
        self._bound_for: WeakKeyDictionary[socket.socket, int] = WeakKeyDictionary()
        """The ports of our own servers that sockets are to be connected to."""

    def time(self) -> float:
        """Seconds that were waited for on this loop."""
        return self._timer.now

    def close(self) -> None:
        """Close the loop, and leave no file behind."""
        super().close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def create_server(self, protocol_factory: Any, *place: Any, **options: Any) -> asyncio.Server:
        """A server on its port, and on a Unix socket that stands for it."""
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
        """A connection, through the Unix socket where there is one."""
        sock = options.get("sock")
        port = self._bound_for.get(sock) if sock is not None else (place[1] if len(place) > 1 else options.get("port"))
        if port not in self._paths:
            return await super().create_connection(protocol_factory, *place, **options)
        if sock is not None:
            sock.close()
        return await self.create_unix_connection(protocol_factory, self._paths[port])

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """Connect, unless to a server of ours: how long that takes over TCP is not the same every time."""
        if address[1] in self._paths:
            self._bound_for[sock] = address[1]
            return
        # Meanwhile no time passes that was not waited for.
        self._timer.connecting += 1
        try:
            await super().sock_connect(sock, address)
        finally:
            self._timer.connecting -= 1

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Call a function here and now: a thread would be under way while nobody seems to have anything to do."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever awaits it is to have it
            done.set_exception(error)
        return done


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, on a timeless loop."""
    with asyncio.Runner(loop_factory=TimelessLoop) as runner:
        return runner.run(work)
