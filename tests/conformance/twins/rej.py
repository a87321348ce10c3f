"""Broken twins of the requirements REJ."""

from __future__ import annotations

from tests.conformance.plays import bodies, messages, run_status, status_code
from tests.conformance.twins.edits import REJECTED, of, twin

TWINS = [
    twin("REJ-01", "422 for a conflict", REJECTED, status_code("submit", "B", 422), fact="`422`"),
    twin("REJ-02", "the first run is stopped as well", REJECTED, run_status("A", "interrupted"), fact="`interrupted`"),
    twin("REJ-02", "the first run's answer is lost", REJECTED,
         bodies("mid state", "main", lambda b: of(b, values={"messages": b["values"]["messages"][:2]})),
         fact="[A.human A.call]"),
    twin("REJ-03", "a record of the refused run", REJECTED,
         bodies("list runs", "main", lambda runs: [*runs, of(runs[0], run_id="leak")]), fact="additional runs: 1"),
    twin("REJ-03", "the refused input is kept", REJECTED,
         messages(lambda f: [*f, {"type": "human", "id": "x", "content": "what's the weather in nyc?"}]),
         fact="B.human"),
    twin("REJ-04", "refused with nothing in flight", REJECTED, status_code("submit", "C", 409), fact="HTTP 409"),
    twin("REJ-05", "a pending run does not count", "reject/at-once/create/unwatched", status_code("submit", "B", 200),
         fact="HTTP 200"),
    twin("REJ-06", "refused while a human is asked", "reject/parked/create/unwatched", status_code("submit", "B", 409),
         fact="HTTP 409"),
    twin("REJ-07", "a missing thread is a conflict", "reject/missing-thread/create/unwatched",
         status_code("submit", "X", 409), fact="HTTP 409"),
    twin("REJ-08", "a refusal without words", REJECTED, bodies("submit", "B", lambda _: {"error": True}), fact="error"),
    twin("REJ-08", "the name of another status", REJECTED, bodies("submit", "B",
         lambda _: {"detail": "Internal Server Error"}), fact="Internal Server Error"),
]  # fmt: skip
