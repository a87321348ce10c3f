"""Broken twins of the requirements SHP."""

from __future__ import annotations

from tests.conformance.plays import Json, bodies, requests, status_code
from tests.conformance.twins.edits import ROLLED_BACK, STREAMED, TOOLS, changed, drop_response, of, sent_to, twin

CRON = "cron/made-and-deleted"


def metadata_without_id(raw: Json) -> None:
    next(m for m in raw["moments"] if m["kind"] == "stream" and m["event"] == "metadata")["data"] = {}


def values_are_null(raw: Json) -> None:
    next(m for m in raw["moments"] if m["kind"] == "stream" and m["event"] == "values")["data"] = None


def as_text(raw: Json) -> None:
    for _, response in requests(raw, "final run"):
        response["headers"]["content-type"] = "text/plain"


def lacking(one: Json, name: str) -> Json:
    return {key: value for key, value in one.items() if key != name}


TWINS = [
    twin("SHP-01", "an assistant with a name", TOOLS, bodies("submit", "A", lambda run: of(run, assistant_id="agent")),
         fact="`agent` in `assistant_id`"),
    twin("SHP-01", "no kwargs", TOOLS, bodies("final run", "run A",
         lambda run: {name: run[name] for name in run if name != "kwargs"}), fact="no `kwargs`"),
    twin("SHP-01", "two fields at once", TOOLS, bodies("final run", "run B", lambda run: of(run, thread_id=None,
         created_at=1)), fact="`null` in `thread_id`, and `1` in `created_at`"),
    twin("SHP-02", "times without a zone", TOOLS, bodies("look", "main", lambda thread: of(thread,
         updated_at="2025-01-01T00:00:00.004")), fact="`2025-01-01T00:00:00.004` in `updated_at`"),
    twin("SHP-03", "a task without an id", "cancel/during-tools/interrupt/unwatched", bodies("final state", "main",
         lambda state: of(state, tasks=[{"name": "tools"}])), fact="no `tasks[0].id`"),
    twin("SHP-03", "values without a checkpoint", TOOLS, bodies("final state", "main",
         lambda state: of(state, checkpoint=None)), fact="`null` in `checkpoint`"),
    twin("SHP-04", "no payload", CRON, bodies("list crons", "main", lambda crons: [of(one, payload=None) for one in
         crons]), fact="`null` in `payload`"),
    twin("SHP-05", "metadata without an id", STREAMED, metadata_without_id, fact="`null` in `run_id`"),
    twin("SHP-05", "values that are null", STREAMED, values_are_null, fact="`null` in `data`"),
    twin("SHP-05", "an error without a text", "interrupt/failed/create/streamed", sent_to("A", changed("error",
         message=None)), fact="`null` in `data.message`"),
    twin("SHP-06", "a read that is accepted", TOOLS, status_code("final state", "main", 202), fact="HTTP 202"),
    twin("SHP-06", "JSON as text", TOOLS, as_text, fact="`text/plain`"),
    twin("SHP-06", "a waited cancel that is only accepted", "cancel/during-tools/interrupt/unwatched/waited",
         status_code("cancel", "A", 202), fact="HTTP 202"),
    twin("SHP-07", "no reason", ROLLED_BACK, bodies("final run", "run A", lambda _: {"error": True}),
         fact='`{"error":true}`'),
    twin("SHP-08", "a connection that breaks", TOOLS, drop_response("final state", "main"), fact="connection broken"),
    twin("SHP-09", "a state without interrupts", TOOLS, bodies("final state", "main",
         lambda state: lacking(state, "interrupts")), fact="no `interrupts`"),
    twin("SHP-09", "tasks that are null", TOOLS, bodies("final state", "main", lambda state: of(state, tasks=None)),
         fact="`null` in `tasks`"),
    twin("SHP-09", "a checkpoint and a task that lack a field", "cancel/during-tools/interrupt/unwatched",
         bodies("final state", "main", lambda state: of(state, checkpoint=lacking(state["checkpoint"],
         "checkpoint_ns"), tasks=[lacking(task, "result") for task in state["tasks"]])),
         fact="`checkpoint.checkpoint_ns`, and no `tasks[].result`"),
    twin("SHP-09", "a checkpoint without its thread", TOOLS, bodies("final state", "main",
         lambda state: of(state, checkpoint=lacking(state["checkpoint"], "thread_id"))),
         fact="no `checkpoint.thread_id`"),
    twin("SHP-09", "values without interrupts", TOOLS, bodies("final thread", "main",
         lambda thread: lacking(thread, "interrupts")), fact="no `interrupts`"),
    twin("SHP-09", "a cron without its next run", CRON, bodies("list crons", "main", lambda crons: [lacking(one,
         "next_run_date") for one in crons]), fact="`next_run_date`"),
]  # fmt: skip
