"""Deployments that are larger than any test needs: what they cost in time and memory, and that they are still right."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.load import Connection, connected
from benchmarks.servers import Server, mock
from benchmarks.tables import Table

THREADS: Final = 100_000
CHECKPOINTS: Final = 10_000
HOUR: Final = 3600
SCRIPT: Final = "turns: [{steps: [{say: hi}]}]\n"


async def measure() -> list[Table]:
    """Return the table."""
    rows = []
    for name, work in (
        (f"{THREADS} threads, and a search for one of them", many_threads),
        (f"a thread of {CHECKPOINTS} checkpoints, copied", long_thread),
        ("a cron that fires every second for an hour", busy_cron),
        ("a restart while 100 runs are held", restart),
        (f"{THREADS // 10} threads that expire at once", expiry),
    ):
        async with deployment() as (server, connection):
            before = server.resident()
            began = time.perf_counter()
            outcome = await work(connection)
            took = time.perf_counter() - began
            longest = await longest_answer(connection)
            grown = server.resident() - before
            await connection.ask_json("POST", "/_mock/reset")
            rows.append((name, outcome, f"{took:.1f} s", f"{grown:.0f} MB", f"{longest * 1000:.0f} ms"))
    return [
        Table(
            "Large deployments",
            ("what", "outcome", "time", "memory more", "`/ok` afterwards"),
            rows,
            "Each on a server of its own, over one connection. Time passes by hand, so the hour "
            "of the cron takes as long as its runs do.",
        )
    ]


@asynccontextmanager
async def deployment() -> AsyncIterator[tuple[Server, Connection]]:
    """Start a mock whose time is driven by hand, with an agent that answers at once."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.yaml"
        script.write_text(SCRIPT)
        with mock("--time", "hand", "--script", str(script)) as server:
            async with connected(server.url) as connection:
                yield server, connection


async def longest_answer(connection: Connection) -> float:
    """Return the seconds of the slowest of a few small requests."""
    times = []
    for _ in range(20):
        began = time.perf_counter()
        await connection.ask_json("GET", "/ok")
        times.append(time.perf_counter() - began)
    return max(times)


async def many_threads(connection: Connection) -> str:
    """Create threads, and search for the last one by its metadata."""
    for number in range(THREADS):
        await connection.ask_json("POST", "/threads", {"metadata": {"number": number}})
    found = await connection.ask_json("POST", "/threads/search", {"metadata": {"number": THREADS - 1}})
    count = await connection.ask_json("POST", "/threads/count", {})
    return f"{count} counted, {len(found)} found"


async def long_thread(connection: Connection) -> str:
    """Write checkpoints by hand, and copy the thread."""
    thread = await new_thread(connection)
    write = {"values": {"messages": []}, "as_node": "agent"}
    for _ in range(CHECKPOINTS):
        await connection.ask_json("POST", f"/threads/{thread}/state", write)
    copy = await connection.ask_json("POST", f"/threads/{thread}/copy")
    newest = await connection.ask_json("POST", f"/threads/{copy['thread_id']}/history", {"limit": 1})
    return f"step {newest[0]['metadata']['step']} in the copy"


async def busy_cron(connection: Connection) -> str:
    """Let a cron fire for an hour."""
    thread = await new_thread(connection)
    order = {"assistant_id": "agent", "schedule": "* * * * * *", "input": {"messages": "sf"}}
    await connection.ask_json("POST", f"/threads/{thread}/runs/crons", order)
    await connection.ask_json("POST", "/_mock/time/advance", {"seconds": HOUR})
    ended = await pages(connection, f"/threads/{thread}/runs?status=success")
    return f"{ended} runs succeeded"


async def restart(connection: Connection) -> str:
    """Lose every worker in the middle of a hundred runs, and let them come to their end."""
    await connection.ask_json("POST", "/_mock/holds", {"point": "agent:1/enter"})
    threads = [await new_thread(connection) for _ in range(100)]
    for thread in threads:
        await connection.ask_json(
            "POST", f"/threads/{thread}/runs", {"assistant_id": "agent", "input": {"messages": "a"}}
        )
        await connection.ask_json("POST", "/_mock/wait", {"point": "agent:1/enter", "thread_id": thread})
    await connection.ask_json("POST", "/_mock/restart")
    await connection.ask_json("DELETE", "/_mock/holds")
    for thread in threads:
        await connection.ask_json("POST", "/_mock/wait", {"status": "idle", "thread_id": thread})
    ended = [await pages(connection, f"/threads/{thread}/runs?status=success") for thread in threads]
    return f"{sum(ended)} of 100 succeeded"


async def expiry(connection: Connection) -> str:
    """Create threads that live for a minute, and let an hour pass."""
    for _ in range(THREADS // 10):
        await connection.ask_json("POST", "/threads", {"ttl": {"ttl": 1}})
    await connection.ask_json("POST", "/_mock/time/advance", {"seconds": HOUR})
    return f"{await connection.ask_json('POST', '/threads/count', {})} left"


async def new_thread(connection: Connection) -> str:
    """Create a thread and return its id."""
    created: dict[str, Any] = await connection.ask_json("POST", "/threads", {})
    return str(created["thread_id"])


async def pages(connection: Connection, path: str) -> int:
    """Return how many items a list has, page by page."""
    found, offset = 0, 0
    while page := await connection.ask_json("GET", f"{path}&limit=1000&offset={offset}"):
        found += len(page)
        offset += 1000
    return found
