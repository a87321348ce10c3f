"""The OpenAPI description of the API, generated from the route table and the request types.

The server validates requests with the same types, so the description cannot promise more than the server accepts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from doubletext import __version__
from mockserver.web.route import Route

_REFUSAL = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
_HEADERS = [{"name": "Last-Event-ID", "in": "header", "required": False, "schema": {"type": "string"}}]
"""The header parameters of a stream that can be resumed."""
_UUIDS = ("thread_id", "run_id", "assistant_id", "cron_id")


def describe(routes: Iterable[Route], *, title: str = "doubletext-mockserver", strict: bool = False) -> dict[str, Any]:
    """Return the OpenAPI document of the given routes. `strict`: their requests have no extra properties."""
    known = list(routes)
    # All types at once: msgspec then gives types with the same name distinct names in the components.
    types = [kind for route in known for kind in _types(route) if kind is not None]
    shown, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    shapes = iter(shown)
    paths: dict[str, dict[str, Any]] = {}
    for route in known:
        body, malformed, answer = (None if kind is None else next(shapes) for kind in _types(route))
        if not strict:
            _open(body, schemas)
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, body, malformed or _REFUSAL, answer)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _open(shape: Any, schemas: dict[str, Any]) -> None:
    """Allow extra properties in the schema of a request and in those that it refers to, as published."""
    if isinstance(shape, list):
        for one in shape:
            _open(one, schemas)
    elif isinstance(shape, dict) and "$ref" in shape:
        named = schemas[shape["$ref"].rpartition("/")[2]]
        # False only at the first visit.
        if named.get("additionalProperties") is False:
            del named["additionalProperties"]
            _open(named, schemas)
    elif isinstance(shape, dict):
        _open(list(shape.values()), schemas)


def _types(route: Route) -> tuple[Any, Any, Any]:
    """Return the types of a route's request body, of its 400 response and of its 200 response, or None for each."""
    return route.body, route.malformed, route.response


def _operation(
    route: Route, body: dict[str, Any] | None, malformed: dict[str, Any], answer: dict[str, Any] | None
) -> dict[str, Any]:
    kinds = ("text/event-stream",) if route.streams else route.kinds
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{_part(route.handler.__module__)}_{route.handler.__name__}",
        # `resumes` is a bool, so the slice has either no header or the one that there is.
        "parameters": [*_path_parameters(route.path), *_query_parameters(route.query), *_HEADERS[: route.resumes]],
        "responses": {
            str(status): _response(status, malformed if status == 400 else _REFUSAL, kinds, answer or {})
            for status in route.statuses
        },
    }
    if body is not None:
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {"application/json": {"schema": body}},
        }
        # Not in the table of routes, because every route with a body may answer these, before its handler runs.
        operation["responses"]["413"] = _response(413)
        operation["responses"]["415"] = _response(415)
    return operation


def _part(module: str) -> str:
    """Return the part of the API that a module serves: `runs` for `routes_runs`, `control` for `control.routes`."""
    package, _, name = module.rpartition(".")
    return name.rpartition("_")[2] if "_" in name else package.rpartition(".")[2]


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", **({"format": "uuid"} if name in _UUIDS else {})},
        }
        for name in re.findall(r"{(\w+)}", path)
    ]


def _query_parameters(query: type | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    (_,), components = msgspec.json.schema_components([query], ref_template="{name}")
    shape = components[query.__name__]
    required = shape.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in shape["properties"].items()
    ]


def _response(
    status: int, refusal: dict[str, Any] = _REFUSAL, kinds: tuple[str, ...] = (), answer: dict[str, Any] = _REFUSAL
) -> dict[str, Any]:
    if status == 101:
        return {"description": "The connection is a WebSocket from now on."}
    if status in (202, 204):
        return {"description": "Success, without a body."}
    if status >= 400:
        return {"description": "Error.", "content": {"application/json": {"schema": refusal}}}
    return {"description": "Success.", "content": {kind: {"schema": answer} for kind in kinds}}
