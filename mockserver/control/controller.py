"""The controller of a running deployment, shared by the control API, `MockDeployment` and the pytest fixtures.

Every method runs in the event loop of the deployment. Waits are conditions that the notifier checks after each change,
so nothing polls. A wait ends at its deadline with an error that states what was found instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, TypeVar

from mockserver.agent.gates import Held
from mockserver.control import client_checks
from mockserver.control.client_checks import Facts, Finding
from mockserver.core.clock import Clock, HandClock, InstantClock, RealClock, UndelayedClock
from mockserver.core.json_text import as_json
from mockserver.core.policy import policy_of
from mockserver.core.records import Run, Thread
from mockserver.engine.engine import Engine
from mockserver.engine.expiry import Expiry
from mockserver.script.graphs import Graphs
from mockserver.views import records
from mockserver.web.journal import Journal, JournalEntry

DEADLINE: Final = 30.0
"""The real seconds after which a wait fails. The mock reacts within milliseconds, so this is far above any delay."""

MAX_SCALE: Final = 1000
"""The largest factor of scripted delays, the same as on the command line."""

SHOWN: Final = 10
"""The number of ids in a message. Thousands of runs would hide what the message states."""

Mode = Literal["real", "instant", "hand"]
T = TypeVar("T")


class ControlError(Exception):
    """An impossible command. The text states the reason and the possible values."""


class DeadlineError(ControlError):
    """A wait that did not succeed within its deadline."""


def clock_of(mode: Mode, scale: float = 1.0) -> Clock:
    """Return the clock of a mode. `scale` multiplies delays in mode `real`, where 0 skips them."""
    if not 0 <= scale <= MAX_SCALE:
        raise ValueError(f"the scale of time is {scale}; it must be between 0 and {MAX_SCALE}")
    if mode == "hand":
        return HandClock()
    if mode == "instant":
        return InstantClock()
    return RealClock(scale) if scale else UndelayedClock()


class Controller:
    """The commands of a test to one deployment."""

    def __init__(self, engine: Engine, journal: Journal, expiry: Expiry) -> None:
        self._expiry = expiry
        self.engine = engine
        self.journal = journal
        self._graphs = engine.threads.graphs

    def load_scripts(self, scripts: Graphs, thread_id: str | None = None) -> None:
        """Replace or add the scripts of some graphs, on one thread or on all. The built-in graph gives way to them.

        Turns that have started finish with the previous script. Raises `ControlError` for a new graph on one thread.
        """
        threads = self.engine.threads
        if thread_id is None:
            threads.set_graphs(threads.graphs.with_added(scripts))
            return
        thread = self.thread(thread_id)
        for name in scripts:
            # Assistants belong to the whole deployment, and without one no run could use the graph.
            if name not in thread.graphs:
                raise ControlError(
                    f"there is no graph `{name}` whose script one thread could replace. "
                    f"There are the graphs {', '.join(thread.graphs)}"
                )
        thread.graphs = thread.graphs.replaced(scripts)

    def hold(self, point: str, thread_id: str | None = None) -> None:
        """Pause every run that reaches a point: `tools:1/enter`, or a name that the script gives to a hold."""
        self.engine.gates.hold(point, thread_id)

    def release(self, point: str | None = None, thread_id: str | None = None) -> int:
        """Resume the held runs and stop holding, at one point or at all. Return the number of resumed runs.

        Raises `ControlError` for a point at which no run is held and none would be.
        """
        gates = self.engine.gates
        if point is not None and not gates.held(point, thread_id) and point not in gates.closed():
            known = sorted({held.point for held in gates.held()} | set(gates.closed()))
            raise ControlError(f"no run is or would be held at {as_json(point)}; {_known(known, 'points')}")
        return gates.release(point, thread_id)

    def set_time(self, mode: Mode, scale: float = 1.0, thread_id: str | None = None) -> None:
        """Change the clock for scripted delays, on one thread or on all."""
        self.engine.clock.set(clock_of(mode, scale), thread_id)

    async def advance(self, seconds: float, thread_id: str | None = None) -> float:
        """Advance the clock and return the new time. Raises `ControlError` in mode `real`."""
        clock = self.engine.clock.of(thread_id)
        # An instant clock is a hand clock that also advances by itself.
        if not isinstance(clock, HandClock):
            raise ControlError("real time cannot be advanced; set the time mode to `hand` or `instant` first")
        await clock.advance(seconds)
        return clock.now

    async def reset(self, *, graphs: Graphs | None = None, clock: Clock | None = None, seed: int | None = None) -> None:
        """Delete all threads, requests and holds.

        The graphs, the clock and the seed become those given, or else the graphs of the start, the current clock and
        the current seed.
        """
        engine = self.engine
        # `clear` keeps the gates, so a hold of one test would pause the runs of the next.
        engine.gates.release()
        await engine.clear(engine.seed if seed is None else seed)
        engine.threads.set_graphs(graphs or self._graphs)
        engine.clock.forget_threads()
        if clock is not None:
            engine.clock.set(clock)
        self.journal.clear()

    def thread(self, thread_id: str) -> Thread:
        """Return a thread. Raises `ControlError` if it does not exist."""
        threads = self.engine.threads.by_id
        if thread_id not in threads:
            raise ControlError(f"there is no thread {thread_id}; {_known(list(threads), 'threads')}")
        return threads[thread_id]

    def run(self, thread_id: str, run_id: str) -> Run:
        """Return a run. Raises `ControlError` if it does not exist."""
        runs = self.thread(thread_id).runs
        if run_id not in runs:
            raise ControlError(f"there is no run {run_id} on thread {thread_id}; {_known(list(runs), 'runs')}")
        return runs[run_id]

    def threads(self) -> list[dict[str, Any]]:
        """Return every thread in the form of the API, oldest first."""
        self._expiry.sweep()
        return [records.thread(thread) for thread in self.engine.threads.by_id.values()]

    def runs(self, thread_id: str) -> list[dict[str, Any]]:
        """Return every run of a thread in the form of the API, oldest first."""
        return [records.run(run) for run in self.thread(thread_id).runs.values()]

    def state(self, thread_id: str) -> dict[str, Any]:
        """Return the state of a thread in the form of the API."""
        return records.newest_state(self.thread(thread_id))

    def checkpoints(self, thread_id: str) -> list[dict[str, Any]]:
        """Return every checkpoint of a thread in the form of the API, oldest first."""
        thread = self.thread(thread_id)
        return [records.state(thread, one) for one in reversed(list(thread.visible.newest_first()))]

    def requests(self, method: str, path: str, wanted: Mapping[str, Any]) -> list[JournalEntry]:
        """Return the requests that match a method, a path pattern and values of the entry or of its body."""
        return [entry for entry in self.journal if _matches(entry, method, path, wanted)]

    def conduct(self, strategy: str | None = None, without: Sequence[str] = ()) -> list[Finding]:
        """Return the mistakes of the clients. Raises `ControlError` for an unknown rule."""
        threads = self.engine.threads.by_id.values()
        runs = {run_id: facts for thread in threads for run_id, facts in client_checks.run_facts(thread).items()}
        facts = Facts(list(self.journal), runs, dict(self.engine.superseded), strategy)
        try:
            return client_checks.judge(facts, without=without)
        except ValueError as error:
            raise ControlError(str(error)) from None

    async def wait_for_request(
        self, method: str, path: str, wanted: Mapping[str, Any], *, deadline: float = DEADLINE
    ) -> JournalEntry:
        """Wait for a matching request and return the first one. Raises `DeadlineError` with the most similar ones."""
        return (
            await self._until(
                lambda: self.requests(method, path, wanted),
                deadline,
                lambda: self.nearest(method, path, wanted),
            )
        )[0]

    async def wait_for_status(
        self, status: str, thread_id: str, run_id: str | None = None, *, deadline: float = DEADLINE
    ) -> None:
        """Wait until a run or, without one, the thread has a status. Raises `DeadlineError` and `ControlError`."""
        what = f"thread {thread_id}" if run_id is None else f"run {run_id}"
        await self._until(
            lambda: self._status(thread_id, run_id) == status,
            deadline,
            lambda: f"{what} has status `{self._status(thread_id, run_id)}`, expected `{status}`",
        )

    async def wait_until_held(self, point: str, thread_id: str | None = None, *, deadline: float = DEADLINE) -> Held:
        """Wait until a run is held at a point and return it. Raises `DeadlineError`."""
        gates = self.engine.gates
        return (
            await self._until(
                lambda: gates.held(point, thread_id),
                deadline,
                lambda: (
                    f"no run is held at {as_json(point)}; "
                    f"{_known(sorted({held.point for held in gates.held()}), 'held points')}"
                ),
            )
        )[0]

    async def wait_until_quiet(self, *, deadline: float = DEADLINE) -> None:
        """Wait until no run is in flight. Raises `DeadlineError`."""
        await self._until(
            lambda: not self._in_flight(),
            deadline,
            lambda: f"runs still in flight: {_some(self._in_flight())}; is one of them held?",
        )

    def nearest(self, method: str, path: str, wanted: Mapping[str, Any]) -> str:
        """Return a text for people that lists the requests most similar to a wanted one, with their differences."""
        entries = list(self.journal)
        expected = _description(method, path, wanted)
        if not entries:
            return f"no request matches {expected}: none was received; does the client use the URL of this deployment?"
        ranked = sorted(entries, key=lambda one: _similarity(one, method, path, wanted), reverse=True)
        lines = [f"  {one.line()}{_differences(one, method, path, wanted)}" for one in ranked[:5]]
        return "\n".join([f"no request matches {expected}; the most similar of {len(entries)}:", *lines])

    def _status(self, thread_id: str, run_id: str | None) -> str:
        thread = self.thread(thread_id)
        return (
            policy_of(thread).thread_status(thread)
            if run_id is None
            else policy_of(thread).run_status(self.run(thread_id, run_id))
        )

    def _in_flight(self) -> list[str]:
        return [run_id for thread in self.engine.threads.by_id.values() for run_id in thread.in_flight]

    async def _until(self, condition: Callable[[], T], deadline: float, describe: Callable[[], str]) -> T:
        try:
            # Real time, and not the deployment's clock: scripted time may be paused until the test advances it.
            async with asyncio.timeout(deadline):
                return await self.engine.notifier.until(condition)
        except TimeoutError:
            raise DeadlineError(f"timed out after {deadline:g} s: {describe()}") from None


def _matches(entry: JournalEntry, method: str, path: str, wanted: Mapping[str, Any]) -> bool:
    return (
        fnmatchcase(entry.method, method.upper())
        and fnmatchcase(entry.path, path)
        and all(_has(entry, name, value) for name, value in wanted.items())
    )


def _has(entry: JournalEntry, name: str, value: Any) -> bool:
    """Return whether an entry has a value, in a field of its own (`strategy`, `status`, ...) or of its body."""
    # bool(), because a value of the test, such as an array, may compare to something else.
    return bool(_value(entry, name) == value)


def _value(entry: JournalEntry, name: str) -> Any:
    if name in ("strategy", "status", "thread_id", "run_id", "busy", "query", "body", "protocol"):
        return getattr(entry, name)
    return entry.body.get(name) if isinstance(entry.body, dict) else None


def _similarity(entry: JournalEntry, method: str, path: str, wanted: Mapping[str, Any]) -> tuple[float, ...]:
    same = sum(_has(entry, name, value) for name, value in wanted.items())
    # Imported here, because only a failure needs it.
    import difflib

    # Weights: a path that matches counts as much as a value, and one that only resembles it at most half as much, like
    # the method. Among equals the newest request comes first.
    likeness = 1.0 if fnmatchcase(entry.path, path) else difflib.SequenceMatcher(None, entry.path, path).ratio() / 2
    return (likeness + same + (0.5 if fnmatchcase(entry.method, method.upper()) else 0), entry.number)


def _differences(entry: JournalEntry, method: str, path: str, wanted: Mapping[str, Any]) -> str:
    """Return the parts of an entry that differ from the wanted request."""
    different = [f"method {entry.method}"] if not fnmatchcase(entry.method, method.upper()) else []
    different += [f"path {entry.path}"] if not fnmatchcase(entry.path, path) else []
    different += [
        f"{name} {as_json(_value(entry, name))}" for name, value in wanted.items() if not _has(entry, name, value)
    ]
    return f"   ({', '.join(different)})" if different else ""


def _description(method: str, path: str, wanted: Mapping[str, Any]) -> str:
    return " ".join([method, path, *(f"{name}={as_json(value)}" for name, value in wanted.items())])


def _known(known: Sequence[str], what: str) -> str:
    # A deployment may have thousands of threads.
    return f"{what}: {', '.join(known[:10])}" if known else f"there are no {what}"


def _some(names: Sequence[str]) -> str:
    """Return a list of names for people, and how many there are more."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
