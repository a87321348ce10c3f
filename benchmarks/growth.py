"""The cost of a run as the mock and its threads grow: the CPU time of the server per run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from benchmarks.beside import converse, new_threads, quickly
from benchmarks.load import Connection, connected
from benchmarks.servers import Server, mock
from benchmarks.tables import Goal, Table

RUNS: Final = 400
HELD: Final = "agent:1/enter"

Grow = Callable[[Connection, Server, str, int], Awaitable[None]]


async def measure() -> list[Table]:
    """One curve per thing that grows."""
    curves = {
        "threads, a conversation on each": await _curve((0, 1000, 4000, 10000), more_threads),
        "runs on the thread": await _curve((0, 100, 1000, 4000), more_runs),
        "checkpoints of the thread": await _curve((0, 100, 1000, 4000), more_checkpoints),
        "messages in the state": await _curve((0, 100, 1000, 4000), more_messages, threads=10),
    }
    long, empty = curves["messages in the state"][-1][1], curves["messages in the state"][0][1]
    rows = [(name, *(f"{cost:.2f} ({size})" for size, cost in points)) for name, points in curves.items()]
    return [
        Table(
            "Cost of a run as things grow",
            ("grows", *(f"{number}." for number in range(1, 5))),
            rows,
            f"Milliseconds of the server's CPU time for a run that starts at once and has five checkpoints, a mean of "
            f"{RUNS}; in brackets, of how many threads, runs, checkpoints, messages there were before. A state of many "
            "messages costs what it takes to read the ids of all at each step, as a write may replace any of them.",
            [
                Goal(
                    "times the cost of a run on an empty state, with 4000 messages",
                    long / empty,
                    2,
                    at_most=True,
                    ratio="a run on 4000 messages / on none",
                )
            ],
        )
    ]


async def _curve(sizes: tuple[int, ...], grow: Grow, *, threads: int = 1) -> list[tuple[int, float]]:
    """Return the milliseconds for each size. Several threads share the runs, so that each thread changes little."""
    found = []
    for size in sizes:
        with mock("--time-scale", "0") as server:
            async with connected(server.url) as connection:
                ids = await new_threads(server.url, threads)
                for thread in ids:
                    await grow(connection, server, thread, size)
                await play(connection, ids[0], 20, from_empty=threads == 1)
                used = server.cpu()
                for thread in ids:
                    await play(connection, thread, RUNS // threads, from_empty=threads == 1)
                found.append((size, (server.cpu() - used) / RUNS * 1000))
    return found


async def play(connection: Connection, thread: str, count: int, *, from_empty: bool) -> None:
    """Play runs one after another. With `from_empty`, each starts from an empty state, so the state keeps its size."""
    order = quickly("sf")
    if from_empty:
        order["input"]["messages"].insert(0, {"role": "remove", "id": "__remove_all__", "content": ""})
    for _ in range(count):
        await connection.ask_json("POST", f"/threads/{thread}/runs", order)
        await connection.ask_json("POST", "/_mock/wait", {"status": "idle", "thread_id": thread})


async def more_threads(connection: Connection, server: Server, thread: str, size: int) -> None:
    """More threads in the deployment."""
    await converse(server.url, size)


async def more_runs(connection: Connection, server: Server, thread: str, size: int) -> None:
    """Runs that were cancelled before they began, so that the state is as it was."""
    if not size:
        return
    await connection.ask_json("POST", "/_mock/holds", {"point": HELD, "thread_id": thread})
    await connection.ask_json("POST", f"/threads/{thread}/runs", quickly("sf"))
    await connection.ask_json("POST", "/_mock/wait", {"point": HELD, "thread_id": thread})
    for _ in range(size - 1):
        await connection.ask_json("POST", f"/threads/{thread}/runs", quickly("sf"))
    await connection.ask_json("POST", "/runs/cancel", {"status": "pending"})
    await connection.ask_json("DELETE", "/_mock/holds")
    await connection.ask_json("POST", "/_mock/wait", {"status": "idle", "thread_id": thread})


async def more_checkpoints(connection: Connection, server: Server, thread: str, size: int) -> None:
    """Writes by hand that change nothing."""
    for _ in range(size):
        await connection.ask_json("POST", f"/threads/{thread}/state", {"values": {"messages": []}, "as_node": "agent"})


async def more_messages(connection: Connection, server: Server, thread: str, size: int) -> None:
    """Messages that are written to the state at once."""
    said: list[Any] = [{"role": "system", "content": f"message {number}"} for number in range(size)]
    await connection.ask_json("POST", f"/threads/{thread}/state", {"values": {"messages": said}, "as_node": "agent"})
