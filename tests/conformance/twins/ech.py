"""Broken twins of the requirements ECH."""

from __future__ import annotations

from tests.conformance.plays import Json, bodies, requests
from tests.conformance.twins.edits import TOOLS, of, twin

CRON = "cron/made-and-deleted"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def located_elsewhere(raw: Json) -> None:
    for _, response in requests(raw, "join"):
        response["headers"]["content-location"] = f"/threads/{UNKNOWN}/runs/{UNKNOWN}"


TWINS = [
    twin("ECH-01", "another's input", TOOLS, bodies("final run", "run A", lambda run: of(run, kwargs=of(run["kwargs"],
         input={"messages": []}))), fact="input.messages"),
    twin("ECH-01", "another's probe", TOOLS, bodies("final run", "run A", lambda run: of(run, kwargs=of(run["kwargs"],
         config={"configurable": {"probe": {"label": "B"}}}))), fact="config.configurable.probe"),
    twin("ECH-02", "its own are lost", TOOLS, bodies("final thread", "main", lambda thread: of(thread, metadata={})),
         fact="`null`"),
    twin("ECH-02", "those of a run", TOOLS, bodies("final thread", "main", lambda thread: of(thread, metadata=of(
         thread["metadata"], doubletext_label="B"))), fact="`doubletext_label`: `B`"),
    twin("ECH-03", "another run", TOOLS, bodies("final run", "run A", lambda run: of(run, run_id=UNKNOWN)),
         fact=UNKNOWN),
    twin("ECH-03", "another thread's checkpoint", TOOLS, bodies("final state", "main", lambda state: of(state,
         checkpoint=of(state["checkpoint"], thread_id=UNKNOWN))), fact=UNKNOWN),
    twin("ECH-03", "another address", TOOLS, located_elsewhere, fact=UNKNOWN),
    twin("ECH-04", "another schedule", CRON, bodies("list crons", "main", lambda crons: [of(one, schedule="* * * * *")
         for one in crons]), fact="* * * * *"),
]  # fmt: skip
