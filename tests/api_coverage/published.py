"""The facts that a server publishes about its API: methods, paths and the names of parameters."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any, Final

FACTS: Final = Path(__file__).with_name("published.json")

Operations = dict[str, dict[str, list[str]]]
"""By `METHOD PATH`: the names of its parameters, by where they are (`query`, `header`, `body`)."""

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
            body = sorted(_properties(document, content.get("application/json", {}).get("schema", {})))
            if body:
                named["body"] = body
            found[f"{method.upper()} {path}"] = named
    return found


def _properties(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    """Return the names of a body's properties, and of each alternative where there are several."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    parts = [part for kind in ("allOf", "anyOf", "oneOf") for part in schema.get(kind, ())]
    parts += [schema["items"]] if schema.get("type") == "array" else []
    return set(schema.get("properties", ())).union(*(_properties(document, part) for part in parts))
