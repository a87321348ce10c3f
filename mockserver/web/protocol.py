"""The commands of the newer streaming protocol: what each does, whatever it came over.

`run.start` and `input.respond` create runs as the run endpoints do. A command that cannot be done is answered with an
error of a published code; one that no published description knows is refused, also where the protocol's own drafts or
a client have it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import uuid4

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType, structs

from mockserver.core.assistants import GRAPH
from mockserver.core.protocol_feed import Feed, Filter, Listener
from mockserver.core.records import Run, Thread
from mockserver.engine.engine import ThreadBusyError
from mockserver.schemas.common import Body, Config, Json, RunRequest, StreamMode
from mockserver.schemas.common import Command as RunCommand
from mockserver.views.protocol_events import tree
from mockserver.vocabulary import Strategy
from mockserver.web.http import ENGINE, Refusal
from mockserver.web.lookups import path_uuid
from mockserver.web.routes_runs import created_run

Code = Literal[
    "invalid_argument",
    "unknown_command",
    "unknown_error",
    "no_such_run",
    "no_such_subscription",
    "no_such_interrupt",
    "no_such_checkpoint",
    "not_supported",
]
CHANNELS: Final = ("values", "updates", "messages", "tools", "lifecycle", "input", "tasks", "checkpoints", "custom")
NAMED: Final = "custom:"
"""What a channel of the scripts' own begins with."""
Channel = Annotated[str, Meta(extra_json_schema={"pattern": f"^({'|'.join(CHANNELS)}|{NAMED}.+)$"})]
T = TypeVar("T")
Natural = Annotated[int, Meta(ge=0)]

STREAM_MODES: Final[list[StreamMode]] = ["values", "updates", "messages-tuple", "custom"]
"""What those see who follow a run that a command created by its own stream."""


class ProtocolError(Exception):
    """A command that cannot be done; the code is one of the published ones."""

    def __init__(self, code: Code, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        """What an endpoint would have answered."""


class Malformed(msgspec.Struct):
    """The answer to what is no command."""

    type: Literal["error"]
    id: Natural | None
    error: Literal["invalid_argument"]
    message: str


class Envelope(Body, frozen=True):
    """A command."""

    id: Natural
    method: str
    params: Json = msgspec.field(default_factory=dict)


class Subscription(Body, frozen=True):
    """Which events a client wants, and after which one it begins."""

    channels: Annotated[list[Channel], Meta(min_length=1)]
    namespaces: list[list[str]] | None = None
    depth: Natural | None = None
    since: Natural | None = None

    def __post_init__(self) -> None:
        for channel in self.channels:
            if channel not in CHANNELS and not (channel.startswith(NAMED) and channel != NAMED):
                raise ValueError(f"{channel!r} is no channel; there are {', '.join(CHANNELS)}, and `custom:NAME`")

    @property
    def filter(self) -> Filter:
        """What passes."""
        return Filter(frozenset(self.channels), tuple(tuple(one) for one in self.namespaces or ()), self.depth)


class RunStart(Body, frozen=True, rename={"camel_case": "multitaskStrategy"}):
    """What `run.start` takes; a tracer is of no effect, for a mock sends no traces."""

    assistant_id: str
    input: Any = None
    config: Config = Config()
    metadata: Json = msgspec.field(default_factory=dict)
    multitask_strategy: Strategy | UnsetType = UNSET
    camel_case: Strategy | UnsetType = UNSET
    """JavaScript's client sends the strategy under both names."""
    langsmith_tracer: Json | None = None


class InterruptResponse(Body, frozen=True):
    """An answer to one question."""

    namespace: list[str]
    interrupt_id: str
    response: Any


class Respond(Body, frozen=True, kw_only=True):
    """What `input.respond` takes beside the answers."""

    update: Json | None = None
    goto: Any = UNSET
    config: Config = Config()
    metadata: Json = msgspec.field(default_factory=dict)


class RespondMany(Respond, frozen=True, kw_only=True):
    """Answers to several questions, which one run takes up."""

    responses: Annotated[list[InterruptResponse], Meta(min_length=1)]


class RespondOne(Respond, frozen=True, kw_only=True):
    """The answer to one question."""

    namespace: list[str]
    interrupt_id: str
    response: Any


class Tree(Body, frozen=True):
    """What `agent.getTree` takes."""

    run_id: str | None = None


class Unsubscribe(Body, frozen=True):
    """What `subscription.unsubscribe` takes."""

    subscription_id: str


@dataclass
class ProtocolSession:
    """A client that speaks to one thread: over HTTP for one command, over a WebSocket for as long as that lives."""

    request: web.Request
    listener: Listener | None = None
    """Who is sent the events, None over HTTP."""
    run: Run | None = None
    """The run that its last command created."""
    refused: int | None = None
    """The status with which an endpoint would have refused its last command, None for one that was done."""

    @property
    def thread_id(self) -> str:
        """The thread that it speaks to, which may be still to come."""
        return path_uuid(self.request, "thread")

    @property
    def thread(self) -> Thread | None:
        """The thread, None before it was created."""
        return self.request.app[ENGINE].threads.by_id.get(self.thread_id)

    @property
    def feed(self) -> Feed:
        """The events of the thread."""
        return self.request.app[ENGINE].feeds.of(self.thread_id)

    def answer(self, command: Any) -> dict[str, Any]:
        """Do what a command says, and what to answer."""
        number = command.get("id") if isinstance(command, dict) else None
        try:
            if command is None:
                raise ProtocolError("invalid_argument", "A command must be valid JSON.")
            asked = read_params(command, Envelope, "A command")
            result = _method(asked.method)(self, asked.params)
        except ProtocolError as error:
            self.refused = error.status
            # A number that is none of a command's cannot be told again.
            known = number if type(number) is int and number >= 0 else None
            return {"type": "error", "id": known, "error": error.code, "message": str(error)}
        seq = 0 if self.listener is None else self.listener.last_seq
        return {"type": "success", "id": asked.id, "result": result, "meta": {"applied_through_seq": seq}}


def start_run(session: ProtocolSession, params: Json) -> Json:
    """`run.start`: create a run, or answer the question that the thread waits with."""
    asked = read_params(params, RunStart, "run.start")
    strategies = {name for name in (asked.multitask_strategy, asked.camel_case) if name is not UNSET}
    if len(strategies) > 1:
        raise ProtocolError("invalid_argument", "run.start: `multitask_strategy` and `multitaskStrategy` differ")
    waiting = session.thread is not None and questions(session.thread) and asked.input is not None
    order = RunRequest(
        assistant_id=asked.assistant_id,
        input=None if waiting else asked.input,
        command=RunCommand(resume=asked.input) if waiting else None,
        metadata=asked.metadata,
        multitask_strategy=strategies.pop() if strategies else UNSET,
    )
    return {"run_id": _created(session, order, asked.config).run_id}


def respond(session: ProtocolSession, params: Json) -> Json:
    """`input.respond`: answer the questions of a human in the loop, with a run that takes the answers up."""
    asked: RespondOne | RespondMany
    if "responses" in params:
        asked = read_params(params, RespondMany, "input.respond")
        answers = asked.responses
    else:
        asked = read_params(params, RespondOne, "input.respond")
        answers = [
            InterruptResponse(namespace=asked.namespace, interrupt_id=asked.interrupt_id, response=asked.response)
        ]
    if session.thread is None:
        raise ProtocolError("no_such_run", "No interrupted run is bound to this thread.", 404)
    known = questions(session.thread)
    for one in answers:
        if one.interrupt_id not in known:
            raise ProtocolError("no_such_interrupt", f"Unknown or already-consumed interrupt: {one.interrupt_id}", 404)
        if known[one.interrupt_id] != one.namespace:
            raise ProtocolError("no_such_interrupt", "Interrupt namespace does not match the pending interrupt.", 404)
    told: Json = {"resume": {one.interrupt_id: one.response for one in answers}, "update": asked.update}
    if asked.goto is not UNSET:
        told["goto"] = asked.goto if isinstance(asked.goto, list) else [asked.goto]
    asking = next(reversed(session.thread.runs.values()), None)
    order = RunRequest(
        assistant_id=GRAPH if asking is None else asking.assistant.assistant_id,
        command=read_params(told, RunCommand, "input.respond"),
        metadata=asked.metadata,
    )
    _created(session, order, asked.config)
    return {}


def get_tree(session: ProtocolSession, params: Json) -> Json:
    """`agent.getTree`: the graph of a run, by default the newest, with the child graphs below and their statuses."""
    asked = read_params(params, Tree, "agent.getTree")
    feed = session.request.app[ENGINE].feeds.find(session.thread_id)
    found = None if feed is None else tree(feed.events_of(asked.run_id))
    if found is None:
        raise ProtocolError("no_such_run", "No active run is bound to this thread.", 404)
    return {"tree": found}


def subscribe(session: ProtocolSession, params: Json) -> Json:
    """`subscription.subscribe`: send events, beginning with those that were missed."""
    asked = read_params(params, Subscription, "subscription.subscribe")
    if session.listener is None:
        raise ProtocolError("not_supported", "Subscriptions are for WebSockets; over HTTP, POST to stream/events.")
    name = str(uuid4())
    replayed = session.feed.subscribe(session.listener, name, asked.filter, asked.since or 0)
    return {"subscription_id": name, "replayed_events": replayed}


def unsubscribe(session: ProtocolSession, params: Json) -> Json:
    """`subscription.unsubscribe`: send no more events of a subscription."""
    asked = read_params(params, Unsubscribe, "subscription.unsubscribe")
    if session.listener is None or session.listener.filters.pop(asked.subscription_id, None) is None:
        raise ProtocolError("no_such_subscription", f"Unknown subscription: {asked.subscription_id}", 404)
    return {}


def reconnect(_: ProtocolSession, __: Json) -> Json:
    """`subscription.reconnect`: refused, since subscriptions end with their connection."""
    raise ProtocolError("not_supported", "Subscribe again instead; `since` is the number of the last event you saw.")


METHODS: Final[dict[str, Callable[[ProtocolSession, Json], Json]]] = {
    "run.start": start_run,
    "input.respond": respond,
    "agent.getTree": get_tree,
    "subscription.subscribe": subscribe,
    "subscription.unsubscribe": unsubscribe,
    "subscription.reconnect": reconnect,
}


def read_params(raw: Any, schema: type[T], what: str) -> T:
    """What a command is given. Raises `ProtocolError`, naming the place of what is wrong."""
    try:
        return msgspec.convert(raw, schema)
    except msgspec.ValidationError as error:
        raise ProtocolError("invalid_argument", f"{what}: {error}") from None


def questions(thread: Thread) -> dict[str, list[str]]:
    """The questions that a thread waits with, each with the namespace of the graph that asks it.

    None while a run is in flight: it may be the answer.
    """
    if thread.in_flight:
        return {}
    head, found = thread.history.head, dict[str, list[str]]()
    for node, question in thread.history.waiting_interrupts().items():
        namespace = "" if head is None else head.namespace(node)
        child = thread.history.children.get(namespace)
        asked_inside = child is not None and question in child.waiting_interrupts().values()
        found[question["id"]] = namespace.split("|") if asked_inside else []
    return found


def _method(name: str) -> Callable[[ProtocolSession, Json], Json]:
    if name not in METHODS:
        raise ProtocolError("unknown_command", f"Unknown protocol command: {name}", 404)
    return METHODS[name]


def _created(session: ProtocolSession, order: RunRequest, config: Config) -> Run:
    """A run as a command orders it; a checkpoint to go on from is named in its config."""
    configurable = dict(config.configurable)
    checkpoint_id = configurable.pop("checkpoint_id", None)
    # JavaScript's client names the thread there, too.
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
    except Refusal as refusal:
        if refusal.status == 404 and checkpoint_id is not None and str(checkpoint_id) in refusal.detail:
            raise ProtocolError("no_such_checkpoint", refusal.detail, 404) from None
        raise ProtocolError("unknown_error", f"{refusal.status}: {refusal.detail}", refusal.status) from None
    except ThreadBusyError as busy:
        raise ProtocolError("unknown_error", f"409: {busy}", 409) from None
    if new:
        run.thread.metadata |= order.metadata
    session.run = run
    # In time: a run starts at the next turn of the event loop.
    session.request.app[ENGINE].feeds.of(session.thread_id)
    return run
