"""The bodies of requests as types. An unknown field or a wrong type is refused by name; nothing is ignored.

`/openapi.json` is made from these types, so what a type says here is what the server does.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mockserver.vocabulary import Strategy

StreamMode = Literal[
    "values", "updates", "messages", "messages-tuple", "custom", "tasks", "checkpoints", "debug", "events"
]
STREAM_MODES: Final[tuple[StreamMode, ...]] = get_args(StreamMode)

UUID = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$(?!\n)")]
Limit = Annotated[int, Meta(ge=1, le=1000)]
Offset = Annotated[int, Meta(ge=0)]
Json = dict[str, Any]

MAX_SECONDS: Final = 1e9
"""Thirty years. The published description has no bound, and a time stamp needs one: the calendar ends in 9999."""


class Body(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, frozen=True):
    """A JSON object in a request."""


class CheckpointConfig(Body, frozen=True):
    """Names a checkpoint, or the namespace of a subgraph."""

    checkpoint_id: str | None = None
    thread_id: str | None = None
    checkpoint_ns: str | None = None
    checkpoint_map: Json | None = None

    @property
    def of_subgraph(self) -> bool:
        """Whether it names something inside a subgraph."""
        return bool(self.checkpoint_ns)


class Send(Body, frozen=True):
    """A node that is to run with an input of its own, which a script cannot play."""

    node: str
    input: Any


class Command(Body, frozen=True):
    """What a run does instead of taking new input: write to the state, answer a question, go on at a node."""

    resume: Any = None
    update: Json | list[tuple[str, Any]] | None = None
    goto: str | Send | list[str | Send] | None = None
    graph: None = None

    @property
    def written(self) -> Json | None:
        """What it writes to the state; a client may give it as pairs."""
        return dict(self.update) if isinstance(self.update, list) else self.update

    @property
    def targets(self) -> tuple[str | Send, ...]:
        """Where it goes on, each node once."""
        asked = self.goto if isinstance(self.goto, list) else [] if self.goto is None else [self.goto]
        return tuple(dict.fromkeys(asked)) if all(isinstance(one, str) for one in asked) else tuple(asked)


class Tracer(Body, frozen=True):
    """Where a trace would go, and a mock makes none."""

    project_name: str | None = None
    example_id: str | None = None


class Config(Body, frozen=True):
    """The configuration of a run; what its nodes are told is `configurable`."""

    configurable: Json = {}
    tags: list[str] = []
    metadata: Json = {}
    recursion_limit: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    max_concurrency: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    """Of no effect: only a probe makes two steps run at the same time, and they are to."""
    run_name: str | UnsetType = UNSET
    """For traces, and a mock makes none."""


class RunRequest(Body, frozen=True):
    """A run on a thread or, where the path names no thread, on a throw-away one."""

    assistant_id: str
    input: Any = None
    command: Command | None = None
    config: Config = Config()
    context: Json = {}
    metadata: Json = {}
    checkpoint: CheckpointConfig | None = None
    checkpoint_id: str | None = None
    stream_mode: StreamMode | list[StreamMode] = "values"
    stream_subgraphs: bool = False
    stream_resumable: bool = False
    interrupt_before: Literal["*"] | list[str] | None = None
    interrupt_after: Literal["*"] | list[str] | None = None
    multitask_strategy: Strategy | UnsetType = UNSET
    if_not_exists: Literal["create", "reject"] = "reject"
    on_disconnect: Literal["cancel", "continue"] = "continue"
    on_completion: Literal["delete", "keep"] | UnsetType = UNSET
    after_seconds: Annotated[float, Meta(ge=0, le=MAX_SECONDS)] = 0
    durability: Literal["sync", "async", "exit"] = "async"
    checkpoint_during: bool | None = None
    webhook: Annotated[str, Meta(min_length=1, max_length=65536)] | None = None
    feedback_keys: list[str] | None = None
    """For links into traces, and a mock makes none."""
    langsmith_tracer: Tracer | None = None
    strict_resume: bool = False
    """Whether to fail where nothing waits for what `command.resume` answers."""

    @property
    def modes(self) -> tuple[StreamMode, ...]:
        """The stream modes asked for, each once, in the order asked."""
        asked = [self.stream_mode] if isinstance(self.stream_mode, str) else self.stream_mode
        return tuple(dict.fromkeys(asked)) or ("values",)

    @property
    def checkpoint_asked_for(self) -> str | None:
        """The id of the checkpoint to go on from, None for the newest."""
        if self.checkpoint is not None and self.checkpoint.checkpoint_id:
            return self.checkpoint.checkpoint_id
        return self.checkpoint_id

    @property
    def given_input(self) -> Any:
        """What the run writes first, None for one that goes on from where the thread stands."""
        return None if self.command is not None else self.input


class BatchedRun(RunRequest, frozen=True, rename={"camel_case": "assistantId"}):
    """One run of a batch."""

    camel_case: str | UnsetType = UNSET
    """JavaScript's client repeats the name of the assistant under this name."""


class BulkCancel(Body, frozen=True):
    """Which runs to cancel: those of a status, or these of a thread; never both."""

    status: Literal["pending", "running", "all"] | UnsetType = UNSET
    thread_id: UUID | UnsetType = UNSET
    run_ids: list[UUID] | UnsetType = UNSET


class CronCreate(Body, frozen=True):
    """A run that is asked for again and again; `multitask_strategy` is of use on a thread only."""

    assistant_id: str
    schedule: str
    timezone: str | None = None
    end_time: str | None = None
    enabled: bool = True
    on_run_completed: Literal["delete", "keep"] | UnsetType = UNSET
    input: Any = None
    config: Config = Config()
    context: Json = {}
    metadata: Json = {}
    multitask_strategy: Strategy | UnsetType = UNSET
    if_not_exists: Literal["create", "reject"] = "reject"
    """Of no effect: the thread is there when the cron is made, and the cron is deleted with it."""
    stream_mode: StreamMode | list[StreamMode] = "values"
    stream_subgraphs: bool = False
    stream_resumable: bool = False
    interrupt_before: Literal["*"] | list[str] | None = None
    interrupt_after: Literal["*"] | list[str] | None = None
    durability: Literal["sync", "async", "exit"] = "async"
    checkpoint_during: bool | None = None
    webhook: Annotated[str, Meta(min_length=1, max_length=65536)] | None = None


class CronPatch(CronCreate, frozen=True):
    """What is to change about a cron; what is not given stays."""

    assistant_id: str = ""
    schedule: str = ""


class CronCount(Body, frozen=True):
    """Which crons to count."""

    assistant_id: str | UnsetType = UNSET
    thread_id: UUID | UnsetType = UNSET
    metadata: Json = {}


CronField = Literal[
    "cron_id",
    "assistant_id",
    "thread_id",
    "on_run_completed",
    "end_time",
    "schedule",
    "timezone",
    "created_at",
    "updated_at",
    "user_id",
    "payload",
    "next_run_date",
    "metadata",
    "enabled",
]


class CronSearch(CronCount, frozen=True):
    """Which crons to list, and how."""

    enabled: bool | UnsetType = UNSET
    limit: Limit = 10
    offset: Offset = 0
    sort_by: Literal[
        "cron_id", "assistant_id", "thread_id", "next_run_date", "end_time", "created_at", "updated_at"
    ] = "created_at"
    sort_order: Literal["asc", "desc"] = "desc"
    select: list[CronField] | UnsetType = UNSET
