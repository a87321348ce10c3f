"""The methods with which a test steers, awaits, asserts and reads: each sends its work to the thread of the server."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack, cast
from weakref import WeakSet

from aiohttp import web

from mockserver.agent.gates import Held
from mockserver.arguments import explained_methods
from mockserver.control import routes, situation
from mockserver.control.client_checks import Conduct
from mockserver.control.controller import Controller, Mode, check_count, clock_of, optional_id
from mockserver.control.errors import BlockedLoopError, ControlError, UsageError
from mockserver.control.matchers import OWN, Matchers, RequestPattern
from mockserver.deployment import loops
from mockserver.deployment.created import Created
from mockserver.deployment.server import ServerThread
from mockserver.deployment.words import ARGUMENTS
from mockserver.script.load import ScriptError
from mockserver.script.sources import Sources, beside, read_graphs, read_scripts
from mockserver.settings import MEANT as SETTINGS_MEANT
from mockserver.settings import ResetSettings, Settings, chosen_settings
from mockserver.web.faults import BadFaultError, Fault, parse_fault
from mockserver.web.journal import JournalEntry

if TYPE_CHECKING:
    from mockserver.defects import Defect

T = TypeVar("T")

# Hides the frames of this module in the tracebacks of pytest, which then show the line of the test.
__tracebackhide__ = True


STARTED: WeakSet[Commands] = WeakSet()
"""The deployments of this process that were started. A failing test shows the logs of those that it used."""


class Done:
    """The result of a method that has done its work and returns nothing. It is false, and shown as None.

    An `await` of None, or a `with`, fails with a text of Python's that names no right word.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "None"

    def __await__(self) -> Iterator[None]:
        """Raise `UsageError`: only the methods of `aio` are coroutines."""
        raise UsageError(f"{self._name}() is not a coroutine. Write `await mock.aio.{self._name}(...)`")

    def __enter__(self) -> None:
        """Raise `UsageError`: no method is a context manager."""
        ends = " What is held continues with release()" if self._name == "hold" else ""
        raise UsageError(f"{self._name}() is not a context manager. Call it without `with`.{ends}")

    def __exit__(self, *_: object) -> None: ...

    async def __aenter__(self) -> None:
        """Raise `UsageError`: no method is a context manager."""
        self.__enter__()

    async def __aexit__(self, *_: object) -> None: ...


class Commands:
    """The commands of a test to one deployment. `MockDeployment` returns their results, its twin futures of them."""

    def __init__(self, app: web.Application, server: ServerThread, deadline: float) -> None:
        self._app = app
        self._server = server
        self.deadline = deadline
        """The real seconds after which a wait fails."""
        self.script_folder: Path | None = None
        """The folder in which the files of scripts are looked up first. The fixture sets it to that of the test."""
        self.is_shared = False
        """True for the deployment of the fixtures, which no test stops, and whose log a failure shows if it used it."""
        self.created = Created()
        """The coroutines of `aio` that are not finished."""
        self._url = ""

    @property
    def url(self) -> str:
        """The base URL. Raises RuntimeError before the deployment is started."""
        if not self._url:
            raise RuntimeError("the mock deployment is not started: use it in `with` or `async with`, or call start()")
        return self._url

    @property
    def is_running(self) -> bool:
        """True between start and stop."""
        return self._server.is_running

    def _begin(self) -> Future[str]:
        """Start the thread, and return the future of the URL."""
        self._check_owned("start it")
        started = self._server.begin()
        STARTED.add(self)
        return started

    def _check_owned(self, act: str) -> None:
        """Raise `UsageError` for the deployment of the fixtures, which other tests use."""
        if self.is_shared:
            raise UsageError(
                f"the fixture starts and stops this deployment, and other tests use it: a test cannot {act}. Use it "
                "without `with`, or start a MockDeployment of your own"
            )

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
            self._server.log.clear()
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
        return cast(None, self._do(lambda controller: controller.assert_in_order(patterns)))

    def log(self) -> str:
        """Return the received requests with their statuses, and the warnings, as lines for people."""
        if not self._server.is_running:
            # Stopped, or not yet started: no other thread uses the records.
            return self._logged(self.controller)
        return self._do(self._logged)

    def _logged(self, controller: Controller) -> str:
        late = controller.journal.late
        ignored = [f"     {late} late requests of earlier tests are not listed"] if late else []
        return "\n".join([*(entry.line() for entry in controller.journal), *ignored, *self._server.log.lines])

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

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine in the deployment's event loop. Raises RuntimeError if the deployment does not run."""
        return self._server.submit(work)

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

    def _situation(self, name: str) -> str:
        """Return what is true while a wait is cancelled."""
        if not self.is_running:
            return f"{name} was cancelled, and the deployment has stopped"

        async def describe(controller: Controller) -> str:
            return situation.describe(controller.engine, controller.journal)

        # Blocks the caller's loop for a turn of the other one, on which nothing waits for the caller.
        found = self._server.submit(describe(self.controller)).result()
        lines = "\n".join(f"  {line}" for line in found.splitlines())
        return f"{name} was cancelled while it waited. `deadline=` ends it with this reason:\n{lines}"

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

explained_methods(Commands, {**SETTINGS_MEANT, **ARGUMENTS}, _TAKEN, _HINTS, done=Done)
