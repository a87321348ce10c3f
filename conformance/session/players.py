"""The plays of one run of the suite: each scenario once per deployment, several at a time, in the background.

Theory of operation:

1. pytest's thread calls `begin` with everything that was selected, then `transcript` for one test after another.
   `transcript` blocks until that play is over. Both share one future per deployment and scenario, so a scenario is
   played once, however many requirements are judged by it.
2. All plays are tasks on one event loop in one background thread. The witness runs on the same loop and, where no URL
   was given, the embedded mock deployment. For many scenarios on that mock, all this has a process of its own, and
   pytest's thread sends messages to it (`play_process.py`).
3. The first play of a deployment examines it, and all others wait for that examination. A deployment that cannot be
   judged raises NotJudgeable in every test, without a further request.
4. A play then waits for workers of the deployment (`room.py`). It gives them back as soon as its runs have ended or its
   scenario only observes, so that the next play starts. With a given number of jobs, each play needs one of as many
   workers. So it is with a single worker, which `target.SHARERS` plays share: it is idle while their clients read, and
   while a new run waits for the deployment to look for one. After its wait a play checks the deployment again, because
   another play may have found it lost meanwhile.
5. A play in which a run did not begin in time while other plays had workers, too, says nothing: perhaps there are fewer
   workers than were found. It is played again with nothing beside it, and fewer plays begin at a time from there on.
6. A play in which a report to the witness was lost is played again, because its situation may not have arisen. The
   transcript of the last play contains those before it. So it is with a race, which is played until two branches of it
   were met (`judge/branches.py`), except on the embedded mock.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

import msgspec

from conformance.driver.witness import Witness
from conformance.judge.branches import has_branches, needs_another
from conformance.judge.play import Play
from conformance.judge.premises import REPLAYS, lost_reports, unstarted
from conformance.scenarios.demand import demand, waits_long
from conformance.scenarios.scenario import Scenario
from conformance.session.connection import Connection
from conformance.session.mock_process import mock_process
from conformance.session.room import Lease, Room
from conformance.session.target import Target
from conformance.transcript.transcript import SuiteInfo, Transcript

_T = TypeVar("_T")


class NotJudgeable(Exception):  # noqa: N818 -- not an error of the suite: there is nothing to judge
    """The deployment cannot be judged. The text is a one-line reason."""


class Interrupted(Exception):  # noqa: N818 -- not an error: the run was asked to end
    """The run ends before the play does."""


UNHELPED = 3
"""The number of plays alone, none of which began in time either, after which the deployment is taken for the cause."""

AWAKE = 0.5
"""Seconds between two checks of whether the run was interrupted."""


def _drop(_target: Target, _transcript: Transcript | None) -> None:
    """Keep nothing."""


class DecodingAtOnce(ThreadPoolExecutor):
    """Threads for what takes long. JSON is read and written at once.

    The official client hands every body to a thread. Almost every body is small, so the handing over takes longer than
    the work, and a thread that judges delays it further.
    """

    def submit(self, fn: Callable[..., _T], /, *args: Any, **options: Any) -> Future[_T]:
        """Return the result of `orjson.loads` and `orjson.dumps`, or begin any other function in a thread."""
        if fn.__module__ != "orjson":
            return super().submit(fn, *args, **options)
        done: Future[_T] = Future()
        try:
            done.set_result(fn(*args, **options))
        except Exception as error:  # noqa: BLE001 - the one who waits gets it
            done.set_exception(error)
        return done


def import_all() -> None:
    """Import the official client and the mock, which most runs import later or not at all."""
    import langgraph_sdk.client  # noqa: F401

    from mockserver import serving  # noqa: F401


def embedded(**options: Any) -> AbstractAsyncContextManager[str]:
    """Return a mock deployment in this process, whose context is its URL. `options` are those of `serving`."""
    from mockserver import serving  # late: a run against a URL works without the mock's dependencies

    return serving(**options)


class Players(ABC):
    """Plays that are made in the background, and the waits for them in pytest's thread."""

    def __init__(self) -> None:
        self._plays: dict[tuple[int, str], Future[Transcript]] = {}
        self._interrupted = False

    @abstractmethod
    def start(self) -> None:
        """Start what plays. Raise OSError if it does not start."""

    @abstractmethod
    def start_mock(self) -> str:
        """Start a mock deployment in a process of its own and return its URL. Raise OSError if it does not start."""

    @abstractmethod
    def begin(self, target: Target, scenarios: Iterable[Scenario]) -> None:
        """Start to play these scenarios, as many at a time as there are jobs, and return at once."""

    @abstractmethod
    def stop(self) -> None:
        """End the plays under way, and all that was started for them."""

    @abstractmethod
    def future(self, target: Target, scenario: Scenario) -> Future[Transcript]:
        """Return the future of one play, which is begun if it was not."""

    def transcript(self, target: Target, scenario: Scenario) -> Transcript:
        """Wait for the play of one scenario and return its transcript. Raise NotJudgeable, or Interrupted."""
        return self._wait(self.future(target, scenario))

    def _wait(self, future: Future[_T]) -> _T:
        # The handler of a signal runs in this thread. One that arrives just before the thread blocks must not wait for
        # the end of the play.
        while not future.done():
            if self._interrupted:
                raise Interrupted
            wait([future], timeout=AWAKE)
        return future.result()

    def first_over(self, plays: Sequence[tuple[Target, Scenario]]) -> int:
        """Wait until one of these plays is over and return its index, that of the first of several."""
        futures = [self.future(*play) for play in plays]
        while not self._interrupted:
            for index, future in enumerate(futures):
                if future.done():
                    return index
            wait(futures, timeout=AWAKE, return_when=FIRST_COMPLETED)
        return 0

    def interrupt(self) -> None:
        """End all waits for plays that are under way. The handler of a signal may call this at any moment."""
        self._interrupted = True

    def forget(self, target: Target, scenario: Scenario) -> None:
        """Drop the transcript of one play, to free its memory. A later `transcript` plays the scenario again."""
        self._plays.pop((id(target), scenario.id), None)


class PlayPool(Players):
    """A player of scenarios against deployments, with at most `jobs` plays at once per deployment.

    With None for `jobs`, as many are played at once as the deployment has workers for.

    `keep` is called in a thread with every play that is over, and with None when a deployment was examined.
    """

    def __init__(
        self,
        *,
        suite: SuiteInfo,
        jobs: int | None,
        witness_host: str | None,
        connection: Connection | None = None,
        keep: Callable[[Target, Transcript | None], None] | None = None,
    ) -> None:
        super().__init__()
        self._suite = suite
        self._keep = keep or _drop
        self._jobs = jobs
        # The witness listens to the network only if the deployment is elsewhere: any host could post reports to it.
        loopback = witness_host in (None, "127.0.0.1", "localhost", "::1")
        self._witness = Witness("127.0.0.1" if loopback else "0.0.0.0", witness_host)
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(DecodingAtOnce(thread_name_prefix="doubletext"))
        # A daemon: when pytest dies without closing the session, the thread must not keep the process alive.
        self._thread = threading.Thread(target=self._loop.run_forever, name="doubletext", daemon=True)
        self._stack = AsyncExitStack()
        self._connection = connection or Connection()
        self._examined: dict[int, asyncio.Task[None]] = {}
        self._rooms: dict[int, Room] = {}
        self._alone: Counter[tuple[int, bool]] = Counter()
        """By deployment and whether that helped: the plays that were made alone."""
        self._embedded: set[str] = set()

    def start(self) -> None:
        """Start the background thread and the witness. Raise OSError when the witness cannot listen."""
        # Before there is another thread: the modules of this package import each other, and two threads that import two
        # of them at the same time get one that is not complete. The judge reads its types.
        import langgraph_sdk.client  # noqa: F401

        self._thread.start()
        self._run(self._open())

    def stop(self) -> None:
        """Cancel the plays under way, and close the witness, the mock and the loop."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def embed_mock(self, **options: Any) -> str:
        """Start a mock deployment in this process and return its URL. `options` are those of `mockserver.serving`."""
        return self._run(self._embed(embedded(**options)))

    def start_mock(self) -> str:
        """Start a mock deployment in a process of its own and return its URL. Raise OSError if it does not start."""
        return self._run(self._embed(mock_process()))

    def begin(self, target: Target, scenarios: Iterable[Scenario]) -> None:
        """Start to play these scenarios, as many at a time as there are jobs, and return at once."""
        # Those that mostly wait take little, and would be the last ones otherwise. So would races, whose plays follow
        # each other.
        for scenario in sorted(scenarios, key=lambda scenario: not (waits_long(scenario) or has_branches(scenario))):
            self.future(target, scenario)

    def visit(self, target: Target, work: Callable[[Witness], Awaitable[_T]]) -> _T:
        """Examine a deployment, and wait for work that uses it. Raise NotJudgeable, or Interrupted.

        The work is cancelled when the wait ends before it does. `stop` waits for its end.
        """
        future = asyncio.run_coroutine_threadsafe(self._visit(target, work), self._loop)
        try:
            return self._wait(future)
        finally:
            future.cancel()

    def future(self, target: Target, scenario: Scenario) -> Future[Transcript]:
        """Return the future of one play, which is begun if it was not."""
        key = (id(target), scenario.id)
        if key not in self._plays:
            self._plays[key] = asyncio.run_coroutine_threadsafe(self._play(target, scenario), self._loop)
        return self._plays[key]

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    # -- on the loop -----------------------------------------------------------------------------------

    async def _open(self) -> None:
        await self._witness.start()
        self._stack.push_async_callback(self._witness.stop)

    async def _close(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for key in self._plays:
            self._plays[key].cancel()
        # Only plays are cancelled, by the names of their tasks. The mock and the witness have tasks on this loop too,
        # and those end through the exit stack, after the plays that still use them.
        plays = [task for task in others if task.get_name().startswith("play ")]
        for task in plays:
            task.cancel()
        await asyncio.gather(*plays, return_exceptions=True)
        await self._stack.aclose()

    async def _embed(self, mock: AbstractAsyncContextManager[str]) -> str:
        url = await self._stack.enter_async_context(mock)
        self._embedded.add(url)
        return url

    async def _examine(self, target: Target) -> None:
        key = id(target)
        if key not in self._examined:
            name = f"play examine {target.info.url}"
            self._examined[key] = asyncio.create_task(self._examine_alone(target), name=name)
        # Shielded: cancelling one play must not cancel the examination on which all other plays wait.
        await asyncio.shield(self._examined[key])
        if target.problem is not None:
            raise NotJudgeable(target.problem)

    async def _play(self, target: Target, scenario: Scenario) -> Transcript:
        task = asyncio.current_task()
        if task is not None:
            task.set_name(f"play {scenario.id}")
        await self._examine(target)
        if not target.can_play(scenario):
            return Transcript.unplayed(self._suite, target.info, scenario)
        transcript = await self._play_until_settled(target, scenario)
        # At once, because a run may be killed long before its verdict. In a thread, because writing megabytes would
        # delay the other plays.
        await asyncio.to_thread(self._keep, target, transcript)
        return transcript

    async def _visit(self, target: Target, work: Callable[[Witness], Awaitable[_T]]) -> _T:
        task = asyncio.current_task()
        if task is not None:
            task.set_name("play by a visitor")  # `_close` cancels and awaits it, as it does with all plays
        await self._examine(target)
        return await work(self._witness)

    async def _play_until_settled(self, target: Target, scenario: Scenario) -> Transcript:
        """Play a scenario, and again where a report was lost or a race needs another branch."""
        earlier: list[Transcript] = []
        lost, room, alone = 0, self._room(target), False
        claim = max(demand(scenario)) if self._jobs_on(target) is None else 1
        while True:
            lease = room.whole() if alone else room.lease(claim, again=bool(earlier))
            transcript = await self._play_once(target, scenario, lease)
            late = unstarted(Play(transcript))
            if alone:
                self._alone[id(target), not late] += 1
            elif late and lease.crowded and self._may_help(target):
                room.shrink(lease)
                alone = True
                continue
            if lost_reports(Play(transcript)):
                lost += 1
                again = lost <= REPLAYS
            else:
                again = target.info.url not in self._embedded and needs_another(
                    [Play(one) for one in (*earlier, transcript)]
                )
            if not again or target.problem is not None:
                return msgspec.structs.replace(transcript, earlier=tuple(earlier))
            earlier.append(transcript)

    def _jobs_on(self, target: Target) -> int | None:
        """Return the number of plays at a time, or None where the workers of the deployment decide."""
        return target.sharers if self._jobs is None else self._jobs

    def _room(self, target: Target) -> Room:
        return self._rooms.setdefault(id(target), Room(self._jobs_on(target) or target.width))

    def _may_help(self, target: Target) -> bool:
        """Return whether a play in which a run did not begin may show more if nothing is beside it."""
        return self._alone[id(target), True] > 0 or self._alone[id(target), False] < UNHELPED

    async def _play_once(self, target: Target, scenario: Scenario, lease: Lease) -> Transcript:
        try:
            await lease.need(demand(scenario)[0])
            await self._examine(target)  # another play may have lost the deployment while this one waited
            async with self._connection.transport() as transport:
                return await target.play(scenario, transport, self._witness, self._suite, lease)
        finally:
            lease.end()

    async def _examine_alone(self, target: Target) -> None:
        async with self._connection.transport() as transport:
            try:
                await target.examine(transport, self._witness, self._suite, self._jobs)
            finally:
                await asyncio.to_thread(self._keep, target, None)
