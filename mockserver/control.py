"""The control API: how a test steers the mock while it runs. Every path of it begins with `/_mock`.

It is no part of the API that is mocked, so `/openapi.json` does not tell of it; `GET /_mock` does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

from aiohttp import web
from msgspec import Meta

from mockserver.faults import Fault, Faults
from mockserver.http import ENGINE, Refusal, json_answer, query, read, uuid_in
from mockserver.meddling import CONTROL, MEDDLERS
from mockserver.records import Thread
from mockserver.schemas import Body

if TYPE_CHECKING:
    from mockserver.defects.switches import Switches

Times = Annotated[int, Meta(ge=1)]


class Scope(Body, frozen=True, kw_only=True):
    """Where something is set: on one thread, or without `thread_id` in the whole deployment."""

    thread_id: str | None = None


class FaultOn(Fault, frozen=True, kw_only=True):
    """A fault, and where it is set."""

    thread_id: str | None = None


class DefectOn(Scope, frozen=True, kw_only=True):
    """Which defect to switch on; `times` arms it for its next few occurrences only."""

    name: str
    times: Times | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One path of the control API, and what answers it."""

    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]


async def overview(_: web.Request) -> web.StreamResponse:
    """List what can be asked here."""
    shown = [f"{one.method} {one.path}: {(one.handler.__doc__ or '').strip()}" for one in COMMANDS]
    return json_answer({"commands": shown})


async def defects(request: web.Request) -> web.StreamResponse:
    """List which defects are on, and which there are."""
    from mockserver.defects import defects

    known = {name: kind.summary() for name, kind in defects().items()}
    return json_answer({"on": switches(request.app).shown(), "known": known})


async def defect_on(request: web.Request) -> web.StreamResponse:
    """Switch a defect on: `{"name": …, "thread_id"?: …, "times"?: …}`."""
    asked = await read(request, DefectOn)
    on = switches(request.app)
    _known(partial(on.on, asked.name, _thread(request, asked.thread_id), asked.times))
    return json_answer({"on": on.shown()})


async def defect_off(request: web.Request) -> web.StreamResponse:
    """Switch the defect of this name off, `?thread_id=` on one thread."""
    on = switches(request.app)
    _known(partial(on.off, request.match_info["name"], _thread(request, query(request, Scope).thread_id)))
    return json_answer({"on": on.shown()})


async def defects_off(request: web.Request) -> web.StreamResponse:
    """Switch all defects off, or with `?thread_id=` those of one thread."""
    asked, on = query(request, Scope), switches(request.app)
    if asked.thread_id is None:
        on.clear()
    else:
        on.off(thread=_thread(request, asked.thread_id))
    return json_answer({"on": on.shown()})


async def faults(request: web.Request) -> web.StreamResponse:
    """List which faults are set."""
    return json_answer({"set": request.app[FAULTS].shown()})


async def fault_on(request: web.Request) -> web.StreamResponse:
    """Set a fault: `{"kind": …, "at"?: …, "path"?: …, "method"?: …, "chance"?: …, "times"?: …, "thread_id"?: …}`."""
    asked = await read(request, FaultOn)
    thread = _thread(request, asked.thread_id)
    request.app[FAULTS].set(asked, None if thread is None else thread.thread_id)
    return json_answer({"set": request.app[FAULTS].shown()})


async def faults_off(request: web.Request) -> web.StreamResponse:
    """Take all faults away, or with `?thread_id=` those of one thread."""
    thread = _thread(request, query(request, Scope).thread_id)
    request.app[FAULTS].clear(None if thread is None else thread.thread_id)
    return json_answer({"set": request.app[FAULTS].shown()})


async def restart(request: web.Request) -> web.StreamResponse:
    """Lose all workers and connections, as when the process dies; what a database holds is kept."""
    connections = [one for server in request.app[SERVERS] for one in server.connections]
    await request.app[ENGINE].restart()
    for connection in connections:
        if connection is not request.protocol and connection.transport is not None:
            connection.transport.abort()
    return json_answer({"starts": request.app[ENGINE].starts})


COMMANDS: Final = (
    Command("GET", CONTROL, overview),
    Command("GET", f"{CONTROL}/defects", defects),
    Command("POST", f"{CONTROL}/defects", defect_on),
    Command("DELETE", f"{CONTROL}/defects", defects_off),
    Command("DELETE", f"{CONTROL}/defects/{{name}}", defect_off),
    Command("GET", f"{CONTROL}/faults", faults),
    Command("POST", f"{CONTROL}/faults", fault_on),
    Command("DELETE", f"{CONTROL}/faults", faults_off),
    Command("POST", f"{CONTROL}/restart", restart),
)

SERVERS: Final = web.AppKey("servers", list[web.Server])
"""The servers that an application runs on; a restart cuts their connections."""

FAULTS: Final = web.AppKey("faults", Faults)
_SWITCHES: Final = web.AppKey("switches", dict[str, Any])


def add_to(app: web.Application) -> None:
    """Serve every command."""
    app[_SWITCHES] = {}
    app[SERVERS] = []
    app[FAULTS] = Faults(app[MEDDLERS], app[ENGINE].clock, app[ENGINE].seed)
    for command in COMMANDS:
        app.router.add_route(command.method, command.path, command.handler)


def switches(app: web.Application) -> Switches:
    """The switches of a deployment; made when they are first wanted, so that a plain one imports no defect."""
    from mockserver.defects.switches import Switches

    made = app[_SWITCHES]
    if "defects" not in made:
        made["defects"] = Switches(app[ENGINE].store, app[MEDDLERS])
    found: Switches = made["defects"]
    return found


def _thread(request: web.Request, thread_id: str | None) -> Thread | None:
    """The thread that a command is about, None for the whole deployment; raises `Refusal`."""
    if thread_id is None:
        return None
    thread = request.app[ENGINE].store.threads.get(uuid_in(thread_id, "thread"))
    if thread is None:
        raise Refusal(404, f"Thread with ID {thread_id} not found")
    return thread


def _known(switch: Callable[[], object]) -> None:
    """Switch; raises `Refusal` 404 for a name that no defect has."""
    from mockserver.defects import UnknownDefectError

    try:
        switch()
    except UnknownDefectError as error:
        raise Refusal(404, str(error)) from None
