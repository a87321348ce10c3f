"""The bodies of requests about the store of items."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mockserver.schemas.common import Body, Json, Limit, Offset

Label = Annotated[str, Meta(pattern=r"^[^.]+$(?!\n)")]
"""A part of a namespace; the query of `GET /store/items` writes them with dots between."""

Namespace = Annotated[list[Label], Meta(min_length=1)]


class ItemPut(Body, frozen=True):
    """An item to keep; `index` is of no effect, because a search goes by filters only."""

    namespace: Namespace
    key: str
    value: Json
    index: Literal[False] | list[str] | None = None
    ttl: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    """Minutes after which it is gone, on the clock of the deployment."""


class ItemDelete(Body, frozen=True):
    """Which item to delete."""

    key: str
    namespace: Namespace


class ItemSearch(Body, frozen=True):
    """Which items to list; `query` is of no effect, because the mock understands no natural language."""

    namespace_prefix: list[Label] | None = None
    filter: Json | None = None
    limit: Limit = 10
    offset: Offset = 0
    query: str | None = None
    refresh_ttl: bool | None = None


class NamespaceSearch(Body, frozen=True):
    """Which namespaces to list; `*` stands for any one part."""

    prefix: list[Label] | None = None
    suffix: list[Label] | None = None
    max_depth: Annotated[int, Meta(ge=1)] | None = None
    limit: Limit = 100
    offset: Offset = 0
