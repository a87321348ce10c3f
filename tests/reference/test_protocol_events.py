"""The events of runs over the newer protocol, on `langgraph dev` and on the mock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mockserver import MockDeployment
from tests.reference.langgraph_dev import langgraph_dev
from tests.reference.protocol_events import GRAPHS, PLAYED, RECORD, feed, plain


@pytest.fixture(scope="module")
def mock() -> Iterator[str]:
    with MockDeployment(script=GRAPHS / "mock.json") as deployment:
        yield deployment.url


@pytest.mark.reference
async def test_both_servers_send_the_same_events(mock: str, tmp_path: Path) -> None:
    with langgraph_dev(workers=4, log=tmp_path / "log", agent=GRAPHS) as reference:
        for name, played in PLAYED.items():
            expected, found = await asyncio.gather(feed(reference, *played), feed(mock, *played))
            assert plain(found) == plain(expected), name


@pytest.mark.parametrize("name", PLAYED)
async def test_the_mock_sends_the_events_that_langgraph_dev_sent(mock: str, name: str) -> None:
    assert plain(await feed(mock, *PLAYED[name])) == json.loads(RECORD.read_text("utf-8"))[name]
