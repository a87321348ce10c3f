"""The plays of one run of the suite: each scenario once per deployment, several at a time, in the background.

Tests ask for a transcript and wait for it. All playing happens on one event loop in one thread, together with the
witness and, where no URL was given, the embedded mock deployment.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterable
from concurrent.futures import Future
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import httpx

from conformance.driver.witness import Witness
from conformance.scenarios.scenario import Scenario
from conformance.session.connection import Connection
from conformance.session.target import Target
from conformance.transcript.transcript import SuiteInfo, Transcript

_T = TypeVar("_T")


class NotJudgeable(Exception):  # noqa: N818 -- not an error of the suite: there is nothing to judge
    """The deployment cannot be judged; the text is one line that says why."""


class PlayPool:
    """Plays scenarios against deployments. `jobs` bounds the plays under way at once per deployment."""

    def __init__(
        self, *, suite: SuiteInfo, jobs: int, witness_host: str | None, connection: Connection | None = None
    ) -> None:
        self._suite = suite
        self._jobs = jobs
        loopback = witness_host in (None, "127.0.0.1", "localhost", "::1")
        self._witness = Witness("127.0.0.1" if loopback else "0.0.0.0", witness_host)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="doubletext", daemon=True)
        self._stack = AsyncExitStack()
        self._connection = connection or Connection(httpx.create_ssl_context(trust_env=False))
        self._examined: dict[int, asyncio.Task[None]] = {}
        self._slots: dict[int, asyncio.Semaphore] = {}
        self._plays: dict[tuple[int, str], Future[Transcript]] = {}

    def start(self) -> None:
        """Start the background thread and the witness; raises OSError when the witness cannot listen."""
        self._thread.start()
        self._run(self._open())

    def stop(self) -> None:
        """Give up what is still being played and close everything."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def embed_mock(self, **options: Any) -> str:
        """Start a mock deployment in this process and return its URL; `options` are those of `mockserver.serving`."""
        return self._run(self._embed(options))

    def begin(self, target: Target, scenarios: Iterable[Scenario]) -> None:
        """Begin to play these scenarios, as many at a time as there are jobs."""
        for scenario in scenarios:
            self._future(target, scenario)

    def transcript(self, target: Target, scenario: Scenario) -> Transcript:
        """The transcript of one play, once there is one; raises NotJudgeable."""
        return self._future(target, scenario).result()

    def forget(self, target: Target, scenario: Scenario) -> None:
        """Drop the transcript of one play; who asks for it after that has the scenario played again."""
        self._plays.pop((id(target), scenario.id), None)

    def _future(self, target: Target, scenario: Scenario) -> Future[Transcript]:
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
        plays = [task for task in others if task.get_name().startswith("play ")]
        for task in plays:
            task.cancel()
        await asyncio.gather(*plays, return_exceptions=True)
        await self._stack.aclose()

    async def _embed(self, options: dict[str, Any]) -> str:
        from mockserver import serving

        return await self._stack.enter_async_context(serving(**options))

    async def _examine(self, target: Target) -> None:
        key = id(target)
        if key not in self._examined:
            self._examined[key] = asyncio.create_task(self._look_at(target), name=f"play examine {target.info.url}")
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
        slots = self._slots.setdefault(id(target), asyncio.Semaphore(self._jobs))
        await slots.acquire()
        with contextlib.ExitStack() as slot:
            slot.callback(slots.release)
            await self._examine(target)  # it may have been lost while this play waited for its turn
            async with self._connection.transport() as transport:
                # While a play only looks on, the next may have its slot.
                return await target.play(
                    scenario, transport, self._witness, self._suite, lambda: slot.pop_all().close()
                )

    async def _look_at(self, target: Target) -> None:
        async with self._connection.transport() as transport:
            await target.examine(transport, self._witness, self._suite, self._jobs)
