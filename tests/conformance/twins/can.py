"""Broken twins of the requirements CAN."""

from __future__ import annotations

from tests.conformance.plays import (
    bodies,
    history,
    messages,
    run_status,
    status_code,
)
from tests.conformance.twins.edits import (
    CANCEL_ROLLBACK,
    CANCELLED,
    CANCELLED_PENDING,
    CANCELLED_TWICE,
    answered_at_once,
    append_final_look,
    drop_response,
    late_report,
    left_over,
    of,
    second_cancel_crashes,
    twin,
)

PENDING_WAITED = "cancel/pending/interrupt/unwatched/waited"

TWINS = [
    twin("CAN-01", "a cancelled run ends error", CANCELLED, run_status("A", "error"), fact="`error`"),
    twin("CAN-01", "what it wrote is lost", CANCELLED, messages(lambda f: f[:1]), fact="[A.human]"),
    twin("CAN-02", "a cancelled pending run executes", CANCELLED_PENDING, late_report("A", "agent:1", "enter"),
         fact="run A entered agent:1"),
    twin("CAN-02", "its input is kept", CANCELLED_PENDING,
         messages(lambda f: [*f, {"type": "human", "id": "x", "content": "what's the weather in sf?"}]),
         fact="A.human"),
    twin("CAN-03", "200 with a body", CANCELLED, status_code("cancel", "A", 200),
         bodies("cancel", "A", lambda _: {"status": "interrupted"}), fact="200 with a body"),
    twin("CAN-04", "wait is answered at once", "cancel/lingering/interrupt/unwatched/waited",
         answered_at_once("cancel", "A"), fact="after the answer"),
    twin("CAN-05", "wait must be sent", CANCELLED, status_code("cancel", "A", 422), fact="HTTP 422"),
    twin("CAN-06", "rollback is not offered", CANCEL_ROLLBACK, status_code("cancel", "A", 422), fact="HTTP 422"),
    twin("CAN-06", "its checkpoint stays", CANCEL_ROLLBACK, history(left_over), fact="A.human"),
    twin("CAN-06", "too much is deleted", CANCEL_ROLLBACK, history(lambda e: e[1:]), fact="checkpoints instead of"),
    twin("CAN-07", "a finished run is rewritten", "cancel/finished/interrupt/unwatched",
         append_final_look("A", "interrupted"), fact="`interrupted`"),
    twin("CAN-08", "a late cancel is a conflict", "cancel/finished/interrupt/unwatched",
         status_code("cancel", "A", 409), fact="`409`"),
    twin("CAN-09", "an unknown run is cancelled", "cancel/unknown/interrupt/unwatched",
         status_code("cancel", "nobody", 202), fact="HTTP 202"),
    twin("CAN-10", "the last cancel decides", CANCELLED_TWICE, status_code("final run", "run A", 404), fact="404"),
    twin("CAN-10", "the second cancel crashes", CANCELLED_TWICE, second_cancel_crashes, fact="HTTP 500"),
    twin("CAN-12", "nothing happens", CANCELLED, bodies("final run", "run A", lambda b: of(b, status="running")),
         fact="still `running`"),
    twin("CAN-13", "a cancelled run succeeds", CANCELLED, run_status("A", "success"), fact="`success`"),
    twin("CAN-14", "a conflict while it stops", f"{CANCELLED}/then-interrupt", status_code("submit", "B", 409),
         fact="HTTP 409"),
    twin("CAN-11", "not offered", "cancel/during-tools/many/unwatched", status_code("cancel many", "main", 500),
         fact="HTTP 500"),
    twin("CAN-11", "another run is cancelled, too", "cancel/during-tools/many/unwatched",
         run_status("B", "interrupted"), fact="`interrupted`"),
    twin("CAN-17", "an early cancel is lost", "cancel/at-once/interrupt/unwatched", run_status("A", "success"),
         fact="`success`"),
    twin("CAN-18", "never answered", PENDING_WAITED, drop_response("cancel", "A"), fact="connection broken"),
    twin("CAN-19", "answered at the end", PENDING_WAITED, drop_response("cancel", "A"), fact="connection broken"),
]  # fmt: skip
