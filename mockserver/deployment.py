"""A mock deployment inside of a test: started, steered and read from Python, with pytest or without.

It runs in a thread of its own, so it serves synchronous code and any event loop alike.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, Unpack

from mockserver.agent.gates import Held
from mockserver.app import create_app, listening
from mockserver.control import routes
from mockserver.control.client_checks import Finding
from mockserver.control.controller import DEADLINE, Controller, Mode, clock_of
from mockserver.script.load import load, read_script
from mockserver.script.types import Script
from mockserver.settings import DEFAULTS, Beginning, Settings, refuse_unknown
from mockserver.web import exhaustion
from mockserver.web.journal import JournalEntry

if TYPE_CHECKING:
    from mockserver.defects import Defect
    from mockserver.web.faults import Fault

T = TypeVar("T")
LOG_LINES: Final = 500
"""Warnings that are kept."""


class MockDeployment:
    """A mock deployment for `with` and `async with`; `url` is where it listens.

    `time` is `instant` (delays take none, in the order of real time), `real` with a `scale`, or `hand`, for `advance`.
    The other arguments are `Settings`. Everything that waits gives up after `deadline` real seconds.
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
        self.deadline = deadline
        self.aio = AsyncWaits(self)
        """The methods that wait, as coroutines: in an async test the others would stop its own event loop."""
        self._app = create_app(clock=clock_of(time, scale), **settings)
        self._address = (host, port)
        self._url = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._log = _Log()

    @property
    def url(self) -> str:
        """Where it listens. Raises RuntimeError before it is started."""
        if not self._url:
            raise RuntimeError("the mock deployment is not started: use it in `with` or `async with`, or call start()")
        return self._url

    def start(self) -> Self:
        """Start it, and return it when it listens. Raises OSError when it cannot."""
        started: Future[str] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="mockserver", daemon=True
        )
        self._thread.start()
        try:
            self._url = started.result()
        except BaseException:
            self._thread.join()
            raise
        self._log.attach(self._thread)
        return self

    def stop(self) -> None:
        """Stop it; every open answer is cut off."""
        if self._loop is not None and self._stop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            self._log.detach()
        self._loop = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    # What a test does to it.

    def load_script(self, script: Script | Path | str, *, thread_id: str | None = None) -> None:
        """Play another script, on one thread or everywhere; turns under way come to their end. Raises `ScriptError`."""
        read = read_script(script)
        self._do(lambda controller: controller.load_script(read or load(), thread_id))

    def hold(self, point: str, *, thread_id: str | None = None) -> None:
        """Hold every run that comes to a point from now on: `tools:1/enter`, `agent:2/token`, `agent:1/exit`."""
        self._do(lambda controller: controller.hold(point, thread_id))

    def release(self, point: str | None = None, *, thread_id: str | None = None) -> int:
        """Let runs go that are held, and hold no more, at a point or at all; returns how many went."""
        return self._do(lambda controller: controller.release(point, thread_id))

    def set_time(self, mode: Mode, *, scale: float = 1.0, thread_id: str | None = None) -> None:
        """Let time pass in another way, on one thread or everywhere."""
        self._do(lambda controller: controller.set_time(mode, scale, thread_id))

    def advance(self, seconds: float, *, thread_id: str | None = None) -> float:
        """Let seconds of scripted time pass; returns what time it is then."""
        return self._wait(lambda controller: controller.advance(seconds, thread_id))

    def defect_on(self, name: str | Defect, *, thread_id: str | None = None, times: int | None = None) -> None:
        """Get something wrong from now on, or the next few times. Raises `UnknownDefectError`."""
        self._do(
            lambda controller: routes.switches(self._app).on(
                name, controller.thread(thread_id) if thread_id else None, times
            )
        )

    def defect_off(self, name: str | None = None) -> None:
        """Do it right again: this, or all that was switched on everywhere."""
        self._do(lambda _: routes.switches(self._app).off(name) if name else routes.switches(self._app).clear())

    def fault(self, fault: str | Fault, *, thread_id: str | None = None) -> None:
        """Let the network do something wrong (`cut@2`). Raises `BadFaultError`."""
        from mockserver.web.faults import spelled

        made = spelled(fault) if isinstance(fault, str) else fault
        self._do(lambda _: self._app[routes.FAULTS].set(made, thread_id))

    def reset(self, *, time: Mode = "instant", scale: float = 1.0, **settings: Unpack[Beginning]) -> None:
        """Make it as new: no threads, no journal, no defects, no faults but those of `settings`."""
        refuse_unknown(settings, Beginning)
        chosen: Settings = {**DEFAULTS, **settings}
        read, clock = read_script(chosen["script"]) or load(), clock_of(time, scale)
        self._wait(lambda _: routes.reset(self._app, script=read, clock=clock, seed=chosen["seed"]))
        self._log.clear()
        for defect in chosen["defects"]:
            self.defect_on(defect)
        for fault in chosen["faults"]:
            self.fault(fault)

    # What a test reads.

    def threads(self) -> list[dict[str, Any]]:
        """Every thread, as the API shows it, oldest first."""
        return self._do(lambda controller: controller.threads())

    def runs(self, thread_id: str) -> list[dict[str, Any]]:
        """Every run of a thread, as the API shows it, oldest first."""
        return self._do(lambda controller: controller.runs(thread_id))

    def state(self, thread_id: str) -> dict[str, Any]:
        """The state of a thread, as the API shows it."""
        return self._do(lambda controller: controller.state(thread_id))

    def checkpoints(self, thread_id: str) -> list[dict[str, Any]]:
        """Every checkpoint of a thread, as the API shows it, oldest first."""
        return self._do(lambda controller: controller.checkpoints(thread_id))

    def journal(self) -> list[JournalEntry]:
        """Every request that came, in order."""
        return self._do(lambda controller: list(controller.journal))

    def held(self) -> list[Held]:
        """The runs that are held."""
        return self._do(lambda controller: controller.engine.gates.held())

    def conduct(self, *, strategy: str | None = None, without: Sequence[str] = ()) -> list[Finding]:
        """What the application did that it should not have; `strategy` is the one that it is configured with."""
        return self._do(lambda controller: controller.conduct(strategy, without))

    def assert_requested(
        self, method: str = "*", path: str = "*", *, times: int | None = None, **wanted: Any
    ) -> JournalEntry:
        """Assert that such a request came (`times`: so often), and return the last; a failure shows the nearest."""
        __tracebackhide__ = True  # pytest then shows the line of the test
        found = self._do(lambda controller: controller.requests(method, path, wanted))
        if not found:
            raise AssertionError(self._do(lambda controller: controller.nearest(method, path, wanted)))
        if times is not None and len(found) != times:
            lines = "\n".join(f"  {entry.line()}" for entry in found)
            raise AssertionError(f"{len(found)} requests like this came, and not {times}:\n{lines}")
        return found[-1]

    def log(self) -> str:
        """What it did, in lines for people: the requests and answers, and its warnings."""
        return "\n".join([*(entry.line() for entry in self.journal()), *self._log.lines])

    # What a test waits for; in an async test, `await deployment.aio.…`.

    def wait_for_request(self, method: str = "*", path: str = "*", **wanted: Any) -> JournalEntry:
        """Return the first such request as soon as it came. Raises `DeadlineError`, which shows the nearest."""
        return self._wait(lambda controller: controller.wait_for_request(method, path, wanted, deadline=self.deadline))

    def wait_for_status(self, status: str, thread_id: str, run_id: str | None = None) -> None:
        """Return as soon as a run, or without one the thread, has this status. Raises `DeadlineError`."""
        self._wait(lambda controller: controller.wait_for_status(status, thread_id, run_id, deadline=self.deadline))

    def wait_until_held(self, point: str, *, thread_id: str | None = None) -> Held:
        """Return as soon as a run is held at a point. Raises `DeadlineError`."""
        return self._wait(lambda controller: controller.wait_until_held(point, thread_id, deadline=self.deadline))

    def wait_until_quiet(self) -> None:
        """Return as soon as no run is in flight. Raises `DeadlineError`."""
        self._wait(lambda controller: controller.wait_until_quiet(deadline=self.deadline))

    async def _serve(self, started: Future[str]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        exhaustion.report_once(self._loop)
        try:
            async with listening(self._app, *self._address) as url:
                started.set_result(url)
                await self._stop.wait()
        except OSError as error:
            if started.done():
                raise
            started.set_exception(error)

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Let something run in the deployment's event loop."""
        if self._loop is None:
            work.close()
            raise RuntimeError("the mock deployment is not started, or was stopped")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def controller(self) -> Controller:
        """The controls, for use inside the deployment's event loop only."""
        return self._app[routes.CONTROLLER]

    def _do(self, action: Callable[[Controller], T]) -> T:
        async def act() -> T:
            return action(self.controller)

        return self.submit(act()).result()

    def _wait(self, action: Callable[[Controller], Coroutine[Any, Any, T]]) -> T:
        return self.submit(action(self.controller)).result()


class AsyncWaits:
    """What a test waits for, as coroutines."""

    def __init__(self, deployment: MockDeployment) -> None:
        self._deployment = deployment

    async def wait_for_request(self, method: str = "*", path: str = "*", **wanted: Any) -> JournalEntry:
        """Return the first such request as soon as it came. Raises `DeadlineError`, which shows the nearest."""
        controller, deadline = self._deployment.controller, self._deployment.deadline
        return await self._run(controller.wait_for_request(method, path, wanted, deadline=deadline))

    async def wait_for_status(self, status: str, thread_id: str, run_id: str | None = None) -> None:
        """Return as soon as a run, or without one the thread, has this status. Raises `DeadlineError`."""
        controller, deadline = self._deployment.controller, self._deployment.deadline
        await self._run(controller.wait_for_status(status, thread_id, run_id, deadline=deadline))

    async def wait_until_held(self, point: str, *, thread_id: str | None = None) -> Held:
        """Return as soon as a run is held at a point. Raises `DeadlineError`."""
        controller, deadline = self._deployment.controller, self._deployment.deadline
        return await self._run(controller.wait_until_held(point, thread_id, deadline=deadline))

    async def wait_until_quiet(self) -> None:
        """Return as soon as no run is in flight. Raises `DeadlineError`."""
        await self._run(self._deployment.controller.wait_until_quiet(deadline=self._deployment.deadline))

    async def advance(self, seconds: float, *, thread_id: str | None = None) -> float:
        """Let seconds of scripted time pass; returns what time it is then."""
        return await self._run(self._deployment.controller.advance(seconds, thread_id))

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        waiting: Awaitable[T] = asyncio.wrap_future(self._deployment.submit(work))
        return await waiting


class _Log(logging.Handler):
    """The warnings of one deployment; others in the same process have threads of their own."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self.lines: deque[str] = deque(maxlen=LOG_LINES)
        self._of: int | None = None

    def attach(self, thread: threading.Thread) -> None:
        self._of = thread.ident
        logging.getLogger("mockserver").addHandler(self)

    def detach(self) -> None:
        logging.getLogger("mockserver").removeHandler(self)

    def clear(self) -> None:
        self.lines.clear()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._of:
            self.lines.append(self.format(record))
