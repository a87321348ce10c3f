"""The routes of the store: items that outlive threads."""

from __future__ import annotations

from itertools import islice
from typing import Final

from aiohttp import web

from mockserver.core.store import RESERVED, FilterError, Namespace, Store
from mockserver.schemas import responses
from mockserver.schemas.common import Body
from mockserver.schemas.store import ItemDelete, ItemPut, ItemSearch, NamespaceSearch
from mockserver.views import records
from mockserver.web.http import ENGINE, Refusal, json_answer, query, read
from mockserver.web.route import Route


class ItemQuery(Body, frozen=True):
    """Which item to show; the parts of its namespace are repeated, or written with dots between."""

    key: str
    namespace: str | list[str] = ""
    refresh_ttl: bool = True


async def put(request: web.Request) -> web.StreamResponse:
    """Keep an item."""
    item, engine = await read(request, ItemPut), request.app[ENGINE]
    namespace = _namespace(item.namespace)
    engine.store.put(namespace, item.key, item.value, minutes=item.ttl, moment=engine.threads.moment())
    return web.Response(status=204)


async def get(request: web.Request) -> web.StreamResponse:
    """Show an item, or `null` if there is none."""
    asked = query(request, ItemQuery)
    parts = asked.namespace.split(".") if isinstance(asked.namespace, str) else asked.namespace
    if not all(parts):
        raise Refusal(422, "`namespace` must name the item's namespace, with dots between its parts.")
    item = _store(request).get(tuple(parts), asked.key, refresh=asked.refresh_ttl)
    return json_answer(None if item is None else records.item(item))


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete an item, if it is there."""
    asked = await read(request, ItemDelete)
    _store(request).delete(_namespace(asked.namespace), asked.key)
    return web.Response(status=204)


async def search(request: web.Request) -> web.StreamResponse:
    """List items, the one that was written last first."""
    asked, items = await read(request, ItemSearch, default=b"{}"), _store(request)
    try:
        found = items.search(tuple(asked.namespace_prefix or ()), asked.filter or {})
    except FilterError as error:
        raise Refusal(422, str(error)) from None
    page = list(islice(found, asked.offset, asked.offset + asked.limit))
    if asked.refresh_ttl is not False:
        for item in page:
            items.get(item.namespace, item.key)
    return json_answer({"items": [{**records.item(item), "score": None} for item in page]})


async def namespaces(request: web.Request) -> web.StreamResponse:
    """List the namespaces that hold items."""
    asked = await read(request, NamespaceSearch, default=b"{}")
    found = _store(request).namespaces(asked.prefix or (), asked.suffix or (), asked.max_depth)
    return json_answer({"namespaces": found[asked.offset : asked.offset + asked.limit]})


def _store(request: web.Request) -> Store:
    return request.app[ENGINE].store


def _namespace(parts: list[str]) -> Namespace:
    if parts[0] == RESERVED:
        raise Refusal(422, f"`namespace` begins with {RESERVED!r}, which is reserved; choose another root.")
    return tuple(parts)


ROUTES: Final = (
    Route("PUT", "/store/items", put, ItemPut, statuses=(204, 422)),
    Route("GET", "/store/items", get, query=ItemQuery, statuses=(200, 422), response=responses.Item | None),
    Route("DELETE", "/store/items", delete, ItemDelete, statuses=(204, 422)),
    Route(
        "POST",
        "/store/items/search",
        search,
        ItemSearch,
        body_optional=True,
        statuses=(200, 422),
        response=responses.FoundItems,
    ),
    Route(
        "POST",
        "/store/namespaces",
        namespaces,
        NamespaceSearch,
        body_optional=True,
        statuses=(200, 422),
        response=responses.Namespaces,
    ),
)
