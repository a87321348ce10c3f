"""The bodies of requests about threads and their state."""

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
"""A field of a state; `values.messages` means one channel."""


class Before(CheckpointConfig, frozen=True):
    """A checkpoint as JavaScript's client names it: as the config of a run, or as it is."""

    configurable: CheckpointConfig | None = None


class TimeToLive(Body, frozen=True):
    """When a thread may be swept. It is shown (`?include=ttl`), but of no effect: nothing sweeps a mock."""

    ttl: Annotated[float, Meta(gt=0, le=1e9)]
    """Minutes from now."""
    strategy: Literal["delete", "keep_latest"] = "delete"


class SuperstepUpdate(Body, frozen=True):
    """What a node wrote in a superstep of the past."""

    as_node: str
    values: Json | None = None
    command: Command | None = None


class Superstep(Body, frozen=True):
    """One superstep of the past that a new thread begins with; the mock takes one update in each."""

    updates: Annotated[list[SuperstepUpdate], Meta(min_length=1, max_length=1)]


class ThreadCreate(Body, frozen=True):
    """A new thread."""

    thread_id: str | UnsetType = UNSET
    metadata: Json = {}
    if_exists: Literal["raise", "do_nothing"] = "raise"
    ttl: TimeToLive | None = None
    supersteps: list[Superstep] = []


class ThreadPatch(Body, frozen=True):
    """Metadata to merge into that of a thread."""

    metadata: Json = {}
    ttl: TimeToLive | None = None


class ThreadPrune(Body, frozen=True):
    """Threads to delete, or to cut down to their newest checkpoint."""

    thread_ids: list[str]
    strategy: Literal["delete", "keep_latest"] = "delete"


class ThreadCount(Body, frozen=True):
    """Which threads to count."""

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
    """Which threads to list, and how."""

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
    """Parts of the thread to show under names, each by its path: `values.messages[-1].content`."""


class StateUpdate(Body, frozen=True):
    """A write to the state by hand, as if a node had made it."""

    values: Json | None = None
    as_node: str | None = None
    checkpoint: CheckpointConfig | None = None
    checkpoint_id: str | None = None


class StateRequest(Body, frozen=True):
    """The state at a checkpoint."""

    checkpoint: CheckpointConfig
    subgraphs: bool = False
    select: list[StateField] | None = None


class HistoryRequest(Body, frozen=True):
    """Which checkpoints to list."""

    limit: Limit = 1
    before: str | Before | None = None
    metadata: Json = {}
    checkpoint: CheckpointConfig | None = None
    select: list[StateField] | None = None

    @property
    def before_id(self) -> str | None:
        """The id of the checkpoint before which the list begins."""
        if not isinstance(self.before, Before):
            return self.before
        return (self.before.configurable or self.before).checkpoint_id
