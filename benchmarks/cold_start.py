"""A comparison of `python -m mockserver` and `langgraph dev`: the time to the first `/ok`, and the memory.

The two start in turns, so that a machine that becomes busier or cooler treats both alike, and medians are compared. The
first start of each does not count, because it compiles the modules of a checkout.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import urllib.request
from collections.abc import Sequence
from typing import Any

from benchmarks.servers import mock, official
from tests.reference.process import ServerError

CONVERSATIONS = 200
TEXT = "what's the weather in sf?"

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurements. Return 2 when `langgraph dev` cannot be started."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="starts of each (default: %(default)s)")
    rounds: int = parser.parse_args(arguments).rounds
    mock: list[float] = []
    official: list[float] = []
    try:
        for _ in range(max(1, rounds) + 1):
            mock.append(start_mock())
            official.append(start_official())
    except ServerError as error:
        print(str(error).splitlines()[0], file=sys.stderr)
        return 2
    del mock[0], official[0]
    fresh, used = memory()
    show("python -m mockserver", mock)
    show("langgraph dev", official)
    print(f"ratio of the medians: {statistics.median(official) / statistics.median(mock):.1f}")
    print(f"memory of the mock (RSS): {fresh:.0f} MB fresh, {used:.0f} MB after {CONVERSATIONS} conversations")
    return 0


def show(name: str, seconds: list[float]) -> None:
    """One line about one server."""
    print(
        f"{name}: first /ok after {statistics.median(seconds):.3f} s"
        f" (median of {len(seconds)}, {min(seconds):.3f} to {max(seconds):.3f})"
    )


def start_mock() -> float:
    """Seconds from the start of the mock's process to its first answer."""
    began = time.perf_counter()
    with mock() as server:
        ask(f"{server.url}/ok")
        return time.perf_counter() - began


def start_official() -> float:
    """Seconds from the start of `langgraph dev` to its first answer, looked for ten times a second."""
    began = time.perf_counter()
    with official():
        return time.perf_counter() - began


def memory() -> tuple[float, float]:
    """Megabytes of a mock that has just started, and of one that has held many conversations."""
    with mock("--time-scale", "0") as server:
        ask(f"{server.url}/ok")
        fresh = server.resident()
        run = {"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": TEXT}]}}
        for _ in range(CONVERSATIONS):
            thread = ask(f"{server.url}/threads", {})
            ask(f"{server.url}/threads/{thread['thread_id']}/runs/wait", run)
        return fresh, server.resident()


def ask(url: str, body: object = None) -> Any:
    """Return the JSON that a server answers to GET, or to POST when there is a `body`."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with _opener.open(request, timeout=60) as answer:
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main())
