"""The facts that a server publishes about its API: methods, paths and the names of parameters."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any, Final

FACTS: Final = Path(__file__).with_name("published.json")

Operations = dict[str, dict[str, list[str]]]
"""By `METHOD PATH`: the names of its parameters, by where they are (`query`, `header`, `body`).

`nullable` names the fields of the body that may be null.
"""

PLACES: Final = ("query", "header", "body")


def load() -> dict[str, Any]:
    """The facts that were taken from a server: `server`, `seen` and `operations`."""
    facts: dict[str, Any] = json.loads(FACTS.read_text())
    return facts


def operations() -> Operations:
    """Return the published facts."""
    found: Operations = load()["operations"]
    return found


def fetch(url: str) -> dict[str, Any]:
    """Return a server's description of its API."""
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        document: dict[str, Any] = json.load(answer)
    return document


def names_of(document: dict[str, Any]) -> Operations:
    """Return the names in a description."""
    found: Operations = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            named: dict[str, list[str]] = {}
            for parameter in operation.get("parameters", ()):
                if parameter["in"] in PLACES:
                    named.setdefault(parameter["in"], []).append(parameter["name"])
            content = operation.get("requestBody", {}).get("content", {})
            body = _properties(document, content.get("application/json", {}).get("schema", {}))
            if body:
                named["body"] = sorted(body)
            if nullable := sorted(name for name, schema in body.items() if _takes_null(document, schema)):
                named["nullable"] = nullable
            found[f"{method.upper()} {path}"] = named
    return found


def _properties(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of a body, and of each alternative where there are several."""
    schema = _resolved(document, schema)
    parts = [part for kind in ("allOf", "anyOf", "oneOf") for part in schema.get(kind, ())]
    parts += [schema["items"]] if schema.get("type") == "array" else []
    found = dict(schema.get("properties", {}))
    for part in parts:
        found |= _properties(document, part)
    return found


def _takes_null(document: dict[str, Any], schema: dict[str, Any]) -> bool:
    """Return whether null is valid."""
    schema = _resolved(document, schema)
    parts = [part for kind in ("anyOf", "oneOf") for part in schema.get(kind, ())]
    if parts:
        return any(_takes_null(document, part) for part in parts)
    kinds = schema.get("type", "null" if "enum" not in schema and "allOf" not in schema else "enum")
    return "null" in kinds or None in schema.get("enum", ())


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema itself in place of a reference to it."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema
