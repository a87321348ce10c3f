"""A thousand threads that double-text at once, each over a connection of its own, and what is left after a reset."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from benchmarks.beside import quickly
from benchmarks.load import AnswerError, Connection, connected
from benchmarks.servers import Held, Server, counted
from benchmarks.tables import Goal, Table

THREADS: Final = 1000
ROUNDS: Final = 3
STRATEGIES: Final = ("interrupt", "rollback", "enqueue", "reject") * 2
"""The strategies of the double texts on each thread. Every round has the same, so that their memory can be compared."""
REFUSED: Final = "HTTP/1.1 409"


async def measure() -> list[Table]:
    """Return the table."""
    rows, rates, fulls, left = [], [], [], []
    with counted("--time-scale", "0") as (server, held):
        fresh = server.resident()
        empty, _ = await _emptied(server, held)
        for number in range(1, ROUNDS + 1):
            began = time.perf_counter()
            counts = await _round(server.url)
            took = time.perf_counter() - began
            rates.append(counts["texts"] / took)
            fulls.append(server.resident())
            now, threads = await _emptied(server, held)
            left.append(now)
            shown = f"{rates[-1]:.0f}/s", f"{counts['refused']}", f"{fulls[-1]:.0f} MB"
            left_over = f"{now.blocks - empty.blocks:+d}", f"{now.tasks - empty.tasks:+d}", str(threads)
            rows.append((f"{number}.", *shown, f"{server.resident():.0f} MB", *left_over))
    return [
        Table(
            f"{THREADS} threads that double-text at once",
            (
                *("round", "double texts", "refused", "memory", "memory after reset"),
                *("blocks after reset", "tasks after reset", "threads after reset"),
            ),
            rows,
            "In each round each thread creates a run and a second one, twice with each strategy, and waits for the "
            f"second. A fresh server has {fresh:.0f} MB, with {empty.blocks} blocks in use. The table shows how many "
            "more blocks Python has in use after a reset. The first round adds a few for the caches of libraries. The "
            "memory that the system counts goes down less, because Python keeps most of it for the next round. It is "
            "flat when a later round needs no more.",
            [
                Goal("double texts per second", statistics.median(rates), 2000),
                Goal(
                    "of the blocks after the last reset were there after the first",
                    left[0].blocks / left[-1].blocks,
                    0.99,
                    percent=True,
                ),
                Goal("of the memory of the last round was there in the first", fulls[0] / fulls[-1], 0.9, percent=True),
            ],
        )
    ]


async def _emptied(server: Server, held: Callable[[], Held]) -> tuple[Held, int]:
    """Return what the server holds after a reset, with one client connected, and the number of its threads."""
    async with connected(server.url) as connection:
        await connection.ask_json("POST", "/_mock/reset")
        threads: int = await connection.ask_json("POST", "/threads/count", {})
        return held(), threads


async def _round(url: str) -> Counter[str]:
    counts: Counter[str] = Counter()

    async def talk() -> None:
        async with connected(url) as connection:
            thread = (await connection.ask_json("POST", "/threads", {}))["thread_id"]
            for strategy in STRATEGIES:
                await _double_text(connection, f"/threads/{thread}/runs", strategy, counts)

    await asyncio.gather(*(talk() for _ in range(THREADS)))
    return counts


async def _double_text(connection: Connection, runs: str, strategy: str, counts: Counter[str]) -> None:
    """Send two texts in a row. The conversation starts from an empty state, because its growth is not measured here."""
    first = quickly("sf")
    first["input"]["messages"].insert(0, {"role": "remove", "id": "__remove_all__", "content": ""})
    counts["texts"] += 1
    try:
        await connection.ask_json("POST", runs, first)
        await connection.ask_json("POST", f"{runs}/wait", quickly("nyc", multitask_strategy=strategy))
    except AnswerError as error:
        if not str(error).startswith(REFUSED):
            raise
        counts["refused"] += 1
