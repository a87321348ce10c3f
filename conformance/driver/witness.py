"""The witness: a small HTTP listener in the tester's process that every step of a probe agent reports to.

It sees the steps of all runs of a play in one order, whatever the deployment claims, and holds a run at a point
by not answering its report (`agents/CONTRACT.md`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from conformance.transcript.recorder import Recorder
from conformance.transcript.redaction import TooDeep
from conformance.transcript.transcript import Delivery, Released, WitnessEvent
from doubletext.probe import StepReport

MAX_REPORT = 64 * 1024
"""Bytes of one report."""

MAX_REPORTS = 1_000
"""Reports that are recorded of one play; a run of the probe agent sends eight to ten."""


class Stand:
    """Where the runs of one play report; `holds` are the points at which a run is not answered."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._gates: dict[tuple[str, str], asyncio.Event] = {}
        self._taken = 0

    def hold(self, label: str, points: Iterable[str]) -> None:
        """From now on run `label` is held at each of `points` until it is released."""
        for point in points:
            self._gates[label, point] = asyncio.Event()

    def release(self, label: str | None = None, point: str | None = None) -> None:
        """Let held runs go on: all, those of one label, or one point. Later arrivals are not held either."""
        for (held_label, held_point), gate in self._gates.items():
            if label in (None, held_label) and point in (None, held_point) and not gate.is_set():
                gate.set()
                self._recorder.add(Released, label=held_label, point=held_point)

    def note(self, label: str, body: Any, answered: int) -> None:
        """Record the webhook of run `label`; raises OverflowError when too much was sent."""
        self._count()
        self._recorder.add(Delivery, label=label, answered=answered, body=self._recorder.redactor.value(body))

    def _count(self) -> None:
        self._taken += 1
        if self._taken > MAX_REPORTS:
            raise OverflowError(f"more than {MAX_REPORTS} reports in one play")

    async def take(self, report: StepReport) -> None:
        """Record a report and return when its run may go on; raises OverflowError when there were too many."""
        self._count()
        self._recorder.add(
            WitnessEvent,
            label=report.label,
            step=report.step,
            event=report.event,
            run_id=report.run_id,
            outcome=report.outcome,
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
    """The listener; one serves all plays of a session, each under its own unguessable path."""

    def __init__(self, bind: str = "127.0.0.1", advertise: str | None = None) -> None:
        self._bind = bind
        self._advertise = advertise or bind
        self._stands: dict[str, Stand] = {}
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        """Listen on a free port; raises OSError when the address cannot be bound."""
        app = web.Application(client_max_size=MAX_REPORT)
        app.router.add_post("/witness/{stand}", self._on_report)
        app.router.add_post("/witness/{stand}/webhook/{label}/{answer:200|500}", self._on_webhook)
        # handler_cancellation: a held agent that goes away must be noticed at once.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._bind, 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening; whoever is still held is cut off."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def open(self, recorder: Recorder) -> tuple[str, Stand]:
        """A stand for one play, and the URL under which its runs report."""
        name = secrets.token_urlsafe(12)
        self._stands[name] = stand = Stand(recorder)
        host = f"[{self._advertise}]" if ":" in self._advertise else self._advertise
        return f"http://{host}:{self._port}/witness/{name}", stand

    def close(self, url: str) -> None:
        """Forget a stand; late reports are answered 410 and recorded nowhere."""
        stand = self._stands.pop(url.rpartition("/")[2], None)
        if stand is not None:
            stand.release()

    async def _on_report(self, request: web.Request) -> web.Response:
        stand = self._stands.get(request.match_info["stand"])
        if stand is None:
            return web.json_response({"detail": "this play is over"}, status=410)
        try:
            report = msgspec.json.decode(await request.read(), type=StepReport)
        except msgspec.MsgspecError as error:
            return web.json_response({"detail": f"not a report: {error}"}, status=400)
        try:
            await stand.take(report)
        except OverflowError as error:
            return web.json_response({"detail": str(error)}, status=429)
        return web.json_response({})

    async def _on_webhook(self, request: web.Request) -> web.Response:
        stand, answer = self._stands.get(request.match_info["stand"]), int(request.match_info["answer"])
        if stand is None:
            return web.json_response({"detail": "this play is over"}, status=410)
        raw = await request.read()
        try:
            stand.note(request.match_info["label"], msgspec.json.decode(raw), answer)
        except (msgspec.DecodeError, RecursionError, TooDeep):
            return web.json_response({"detail": "not JSON"}, status=400)
        except OverflowError as error:
            return web.json_response({"detail": str(error)}, status=429)
        return web.json_response({}, status=answer)


def webhook_url(stand: str, label: str, *, fails: bool) -> str:
    """Where the webhook of run `label` goes, at the stand with this URL; one that `fails` is answered 500."""
    return f"{stand}/webhook/{label}/{500 if fails else 200}"
