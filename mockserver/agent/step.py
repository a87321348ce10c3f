"""One step of a run under the probe contract: its reports, its holds, and its reaction to cancellation.

Theory of operation. A step is played by two tasks. The *body* does the node's work and waits where it is held.
The *outer* task, the one that the engine knows and cancels, only waits for the body. A cancellation therefore
never lands in the middle of the work. It lands in `StepPlayer.play`, which reacts as the probe's `on_cancel`
demands:

- `stop`: cancel the body and wait until it has ended, report `cancelled` and `exit`, and raise CancelledError.
- `linger`: the same, but without a witness the `cancelled` report lasts `linger` seconds.
- `swallow`: hold the body at its next point, report `cancelled` (with the same `linger`), then let the body
  finish and return its result.

Reports are shielded. A second cancellation that arrives during a report is remembered and does not end the
report, because the tester counts on receiving every event once. `Witnesses.close` ends reports when the server
shuts down.

A step without a witness, holds and a reaction to cancellation runs its body directly and needs no second task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from msgspec import UNSET

from doubletext.probe import Probe, StepEvent, StepOutcome, StepReport, shown_configurable
from mockserver.agent.witnesses import Witnesses

T = TypeVar("T")


class ProbeError(Exception):
    """The failure that a probe requests with `fail`."""


class Paused(Exception):  # noqa: N818 - nothing went wrong
    """The interrupt of a step that waits for a human. `value` is the question."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


class StepPlayer:
    """One visit of one node in one run. `name` is `NODE:VISIT`, and `probe` is None in a run without one.

    `gate` returns what to await before the step may pass a point, None where nothing holds it.
    """

    def __init__(
        self,
        name: str,
        probe: Probe | None,
        run_id: str,
        witnesses: Witnesses,
        gate: Callable[[str], Awaitable[None] | None],
        *,
        resumed: bool = False,
        answer: Any = None,
        configurable: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self._probe = probe
        self._run_id = run_id
        self._witnesses = witnesses
        self._gate = gate
        self._resumed = resumed
        self._answer = answer
        self._configurable = configurable
        self._swallows = probe is not None and probe.on_cancel == "swallow"
        self._handles_cancellation = probe is not None and (
            bool(probe.witness or probe.hold) or probe.on_cancel != "stop"
        )
        self._wait: asyncio.Task[None] | None = None
        self._paused: asyncio.Event | None = None
        """Set at the end of the report of a swallowed cancellation, None while there is no such report."""

    @property
    def entry(self) -> str:
        """Return the entry that the step appends to the `steps` channel when it finishes."""
        return f"{self._probe.label if self._probe else 'run'}/{self.name}"

    @property
    def _asked(self) -> bool:
        """Return whether the step continues after a question that was answered."""
        return self._resumed and self._probe is not None and self.name in self._probe.interrupt

    async def play(self, work: Callable[[StepPlayer], Awaitable[T]]) -> T:
        """Play the step: report, hold, fail or pause as the probe demands, and do `work`, the node's own part.

        Returns the result of `work`. Raises what `work` raises, `ProbeError` and `Paused` where the probe requests
        them, and CancelledError if the step was cancelled and obeys.
        """
        if not self._handles_cancellation:
            return await self._body(work)
        body = asyncio.create_task(self._body(work))
        while not body.done():
            try:
                await asyncio.wait({body})
            except asyncio.CancelledError:
                if self._swallows:
                    await self._swallow()
                    continue
                # End the body before any report: `cancelled` means that no work happens after it.
                body.cancel()
                await self._wait_shielded(_done(body))
                # Retrieve the result, otherwise asyncio logs an exception that was never retrieved.
                _outcome(body)
                await self._report_shielded("cancelled")
                await self._report_shielded("exit", "cancelled")
                raise
        # A cancellation may arrive during the last report, when the work is done. A run that obeys is cancelled even
        # then: its result must not reach the state after its stop was requested.
        cancelled = await self._report_shielded("exit", _outcome(body))
        if cancelled and not self._swallows:
            raise asyncio.CancelledError
        return body.result()

    async def reach(self, event: StepEvent) -> None:
        """Report that the work has reached `event`, and wait there while the step is held."""
        if self._takes_time(event):
            self._wait = self._witnesses.spawn(self._report(event))
            try:
                await asyncio.wait({self._wait})
            finally:
                # The report is a task of its own, so cancelling the body does not end it.
                self._wait.cancel()
                self._wait = None
        # While a swallowed cancellation is reported, the body must not advance, so that
        # the order of events is the same in every test run.
        if self._paused is not None:
            await self._paused.wait()
        await self._pass(event)

    async def _body(self, work: Callable[[StepPlayer], Awaitable[T]]) -> T:
        await self.reach("enter")
        if self._probe is not None:
            if self.name in self._probe.fail:
                raise ProbeError(f"probe failure at {self.name}")
            if self.name in self._probe.interrupt and not self._resumed:
                raise Paused({"question": "Go on?", "step": self.name})
        done = await work(self)
        await self._pass("exit")
        return done

    async def _pass(self, event: StepEvent) -> None:
        """Return when the step may pass a point."""
        held = self._gate(f"{self.name}/{event}")
        if held is not None:
            await held

    async def _swallow(self) -> None:
        """Report the cancellation while the body waits, then let the body continue."""
        self._paused = asyncio.Event()
        await self._report_shielded("cancelled")
        # The cancellation ends the hold that it interrupted, so the body does not wait for that report any longer.
        if self._wait is not None:
            self._wait.cancel()
        self._paused.set()
        self._paused = None

    async def _report_shielded(self, event: StepEvent, outcome: StepOutcome | None = None) -> bool:
        """Send a report that cancellation does not end. Return whether the waiting task was cancelled."""
        return self._takes_time(event) and await self._wait_shielded(self._report(event, outcome))

    def _takes_time(self, event: StepEvent) -> bool:
        """Return whether an event has a witness to report to, or a duration that replaces one."""
        if self._probe is None or not self._handles_cancellation:
            # Without a witness, holds and a reaction to cancellation no event takes time.
            return False
        return self._probe.witness is not None or self._seconds(self._probe, event) > 0

    def _seconds(self, probe: Probe, event: StepEvent) -> float:
        """Return the duration that replaces an absent witness."""
        stubborn = event == "cancelled" and probe.on_cancel != "stop"
        return probe.hold.get(f"{self.name}/{event}", probe.linger if stubborn else 0)

    async def _report(self, event: StepEvent, outcome: StepOutcome | None = None) -> None:
        """Return when the witness has responded, or after the duration that replaces it."""
        probe = self._probe
        assert probe is not None  # `_takes_time` is false without a probe
        if probe.witness is not None:
            report = StepReport(
                version=1,
                label=probe.label,
                step=self.name,
                event=event,
                run_id=self._run_id,
                outcome=outcome,
                configurable=shown_configurable(dict(self._configurable)) if probe.show and event == "enter" else None,
                resume=self._answer if probe.show and event == "exit" and self._asked else UNSET,
            )
            if await self._witnesses.report(probe.witness, report):
                return
        await self._witnesses.hold(self._seconds(probe, event))

    async def _wait_shielded(self, wait: Coroutine[Any, Any, None]) -> bool:
        """Wait until `wait` ends, ignoring cancellation. Return whether the waiting task was cancelled."""
        task = self._witnesses.spawn(wait)
        cancelled = False
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                cancelled = True
        return cancelled


async def _done(body: asyncio.Task[Any]) -> None:
    await asyncio.wait({body})


def _outcome(body: asyncio.Task[Any]) -> StepOutcome:
    """Return how a finished body ended."""
    if body.cancelled():
        return "cancelled"
    error = body.exception()
    if error is None:
        return "returned"
    return "interrupted" if isinstance(error, Paused) else "raised"
