"""The mock deployment as an aiohttp application, and as a server inside somebody else's event loop."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aiohttp import web

from mockserver.control import routes as control_routes
from mockserver.core.clock import Clock, RealClock
from mockserver.core.policy import Policy
from mockserver.engine.engine import Engine
from mockserver.script.load import load
from mockserver.script.types import Script
from mockserver.web import routes
from mockserver.web.cors import add_headers, answer_preflight
from mockserver.web.faults import Fault, spelled
from mockserver.web.http import ENGINE, KEEP_ALIVE, refusals
from mockserver.web.interceptors import INTERCEPTORS, intercept
from mockserver.web.journal import JOURNAL, Journal

if TYPE_CHECKING:
    from mockserver.defects import Defect

MAX_BODY: Final = 8 * 1024 * 1024
"""Bytes of a request's body; a longer one is refused with 413."""

KEEP_ALIVE_SECONDS: Final = 5.0

_requests = logging.getLogger("mockserver.requests")


def create_app(
    *,
    seed: int = 0,
    script: Script | None = None,
    clock: Clock | None = None,
    policy: Policy | None = None,
    defects: Iterable[str | Defect] = (),
    faults: Iterable[str | Fault] = (),
    keep_alive: float = KEEP_ALIVE_SECONDS,
    run_timeout: float | None = None,
) -> web.Application:
    """A mock deployment.

    `seed` makes its ids, `script` says what its agent says (default: the guides' conversation), delays run on
    `clock` (default: real time), `policy` are its semantics (default: the documented ones), `defects` what it
    gets wrong from its first request on, `faults` what its network does (`cut@2`), `keep_alive` is after how many
    quiet seconds an open answer shows that it is alive, and `run_timeout` how many seconds of scripted time a run may
    take (default: any). Raises `ScriptError`, `UnknownDefectError` and `BadFaultError`.
    """
    unslashed = web.normalize_path_middleware(
        append_slash=False, remove_slash=True, merge_slashes=False, redirect_class=web.HTTPTemporaryRedirect
    )
    app = web.Application(middlewares=[answer_preflight, intercept, refusals, unslashed], client_max_size=MAX_BODY)
    app.on_response_prepare.append(add_headers)
    engine = Engine(script or load(), clock or RealClock(), seed=seed, policy=policy, run_timeout=run_timeout)
    app[ENGINE] = engine
    app[KEEP_ALIVE] = keep_alive
    journal = app[JOURNAL] = Journal(lambda: engine.threads.by_id, engine.clock, engine.notifier)
    app[INTERCEPTORS] = []
    routes.add_to(app)
    control_routes.add_to(app)
    # Outside of the faults, so that the journal shows what the client got.
    app[INTERCEPTORS].insert(0, journal.intercept)
    app.on_response_prepare.append(journal.begins)
    for defect in defects:
        control_routes.switches(app).on(defect)
    for fault in faults:
        app[control_routes.FAULTS].set(spelled(fault) if isinstance(fault, str) else fault)

    async def close(_: web.Application) -> None:
        await engine.close()

    app.on_shutdown.append(close)
    return app


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Serve an application and give its base URL; port 0 picks a free one. Raises OSError.

    At the end open answers are cut off, and no task is left.
    """
    # handler_cancellation: a client that leaves is noticed at once, as `on_disconnect` needs it.
    runner = web.AppRunner(
        app,
        access_log=_requests,
        access_log_format='%a "%r" %s %b %Tfs',
        handler_cancellation=True,
        auto_decompress=False,
        shutdown_timeout=0,
    )
    await runner.setup()
    try:
        if runner.server is not None:
            app[control_routes.SERVERS].append(runner.server)
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0]
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        yield f"http://{shown}:{bound[1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    seed: int = 0,
    script: Script | None = None,
    clock: Clock | None = None,
    policy: Policy | None = None,
    defects: Iterable[str | Defect] = (),
    faults: Iterable[str | Fault] = (),
    keep_alive: float = KEEP_ALIVE_SECONDS,
    run_timeout: float | None = None,
) -> AsyncIterator[str]:
    """A mock deployment in the running event loop; gives its base URL. Arguments are those of `create_app`."""
    app = create_app(
        seed=seed,
        script=script,
        clock=clock,
        policy=policy,
        defects=defects,
        faults=faults,
        keep_alive=keep_alive,
        run_timeout=run_timeout,
    )
    async with listening(app, host, port) as url:
        yield url
