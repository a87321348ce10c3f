"""The readings beside a play: they end with it, and do not repeat what they have shown."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.api import TERMINAL
from conformance.driver.context import SETTLED, Context
from conformance.driver.deadlines import Deadlines
from conformance.driver.moves import read
from conformance.transcript.transcript import MoveMade, Request, Response
from tests.conformance.plays import play_named


async def test_an_answer_that_never_comes_does_not_delay_a_cancelled_play(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = asyncio.Event()

    async def look(context: Context, *, sparing: bool) -> None:
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


def test_a_run_that_is_over_is_read_again_once_in_each_move_and_at_the_end() -> None:
    [transcript] = play_named("cancel/during-tools/rollback/unwatched").values()
    moved, over, reading = True, 0, -1
    for moment in transcript.moments:
        if isinstance(moment, MoveMade):
            moved = True
        elif isinstance(moment, Request) and moment.about == "run E":
            assert moved or over < SETTLED or moment.purpose == "final run", moment
            moved, reading = False, moment.exchange
        elif isinstance(moment, Response) and moment.exchange == reading:
            over += moment.body["status"] in TERMINAL
    assert over > SETTLED
