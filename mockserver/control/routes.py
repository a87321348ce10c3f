"""The control API: how a test steers the mock while it runs. Every path of it begins with `/_mock`.

It is no part of the API that is mocked, so `/openapi.json` does not tell of it; `GET /_mock` does.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from mockserver.control.controller import DEADLINE, ControlError, Controller, DeadlineError, Mode
from mockserver.core.records import Thread
from mockserver.schemas.common import Body
from mockserver.web.faults import Fault, Faults
from mockserver.web.guard import guarded
from mockserver.web.http import ENGINE, Refusal, json_answer, query, read
from mockserver.web.interceptors import CONTROL, INTERCEPTORS
from mockserver.web.journal import JOURNAL
from mockserver.web.lookups import uuid_in
from mockserver.web.route import Route

if TYPE_CHECKING:
    from mockserver.defects.switches import Switches

T = TypeVar("T")
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


async def overview(_: web.Request) -> web.StreamResponse:
    """List what can be asked here."""
    shown = [f"{one.method} {one.path}: {one.summary}" for one in COMMANDS]
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


class ScriptOn(Scope, frozen=True, kw_only=True):
    """A script as the text of a file, or as data."""

    script: str | dict[str, Any]


class Point(Scope, frozen=True, kw_only=True):
    """A point at which runs are held; without one, all."""

    point: str | None = None


class Advance(Scope, frozen=True, kw_only=True):
    """How much scripted time is to pass."""

    seconds: Annotated[float, Meta(ge=0, le=1e9)]


class TimeSet(Scope, frozen=True, kw_only=True):
    """How time passes."""

    mode: Mode
    scale: Annotated[float, Meta(ge=0, le=1000)] = 1.0


class Wanted(Body, frozen=True, kw_only=True):
    """A request: its method, its path (a pattern), and values, of its body or `strategy`, `status`, `busy`."""

    method: str = "*"
    path: str = "*"
    having: dict[str, Any] | None = None


class Wait(Scope, frozen=True, kw_only=True):
    """What to wait for, one of: a held `point`, a `status` (of a run, or of a thread), a `request`."""

    point: str | None = None
    status: str | None = None
    run_id: str | None = None
    request: Wanted | None = None
    deadline: Annotated[float, Meta(gt=0, le=3600)] = DEADLINE


class Conduct(Body, frozen=True, kw_only=True):
    """How conduct is judged: the strategy that the application is configured with, and rules to leave out."""

    strategy: str | None = None
    without: str | list[str] | None = None


async def script_on(request: web.Request) -> web.StreamResponse:
    """Play another script, `{"script": YAML text or object, "thread_id"?: …}`; turns under way come to their end."""
    from mockserver.script.load import ScriptError, parse

    asked = await read(request, ScriptOn)
    thread = _thread(request, asked.thread_id)
    text = asked.script if isinstance(asked.script, str) else msgspec.json.encode(asked.script).decode()
    try:
        script = parse(text)
    except ScriptError as error:
        raise Refusal(422, str(error)) from None
    request.app[CONTROLLER].load_script(script, asked.thread_id if thread is None else thread.thread_id)
    return json_answer({"turns": [turn.name for turn in script.turns]})


async def held(request: web.Request) -> web.StreamResponse:
    """List the runs that are held, and the points at which runs are to be."""
    gates = request.app[ENGINE].gates
    shown = [{"point": one.point, "thread_id": one.thread_id, "run_id": one.run_id} for one in gates.held()]
    return json_answer({"held": shown, "closed": gates.closed()})


async def hold(request: web.Request) -> web.StreamResponse:
    """Hold every run that comes to a point: `{"point": "tools:1/enter", "thread_id"?: …}`."""
    asked = await read(request, Point)
    if asked.point is None:
        raise Refusal(422, "Object missing required field `point`")
    request.app[CONTROLLER].hold(asked.point, asked.thread_id)
    return await held(request)


async def release(request: web.Request) -> web.StreamResponse:
    """Let runs go that are held, and hold no more: `?point=` at one point, `?thread_id=` on one thread."""
    asked = query(request, Point)
    return json_answer({"released": _done(lambda: request.app[CONTROLLER].release(asked.point, asked.thread_id))})


async def time_set(request: web.Request) -> web.StreamResponse:
    """Let time pass in another way: `{"mode": "real" | "instant" | "hand", "scale"?: …, "thread_id"?: …}`."""
    asked = await read(request, TimeSet)
    request.app[CONTROLLER].set_time(asked.mode, asked.scale, asked.thread_id)
    return json_answer({"now": request.app[ENGINE].clock.of(asked.thread_id).now})


async def advance(request: web.Request) -> web.StreamResponse:
    """Let scripted time pass: `{"seconds": …, "thread_id"?: …}`."""
    asked = await read(request, Advance)
    try:
        return json_answer({"now": await request.app[CONTROLLER].advance(asked.seconds, asked.thread_id)})
    except ControlError as error:
        raise Refusal(409, str(error)) from None


async def journal(request: web.Request) -> web.StreamResponse:
    """List what clients requested, oldest first; `?thread_id=` on one thread."""
    asked = query(request, Scope)
    entries = [entry for entry in request.app[CONTROLLER].journal if asked.thread_id in (None, entry.thread_id)]
    return json_answer({"requests": [entry.shown() for entry in entries]})


async def conduct(request: web.Request) -> web.StreamResponse:
    """Judge the clients: `?strategy=` that they should use, `?without=` rules to leave out."""
    asked = query(request, Conduct)
    without = [asked.without] if isinstance(asked.without, str) else asked.without or []
    found = _done(lambda: request.app[CONTROLLER].conduct(asked.strategy, without))
    return json_answer({"findings": [{"rule": one.rule, "text": one.text, "requests": one.requests} for one in found]})


async def wait(request: web.Request) -> web.StreamResponse:
    """Wait: `{"point": …}`, `{"status": …, "thread_id": …, "run_id"?: …}`, `{"request": {"method": …, "path": …}}`."""
    asked, controller = await read(request, Wait), request.app[CONTROLLER]
    try:
        if asked.point is not None:
            one = await controller.wait_until_held(asked.point, asked.thread_id, deadline=asked.deadline)
            return json_answer({"thread_id": one.thread_id, "run_id": one.run_id})
        if asked.status is not None and asked.thread_id is not None:
            await controller.wait_for_status(asked.status, asked.thread_id, asked.run_id, deadline=asked.deadline)
            return json_answer({"status": asked.status})
        if asked.request is not None:
            wanted = asked.request
            found = await controller.wait_for_request(
                wanted.method, wanted.path, wanted.having or {}, deadline=asked.deadline
            )
            return json_answer(found.shown())
    except DeadlineError as error:
        raise Refusal(408, str(error)) from None
    except ControlError as error:
        raise Refusal(404, str(error)) from None
    raise Refusal(422, "give a `point`, a `status` with a `thread_id`, or a `request`")


async def start_anew(request: web.Request) -> web.StreamResponse:
    """Make the deployment as new: no threads, no journal, nothing switched on, nobody held."""
    await reset(request.app)
    # Threads and runs know each other, so nobody frees them at once; a deployment that is as new takes no more memory.
    gc.collect()
    return json_answer({"reset": True})


COMMANDS: Final = (
    Route("GET", CONTROL, overview),
    Route("GET", f"{CONTROL}/defects", defects),
    Route("POST", f"{CONTROL}/defects", defect_on),
    Route("DELETE", f"{CONTROL}/defects", defects_off),
    Route("DELETE", f"{CONTROL}/defects/{{name}}", defect_off),
    Route("GET", f"{CONTROL}/faults", faults),
    Route("POST", f"{CONTROL}/faults", fault_on),
    Route("DELETE", f"{CONTROL}/faults", faults_off),
    Route("POST", f"{CONTROL}/restart", restart),
    Route("POST", f"{CONTROL}/reset", start_anew),
    Route("POST", f"{CONTROL}/script", script_on),
    Route("GET", f"{CONTROL}/holds", held),
    Route("POST", f"{CONTROL}/holds", hold),
    Route("DELETE", f"{CONTROL}/holds", release),
    Route("POST", f"{CONTROL}/time", time_set),
    Route("POST", f"{CONTROL}/time/advance", advance),
    Route("GET", f"{CONTROL}/journal", journal),
    Route("GET", f"{CONTROL}/conduct", conduct),
    Route("POST", f"{CONTROL}/wait", wait),
)

SERVERS: Final = web.AppKey("servers", list[web.Server])
"""The servers that an application runs on; a restart cuts their connections."""

FAULTS: Final = web.AppKey("faults", Faults)
_SWITCHES: Final = web.AppKey("switches", dict[str, Any])


CONTROLLER: Final = web.AppKey("controller", Controller)


def add_to(app: web.Application) -> None:
    """Serve every command."""
    app[CONTROLLER] = Controller(app[ENGINE], app[JOURNAL])
    app[_SWITCHES] = {}
    app[SERVERS] = []
    app[FAULTS] = Faults(app[INTERCEPTORS], app[ENGINE].clock, app[ENGINE].seed)
    for command in COMMANDS:
        app.router.add_route(command.method, command.path, guarded(command.handler))


async def reset(app: web.Application, **beginning: Any) -> None:
    """Make a deployment as new; `beginning` is what `Controller.reset` takes."""
    if app[_SWITCHES]:
        switches(app).clear()
    app[FAULTS].clear()
    await app[CONTROLLER].reset(**beginning)


def switches(app: web.Application) -> Switches:
    """The switches of a deployment; made when they are first wanted, so that a plain one imports no defect."""
    from mockserver.defects.switches import Switches

    made = app[_SWITCHES]
    if "defects" not in made:
        made["defects"] = Switches(app[ENGINE].threads, app[INTERCEPTORS])
    found: Switches = made["defects"]
    return found


def _thread(request: web.Request, thread_id: str | None) -> Thread | None:
    """The thread that a command is about, None for the whole deployment; raises `Refusal`."""
    if thread_id is None:
        return None
    thread = request.app[ENGINE].threads.by_id.get(uuid_in(thread_id, "thread"))
    if thread is None:
        raise Refusal(404, f"Thread with ID {thread_id} not found")
    return thread


def _done(action: Callable[[], T]) -> T:
    """Do something; raises `Refusal` 404 for what is not there."""
    try:
        return action()
    except ControlError as error:
        raise Refusal(404, str(error)) from None


def _known(switch: Callable[[], object]) -> None:
    """Switch; raises `Refusal` 404 for a name that no defect has."""
    from mockserver.defects import UnknownDefectError

    try:
        switch()
    except UnknownDefectError as error:
        raise Refusal(404, str(error)) from None
