"""The request bodies of the run and cron routes, and the types that several routes share.

Wrong types are rejected by name. Unknown fields are extra properties in the published description. Where they are
ignored, the conduct of the client shows it (`mockserver.web.leniency`): a mock that accepts a misspelled field in
silence hides a bug. `/openapi.json` is generated from these types and their docstrings. Where a field is absent or
null makes a difference, its default is `UNSET`, and null is an error.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Meta, UnsetType
from yarl import URL

from mockserver.vocabulary import Strategy

StreamMode = Literal[
    "values", "updates", "messages", "messages-tuple", "custom", "tasks", "checkpoints", "debug", "events"
]
STREAM_MODES: Final[tuple[StreamMode, ...]] = get_args(StreamMode)

# `$` also matches before a final newline, which `(?!\n)` excludes. `\Z` would, too, but JSON Schema does not know it.
UUID = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$(?!\n)")]
# The largest page of the official API.
Limit = Annotated[int, Meta(ge=1, le=1000)]
Offset = Annotated[int, Meta(ge=0, le=2**53)]
Whole = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""A whole number whose bounds the published description does not state. JavaScript has no larger ones."""
WebhookUrl = Annotated[str, Meta(min_length=1, max_length=65536)]
Json = dict[str, Any]

MAX_SECONDS: Final = 1e9
"""Thirty years. The published description has no bound, and a time stamp needs one: the calendar ends in 9999."""


def _check_webhook(url: str | UnsetType) -> None:
    """Raise ValueError for an unusable URL. As a part of the body it is refused before the assistant is looked up."""
    if url is UNSET:
        return
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and URL(url).host
    except ValueError:
        usable = False
    if not usable:
        shown = msgspec.json.encode(url).decode()
        raise ValueError(f"`webhook` must be an http or https URL with a host, not {shown}.")


class Body(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, frozen=True):
    """A JSON object in a request."""


class CheckpointConfig(Body, frozen=True):
    """The reference to a checkpoint, or to the namespace of a subgraph."""

    checkpoint_id: str | UnsetType = UNSET
    thread_id: str | UnsetType = UNSET
    checkpoint_ns: str | UnsetType = UNSET
    checkpoint_map: Json | UnsetType = UNSET

    @property
    def of_subgraph(self) -> bool:
        """True if it refers to a subgraph."""
        return bool(self.checkpoint_ns)


class Send(Body, frozen=True):
    """A node to run with an input of its own in place of the state."""

    node: str
    input: Any
    lg_name: str | None = None
    """This has no effect. It is the name of JavaScript's class."""


class Command(Body, frozen=True):
    """The start of a run without new input: update the state, resume an interrupt, or continue at a node."""

    resume: Any = None
    update: Json | list[tuple[str, Any]] | None = None
    goto: str | Send | list[str | Send] | None = None
    graph: str | None = None
    """This has no effect: a run on a thread has no parent graph."""
    lg_name: str | None = None
    lc_direct_tool_output: bool | None = None
    """JavaScript's RemoteGraph sends a whole `Command` of LangGraph, whose class has these two fields."""

    @property
    def written(self) -> Json | None:
        """The values to write to the state. A client may send them as pairs of name and value."""
        return dict(self.update) if isinstance(self.update, list) else self.update

    @property
    def targets(self) -> tuple[str | Send, ...]:
        """The nodes to continue at, each once."""
        targets = self.goto if isinstance(self.goto, list) else [] if self.goto is None else [self.goto]
        # A `Send` has an input, which may not be hashable.
        return tuple(dict.fromkeys(targets)) if all(isinstance(one, str) for one in targets) else tuple(targets)


class Tracer(Body, frozen=True):
    """The destination of traces. It has no effect, because the mock creates none."""

    project_name: str | None = None
    example_id: str | None = None


class Config(Body, frozen=True):
    """The configuration of a run. Its nodes receive `configurable`."""

    UNDESCRIBED: ClassVar = frozenset({"metadata", "max_concurrency", "run_name"})
    """The fields that the published description does not have. LangChain's clients send some of them as null."""

    configurable: Json = {}
    tags: list[str] = []
    metadata: Json = {}
    recursion_limit: int | UnsetType = UNSET
    """A run with less than 1 fails."""
    max_concurrency: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    """This has no effect: parallel steps always run at the same time, because tests use them to create overlaps."""
    run_name: str | UnsetType = UNSET
    """This has no effect, because it names traces, and the mock creates none."""


class RunRequest(Body, frozen=True):
    """A run on the thread in the path or, without one, on a temporary thread."""

    assistant_id: str
    input: Any = None
    command: Command | None = None
    config: Config = Config()
    context: Json = {}
    metadata: Json = {}
    checkpoint: CheckpointConfig | UnsetType = UNSET
    checkpoint_id: str | None = None
    stream_mode: StreamMode | list[StreamMode] = "values"
    stream_subgraphs: bool = False
    stream_resumable: bool = False
    interrupt_before: Literal["*"] | list[str] | UnsetType = UNSET
    interrupt_after: Literal["*"] | list[str] | UnsetType = UNSET
    multitask_strategy: Strategy | UnsetType = UNSET
    if_not_exists: Literal["create", "reject"] = "reject"
    on_disconnect: Literal["cancel", "continue"] = "continue"
    on_completion: Literal["delete", "keep"] | UnsetType = UNSET
    after_seconds: Annotated[float, Meta(ge=-MAX_SECONDS, le=MAX_SECONDS)] = 0
    durability: Literal["sync", "async", "exit"] | UnsetType = UNSET
    """With `exit`, the run stores only its newest checkpoint, at its end. `sync` has the same effect as `async`."""
    checkpoint_during: bool | UnsetType = UNSET
    """The older name: `false` is `exit`."""
    webhook: WebhookUrl | UnsetType = UNSET
    feedback_keys: list[str] | UnsetType = UNSET
    """This has no effect, because it requests links to traces, and the mock creates none."""
    langsmith_tracer: Tracer | None = None
    strict_resume: bool = False
    """Set this to make the run fail if `command.resume` answers an interrupt that is not pending."""

    def __post_init__(self) -> None:
        _check_webhook(self.webhook)

    @property
    def modes(self) -> tuple[StreamMode, ...]:
        """The requested stream modes, each once, in the requested order."""
        modes = [self.stream_mode] if isinstance(self.stream_mode, str) else self.stream_mode
        # An empty list means the default, and a repeated mode would send each event twice.
        return tuple(dict.fromkeys(modes)) or ("values",)

    @property
    def storing(self) -> Literal["sync", "async", "exit"]:
        """When the run stores its checkpoints."""
        if self.durability is not UNSET:
            return self.durability
        return "exit" if self.checkpoint_during is False else "async"

    @property
    def requested_checkpoint(self) -> str | None:
        """The id of the checkpoint to continue from, or None for the newest."""
        if self.checkpoint and self.checkpoint.checkpoint_id:
            return self.checkpoint.checkpoint_id
        return self.checkpoint_id

    @property
    def given_input(self) -> Any:
        """The input of the run, or None for a run that continues from the current state."""
        return None if self.command is not None else self.input


class BatchedRun(RunRequest, frozen=True, rename={"camel_case": "assistantId"}):
    """One run of a batch."""

    camel_case: str | UnsetType = UNSET
    """JavaScript's client sends the assistant under this name, too."""


class BulkCancel(Body, frozen=True):
    """The runs to cancel: all with a `status`, or `run_ids` of the thread `thread_id`, but not both."""

    status: Literal["pending", "running", "all"] | UnsetType = UNSET
    thread_id: UUID | UnsetType = UNSET
    run_ids: list[UUID] | UnsetType = UNSET


class CronFields(Body, frozen=True):
    """The fields that the two requests of crons share."""

    assistant_id: str
    schedule: str
    timezone: str | UnsetType = UNSET
    enabled: bool = True
    on_run_completed: Literal["delete", "keep"] | UnsetType = UNSET
    input: list[Json] | Json | UnsetType = UNSET
    config: Config = Config()
    context: Json = {}
    metadata: Json = {}
    multitask_strategy: Strategy | UnsetType = UNSET
    if_not_exists: Literal["create", "reject"] = "reject"
    """This has no effect: the thread exists when the cron is created, and the cron is deleted with it."""
    stream_mode: StreamMode | list[StreamMode] = "values"
    stream_subgraphs: bool = False
    stream_resumable: bool = False
    interrupt_before: Literal["*"] | list[str] | UnsetType = UNSET
    interrupt_after: Literal["*"] | list[str] | UnsetType = UNSET
    durability: Literal["sync", "async", "exit"] = "async"
    checkpoint_during: bool | UnsetType = UNSET
    webhook: WebhookUrl | UnsetType = UNSET

    def __post_init__(self) -> None:
        _check_webhook(self.webhook)


class CronCreate(CronFields, frozen=True):
    """A run that is created on a schedule. `multitask_strategy` has an effect only if the runs share a thread."""

    end_time: str | UnsetType = UNSET


class CronPatch(CronFields, frozen=True):
    """The changes of a cron. Absent fields keep their values."""

    # Required in the base class. The route reads the raw body to see which fields were sent, so the values are unused.
    assistant_id: str = ""
    schedule: str = ""
    end_time: str | UnsetType | None = UNSET


class CronCount(Body, frozen=True):
    """The filter of crons to count."""

    assistant_id: UUID | UnsetType = UNSET
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
    """The filter, the order, the page and the fields of crons to list."""

    enabled: bool | UnsetType = UNSET
    limit: Limit = 10
    offset: Offset = 0
    sort_by: Literal[
        "cron_id", "assistant_id", "thread_id", "next_run_date", "end_time", "created_at", "updated_at"
    ] = "created_at"
    sort_order: Literal["asc", "desc"] = "desc"
    select: list[CronField] | UnsetType = UNSET
