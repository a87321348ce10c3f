"""The control API, with which a test controls the mock over HTTP while it runs. All its paths begin with `/_mock`.

It is not part of the mocked API, so `/openapi.json` does not list it. `GET /_mock` does, with the docstrings of the
handlers as descriptions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from aiohttp import web

from mockserver.control import responses
from mockserver.control.bodies import (
    Advance,
    Conduct,
    DefectOn,
    FaultOn,
    Point,
    Reset,
    Scope,
    ScriptOn,
    ScriptText,
    TimeSet,
    Wait,
)
from mockserver.control.controller import MEANT as MODES_MEANT
from mockserver.control.controller import Controller, clock_of, optional_id
from mockserver.control.errors import ControlError, DeadlineError, UsageError
from mockserver.control.matchers import OWN
from mockserver.control.wanted import Assertion
from mockserver.core.records import Thread
from mockserver.schemas.common import Json
from mockserver.script.suggestions import explained
from mockserver.script.types import AGENT
from mockserver.web.faults import MEANT as FAULTS_MEANT
from mockserver.web.faults import BadFaultError, Fault, Faults, parse_fault
from mockserver.web.guard import guarded
from mockserver.web.http import ENGINE, EXPIRY, ApiError, json_answer
from mockserver.web.interceptors import CONTROL, INTERCEPTORS
from mockserver.web.journal import JOURNAL, JournalEntry
from mockserver.web.lookups import uuid_in
from mockserver.web.route import Route

if TYPE_CHECKING:
    from mockserver.defects import Defect
    from mockserver.defects.switches import Switches
    from mockserver.script.graphs import Graphs

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def overview(_: web.Request) -> web.StreamResponse:
    """List the commands of the control API."""
    shown = [f"{one.method} {one.path}: {one.summary}" for one in COMMANDS]
    return json_answer({"commands": shown})


async def defects(request: web.Request) -> web.StreamResponse:
    """List the active defects and all known ones."""
    from mockserver.defects import defects

    known = {name: kind.summary() for name, kind in defects().items()}
    return json_answer({"on": switches(request.app).shown(), "known": known})


async def defect_on(request: web.Request) -> web.StreamResponse:
    """Switch a defect on: `{"name": …, "thread_id"?: …, "times"?: …}`."""
    params = await _read(request, DefectOn)
    on = switches(request.app)
    on.on(params.name, _thread(request, params.thread_id), params.times)
    return json_answer({"on": on.shown()})


async def defect_off(request: web.Request) -> web.StreamResponse:
    """Switch one defect off, with `?thread_id=` on one thread only."""
    on = switches(request.app)
    on.off(request.match_info["name"], _thread(request, _query(request, Scope).thread_id))
    return json_answer({"on": on.shown()})


async def defects_off(request: web.Request) -> web.StreamResponse:
    """Switch all defects off, with `?thread_id=` those of one thread only."""
    params, on = _query(request, Scope), switches(request.app)
    if params.thread_id is None:
        on.clear()
    else:
        on.off(thread=_thread(request, params.thread_id))
    return json_answer({"on": on.shown()})


async def faults(request: web.Request) -> web.StreamResponse:
    """List the active faults."""
    return json_answer({"set": request.app[FAULTS].shown()})


async def fault_on(request: web.Request) -> web.StreamResponse:
    """Set a fault: `{"kind": …, "at"?: …, "path"?: …, "method"?: …, "chance"?: …, "times"?: …, "thread_id"?: …}`."""
    params = await _read(request, FaultOn)
    thread = _thread(request, params.thread_id)
    request.app[FAULTS].set(params, None if thread is None else thread.thread_id)
    return json_answer({"set": request.app[FAULTS].shown()})


async def faults_off(request: web.Request) -> web.StreamResponse:
    """Remove all faults, with `?thread_id=` those of one thread only."""
    thread = _thread(request, _query(request, Scope).thread_id)
    request.app[FAULTS].clear(None if thread is None else thread.thread_id)
    return json_answer({"set": request.app[FAULTS].shown()})


async def restart(request: web.Request) -> web.StreamResponse:
    """Simulate a crash and restart: all workers and connections are lost, stored records are kept."""
    # Listed before the restart: clients that connect during it are connected to the restarted server.
    connections = [one for server in request.app[SERVERS] for one in server.connections]
    # Shielded for the same reason as a reset, see `reset_all`.
    request.app[JOURNAL].break_open()
    await asyncio.shield(asyncio.create_task(request.app[ENGINE].restart()))
    for connection in connections:
        # The connection of this request stays, so that the test receives the response.
        if connection is not request.protocol and connection.transport is not None:
            connection.transport.abort()
    return json_answer({"starts": request.app[ENGINE].starts})


async def script_on(request: web.Request) -> web.StreamResponse:
    """Replace scripts: `{"script": text, object, list, or name to text or object, "thread_id"?: …}`.

    Started turns keep the previous one.
    """
    params = await _read(request, ScriptOn)
    thread = _thread(request, params.thread_id)
    graphs = (request.app[ENGINE].threads if thread is None else thread).graphs
    default = graphs.default if thread is None else thread.graph_id
    scripts = _scripts(params.script, default)
    request.app[CONTROLLER].load_scripts(scripts, None if thread is None else thread.thread_id)
    turns = {name: [turn.name for turn in script.turns] for name, script in scripts.items()}
    # The names of turns without those of graphs for a single script, as before there could be several.
    return json_answer({"turns": next(iter(turns.values())) if len(turns) == 1 else turns, "graphs": list(scripts)})


def _scripts(given: ScriptText | list[ScriptText], default: str) -> Graphs:
    """Return the scripts of a command. Raises `ScriptError`."""
    from mockserver.script.load import parse
    from mockserver.script.sources import read_scripts
    from mockserver.script.types import Script

    def parsed(one: ScriptText, name: str = "script") -> Script:
        # JSON is YAML, so an object passes the same parser and its errors name the same places.
        return parse(one if isinstance(one, str) else msgspec.json.encode(one).decode(), name)

    if isinstance(given, list):
        return read_scripts([parsed(one) for one in given], default)
    several = isinstance(given, dict) and not given.keys() & set(Script.__struct_fields__)
    if isinstance(given, dict) and several and all(isinstance(one, (str, dict)) for one in given.values()):
        return read_scripts({name: parsed(one, name) for name, one in given.items()})
    return read_scripts(parsed(given), default)


async def held(request: web.Request) -> web.StreamResponse:
    """List the held runs, and the points at which runs will be held."""
    gates = request.app[ENGINE].gates
    shown = [{"point": one.point, "thread_id": one.thread_id, "run_id": one.run_id} for one in gates.held()]
    return json_answer({"held": shown, "closed": gates.closed()})


async def hold(request: web.Request) -> web.StreamResponse:
    """Pause every run that reaches a point: `{"point": "tools:1/enter", "thread_id"?: …}`."""
    params = await _read(request, Point)
    # Optional in the type, because DELETE shares it. The text is that of msgspec for a missing field.
    if params.point is None:
        raise ApiError(422, "Object missing required field `point`")
    request.app[CONTROLLER].hold(params.point, params.thread_id)
    return await held(request)


async def release(request: web.Request) -> web.StreamResponse:
    """Resume the held runs and stop holding, with `?point=` at one point, with `?thread_id=` on one thread only."""
    params = _query(request, Point)
    return json_answer({"released": request.app[CONTROLLER].release(params.point, params.thread_id)})


async def time_set(request: web.Request) -> web.StreamResponse:
    """Change the clock: `{"mode": "real" | "instant" | "hand", "scale"?: …, "thread_id"?: …}`."""
    params = await _read(request, TimeSet)
    request.app[CONTROLLER].set_time(params.mode, params.scale, params.thread_id)
    return json_answer({"now": request.app[ENGINE].clock.of(params.thread_id).now})


async def advance(request: web.Request) -> web.StreamResponse:
    """Advance the clock: `{"seconds": …, "thread_id"?: …}`."""
    params = await _read(request, Advance)
    try:
        return json_answer({"now": await request.app[CONTROLLER].advance(params.seconds, params.thread_id)})
    except UsageError:
        raise
    except ControlError as error:
        raise ApiError(409, str(error)) from None


async def journal(request: web.Request) -> web.StreamResponse:
    """List the requests of the clients, oldest first, with `?thread_id=` those of one thread only."""
    params = _query(request, Scope)
    thread_id = optional_id(params.thread_id)
    entries = [entry for entry in request.app[CONTROLLER].journal if thread_id in (None, entry.thread_id)]
    return _requests(entries)


def _requests(entries: Iterable[JournalEntry]) -> web.Response:
    return json_answer({"requests": [entry.shown() for entry in entries]})


async def conduct(request: web.Request) -> web.StreamResponse:
    """Judge the requests of the clients. `?strategy=` is the expected strategy, `?without=` names rules to skip."""
    params = _query(request, Conduct)
    without = [params.without] if isinstance(params.without, str) else params.without or []
    found = request.app[CONTROLLER].conduct(params.strategy, without)
    return json_answer({"findings": [{"rule": one.rule, "text": one.text, "requests": one.requests} for one in found]})


async def conduct_page(request: web.Request) -> web.StreamResponse:
    """Show the conduct of the clients as a page. `?strategy=` and `?without=` as for the findings."""
    params = _query(request, Conduct)
    without = [params.without] if isinstance(params.without, str) else params.without or []
    found = request.app[CONTROLLER].conduct(params.strategy, without)
    return web.Response(text=found.page(), content_type="text/html")


async def wait(request: web.Request) -> web.StreamResponse:
    """Wait: `{"point": …}`, `{"status": …, "thread_id": …, "run_id"?: …}`, `{"request": {"method": …, "path": …}}`."""
    params, controller = await _read(request, Wait), request.app[CONTROLLER]
    given = [name for name in ("point", "status", "request") if getattr(params, name) is not None]
    if len(given) > 1:
        raise ApiError(422, f"`{given[0]}` and `{given[1]}` are two conditions. Send one of them, and then the other")
    if params.status is not None and params.thread_id is None:
        raise ApiError(422, "a `status` is that of a thread or a run. Add `thread_id`, and for a run `run_id`")
    if params.point is not None:
        one = await controller.wait_until_held(params.point, params.thread_id, deadline=params.deadline)
        return json_answer({"thread_id": one.thread_id, "run_id": one.run_id})
    if params.status is not None and params.thread_id is not None:
        await controller.wait_for_status(params.status, params.thread_id, params.run_id, deadline=params.deadline)
        return json_answer({"status": params.status})
    if params.request is not None:
        found = await controller.wait_for_request(params.request.pattern(), deadline=params.deadline)
        return json_answer(found.shown())
    raise ApiError(422, "nothing to wait for; send a `point`, a `status` with a `thread_id`, or a `request`")


async def assertion(request: web.Request) -> web.StreamResponse:
    """Assert requests: `{"request": {…}, "times"?: …, "at_least"?: …}`, or `{"in_order": [{…} or "POST */runs", …]}`.

    The answer has the requests that match, and 412 the reason why the assertion does not hold.
    """
    wanted, controller = await _read(request, Assertion), request.app[CONTROLLER]
    if (wanted.request is None) == (wanted.in_order is None):
        raise ApiError(422, "an assertion is about a `request` or about several `in_order`. Send one of the two")
    if wanted.in_order is not None and (wanted.times is not None or wanted.at_least is not None):
        raise ApiError(422, "requests `in_order` are not counted. Leave `times` and `at_least` out")
    try:
        if wanted.request is None:
            return _requests(controller.assert_in_order(wanted.patterns()))
        pattern = wanted.request.pattern()
        controller.assert_requested(pattern, wanted.times, wanted.at_least)
        return _requests(controller.requests(pattern))
    except AssertionError as error:
        raise ApiError(412, str(error)) from None


async def reset_all(request: web.Request) -> web.StreamResponse:
    """Delete all threads, requests, holds, defects and faults: `{"seed"?: …, "script"?: …, "defects"?: …, …}`."""
    from mockserver.script.sources import read_graphs

    params, app = await _read(request, Reset, default=b"{}"), request.app
    # Read before the reset, so that invalid settings leave the deployment unchanged.
    faults = [parse_fault(one) for one in ([params.faults] if isinstance(params.faults, str) else params.faults)]
    defects = known_defects([params.defects] if isinstance(params.defects, str) else params.defects)
    graphs = None if params.script is None else _scripts(params.script, params.graph or AGENT)
    if params.script is None and params.graph is not None:
        graphs = read_graphs(None, params.graph)
    if params.time is None and params.scale != 1:
        raise ApiError(422, 'the clock stays without `time`, and `scale` has no effect. Add "time": "real"')
    clock = None if params.time is None else clock_of(params.time, params.scale)
    # Shielded: aiohttp cancels the handler of a client that disconnects, and half a reset leaves a broken deployment.
    await asyncio.shield(asyncio.create_task(reset(app, graphs=graphs, clock=clock, seed=params.seed)))
    break_again(app, defects, faults)
    if params.strict is not None:
        app[JOURNAL].strict = params.strict
    return json_answer({"reset": True})


# Not in the route table, so that neither `/openapi.json` nor the checks of unknown query parameters apply.
async def description(_: web.Request) -> web.StreamResponse:
    """Return the OpenAPI description of the control API."""
    # Imported here: the module is slow to import and rarely requested.
    from mockserver.web.openapi import describe

    return json_answer(describe(COMMANDS, title="The control API of the mock deployment", strict=True))


def _command(method: str, path: str, handler: Handler, response: Any = None, *others: int, **more: Any) -> Route:
    """Return a command. `others` are its statuses beside 200 and those that every command has."""
    body, query = more.get("body"), more.get("query")
    refusals = (*others, *((422,) if body is not None or query is not None else ()), 403)
    statuses = (200, *sorted(set(refusals)))
    return Route(method, f"{CONTROL}{path}", handler, response=response, statuses=statuses, **more)


# Not in the route table, so that neither `/openapi.json` nor the checks of unknown query parameters apply.
COMMANDS: Final = (
    _command("GET", "", overview, responses.Overview),
    _command("GET", "/openapi.json", description, Json),
    _command("GET", "/defects", defects, responses.KnownDefects),
    _command("POST", "/defects", defect_on, responses.ActiveDefects, 404, body=DefectOn),
    _command("DELETE", "/defects", defects_off, responses.ActiveDefects, 404, query=Scope),
    _command("DELETE", "/defects/{name}", defect_off, responses.ActiveDefects, 404, query=Scope),
    _command("GET", "/faults", faults, responses.ActiveFaults),
    _command("POST", "/faults", fault_on, responses.ActiveFaults, 404, body=FaultOn),
    _command("DELETE", "/faults", faults_off, responses.ActiveFaults, 404, query=Scope),
    _command("POST", "/restart", restart, responses.Restarted),
    _command("POST", "/reset", reset_all, responses.WasReset, 404, body=Reset, body_optional=True),
    _command("POST", "/script", script_on, responses.Loaded, 404, body=ScriptOn),
    _command("GET", "/holds", held, responses.Holds),
    _command("POST", "/holds", hold, responses.Holds, body=Point),
    _command("DELETE", "/holds", release, responses.Released, 404, query=Point),
    _command("POST", "/time", time_set, responses.Now, body=TimeSet),
    _command("POST", "/time/advance", advance, responses.Now, 409, body=Advance),
    _command("GET", "/journal", journal, responses.JournalRequests, query=Scope),
    _command("GET", "/conduct", conduct, responses.Findings, query=Conduct),
    _command("GET", "/conduct/page", conduct_page, query=Conduct, kinds=("text/html",)),
    _command("POST", "/wait", wait, responses.Reached, 404, 408, body=Wait),
    _command("POST", "/assert", assertion, responses.JournalRequests, 412, body=Assertion),
)

SERVERS: Final = web.AppKey("servers", list[web.Server])
"""The servers of an application, whose connections a restart cuts."""

FAULTS: Final = web.AppKey("faults", Faults)
_SWITCHES: Final = web.AppKey("switches", dict[str, Any])


CONTROLLER: Final = web.AppKey("controller", Controller)


def add_to(app: web.Application) -> None:
    """Add the control API to an application, with the controller and the faults that it uses."""
    app[CONTROLLER] = Controller(app[ENGINE], app[JOURNAL], app[EXPIRY])
    app[_SWITCHES] = {}
    app[SERVERS] = []
    app[FAULTS] = Faults(app[INTERCEPTORS], app[ENGINE].clock, app[ENGINE].seed)
    for command in COMMANDS:
        app.router.add_route(command.method, command.path, guarded(_refusing(command.handler)))


async def reset(app: web.Application, **settings: Any) -> None:
    """Delete all records and switch everything off. `settings` has the arguments of `Controller.reset`."""
    # Defects first: one of them may change how runs end while the engine clears them.
    if app[_SWITCHES]:
        switches(app).clear()
    app[EXPIRY].clear()
    await app[CONTROLLER].reset(**settings)
    app[FAULTS].restart(app[ENGINE].seed)


def known_defects(names: Iterable[str | Defect]) -> list[Defect]:
    """Return the defects with these names, each ready to be switched on. Raises `UnknownDefectError`."""
    given = list(names)
    if not given:
        # Not imported for a deployment without defects, which starts faster.
        return []
    from mockserver.defects import Defect, named

    return [one if isinstance(one, Defect) else named(one)() for one in given]


def break_again(app: web.Application, defects: Iterable[Defect], faults: Iterable[Fault]) -> None:
    """Switch defects on and set faults, on the whole deployment."""
    for defect in defects:
        switches(app).on(defect)
    for fault in faults:
        app[FAULTS].set(fault)


def switches(app: web.Application) -> Switches:
    """Return the defect switches of a deployment. Created on first use: a server without defects starts faster."""
    from mockserver.defects.switches import Switches

    made = app[_SWITCHES]
    if "defects" not in made:
        made["defects"] = Switches(app[ENGINE].threads, app[INTERCEPTORS])
    found: Switches = made["defects"]
    return found


def _thread(request: web.Request, thread_id: str | None) -> Thread | None:
    """Return the thread of a command, or None for the whole deployment. Raises `ApiError` 404 or 422."""
    if thread_id is None:
        return None
    thread = request.app[ENGINE].threads.by_id.get(uuid_in(thread_id, "thread"))
    if thread is None:
        raise ApiError(404, f"Thread with ID {thread_id} not found")
    return thread


def _refusing(handler: Handler) -> Handler:
    """Return a handler that answers with the status of the error that a command raises."""
    from mockserver.script.load import ScriptError

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError:
            raise
        except UsageError as error:
            raise ApiError(422, error.over_http) from None
        except (ScriptError, BadFaultError) as error:
            raise ApiError(422, str(error)) from None
        # A test can wait again after 408, but not after 404. Both are errors of `ControlError`.
        except DeadlineError as error:
            raise ApiError(408, str(error)) from None
        except ControlError as error:
            raise ApiError(404, str(error)) from None
        except Exception as error:
            # By name: a deployment without defects does not import them.
            if type(error).__name__ == "UnknownDefectError":
                raise ApiError(404, str(error)) from None
            raise

    return answer


MEANT: Final = {
    **dict.fromkeys(("thread", "threadId"), "thread_id"),
    **dict.fromkeys(("run", "runId"), "run_id"),
    **dict.fromkeys(("timeout", "seconds", "timeout_seconds", "deadline_ms"), "deadline"),
    **dict.fromkeys(("second", "by", "delta"), "seconds"),
    **dict.fromkeys(("at", "where", "node", "hold"), "point"),
    **dict.fromkeys(("type", "fault"), "kind"),
    **dict.fromkeys(("defect",), "name"),
    **dict.fromkeys(("yaml", "text", "turns", "graphs"), "script"),
    **dict.fromkeys(("path", "file"), "script"),
    **dict.fromkeys(("method",), "request"),
    **dict.fromkeys(("order", "sequence", "requests"), "in_order"),
    **dict.fromkeys(("matching", "wanted", "with", *OWN, "input", "command", "assistant_id"), "having"),
    **dict.fromkeys(("count", "number"), "times"),
    **dict.fromkeys(("probability", "rate", "percent"), "chance"),
    **dict.fromkeys(("clock",), "time"),
}
"""The names that other tools use, with those of the control API."""


async def _read(request: web.Request, schema: type[T], default: bytes = b"") -> T:
    """Return the body of a command, or `default` if it is empty. Raises `ApiError` 422 with the nearest right word."""
    try:
        return msgspec.json.decode(await request.read() or default, type=schema)
    except msgspec.ValidationError as error:
        mistake = explained(str(error), schema, MEANT, MODES_MEANT, FAULTS_MEANT)
        # `cut@2` is how a header and the command line write a fault.
        at = ". Write the number behind the sign as `at`" if mistake.path == ".kind" and "@" in mistake.text else ""
        moves = ". To move the clock, send POST /_mock/time/advance" if mistake.key == "seconds" else ""
        raise ApiError(422, f"{mistake}{at}{moves}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ApiError(422, f"the body of {request.method} {request.path} is not JSON. Send an object") from None


def _query(request: web.Request, schema: type[T]) -> T:
    """Return the query of a command. A repeated parameter is a list. Raises `ApiError` 422 likewise."""
    if request.can_read_body:
        name = schema.__struct_fields__[-1]  # type: ignore[attr-defined]  # every query is a struct
        text = f"{request.method} {request.path} reads no body. Write its values into the query"
        raise ApiError(422, f"{text}: {request.path}?{name}=...")
    given = {key: request.query.getall(key) for key in request.query}
    plain = {key: found if len(found) > 1 else found[0] for key, found in given.items()}
    try:
        # Not strict, because every parameter is text: "10" has to pass for a number.
        return msgspec.convert(plain, schema, strict=False)
    except msgspec.ValidationError as error:
        raise ApiError(422, str(explained(str(error), schema, MEANT, MODES_MEANT, FAULTS_MEANT))) from None
