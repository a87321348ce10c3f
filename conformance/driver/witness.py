"""The witness: an HTTP listener in the tester's process to which every step of a probe agent reports.

Theory of operation
-------------------

The probe agent sends a report when a step begins, at half of an answer, when it is cancelled, and when it ends. It
waits for the response before it continues (`agents/CONTRACT.md`). Two facilities follow from that:

* *Order.* The reports of all runs of a play arrive at one observer. Their order is the order of the steps, whatever
  statuses the deployment shows. The report is recorded on arrival, while the step waits.
* *Holds.* The witness holds a run at a point such as `tools:1/enter` by not answering. The step is then in flight for
  certain, without any dependence on timing. `release` answers the report.

A hold has no deadline here. The agent sets no read timeout, and the driver always ends a hold: with a move, when a wait
for a stop is missed, after the last move, or when it closes the channel.

There is no heartbeat either. A lost connection is the only sign of a run that was killed while it was held: aiohttp
cancels the handler when the agent disconnects, and the witness records `gone`. The witness may notice later than the
disconnection happened, so `gone` does not prove that the step was alive until then (`Play.reported_steps`).

Each play has its own channel, with an unguessable path in its URL. A late report of an earlier play therefore cannot
appear in the record of another one: after `close` it is answered with 410 and not recorded. An agent that receives 410
continues as if there were no witness, so no run that a play left behind stays held.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from conformance.transcript.recorder import Recorder
from conformance.transcript.redaction import TooDeep
from conformance.transcript.transcript import Delivery, Released, WitnessEvent
from doubletext.probe import StepReport

# Imported where it is used: to collect the suite needs no server, and aiohttp takes a third of a second.
if TYPE_CHECKING:
    from aiohttp import web

MAX_REPORT = 64 * 1024
"""The greatest size of one report or webhook in bytes."""

MAX_REPORTS = 1_000
"""The greatest number of reports recorded for one play. A run of the probe agent sends eight to ten."""


class Channel:
    """The reports and holds of one play."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._gates: dict[tuple[str, str], asyncio.Event] = {}
        self._received = 0

    def hold(self, label: str, points: Iterable[str]) -> None:
        """Hold run `label` at each of `points` until it is released."""
        for point in points:
            self._gates[label, point] = asyncio.Event()

    def release(self, label: str | None = None, point: str | None = None) -> None:
        """Release all held runs, those with one label, or one point. Later reports from there are not held either."""
        for (held_label, held_point), gate in self._gates.items():
            if label in (None, held_label) and point in (None, held_point) and not gate.is_set():
                gate.set()
                self._recorder.add(Released, label=held_label, point=held_point)

    def record_webhook(self, label: str, body: Any, answered: int) -> None:
        """Record the webhook of run `label`. Raise OverflowError after too many reports."""
        self._count()
        self._recorder.add(Delivery, label=label, answered=answered, body=self._recorder.redactor.value(body))

    def _count(self) -> None:
        self._received += 1
        if self._received > MAX_REPORTS:
            raise OverflowError(f"more than {MAX_REPORTS} reports in one play")

    async def receive(self, report: StepReport) -> None:
        """Record a report, and return when its run may continue. Raise OverflowError after too many reports."""
        self._count()
        # Recorded before the hold, so that the driver learns that the run has reached the point.
        self._recorder.add(
            WitnessEvent,
            label=report.label,
            step=report.step,
            event=report.event,
            run_id=report.run_id,
            outcome=report.outcome,
            configurable=report.configurable,
            resume=report.resume,
        )
        gate = self._gates.get((report.label, f"{report.step}/{report.event}"))
        if gate is None:
            return
        try:
            await gate.wait()
        except asyncio.CancelledError:
            self._recorder.add(WitnessEvent, label=report.label, step=report.step, event="gone")
            raise


class Witness:
    """The listener. One serves all plays of a session, each through its own channel."""

    def __init__(self, bind: str = "127.0.0.1", advertise: str | None = None) -> None:
        self._bind = bind
        self._advertise = advertise or bind
        self._channels: dict[str, Channel] = {}
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        """Listen on a free port. Raise OSError when the address cannot be bound."""
        from aiohttp import web

        app = web.Application(client_max_size=MAX_REPORT)
        app.router.add_post("/witness/{channel}", self._on_report)
        app.router.add_post("/witness/{channel}/webhook/{label}/{answer:200|500}", self._on_webhook)
        # handler_cancellation: aiohttp would otherwise not notice that a held agent has disconnected.
        # shutdown_timeout: the only requests open at the end are held reports, for which there is nothing to wait.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._bind, 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening. The connections of runs that are still held are closed."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def open(self, recorder: Recorder) -> tuple[str, Channel]:
        """Open a channel for one play. Return the URL to which its runs report, and the channel."""
        name = secrets.token_urlsafe(12)
        self._channels[name] = channel = Channel(recorder)
        host = f"[{self._advertise}]" if ":" in self._advertise else self._advertise
        return f"http://{host}:{self._port}/witness/{name}", channel

    def close(self, url: str) -> None:
        """Close a channel and release its runs. Late reports are answered with 410 and not recorded."""
        channel = self._channels.pop(url.rpartition("/")[2], None)
        if channel is not None:
            channel.release()

    async def _on_report(self, request: web.Request) -> web.Response:
        from aiohttp import web

        channel = self._channels.get(request.match_info["channel"])
        if channel is None:
            return web.json_response({"detail": "this play is over"}, status=410)
        try:
            report = msgspec.json.decode(await request.read(), type=StepReport)
        except msgspec.MsgspecError as error:
            return web.json_response({"detail": f"not a report of a step: {error}"}, status=400)
        try:
            await channel.receive(report)
        except OverflowError as error:
            return web.json_response({"detail": str(error)}, status=429)
        return web.json_response({})

    async def _on_webhook(self, request: web.Request) -> web.Response:
        from aiohttp import web

        channel, answer = self._channels.get(request.match_info["channel"]), int(request.match_info["answer"])
        if channel is None:
            return web.json_response({"detail": "this play is over"}, status=410)
        raw = await request.read()
        try:
            channel.record_webhook(request.match_info["label"], msgspec.json.decode(raw), answer)
        except (msgspec.DecodeError, RecursionError, TooDeep):
            return web.json_response({"detail": "not JSON"}, status=400)
        except OverflowError as error:
            return web.json_response({"detail": str(error)}, status=429)
        return web.json_response({}, status=answer)


def webhook_url(channel: str, label: str, *, fails: bool) -> str:
    """Return the URL for the webhook of run `label` on a channel. If `fails`, the webhook is answered with 500."""
    return f"{channel}/webhook/{label}/{500 if fails else 200}"
