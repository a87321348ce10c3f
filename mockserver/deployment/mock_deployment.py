"""`MockDeployment`, a mock deployment inside a test process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self, Unpack

from mockserver.app import create_app
from mockserver.arguments import explained_methods
from mockserver.control.controller import DEADLINE, Mode, check_deadline, clock_of
from mockserver.control.errors import UsageError
from mockserver.deployment.async_deployment import AsyncDeployment, no_method
from mockserver.deployment.commands import Commands
from mockserver.deployment.server import ServerThread
from mockserver.deployment.words import ARGUMENTS
from mockserver.settings import MEANT as SETTINGS_MEANT
from mockserver.settings import Settings
from mockserver.words import quoted

# Hides the frames of this module in the tracebacks of pytest, which then show the line of the test.
__tracebackhide__ = True

MAX_PORT: Final = 65535

SETTERS: Final = {
    "time": "set_time(MODE)",
    "scale": 'set_time("real", scale=NUMBER)',
    "script": "load_script(SCRIPT)",
    "defects": "defect_on(NAME)",
    "faults": "fault(FAULT)",
    "seed": "reset(seed=NUMBER)",
    "strict": "reset(strict=True)",
    "graph": "reset(graph=NAME)",
}
"""The settings that a test may try to assign, with the method that changes each."""


class MockDeployment(Commands):
    """A mock deployment, to be used in `with` or `async with`. `url` is its base URL.

    `time` selects the clock for scripted delays: `instant` skips every delay and keeps the order of events, `real`
    waits, with every delay multiplied by `scale`, and `hand` is paused until `advance` is called. The other keyword
    arguments are those of `Settings`. Every method that waits raises `DeadlineError` after `deadline` real seconds, or
    after those given to it.

    Raises `UsageError`, which is a ValueError, for a value that a setting does not have, and TypeError for a setting
    that does not exist.
    """

    def __init__(
        self,
        *,
        time: Mode = "instant",
        scale: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        deadline: float = DEADLINE,
        **settings: Unpack[Settings],
    ) -> None:
        check_deadline(deadline)
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= MAX_PORT:
            raise UsageError(f"the port is {quoted(port)}. Give a number from 0, which takes a free one, to {MAX_PORT}")
        if not isinstance(host, str) or "/" in host:
            raise UsageError(f"the host is {quoted(host)}. Give a name or an address, without a scheme")
        app = create_app(clock=clock_of(time, scale), **settings)
        super().__init__(app, ServerThread(app, host, port), deadline)
        self.aio = AsyncDeployment(self)
        """The same methods as coroutines, for async tests: under asyncio, trio, and anyio on either."""

    if not TYPE_CHECKING:
        # Not for mypy, which would accept every name. pytest does not show the suggestions of the interpreter.
        def __getattr__(self, name: str) -> Any:
            """Raise AttributeError with the nearest right name."""
            raise AttributeError(no_method(name))

        def __setattr__(self, name: str, value: Any) -> None:
            """Set an attribute. Raises AttributeError for one that has no effect, and `UsageError` for its value."""
            if name in SETTERS:
                raise AttributeError(f"`{name}` of a deployment cannot be set. Call {SETTERS[name]}")
            if name == "deadline":
                check_deadline(value)
            super().__setattr__(name, value)

    def start(self) -> Self:
        """Start the deployment and return it once it accepts connections. Raises OSError if it cannot be bound."""
        started = self._begin()
        try:
            self._url = started.result()
        except BaseException:
            # The thread has failed and is about to end. Joined, it does not outlive the failed start.
            self._server.join()
            raise
        return self

    def stop(self) -> None:
        """Stop the deployment. Open responses are cut off. Raises `UsageError` for the deployment of the fixtures."""
        self._check_owned("stop it")
        if self._server.end():
            self._server.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await self.aio.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aio.stop()


explained_methods(MockDeployment, {**SETTINGS_MEANT, **ARGUMENTS}, {"__init__": Settings.__annotations__}, {})
