"""The request bodies of the assistant routes. Their docstrings are the descriptions in `/openapi.json`."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from mockserver.schemas.common import UUID, Body, Config, Json, Limit, Offset


class AssistantCreate(Body, frozen=True):
    """A new assistant. Its nodes receive `context` or, if that is empty, `config.configurable`."""

    graph_id: str
    assistant_id: UUID | UnsetType = UNSET
    config: Config = Config()
    context: Json = {}
    metadata: Json = {}
    if_exists: Literal["raise", "do_nothing"] = "raise"
    name: str | UnsetType = UNSET
    description: str | None = None


class AssistantPatch(Body, frozen=True):
    """The changes of a new version of an assistant. Metadata is merged, other fields are replaced."""

    graph_id: str | UnsetType = UNSET
    config: Config | UnsetType = UNSET
    context: Json | UnsetType = UNSET
    metadata: Json = {}
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class AssistantLatest(Body, frozen=True):
    """The version of an assistant that is to be active."""

    version: int | UnsetType = UNSET


class AssistantCount(Body, frozen=True):
    """The filter of assistants to count."""

    metadata: Json = {}
    graph_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET


class AssistantVersions(Body, frozen=True):
    """The filter and the page of versions to list."""

    metadata: Json = {}
    limit: Limit = 10
    offset: Offset = 0


AssistantField = Literal[
    "assistant_id",
    "graph_id",
    "name",
    "description",
    "config",
    "context",
    "created_at",
    "updated_at",
    "metadata",
    "version",
]


class AssistantSearch(AssistantCount, frozen=True):
    """The filter, the order, the page and the fields of assistants to list."""

    limit: Limit = 10
    offset: Offset = 0
    sort_by: Literal["assistant_id", "created_at", "updated_at", "name", "graph_id"] = "created_at"
    sort_order: Literal["asc", "desc"] = "desc"
    select: list[AssistantField] | UnsetType = UNSET
