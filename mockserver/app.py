"""The mock deployment as an aiohttp application, and as a server inside another program's event loop."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, Unpack

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from mockserver.control import routes as control_routes
from mockserver.core.callbacks import Callbacks
from mockserver.core.clock import Clock, RealClock
from mockserver.core.policy import Policy
from mockserver.engine.engine import Engine
from mockserver.engine.expiry import Expiry
from mockserver.script.sources import read_graphs
from mockserver.settings import Settings, chosen_settings
from mockserver.web import routes
from mockserver.web.bad_http import SERVER_LOG
from mockserver.web.cors import add_headers, answer_preflight, is_preflight
from mockserver.web.faults import parse_fault
from mockserver.web.guard import GUARD, Guard
from mockserver.web.http import ENGINE, EXPIRY, KEEP_ALIVE, error_responses
from mockserver.web.interceptors import CONTROL, INTERCEPTORS, Handler, Interceptor
from mockserver.web.journal import JOURNAL, Journal

SHUTDOWN: Final = 0.1
"""Real seconds that open answers get to end by themselves, twice: once before they are cancelled, and once after.

For aiohttp 0 means no limit, and then a client that never finishes its request keeps the process alive.
"""

_requests = logging.getLogger("mockserver.requests")


class AccessLog(AbstractAccessLogger):
    """One line for each response: client, request line, status, bytes of the body, seconds.

    aiohttp's own logger takes a format apart for each line, which costs as much as playing a route of the mock.
    """

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Log a response that was sent completely or cut off."""
        client, version = request.remote or "-", f"HTTP/{request.version.major}.{request.version.minor}"
        line = f"{request.method} {request.path_qs} {version}"
        self.logger.info('%s "%s" %s %s %.6fs', client, line, response.status, response.body_length, time)

    @property
    def enabled(self) -> bool:
        """True when the level of the log lets these lines through."""
        return self.logger.isEnabledFor(logging.INFO)


def create_app(*, clock: Clock | None = None, **settings: Unpack[Settings]) -> web.Application:
    """Create a mock deployment. Scripted delays run on `clock` (default: real time).

    Raises `ScriptError`, `UnknownDefectError`, `BadFaultError` and `UsageError` for invalid settings, and TypeError for
    unknown ones.
    """
    chosen = chosen_settings(settings, Settings)
    callbacks = Callbacks(chosen["allow_callbacks"])
    engine = Engine(
        read_graphs(chosen["script"], chosen["graph"]),
        clock or RealClock(),
        seed=chosen["seed"],
        policy=chosen["policy"] or Policy(),
        run_timeout=chosen["run_timeout"],
        workers=chosen["workers"],
        callbacks=callbacks,
    )
    expiry, interceptors = Expiry(engine), list[Interceptor]()
    # Outermost first. Errors become JSON inside the interceptors, so that faults and defects see the response that
    # would be sent.
    middlewares = [_entrance(expiry, interceptors), error_responses]
    app = web.Application(middlewares=middlewares, client_max_size=chosen["max_body"])
    app[ENGINE] = engine
    app[EXPIRY] = expiry
    app[GUARD] = Guard(chosen["allow_hosts"], chosen["allow_origins"])
    app[KEEP_ALIVE] = chosen["keep_alive"]
    journal = app[JOURNAL] = Journal(lambda: engine.threads.by_id, engine.clock, engine.notifier)
    journal.strict = chosen["strict"]
    callbacks.refused = journal.refused_callback
    app[INTERCEPTORS] = interceptors
    routes.add_to(app)
    control_routes.add_to(app)
    # Inserted before the faults, which control_routes.add_to has added, so that the journal records the response
    # that the client received.
    interceptors.insert(0, journal.intercept)
    app.on_response_prepare.append(_prepared_by(journal))
    for defect in chosen["defects"]:
        control_routes.switches(app).on(defect)
    for fault in chosen["faults"]:
        app[control_routes.FAULTS].set(parse_fault(fault))

    async def close(_: web.Application) -> None:
        await engine.close()

    async def forget(_: web.Application) -> None:
        # aiohttp keeps the last applications that it served, with all that they refer to. And Python searches all that
        # is left when a process ends, which took eight seconds for 20 000 runs. The journal stays for the report of a
        # test that fails after its deployment has stopped.
        expiry.clear()
        await engine.clear(engine.seed)

    app.on_shutdown.append(close)
    app.on_cleanup.append(forget)
    return app


def _entrance(expiry: Expiry, interceptors: list[Interceptor]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Return the middleware that every request passes first.

    It answers preflights, removes the threads whose time to live is over, and passes the request through the
    interceptors, the outermost first.
    """

    # One for all, and no coroutine: each would cost every request a frame.
    @web.middleware
    def enter(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
        # Browsers send them and not the application, so the journal omits them.
        if request.method == "OPTIONS" and is_preflight(request):
            return answer_preflight(request)
        expiry.sweep()
        # A test has to be able to remove a fault that breaks every response.
        if not request.path.startswith(CONTROL):
            for interceptor in reversed(interceptors):
                handler = partial(interceptor, handler=handler)
        return handler(request)

    return enter


def _prepared_by(journal: Journal) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return the function that every answer passes before its headers are sent."""

    # One coroutine for all, because aiohttp calls each for every answer.
    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        add_headers(request, response)
        journal.record_start(request, response)

    return prepare


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Serve an application and yield its base URL. Port 0 picks a free port. Raises OSError if it cannot be bound.

    On exit, open responses are cut off and every task has ended.
    """
    runner = web.AppRunner(
        app,
        logger=SERVER_LOG,
        access_log_class=AccessLog,
        access_log=_requests,
        # Without it aiohttp notices a disconnect only at the next write, too late for `on_disconnect=cancel`.
        handler_cancellation=True,
        # `http.read` answers a compressed body with 415, which says more than 422 for the JSON that it is not.
        auto_decompress=False,
        # aiohttp waits 60 s for open responses by default, and a joined run may never end.
        shutdown_timeout=SHUTDOWN,
    )
    app[GUARD].hosts.add(host.casefold())
    await runner.setup()
    try:
        if runner.server is not None:
            app[control_routes.SERVERS].append(runner.server)
        await web.TCPSite(runner, host, port).start()
        # The bound address, and not the one given: port 0 has become a real port. IPv6 needs brackets in a URL.
        bound = runner.addresses[0]
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        yield f"http://{shown}:{bound[1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving(
    host: str = "127.0.0.1", port: int = 0, *, clock: Clock | None = None, **settings: Unpack[Settings]
) -> AsyncIterator[str]:
    """Serve a mock deployment in the running event loop and yield its base URL.

    Raises OSError if the address cannot be bound, and the errors of `create_app`.
    """
    async with listening(create_app(clock=clock, **settings), host, port) as url:
        yield url
