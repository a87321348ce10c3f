"""The rates of the mock as shares of those of the plainest aiohttp server on the same machine, measured in turns."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterator
from typing import Final

from benchmarks.beside import CLIENTS, new_threads, quickly
from benchmarks.load import connected, rate, request
from benchmarks.servers import Server, bare, mock
from benchmarks.tables import Goal, Table

ROUNDS: Final = 5
SECONDS: Final = 2.0
THREADS: Final = 2000
HELD: Final = "agent:1/enter"

Requests = Callable[[], Iterator[bytes]]


async def measure() -> list[Table]:
    """Return the table."""
    with bare() as plain, mock("--time-scale", "0") as ours:
        ok = await _share(plain, ours, "`GET /ok`", lambda: itertools.repeat(request("GET", "/ok")))
        held = await new_threads(ours.url, THREADS)
        async with connected(ours.url) as connection:
            await connection.ask_json("POST", "/_mock/holds", {"point": HELD})
            for thread in held:
                await connection.ask_json("POST", f"/threads/{thread}/runs", quickly("sf"))
        created = await _share(plain, ours, "create a run, behind one that is at work", lambda: _runs(held))
        async with connected(ours.url) as connection:
            await connection.ask_json("POST", "/_mock/reset")
        free = await new_threads(ours.url, THREADS)
        played = await _share(plain, ours, "create a run, and play its three steps", lambda: _runs(free))
    return [
        Table(
            "A share of bare aiohttp",
            ("", "bare aiohttp", "mock", "share", "share by CPU time"),
            [row for row, _ in (ok, created, played)],
            f"Answers per second to {CLIENTS} clients, medians of {ROUNDS} rounds in turns. The bare server reads the "
            "body and sends prepared bytes, as many as the mock. The share by CPU time compares what the servers "
            "themselves used per answer, whatever else the machine did.",
            [
                Goal("of bare aiohttp for `/ok`", ok[1], 0.8, percent=True, ratio="`/ok`: mock / bare"),
                Goal(
                    "of bare aiohttp for the creation of runs",
                    created[1],
                    0.4,
                    percent=True,
                    ratio="creation of a run: mock / bare",
                ),
                Goal(
                    "of bare aiohttp for whole runs",
                    played[1],
                    0.15,
                    percent=True,
                    ratio="a run of three steps: mock / bare",
                ),
            ],
        )
    ]


async def _share(plain: Server, ours: Server, name: str, requests: Requests) -> tuple[tuple[str, ...], float]:
    """Return a row of the table, and the share."""
    rates: dict[str, list[float]] = {plain.name: [], ours.name: []}
    costs: dict[str, list[float]] = {plain.name: [], ours.name: []}
    for _ in range(ROUNDS):
        for server in (plain, ours):
            used, answers = server.cpu(), itertools.count()
            wanted = (one for one, _ in zip(requests(), answers, strict=False))
            rates[server.name].append(await rate(server.url, wanted, CLIENTS, SECONDS))
            costs[server.name].append((server.cpu() - used) / next(answers))
    theirs, found = statistics.median(rates[plain.name]), statistics.median(rates[ours.name])
    by_cpu = statistics.median(costs[plain.name]) / statistics.median(costs[ours.name])
    return (name, f"{theirs:.0f}/s", f"{found:.0f}/s", f"{found / theirs:.0%}", f"{by_cpu:.0%}"), found / theirs


def _runs(threads: list[str]) -> Iterator[bytes]:
    """Yield requests for runs on each thread in turn. They are prepared once, so that the client costs little."""
    return itertools.cycle([request("POST", f"/threads/{thread}/runs", quickly("sf")) for thread in threads])
