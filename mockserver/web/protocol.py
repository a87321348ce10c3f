"""The commands of the newer streaming protocol, independent of the transport (HTTP or WebSocket).

`run.start` and `input.respond` create runs in the same way as the run endpoints. A failed command is answered with an
error that has one of the published codes. A command that is in no published description is rejected, even if drafts
of the protocol or a client have it: a mock that accepted it would hide that real servers do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar
from uuid import uuid4

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from mockserver.core.checkpoints import History
from mockserver.core.json_text import as_json
from mockserver.core.protocol_feed import Feed, Filter, Listener
from mockserver.core.records import Run, Thread
from mockserver.engine.engine import ThreadBusyError
from mockserver.schemas.common import Body, Config, Json, RunRequest, StreamMode
from mockserver.schemas.common import Command as RunCommand
from mockserver.schemas.responses import ErrorCode, Natural
from mockserver.views.protocol_events import tree
from mockserver.vocabulary import Strategy
from mockserver.web.http import ENGINE, ApiError
from mockserver.web.leniency import MeaninglessError, accepted
from mockserver.web.lookups import path_uuid
from mockserver.web.routes_runs import created_run

CHANNELS: Final = ("values", "updates", "messages", "tools", "lifecycle", "input", "tasks", "checkpoints", "custom")
NAMED: Final = "custom:"
"""The prefix of the custom channels, whose names the scripts choose."""
Channel = Annotated[str, Meta(extra_json_schema={"pattern": f"^({'|'.join(CHANNELS)}|{NAMED}.+)$"})]
T = TypeVar("T")

STREAM_MODES: Final[list[StreamMode]] = ["values", "updates", "messages-tuple", "custom"]
"""The stream modes of runs that a command creates, for clients that stream such a run by its own endpoint."""


class ProtocolError(Exception):
    """A failed command. `code` is one of the published error codes."""

    def __init__(self, code: ErrorCode, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        """The status with which an endpoint would have failed. The journal records it, because the response is 200."""


class Envelope(Body, frozen=True):
    """A command with its parameters."""

    id: Natural
    method: str
    params: Json = msgspec.field(default_factory=dict)


class Subscription(Body, frozen=True):
    """The channels, namespaces and depth of the wanted events, and the number of the event after which to start."""

    channels: Annotated[list[Channel], Meta(min_length=1)]
    namespaces: list[list[str]] | None = None
    depth: Natural | None = None
    since: Natural | None = None

    def __post_init__(self) -> None:
        for channel in self.channels:
            if channel not in CHANNELS and not (channel.startswith(NAMED) and channel != NAMED):
                raise ValueError(
                    f"{as_json(channel)} is not a channel; the channels are {', '.join(CHANNELS)} and `custom:NAME`"
                )

    @property
    def filter(self) -> Filter:
        """The filter that passes the wanted events."""
        return Filter(frozenset(self.channels), tuple(tuple(one) for one in self.namespaces or ()), self.depth)


class RunStart(Body, frozen=True, rename={"camel_case": "multitaskStrategy"}):
    """The parameters of `run.start`. A tracer has no effect, because the mock sends no traces."""

    assistant_id: str
    input: Any = None
    config: Config | None = None
    metadata: Json | None = None
    multitask_strategy: Strategy | UnsetType | None = UNSET
    camel_case: Strategy | UnsetType | None = UNSET
    """JavaScript's client sends the strategy under both names."""
    langsmith_tracer: Json | None = None


class InterruptResponse(Body, frozen=True):
    """The response to one interrupt."""

    namespace: list[str]
    interrupt_id: str
    response: Any


class Respond(Body, frozen=True, kw_only=True):
    """The parameters of `input.respond` apart from the responses."""

    update: Json | None = None
    goto: Any = UNSET
    config: Config = Config()
    metadata: Json = msgspec.field(default_factory=dict)


class RespondMany(Respond, frozen=True, kw_only=True):
    """The responses to several interrupts, which one run resumes."""

    responses: Annotated[list[InterruptResponse], Meta(min_length=1)]


class RespondOne(Respond, frozen=True, kw_only=True):
    """The parameters of `input.respond` with one response."""

    namespace: list[str]
    interrupt_id: str
    response: Any


class Tree(Body, frozen=True):
    """The parameters of `agent.getTree`."""

    run_id: str | None = None


class Unsubscribe(Body, frozen=True):
    """The parameters of `subscription.unsubscribe`."""

    subscription_id: str


class ProtocolSession(Struct):
    """The execution of one command on one thread."""

    request: web.Request
    listener: Listener | None = None
    """The receiver of subscribed events, or None over HTTP."""
    run: Run | None = None
    """The run that the command created, if any."""
    refused: int | None = None
    """The status with which an endpoint would have rejected the command, or None if it succeeded."""

    @property
    def thread_id(self) -> str:
        """The id of the thread, which may not exist yet."""
        return path_uuid(self.request, "thread")

    @property
    def thread(self) -> Thread | None:
        """The thread, or None before it is created."""
        return self.request.app[ENGINE].threads.by_id.get(self.thread_id)

    @property
    def feed(self) -> Feed:
        """The event feed of the thread."""
        return self.request.app[ENGINE].feeds.of(self.thread_id)

    def execute(self, command: Any) -> dict[str, Any]:
        """Execute a command and return the response, which may be an error."""
        number = command.get("id") if isinstance(command, dict) else None
        try:
            if command is None:
                raise ProtocolError("invalid_argument", "A command must be valid JSON.")
            envelope = read_params(command, Envelope, "A command")
            result = _method(envelope.method)(self, envelope.params)
        except ProtocolError as error:
            self.refused = error.status
            # The response repeats the id of the command, but an invalid one would make the response invalid too.
            known = number if type(number) is int and number >= 0 else None
            return {"type": "error", "id": known, "error": error.code, "message": str(error)}
        seq = 0 if self.listener is None else self.listener.last_seq
        return {"type": "success", "id": envelope.id, "result": result, "meta": {"applied_through_seq": seq}}


def start_run(session: ProtocolSession, params: Json) -> Json:
    """Execute `run.start`: create a run, which answers the pending interrupt of the thread if there is one."""
    start = read_params(params, RunStart, "run.start")
    strategies = {name for name in (start.multitask_strategy, start.camel_case) if name}
    if len(strategies) > 1:
        raise ProtocolError(
            "invalid_argument", "run.start: `multitask_strategy` and `multitaskStrategy` differ; send one of them"
        )
    # Unlike the run endpoints, this command has no `resume`: on an interrupted thread the input is the answer.
    interrupted = session.thread is not None and pending_interrupts(session.thread) and start.input is not None
    order = RunRequest(
        assistant_id=start.assistant_id,
        input=None if interrupted else start.input,
        command=RunCommand(resume=start.input) if interrupted else None,
        metadata=start.metadata or {},
        multitask_strategy=strategies.pop() if strategies else UNSET,
    )
    return {"run_id": _create_run(session, order, start.config or Config()).run_id}


def respond(session: ProtocolSession, params: Json) -> Json:
    """Execute `input.respond`: create a run that resumes pending interrupts with the responses of a human."""
    respond: RespondOne | RespondMany
    if "responses" in params:
        respond = read_params(params, RespondMany, "input.respond")
        responses = respond.responses
    else:
        respond = read_params(params, RespondOne, "input.respond")
        responses = [
            InterruptResponse(namespace=respond.namespace, interrupt_id=respond.interrupt_id, response=respond.response)
        ]
    if session.thread is None:
        raise ProtocolError("no_such_run", "No interrupted run is bound to this thread.", 404)
    pending = pending_interrupts(session.thread)
    for one in responses:
        if one.interrupt_id not in pending:
            raise ProtocolError("no_such_interrupt", f"Unknown or already-consumed interrupt: {one.interrupt_id}", 404)
        if pending[one.interrupt_id] != one.namespace:
            raise ProtocolError("no_such_interrupt", "Interrupt namespace does not match the pending interrupt.", 404)
    command: Json = {"resume": {one.interrupt_id: one.response for one in responses}, "update": respond.update}
    if respond.goto is not UNSET:
        command["goto"] = respond.goto if isinstance(respond.goto, list) else [respond.goto]
    # The command names no assistant, so the run uses that of the newest run, which is the interrupted one. A thread
    # that was copied has interrupts but no runs.
    newest = next(reversed(session.thread.runs.values()), None)
    order = RunRequest(
        assistant_id=session.thread.graph_id if newest is None else newest.assistant.assistant_id,
        command=read_params(command, RunCommand, "input.respond"),
        metadata=respond.metadata,
    )
    _create_run(session, order, respond.config)
    return {}


def get_tree(session: ProtocolSession, params: Json) -> Json:
    """Execute `agent.getTree`: return the graph and child graphs of a run, by default the newest, with statuses."""
    wanted = read_params(params, Tree, "agent.getTree")
    feed = session.request.app[ENGINE].feeds.find(session.thread_id)
    found = None if feed is None else tree(feed.events_of(wanted.run_id))
    if found is None:
        raise ProtocolError("no_such_run", "No active run is bound to this thread.", 404)
    return {"tree": found}


def subscribe(session: ProtocolSession, params: Json) -> Json:
    """Execute `subscription.subscribe`: send events from now on, after a replay of those since `since`."""
    subscription = read_params(params, Subscription, "subscription.subscribe")
    if session.listener is None:
        raise ProtocolError("not_supported", "Subscriptions need a WebSocket; over HTTP, POST to stream/events.")
    name = str(uuid4())
    replayed = session.feed.subscribe(session.listener, name, subscription.filter, subscription.since or 0)
    return {"subscription_id": name, "replayed_events": replayed}


def unsubscribe(session: ProtocolSession, params: Json) -> Json:
    """Execute `subscription.unsubscribe`: stop sending the events of a subscription."""
    wanted = read_params(params, Unsubscribe, "subscription.unsubscribe")
    if session.listener is None or session.listener.filters.pop(wanted.subscription_id, None) is None:
        raise ProtocolError("no_such_subscription", f"Unknown subscription: {wanted.subscription_id}", 404)
    return {}


def reconnect(_: ProtocolSession, __: Json) -> Json:
    """Reject `subscription.reconnect`, because subscriptions end with their connection."""
    raise ProtocolError(
        "not_supported",
        "Subscriptions end with their connection; subscribe again with `since`, the last event's `seq`.",
    )


METHODS: Final[dict[str, Callable[[ProtocolSession, Json], Json]]] = {
    "run.start": start_run,
    "input.respond": respond,
    "agent.getTree": get_tree,
    "subscription.subscribe": subscribe,
    "subscription.unsubscribe": unsubscribe,
    "subscription.reconnect": reconnect,
}


def read_params(raw: Any, schema: type[T], what: str) -> T:
    """Return the parameters of a command. Raises `ProtocolError` with the path of the invalid field."""
    try:
        return accepted(raw, schema, lambda known: msgspec.convert(known, schema))[0]
    except msgspec.ValidationError as error:
        raise ProtocolError("invalid_argument", f"{what}: {error}") from None


def pending_interrupts(thread: Thread) -> dict[str, list[str]]:
    """Return the ids of the pending interrupts of a thread, each with the namespace of the graph that raised it.

    A thread with a run in flight has none, because that run may be the one that resumes them.
    """
    if thread.in_flight:
        return {}
    return _pending(thread.history, [])


def _pending(history: History, path: list[str]) -> dict[str, list[str]]:
    """Return the ids of the pending interrupts of a graph, each with the namespace of the graph that raised it."""
    head, found = history.head, dict[str, list[str]]()
    planned = None if head is None else history.with_extras(head)
    for task, questions in history.waiting_interrupts().items():
        own = "" if planned is None else planned.namespace(task)
        # An interrupt of a child graph is recorded in its history and in those of the graphs around it.
        inside = _pending(history.children[own], [*path, own]) if own in history.children else {}
        found |= {question["id"]: inside.get(question["id"], path) for question in questions}
    return found


def _method(name: str) -> Callable[[ProtocolSession, Json], Json]:
    if name not in METHODS:
        raise ProtocolError("unknown_command", f"Unknown protocol command: {name}", 404)
    return METHODS[name]


def _create_run(session: ProtocolSession, order: RunRequest, config: Config) -> Run:
    """Create the run of a command. Raises `ProtocolError` with the error of the run endpoints."""
    # A checkpoint to continue from is part of the config here, where the run endpoints have a field of their own.
    configurable = dict(config.configurable)
    checkpoint_id = configurable.pop("checkpoint_id", None)
    # JavaScript's client also puts the thread id there, which the path already has.
    configurable.pop("thread_id", None)
    order = structs.replace(
        order,
        config=structs.replace(config, configurable=configurable),
        checkpoint_id=checkpoint_id,
        if_not_exists="create",
        stream_mode=STREAM_MODES,
        stream_subgraphs=True,
        stream_resumable=True,
    )
    new = session.thread is None
    try:
        run = created_run(session.request, order)
    except ApiError as error:
        # The run endpoints also answer 404 for an unknown assistant. Only the text names the checkpoint.
        if error.status == 404 and checkpoint_id is not None and str(checkpoint_id) in error.detail:
            raise ProtocolError("no_such_checkpoint", error.detail, 404) from None
        # No published code means "busy" or "invalid assistant", so the status is part of the message.
        raise ProtocolError("unknown_error", f"{error.status}: {error.detail}", error.status) from None
    except MeaninglessError as error:
        raise ProtocolError("invalid_argument", str(error)) from None
    except ThreadBusyError as busy:
        raise ProtocolError("unknown_error", f"409: {busy}", 409) from None
    if new:
        run.thread.metadata |= order.metadata
    session.run = run
    run.by_protocol = True
    # The feed has to exist before the run starts, at the next turn of the event loop: events before it are lost.
    session.request.app[ENGINE].feeds.of(session.thread_id)
    return run
