"""One step of a run: its reports, its holds, and its reaction to a cancellation.

Theory of operation: two tasks execute a step. The *body* does the work of the node and waits while it is held. The
other task is the one that the framework knows and cancels. It only waits for the body. So a cancellation never arrives
in the middle of the work. It arrives in `Step.play`, which reacts as the probe's `on_cancel` states:

- `stop` and `linger`: cancel the body, report `cancelled`, report `exit`, and raise the cancellation again. The two
  differ in how long `cancelled` takes: its answer comes at once, or when the witness releases the run.
- `swallow`: pause the body, report `cancelled`, and let the body continue after the wait that it was in.

The reports that follow a cancellation are sent by tasks of their own, which further cancellations do not reach.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal, TypeVar

from langgraph.errors import GraphInterrupt
from langgraph.types import interrupt

from .probe import Probe, shown_configurable
from .witness import send_report

Event = Literal["enter", "token", "cancelled", "exit"]
Outcome = Literal["returned", "raised", "interrupted", "cancelled"]

T = TypeVar("T")


class ProbeError(Exception):
    """The failure of a step that is listed in the probe's `fail`."""


class Step:
    """One visit of one node in one run.

    `name` is `NODE:VISIT`. `probe` is None in a run without a probe.
    """

    def __init__(
        self, name: str, probe: Probe | None, run_id: str | None, configurable: dict[str, Any] | None = None
    ) -> None:
        self.name = name
        self._probe = probe
        self._run_id = run_id
        self._configurable = shown_configurable(configurable or {})
        self._answers: list[Any] = []
        self._on_cancel = probe.on_cancel if probe else "stop"
        self._wait: asyncio.Task[None] | None = None
        self._may_continue = asyncio.Event()
        self._may_continue.set()

    @property
    def entry(self) -> str:
        """The entry that the step appends to the `steps` channel when it finishes."""
        return f"{self._probe.label if self._probe else 'run'}/{self.name}"

    async def play(self, work: Callable[[Step], Awaitable[T]]) -> T:
        """Execute the step: report, hold, fail or park as the probe states, and do `work`, the node's own part.

        Returns the value of `work`. Raises the exceptions of `work`, `ProbeError` if the step is listed in `fail`,
        `GraphInterrupt` if it is listed in `interrupt`, and `CancelledError` if it was cancelled and does not swallow.
        """
        body = asyncio.create_task(self._body(work))
        while not body.done():
            try:
                await asyncio.wait({body})
            except asyncio.CancelledError:
                if self._on_cancel == "swallow":
                    await self._swallow()
                    continue
                # The body first: no work may happen after `cancelled` is reported. Then the reports, in their order.
                body.cancel()
                await _outlast_cancellation(asyncio.wait({body}))
                # Retrieves the exception. asyncio logs an error for a task whose exception is never retrieved.
                _outcome(body)
                await _outlast_cancellation(self._report("cancelled"))
                await _outlast_cancellation(self._report("exit", "cancelled"))
                raise
        # A step that has sent `exit` is over: a cancellation meanwhile is not reported, but takes effect afterwards.
        cancelled = await _outlast_cancellation(self._report("exit", _outcome(body)))
        if cancelled and self._on_cancel != "swallow":
            raise asyncio.CancelledError
        return body.result()

    async def reach(self, event: Event) -> None:
        """Report `event`, and wait as long as the step is held there."""
        self._wait = asyncio.create_task(self._report(event))
        try:
            await asyncio.wait({self._wait})
        finally:
            self._wait.cancel()
            self._wait = None
        # The work stays paused while a cancellation is reported, even if the witness answers the wait meanwhile.
        await self._may_continue.wait()

    async def take(self, seconds: float) -> None:
        """Sleep in a run without a probe. In a run with a probe nothing takes time."""
        if self._probe is None:
            await asyncio.sleep(seconds)

    async def _body(self, work: Callable[[Step], Awaitable[T]]) -> T:
        if self._probe is not None:
            await self.reach("enter")
            if self.name in self._probe.fail:
                raise ProbeError(f"probe failure at {self.name}")
            if self.name in self._probe.interrupt:
                self._answers.append(interrupt({"question": "Go on?", "step": self.name}))
        return await work(self)

    async def _swallow(self) -> None:
        """Report the cancellation while the body is paused, then let the body continue after its wait."""
        self._may_continue.clear()
        await _outlast_cancellation(self._report("cancelled"))
        # The contract: a wait that a cancellation cut short is not resumed, even if the witness never answers it.
        if self._wait is not None:
            self._wait.cancel()
        self._may_continue.set()

    async def _report(self, event: Event, outcome: Outcome | None = None) -> None:
        """Report to the witness and return when it answers. Without a witness, sleep as long as the probe states."""
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
            if probe.show and event == "enter":
                report["configurable"] = self._configurable
            if probe.show and event == "exit" and self._answers:
                report["resume"] = self._answers[-1]
            if await send_report(probe.witness, report):
                return
        stubborn = event == "cancelled" and probe.on_cancel != "stop"
        await self.nap(probe.hold.get(f"{self.name}/{event}", probe.linger if stubborn else 0))

    @staticmethod
    async def nap(seconds: float) -> None:
        """Sleep. This is a method of its own so that a test can replace it."""
        await asyncio.sleep(seconds)


def _outcome(body: asyncio.Task[Any]) -> Outcome:
    """Return the outcome of a body that is done."""
    if body.cancelled():
        return "cancelled"
    error = body.exception()
    if error is None:
        return "returned"
    return "interrupted" if isinstance(error, GraphInterrupt) else "raised"


async def _outlast_cancellation(work: Coroutine[Any, Any, Any]) -> bool:
    """Wait until `work` is done, however often the waiting task is cancelled. Return True if it was cancelled."""
    # `asyncio.shield` would not do: it protects `work`, but the wait for it still ends at the first cancellation.
    task = asyncio.create_task(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    return cancelled
