"""Broken twins of the requirements ECH."""

from __future__ import annotations

from tests.conformance.plays import Json, bodies, requests
from tests.conformance.twins.edits import TOOLS, of, twin

CRON = "cron/made-and-deleted"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def located_elsewhere(raw: Json) -> None:
    for _, response in requests(raw, "join"):
        response["headers"]["content-location"] = f"/threads/{UNKNOWN}/runs/{UNKNOWN}"


def of_another_run(raw: Json) -> None:
    """Name another run beside every token."""
    for moment in raw["moments"]:
        if moment["kind"] == "stream" and moment["event"] == "messages":
            moment["data"] = [moment["data"][0], of(moment["data"][1], run_id=UNKNOWN)]


def under_another_id(raw: Json) -> None:
    """Create the thread whose id was sent under another id."""
    for request, response in requests(raw, "create again"):
        if "thread_id" in request["body"]:
            response["body"] = of(response["body"], thread_id=UNKNOWN)


TWINS = [
    twin("ECH-01", "another's input", TOOLS, bodies("final run", "run A", lambda run: of(run, kwargs=of(run["kwargs"],
         input={"messages": []}))), fact="input.messages"),
    twin("ECH-01", "another's probe", TOOLS, bodies("final run", "run A", lambda run: of(run, kwargs=of(run["kwargs"],
         config={"configurable": {"probe": {"label": "B"}}}))), fact="config.configurable.probe"),
    twin("ECH-01", "a null for the input", TOOLS, bodies("final run", "run A", lambda run: of(run, kwargs=of(
         run["kwargs"], input=None))), fact="null"),
    twin("ECH-01", "another channel", TOOLS, bodies("final run", "run A", lambda run: of(run, kwargs=of(run["kwargs"],
         input=of(run["kwargs"]["input"], extra=1)))), fact="extra"),
    twin("ECH-01", "another mode", TOOLS, bodies("final run", "run A", lambda run: of(run, kwargs=of(run["kwargs"],
         stream_mode=["debug"]))), fact="debug"),
    twin("ECH-02", "its own are lost", TOOLS, bodies("final thread", "main", lambda thread: of(thread, metadata={})),
         fact="`null`"),
    twin("ECH-02", "those of a run", TOOLS, bodies("final thread", "main", lambda thread: of(thread, metadata=of(
         thread["metadata"], doubletext_label="B"))), fact="`doubletext_label`: `B`"),
    twin("ECH-03", "another run", TOOLS, bodies("final run", "run A", lambda run: of(run, run_id=UNKNOWN)),
         fact=UNKNOWN),
    twin("ECH-03", "another thread's checkpoint", TOOLS, bodies("final state", "main", lambda state: of(state,
         checkpoint=of(state["checkpoint"], thread_id=UNKNOWN))), fact=UNKNOWN),
    twin("ECH-03", "another address", TOOLS, located_elsewhere, fact=UNKNOWN),
    twin("ECH-03", "a token of another run", "none/during-tools/stream/streamed/messages-tuple", of_another_run,
         fact=UNKNOWN),
    twin("ECH-03", "an update of another thread", "none/finished/create/unwatched/update", bodies("update state",
         "main", lambda answer: of(answer, checkpoint=of(answer["checkpoint"], thread_id=UNKNOWN))), fact=UNKNOWN),
    twin("ECH-03", "a thread with another id", "delete/finished/thread/unwatched/created-again", under_another_id,
         fact=UNKNOWN),
    twin("ECH-04", "a cron that is not enabled", CRON, bodies("list crons", "main", lambda crons: [of(one,
         enabled=False) for one in crons]), fact="`false`"),
    twin("ECH-04", "another end", "cron/listed", bodies("filter crons", "main", lambda crons: [of(one, end_time=None)
         for one in crons]), fact="`null`"),
    twin("ECH-04", "another zone", CRON, bodies("list crons", "main", lambda crons: [of(one, timezone="Asia/Tokyo")
         for one in crons]), fact="Asia/Tokyo"),
    twin("ECH-04", "another assistant", CRON, bodies("list crons", "main", lambda crons: [of(one,
         assistant_id=UNKNOWN) for one in crons]), fact=UNKNOWN),
    twin("ECH-04", "another schedule", CRON, bodies("list crons", "main", lambda crons: [of(one, schedule="* * * * *")
         for one in crons]), fact="* * * * *"),
    twin("ECH-05", "another id", "none/finished/create/unwatched/message-ids", bodies("final state", "main",
         lambda state: of(state, values=of(state["values"], messages=[of(one, id=UNKNOWN)
         for one in state["values"]["messages"]]))), fact=UNKNOWN),
]  # fmt: skip
