"""The table that assigns to each kind of move the function that makes it."""

from __future__ import annotations

import asyncio
from typing import assert_never

from conformance.driver.context import Context
from conformance.driver.moves import cancel, cron, read, submit, wait, watch
from conformance.scenarios import moves as s


async def do(context: Context, move: s.Move) -> None:
    """Make one move. Its effects are in the record."""
    client = context.http.client
    match move:
        case s.Submit():
            await submit.submit(context, move)
        case s.Watch():
            await watch.watch(context, move)
        case s.AwaitEvent():
            await wait.await_event(context, move)
        case s.Leave(name=name):
            await context.clients.disconnect(name)
        case s.ReadOn(label=label):
            context.clients.read_on(label)
        case s.Ask():
            await submit.ask(context, move)
        case s.AwaitPoint():
            await wait.await_point(context, move)
        case s.AwaitHeard(label=label):
            await wait.await_heard(context, label)
        case s.AwaitSuperseded():
            await wait.await_superseded(context, move)
        case s.AwaitStopped():
            await wait.await_stopped(context, move)
        case s.AwaitEnd():
            await wait.await_end(context, move)
        case s.AwaitOneLeft():
            await context.until(context.one_left, context.deadlines.stop, "all runs but one to be over")
        case s.CreateCron():
            await cron.create(context, move)
        case s.AwaitCron(label=label):
            await cron.await_fired(context, label)
        case s.DeleteCron(label=label):
            await cron.delete(context, label)
        case s.ListCrons():
            await cron.show(context)
        case s.AwaitGone(label=label):
            await wait.await_gone(context, label)
        case s.AwaitWebhook(label=label):
            await wait.await_webhook(context, label)
        case s.Cancel():
            await cancel.cancel(context, move)
        case s.CancelMany(labels=labels):
            await cancel.cancel_many(context, labels)
        case s.Batch(runs=runs):
            await submit.create_batch(context, runs)
        case s.Together(moves=moves):
            await asyncio.gather(*(do(context, one) for one in moves))
        case s.Delete(label=label):
            await cancel.delete(context, label)
        case s.CreateAgain():
            await context.open_again()
        case s.CreateTogether():
            await context.create_together(move)
        case s.CopyThread(name=name):
            await context.copy_thread(name)
        case s.ChangeThread(metadata=metadata):
            change = client.threads.update(context.threads[s.MAIN], metadata=metadata)
            await context.http.call("change thread", s.MAIN, change)
        case s.Browse(what=what):
            await submit.browse(context, what)
        case s.Release():
            context.channel.release(move.label, move.point)
        case s.Observe(until_begun=label):
            if label is not None:
                # The request of a client that waits may still be on its way. What follows needs a run that exists.
                await wait.find(context, label)
            # Without a witness the hold would end during the window, and the start of the next run would be correct.
            if label is None or context.probe == "witnessed":
                await context.until(lambda: label is not None and context.begun(label), context.deadlines.observe)
        case s.Look():
            await read.look(context)
        case s.ReadState():
            await read.read(context, "mid")
        case s.ReadChild():
            await read.find_child(context)
            await read.read_child(context, "mid")
        case s.UpdateState():
            await submit.update_state(context, move)
        case s.ListRuns():
            listing = client.runs.list(
                context.threads[s.MAIN], limit=move.limit, offset=move.offset, status=move.status
            )
            await context.http.call("list runs", s.MAIN, listing)
        case s.SearchThreads(status=status):
            search = client.threads.search(metadata={"doubletext_play": context.play_id}, status=status)
            await context.http.call("search threads", status, search)
        case s.Query():
            await submit.query(context, move)
        case _:
            assert_never(move)
