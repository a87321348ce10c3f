"""Deployments for tests of the suite: the mock, with answers that can be made wrong and a count of the plays."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from aiohttp import web

from conformance.scenarios.catalogue import catalogue
from conformance.session.target import CALIBRATION, CAPACITY, WIDTH
from mockserver.app import create_app, listening
from mockserver.core.clock import RealClock

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Wrong = Callable[[web.Request, web.StreamResponse], web.StreamResponse]

PLAINEST = "interrupt/during-tools/create/unwatched"
ONE = ("-k", f"{PLAINEST}::")
"""Arguments that select the verdicts of one scenario."""


EXAMINATION = {scenario.id for scenario in (CALIBRATION, CAPACITY, WIDTH)}


class Deployment:
    """The mock with a middleware that counts the plays of each scenario and may change every answer."""

    def __init__(self, wrong: Wrong = lambda request, response: response) -> None:
        self.url = ""
        self.played: Counter[str] = Counter()
        self.sent: list[web.BaseRequest] = []
        self.held: dict[str, asyncio.Event] = {}
        """By scenario: what its plays wait for, before they have a thread."""
        self.waits = asyncio.Event()
        """Set once a play waits."""
        self.most = len(catalogue())
        """The number of scenarios that are played at once. Plays of further ones wait for `rest`."""
        self.rest = asyncio.Event()
        self._wrong = wrong

    @property
    def scenarios(self) -> Counter[str]:
        """The count of plays by scenario, without those of the examination with which every session begins."""
        return Counter({name: count for name, count in self.played.items() if name not in EXAMINATION})

    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.sent.append(request)
        # Only the main thread of a play has `doubletext_play`, so each play counts once.
        if (request.method, request.path) == ("POST", "/threads"):
            metadata = (await request.json())["metadata"]
            if "doubletext_play" in metadata:
                self.played[metadata["doubletext"]] += 1
                if metadata["doubletext"] in self.held:
                    self.waits.set()
                    await self.held[metadata["doubletext"]].wait()
                if len(self.scenarios) > self.most:
                    await self.rest.wait()
        return self._wrong(request, await handler(request))


@contextlib.asynccontextmanager
async def deployment(wrong: Wrong = lambda request, response: response) -> AsyncIterator[Deployment]:
    found = Deployment(wrong)
    app = create_app()

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await found.note(request, handler)

    app.middlewares.append(note)
    async with listening(app, "127.0.0.1", 0) as url:
        found.url = url
        yield found


def creates_with_201(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Answer a created run with 201, which breaks RUN-02, a MUST."""
    if request.method == "POST" and request.path.endswith("/runs"):
        response.set_status(201)
    return response


def lists_runs_backwards(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """List runs in reverse order, which breaks RUN-10, a SHOULD."""
    if request.method == "GET" and request.path.endswith("/runs"):
        assert isinstance(response, web.Response)
        assert isinstance(response.body, bytes)
        response.body = msgspec.json.encode(msgspec.json.decode(response.body)[::-1])
    return response


def says_it_is_langgraph_api(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Report the name and versions of the official server for Python."""
    if request.path == "/info":
        assert isinstance(response, web.Response)
        response.body = msgspec.json.encode({"version": "0.16.7", "langgraph_py_version": "1.2.22"})
    return response


@contextlib.asynccontextmanager
async def agent_without_probe(scale: float = 1.0) -> AsyncIterator[str]:
    """Serve the mock with an agent that knows no probe and takes the time of an ordinary run, times `scale`."""

    @web.middleware
    async def forget(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST" and "/runs" in request.path and (raw := await request.read()):
            body = msgspec.json.decode(raw)
            if isinstance(body, dict) and "input" in body:
                # Without this key the agent plays the run for people, with delays. The text is not one that it knows.
                body.get("config", {}).get("configurable", {}).pop("probe", None)
                body["input"] = {"messages": [{"role": "user", "content": "Take your time."}]}
                request._read_bytes = msgspec.json.encode(body)  # what aiohttp hands to the route
        return await handler(request)

    app = create_app(clock=RealClock(scale))
    app.middlewares.append(forget)
    async with listening(app, "127.0.0.1", 0) as url:
        yield url
