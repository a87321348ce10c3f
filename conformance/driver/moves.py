"""Each kind of move, and what it is made with."""

from __future__ import annotations

import asyncio
from typing import assert_never

from conformance import scenarios as s
from conformance.driver import crons, reading, stopping, submitting, waiting, watching
from conformance.driver.situation import Situation


async def do(now: Situation, move: s.Move) -> None:
    """Make one move; what comes of it is in the record."""
    client = now.wire.client
    match move:
        case s.Submit():
            await submitting.submit(now, move)
        case s.Watch():
            await watching.watch(now, move)
        case s.AwaitEvent():
            await waiting.await_event(now, move)
        case s.Leave(name=name):
            await now.clients.leave(name)
        case s.Ask():
            await submitting.ask(now, move)
        case s.AwaitPoint():
            await waiting.await_point(now, move)
        case s.AwaitHeard(label=label):
            await waiting.await_heard(now, label)
        case s.AwaitSuperseded():
            await waiting.await_superseded(now, move)
        case s.AwaitStopped():
            await waiting.await_stopped(now, move)
        case s.AwaitEnd():
            await waiting.await_end(now, move)
        case s.AwaitOneLeft():
            await now.until(now.one_left, now.deadlines.stop, "all runs but one to be over")
        case s.CreateCron():
            await crons.create(now, move)
        case s.AwaitCron(label=label):
            await crons.await_fired(now, label)
        case s.DeleteCron(label=label):
            await crons.delete(now, label)
        case s.ListCrons():
            await crons.show(now)
        case s.AwaitGone(label=label):
            await waiting.await_gone(now, label)
        case s.AwaitWebhook(label=label):
            await waiting.await_webhook(now, label)
        case s.Cancel():
            await stopping.cancel(now, move)
        case s.CancelMany(labels=labels):
            await stopping.cancel_many(now, labels)
        case s.Together(moves=moves):
            await asyncio.gather(*(do(now, one) for one in moves))
        case s.Delete(label=label):
            await stopping.delete(now, label)
        case s.Release():
            now.stand.release(move.label, move.point)
        case s.Observe(until_begun=label):
            # What is held by time would be over before much was observed.
            if label is None or now.probe == "witnessed":
                await now.until(lambda: label is not None and now.begun(label), now.deadlines.observe)
        case s.Look():
            await reading.look(now)
        case s.ReadState():
            await reading.read(now, "mid")
        case s.ReadChild():
            await reading.find_child(now)
            await reading.read_child(now, "mid")
        case s.UpdateState(text=text):
            values = {"messages": [{"role": "user", "content": text}]}
            update = client.threads.update_state(now.threads[s.MAIN], values)
            await now.wire.call("update state", s.MAIN, update)
        case s.ListRuns():
            listing = client.runs.list(now.threads[s.MAIN], limit=move.limit, offset=move.offset, status=move.status)
            await now.wire.call("list runs", s.MAIN, listing)
        case s.SearchThreads(status=status):
            search = client.threads.search(metadata={"doubletext_play": now.play_id}, status=status)
            await now.wire.call("search threads", status, search)
        case _:
            assert_never(move)
