"""The request bodies of the store routes. Their docstrings are the descriptions in `/openapi.json`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from mockserver.schemas.common import Body, Json, Whole

Label = Annotated[str, Meta(pattern=r"^[^.]+$(?!\n)")]
"""A part of a namespace. It has no dot, because the query of `GET /store/items` separates the parts with dots."""

Namespace = Annotated[list[Label], Meta(min_length=1)]


class ItemPut(Body, frozen=True):
    """An item to create or replace. `index` has no effect, because the mock searches by filters only."""

    namespace: Namespace
    key: str
    value: Json
    index: Literal[False] | list[str] | None = None
    # Bounded like the `ttl` of threads: `datetime` ends with the year 9999.
    ttl: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    """The minutes after which the item expires, on the clock of the deployment."""


class ItemDelete(Body, frozen=True):
    """The key and the namespace of the item to delete. Without a namespace nothing is deleted."""

    key: str
    namespace: list[Label] = []


class ItemSearch(Body, frozen=True):
    """The filter and the page of items to list. `query` has no effect, because the mock cannot rank by meaning."""

    namespace_prefix: list[Label] | None = None
    filter: Json | None = None
    limit: Whole = 10
    offset: Whole = 0
    query: str | None = None
    refresh_ttl: bool | None = None


class NamespaceSearch(Body, frozen=True):
    """The filter and the page of namespaces to list. `*` matches any one part."""

    prefix: list[Label] | UnsetType = UNSET
    suffix: list[Label] | UnsetType = UNSET
    max_depth: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    limit: Whole = 100
    offset: Whole = 0
