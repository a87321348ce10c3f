"""One step of a run as the probe contract wants it: its reports, its holds, its manners when it is cancelled.

A step is played by two tasks. The *body* does the node's work and waits where it is held. The task that the
engine knows, and cancels, only waits for the body. So a cancellation never lands in the middle of the work: it
lands in `StepPlayer.play`, which decides as the probe says. Where nobody is told and a cancellation is obeyed at
once the body is all there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from doubletext.probe import Probe, StepEvent, StepOutcome, StepReport
from mockserver.agent.witnesses import Witnesses

T = TypeVar("T")


class ProbeError(Exception):
    """The failure that a probe asks for with `fail`."""


class Paused(Exception):  # noqa: N818 - nothing went wrong
    """A step that waits for a human; `value` is what it asks."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


class StepPlayer:
    """One visit of one node in one run; `name` is `NODE:VISIT`, and `probe` is None in a run for people.

    `gate` returns when the step may pass a point.
    """

    def __init__(
        self,
        name: str,
        probe: Probe | None,
        run_id: str,
        witnesses: Witnesses,
        gate: Callable[[str], Awaitable[None]],
        *,
        resumed: bool = False,
    ) -> None:
        self.name = name
        self._probe = probe
        self._run_id = run_id
        self._witnesses = witnesses
        self._gate = gate
        self._resumed = resumed
        self._swallows = probe is not None and probe.on_cancel == "swallow"
        self._has_manners = probe is not None and (bool(probe.witness or probe.hold) or probe.on_cancel != "stop")
        self._wait: asyncio.Task[None] | None = None
        self._may_go_on = asyncio.Event()
        self._may_go_on.set()

    @property
    def entry(self) -> str:
        """What the step appends to the `steps` channel when it finishes."""
        return f"{self._probe.label if self._probe else 'run'}/{self.name}"

    async def play(self, work: Callable[[StepPlayer], Awaitable[T]]) -> T:
        """Play the step: report, hold, fail or pause as the probe says, and do `work`, the node's own part.

        Returns what `work` returns. Raises what it raises, `ProbeError` and `Paused` where the probe asks for
        them, and CancelledError if the step was cancelled and obeys.
        """
        if not self._has_manners:
            return await self._body(work)
        body = asyncio.create_task(self._body(work))
        while not body.done():
            try:
                await asyncio.wait({body})
            except asyncio.CancelledError:
                if self._swallows:
                    await self._swallow()
                    continue
                body.cancel()
                await self._outlast(_done(body))
                # Looked at, so that asyncio does not complain of an exception that nobody saw.
                _outcome(body)
                await self._report_uncancelled("cancelled")
                await self._report_uncancelled("exit", "cancelled")
                raise
        cancelled = await self._report_uncancelled("exit", _outcome(body))
        if cancelled and not self._swallows:
            raise asyncio.CancelledError
        return body.result()

    async def reach(self, event: StepEvent) -> None:
        """Report that the work has come to `event`, and stay there for as long as the step is held."""
        if self._takes_time(event):
            self._wait = self._witnesses.spawn(self._report(event))
            try:
                await asyncio.wait({self._wait})
            finally:
                self._wait.cancel()
                self._wait = None
        await self._may_go_on.wait()
        await self._gate(f"{self.name}/{event}")

    async def _body(self, work: Callable[[StepPlayer], Awaitable[T]]) -> T:
        await self.reach("enter")
        if self._probe is not None:
            if self.name in self._probe.fail:
                raise ProbeError(f"probe failure at {self.name}")
            if self.name in self._probe.interrupt and not self._resumed:
                raise Paused({"question": "Go on?", "step": self.name})
        done = await work(self)
        await self._gate(f"{self.name}/exit")
        return done

    async def _swallow(self) -> None:
        """Report the cancellation while the body stands still, then let the body go on after its wait."""
        self._may_go_on.clear()
        await self._report_uncancelled("cancelled")
        if self._wait is not None:
            self._wait.cancel()
        self._may_go_on.set()

    async def _report_uncancelled(self, event: StepEvent, outcome: StepOutcome | None = None) -> bool:
        """Report, however often the waiting task is cancelled; True if it was."""
        return self._takes_time(event) and await self._outlast(self._report(event, outcome))

    def _takes_time(self, event: StepEvent) -> bool:
        """Whether there is a witness to tell of an event, or a time that stands for one."""
        return self._probe is not None and (self._probe.witness is not None or self._seconds(self._probe, event) > 0)

    def _seconds(self, probe: Probe, event: StepEvent) -> float:
        """The time that stands for an absent witness."""
        stubborn = event == "cancelled" and probe.on_cancel != "stop"
        return probe.hold.get(f"{self.name}/{event}", probe.linger if stubborn else 0)

    async def _report(self, event: StepEvent, outcome: StepOutcome | None = None) -> None:
        """Return when the witness has answered, or after the time that stands for an absent witness."""
        probe = self._probe
        assert probe is not None  # else nothing takes time
        if probe.witness is not None:
            report = StepReport(
                version=1,
                label=probe.label,
                step=self.name,
                event=event,
                run_id=self._run_id,
                outcome=outcome,
            )
            if await self._witnesses.report(probe.witness, report):
                return
        await self._witnesses.hold(self._seconds(probe, event))

    async def _outlast(self, wait: Coroutine[Any, Any, None]) -> bool:
        """Wait until `wait` is over, however often the waiting task is cancelled; True if it was."""
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
    """How a body that is done ended."""
    if body.cancelled():
        return "cancelled"
    error = body.exception()
    if error is None:
        return "returned"
    return "interrupted" if isinstance(error, Paused) else "raised"
