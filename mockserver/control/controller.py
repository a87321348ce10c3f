"""What a test may do with a running deployment: the one core of the control API, of Python and of pytest.

Everything here runs in the event loop of the deployment. Waiting ends at a deadline, with an error that tells what
there was instead.
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
from mockserver.core.policy import policy_of
from mockserver.core.records import Run, Thread
from mockserver.engine.engine import Engine
from mockserver.script.types import Script
from mockserver.views import records
from mockserver.web.journal import Journal, JournalEntry

DEADLINE: Final = 30.0
"""Real seconds after which something that a test waits for will not come."""

Mode = Literal["real", "instant", "hand"]
T = TypeVar("T")


class ControlError(Exception):
    """Something that cannot be done; the text says what there is instead."""


class DeadlineError(ControlError):
    """Something that a test waited for and that did not come."""


def clock_of(mode: Mode, scale: float = 1.0) -> Clock:
    """A clock: `real` with a scale (0: no delays at all), `instant` in the order of real time, or driven by `hand`."""
    if mode == "hand":
        return HandClock()
    if mode == "instant":
        return InstantClock()
    return RealClock(scale) if scale else UndelayedClock()


class Controller:
    """The controls of one deployment."""

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self.engine = engine
        self.journal = journal
        self._script = engine.threads.script

    def load_script(self, script: Script, thread_id: str | None = None) -> None:
        """Play another script, on one thread or in the whole deployment; turns under way come to their end."""
        if thread_id is not None:
            self.thread(thread_id).script = script
            return
        self.engine.threads.script = script
        for thread in self.engine.threads.by_id.values():
            thread.script = script

    def hold(self, point: str, thread_id: str | None = None) -> None:
        """Hold every run that comes to a point: `tools:1/enter`, or a name of the script."""
        self.engine.gates.hold(point, thread_id)

    def release(self, point: str | None = None, thread_id: str | None = None) -> int:
        """Let runs go, and hold no more, at a point or at all. Raises `ControlError` for a point that is not known."""
        gates = self.engine.gates
        if point is not None and not gates.held(point, thread_id) and point not in gates.closed():
            known = sorted({held.point for held in gates.held()} | set(gates.closed()))
            raise ControlError(f"nobody is held at {point!r}, or to be; {_there(known, 'points')}")
        return gates.release(point, thread_id)

    def set_time(self, mode: Mode, scale: float = 1.0, thread_id: str | None = None) -> None:
        """Let time pass in another way, on one thread or in the whole deployment."""
        self.engine.clock.set(clock_of(mode, scale), thread_id)

    async def advance(self, seconds: float, thread_id: str | None = None) -> float:
        """Let time pass by hand; returns what time it is then. Raises `ControlError` where time is not in hand."""
        clock = self.engine.clock.of(thread_id)
        if not isinstance(clock, HandClock):
            raise ControlError("time cannot be advanced while it is real; set it to `hand` or `instant` first")
        await clock.advance(seconds)
        return clock.now

    async def reset(self, *, script: Script | None = None, clock: Clock | None = None, seed: int | None = None) -> None:
        """Make the deployment as new: no threads, no journal, nobody held.

        It plays the script that it was started with, on its clock and with its seed, if no others are given.
        """
        engine = self.engine
        engine.gates.release()
        await engine.clear(engine.seed if seed is None else seed)
        engine.clock.forget_threads()
        if clock is not None:
            engine.clock.set(clock)
        engine.threads.script = script or self._script
        self.journal.clear()

    def thread(self, thread_id: str) -> Thread:
        """A thread. Raises `ControlError`."""
        threads = self.engine.threads.by_id
        if thread_id not in threads:
            raise ControlError(f"there is no thread {thread_id}; {_there(list(threads), 'threads')}")
        return threads[thread_id]

    def run(self, thread_id: str, run_id: str) -> Run:
        """A run. Raises `ControlError`."""
        runs = self.thread(thread_id).runs
        if run_id not in runs:
            raise ControlError(f"there is no run {run_id} on thread {thread_id}; {_there(list(runs), 'runs')}")
        return runs[run_id]

    def threads(self) -> list[dict[str, Any]]:
        """Every thread as the API shows it, oldest first."""
        return [records.thread(thread) for thread in self.engine.threads.by_id.values()]

    def runs(self, thread_id: str) -> list[dict[str, Any]]:
        """Every run of a thread as the API shows it, oldest first."""
        return [records.run(run) for run in self.thread(thread_id).runs.values()]

    def state(self, thread_id: str) -> dict[str, Any]:
        """The state of a thread as the API shows it."""
        return records.newest_state(self.thread(thread_id))

    def checkpoints(self, thread_id: str) -> list[dict[str, Any]]:
        """Every checkpoint of a thread as the API shows it, oldest first."""
        thread = self.thread(thread_id)
        return [records.state(thread, one) for one in reversed(list(thread.history.newest_first()))]

    def requests(self, method: str, path: str, wanted: Mapping[str, Any]) -> list[JournalEntry]:
        """The requests of a method, to a path (a pattern), with these values: `strategy`, `status`, or of the body."""
        return [entry for entry in self.journal if _fits(entry, method, path, wanted)]

    def conduct(self, strategy: str | None = None, without: Sequence[str] = ()) -> list[Finding]:
        """What the clients did that they should not have. Raises `ControlError` for an unknown rule."""
        threads = self.engine.threads.by_id.values()
        runs = {run.run_id: client_checks.run_facts(run) for thread in threads for run in thread.runs.values()}
        facts = Facts(list(self.journal), runs, dict(self.engine.superseded), strategy)
        try:
            return client_checks.judge(facts, without=without)
        except ValueError as error:
            raise ControlError(str(error)) from None

    async def wait_for_request(
        self, method: str, path: str, wanted: Mapping[str, Any], *, deadline: float = DEADLINE
    ) -> JournalEntry:
        """Return the first such request as soon as it has come. Raises `DeadlineError` with the nearest."""
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
        """Return as soon as a run, or else the thread, has a status. Raises `DeadlineError` and `ControlError`."""
        await self._until(
            lambda: self._status(thread_id, run_id) == status,
            deadline,
            lambda: f"{run_id or thread_id} is {self._status(thread_id, run_id)!r}, and not {status!r}",
        )

    async def wait_until_held(self, point: str, thread_id: str | None = None, *, deadline: float = DEADLINE) -> Held:
        """Return as soon as a run is held at a point. Raises `DeadlineError`."""
        gates = self.engine.gates
        return (
            await self._until(
                lambda: gates.held(point, thread_id),
                deadline,
                lambda: (
                    f"nobody is held at {point!r}; {_there(sorted({h.point for h in gates.held()}), 'held points')}"
                ),
            )
        )[0]

    async def wait_until_quiet(self, *, deadline: float = DEADLINE) -> None:
        """Return as soon as no run is in flight. Raises `DeadlineError`."""
        await self._until(
            lambda: not self._in_flight(), deadline, lambda: f"in flight still: {', '.join(self._in_flight())}"
        )

    def nearest(self, method: str, path: str, wanted: Mapping[str, Any]) -> str:
        """The requests that come nearest to what is looked for, for people."""
        entries = list(self.journal)
        sought = _spelled(method, path, wanted)
        if not entries:
            return f"no request like {sought}: none came at all"
        ranked = sorted(entries, key=lambda one: _likeness(one, method, path, wanted), reverse=True)
        lines = [f"  {one.line()}{_differences(one, method, path, wanted)}" for one in ranked[:5]]
        return "\n".join([f"no request like {sought}; the nearest of {len(entries)}:", *lines])

    def _status(self, thread_id: str, run_id: str | None) -> str:
        thread = self.thread(thread_id)
        return (
            policy_of(thread).thread_status(thread)
            if run_id is None
            else policy_of(thread).run_status(self.run(thread_id, run_id))
        )

    def _in_flight(self) -> list[str]:
        return [run_id for thread in self.engine.threads.by_id.values() for run_id in thread.in_flight]

    async def _until(self, look: Callable[[], T], deadline: float, say: Callable[[], str]) -> T:
        try:
            async with asyncio.timeout(deadline):
                return await self.engine.notifier.until(look)
        except TimeoutError:
            raise DeadlineError(f"after {deadline:g} s: {say()}") from None


def _fits(entry: JournalEntry, method: str, path: str, wanted: Mapping[str, Any]) -> bool:
    return (
        fnmatchcase(entry.method, method.upper())
        and fnmatchcase(entry.path, path)
        and all(_has(entry, name, value) for name, value in wanted.items())
    )


def _has(entry: JournalEntry, name: str, value: Any) -> bool:
    """Whether an entry has a value: of its own (`strategy`, `status`, ...), or in its body."""
    return bool(_value(entry, name) == value)


def _value(entry: JournalEntry, name: str) -> Any:
    if name in ("strategy", "status", "thread_id", "run_id", "busy", "query", "body", "protocol"):
        return getattr(entry, name)
    return entry.body.get(name) if isinstance(entry.body, dict) else None


def _likeness(entry: JournalEntry, method: str, path: str, wanted: Mapping[str, Any]) -> tuple[float, ...]:
    same = sum(_has(entry, name, value) for name, value in wanted.items())
    import difflib  # here, because only a failure needs it

    alike = 1.0 if fnmatchcase(entry.path, path) else difflib.SequenceMatcher(None, entry.path, path).ratio() / 2
    return (alike + same + (0.5 if fnmatchcase(entry.method, method.upper()) else 0), entry.number)


def _differences(entry: JournalEntry, method: str, path: str, wanted: Mapping[str, Any]) -> str:
    """What of an entry is other than looked for."""
    told = [f"method {entry.method}"] if not fnmatchcase(entry.method, method.upper()) else []
    told += [f"path {entry.path}"] if not fnmatchcase(entry.path, path) else []
    told += [f"{name} {_value(entry, name)!r}" for name, value in wanted.items() if not _has(entry, name, value)]
    return f"   ({', '.join(told)})" if told else ""


def _spelled(method: str, path: str, wanted: Mapping[str, Any]) -> str:
    return " ".join([method, path, *(f"{name}={value!r}" for name, value in wanted.items())])


def _there(known: Sequence[str], what: str) -> str:
    return f"{what}: {', '.join(known[:10])}" if known else f"there are no {what}"
