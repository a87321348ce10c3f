"""The routes of the store, whose items are independent of threads."""

from __future__ import annotations

from itertools import islice
from typing import Final

from aiohttp import web
from msgspec import UNSET

from mockserver.core.json_text import as_json
from mockserver.core.store import RESERVED, FilterError, Namespace, Store
from mockserver.schemas import responses
from mockserver.schemas.common import Body
from mockserver.schemas.store import ItemDelete, ItemPut, ItemSearch, NamespaceSearch
from mockserver.views import records
from mockserver.web.http import ENGINE, ApiError, json_answer, part, query, read
from mockserver.web.route import Route


class ItemQuery(Body, frozen=True):
    """The key and the namespace of an item.

    The parts of the namespace are separated by dots, or given as repeated parameters.
    """

    key: str
    namespace: str | list[str] = ""
    refresh_ttl: bool = True


async def put(request: web.Request) -> web.StreamResponse:
    """Create or replace an item."""
    item, engine = await read(request, ItemPut), request.app[ENGINE]
    namespace = _namespace(item.namespace)
    engine.store.put(namespace, item.key, item.value, minutes=item.ttl, moment=engine.threads.moment())
    return web.Response(status=204)


async def get(request: web.Request) -> web.StreamResponse:
    """Return an item, or `null` if it does not exist."""
    params = query(request, ItemQuery)
    parts = params.namespace.split(".") if isinstance(params.namespace, str) else params.namespace
    if not all(parts):
        raise ApiError(422, "`namespace` must have one or more parts, separated by dots, none of them empty.")
    item = _store(request).get(tuple(parts), params.key, refresh=params.refresh_ttl)
    return json_answer(None if item is None else records.item(item))


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete an item if it exists."""
    params = await read(request, ItemDelete)
    if params.namespace:
        _store(request).delete(_namespace(params.namespace), params.key)
    return web.Response(status=204)


async def search(request: web.Request) -> web.StreamResponse:
    """List items, the most recently written first."""
    params, items = await read(request, ItemSearch), _store(request)
    try:
        found = items.search(tuple(params.namespace_prefix or ()), params.filter or {})
    except FilterError as error:
        raise ApiError(422, str(error)) from None
    wanted = part(params.limit, params.offset)
    page = list(islice(found, wanted.start, wanted.stop))
    # Absent and `null` refresh too: only `false` keeps a search from extending the life of the items that it returns.
    if params.refresh_ttl is not False:
        for item in page:
            items.get(item.namespace, item.key)
    return json_answer({"items": [{**records.item(item), "score": None} for item in page]})


async def namespaces(request: web.Request) -> web.StreamResponse:
    """List the namespaces that hold items."""
    params = await read(request, NamespaceSearch)
    depth = None if params.max_depth is UNSET else params.max_depth
    found = _store(request).namespaces(params.prefix or (), params.suffix or (), depth)
    return json_answer({"namespaces": found[part(params.limit, params.offset)]})


def _store(request: web.Request) -> Store:
    return request.app[ENGINE].store


def _namespace(parts: list[str]) -> Namespace:
    if parts[0] == RESERVED:
        raise ApiError(422, f"`namespace` begins with {as_json(RESERVED)}, which is reserved; choose another root.")
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
        statuses=(200, 422),
        response=responses.FoundItems,
    ),
    Route(
        "POST",
        "/store/namespaces",
        namespaces,
        NamespaceSearch,
        statuses=(200, 422),
        response=responses.Namespaces,
    ),
)
