"""The moves that cancel or delete."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any

from conformance.api import GONE, TERMINAL
from conformance.driver.context import Context
from conformance.scenarios import moves as s
from conformance.transcript.transcript import Adapted, Response


async def cancel(context: Context, move: s.Cancel) -> None:
    """Cancel one run. Wait for the answer unless the move is `patient`, since it then comes only with the run's end."""
    if move.unless_begun and context.begun(move.label):
        return
    run_id = context.unknown_run if move.label == s.UNKNOWN_RUN else context.run_ids.get(move.label)
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
    """Delete a run, or the thread. Where that is refused while a run executes, cancel the runs and delete again."""
    about = s.MAIN if label is None else f"run {label}"
    if label is not None and label not in context.run_ids:
        return
    await context.http.call("delete", about, _deletion(context, label))
    answer = context.http.answer("delete", about)
    if not isinstance(answer, Response) or answer.status != 409:
        return
    main = context.threads[s.MAIN]
    for one, run_id in context.run_ids.items():
        in_flight = context.statuses.get(one) not in TERMINAL | {GONE}
        if label in (None, one) and in_flight and context.thread_of.get(one) == main:
            cancelling = context.http.client.runs.cancel(main, run_id, wait=True)
            await context.http.call("delete again", about, cancelling)
    how = "when its runs were cancelled" if label is None else "when it was cancelled"
    context.recorder.add(Adapted, exchange=answer.exchange, needs=("delete",), how=how)
    await context.http.call("delete", about, _deletion(context, label))


def _deletion(context: Context, label: str | None) -> Coroutine[Any, Any, None]:
    client, main = context.http.client, context.threads[s.MAIN]
    return client.threads.delete(main) if label is None else client.runs.delete(main, context.run_ids[label])
