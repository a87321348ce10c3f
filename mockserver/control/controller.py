"""The controller of a running deployment, shared by the control API, `MockDeployment` and the pytest fixtures.

Every method runs in the event loop of the deployment. Waits are conditions that the notifier checks after each change,
so nothing polls. A wait ends at its deadline with an error that states what was found instead.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeVar, get_args
from uuid import UUID

from mockserver.agent.gates import Held
from mockserver.control import client_checks, matchers, situation
from mockserver.control.client_checks import Conduct, Facts
from mockserver.control.errors import ControlError as ControlError
from mockserver.control.errors import DeadlineError as DeadlineError
from mockserver.control.errors import UsageError as UsageError
from mockserver.control.matchers import RequestPattern
from mockserver.control.points import check_point, names_of_holds
from mockserver.core.clock import Clock, HandClock, InstantClock, RealClock, UndelayedClock, settle
from mockserver.core.ids import canonical, derived_seed
from mockserver.core.policy import Policy, policy_of
from mockserver.core.records import Run, Thread
from mockserver.engine.engine import Engine
from mockserver.engine.expiry import Expiry
from mockserver.script.graphs import Graphs
from mockserver.script.types import Script
from mockserver.views import records
from mockserver.vocabulary import RunStatus, ThreadStatus
from mockserver.web.journal import Journal, JournalEntry
from mockserver.words import quoted, similarity, some, unknown

DEADLINE: Final = 30.0
"""The real seconds after which a wait fails. The mock reacts within milliseconds, so this is far above any delay."""

MAX_SCALE: Final = 1000
"""The largest factor of scripted delays, the same as on the command line."""

MAX_ADVANCE: Final = 1e9
"""The largest step of the clock in seconds, the same as in the control API."""

LONGEST: Final = 300
"""The largest deadline in seconds. A larger number is one of milliseconds."""

ROUNDS: Final = 30
"""The scripted delays after which a run is not waited for at the end of a test, each less than a millisecond."""

Mode = Literal["real", "instant", "hand"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
MEANT: Final = {
    **dict.fromkeys(("manual", "paused", "frozen", "freeze", "fake", "stop", "mock", "virtual"), "hand"),
    **dict.fromkeys(("fast", "quick", "skip", "none", "zero", "immediate", "auto", "simulated"), "instant"),
    **dict.fromkeys(("wall", "system", "normal", "live", "realtime", "real-time", "slow"), "real"),
}
"""The words of other tools for the modes of time."""

STATUSES_MEANT: Final = {
    **dict.fromkeys(("completed", "complete", "done", "finished", "succeeded", "ok"), "success"),
    **dict.fromkeys(("failed", "failure", "errored", "exception"), "error"),
    **dict.fromkeys(
        ("cancelled", "canceled", "stopped", "aborted", "killed", "paused", "requires_action"), "interrupted"
    ),
    **dict.fromkeys(("in_progress", "active", "started", "streaming", "executing"), "running"),
    **dict.fromkeys(("queued", "waiting", "enqueued", "created", "scheduled"), "pending"),
    **dict.fromkeys(("timed_out", "expired"), "timeout"),
}
"""The words of other tools for the statuses of a run."""

THREAD_STATUSES_MEANT: Final = {
    **dict.fromkeys(("completed", "complete", "done", "finished", "succeeded", "quiet", "free", "ready"), "idle"),
    **dict.fromkeys(("in_progress", "active", "started", "streaming", "queued", "working"), "busy"),
    **{word: status for word, status in STATUSES_MEANT.items() if status in ("error", "interrupted")},
}
"""The same for the statuses of a thread."""

T = TypeVar("T")


def clock_of(mode: Mode, scale: float = 1.0) -> Clock:
    """Return the clock of a mode. `scale` multiplies delays in mode `real`, where 0 skips them.

    Raises `UsageError`, which is a ValueError, for another mode or scale.
    """
    if mode not in MODES:
        raise UsageError(unknown("time mode", mode, MODES, meant=MEANT))
    if isinstance(scale, bool) or not isinstance(scale, (int, float)):
        raise UsageError(f"the scale of time is {quoted(scale)}. Give a number between 0 and {MAX_SCALE}")
    if not 0 <= scale <= MAX_SCALE:
        raise UsageError(f"the scale of time is {scale}; it must be between 0 and {MAX_SCALE}")
    if scale != 1 and mode != "real":
        raise UsageError(
            f"`scale` multiplies delays in mode `real`, and the mode is `{mode}`. Set the mode `real`, or leave it out"
        )
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
        self._seed, self._resets = engine.seed, 0

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
        """Pause every run that reaches a point: `tools:1/enter`, or a name that the script gives to a hold.

        Raises `UsageError` for a point that no script has.
        """
        thread_id = optional_id(thread_id)
        check_point(point, self._scripts(thread_id))
        self.engine.gates.hold(point, thread_id)

    def release(self, point: str | None = None, thread_id: str | None = None) -> int:
        """Resume the held runs and stop holding, at one point or at all. Return the number of resumed runs.

        Raises `ControlError` for a point at which no run is held and none would be.
        """
        gates, thread_id = self.engine.gates, optional_id(thread_id)
        if point is not None and not gates.held(point, thread_id) and point not in gates.closed():
            known = sorted({held.point for held in gates.held()} | set(gates.closed()))
            check_point(point, self._scripts(thread_id))
            # After the check, which refuses what is never a point. This one is, but nothing is or would be held there.
            holds = f"Holds are set at {some(known, 10)}" if known else "No hold is set"
            raise ControlError(f"no run is or would be held at {quoted(point)}. {holds}")
        return gates.release(point, thread_id)

    def _scripts(self, thread_id: str | None) -> list[Script]:
        """Return the scripts that runs of a thread, or of any, may play."""
        threads = self.engine.threads
        thread = threads.by_id.get(thread_id or "")
        if thread is not None:
            return list(thread.graphs.values())
        every = [threads.graphs, *(one.graphs for one in threads.by_id.values() if one.graphs is not threads.graphs)]
        return [script for graphs in every for script in graphs.values()]

    def set_time(self, mode: Mode, scale: float = 1.0, thread_id: str | None = None) -> None:
        """Change the clock for scripted delays, on one thread or on all."""
        self.engine.clock.set(clock_of(mode, scale), optional_id(thread_id))

    async def advance(self, seconds: float, thread_id: str | None = None) -> float:
        """Advance the clock and return the new time. Raises `ControlError` in mode `real`."""
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= MAX_ADVANCE:
            raise UsageError(f"time cannot advance by {quoted(seconds)}. Give seconds from 0 to {MAX_ADVANCE:g}")
        clock = self.engine.clock.of(optional_id(thread_id))
        # An instant clock is a hand clock that also advances by itself.
        if not isinstance(clock, HandClock):
            raise ControlError("real time cannot be advanced; set the time mode to `hand` or `instant` first")
        await clock.advance(seconds)
        return clock.now

    async def reset(self, *, graphs: Graphs | None = None, clock: Clock | None = None, seed: int | None = None) -> None:
        """Delete all threads, requests and holds.

        The graphs and the clock become those given, or else the graphs of the start and the current clock. Without a
        seed the ids differ from all before, so that a late request of an earlier test finds none of its threads.
        """
        engine, former = self.engine, list(self.engine.threads.by_id)
        # `clear` keeps the gates, so a hold of one test would pause the runs of the next.
        engine.gates.release()
        self._resets += 1
        await engine.clear(derived_seed(self._seed, self._resets) if seed is None else seed)
        engine.threads.set_graphs(graphs or self._graphs)
        engine.clock.forget_threads()
        if clock is not None:
            engine.clock.set(clock)
        self.journal.clear(former)

    async def held_at_rest(self) -> list[Held]:
        """Return the held runs, after those that are on their way to a hold have reached it."""
        gates, rounds = self.engine.gates, ROUNDS if self.engine.gates.closed() else 0
        # A run passes a scripted delay in each round. In real time, and by hand, it may be under way for long.
        while rounds and len(gates.held()) < len(self._in_flight()):
            await settle()
            rounds -= 1
        return gates.held()

    def thread(self, thread_id: str) -> Thread:
        """Return a thread. Raises `ControlError` if it does not exist."""
        threads, thread_id = self.engine.threads.by_id, _id(thread_id, "thread")
        if thread_id not in threads:
            of_run = next((one for one in threads.values() if thread_id in one.runs), None)
            hint = (
                f". It is a run of thread {of_run.thread_id}. The thread comes before the run"
                if of_run is not None
                else ""
            )
            raise ControlError(f"there is no thread {thread_id}{hint}; {_known(list(threads), 'threads')}")
        return threads[thread_id]

    def run(self, thread_id: str, run_id: str) -> Run:
        """Return a run. Raises `ControlError` if it does not exist."""
        runs, run_id = self.thread(thread_id).runs, _id(run_id, "run")
        if run_id not in runs:
            superseding = self.engine.superseded.get(run_id)
            of_other = next((one for one in self.engine.threads.by_id.values() if run_id in one.runs), None)
            hint = f". It was superseded by run {superseding} and erased" if superseding is not None else ""
            hint = f". It is a run of thread {of_other.thread_id}" if of_other is not None else hint
            raise ControlError(f"there is no run {run_id} on thread {thread_id}{hint}; {_known(list(runs), 'runs')}")
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

    def requests(self, pattern: RequestPattern) -> list[JournalEntry]:
        """Return the requests that match a pattern. Raises `UsageError` for one that no request can match."""
        entries = list(self.journal)
        pattern.check(entries)
        return [entry for entry in entries if pattern.matches(entry)]

    def assert_requested(
        self, pattern: RequestPattern, times: int | None = None, at_least: int | None = None
    ) -> JournalEntry | None:
        """Assert that requests matching a pattern were received, and return the last one.

        `times` is their exact number and `at_least` the smallest one. Raises AssertionError and `UsageError`.
        """
        check_count("times", times, 0)
        check_count("at_least", at_least, 1)
        if times is not None and at_least is not None:
            raise UsageError("`times` is an exact number and `at_least` a bound. Leave one of them out")
        found = self.requests(pattern)
        if not found and times != 0:
            raise AssertionError(pattern.nearest(list(self.journal)))
        expected = f"{times}" if times is not None else f"at least {at_least}"
        short = at_least is not None and len(found) < at_least
        if short or (times is not None and len(found) != times):
            lines = "\n".join(f"  {entry.line()}" for entry in found)
            text = f"expected {expected} matching requests, received {len(found)}, that match {pattern}:\n{lines}"
            raise AssertionError(text)
        return found[-1] if found else None

    def assert_in_order(self, patterns: Sequence[RequestPattern | str]) -> list[JournalEntry]:
        """Return requests that match the patterns one after the other. Raises AssertionError."""
        wanted = [RequestPattern.of(one) for one in patterns]
        if len(wanted) < 2:
            raise UsageError("an order needs two patterns or more. Use assert_requested for one")
        entries = list(self.journal)
        for pattern in wanted:
            pattern.check(entries)
        return matchers.in_order(wanted, entries)

    def conduct(self, strategy: str | None = None, without: Sequence[str] = ()) -> Conduct:
        """Return the mistakes of the clients. Raises `UsageError` for an unknown rule or strategy."""
        if strategy is not None:
            matchers.check_strategy(strategy)
        without = [without] if isinstance(without, str) else list(without)
        threads = self.engine.threads.by_id.values()
        runs = {run_id: facts for thread in threads for run_id, facts in client_checks.run_facts(thread).items()}
        facts = Facts(list(self.journal), runs, dict(self.engine.superseded), strategy)
        try:
            return client_checks.judge(facts, without=without)
        except ValueError as error:
            raise UsageError(str(error)) from None

    async def wait_for_request(self, pattern: RequestPattern, *, deadline: float = DEADLINE) -> JournalEntry:
        """Wait for a matching request and return the first one. Raises `DeadlineError` with the most similar ones."""
        check_deadline(deadline)
        return (
            await self._until(
                lambda: self.requests(pattern),
                deadline,
                lambda: pattern.nearest(list(self.journal)),
                shows_requests=False,
            )
        )[0]

    async def wait_for_status(
        self, status: str, thread_id: str, run_id: str | None = None, *, deadline: float = DEADLINE
    ) -> None:
        """Wait until a run or, without one, the thread has a status.

        Raises `DeadlineError`, at once if a run has ended with another status, and `ControlError`.
        """
        check_deadline(deadline)
        if isinstance(status, str) and canonical(status) is not None and canonical(str(thread_id)) is None:
            raise UsageError(f"{quoted(status)} is an id. The status comes first, and then the thread")
        self._check_status(status, thread_id, run_id)
        what = f"thread {thread_id}" if run_id is None else f"run {run_id}"

        def reached() -> bool:
            if self._status(thread_id, run_id) == status:
                return True
            if run_id is not None:
                _check_can_have(self.run(thread_id, run_id), status)
            return False

        await self._until(
            reached, deadline, lambda: f"{what} has status `{self._status(thread_id, run_id)}`, expected `{status}`"
        )

    def _check_status(self, status: str, thread_id: str, run_id: str | None) -> None:
        policy = policy_of(self.thread(thread_id))
        of_run, of_thread = get_args(RunStatus), get_args(ThreadStatus)
        known = of_thread if run_id is None else of_run
        # A defect may show a status that the API does not have. One that is nearly right is misspelled all the same.
        is_foreign = isinstance(status, str) and all(similarity(one, status.casefold()) < 0.75 for one in known)
        if status in known or (type(policy) is not Policy and is_foreign):
            return
        kind = "status of a thread" if run_id is None else "status of a run"
        meant = THREAD_STATUSES_MEANT if run_id is None else STATUSES_MEANT
        text = unknown(kind, status, known, meant=meant, plural=f"{kind.replace(' ', 'es ', 1)}")
        if run_id is None and status in of_run:
            text = (
                f"`{status}` is a status of runs, and a thread is {', '.join(of_thread)}. "
                "Name the run, as in wait_for_status(STATUS, THREAD_ID, RUN_ID)"
            )
        elif run_id is not None and status in of_thread:
            text = f"`{status}` is a status of threads, and a run is {', '.join(of_run)}. Leave out the run"
        elif isinstance(status, str) and canonical(status) is not None:
            text = (
                f"{quoted(status)} is an id. The status comes first, as in wait_for_status(STATUS, THREAD_ID, RUN_ID)"
            )
        raise UsageError(text, over_http=text.replace(", as in wait_for_status(STATUS, THREAD_ID, RUN_ID)", ""))

    async def wait_until_held(self, point: str, thread_id: str | None = None, *, deadline: float = DEADLINE) -> Held:
        """Wait until a run is held at a point and return it.

        Raises `DeadlineError`, `UsageError` for a point that no script has, and `ControlError` if no hold is set there.
        """
        check_deadline(deadline)
        gates, thread_id = self.engine.gates, optional_id(thread_id)
        check_point(point, self._scripts(thread_id))

        def holds() -> bool:
            # A hold that the script sets itself needs no call of `hold`.
            closed = point in gates.closed() if thread_id is None else gates.closes(point, thread_id)
            return closed or point in names_of_holds(self._scripts(thread_id))

        if not gates.held(point, thread_id) and not holds():
            known = f"Holds are set at {some(gates.closed())}" if gates.closed() else "No hold is set"
            raise ControlError(
                f"no run will be held at {quoted(point)}, because no hold is set there. {known}. "
                f'Call hold("{point}") before the client sends its message'
            )
        return (
            await self._until(
                lambda: gates.held(point, thread_id), deadline, lambda: f"no run is held at {quoted(point)}"
            )
        )[0]

    async def wait_until_quiet(self, *, deadline: float = DEADLINE) -> None:
        """Wait until no run is in flight. Raises `DeadlineError`."""
        check_deadline(deadline)
        await self._until(
            lambda: not self._in_flight(), deadline, lambda: f"runs still in flight: {some(self._in_flight())}"
        )

    def _status(self, thread_id: str, run_id: str | None) -> str:
        thread = self.thread(thread_id)
        return (
            policy_of(thread).thread_status(thread)
            if run_id is None
            else policy_of(thread).run_status(self.run(thread_id, run_id))
        )

    def _in_flight(self) -> list[str]:
        return [run_id for thread in self.engine.threads.by_id.values() for run_id in thread.in_flight]

    async def _until(
        self, condition: Callable[[], T], deadline: float, describe: Callable[[], str], *, shows_requests: bool = True
    ) -> T:
        try:
            # Real time, and not the deployment's clock: scripted time may be paused until the test advances it.
            async with asyncio.timeout(deadline):
                return await self.engine.notifier.until(condition)
        except TimeoutError:
            entries = list(self.journal) if shows_requests else []
            lines = situation.describe(self.engine, entries).splitlines()
            shown = [line for line in lines if shows_requests or not line.startswith("no request was received")]
            text = "\n".join([f"timed out after {deadline:g} s: {describe()}", *(f"  {line}" for line in shown)])
            raise DeadlineError(text) from None


def _check_can_have(run: Run, status: str) -> None:
    """Raise `DeadlineError` if a run has ended, so that it never has a status that it has not now."""
    # A defect may still change what is shown of a run that has ended.
    if run.over and type(policy_of(run.thread)) is Policy:
        raise DeadlineError(
            f"run {run.run_id} has ended with `{run.status}` and will never have `{status}`"
            f"{situation.how_it_ended(run)}"
        )


def check_deadline(deadline: object) -> None:
    """Raise `UsageError` for what is not a number of seconds above 0, and for one that is probably of milliseconds."""
    number = deadline if isinstance(deadline, (int, float)) and not isinstance(deadline, bool) else 0
    if not 0 < number <= LONGEST:
        instead = f", not milliseconds: {number / 1000:g}" if LONGEST < number < math.inf else ""
        raise UsageError(f"the deadline is {quoted(deadline)}. Give seconds above 0 and up to {LONGEST}{instead}")


def check_count(name: str, given: object, least: int) -> None:
    """Raise `UsageError` for what is neither None nor a whole number from `least`."""
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < least):
        hint = " For none, use assert_not_requested" if name == "at_least" and given == 0 else ""
        raise UsageError(f"`{name}` is {quoted(given)}. Give a whole number from {least}.{hint}".rstrip("."))


def _id(given: object, kind: str) -> str:
    """Return an id as the server spells it. Raises `UsageError` for what is not a text."""
    if isinstance(given, UUID):
        return str(given)
    if isinstance(given, str):
        return canonical(given) or given
    if isinstance(given, Mapping) and f"{kind}_id" in given:
        raise UsageError(f'a {kind} was given in place of its id. Pass its field "{kind}_id"')
    raise UsageError(f"the id of a {kind} is a text, not {quoted(given)}")


def optional_id(thread_id: object) -> str | None:
    """Return the id of a thread that need not exist yet, None for all threads. Raises `UsageError`."""
    if thread_id is None:
        return None
    found = _id(thread_id, "thread")
    if canonical(found) is None:
        raise UsageError(f"{quoted(found)} is not the id of a thread. Pass the UUID that the server returned")
    return found


def _known(known: Sequence[str], what: str) -> str:
    # A deployment may have thousands of threads.
    return f"{what}: {some(known, 10)}" if known else f"there are no {what}"
