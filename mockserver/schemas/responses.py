"""The types of the responses, one for each route. Only `/openapi.json` and its test use them.

Responses are built as dictionaries in `views`, because defects add and remove fields. The test of the description
compares every real response with these types.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, structs

from mockserver.schemas.common import UUID, Json
from mockserver.vocabulary import RunStatus, Strategy, ThreadStatus

Natural = Annotated[int, Meta(ge=0)]
ErrorCode = Literal[
    "invalid_argument",
    "unknown_command",
    "unknown_error",
    "no_such_run",
    "no_such_subscription",
    "no_such_interrupt",
    "no_such_checkpoint",
    "not_supported",
]
"""The published codes of failed commands that the mock uses."""
Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class Response(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A JSON object in a response."""


def _selected(kind: type[Response]) -> Any:
    """Return a type with the fields of another, of which a client may have selected any."""
    fields = [(one.name, one.type | UnsetType, UNSET) for one in structs.fields(kind)]
    return msgspec.defstruct(
        f"Selected{kind.__name__}",
        fields,
        bases=(Response,),
        namespace={"__doc__": f"{kind.__doc__} Without the fields that were not selected."},
        kw_only=True,
        forbid_unknown_fields=True,
    )


class Ok(Response):
    """The confirmation that the server accepts requests."""

    ok: bool
    services: Json


class Info(Response):
    """The name, the version and the features of the server."""

    name: str
    version: str
    langgraph_py_version: str
    flags: dict[str, bool]
    host: Json
    metadata: Json


class AssistantVersion(Response):
    """One version of an assistant."""

    assistant_id: UUID
    graph_id: str
    config: Json
    context: Json
    metadata: Json
    name: str
    description: str | None
    version: int
    created_at: Timestamp


class Assistant(AssistantVersion):
    """An assistant."""

    updated_at: Timestamp


SelectedAssistant: Final = _selected(Assistant)


class Drawn(Response):
    """The nodes and edges of a graph."""

    nodes: list[Json]
    edges: list[Json]


class SubgraphSchemas(Response):
    """The JSON Schemas of a child graph."""

    input_schema: Json
    output_schema: Json
    state_schema: Json
    config_schema: Json
    context_schema: Json | None


class GraphSchemas(SubgraphSchemas):
    """The JSON Schemas of a graph."""

    graph_id: str


class Thread(Response):
    """A thread."""

    thread_id: UUID
    created_at: Timestamp
    updated_at: Timestamp
    state_updated_at: Timestamp
    metadata: Json
    status: ThreadStatus
    config: Json
    values: Json | None
    error: Json | UnsetType | None = UNSET
    interrupts: dict[str, list[Json]] | UnsetType = UNSET
    ttl: Json | UnsetType = UNSET


class FoundThread(Thread):
    """A thread with the parts that the search extracted."""

    extracted: Json | UnsetType = UNSET


SelectedThread: Final = _selected(FoundThread)


class Pruned(Response):
    """The number of pruned threads."""

    pruned_count: int


class Weight(Response):
    """A number of things and their size in bytes."""

    count: int
    bytes: int


class ChannelWeight(Weight):
    """The number and the size of channel values, in total and by channel."""

    by_channel: dict[str, Json]


class Storage(Response):
    """The size of a thread's checkpoints in bytes."""

    thread_id: UUID
    total_bytes: int
    checkpoints: Weight
    channel_values: ChannelWeight
    pending_writes: Weight


class Reference(Response):
    """The reference to a checkpoint."""

    checkpoint_id: str
    thread_id: UUID
    checkpoint_ns: str


class StateReference(Reference):
    """The reference to the checkpoint of a state, in a child graph with the checkpoints of its parents."""

    checkpoint_map: dict[str, str] | UnsetType = UNSET


class ChildReference(Response):
    """The reference to the state of a child graph."""

    thread_id: UUID
    checkpoint_ns: str


class Interrupt(Response):
    """A question to a human."""

    id: str
    value: Any
    response_schema: Json | UnsetType | None = UNSET


class Task(Response):
    """A node that runs next or has run, with its outcome. A child graph has either a `checkpoint` or its `state`."""

    id: str
    name: str
    path: list[Any]
    error: Any
    interrupts: list[Interrupt]
    checkpoint: ChildReference | None
    state: ThreadState | None
    result: Any


class ThreadState(Response):
    """The state of a thread at a checkpoint. Before the first checkpoint most fields are null."""

    values: Json
    next: list[str]
    tasks: list[Task]
    metadata: Json | None
    created_at: Timestamp | None
    checkpoint: StateReference | None
    parent_checkpoint: StateReference | None
    interrupts: list[Interrupt]
    checkpoint_id: str | None
    parent_checkpoint_id: str | None


SelectedState: Final = _selected(ThreadState)


class StateWritten(Response):
    """The checkpoint that an update of the state has created."""

    checkpoint: Reference
    configurable: Reference
    checkpoint_id: str


class Run(Response):
    """A run."""

    run_id: UUID
    thread_id: UUID
    assistant_id: UUID
    metadata: Json
    status: RunStatus
    kwargs: Json
    multitask_strategy: Strategy
    created_at: Timestamp
    updated_at: Timestamp
    langsmith_session_name: None


SelectedRun: Final = _selected(Run)


class Cron(Response):
    """A cron."""

    cron_id: UUID
    assistant_id: UUID
    thread_id: UUID | None
    user_id: str
    end_time: Timestamp | None
    schedule: str
    timezone: str | None
    payload: Json
    next_run_date: Timestamp | None
    metadata: Json
    on_run_completed: str | None
    enabled: bool
    created_at: Timestamp
    updated_at: Timestamp


SelectedCron: Final = _selected(Cron)


class Item(Response):
    """An item of the store."""

    namespace: list[str]
    key: str
    value: Json
    created_at: Timestamp
    updated_at: Timestamp


class FoundItem(Item):
    """An item that a search found. The mock computes no score."""

    score: None


class FoundItems(Response):
    """The items that a search found."""

    items: list[FoundItem]


class Namespaces(Response):
    """The namespaces that hold items."""

    namespaces: list[list[str]]


class Applied(Response):
    """The number of the newest event that was sent before the response."""

    applied_through_seq: Natural


class CommandSucceeded(Response, tag_field="type", tag="success"):
    """The response to a command that succeeded."""

    id: Natural
    result: Json
    meta: Applied


class CommandFailed(Response, tag_field="type", tag="error"):
    """The response to a command that failed."""

    id: Natural | None
    error: ErrorCode
    message: str


CommandResponse = CommandSucceeded | CommandFailed
"""The response to a command."""

Output = Any
"""The final values of a run, whose type depends on the script."""
