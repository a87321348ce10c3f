"""Broken twins of the requirements WHK."""

from __future__ import annotations

from collections.abc import Callable

from tests.conformance.plays import Edit, Json, run_status, thread_status
from tests.conformance.twins.edits import of, twin

INTERRUPTED = "webhook/interrupted"
FINISHED = "webhook/finished"
FAILING = "webhook/failing-listener"
PENDING = "webhook/interrupted-pending"


def deliveries(label: str, change: Callable[[list[Json]], list[Json]]) -> Edit:
    """Change the webhooks of one run; the changed ones stand where the last moment is."""

    def edit(raw: Json) -> None:
        came = [m for m in raw["moments"] if m["kind"] == "delivery" and m["label"] == label]
        raw["moments"] = [*(m for m in raw["moments"] if m not in came), *change(came)]

    return edit


def first_of_all(label: str) -> Edit:
    """Move the webhook of a run to the first report of its agent."""

    def edit(raw: Json) -> None:
        moments = raw["moments"]
        came = next(m for m in moments if m["kind"] == "delivery" and m["label"] == label)
        moments.remove(came)
        moments.insert(next(i for i, m in enumerate(moments) if m["kind"] == "witness"), came)

    return edit


def telling(**changes: object) -> Callable[[list[Json]], list[Json]]:
    """The same webhooks with another body."""
    return lambda came: [{**m, "body": {**m["body"], **changes}} for m in came]


def without_the_run(came: list[Json]) -> list[Json]:
    """Ids and status, and nothing else."""
    told = ("run_id", "thread_id", "assistant_id", "status")
    return [{**m, "body": {field: m["body"][field] for field in told}} for m in came]


def invented(raw: Json) -> None:
    """The webhook of B under A's name."""
    other = next(m for m in raw["moments"] if m["kind"] == "delivery" and m["label"] == "B")
    raw["moments"].append(of(other, label="A"))


TWINS = [
    twin("WHK-01", "a superseded run sends no webhook", INTERRUPTED, deliveries("A", lambda _: []),
         fact="no webhook arrived"),
    twin("WHK-01", "a superseded run tells twice", INTERRUPTED, deliveries("A", lambda came: came * 2), fact="2"),
    twin("WHK-01", "a cancelled run tells a success", "webhook/cancelled", deliveries("A", telling(status="success")),
         fact="`success`"),
    twin("WHK-02", "the superseded run tells last", INTERRUPTED, deliveries("A", lambda came: came),
         fact="B arrived first"),
    twin("WHK-03", "a failing listener fails the run", FAILING, run_status("A", "error"), fact="`error`"),
    twin("WHK-03", "a failing listener fails the thread", FAILING, thread_status("error"), fact="`error`"),
    twin("WHK-04", "a rolled-back run tells that it was interrupted", "webhook/rolled-back",
         deliveries("A", telling(status="interrupted")), fact="tells interrupted"),
    twin("WHK-05", "no webhook comes", FINISHED, deliveries("A", lambda _: []), fact="no webhook arrived"),
    twin("WHK-05", "the webhook of another run", FINISHED, deliveries("A", telling(run_id="other")), fact="`other`"),
    twin("WHK-05", "a webhook without the run", FINISHED, deliveries("A", without_the_run), fact="no created_at"),
    twin("WHK-05", "a failed run tells a success", "webhook/failed", deliveries("A", telling(status="success")),
         fact="`success`"),
    twin("WHK-10", "the values are those at the start", FINISHED,
         deliveries("A", telling(values={"messages": []})), fact="[nothing]"),
    twin("WHK-10", "no values", FINISHED, deliveries("A", without_the_run), fact="no such field"),
    twin("WHK-11", "a run in flight sends its webhook", FINISHED, deliveries("A", telling(status="running")),
         fact="`running`"),
    twin("WHK-11", "a webhook before the end", FINISHED, first_of_all("A"), fact="after that"),
    twin("WHK-12", "the second run sends two webhooks", INTERRUPTED, deliveries("B", lambda came: came * 2), fact="2"),
    twin("WHK-06", "a run that never began tells", PENDING, invented, fact="tells success"),
]  # fmt: skip
