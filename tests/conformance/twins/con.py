"""Broken twins of the requirements CON."""

from __future__ import annotations

from tests.conformance.plays import (
    bodies,
    messages,
    move_report,
    run_status,
    status_code,
    without,
    witness,
)
from tests.conformance.twins.edits import (
    CANCEL_BURST,
    ROLLED_BACK,
    all_accepted,
    every,
    twin,
)

TWINS = [
    twin("CON-07", "the new run does not wait", ROLLED_BACK,
         move_report("A", "exit", behind=witness("B", "exit"), step="tools:1"),
         fact="tools:1 of run A was still executing"),
    twin("CON-01", "both are accepted", "reject/burst/create/unwatched/two", all_accepted, fact="accepted: R1, R2"),
    twin("CON-01", "one crashes", "reject/burst/create/unwatched/two", status_code("submit", "R1", 500),
         fact="HTTP 500"),
    twin("CON-02", "none succeeds", "interrupt/burst/create/unwatched", every("final run", status="interrupted"),
         fact="R1 `interrupted`"),
    twin("CON-02", "one is stuck", "interrupt/burst/create/unwatched/three",
         bodies("final run", "run A", lambda b: {**b, "status": "pending"}), fact="`pending`"),
    twin("CON-03", "one is stuck", "enqueue/burst/create/unwatched",
         bodies("final run", "run R3", lambda b: {**b, "status": "pending"}), fact="`pending`"),
    twin("CON-03", "one text is lost", "enqueue/burst/create/unwatched", messages(without("oslo")), fact="R2.human"),
    twin("CON-04", "success without its answer", "cancel/finishing/interrupt/unwatched", run_status("A", "success"),
         messages(without("results give")), fact="E.answer A.human A.call A.result]"),
    twin("CON-05", "a cancel crashes", CANCEL_BURST, status_code("cancel", "A", 500), fact="HTTP 500"),
    twin("CON-05", "the run goes on", CANCEL_BURST,
         bodies("final run", "run A", lambda b: {**b, "status": "running"}), fact="still `running`"),
    twin("CON-08", "the second is a conflict", "missing-thread/burst", status_code("submit", "D", 409),
         fact="HTTP 409"),
    twin("CON-08", "one is lost", "missing-thread/burst", messages(without("boston"), name="fresh"), fact="D.human"),
    twin("CON-09", "a queued run succeeds", "interrupt/queue/create/unwatched", run_status("C", "success"),
         fact="C success"),
    twin("CON-09", "an erased text is kept", "interrupt/burst/create/unwatched/mixed",
         messages(lambda f: [*f, {"type": "human", "id": "x", "content": "what's the weather in delhi?"}]),
         fact="R5.human"),
    twin("CON-10", "more than one is left", "rollback/burst/create/unwatched",
         messages(lambda f: [*f, {"type": "human", "id": "x", "content": "what's the weather in oslo?"}]),
         fact="R1.human"),
]  # fmt: skip
