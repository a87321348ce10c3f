"""What the tests of the probe agents share: a witness, what a run is told, and the reports that are expected."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

DEADLINE = 20.0
FULL_TURN = ["agent:1", "tools:1", "agent:2"]
TOOL = "tavily_search_results_json"
POINTS = ["agent:1/enter", "tools:1/enter", "agent:2/enter", "agent:2/token"]


class Witness:
    """An HTTP listener that records reports and answers each when its point is not held."""

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
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/reports"

    async def stop(self) -> None:
        for gate in self._held.values():
            gate.set()
        assert self._runner is not None
        await self._runner.cleanup()

    def hold(self, *points: str) -> None:
        """Leave reports of `LABEL/STEP/EVENT` unanswered until `release`."""
        for point in points:
            self._held[point] = asyncio.Event()

    def release(self, *points: str) -> None:
        for point in points:
            self._held[point].set()

    @property
    def events(self) -> list[str]:
        """`LABEL/STEP/EVENT`, with the outcome behind an exit, in the order of arrival."""
        return [
            f"{r['label']}/{r['step']}/{r['event']}" + (f" {r['outcome']}" if "outcome" in r else "")
            for r in self.reports
        ]

    async def until(self, *events: str) -> None:
        """Wait until each of these was reported."""
        async with asyncio.timeout(DEADLINE), self._news:
            await self._news.wait_for(lambda: set(events) <= set(self.events))

    async def _receive(self, request: web.Request) -> web.Response:
        report = await request.json()
        async with self._news:
            self.reports.append(report)
            self._news.notify_all()
        gate = self._held.get(f"{report['label']}/{report['step']}/{report['event']}")
        if gate is not None:
            await gate.wait()
        return web.Response(status=self.status)


def told(label: str = "A", **keys: object) -> dict[str, object]:
    return {"version": 1, "label": label, **keys}


def works(how: str, witness: Witness | None = None, label: str = "A", **keys: object) -> dict[str, object]:
    """A probe of version 2 whose tool call is worked on in another way than by `tools`."""
    return told(label, version=2, work=how, witness=None if witness is None else witness.url, **keys)


def played(label: str, *steps: str) -> list[str]:
    """The reports of undisturbed steps."""
    events: list[str] = []
    for step in steps:
        events.append(f"{label}/{step}/enter")
        if step == "agent:2":
            events.append(f"{label}/{step}/token")
        events.append(f"{label}/{step}/exit returned")
    return events


GOOD: list[object] = [
    None,
    told(),
    told("a-Z_09"),
    told("x" * 32),
    told(witness="http://127.0.0.1:9/x"),
    told(witness=None),
    told(hold={}),
    told(hold={"tools:1/enter": 0, "agent:2/token": 1.5, "agent:10/exit": 600, "tools:3/cancelled": 1}),
    told(fail=[]),
    told(fail=["agent:1", "tools:12"]),
    told(interrupt=["agent:2"]),
    told(on_cancel="stop"),
    told(on_cancel="linger", linger=0),
    told(on_cancel="swallow", linger=600.0),
    told(work="tools"),
    told(version=2),
    told(version=2, work="tools"),
    told(version=2, work="subgraph", hold={"search:1/enter": 1, "quote:1/exit": 1}),
    told(version=2, work="parallel", fail=["audit:1"], interrupt=["search:2"]),
]

BAD: list[tuple[object, str]] = [
    ([], "object"),
    ("A", "object"),
    (1, "object"),
    (False, "object"),
    ({}, "version"),
    ({"version": 1}, "label"),
    ({"label": "A"}, "version"),
    ({"version": 3, "label": "A"}, "version"),
    ({"version": 2.0, "label": "A"}, "version"),
    ({"version": "1", "label": "A"}, "version"),
    ({"version": 1.0, "label": "A"}, "version"),
    ({"version": True, "label": "A"}, "version"),
    ({"version": None, "label": "A"}, "version"),
    (told(""), "label"),
    (told("x" * 33), "label"),
    (told("A B"), "label"),
    (told("Ä"), "label"),
    (told("A\n"), "label"),
    ({"version": 1, "label": 7}, "label"),
    ({"version": 1, "label": None}, "label"),
    (told(color="red"), "color"),
    (told(witness=1), "witness"),
    (told(hold=None), "hold"),
    (told(hold=[]), "hold"),
    (told(hold={"tools:1": 1}), "hold"),
    (told(hold={"tools:0/enter": 1}), "hold"),
    (told(hold={"other:1/enter": 1}), "hold"),
    (told(hold={"tools:1/later": 1}), "hold"),
    (told(hold={"tools:1/enter\n": 1}), "hold"),
    (told(hold={"tools:1/enter": "1"}), "hold"),
    (told(hold={"tools:1/enter": True}), "hold"),
    (told(hold={"tools:1/enter": None}), "hold"),
    (told(hold={"tools:1/enter": -0.1}), "hold"),
    (told(hold={"tools:1/enter": 600.1}), "hold"),
    (told(hold={"tools:1/enter": float("nan")}), "hold"),
    (told(fail=None), "fail"),
    (told(fail="agent:1"), "fail"),
    (told(fail=["agent"]), "fail"),
    (told(fail=["agent:01"]), "fail"),
    (told(fail=[1]), "fail"),
    (told(fail=["agent:1\n"]), "fail"),
    (told(interrupt={"agent:1": 1}), "interrupt"),
    (told(interrupt=["agent:1/enter"]), "interrupt"),
    (told(on_cancel="explode"), "on_cancel"),
    (told(on_cancel=None), "on_cancel"),
    (told(linger=None), "linger"),
    (told(linger="1"), "linger"),
    (told(linger=False), "linger"),
    (told(linger=-1), "linger"),
    (told(linger=float("inf")), "linger"),
    (told(work="subgraph"), "work"),
    (told(work="parallel"), "work"),
    (told(version=2, work="other"), "work"),
    (told(version=2, work=None), "work"),
    (told(version=2, fail=["research:1"]), "fail"),
]

STAYS: list[tuple[dict[str, Any], list[float]]] = [
    ({"on_cancel": "stop", "linger": 9.0}, []),
    ({"on_cancel": "linger", "linger": 0.25}, [0.25]),
    ({"on_cancel": "swallow"}, [0.5]),
    ({"on_cancel": "linger", "hold": {"tools:1/cancelled": 2.0}}, [2.0]),
]
"""What `tools:1` is told, and how long it stays when it is cancelled and nobody listens."""
