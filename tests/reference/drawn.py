"""Requests that Python's SDK can send, drawn by chance from a seed and played to two servers.

Every method of the SDK's clients is called with arguments that its signature allows. What a server answers is compared
by its status and its shape: the names of fields, and the kinds of their values.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import httpx
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient
from langgraph_sdk.errors import APIStatusError

GRAPH: Final = "researcher"
RESOURCES: Final = ("assistants", "threads", "runs", "crons", "store")
LEFT_OUT: Final = {
    "threads.stream": "the newer protocol, which tests/clients/test_protocol.py compares",
    "threads.join_stream": "it has no end",
    "threads.prune": "`langgraph dev` has only one of the two strategies",
    "runs.cancel_many": "it cancels the runs of all threads",
}
"""The methods that are not drawn, each with the reason."""
SECONDS: Final = 20.0
AT_ONCE: Final = 10
"""The number of runs that the servers of these tests execute at a time."""
UNKNOWN: Final = "00000000-0000-4000-8000-{:08x}dead"
"""The ids that nothing has, another for each request: a run may create the thread that it names."""
_FREE: Final = frozenset(
    (
        "metadata",
        "values",
        "interrupts",
        "input_schema",
        "output_schema",
        "state_schema",
        "config",
        "context",
        "kwargs",
        "payload",
        "configurable",
        "result",
        "checkpoint_map",
    )
)
"""The fields whose content is the client's or the graph's, and whose names are not compared."""


class Wrong:
    """A value that a server refuses. A request has one of them at most, so that its answer has one reason."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Named(str):
    """The name of an id that each server has another value for."""


_IDS: Final = {name: Named(name) for name in ("thread_id", "assistant_id", "run_id", "cron_id", "checkpoint_id")}
_POOL: Final[dict[str, tuple[Any, ...]]] = {
    "thread_id": (_IDS["thread_id"], _IDS["thread_id"], _IDS["thread_id"], Wrong(UNKNOWN), Wrong("malformed")),
    "assistant_id": (GRAPH, GRAPH, _IDS["assistant_id"], Wrong(UNKNOWN), Wrong("nobody")),
    "run_id": (_IDS["run_id"], _IDS["run_id"], Wrong(UNKNOWN)),
    "cron_id": (_IDS["cron_id"], Wrong(UNKNOWN)),
    "checkpoint_id": (_IDS["checkpoint_id"], Wrong(UNKNOWN)),
    "checkpoint": ({"checkpoint_id": _IDS["checkpoint_id"], "checkpoint_ns": ""},),
    "before": ({"configurable": {"checkpoint_id": _IDS["checkpoint_id"]}},),
    "graph_id": (GRAPH, GRAPH, Wrong("nobody")),
    "input": ({"messages": [{"role": "user", "content": "hi"}]}, {"messages": "hi"}, {}, None),
    "command": ({"resume": "yes"}, {"goto": "model"}, {"update": {"notes": ["x"]}}, {"resume": {}}),
    "config": ({}, {"tags": ["x"]}, {"configurable": {"a": 1}}, {"recursion_limit": 25}),
    "context": ({}, {"a": 1}),
    "metadata": ({}, {"a": 1}, {"a": {"b": None}}),
    "values": ({"notes": ["x"]}, {"messages": []}, {"notes": []}),
    "as_node": ("model", "__start__", Wrong("nobody")),
    "stream_mode": (
        "values",
        "updates",
        ["values", "messages-tuple"],
        ["tasks", "checkpoints", "debug"],
        "events",
        Wrong("bogus"),
    ),
    "limit": (1, 10, 1000, Wrong(1001)),
    "offset": (0, 1, 1000),
    "status": ("interrupted", Wrong("bogus")),
    "sort_by": ("created_at", "updated_at", Wrong("bogus")),
    "sort_order": ("asc", "desc"),
    "select": (["thread_id"], ["run_id"], ["metadata"], Wrong(["bogus"])),
    "extract": ({"a": "values.notes[0]"}, {"b": "metadata.a"}, Wrong({"bad": "nowhere"})),
    "multitask_strategy": ("enqueue", "reject", "interrupt", "rollback", Wrong("bogus")),
    "if_exists": ("raise", "do_nothing"),
    "if_not_exists": ("create", "reject"),
    "on_disconnect": ("cancel", "continue"),
    "on_completion": ("delete", "keep"),
    "on_run_completed": ("delete", "keep"),
    "durability": ("sync", "async", "exit"),
    "interrupt_before": (["tools"], "*", []),
    "interrupt_after": (["model"], "*", []),
    "feedback_keys": ([], ["a"]),
    "after_seconds": (0,),
    "ttl": (5, {"ttl": 5, "strategy": "delete"}),
    "action": ("interrupt", "rollback"),
    "schedule": ("0 0 1 1 *", Wrong("not a schedule")),
    "timezone": ("Europe/Berlin",),
    "name": ("a name",),
    "description": ("a text",),
    "version": (1, 2),
    "xray": (True, False, 1),
    "namespace": (["a"], ["a", "b"], Wrong([])),
    "namespace_prefix": (["a"], []),
    "prefix": (["a"], []),
    "suffix": (["b"],),
    "key": ("k", Wrong("missing")),
    "value": ({"x": 1}, {}),
    "filter": ({"x": 1}, {"x": {"$gt": 0}}),
    "max_depth": (1,),
    "last_event_id": ("-1", "0"),
    "payloads": ([{"assistant_id": GRAPH, "input": {"messages": "hi"}}], Wrong([])),
    "ids": ([_IDS["thread_id"]], []),
    "supersteps": ([{"updates": [{"values": {"notes": ["x"]}, "as_node": "__input__"}]}],),
}
_BOOLEANS: Final = (True, False)


@dataclass(frozen=True, slots=True)
class Request:
    """A call of a method of the SDK, such as `runs.wait`, by its synchronous client or the other one."""

    method: str
    arguments: dict[str, Any]
    by_sync_client: bool

    def __str__(self) -> str:
        return f"{self.method}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


def drawn(seed: int, count: int) -> Iterator[Request]:
    """Yield calls. The same seed yields the same ones, as long as the SDK has the same methods."""
    chance = random.Random(seed)
    methods = list(_methods())
    for number in range(count):
        method, parameters = methods[number % len(methods)] if number < len(methods) else chance.choice(methods)
        arguments: dict[str, Any] = {}
        wrong = False
        for name, required in parameters.items():
            if required or chance.random() < 0.3:
                pool = _POOL.get(name, _BOOLEANS)
                value = chance.choice([one for one in pool if not wrong or not isinstance(one, Wrong)])
                wrong = wrong or isinstance(value, Wrong)
                given = value.value if isinstance(value, Wrong) else value
                arguments[name] = given.format(chance.getrandbits(32)) if given == UNKNOWN else given
        yield Request(method, arguments, by_sync_client=chance.random() < 0.5)


def _methods() -> Iterator[tuple[str, dict[str, bool]]]:
    """Yield the methods of the SDK with their parameters, and whether each must be given."""
    client = get_client(url="http://127.0.0.1:9", api_key=None)
    for resource in RESOURCES:
        for name, method in inspect.getmembers(getattr(client, resource), inspect.ismethod):
            if name.startswith("_") or f"{resource}.{name}" in LEFT_OUT:
                continue
            known = inspect.signature(method).parameters.values()
            named = {one.name: one.default is one.empty for one in known if one.kind is not one.VAR_KEYWORD}
            yield f"{resource}.{name}", {one: need for one, need in named.items() if one in _POOL or need}


class Server:
    """A server with a thread, a run, a cron and an assistant of its own for each request."""

    def __init__(self, url: str, client: LangGraphClient, sync_client: SyncLangGraphClient) -> None:
        self._url = url
        self._client = client
        self._sync_client = sync_client
        self._made: list[dict[str, str]] = []

    async def prepare(self, count: int) -> None:
        """Make the objects of the next requests."""
        self._made = await made_several(self._client, count)

    async def answer(self, request: Request) -> tuple[Any, Any]:
        """Return the status of an answer, or the name of an exception, and its shape."""
        ids = self._made.pop() if self._made else await made(self._client)
        arguments = filled(request.arguments, ids)
        call = self._by_sync_client if request.by_sync_client else self._by_client
        try:
            return "ok", shape(await asyncio.wait_for(call(request.method, arguments), SECONDS))
        except APIStatusError as error:
            return error.response.status_code, shape(error.body)
        except httpx.HTTPStatusError as error:
            return error.response.status_code, "?"
        except Exception as error:  # noqa: BLE001 - any other outcome is compared by its name
            return type(error).__name__, ""

    async def _by_client(self, method: str, arguments: dict[str, Any]) -> Any:
        resource, _, name = method.partition(".")
        called = getattr(getattr(self._client, resource), name)(**arguments)
        if hasattr(called, "__aiter__"):
            return _events([part.event async for part in called])
        return await called

    async def _by_sync_client(self, method: str, arguments: dict[str, Any]) -> Any:
        resource, _, name = method.partition(".")

        def call() -> Any:
            called: Any = getattr(getattr(self._sync_client, resource), name)(**arguments)
            return _events([part.event for part in called]) if hasattr(called, "__next__") else called

        return await asyncio.to_thread(call)


@contextlib.asynccontextmanager
async def server(url: str) -> AsyncIterator[Server]:
    """Yield the server at a URL."""
    # A connection that idles as long as the server allows may be closed at the moment of the next request.
    headers = {"Connection": "close"}
    async with get_client(url=url, api_key=None, timeout=SECONDS, headers=headers) as client:
        with get_sync_client(url=url, api_key=None, timeout=SECONDS, headers=headers) as sync_client:
            yield Server(url, client, sync_client)


async def made(client: LangGraphClient) -> dict[str, str]:
    """Make an assistant, a thread with a finished run, and a cron, and return their ids."""
    assistant = await client.assistants.create(GRAPH)
    thread = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread, GRAPH, input={"messages": "hi"})
    await client.runs.join(thread, run["run_id"])
    state = await client.threads.get_state(thread)
    cron: Any = await client.crons.create(GRAPH, schedule="0 0 1 1 *", enabled=False)
    return {
        "assistant_id": assistant["assistant_id"],
        "thread_id": thread,
        "run_id": run["run_id"],
        "checkpoint_id": str(state["checkpoint"]["checkpoint_id"]),
        "cron_id": cron["cron_id"],
    }


async def made_several(client: LangGraphClient, count: int) -> list[dict[str, str]]:
    """Make the objects of this many requests, for each of which `langgraph dev` lets a run wait for up to a second."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one() -> dict[str, str]:
        async with free:
            return await made(client)

    return await asyncio.gather(*(one() for _ in range(count)))


def filled(value: Any, ids: dict[str, str]) -> Any:
    """Return a value with the ids in the place of their names."""
    if isinstance(value, Named):
        return ids[value]
    if isinstance(value, dict):
        return {name: filled(one, ids) for name, one in value.items()}
    return [filled(one, ids) for one in value] if isinstance(value, list) else value


def _events(names: list[str]) -> list[str]:
    """Return the kinds of events, each once."""
    return [f"event {name.partition('|')[0]}" for name in dict.fromkeys(names)]


def shape(value: Any, field: str = "") -> Any:
    """Return the names of fields and the kinds of values. What a client has written itself counts as one kind."""
    if isinstance(value, dict):
        return "object" if field in _FREE else {name: shape(one, name) for name, one in sorted(value.items())}
    if isinstance(value, list):
        if value and isinstance(value[0], str) and value[0].startswith("event "):
            return value
        return [shape(value[0], field)] if value else []
    if isinstance(value, bool) or value is None:
        return {True: "boolean", False: "boolean", None: "null"}[value]
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return "id" if UUID(value) else ""
        return "text"
    return "number"
