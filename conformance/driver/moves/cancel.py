"""The moves that cancel or delete."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.driver.context import Context
from conformance.scenarios import moves as s


async def cancel(context: Context, move: s.Cancel) -> None:
    """Cancel one run. Wait for the answer unless the move is `patient`, since it then comes only with the run's end."""
    if move.unless_begun and context.begun(move.label):
        return
    run_id = context.unknown_run if move.label == s.NOBODY else context.run_ids.get(move.label)
    if run_id is None:
        return
    thread = context.thread_of.get(move.label) or context.threads[s.MAIN]
    # Not with the client's own `cancel`, which always sends `wait` and `action`: some scenarios omit them.
    options = {"wait": None if move.wait is None else int(move.wait), "action": move.action}
    request = context.http.client.http.post(
        f"/threads/{thread}/runs/{run_id}/cancel",
        json=None,
        params={name: value for name, value in options.items() if value is not None},
    )
    if move.patient:
        context.spawn(context.http.call("cancel", move.label, request, seconds=context.http.patience))
        await context.until(lambda: context.http.exchange("cancel", move.label) > 0, context.deadlines.answer)
    else:
        await context.http.call("cancel", move.label, request)


async def cancel_many(context: Context, labels: Iterable[str]) -> None:
    """Cancel several runs of the thread in one request."""
    ids = [context.run_ids[label] for label in labels if label in context.run_ids]
    body = {"thread_id": context.threads[s.MAIN], "run_ids": ids}
    await context.http.call("cancel many", s.MAIN, context.http.client.http.post("/runs/cancel", json=body))


async def delete(context: Context, label: str | None) -> None:
    """Delete a run, or the thread."""
    runs, threads, main = context.http.client.runs, context.http.client.threads, context.threads[s.MAIN]
    if label is None:
        await context.http.call("delete", s.MAIN, threads.delete(main))
    elif label in context.run_ids:
        await context.http.call("delete", f"run {label}", runs.delete(main, context.run_ids[label]))
