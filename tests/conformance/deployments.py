"""Deployments under test: the mock, made wrong at the wire, which notes what is played on it."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from aiohttp import web

from mockserver.app import create_app, listening
from mockserver.core.clock import RealClock

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Wrong = Callable[[web.Request, web.StreamResponse], web.StreamResponse]

PLAINEST = "interrupt/during-tools/create/unwatched"
ONE = ("-k", f"{PLAINEST}::")
"""The verdicts of one scenario."""


class Deployment:
    """The mock, which counts how often each scenario was played on it, and can be made wrong in one way."""

    def __init__(self, wrong: Wrong = lambda request, response: response) -> None:
        self.url = ""
        self.played: Counter[str] = Counter()
        self.sent: list[web.BaseRequest] = []
        self._wrong = wrong

    @property
    def scenarios(self) -> Counter[str]:
        """What was played, without the runs that every session begins with."""
        return Counter({name: count for name, count in self.played.items() if name != "calibration"})

    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.sent.append(request)
        if (request.method, request.path) == ("POST", "/threads"):
            metadata = (await request.json())["metadata"]
            if "doubletext_play" in metadata:
                self.played[metadata["doubletext"]] += 1
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
    """Breaks RUN-02, a MUST."""
    if request.method == "POST" and request.path.endswith("/runs"):
        response.set_status(201)
    return response


def lists_runs_backwards(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Breaks RUN-10, a SHOULD."""
    if request.method == "GET" and request.path.endswith("/runs"):
        assert isinstance(response, web.Response)
        assert isinstance(response.body, bytes)
        response.body = msgspec.json.encode(msgspec.json.decode(response.body)[::-1])
    return response


def says_it_is_langgraph_api(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Names and versions itself as the official server for Python does."""
    if request.path == "/info":
        assert isinstance(response, web.Response)
        response.body = msgspec.json.encode({"version": "0.16.7", "langgraph_py_version": "1.2.22"})
    return response


@contextlib.asynccontextmanager
async def agent_without_probe(scale: float = 1.0) -> AsyncIterator[str]:
    """The mock with an agent that knows nothing of the probe, and takes its time (times `scale`)."""

    @web.middleware
    async def forget(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST" and "/runs" in request.path and (raw := await request.read()):
            body = msgspec.json.decode(raw)
            if isinstance(body, dict) and "input" in body:
                body.get("config", {}).get("configurable", {}).pop("probe", None)
                body["input"] = {"messages": [{"role": "user", "content": "Take your time."}]}
                request._read_bytes = msgspec.json.encode(body)  # what aiohttp hands to the route
        return await handler(request)

    app = create_app(clock=RealClock(scale))
    app.middlewares.append(forget)
    async with listening(app, "127.0.0.1", 0) as url:
        yield url
