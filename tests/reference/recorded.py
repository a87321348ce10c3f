"""Prints the answers of `langgraph dev` to drawn requests: `python -m tests.reference.recorded > FILE`.

The file is `tests/reference/described.jsonl`, a line for each request.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.clients.conftest import APPLICATION
from tests.reference.described import EACH, SEED, drawn, server, to_json
from tests.reference.langgraph_dev import langgraph_dev


async def record(url: str) -> None:
    """Write a line of JSON for each request to the standard output."""
    async with server(url) as asked:
        for request in drawn(await asked.description(), SEED, EACH):
            sys.stdout.write(to_json(request, await asked.answer(request)) + "\n")


if __name__ == "__main__":
    # A server of its own: what its store has is part of the answers.
    with (
        tempfile.TemporaryDirectory() as scratch,
        langgraph_dev(workers=10, log=Path(scratch) / "log", agent=APPLICATION) as started,
    ):
        asyncio.run(record(started))
