"""Broken twins of the requirements ERR."""

from __future__ import annotations

from typing import Any

from conformance.api import Purpose
from conformance.scenarios.moves import ASKED, UNKNOWN_RUN
from tests.conformance.plays import Edit, bodies, messages, requests, run_status, status_code
from tests.conformance.twins.edits import late_report, of, twin

RUNS = "bad-input/runs/create"
CREATE = "POST /threads/{main}/runs"
STATELESS = "bad-input/stateless/wait"
BUSY = "bad-input/busy"
IDS = "bad-input/malformed-ids"
UNKNOWN = "bad-input/unknown-ids"
MISSING = "bad-input/missing-thread"
BULK = "bad-input/bulk-cancel"
CREATED = "missing-thread/create"
JOIN = f"GET /threads/{{main}}/runs/{{{UNKNOWN_RUN}}}/join"
STREAM = f"GET /threads/{{missing}}/runs/{{{UNKNOWN_RUN}}}/stream"
REPLACE = f"{CREATE} with the strategy `replace`"


def answers(what: str, code: int) -> Edit:
    """The request that is wrong in this way has this HTTP status."""
    return status_code("ask", what, code)


def listed_once_more(count: int) -> Edit:
    """The list after the wrong requests has runs that nobody asked for."""
    strangers = [{"run_id": f"stranger-{number}", "status": "pending"} for number in range(count)]
    return bodies("list runs", "main", lambda runs: [*strangers, *runs], last=True)


def without_events(what: str) -> Edit:
    """Remove the events of the stream that answers this request."""

    def edit(raw: dict[str, Any]) -> None:
        exchange = next(requests(raw, "ask", what))[0]["exchange"]
        raw["moments"] = [m for m in raw["moments"] if m["kind"] != "stream" or m["exchange"] != exchange]

    return edit


def told_once(purpose: Purpose, about: str) -> Edit:
    """Only the first answer with this purpose is a failure."""

    def edit(raw: dict[str, object]) -> None:
        next(requests(raw, purpose, about))[1]["status"] = 502

    return edit


TWINS = [
    twin("ERR-01", "an unknown strategy is taken for the default", RUNS, answers(REPLACE, 200), fact="HTTP 200 for"),
    twin("ERR-01", "null is a strategy", BUSY, answers(f"{CREATE} with the strategy null", 200), fact="strategy null"),
    twin("ERR-02", "a missing thread is a conflict", MISSING,
         answers("POST /threads/{missing}/runs with no other error", 409), fact="HTTP 409 for"),
    twin("ERR-02", "a missing thread is created all the same", MISSING,
         answers("GET /threads/{missing} afterwards", 200), fact="GET /threads/{missing} afterwards"),
    twin("ERR-03", "an unknown assistant is the default one", RUNS,
         answers(f"{CREATE} with an unknown assistant name", 200), fact="an unknown assistant name"),
    twin("ERR-03", "an unknown id is no 404", RUNS, answers(f"{CREATE} with an unknown assistant id", 400),
         fact="HTTP 400 for"),
    twin("ERR-04", "a malformed id is cancelled", IDS, answers("POST /threads/{main}/runs/no-uuid/cancel", 202),
         fact="HTTP 202 for POST /threads/{main}/runs/no-uuid/cancel"),
    twin("ERR-06", "a look fails", RUNS, told_once("look", "main"), fact="HTTP 502"),
    twin("ERR-06", "a create fails", CREATED, status_code("submit", "X", 500), fact="HTTP 500"),
    twin("ERR-07", "400 for what is not valid", RUNS, answers(REPLACE, 400), fact="HTTP 400 for"),
    twin("ERR-08", "a wrong request crashes", RUNS, answers(REPLACE, 500), fact="HTTP 500 for"),
    twin("ERR-08", "a strange request crashes", "bad-input/odd", answers("GET /threads/%00", 500), fact="/threads/%00"),
    twin("ERR-09", "an empty body is a run", STATELESS, answers("POST /runs/wait with an empty body", 200),
         fact="an empty body"),
    twin("ERR-10", "a wrong type is ignored", "bad-input/reads",
         answers("POST /threads/search with a negative limit", 200), fact="a negative limit"),
    twin("ERR-11", "a refused run is there", RUNS, listed_once_more(1), fact="additional runs: 1"),
    twin("ERR-11", "a refused run executes", RUNS, late_report(ASKED, "agent:1", "enter"),
         fact="a refused run entered agent:1"),
    twin("ERR-11", "a refused run writes", RUNS,
         messages(lambda f: [*f, {"type": "human", "id": "x", "content": "hello"}]), fact="?.other"),
    twin("ERR-11", "the run in flight is stopped", BUSY, run_status("A", "interrupted"), fact="`interrupted`"),
    twin("ERR-12", "an unknown status lists everything", "bad-input/reads",
         answers("GET /threads/{main}/runs with an unknown status", 200), fact="an unknown status"),
    twin("ERR-12", "an unknown action cancels", BUSY,
         answers("POST /threads/{main}/runs/{A}/cancel with an unknown action", 202), fact="an unknown action"),
    twin("ERR-13", "a thread alone will do", BULK, answers("POST /runs/cancel with a thread_id without run_ids", 204),
         fact="a thread_id without run_ids"),
    twin("ERR-14", "what does not exist is deleted", UNKNOWN, answers("DELETE /threads/{missing}", 204),
         fact="HTTP 204 for DELETE /threads/{missing}"),
    twin("ERR-18", "an empty state of no thread", UNKNOWN, answers("GET /threads/{missing}/state", 200),
         fact="HTTP 200 for GET /threads/{missing}/state"),
    twin("ERR-15", "a refusal without words", RUNS, bodies("ask", REPLACE, lambda _: {"error": 1}),
         fact="strategy `replace`"),
    twin("ERR-16", "the thread is not created", CREATED, status_code("submit", "X", 404), fact="HTTP 404"),
    twin("ERR-16", "another thread is created", CREATED,
         bodies("final thread", "fresh", lambda b: of(b, thread_id="another")), fact="`another`"),
    twin("ERR-19", "a join returns no values", UNKNOWN, bodies("ask", JOIN,
         lambda _: {}), fact=f"HTTP 200 for {JOIN}"),
    twin("ERR-19", "a stream is empty", UNKNOWN, without_events(STREAM),
         fact=f"HTTP 200 for {STREAM}"),
]  # fmt: skip
