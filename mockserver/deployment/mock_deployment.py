"""`MockDeployment` and its twin for async tests.

The deployment runs an event loop in a thread of its own, so that it serves synchronous code and any event loop alike.
Every method of `MockDeployment` sends its work to that loop and returns the result: the engine has no locks, because
only that one thread touches it. `AsyncDeployment` has the same methods as coroutines. It calls the same code, which
then gets a future in place of the result, and awaits the future.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, Self, TypeVar, Unpack, cast
from weakref import WeakSet

from mockserver.agent.gates import Held
from mockserver.app import create_app, listening
from mockserver.arguments import explained_methods
from mockserver.control import routes
from mockserver.control.client_checks import Conduct
from mockserver.control.controller import (
    DEADLINE,
    Controller,
    Mode,
    check_count,
    check_deadline,
    clock_of,
    optional_id,
)
from mockserver.control.errors import BlockedLoopError, ControlError, UsageError
from mockserver.control.matchers import OWN, Matchers, RequestPattern
from mockserver.deployment import loops
from mockserver.deployment.log import Log
from mockserver.deployment.words import ARGUMENTS, METHODS
from mockserver.script.load import ScriptError
from mockserver.script.sources import Sources, beside, read_graphs, read_scripts
from mockserver.settings import MEANT as SETTINGS_MEANT
from mockserver.settings import ResetSettings, Settings, chosen_settings
from mockserver.web import exhaustion
from mockserver.web.faults import BadFaultError, Fault, parse_fault
from mockserver.web.journal import JournalEntry
from mockserver.words import quoted, unknown

if TYPE_CHECKING:
    from mockserver.defects import Defect

P = ParamSpec("P")
T = TypeVar("T")

# Hides the frames of this module in the tracebacks of pytest, which then show the line of the test.
__tracebackhide__ = True

MAX_PORT: Final = 65535

STARTED: WeakSet[MockDeployment] = WeakSet()
"""The deployments of this process that were started. A failing test shows the logs of those that it used."""


class MockDeployment:
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
        self.deadline = deadline
        self.script_folder: Path | None = None
        """The folder in which the files of scripts are looked up first. The fixture sets it to that of the test."""
        self.is_shared = False
        """True for the deployment of the fixtures, which no test stops, and whose log a failure shows if it used it."""
        self._created: list[tuple[str, Coroutine[Any, Any, Any]]] = []
        """The coroutines of `aio` that have not begun, each with the name of its method."""
        self.aio = AsyncDeployment(self)
        """The same methods as coroutines, for async tests: under asyncio, trio, and anyio on either."""
        self._app = create_app(clock=clock_of(time, scale), **settings)
        self._address = (host, port)
        self._url = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._stopped: Future[None] = Future()
        self._log = Log()

    if not TYPE_CHECKING:
        # Not for mypy, which would accept every name. pytest does not show the suggestions of the interpreter.
        def __getattr__(self, name: str) -> Any:
            """Raise AttributeError with the nearest right name."""
            raise AttributeError(_no_method(name))

    @property
    def url(self) -> str:
        """The base URL. Raises RuntimeError before the deployment is started."""
        if not self._url:
            raise RuntimeError("the mock deployment is not started: use it in `with` or `async with`, or call start()")
        return self._url

    @property
    def is_running(self) -> bool:
        """True between start and stop."""
        return self._loop is not None

    def start(self) -> Self:
        """Start the deployment and return it once it accepts connections. Raises OSError if it cannot be bound."""
        started = self._begin()
        try:
            self._url = started.result()
        except BaseException:
            # The thread has failed and is about to end. Joined, it does not outlive the failed start.
            self._joined()
            raise
        return self

    def stop(self) -> None:
        """Stop the deployment. Open responses are cut off. Raises `UsageError` for the deployment of the fixtures."""
        self._check_owned("stop it")
        if self._end():
            self._joined()

    def _begin(self) -> Future[str]:
        """Start the thread, and return the future of the URL."""
        self._check_owned("start it")
        if self._thread is not None:
            raise RuntimeError("a mock deployment starts once; create another MockDeployment, or call reset()")
        started: Future[str] = Future()
        # A daemon thread: a test that fails to call stop() does not keep the interpreter from exiting.
        self._thread = threading.Thread(target=self._run, args=(started,), name="mockserver", daemon=True)
        self._log.attach(self._thread)
        STARTED.add(self)
        self._thread.start()
        return started

    def _check_owned(self, act: str) -> None:
        """Raise `UsageError` for the deployment of the fixtures, which other tests use."""
        if self.is_shared:
            raise UsageError(
                f"the fixture starts and stops this deployment, and other tests use it: a test cannot {act}. Use it "
                "without `with`, or start a MockDeployment of your own"
            )

    def _run(self, started: Future[str]) -> None:
        try:
            with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
                runner.run(self._serve(started))
        finally:
            self._stopped.set_result(None)

    def _end(self) -> bool:
        """Let the thread end, and return whether it runs."""
        if self._loop is None or self._stop is None or self._thread is None:
            return False
        # asyncio.Event is not thread-safe, so it is set inside the loop.
        self._loop.call_soon_threadsafe(self._stop.set)
        # Later calls raise RuntimeError instead of waiting forever for a loop that no longer runs.
        self._loop = None
        return True

    def _joined(self) -> None:
        assert self._thread is not None  # both callers have started it
        self._thread.join()
        self._log.detach()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await self.aio.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aio.stop()

    # Most methods take `thread_id`, so that tests can share one deployment without affecting each other. Each returns
    # what `_do` or `_wait` returns and does nothing with it: for `AsyncDeployment` that is a future.

    def load_script(self, script: Sources, *, thread_id: str | None = None) -> None:
        """Replace the script of a graph, on one thread or on all. Turns that have started finish with the previous one.

        `script` may be whatever the setting `script` accepts. A file is looked up beside the test, then in the working
        directory. Graphs with other names are kept, and on all threads new ones are added. A script without a name is
        for the default graph, or for the graph of the thread. Raises `ScriptError` for an invalid script, and
        `ControlError` for an unknown thread or a new graph on one thread.
        """
        found = beside(self.script_folder, script)

        def load(controller: Controller) -> None:
            graphs = controller.engine.threads.graphs
            unnamed = graphs.default if thread_id is None else controller.thread(thread_id).graph_id
            controller.load_scripts(read_scripts(found, unnamed), thread_id)

        return self._do(load)

    def hold(self, point: str, *, thread_id: str | None = None) -> None:
        """Pause every run that reaches a point from now on: `tools:1/enter`, `agent:2/token`, `agent:1/exit`.

        Raises `UsageError` for a point that no script of the deployment has. Load a script before its points.
        """
        return self._do(lambda controller: controller.hold(point, thread_id))

    def release(self, point: str | None = None, *, thread_id: str | None = None) -> int:
        """Resume the held runs and stop holding, at one point or at all, and return the number of resumed runs.

        Raises `ControlError` for a point that is not held.
        """
        return self._do(lambda controller: controller.release(point, thread_id))

    def set_time(self, mode: Mode, *, scale: float = 1.0, thread_id: str | None = None) -> None:
        """Change the clock for scripted delays, on one thread or on all. Raises `UsageError` for an unknown mode."""
        return self._do(lambda controller: controller.set_time(mode, scale, thread_id))

    def advance(self, seconds: float, *, thread_id: str | None = None) -> float:
        """Advance the clock by seconds and return the new time. Raises `ControlError` in mode `real`."""
        return self._act(lambda controller: controller.advance(seconds, thread_id))

    def defect_on(self, name: str | Defect, *, thread_id: str | None = None, times: int | None = None) -> None:
        """Switch a defect on, permanently or for its next `times` occurrences. Raises `UnknownDefectError`."""
        check_count("times", times, 1)

        def switch(controller: Controller) -> None:
            routes.switches(self._app).on(name, controller.thread(thread_id) if thread_id else None, times)

        return self._do(switch)

    def defect_off(self, name: str | None = None) -> None:
        """Switch off one defect or, without a name, all of them. Raises `UnknownDefectError`."""
        return self._do(lambda _: routes.switches(self._app).off(name) if name else routes.switches(self._app).clear())

    def fault(self, fault: str | Fault, *, thread_id: str | None = None) -> None:
        """Set a network fault, such as `cut@2`, on one thread or on all. Raises `BadFaultError`."""
        parsed, scope = parse_fault(fault), optional_id(thread_id)
        return self._do(lambda _: self._app[routes.FAULTS].set(parsed, scope))

    def reset(self, *, time: Mode = "instant", scale: float = 1.0, **settings: Unpack[ResetSettings]) -> None:
        """Delete all threads, requests, holds, defects and faults, and apply `settings` as at the start.

        Without `seed` every reset gives other ids than before, so that a late request of an earlier test finds no
        thread. With a seed the ids are the same each time.
        """
        # Read before the reset, so that invalid settings leave the deployment unchanged.
        chosen = chosen_settings(settings, ResetSettings)
        graphs = read_graphs(beside(self.script_folder, chosen["script"]), chosen["graph"])
        clock, faults = clock_of(time, scale), [parse_fault(fault) for fault in chosen["faults"]]
        switched = routes.known_defects(chosen["defects"])

        async def again(controller: Controller) -> None:
            await routes.reset(self._app, graphs=graphs, clock=clock, seed=settings.get("seed"))
            controller.journal.strict = chosen["strict"]
            self._log.clear()
            routes.break_again(self._app, switched, faults)

        return self._act(again)

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
        """Return the received requests, oldest first, without late ones of an earlier test."""
        return self._do(lambda controller: list(controller.journal))

    def held(self) -> list[Held]:
        """Return the runs that are paused at a held point."""
        return self._do(lambda controller: controller.engine.gates.held())

    def conduct(self, *, strategy: str | None = None, without: Sequence[str] = ()) -> Conduct:
        """Return the mistakes of the client, judged from its requests, as a list of `Finding`.

        `strategy` is the multitask strategy that the application is configured with, and `without` names rules to
        skip. `conduct().assert_clean()` fails with the findings. Raises `UsageError` for an unknown rule or strategy.
        """
        return self._do(lambda controller: controller.conduct(strategy, without))

    def assert_requested(
        self,
        method: str = "*",
        path: str = "*",
        *,
        times: int | None = None,
        at_least: int | None = None,
        **wanted: Unpack[Matchers],
    ) -> JournalEntry:
        """Assert that a matching request was received and return the last one.

        `method` and `path` are patterns with `*`, and `wanted` are the values of `Matchers`. `times` is the exact
        number of matching requests and `at_least` the smallest one. With `times=0` it returns None. The failure text
        lists the most similar requests. Raises AssertionError, and `UsageError` for what no request can match.
        """
        pattern = RequestPattern(method, path, **wanted)
        # Only with `times=0` is there no request to return, and then no caller uses one.
        return cast(JournalEntry, self._do(lambda controller: controller.assert_requested(pattern, times, at_least)))

    def assert_not_requested(self, method: str = "*", path: str = "*", **wanted: Unpack[Matchers]) -> None:
        """Assert that no matching request was received so far. Arguments as of `assert_requested`.

        Raises AssertionError, which lists the requests, and `UsageError` for what no request can match.
        """
        pattern = RequestPattern(method, path, **wanted)
        return cast(None, self._do(lambda controller: controller.assert_requested(pattern, 0)))

    def assert_requested_in_order(self, *patterns: RequestPattern | str) -> None:
        """Assert that requests were received that match the patterns one after the other, others between them or not.

        A pattern is a text such as `POST */runs`, or a `RequestPattern` with the arguments of `assert_requested`.
        Raises AssertionError with the received requests, and `UsageError` for what no request can match.
        """
        return self._do(lambda controller: controller.assert_in_order(patterns))

    def log(self) -> str:
        """Return the received requests with their statuses, and the warnings, as lines for people."""
        if self._loop is None:
            # Stopped, or not yet started: no other thread uses the records.
            return self._logged(self.controller)
        return self._do(self._logged)

    def _logged(self, controller: Controller) -> str:
        late = controller.journal.late
        ignored = [f"     {late} late requests of earlier tests are not listed"] if late else []
        return "\n".join([*(entry.line() for entry in controller.journal), *ignored, *self._log.lines])

    # These block the calling thread. In an async test, use the coroutines of `aio` instead.

    def wait_for_request(
        self, method: str = "*", path: str = "*", *, deadline: float | None = None, **wanted: Unpack[Matchers]
    ) -> JournalEntry:
        """Wait until a matching request is received and return the first one. Arguments as of `assert_requested`.

        Raises `DeadlineError`, whose text lists the most similar requests.
        """
        pattern = RequestPattern(method, path, **wanted)
        return self._wait(
            "wait_for_request", lambda controller, limit: controller.wait_for_request(pattern, deadline=limit), deadline
        )

    def wait_for_status(
        self, status: str, thread_id: str, run_id: str | None = None, *, deadline: float | None = None
    ) -> None:
        """Wait until a run or, without `run_id`, the thread has a status.

        Raises `DeadlineError`, at once if the run has ended with another status, and `ControlError`.
        """
        return self._wait(
            "wait_for_status",
            lambda controller, limit: controller.wait_for_status(status, thread_id, run_id, deadline=limit),
            deadline,
        )

    def wait_until_held(self, point: str, *, thread_id: str | None = None, deadline: float | None = None) -> Held:
        """Wait until a run is paused at a point and return it.

        Raises `DeadlineError`, and at once `ControlError` if no hold is set there and `UsageError` if no script has
        such a point.
        """
        return self._wait(
            "wait_until_held",
            lambda controller, limit: controller.wait_until_held(point, thread_id, deadline=limit),
            deadline,
        )

    def wait_until_quiet(self, *, deadline: float | None = None) -> None:
        """Wait until no run is in flight. Raises `DeadlineError`."""
        return self._wait(
            "wait_until_quiet", lambda controller, limit: controller.wait_until_quiet(deadline=limit), deadline
        )

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
        """Return the result of an action in the loop of the deployment."""

        async def act(controller: Controller) -> T:
            return action(controller)

        return self._act(act)

    def _act(self, action: Callable[[Controller], Coroutine[Any, Any, T]]) -> T:
        """Return the result of an action in the loop of the deployment that takes several turns of it."""
        return self._result(self.submit(action(self.controller)))

    def _wait(
        self, name: str, action: Callable[[Controller, float], Coroutine[Any, Any, T]], deadline: float | None
    ) -> T:
        """Return the result of a wait in the loop of the deployment."""
        self._check_caller(name)
        return self._result(self.submit(action(self.controller, self.deadline if deadline is None else deadline)))

    def _check_caller(self, name: str) -> None:
        """Raise `BlockedLoopError` if the caller would block an event loop on which the client may depend."""
        library = loops.blocked_by_caller()
        if library is not None:
            raise BlockedLoopError(
                f"{name} was called in an async function and would block its event loop ({library}), on which the "
                f"client may run. Write `await mock.aio.{name}(...)`"
            )

    def _result(self, future: Future[T]) -> T:
        error = future.exception()
        if error is not None:
            raise without_frames(error)
        return future.result()


EXPECTED = (ControlError, AssertionError, ScriptError, BadFaultError)


def without_frames(error: BaseException) -> BaseException:
    """Return an error without the frames of the deployment's thread, if its text says all that a test needs."""
    return error.with_traceback(None) if isinstance(error, EXPECTED) else error


_MATCHERS: Final = (*OWN, *Matchers.__annotations__)
_TAKEN: Final = {
    "__init__": Settings.__annotations__,
    "reset": ResetSettings.__annotations__,
    **dict.fromkeys(("wait_for_request", "assert_requested", "assert_not_requested"), _MATCHERS),
}
"""The names that the methods take through `**`."""

_HINTS: Final = {
    "fault": (Fault.__struct_fields__, "Write a text such as `cut@2`, or a Fault(kind=..., at=...) with it."),
    "reset": (
        (*Settings.__annotations__, "deadline", "host", "port"),
        "It is an argument of MockDeployment(...), which a test can start in `with`.",
    ),
}

explained_methods(MockDeployment, {**SETTINGS_MEANT, **ARGUMENTS}, _TAKEN, _HINTS)


class _Deferred(MockDeployment):
    """The same deployment, whose methods return futures in place of results."""

    def __init__(self, deployment: MockDeployment) -> None:
        # Shared, and not copied: it is the same deployment.
        self.__dict__ = deployment.__dict__

    def _check_caller(self, name: str) -> None:
        """Allow every caller: nothing blocks."""

    def _result(self, future: Future[T]) -> T:
        return cast(T, future)


def _awaited(
    method: Callable[Concatenate[MockDeployment, P], T],
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

    @functools.wraps(method)
    def call(self: AsyncDeployment, /, *args: P.args, **named: P.kwargs) -> Coroutine[Any, Any, T]:
        coroutine = act(self, *args, **named)
        if self.deployment.is_shared:
            # Those that were awaited are forgotten with the next call, so that the list stays short.
            created = self.deployment._created
            created[:] = [*_not_begun(created), (method.__name__, coroutine)]
        return coroutine

    return call


_Created = list[tuple[str, Coroutine[Any, Any, Any]]]


def _not_begun(created: _Created) -> _Created:
    return [one for one in created if inspect.getcoroutinestate(one[1]) == inspect.CORO_CREATED]


def never_awaited(deployment: MockDeployment) -> list[str]:
    """Return the methods of `aio` that were called and not awaited, and forget them."""
    found = _not_begun(deployment._created)
    deployment._created.clear()
    for _, one in found:
        # Otherwise the interpreter would warn of it as well.
        one.close()
    return [name for name, _ in found]


def _no_method(name: str) -> str:
    known = [one for one in dir(MockDeployment) if not one.startswith("_")]
    return unknown("method", name, known, meant=METHODS, plural="methods and properties")


class AsyncDeployment:
    """The methods of `MockDeployment` as coroutines, for async tests under asyncio, trio and anyio."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Raise AttributeError with the nearest right name."""
            if isinstance(inspect.getattr_static(MockDeployment, name, None), property):
                raise AttributeError(f"`aio` has the methods only, and `{name}` is no method. Write mock.{name}")
            raise AttributeError(_no_method(name))

    def __init__(self, deployment: MockDeployment) -> None:
        self.deployment = deployment

    async def start(self) -> None:
        """Start the deployment and return once it accepts connections. Raises OSError if it cannot be bound."""
        started = self.deployment._begin()
        try:
            self.deployment._url = await loops.awaited(started)
        except BaseException:
            self.deployment._end()
            self.deployment._joined()
            raise

    async def stop(self) -> None:
        """Stop the deployment. Open responses are cut off. Raises `UsageError` for the deployment of the fixtures."""
        self.deployment._check_owned("stop it")
        if self.deployment._end():
            await loops.awaited(self.deployment._stopped)
            self.deployment._joined()

    load_script = _awaited(MockDeployment.load_script)
    hold = _awaited(MockDeployment.hold)
    release = _awaited(MockDeployment.release)
    set_time = _awaited(MockDeployment.set_time)
    advance = _awaited(MockDeployment.advance)
    defect_on = _awaited(MockDeployment.defect_on)
    defect_off = _awaited(MockDeployment.defect_off)
    fault = _awaited(MockDeployment.fault)
    reset = _awaited(MockDeployment.reset)
    threads = _awaited(MockDeployment.threads)
    runs = _awaited(MockDeployment.runs)
    state = _awaited(MockDeployment.state)
    checkpoints = _awaited(MockDeployment.checkpoints)
    journal = _awaited(MockDeployment.journal)
    held = _awaited(MockDeployment.held)
    conduct = _awaited(MockDeployment.conduct)
    assert_requested = _awaited(MockDeployment.assert_requested)
    assert_not_requested = _awaited(MockDeployment.assert_not_requested)
    assert_requested_in_order = _awaited(MockDeployment.assert_requested_in_order)
    log = _awaited(MockDeployment.log)
    wait_for_request = _awaited(MockDeployment.wait_for_request)
    wait_for_status = _awaited(MockDeployment.wait_for_status)
    wait_until_held = _awaited(MockDeployment.wait_until_held)
    wait_until_quiet = _awaited(MockDeployment.wait_until_quiet)
