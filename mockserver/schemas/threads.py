"""The request bodies of the thread and state routes. Their docstrings are the descriptions in `/openapi.json`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from mockserver.schemas.common import UUID, Body, CheckpointConfig, Command, Json, Limit, Offset
from mockserver.vocabulary import ThreadStatus

ExtractPath = Annotated[str, Meta(pattern=r"^(values|metadata|config|interrupts)(\.[^.\[\]]+|\[-?\d{1,9}\])*$(?!\n)")]
StateField = Annotated[
    str,
    Meta(
        pattern=r"^(values(\..+)?|next|tasks|checkpoint|metadata|created_at|parent_checkpoint|interrupts"
        r"|checkpoint_id|parent_checkpoint_id)$(?!\n)"
    ),
]
"""A field of a state. `values.messages` is one channel."""


class Before(CheckpointConfig, frozen=True):
    """The reference to a checkpoint, directly or inside `configurable`, as JavaScript's client sends it."""

    configurable: CheckpointConfig | UnsetType = UNSET


class TimeToLive(Body, frozen=True):
    """The time to live of a thread, in scripted time. It is shown with `?include=ttl`."""

    # 1e9 minutes are 1900 years. Ten times as many would exceed the year 9999, the last one of `datetime`.
    ttl: Annotated[float, Meta(gt=0, le=1e9)] | UnsetType = UNSET
    """The minutes from now."""
    strategy: Literal["delete", "keep_latest"] = "delete"


class SuperstepUpdate(Body, frozen=True):
    """The write of a node in a superstep of another thread."""

    as_node: str
    values: Json | None = None
    command: Command | None = None


class Superstep(Body, frozen=True):
    """A superstep of another thread that a new thread starts with."""

    updates: Annotated[list[SuperstepUpdate], Meta(min_length=1)]


class ThreadCreate(Body, frozen=True):
    """A new thread."""

    thread_id: str | UnsetType = UNSET
    metadata: Json = {}
    if_exists: Literal["raise", "do_nothing"] = "raise"
    ttl: TimeToLive | UnsetType = UNSET
    supersteps: list[Superstep] = []


class ThreadPatch(Body, frozen=True):
    """The metadata to merge into that of a thread, and its new time to live."""

    metadata: Json = {}
    ttl: TimeToLive | UnsetType = UNSET


class ThreadPrune(Body, frozen=True):
    """The threads to delete, or of which to keep only the newest checkpoint."""

    thread_ids: list[str]
    strategy: Literal["delete", "keep_latest"] = "delete"


class ThreadCount(Body, frozen=True):
    """The filter of threads to count."""

    metadata: Json = {}
    values: Json = {}
    status: ThreadStatus | UnsetType = UNSET


ThreadField = Literal[
    "thread_id",
    "created_at",
    "updated_at",
    "state_updated_at",
    "metadata",
    "config",
    "status",
    "values",
    "interrupts",
    "error",
]


class ThreadSearch(Body, frozen=True):
    """The filter, the order, the page and the fields of threads to list."""

    ids: list[UUID] | UnsetType = UNSET
    metadata: Json = {}
    values: Json = {}
    status: ThreadStatus | UnsetType = UNSET
    limit: Limit = 10
    offset: Offset = 0
    sort_by: Literal["thread_id", "status", "created_at", "updated_at", "state_updated_at"] = "created_at"
    sort_order: Literal["asc", "desc"] = "desc"
    select: list[ThreadField] | UnsetType = UNSET
    extract: Annotated[dict[str, ExtractPath], Meta(max_length=10)] = {}
    """The parts of the thread to show under chosen names, each given by a path: `values.messages[-1].content`."""


class StateUpdate(Body, frozen=True):
    """An update of the state, as if the node `as_node` had written the values."""

    values: Json | None = None
    as_node: str | UnsetType = UNSET
    checkpoint: CheckpointConfig | UnsetType = UNSET
    checkpoint_id: str | None = None


class StateRequest(Body, frozen=True):
    """The checkpoint whose state to return, and the fields to show."""

    checkpoint: CheckpointConfig
    subgraphs: bool = False
    select: list[StateField] | None = None


class HistoryRequest(Body, frozen=True):
    """The filter, the page and the fields of checkpoints to list."""

    # GET on the same path has a default of 10. The official API description has both defaults, too.
    limit: Limit = 1
    before: Before | UnsetType = UNSET
    metadata: Json = {}
    checkpoint: CheckpointConfig | UnsetType = UNSET
    select: list[StateField] | None = None

    @property
    def before_id(self) -> str | None:
        """The id of the checkpoint before which the list starts, or None."""
        return ((self.before.configurable or self.before).checkpoint_id or None) if self.before else None
