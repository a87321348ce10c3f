"""One step of a run: its reports, its holds, and what it does when it is cancelled.

A step is played by two tasks. The *body* does the node's work and waits where it is held. The task that
the framework knows, and cancels, only waits for the body. So a cancellation never lands in the middle of
the work: it lands in `Step.play`, which decides as the probe says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal, TypeVar

from langgraph.errors import GraphInterrupt
from langgraph.types import interrupt

from .probe import Probe
from .witness import tell

Event = Literal["enter", "token", "cancelled", "exit"]
Outcome = Literal["returned", "raised", "interrupted", "cancelled"]

T = TypeVar("T")


class ProbeError(Exception):
    """The failure that a probe asks for with `fail`."""


class Step:
    """One visit of one node in one run; `name` is `NODE:VISIT`, and `probe` is None in a run for people."""

    def __init__(self, name: str, probe: Probe | None, run_id: str | None) -> None:
        self.name = name
        self._probe = probe
        self._run_id = run_id
        self._on_cancel = probe.on_cancel if probe else "stop"
        self._wait: asyncio.Task[None] | None = None
        self._may_go_on = asyncio.Event()
        self._may_go_on.set()

    @property
    def entry(self) -> str:
        """What the step appends to the `steps` channel when it finishes."""
        return f"{self._probe.label if self._probe else 'run'}/{self.name}"

    async def play(self, work: Callable[[Step], Awaitable[T]]) -> T:
        """Play the step: report, hold, fail or park as the probe says, and do `work`, the node's own part.

        Returns what `work` returns. Raises what it raises, `ProbeError` where the probe asks for a failure,
        `GraphInterrupt` where it asks for a pause, `CancelledError` if the step was cancelled and obeys.
        """
        body = asyncio.create_task(self._body(work))
        while not body.done():
            try:
                await asyncio.wait({body})
            except asyncio.CancelledError:
                if self._on_cancel == "swallow":
                    await self._swallow()
                    continue
                body.cancel()
                await _outlast_cancellation(asyncio.wait({body}))
                # Looked at, so that asyncio does not complain of an exception that nobody saw.
                _outcome(body)
                await _outlast_cancellation(self._report("cancelled"))
                await _outlast_cancellation(self._report("exit", "cancelled"))
                raise
        cancelled = await _outlast_cancellation(self._report("exit", _outcome(body)))
        if cancelled and self._on_cancel != "swallow":
            raise asyncio.CancelledError
        return body.result()

    async def reach(self, event: Event) -> None:
        """Report that the work has come to `event`, and stay there for as long as the step is held."""
        self._wait = asyncio.create_task(self._report(event))
        try:
            await asyncio.wait({self._wait})
        finally:
            self._wait.cancel()
            self._wait = None
        await self._may_go_on.wait()

    async def take(self, seconds: float) -> None:
        """Take so long in a run for people; nothing takes time in a run with a probe."""
        if self._probe is None:
            await asyncio.sleep(seconds)

    async def _body(self, work: Callable[[Step], Awaitable[T]]) -> T:
        if self._probe is not None:
            await self.reach("enter")
            if self.name in self._probe.fail:
                raise ProbeError(f"probe failure at {self.name}")
            if self.name in self._probe.interrupt:
                interrupt({"question": "Go on?", "step": self.name})
        return await work(self)

    async def _swallow(self) -> None:
        """Report the cancellation while the body stands still, then let the body go on after its wait."""
        self._may_go_on.clear()
        await _outlast_cancellation(self._report("cancelled"))
        if self._wait is not None:
            self._wait.cancel()
        self._may_go_on.set()

    async def _report(self, event: Event, outcome: Outcome | None = None) -> None:
        """Return when the witness has answered, or after the time that stands for an absent witness."""
        probe = self._probe
        if probe is None:
            return
        if probe.witness is not None:
            report: dict[str, Any] = {
                "version": probe.version,
                "label": probe.label,
                "run_id": self._run_id,
                "step": self.name,
                "event": event,
            }
            if outcome is not None:
                report["outcome"] = outcome
            if await tell(probe.witness, report):
                return
        stubborn = event == "cancelled" and probe.on_cancel != "stop"
        await self.nap(probe.hold.get(f"{self.name}/{event}", probe.linger if stubborn else 0))

    @staticmethod
    async def nap(seconds: float) -> None:
        """Let so much time pass; apart, so that a test can do it in none."""
        await asyncio.sleep(seconds)


def _outcome(body: asyncio.Task[Any]) -> Outcome:
    """How a body that is done ended."""
    if body.cancelled():
        return "cancelled"
    error = body.exception()
    if error is None:
        return "returned"
    return "interrupted" if isinstance(error, GraphInterrupt) else "raised"


async def _outlast_cancellation(work: Coroutine[Any, Any, Any]) -> bool:
    """Wait until `work` is done, however often the waiting task is cancelled; True if it was."""
    task = asyncio.create_task(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    return cancelled
