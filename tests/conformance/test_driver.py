"""A play that is cancelled, as by Ctrl-C, ends at once, whatever it waits for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.driver.context import Context
from conformance.driver.deadlines import Deadlines
from conformance.driver.moves import read


async def test_an_answer_that_never_comes_does_not_delay_a_cancelled_play(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = asyncio.Event()

    async def look(context: Context) -> None:
        asked.set()
        await asyncio.Event().wait()

    async def play() -> None:
        context: Any = SimpleNamespace(
            deadlines=Deadlines(), probe="witnessed", http=SimpleNamespace(lost=None), news=0, statuses={}, threads={}
        )
        async with read.following(cast(Context, context)):
            await asyncio.Event().wait()

    monkeypatch.setattr(read, "look", look)
    playing = asyncio.create_task(play())
    await asked.wait()
    playing.cancel()
    # `wait` instead of `wait_for`, which would wait for the task to accept its cancellation.
    ended, _ = await asyncio.wait({playing}, timeout=20)
    assert ended
    assert playing.cancelled()
