"""A thousand threads that double-text at once, each over a connection of its own, and what is left after a reset."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Final

from benchmarks.beside import quickly
from benchmarks.load import AnswerError, Connection, connected
from benchmarks.servers import mock
from benchmarks.tables import Goal, Table

THREADS: Final = 1000
ROUNDS: Final = 3
STRATEGIES: Final = ("interrupt", "rollback", "enqueue", "reject") * 2
"""Of the double texts on each thread in a round; as many in each round, so that its memory can be compared."""
REFUSED: Final = "HTTP/1.1 409"


async def measure() -> list[Table]:
    """The table."""
    rows = []
    with mock("--time-scale", "0") as server:
        fresh = server.resident()
        left = []
        for number in range(1, ROUNDS + 1):
            began = time.perf_counter()
            told = await _round(server.url)
            took = time.perf_counter() - began
            full = server.resident()
            async with connected(server.url) as connection:
                await connection.ask_json("POST", "/_mock/reset")
                threads = await connection.ask_json("POST", "/threads/count", {})
            left.append(server.resident())
            shown = (f"{told['texts'] / took:.0f}/s", f"{told['refused']}", f"{full:.0f} MB", f"{left[-1]:.0f} MB")
            rows.append((f"{number}.", *shown, str(threads)))
    return [
        Table(
            f"{THREADS} threads that double-text at once",
            ("round", "double texts", "refused", "memory", "memory after reset", "threads after reset"),
            rows,
            "In each round each thread asks, twice with each strategy, for a run and for a second one, and waits "
            f"for that. A fresh server has {fresh:.0f} MB. Memory is what the system counts, and Python gives "
            "back little of what it once had: flat means that, after a first round, a later one leaves no more.",
            [
                Goal(
                    "of the memory after the last reset was there after the one before",
                    left[-2] / left[-1],
                    0.9,
                    percent=True,
                )
            ],
        )
    ]


async def _round(url: str) -> Counter[str]:
    told: Counter[str] = Counter()

    async def talk() -> None:
        async with connected(url) as connection:
            thread = (await connection.ask_json("POST", "/threads", {}))["thread_id"]
            for strategy in STRATEGIES:
                await _double_text(connection, f"/threads/{thread}/runs", strategy, told)

    await asyncio.gather(*(talk() for _ in range(THREADS)))
    return told


async def _double_text(connection: Connection, runs: str, strategy: str, told: Counter[str]) -> None:
    """Two texts right after each other; the conversation begins anew, as a state that grows is not what is measured."""
    first = quickly("sf")
    first["input"]["messages"].insert(0, {"role": "remove", "id": "__remove_all__"})
    told["texts"] += 1
    try:
        await connection.ask_json("POST", runs, first)
        await connection.ask_json("POST", f"{runs}/wait", quickly("nyc", multitask_strategy=strategy))
    except AnswerError as error:
        if not str(error).startswith(REFUSED):
            raise
        told["refused"] += 1
