"""Broken twins of the requirements CRN."""

from __future__ import annotations

from tests.conformance.plays import Json, bodies, requests, run_status, status_code
from tests.conformance.twins.edits import late_report, of, twin

MADE = "cron/made-and-deleted"
BUSY = "cron/busy-thread"
BAD = "cron/bad-input"
CREATE = "POST /threads/{main}/runs/crons"


def unsorted_ends(raw: Json) -> None:
    """Answer a list that is sorted by the ends of the crons with the crons in the order of their creation."""
    for request, response in requests(raw, "filter crons"):
        if request["body"].get("sort_by") == "end_time":
            response["body"] = sorted(response["body"], key=lambda cron: str(cron["created_at"]))


TWINS = [
    twin("CRN-01", "the strategy is not kept", MADE,
         bodies("create cron", "reject", lambda b: of(b, payload={**b["payload"], "multitask_strategy": "enqueue"})),
         fact="`enqueue`"),
    twin("CRN-01", "the cron is of no thread", MADE, bodies("create cron", "none", lambda b: of(b, thread_id=None)),
         fact="`null`"),
    twin("CRN-01", "a cron is not listed", MADE, bodies("list crons", "main", lambda found: found[1:]), fact="0"),
    twin("CRN-02", "the run in flight goes on", BUSY, run_status("A", "success"), fact="`success`"),
    twin("CRN-02", "the cron's run is stopped as well", BUSY, run_status("B", "error"), fact="`error`"),
    twin("CRN-02", "both execute at once", BUSY, late_report("A", "tools:1", "token"), fact="still executing"),
    twin("CRN-03", "an unknown strategy is taken", BAD,
         status_code("ask", f"{CREATE} with the strategy `replace`", 200), fact="the strategy `replace`"),
    twin("CRN-03", "a cron without a schedule crashes", BAD, status_code("ask", f"{CREATE} without a schedule", 500),
         fact="without a schedule"),
    twin("CRN-03", "a refused cron is there", BAD, bodies("list crons", "main", lambda _: [{"cron_id": "x"}]),
         fact="crons in its list: 1"),
    twin("CRN-04", "a cron cannot be deleted", MADE, status_code("delete cron", "reject", 500), fact="HTTP 500"),
    twin("CRN-04", "a deleted cron is listed", MADE,
         bodies("list crons", "main", lambda _: [{"cron_id": "x"}], last=True), fact="1"),
    twin("CRN-05", "a page is empty", "cron/listed", bodies("filter crons", "main", lambda found: found[:2]),
         fact="["),
    twin("CRN-05", "an order is ignored", "cron/listed", bodies("filter crons", "main", lambda found: found[::-1]),
         fact=", "),
    twin("CRN-05", "an order by another field is ignored", "cron/listed", unsorted_ends, fact="2098-01-01T00:00:00"),
    twin("CRN-06", "a count of all", "cron/listed", bodies("count crons", "main", lambda _: 3), fact="3"),
    twin("CRN-10", "the next run is an hour late", "cron/made-and-deleted",
         bodies("create cron", "enqueue", lambda b: of(b, next_run_date="2030-01-01T01:00:00+00:00")), fact="T01:00"),
    twin("CRN-10", "the next run is over", "cron/made-and-deleted",
         bodies("create cron", "enqueue", lambda b: of(b, next_run_date="2020-01-01T00:00:00+00:00")), fact="`2020-"),
    twin("CRN-11", "the run of the cron has no metadata", "cron/busy-thread",
         bodies("final run", "run B", lambda b: of(b, metadata={})), fact="doubletext_label `null`"),
    twin("CRN-15", "no next run", MADE, bodies("list crons", "main", lambda found: [of(cron, next_run_date=None)
         for cron in found]), fact="`null`"),
    twin("CRN-14", "a cron needs a thread", "cron/little", status_code("create cron", "loose", 404),
         fact="HTTP 404"),
    twin("CRN-14", "a cron needs input", "cron/little", status_code("create cron", "bare", 422), fact="HTTP 422"),
]  # fmt: skip
