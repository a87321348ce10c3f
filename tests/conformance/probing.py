"""Parts that the tests of the probe agents share: a witness, probe configurations, and the expected reports."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

DEADLINE = 60.0
"""Seconds after which a report or answer counts as lost, far more than any takes on a busy machine."""
FULL_TURN = ["agent:1", "tools:1", "agent:2"]
TOOL = "tavily_search_results_json"
POINTS = ["agent:1/enter", "tools:1/enter", "agent:2/enter", "agent:2/token"]


class Witness:
    """An HTTP server that records reports and answers each at once, or on release if its point is held."""

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []
        self.status = 204
        self._held: dict[str, asyncio.Event] = {}
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/reports", self._receive)
        # A probe agent may keep its connection open, and the default waits a minute for it.
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/reports"

    async def stop(self) -> None:
        # The server waits for open requests when it stops, and a held report would be one.
        for gate in self._held.values():
            gate.set()
        assert self._runner is not None
        await self._runner.cleanup()

    def hold(self, *points: str) -> None:
        """Leave reports of `LABEL/STEP/EVENT` unanswered until `release` is called."""
        for point in points:
            self._held[point] = asyncio.Event()

    def release(self, *points: str) -> None:
        for point in points:
            self._held[point].set()

    @property
    def events(self) -> list[str]:
        """The reports in the order of arrival, as `LABEL/STEP/EVENT`, with the outcome after an exit."""
        return [
            f"{r['label']}/{r['step']}/{r['event']}" + (f" {r['outcome']}" if "outcome" in r else "")
            for r in self.reports
        ]

    async def until(self, *events: str) -> None:
        """Wait until each of these events was reported."""
        async with asyncio.timeout(DEADLINE), self._news:
            await self._news.wait_for(lambda: set(events) <= set(self.events))

    async def _receive(self, request: web.Request) -> web.Response:
        report = await request.json()
        # Recorded before the hold, so that a test can wait for the report that it holds.
        async with self._news:
            self.reports.append(report)
            self._news.notify_all()
        gate = self._held.get(f"{report['label']}/{report['step']}/{report['event']}")
        if gate is not None:
            await gate.wait()
        return web.Response(status=self.status)


def probe_for(label: str = "A", **keys: object) -> dict[str, object]:
    """Return a probe of version 1 with these keys."""
    return {"version": 1, "label": label, **keys}


def probe_with_work(how: str, witness: Witness | None = None, label: str = "A", **keys: object) -> dict[str, object]:
    """Return a probe of version 2 with this `work`, the graph that runs the tool call instead of the step `tools`."""
    return probe_for(label, version=2, work=how, witness=None if witness is None else witness.url, **keys)


def played(label: str, *steps: str) -> list[str]:
    """Return the reports of steps that end normally."""
    events: list[str] = []
    for step in steps:
        events.append(f"{label}/{step}/enter")
        # In a full turn only the final answer is streamed in tokens, so only this step reports its middle.
        if step == "agent:2":
            events.append(f"{label}/{step}/token")
        events.append(f"{label}/{step}/exit returned")
    return events


# The corner cases of JSON and of the parsers in both languages: 2.0 for 2, True for 1, a line break at the end.
GOOD: list[object] = [
    None,
    probe_for(),
    probe_for("a-Z_09"),
    probe_for("x" * 32),
    probe_for(witness="http://127.0.0.1:9/x"),
    probe_for(witness=None),
    probe_for(hold={}),
    probe_for(hold={"tools:1/enter": 0, "agent:2/token": 1.5, "agent:10/exit": 600, "tools:3/cancelled": 1}),
    probe_for(fail=[]),
    probe_for(fail=["agent:1", "tools:12"]),
    probe_for(interrupt=["agent:2"]),
    probe_for(on_cancel="stop"),
    probe_for(on_cancel="linger", linger=0),
    probe_for(on_cancel="swallow", linger=600.0),
    probe_for(work="tools"),
    probe_for(version=2),
    probe_for(version=4, show=True),
    probe_for(version=2, work="tools"),
    probe_for(version=2, work="subgraph", hold={"search:1/enter": 1, "quote:1/exit": 1}),
    probe_for(version=2, work="parallel", fail=["audit:1"], interrupt=["search:2"]),
]

BAD: list[tuple[object, str]] = [
    ([], "object"),
    ("A", "object"),
    (1, "object"),
    (False, "object"),
    ({}, "version"),
    ({"version": 1}, "label"),
    ({"label": "A"}, "version"),
    ({"version": 5, "label": "A"}, "version"),
    ({"version": 2.0, "label": "A"}, "version"),
    ({"version": "1", "label": "A"}, "version"),
    ({"version": 1.0, "label": "A"}, "version"),
    ({"version": True, "label": "A"}, "version"),
    ({"version": None, "label": "A"}, "version"),
    (probe_for(""), "label"),
    (probe_for("x" * 33), "label"),
    (probe_for("A B"), "label"),
    (probe_for("Ä"), "label"),
    (probe_for("A\n"), "label"),
    ({"version": 1, "label": 7}, "label"),
    ({"version": 1, "label": None}, "label"),
    (probe_for(version=2, show=True), "show"),
    (probe_for(version=3, show="yes"), "show"),
    (probe_for(color="red"), "color"),
    (probe_for(witness=1), "witness"),
    (probe_for(hold=None), "hold"),
    (probe_for(hold=[]), "hold"),
    (probe_for(hold={"tools:1": 1}), "hold"),
    (probe_for(hold={"tools:0/enter": 1}), "hold"),
    (probe_for(hold={"other:1/enter": 1}), "hold"),
    (probe_for(hold={"tools:1/later": 1}), "hold"),
    (probe_for(hold={"tools:1/enter\n": 1}), "hold"),
    (probe_for(hold={"tools:1/enter": "1"}), "hold"),
    (probe_for(hold={"tools:1/enter": True}), "hold"),
    (probe_for(hold={"tools:1/enter": None}), "hold"),
    (probe_for(hold={"tools:1/enter": -0.1}), "hold"),
    (probe_for(hold={"tools:1/enter": 600.1}), "hold"),
    (probe_for(hold={"tools:1/enter": float("nan")}), "hold"),
    (probe_for(fail=None), "fail"),
    (probe_for(fail="agent:1"), "fail"),
    (probe_for(fail=["agent"]), "fail"),
    (probe_for(fail=["agent:01"]), "fail"),
    (probe_for(fail=[1]), "fail"),
    (probe_for(fail=["agent:1\n"]), "fail"),
    (probe_for(interrupt={"agent:1": 1}), "interrupt"),
    (probe_for(interrupt=["agent:1/enter"]), "interrupt"),
    (probe_for(on_cancel="explode"), "on_cancel"),
    (probe_for(on_cancel=None), "on_cancel"),
    (probe_for(linger=None), "linger"),
    (probe_for(linger="1"), "linger"),
    (probe_for(linger=False), "linger"),
    (probe_for(linger=-1), "linger"),
    (probe_for(linger=float("inf")), "linger"),
    (probe_for(work="subgraph"), "work"),
    (probe_for(work="parallel"), "work"),
    (probe_for(version=2, work="other"), "work"),
    (probe_for(version=2, work=None), "work"),
    (probe_for(version=2, fail=["research:1"]), "fail"),
]

STAYS: list[tuple[dict[str, Any], list[float]]] = [
    ({"on_cancel": "stop", "linger": 9.0}, []),
    ({"on_cancel": "linger", "linger": 0.25}, [0.25]),
    ({"on_cancel": "swallow"}, [0.5]),
    ({"on_cancel": "linger", "hold": {"tools:1/cancelled": 2.0}}, [2.0]),
]
"""Probe keys, and the seconds for which a cancelled `tools:1` stays when there is no witness."""
