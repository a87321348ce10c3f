"""The description of the API, made from the route table and the types of the requests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from mockserver import __version__

if TYPE_CHECKING:
    from mockserver.routes import Route

_REFUSAL = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
_UUIDS = ("thread_id", "run_id", "assistant_id", "cron_id")


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """The OpenAPI document of these routes."""
    known = list(routes)
    types = [kind for route in known for kind in (route.body, route.malformed) if kind is not None]
    shown, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    shapes = iter(shown)
    paths: dict[str, dict[str, Any]] = {}
    for route in known:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(
            route,
            next(shapes) if route.body is not None else None,
            next(shapes) if route.malformed is not None else _REFUSAL,
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "doubletext-mockserver", "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(route: Route, body: dict[str, Any] | None, malformed: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.handler.__module__.rpartition('_')[2]}_{route.handler.__name__}",
        "parameters": [*_path_parameters(route.path), *_query_parameters(route.query)],
        "responses": {
            str(status): _response(
                status, "text/event-stream" if route.streams else route.kind, malformed if status == 400 else _REFUSAL
            )
            for status in route.statuses
        },
    }
    if body is not None:
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {"application/json": {"schema": body}},
        }
        operation["responses"]["413"] = _response(413)
        operation["responses"]["415"] = _response(415)
    return operation


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
    fields = components[query.__name__]["properties"]
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in fields.items()]


def _response(status: int, kind: str = "application/json", refusal: dict[str, Any] = _REFUSAL) -> dict[str, Any]:
    if status == 101:
        return {"description": "A WebSocket from here on."}
    if status in (202, 204):
        return {"description": "Done, nothing to show."}
    if status >= 400:
        return {"description": "Refused.", "content": {"application/json": {"schema": refusal}}}
    return {"description": "Success.", "content": {kind: {"schema": {}}}}
