"""The stream of a whole thread: what its runs stream, one after the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk.errors import NotFoundError

from mockserver.core.protocol_feed import KEPT
from mockserver.core.thread_stream import ThreadStream
from tests.mockserver.stage import Stage
from tests.mockserver.witness import DEADLINE

Told = tuple[str, Any, str]
"""The name of an event, its data, and its id."""


class Watcher:
    """A client that watches a thread."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self) -> Told | None:
        """Return the next event, or None at the end of the stream."""
        event: dict[str, str] = {}
        async with asyncio.timeout(DEADLINE):
            async for line in self._lines:
                if not line and "data" in event:
                    return event["event"], json.loads(event["data"]), event["id"]
                name, _, value = line.partition(": ")
                event[name] = value
        return None

    async def until_done(self, run_id: str) -> list[Told]:
        """Return every event up to the end of a run."""
        heard: list[Told] = []
        while (told := await self.next()) is not None:
            heard.append(told)
            if told[1] == {"status": "run_done", "run_id": run_id}:
                break
        return heard


@asynccontextmanager
async def watching(stage: Stage, last_event_id: str | None = None, **asked: Any) -> AsyncIterator[Watcher]:
    """Watch the thread of a stage. The server knows of the client, because it has sent the head of the response."""
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    path = f"/threads/{stage.thread}/stream"
    async with stage.http.stream("GET", path, params=asked, headers=headers) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield Watcher(answer.aiter_lines())


def names(heard: list[Told]) -> list[str]:
    return [name for name, _, _ in heard]


async def test_runs_are_heard_one_after_the_other(stage: Stage) -> None:
    async with watching(stage) as watcher:
        first = await stage.create("A", "sf", stream_mode=["updates"])
        heard = await watcher.until_done(first)
        assert names(heard) == ["metadata", "updates", "updates", "updates", "metadata"]
        assert heard[0][1] == {"run_id": first, "attempt": 1}
        second = await stage.create("B", "nyc", probe={"fail": ["agent:1"]}, stream_mode=["values"])
        heard += await watcher.until_done(second)
    assert names(heard)[5:] == ["metadata", "values", "error", "metadata"]
    assert len({event_id for _, _, event_id in heard}) == len(heard)


async def test_a_superseded_run_and_the_one_that_follows_it(stage: Stage) -> None:
    async with watching(stage, stream_modes="lifecycle") as watcher:
        first = await stage.held("A", "sf", "tools:1/enter")
        second = await stage.create("B", "nyc", "interrupt")
        heard = await watcher.until_done(second)
    assert [data for _, data, _ in heard] == [
        {"run_id": first, "attempt": 1},
        {"status": "run_done", "run_id": first},
        {"run_id": second, "attempt": 1},
        {"status": "run_done", "run_id": second},
    ]


async def test_updates_of_the_state_are_heard_where_they_are_asked_for(stage: Stage) -> None:
    async with (
        watching(stage, stream_modes=["state_update", "lifecycle"]) as both,
        watching(stage, stream_mode="run_modes") as runs,
    ):
        await stage.client.threads.update_state(stage.thread, {"messages": "by hand"})
        run = await stage.create("A", "sf")
        assert names(await both.until_done(run)) == ["state_update", "metadata", "metadata"]
        assert "state_update" not in names(await runs.until_done(run))
        await stage.client.threads.update_state(stage.thread, {"messages": "again"})
        told = await both.next()
    assert told is not None
    assert told[1] == {"state": await stage.state(), "thread_id": stage.thread}


async def test_what_resumable_runs_said_is_told_again_from_the_event_on_that_was_seen_last(stage: Stage) -> None:
    kept = await stage.create("A", "sf", stream_resumable=True, stream_mode=["updates"])
    await stage.join(kept)
    await stage.join(await stage.create("B", "nyc"))
    async with watching(stage, "-") as watcher:
        whole = await watcher.until_done(kept)
        assert names(whole) == ["metadata", "updates", "updates", "updates", "metadata"]
    async with watching(stage, whole[2][2]) as watcher:
        assert await watcher.until_done(kept) == whole[3:]
    for unknown in ("nonsense", None):
        async with watching(stage, unknown) as watcher:
            run = await stage.create("C", "sf", "rollback")
            assert names(await watcher.until_done(run))[0] == "metadata"


async def test_a_run_that_was_rolled_back_is_not_told_again(stage: Stage) -> None:
    await stage.held("A", "sf", "tools:1/enter", stream_resumable=True)
    second = await stage.create("B", "nyc", "rollback", stream_resumable=True, stream_mode=["updates"])
    await stage.join(second)
    async with watching(stage, "-1") as watcher:
        heard = await watcher.until_done(second)
    assert heard[0][1] == {"run_id": second, "attempt": 1}


async def test_the_official_client_watches_a_thread(stage: Stage) -> None:
    run = await stage.create("A", "sf", stream_resumable=True, stream_mode=["updates"])
    await stage.join(run)
    heard = []
    watched: Any = await stage.client.threads.join_stream(stage.thread, last_event_id="-", stream_mode=["lifecycle"])
    async with asyncio.timeout(DEADLINE), aclosing(watched) as parts:
        async for part in parts:
            heard.append(part.data)
            if part.data.get("status") == "run_done":
                break
    assert heard == [{"run_id": run, "attempt": 1}, {"status": "run_done", "run_id": run}]


async def test_the_stream_ends_with_its_thread(stage: Stage) -> None:
    async with watching(stage) as watcher:
        await stage.client.threads.delete(stage.thread)
        assert await watcher.next() is None
    watched = await stage.client.threads.join_stream(str(uuid4()))
    with pytest.raises(NotFoundError):
        await anext(watched)


async def test_unknown_modes_are_named(stage: Stage) -> None:
    answer = await stage.http.get(f"/threads/{stage.thread}/stream", params={"stream_modes": "nope"})
    assert (answer.status_code, "nope" in answer.json()["detail"]) == (422, True)


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    stream = ThreadStream()
    listener = stream.listen(["run_modes"], None)
    for _ in range(KEPT + 1):
        stream.publish("custom", {}, at=0)
    assert listener.closed
