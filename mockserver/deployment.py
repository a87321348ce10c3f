"""A mock deployment inside a test process, controlled and inspected from Python, with or without pytest.

The deployment runs an event loop in a thread of its own, so that it serves synchronous code and any event loop alike.
Every method of `MockDeployment` sends its work to that loop and waits for the result: the engine has no locks, because
only that one thread touches it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, Unpack

from mockserver.agent.gates import Held
from mockserver.app import create_app, listening
from mockserver.control import routes
from mockserver.control.client_checks import Finding
from mockserver.control.controller import DEADLINE, Controller, Mode, clock_of
from mockserver.script.sources import Sources, read_graphs, read_scripts
from mockserver.settings import DEFAULTS, ResetSettings, Settings, reject_unknown
from mockserver.web import exhaustion
from mockserver.web.journal import JournalEntry

if TYPE_CHECKING:
    from mockserver.defects import Defect
    from mockserver.web.faults import Fault

T = TypeVar("T")
LOG_LINES: Final = 500
"""The number of warnings that are kept. Older ones are dropped."""


class MockDeployment:
    """A mock deployment, to be used in `with` or `async with`. `url` is its base URL.

    `time` selects the clock for scripted delays: `instant` skips every delay and keeps the order of events, `real`
    waits, with every delay multiplied by `scale`, and `hand` is paused until `advance` is called. The other keyword
    arguments are those of `Settings`. Every method that waits raises `DeadlineError` after `deadline` real seconds.
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
        """The waiting methods as coroutines. In an async test the synchronous ones would block its event loop."""
        self._app = create_app(clock=clock_of(time, scale), **settings)
        self._address = (host, port)
        self._url = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._log = _Log()

    @property
    def url(self) -> str:
        """The base URL. Raises RuntimeError before the deployment is started."""
        if not self._url:
            raise RuntimeError("the mock deployment is not started: use it in `with` or `async with`, or call start()")
        return self._url

    def start(self) -> Self:
        """Start the deployment and return it once it accepts connections. Raises OSError if it cannot be bound."""
        if self._thread is not None:
            raise RuntimeError("a mock deployment starts once; create another MockDeployment, or call reset()")
        started: Future[str] = Future()
        # A daemon thread: a test that fails to call stop() does not keep the interpreter from exiting.
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name="mockserver", daemon=True
        )
        self._thread.start()
        try:
            self._url = started.result()
        except BaseException:
            # The thread has failed and is about to end. Joined, it does not outlive the failed start.
            self._thread.join()
            raise
        self._log.attach(self._thread)
        return self

    def stop(self) -> None:
        """Stop the deployment. Open responses are cut off."""
        if self._loop is not None and self._stop is not None and self._thread is not None:
            # asyncio.Event is not thread-safe, so it is set inside the loop.
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            self._log.detach()
        # Later calls raise RuntimeError instead of waiting forever for a loop that no longer runs.
        self._loop = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        # start() and stop() block. The test's event loop may be reading responses, and must not stop meanwhile.
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    # Most methods take `thread_id`, so that tests can share one deployment without affecting each other.

    def load_script(self, script: Sources, *, thread_id: str | None = None) -> None:
        """Replace the script of a graph, on one thread or on all. Turns that have started finish with the previous one.

        `script` may be whatever the setting `script` accepts. Graphs with other names are kept, and on all threads
        new ones are added. A script without a name is for the default graph, or for the graph of the thread. Raises
        `ScriptError` for an invalid script, and `ControlError` for an unknown thread or a new graph on one thread.
        """
        unnamed = self._do(
            lambda controller: (
                controller.engine.threads.graphs.default if thread_id is None else controller.thread(thread_id).graph_id
            )
        )
        read = read_scripts(script, unnamed)
        self._do(lambda controller: controller.load_scripts(read, thread_id))

    def hold(self, point: str, *, thread_id: str | None = None) -> None:
        """Pause every run that reaches a point from now on: `tools:1/enter`, `agent:2/token`, `agent:1/exit`."""
        self._do(lambda controller: controller.hold(point, thread_id))

    def release(self, point: str | None = None, *, thread_id: str | None = None) -> int:
        """Resume the held runs and stop holding, at one point or at all, and return the number of resumed runs.

        Raises `ControlError` for a point that is not held.
        """
        return self._do(lambda controller: controller.release(point, thread_id))

    def set_time(self, mode: Mode, *, scale: float = 1.0, thread_id: str | None = None) -> None:
        """Change the clock for scripted delays, on one thread or on all."""
        self._do(lambda controller: controller.set_time(mode, scale, thread_id))

    def advance(self, seconds: float, *, thread_id: str | None = None) -> float:
        """Advance the clock by seconds and return the new time. Raises `ControlError` in mode `real`."""
        return self._wait(lambda controller: controller.advance(seconds, thread_id))

    def defect_on(self, name: str | Defect, *, thread_id: str | None = None, times: int | None = None) -> None:
        """Switch a defect on, permanently or for its next `times` occurrences. Raises `UnknownDefectError`."""
        self._do(
            lambda controller: routes.switches(self._app).on(
                name, controller.thread(thread_id) if thread_id else None, times
            )
        )

    def defect_off(self, name: str | None = None) -> None:
        """Switch off one defect or, without a name, all of them."""
        self._do(lambda _: routes.switches(self._app).off(name) if name else routes.switches(self._app).clear())

    def fault(self, fault: str | Fault, *, thread_id: str | None = None) -> None:
        """Set a network fault, such as `cut@2`, on one thread or on all. Raises `BadFaultError`."""
        from mockserver.web.faults import parse_fault

        parsed = parse_fault(fault) if isinstance(fault, str) else fault
        self._do(lambda _: self._app[routes.FAULTS].set(parsed, thread_id))

    def reset(self, *, time: Mode = "instant", scale: float = 1.0, **settings: Unpack[ResetSettings]) -> None:
        """Delete all threads, requests, holds, defects and faults, and apply `settings` as at the start."""
        reject_unknown(settings, ResetSettings)
        chosen: Settings = {**DEFAULTS, **settings}
        # Read before the reset, so that an invalid script leaves the deployment unchanged.
        graphs, clock = read_graphs(chosen["script"], chosen["graph"]), clock_of(time, scale)
        self._wait(lambda _: routes.reset(self._app, graphs=graphs, clock=clock, seed=chosen["seed"]))
        self._do(lambda controller: setattr(controller.journal, "strict", chosen["strict"]))
        self._log.clear()
        for defect in chosen["defects"]:
            self.defect_on(defect)
        for fault in chosen["faults"]:
            self.fault(fault)

    # The readers return records as the API shows them, but read the engine directly: they add no requests to the
    # journal, and no network fault affects them.

    def threads(self) -> list[dict[str, Any]]:
        """Return every thread in the form of the API, oldest first."""
        return self._do(lambda controller: controller.threads())

    def runs(self, thread_id: str) -> list[dict[str, Any]]:
        """Return every run of a thread in the form of the API, oldest first. Raises `ControlError`."""
        return self._do(lambda controller: controller.runs(thread_id))

    def state(self, thread_id: str) -> dict[str, Any]:
        """Return the state of a thread in the form of the API. Raises `ControlError`."""
        return self._do(lambda controller: controller.state(thread_id))

    def checkpoints(self, thread_id: str) -> list[dict[str, Any]]:
        """Return every checkpoint of a thread in the form of the API, oldest first. Raises `ControlError`."""
        return self._do(lambda controller: controller.checkpoints(thread_id))

    def journal(self) -> list[JournalEntry]:
        """Return the received requests, oldest first."""
        return self._do(lambda controller: list(controller.journal))

    def held(self) -> list[Held]:
        """Return the runs that are paused at a held point."""
        return self._do(lambda controller: controller.engine.gates.held())

    def conduct(self, *, strategy: str | None = None, without: Sequence[str] = ()) -> list[Finding]:
        """Return the mistakes of the client, judged from its requests.

        `strategy` is the multitask strategy that the application is configured with, and `without` names rules to
        skip. Raises `ControlError` for an unknown rule.
        """
        return self._do(lambda controller: controller.conduct(strategy, without))

    def assert_requested(
        self, method: str = "*", path: str = "*", *, times: int | None = None, **wanted: Any
    ) -> JournalEntry:
        """Assert that a matching request was received and return the last one.

        `method` and `path` are patterns with `*`. `wanted` compares `strategy`, `status`, `thread_id`, `run_id`,
        `busy`, `query`, `body` and `protocol` of the journal entry, and any other name with that field of the body.
        `times` is the exact number of matching requests. The failure text lists the most similar requests.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        found = self._do(lambda controller: controller.requests(method, path, wanted))
        if not found:
            raise AssertionError(self._do(lambda controller: controller.nearest(method, path, wanted)))
        if times is not None and len(found) != times:
            lines = "\n".join(f"  {entry.line()}" for entry in found)
            raise AssertionError(f"expected {times} matching requests, received {len(found)}:\n{lines}")
        return found[-1]

    def log(self) -> str:
        """Return the received requests with their statuses, and the warnings, as lines for people."""
        return "\n".join([*(entry.line() for entry in self.journal()), *self._log.lines])

    # These block the calling thread. In an async test, use the coroutines of `aio` instead.

    def wait_for_request(self, method: str = "*", path: str = "*", **wanted: Any) -> JournalEntry:
        """Wait until a matching request is received and return the first one. Arguments as of `assert_requested`.

        Raises `DeadlineError`, whose text lists the most similar requests.
        """
        return self._wait(lambda controller: controller.wait_for_request(method, path, wanted, deadline=self.deadline))

    def wait_for_status(self, status: str, thread_id: str, run_id: str | None = None) -> None:
        """Wait until a run or, without `run_id`, the thread has a status. Raises `DeadlineError` and `ControlError`."""
        self._wait(lambda controller: controller.wait_for_status(status, thread_id, run_id, deadline=self.deadline))

    def wait_until_held(self, point: str, *, thread_id: str | None = None) -> Held:
        """Wait until a run is paused at a point and return it. Raises `DeadlineError`."""
        return self._wait(lambda controller: controller.wait_until_held(point, thread_id, deadline=self.deadline))

    def wait_until_quiet(self) -> None:
        """Wait until no run is in flight. Raises `DeadlineError`."""
        self._wait(lambda controller: controller.wait_until_quiet(deadline=self.deadline))

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
            started.set_exception(error)

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine in the deployment's event loop. Raises RuntimeError if the deployment does not run."""
        if self._loop is None:
            # A coroutine that is never awaited warns, and the warning would hide the error below.
            work.close()
            raise RuntimeError(
                "the mock deployment is not started, or was stopped: use it in `with`, or between start() and stop()"
            )
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def controller(self) -> Controller:
        """The controller, for use inside the deployment's event loop only."""
        return self._app[routes.CONTROLLER]

    def _do(self, action: Callable[[Controller], T]) -> T:
        async def act() -> T:
            return action(self.controller)

        return self.submit(act()).result()

    def _wait(self, action: Callable[[Controller], Coroutine[Any, Any, T]]) -> T:
        return self.submit(action(self.controller)).result()


class AsyncWaits:
    """The waiting methods of `MockDeployment` as coroutines, for async tests."""

    def __init__(self, deployment: MockDeployment) -> None:
        self._deployment = deployment

    async def wait_for_request(self, method: str = "*", path: str = "*", **wanted: Any) -> JournalEntry:
        """Wait until a matching request is received and return the first one. Arguments as of `assert_requested`.

        Raises `DeadlineError`, whose text lists the most similar requests.
        """
        controller, deadline = self._deployment.controller, self._deployment.deadline
        return await self._run(controller.wait_for_request(method, path, wanted, deadline=deadline))

    async def wait_for_status(self, status: str, thread_id: str, run_id: str | None = None) -> None:
        """Wait until a run or, without `run_id`, the thread has a status. Raises `DeadlineError` and `ControlError`."""
        controller, deadline = self._deployment.controller, self._deployment.deadline
        await self._run(controller.wait_for_status(status, thread_id, run_id, deadline=deadline))

    async def wait_until_held(self, point: str, *, thread_id: str | None = None) -> Held:
        """Wait until a run is paused at a point and return it. Raises `DeadlineError`."""
        controller, deadline = self._deployment.controller, self._deployment.deadline
        return await self._run(controller.wait_until_held(point, thread_id, deadline=deadline))

    async def wait_until_quiet(self) -> None:
        """Wait until no run is in flight. Raises `DeadlineError`."""
        await self._run(self._deployment.controller.wait_until_quiet(deadline=self._deployment.deadline))

    async def advance(self, seconds: float, *, thread_id: str | None = None) -> float:
        """Advance the clock by seconds and return the new time. Raises `ControlError` in mode `real`."""
        return await self._run(self._deployment.controller.advance(seconds, thread_id))

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        waiting: Awaitable[T] = asyncio.wrap_future(self._deployment.submit(work))
        return await waiting


class _Log(logging.Handler):
    """The warnings of one deployment.

    Deployments in one process share the logger `mockserver`. Each runs in its own thread, which identifies its records.
    """

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
