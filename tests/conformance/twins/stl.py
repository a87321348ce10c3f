"""Broken twins of the requirements STL."""

from __future__ import annotations

from conformance.api import Purpose
from tests.conformance.plays import Edit, Json, bodies, run_status, status_code
from tests.conformance.twins.edits import drop_reports, late_report, of, twin

TWO = "stateless/two-at-once"
KEPT = "stateless/create-kept"
OWN = "thread of A"


def one_thread_for_both(raw: Json) -> None:
    raw["threads"]["thread of B"] = raw["threads"][OWN]


def state(purpose: Purpose, about: str, count: int) -> Edit:
    """Only the first messages are there."""
    return bodies(purpose, about, lambda b: of(b, values={"messages": b["values"]["messages"][:count]}))


def last_values(raw: Json) -> None:
    """The stream's last values are those of its beginning."""
    told = [m for m in raw["moments"] if m["kind"] == "stream" and m["event"] == "values"]
    told[-1]["data"] = told[0]["data"]


TWINS = [
    twin("STL-01", "the second is refused", TWO, status_code("submit", "B", 409), fact="HTTP 409"),
    twin("STL-01", "both have one thread", TWO, one_thread_for_both, fact="both have"),
    twin("STL-01", "the second stops the first", TWO, run_status("A", "interrupted"), fact="`interrupted`"),
    twin("STL-02", "the thread stays", "stateless/create", status_code("final thread", OWN, 200), fact="HTTP 200"),
    twin("STL-02", "the thread of a cancelled run stays", "stateless/cancelled",
         status_code("final thread", OWN, 200), fact="HTTP 200"),
    twin("STL-02", "the thread is not kept", KEPT, status_code("final thread", OWN, 404), fact="HTTP 404"),
    twin("STL-02", "the kept thread has half of it", KEPT, state("final state", OWN, 2), fact="[A.human A.call]"),
    twin("STL-03", "the run goes on", "stateless/left-cancel", late_report("A", "agent:2", "enter"),
         fact="run A entered agent:2 after that"),
    twin("STL-03", "the run is stopped all the same", "stateless/left-continue",
         late_report("A", "agent:2", "cancelled"), fact="a step of run A was cancelled"),
    twin("STL-04", "wait tells half of it", "stateless/wait",
         bodies("submit", "A", lambda b: of(b, messages=b["messages"][:2])), fact="[A.human A.call]"),
    twin("STL-05", "refused", "stateless/batch", status_code("batch", "batch", 404), fact="HTTP 404"),
    twin("STL-05", "one run", "stateless/batch", bodies("batch", "batch", lambda runs: runs[:1]), fact="A"),
    twin("STL-05", "one run twice", "stateless/batch", bodies("batch", "batch", lambda runs: runs[:1] * 2), fact="A A"),
    twin("STL-05", "one run is never executed", "stateless/batch", drop_reports("B"), fact="no report"),
    twin("STL-04", "the join is answered with an error", "stateless/create", bodies("watch", "V",
         lambda _: {"__error__": {"error": "HTTPException", "message": "404: Run not found"}}), fact="Run not found"),
    twin("STL-04", "the stream ends with its beginning", "stateless/stream", last_values, fact="[A.human]"),
]  # fmt: skip
