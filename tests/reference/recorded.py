"""Prints what `langgraph dev` answers, for tests without it.

`python -m tests.reference.recorded described > tests/reference/described.jsonl` plays drawn requests, a line for each.
`python -m tests.reference.recorded protocol > tests/reference/protocol/events.json` plays runs over the newer protocol.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.clients.conftest import APPLICATION
from tests.reference.described import EACH, SEED, drawn, server, to_json
from tests.reference.langgraph_dev import langgraph_dev
from tests.reference.protocol_events import GRAPHS, PLAYED, feed, plain


async def described(url: str) -> None:
    """Write a line of JSON for each drawn request to the standard output."""
    async with server(url) as asked:
        for request in drawn(await asked.description(), SEED, EACH):
            sys.stdout.write(to_json(request, await asked.answer(request)) + "\n")


async def protocol(url: str) -> None:
    """Write the events of each run as JSON to the standard output."""
    found = {name: plain(await feed(url, *played)) for name, played in PLAYED.items()}
    sys.stdout.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


RECORDS = {"described": (described, APPLICATION), "protocol": (protocol, GRAPHS)}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in RECORDS:
        sys.exit(f"usage: python -m tests.reference.recorded {{{','.join(RECORDS)}}}")
    record, agent = RECORDS[sys.argv[1]]
    # A server of its own: what its store has is part of the answers.
    with (
        tempfile.TemporaryDirectory() as scratch,
        langgraph_dev(workers=10, log=Path(scratch) / "log", agent=agent) as started,
    ):
        asyncio.run(record(started))
