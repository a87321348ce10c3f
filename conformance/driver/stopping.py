"""Requests that cancel or delete."""

from __future__ import annotations

from collections.abc import Iterable

from conformance import scenarios as s
from conformance.driver.situation import Situation


async def cancel(now: Situation, move: s.Cancel) -> None:
    """Cancel one run, and wait for the answer unless the scenario is patient."""
    if move.unless_begun and now.begun(move.label):
        return
    run_id = now.nobody if move.label == s.NOBODY else now.run_ids.get(move.label)
    if run_id is None:
        return
    thread = now.thread_of.get(move.label) or now.threads[s.MAIN]
    # Not through the client's own `cancel`: it cannot leave anything out.
    told = {"wait": None if move.wait is None else int(move.wait), "action": move.action}
    request = now.wire.client.http.post(
        f"/threads/{thread}/runs/{run_id}/cancel",
        json=None,
        params={name: value for name, value in told.items() if value is not None},
    )
    if move.patient:
        now.spawn(now.wire.call("cancel", move.label, request, seconds=now.wire.patience))
        await now.until(lambda: now.wire.exchange("cancel", move.label) > 0, now.deadlines.answer)
    else:
        await now.wire.call("cancel", move.label, request)


async def cancel_many(now: Situation, labels: Iterable[str]) -> None:
    """Cancel several runs of the thread in one request."""
    ids = [now.run_ids[label] for label in labels if label in now.run_ids]
    body = {"thread_id": now.threads[s.MAIN], "run_ids": ids}
    await now.wire.call("cancel many", s.MAIN, now.wire.client.http.post("/runs/cancel", json=body))


async def delete(now: Situation, label: str | None) -> None:
    """Delete a run, or the thread."""
    runs, threads, main = now.wire.client.runs, now.wire.client.threads, now.threads[s.MAIN]
    if label is None:
        await now.wire.call("delete", s.MAIN, threads.delete(main))
    elif label in now.run_ids:
        await now.wire.call("delete", f"run {label}", runs.delete(main, now.run_ids[label]))
