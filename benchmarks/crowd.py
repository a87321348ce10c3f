"""A thousand threads that double-text at once, each over a connection of its own, and what is left after a reset."""

from __future__ import annotations

import asyncio
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
"""Of the double texts on each thread in a round; as many in each round, so that its memory can be compared."""
REFUSED: Final = "HTTP/1.1 409"


async def measure() -> list[Table]:
    """The table."""
    rows, fulls, left = [], [], []
    with counted("--time-scale", "0") as (server, held):
        fresh = server.resident()
        empty, _ = await _emptied(server, held)
        for number in range(1, ROUNDS + 1):
            began = time.perf_counter()
            told = await _round(server.url)
            took = time.perf_counter() - began
            fulls.append(server.resident())
            now, threads = await _emptied(server, held)
            left.append(now)
            shown = f"{told['texts'] / took:.0f}/s", f"{told['refused']}", f"{fulls[-1]:.0f} MB"
            counts = f"{now.blocks - empty.blocks:+d}", f"{now.tasks - empty.tasks:+d}", str(threads)
            rows.append((f"{number}.", *shown, f"{server.resident():.0f} MB", *counts))
    return [
        Table(
            f"{THREADS} threads that double-text at once",
            (
                *("round", "double texts", "refused", "memory", "memory after reset"),
                *("blocks after reset", "tasks after reset", "threads after reset"),
            ),
            rows,
            "In each round each thread asks, twice with each strategy, for a run and for a second one, and waits "
            f"for that. A fresh server has {fresh:.0f} MB, with {empty.blocks} blocks in use. What is kept shows in "
            "the blocks that Python has in use, told as how many more there are than in the beginning; the first "
            "round adds a few, for the caches of libraries. The memory that the system counts does not go down as far: "
            "Python keeps most of it for the next round. Flat means that a later round needs no more.",
            [
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
    """What the server holds after a reset, while one client is there, and how many threads it knows."""
    async with connected(server.url) as connection:
        await connection.ask_json("POST", "/_mock/reset")
        threads: int = await connection.ask_json("POST", "/threads/count", {})
        return held(), threads


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
