"""Requests drawn from an OpenAPI description, by chance from a seed, for a comparison of two servers.

Every operation is called with a body and parameters that its schemas allow, or with one mistake: a field that is
missing, null or of another type, or a value that is out of bounds or not listed.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import quote

import httpx
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from tests.reference.drawn import GRAPH, SECONDS, Named, filled, made, made_several, shape

SEED: Final = 15
EACH: Final = 4
"""The requests of each operation that are recorded."""
LEFT_OUT: Final = {
    "/threads/{thread_id}/stream": "it has no end",
    "/threads/{thread_id}/stream/events": "it has no end",
    "/threads/prune": "`langgraph dev` has only one of the two strategies",
    "/runs/cancel": "one request cancels the runs of all others",
    "/a2a/{assistant_id}": "another protocol, which the mock refuses",
    "/mcp/": "another protocol, which the mock refuses",
    "/metrics": "numbers of the server",
    "/docs": "a page for people",
}
"""The paths that are not drawn, each with the reason."""
FIELDS_LEFT_OUT: Final = {"webhook": "`langgraph dev` calls no address of this machine unless its configuration has it"}
"""The fields that are not drawn, each with the reason."""
IDS: Final = {name: Named(name) for name in ("thread_id", "assistant_id", "run_id", "cron_id", "checkpoint_id")}
_MEANT: Final[dict[str, tuple[Any, ...]]] = {
    "assistant_id": (GRAPH, IDS["assistant_id"]),
    "graph_id": (GRAPH,),
    "run_ids": ([IDS["run_id"]],),
    "ids": ([IDS["thread_id"]], []),
    "input": ({"messages": [{"role": "user", "content": "hi"}]}, {}, None),
    "as_node": ("model", "__start__"),
    "node": ("model",),
    "goto": ("model", ["model"], {"node": "model", "input": {"messages": []}}, [], None),
    "resume": ("yes", {"answer": 1}, None),
    "values": ({"notes": ["x"]}, {"messages": []}, None),
    "update": ({"notes": ["x"]}, None),
    "checkpoint_ns": ("",),
    "schedule": ("0 0 1 1 *",),
    "timezone": ("Europe/Berlin",),
    "end_time": ("2031-01-01T00:00:00Z",),
    "interrupt_before": ("*", ["tools"]),
    "interrupt_after": ("*", ["model"]),
    "after_seconds": (0,),
    "ttl": (10**8,),
    "recursion_limit": (25,),
    "namespace": (["a"], ["a", "b"]),
    "namespace_prefix": (["a"], []),
    "extract": ({"a": "values.notes[0]"},),
    "Last-Event-ID": ("-1",),
    "method": ("agent.getTree", "run.start"),
}
"""The values of fields whose schema does not say what they mean. Those that a schema does not allow are left out."""
_WORDS: Final = ("a", "another text")
_KINDS: Final[dict[str, Any]] = {
    "null": None,
    "boolean": True,
    "integer": 7,
    "number": 0.5,
    "string": "a",
    "array": [],
    "object": {},
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request of an operation. `mistake` names what its description forbids, and is empty where that is nothing."""

    method: str
    path: str
    parts: dict[str, Any]
    query: dict[str, Any]
    headers: dict[str, Any]
    body: Any
    has_body: bool
    mistake: str

    def __str__(self) -> str:
        sent = json.dumps({"path": self.parts, "query": self.query, **({"body": self.body} if self.has_body else {})})
        return f"{self.method} {self.path} {sent}" + (f" mistake {self.mistake}" if self.mistake else "")


def to_json(request: Request, answer: tuple[int, Any]) -> str:
    """Return a request and its answer as a line of JSON."""
    return json.dumps(_marked({**asdict(request), "answer": list(answer)}), sort_keys=True)


def from_json(line: str) -> tuple[Request, tuple[int, Any]]:
    """Return the request and the answer in a line of JSON."""
    found = _unmarked(json.loads(line))
    status, body = found.pop("answer")
    return Request(**found), (status, body)


def _marked(value: Any) -> Any:
    """Return JSON with the names of ids in angle brackets."""
    if isinstance(value, Named):
        return f"<{value}>"
    if isinstance(value, dict):
        return {name: _marked(one) for name, one in value.items()}
    return [_marked(one) for one in value] if isinstance(value, list) else value


def _unmarked(value: Any) -> Any:
    """Return JSON with the names of ids instead of their marks."""
    if isinstance(value, str):
        return IDS.get(value[1:-1], value) if value[:1] == "<" else value
    if isinstance(value, dict):
        return {name: _unmarked(one) for name, one in value.items()}
    return [_unmarked(one) for one in value] if isinstance(value, list) else value


@dataclass
class _Draw:
    """The values of one request. `mistakes` are those that its values had room for."""

    document: dict[str, Any]
    chance: random.Random
    mistakes: list[tuple[str, Any, Any, Any]] = field(default_factory=list)

    def value(self, schema: dict[str, Any], name: str = "", where: str = "") -> Any:
        """Return a value that a schema allows."""
        schema = resolved(self.document, schema)
        known = [one for one in _MEANT.get(name, ()) if allows(self.document, schema, one)]
        if known:
            return self.chance.choice(known)
        if name in IDS and _kinds(schema) & {"string"}:
            return IDS[name]
        if options := schema.get("anyOf") or (schema.get("oneOf") if "properties" not in schema else None):
            return self.value(self.chance.choice(options), name, where)
        if "enum" in schema:
            return self.chance.choice(schema["enum"])
        return self._of_kind(self.chance.choice(sorted(_kinds(schema))), schema, name, where)

    def _of_kind(self, kind: str, schema: dict[str, Any], name: str, where: str) -> Any:
        if kind == "object":
            return self.fields(schema, where)
        if kind == "array":
            least = schema.get("minItems", 0)
            number = max(least, self.chance.choice((0, 1, 2)))
            return [self.value(schema.get("items") or {"type": "string"}, "", where) for _ in range(number)]
        if kind in ("integer", "number"):
            least, most = schema.get("minimum", 0), schema.get("maximum", 1000)
            return self.chance.choice((least, min(most, 10), most))
        if schema.get("format") == "uuid":
            return IDS.get(name, IDS["thread_id"])
        if kind == "null":
            return None
        return self.chance.choice(_WORDS) if kind == "string" else self.chance.choice((True, False))

    def fields(self, schema: dict[str, Any], where: str = "") -> dict[str, Any]:
        """Return an object with its required fields, and some of the others."""
        properties = schema.get("properties")
        if properties is None:
            return self.chance.choice(({}, {"a": 1}))
        required = set(schema.get("required", ())) | set(
            self.chance.choice([one["required"] for one in schema["oneOf"]]) if "oneOf" in schema else ()
        )
        found: dict[str, Any] = {}
        for name, inner in properties.items():
            if name in FIELDS_LEFT_OUT:
                continue
            if name in required or ("oneOf" not in schema and self.chance.random() < 0.2):
                found[name] = self.value(inner, name, f"{where}.{name}")
                self.note(found, name, inner, f"{where}.{name}", required=name in required)
        return found

    def note(self, holder: dict[str, Any], name: str, schema: dict[str, Any], where: str, *, required: bool) -> None:
        """Note the mistakes that a field has room for."""
        schema = resolved(self.document, schema)
        if required:
            self.mistakes.append((f"{where} missing", holder, name, _MISSING))
        wrong = [*_KINDS.values(), "unlisted", -1, 100000]
        for one in wrong:
            if not allows(self.document, schema, one):
                self.mistakes.append((f"{where} = {json.dumps(one)}", holder, name, one))


_MISSING: Final = object()


def drawn(document: dict[str, Any], seed: int, each: int) -> Iterator[Request]:
    """Yield `each` requests of every operation of an OpenAPI document. The same seed yields the same ones."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path not in LEFT_OUT:
                for number in range(each):
                    chance = random.Random(f"{seed} {method} {path} {number}")
                    yield _request(document, method.upper(), path, operation, chance)


def _request(
    document: dict[str, Any], method: str, path: str, operation: dict[str, Any], chance: random.Random
) -> Request:
    draw = _Draw(document, chance)
    sent: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
    for one in operation.get("parameters", ()):
        if one.get("required") or chance.random() < 0.4:
            holder, name = sent[one["in"]], one["name"]
            holder[name] = draw.value(one["schema"], name)
            # A URL has no null.
            if holder[name] is None:
                del holder[name]
            elif one["in"] == "query":
                _note_text(draw, holder, name, one["schema"])
    has_body = "requestBody" in operation
    body: Any = None
    if has_body:
        schema = resolved(document, operation["requestBody"]["content"]["application/json"]["schema"])
        body = draw.value(schema)
    mistake = ""
    if draw.mistakes and chance.random() < 0.4:
        mistake, holder, name, value = chance.choice(draw.mistakes)
        if value is _MISSING:
            del holder[name]
        else:
            holder[name] = value
    return Request(method, path, sent["path"], sent["query"], sent["header"], body, has_body, mistake)


def _note_text(draw: _Draw, holder: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    """Note the mistake of a parameter whose text is not a value that its schema allows."""
    schema = resolved(draw.document, schema)
    if "string" not in _kinds(schema) or "enum" in schema:
        draw.mistakes.append((f"query {name} = unlisted", holder, name, "unlisted"))


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema, or the one that it refers to."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _kinds(schema: dict[str, Any]) -> set[str]:
    """Return the JSON types that a schema allows, which are all of them where it names none."""
    for options in ("anyOf", "oneOf"):
        if options in schema and "properties" not in schema:
            return set().union(*(_kinds(one) for one in schema[options]))
    named = schema.get("type")
    if named is None:
        return {"object"} if "properties" in schema else set(_KINDS)
    return {named} if isinstance(named, str) else set(named)


def allows(document: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    """Return whether a schema allows a value, by its type, list and bounds, and by those of what it contains."""
    schema = resolved(document, schema)
    for options in ("anyOf", "oneOf"):
        if options in schema and "properties" not in schema:
            return any(allows(document, one, value) for one in schema[options])
    if "enum" in schema and value not in schema["enum"]:
        return False
    if not _kinds(schema) & _kind_of(value):
        return False
    if isinstance(value, dict):
        known = schema.get("properties", {})
        listed = all(allows(document, known[name], one) for name, one in value.items() if name in known)
        return listed and set(schema.get("required", ())) <= set(value)
    if isinstance(value, list):
        return len(value) >= schema.get("minItems", 0) and all(
            allows(document, schema.get("items") or {}, one) for one in value
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return not isinstance(value, str) or isinstance(value, Named) or _is_form(schema, value)


def _is_form(schema: dict[str, Any], text: str) -> bool:
    """Return whether a text matches the pattern and the format of a schema. An id is drawn by its name only."""
    matches = "pattern" not in schema or re.search(schema["pattern"], text) is not None
    return matches and (schema.get("format") is None or (schema["format"] == "date-time" and text[:1] == "2"))


def _kind_of(value: Any) -> set[str]:
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, int):
        return {"integer", "number"}
    named = {float: "number", str: "string", Named: "string", list: "array", dict: "object", type(None): "null"}
    return {named[type(value)]}


class Server:
    """A server with a thread, a run, a cron and an assistant of its own for each request."""

    def __init__(self, client: LangGraphClient, http: httpx.AsyncClient) -> None:
        self._client = client
        self._http = http
        self._made: list[dict[str, str]] = []

    async def prepare(self, count: int) -> None:
        """Make the objects of the next requests."""
        self._made = await made_several(self._client, count)

    async def description(self) -> dict[str, Any]:
        """Return the OpenAPI document that the server publishes."""
        document: dict[str, Any] = (await self._http.get("/openapi.json")).json()
        return document

    async def answer(self, request: Request) -> tuple[int, Any]:
        """Return the status and the shape of a response: its fields, or the kinds of its events."""
        ids = self._made.pop() if self._made else await made(self._client)
        parts = {name: quote(str(one), safe="") for name, one in filled(request.parts, ids).items()}
        content = json.dumps(filled(request.body, ids)) if request.has_body else None
        response = await self._http.request(
            request.method,
            request.path.format(**parts),
            params=_texts(filled(request.query, ids)),
            headers={**filled(request.headers, ids), "content-type": "application/json"},
            content=content,
        )
        return response.status_code, _shape(response)


def _texts(query: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [str(inner) for inner in one] if isinstance(one, list) else json.dumps(one).strip('"')
        for name, one in query.items()
    }


def _shape(response: httpx.Response) -> Any:
    kind = response.headers.get("content-type", "").partition(";")[0]
    if kind == "text/event-stream":
        events = [line[7:] for line in response.text.splitlines() if line.startswith("event: ")]
        return [f"event {one.partition('|')[0]}" for one in dict.fromkeys(events)]
    return shape(response.json()) if kind == "application/json" and response.text.strip() else kind


@contextlib.asynccontextmanager
async def server(url: str) -> AsyncIterator[Server]:
    """Yield the server at a URL."""
    # A connection that idles as long as the server allows may be closed at the moment of the next request.
    headers = {"Connection": "close"}
    async with (
        get_client(url=url, api_key=None, timeout=SECONDS, headers=headers) as client,
        httpx.AsyncClient(base_url=url, timeout=SECONDS, headers=headers) as http,
    ):
        yield Server(client, http)
