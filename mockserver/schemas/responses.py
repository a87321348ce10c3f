"""The types of the responses, one for each route. Only `/openapi.json` and its test use them.

Responses are built as dictionaries in `views`, because defects add and remove fields. The test of the description
compares every real response with these types.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mockserver.schemas.common import UUID, Json
from mockserver.vocabulary import RunStatus, Strategy, ThreadStatus

Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
SelectedFields = Json
"""The selected fields of a record."""


class Response(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A JSON object in a response."""


class Ok(Response):
    """The confirmation that the server accepts requests."""

    ok: bool


class Info(Response):
    """The name, the version and the features of the server."""

    name: str
    version: str
    langgraph_py_version: str | None
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


class Drawn(Response):
    """The nodes and edges of a graph."""

    nodes: list[Json]
    edges: list[Json]


class GraphSchemas(Response):
    """The JSON Schemas of a graph."""

    graph_id: str
    input_schema: Json
    output_schema: Json
    state_schema: Json
    config_schema: Json
    context_schema: Json | None


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


Output = Any
"""The final values of a run, whose type depends on the script."""
