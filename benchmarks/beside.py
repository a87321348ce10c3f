"""The mock side by side with `langgraph dev`, in turns: how soon a double text begins, throughput, memory."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

from benchmarks.load import connected, rate, request, send_all
from benchmarks.servers import Server, mock, official
from benchmarks.tables import Goal, Table

CLIENTS: Final = 16
ROUNDS: Final = 5
SECONDS: Final = 8.0
THREADS: Final = 300


def asking(place: str, **more: Any) -> dict[str, Any]:
    """Return a request for a run of the guides' conversation. It takes some seconds and has no witness."""
    said = {"messages": [{"role": "user", "content": f"weather in {place}?"}]}
    return {"assistant_id": "agent", "input": said, **more}


def quickly(place: str, **more: Any) -> dict[str, Any]:
    """Return the same request with a probe that holds nothing, so that its steps take no time."""
    return asking(place, config={"configurable": {"probe": {"version": 1, "label": "A"}}}, **more)


async def measure() -> list[Table]:
    """Return the tables. Raise `ServerError` when `langgraph dev` cannot be started."""
    with ExitStack() as stack:
        servers = [stack.enter_context(official()), stack.enter_context(mock())]
        # Memory first: it is to grow from what a fresh server has.
        memory = await _memory(servers)
        return [await _first_events(servers), await _waits(servers), memory]


async def _first_events(servers: Sequence[Server]) -> Table:
    waited: dict[str, list[float]] = {server.name: [] for server in servers}
    for _ in range(ROUNDS):
        for server in servers:
            waited[server.name].append(await first_event(server.url))
    theirs, ours = (statistics.median(waited[server.name]) for server in servers)
    return Table(
        "From the interrupting request to the second run's first event",
        ("", "median"),
        [(server.name, f"{statistics.median(waited[server.name]) * 1000:.1f} ms") for server in servers],
        "The first run is in the middle of a step; the second is asked for with `interrupt` and streamed. "
        f"{ROUNDS} double texts on each, in turns.",
        [Goal("times as soon", theirs / ours, 100, ratio="first event: langgraph dev / mock")],
    )


async def first_event(url: str) -> float:
    """Seconds from the request for a second run to its first event, while a first is at work."""
    async with connected(url) as first, connected(url) as second:
        thread = (await second.ask_json("POST", "/threads", {}))["thread_id"]
        path = f"/threads/{thread}/runs/stream"
        await first.first(request("POST", path, asking("sf")), b"event: values")
        sent = time.perf_counter()
        wanted = request("POST", path, asking("nyc", multitask_strategy="interrupt"))
        return await second.first(wanted, b"event: ") - sent


async def _waits(servers: Sequence[Server]) -> Table:
    found: dict[str, list[float]] = {server.name: [] for server in servers}
    wanted = request("POST", "/runs/wait", quickly("sf"))
    for _ in range(3):
        for server in servers:
            found[server.name].append(await rate(server.url, itertools.repeat(wanted), CLIENTS, SECONDS / 2))
    theirs, ours = (statistics.median(found[server.name]) for server in servers)
    return Table(
        f"Stateless `/runs/wait` with {CLIENTS} clients",
        ("", "runs per second"),
        [(servers[0].name, f"{theirs:.0f}"), (servers[1].name, f"{ours:.0f}")],
        "The probe agent's three steps without any delay.",
        [Goal("times as many", ours / theirs, 40, ratio="stateless waits: mock / langgraph dev")],
    )


async def _memory(servers: Sequence[Server]) -> Table:
    rows = []
    for server in servers:
        before = server.resident()
        await converse(server.url, THREADS)
        grown = server.resident() - before
        rows.append((server.name, f"{before:.0f} MB", f"{grown / THREADS * 1000:.0f} MB"))
    return Table(
        "Memory",
        ("", "before", "per thousand threads"),
        rows,
        f"Resident memory of all processes of the server; {THREADS} threads with one conversation each.",
    )


async def converse(url: str, threads: int) -> list[str]:
    """Create threads with a conversation on each, and return their ids."""
    ids = await new_threads(url, threads)
    wanted = (request("POST", f"/threads/{thread}/runs/wait", quickly("sf")) for thread in ids)
    await send_all(url, wanted, CLIENTS)
    return ids


async def new_threads(url: str, count: int) -> list[str]:
    """Create threads and return their ids."""
    async with connected(url) as connection:
        return [(await connection.ask_json("POST", "/threads", {}))["thread_id"] for _ in range(count)]
