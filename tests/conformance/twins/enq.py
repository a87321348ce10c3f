"""Broken twins of the requirements ENQ."""

from __future__ import annotations

from tests.conformance.plays import bodies, history, messages, move_report, run_status, status_code, without, witness
from tests.conformance.twins.edits import CANCELLED_PENDING, QUEUED, of, reparent_second_run, twin

TWINS = [
    twin("ENQ-10", "a busy thread takes no queue", QUEUED, status_code("submit", "B", 409), fact="HTTP 409"),
    twin("ENQ-01", "the queued run starts at once", QUEUED,
         move_report("B", "enter", behind=witness("A", "enter"), step="agent:1"), fact="entered its first step"),
    twin("ENQ-01", "the queued run reads running", QUEUED,
         bodies("look", "run B", lambda b: of(b, status="running")), fact="`running`"),
    twin("ENQ-02", "last in, first out", "enqueue/pending/create/unwatched",
         move_report("B", "enter", behind=witness("Z", "exit"), step="agent:1"), fact="Z B A"),
    twin("ENQ-03", "the first answer is lost", QUEUED, messages(without("results give")), fact="A.result B.human"),
    twin("ENQ-04", "the queued run starts from where it was asked for", QUEUED, history(reparent_second_run),
         fact="its parent is"),
    twin("ENQ-05", "the queue is stranded", "enqueue/failing/create/unwatched",
         bodies("final run", "run B", lambda b: of(b, status="pending")), fact="`pending`"),
    twin("ENQ-08", "queued runs are not listed", QUEUED, bodies("list runs", "main", lambda _: []),
         fact="an empty list"),
    twin("ENQ-08", "the input is hidden", QUEUED, bodies("list runs", "main", lambda runs: [of(runs[0], kwargs={})]),
         fact="`null`"),
    twin("ENQ-06", "the whole queue is cancelled", CANCELLED_PENDING, run_status("B", "interrupted"),
         fact="`interrupted`"),
]  # fmt: skip
