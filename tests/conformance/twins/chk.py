"""Broken twins of the requirements CHK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.conformance.plays import Json, bodies, history, messages, requests, run_status, status_code
from tests.conformance.twins.edits import (
    TOOLS,
    begins_anew,
    drop_reports,
    entry,
    of,
    reparent,
    twin,
    vanishing,
    without_first_run,
)

CHILD = "none/parking/create/unwatched/subgraph"
AS_NODE = "none/parking/create/unwatched/as-node"
UPDATED = "none/finished/create/unwatched/update"
TRAVELLED = "none/finished/create/unwatched/time-travel"
LISTED = "none/finished/create/unwatched/history"


def whole_history(raw: Json) -> list[Json]:
    """Return the history that was read last in the middle of the play."""
    found: list[Json] = list(requests(raw, "mid history", "main"))[-1][1]["body"]
    return found


def entry_metadata(position: int, **changes: Any) -> Callable[[list[Json]], list[Json]]:
    """Change the metadata of the entry at a position."""

    def change(entries: list[Json]) -> list[Json]:
        chosen = entries[position]
        return [of(one, metadata=of(one["metadata"], **changes)) if one is chosen else one for one in entries]

    return change


def times_reversed(entries: list[Json]) -> list[Json]:
    """Give every entry the time of its mirror image."""
    times = [one["created_at"] for one in entries]
    return [of(one, created_at=at) for one, at in zip(entries, reversed(times), strict=True)]


def history_of_the_end(raw: Json) -> None:
    """Show the last history in the middle of the play as well."""
    [(_, last)] = requests(raw, "final history", "main")
    for _, response in requests(raw, "mid history", "main"):
        response["body"] = [entry for entry in last["body"] if entry["next"] == ["tools"]][-1:]


def default_history(raw: Json) -> None:
    """Answer the history without a limit with one entry."""
    for request, response in requests(raw, "list history"):
        if request["path"].endswith("/history") and request["body"] is None:
            response["body"] = response["body"][:1]


TWINS = [
    twin("CHK-01", "a fork", TOOLS, history(reparent), fact="places below"),
    twin("CHK-01", "two roots", TOOLS, history(entry(parent_checkpoint=None, parent_checkpoint_id=None)), fact="2"),
    twin("CHK-01", "a parent that is not there", TOOLS, history(lambda entries: entries[:-1]), fact="0"),
    twin("CHK-02", "no run in the metadata", TOOLS, history(entry(metadata={})), fact="`null`"),
    twin("CHK-02", "an unknown run", TOOLS, history(entry(metadata={"run_id": "nobody"})), fact="unknown run nobody"),
    twin("CHK-03", "the first run's checkpoints are gone", TOOLS, history(without_first_run), fact="none"),
    twin("CHK-03", "one of them is gone", TOOLS,
         history(lambda entries: [e for e in entries if e["next"] != ["tools"] or "nyc" in str(e["values"])]),
         fact="none that ends with A.call"),
    twin("CHK-04", "an id twice", TOOLS, history(lambda entries: [entries[0], *entries]), fact="twice: "),
    twin("CHK-01", "oldest first", TOOLS, history(lambda entries: entries[::-1]), fact="places below"),
    twin("CHK-04", "ids that do not sort", TOOLS, history(lambda entries: [entries[1], entries[0], *entries[2:]]),
         fact="newest first they are"),
    twin("CHK-05", "an old state", TOOLS, history(lambda entries: entries[1:]), fact="in the history"),
    twin("CHK-06", "the run goes on from the newest checkpoint", "none/cancelled/create/unwatched/from-checkpoint",
         messages(lambda found: [*found[:2], {"type": "tool", "id": "t", "content": "",
                                              "tool_call_id": "toolu_01MjNtVJwEcpujRGrf3x6Pih"}, *found[2:]]),
         fact="A.invented"),
    twin("CHK-07", "the update is accepted", "none/during-tools/create/unwatched/update-state",
         status_code("update state", "main", 200), fact="HTTP 200"),
    twin("CHK-07", "the update is refused and written", "none/during-tools/create/unwatched/update-state",
         messages(lambda f: [*f, {"type": "human", "id": "x", "content": "an update in the middle of a run"}]),
         fact="an update in the middle"),
    twin("CHK-08", "a checkpoint vanishes", f"{TOOLS}/durability-sync", vanishing, fact="vanished"),
    twin("CHK-09", "a checkpoint that marks the stop", TOOLS,
         history(lambda e: [of(x, metadata=of(x["metadata"], source="update")) if x is e[-1] else x for x in e]),
         fact="source `update`"),
    twin("CHK-09", "a step recorded twice", TOOLS,
         history(lambda e: [*e[:-1], e[-2], e[-1]]), fact="two that record the same"),
    twin("CHK-20", "a page too long", LISTED, bodies("list history", "main", lambda e: [*e, *e[:1]]), fact="entries"),
    twin("CHK-21", "an entry is repeated", LISTED, bodies("list history", "main", lambda e: e[:1] + e[:-1]),
         fact="entries 3, 3"),
    twin("CHK-22", "refused", LISTED, status_code("list history", "main", 500), fact="HTTP 500"),
    twin("CHK-23", "the filter is ignored", LISTED,
         lambda raw: bodies("list history", "main", lambda _: whole_history(raw))(raw), fact="entries 0, 1, 2"),
    twin("CHK-24", "the newest state", LISTED,
         bodies("state at", "main", lambda body: of(body, checkpoint=of(body["checkpoint"], checkpoint_id="other"))),
         fact="that of checkpoint other"),
    twin("CHK-24", "other values", LISTED, bodies("state at", "main", lambda body: of(body, values={})),
         fact="First difference"),
    twin("CHK-24", "no tasks", LISTED, bodies("state at", "main", lambda body: of(body, tasks=[])), fact="tasks"),
    twin("CHK-25", "steps are counted from the start", TOOLS, history(entry_metadata(0, step=0)), fact="0"),
    twin("CHK-26", "an input is a step", TOOLS, history(entry_metadata(-1, source="loop")), fact="`loop`"),
    twin("CHK-27", "the update is refused", UPDATED, status_code("update state", "main", 409), fact="HTTP 409"),
    twin("CHK-27", "the update is lost", UPDATED, history(lambda e: e[1:]), fact="checkpoints"),
    twin("CHK-27", "the answer names another checkpoint", UPDATED, bodies("update state", "main", lambda b: of(b,
         checkpoint=of(b["checkpoint"], checkpoint_id="x"))), fact="`x`"),
    twin("CHK-27", "another source", UPDATED, history(entry_metadata(0, source="loop")), fact="`loop`"),
    twin("CHK-27", "the update of an older state is built on the newest", TRAVELLED,
         bodies("mid history", "main", lambda e: [of(e[0], parent_checkpoint=e[1]["checkpoint"],
                                                     parent_checkpoint_id=e[1]["checkpoint_id"]), *e[1:]], last=True),
         fact="its parent is"),
    twin("CHK-27", "later messages below the update", TRAVELLED, bodies("mid history", "main",
         lambda e: [of(e[0], values=of(e[0]["values"], messages=[*e[1]["values"]["messages"],
                                                                 e[0]["values"]["messages"][-1]])), *e[1:]], last=True),
         fact="A.human A.call A.result A.answer ?.other"),
    twin("CHK-28", "a node is left", TOOLS, bodies("final state", "main", lambda b: of(b, next=["agent"])),
         fact='["agent"]'),
    twin("CHK-30", "the graph is entered at its start", TRAVELLED, begins_anew("B"), fact="agent:1"),
    twin("CHK-36", "nothing is executed", "none/finished/create/unwatched/checkpoint-id", drop_reports("B"),
         fact="no step"),
    twin("CHK-30", "refused", TRAVELLED, status_code("submit", "B", 422), fact="HTTP 422"),
    twin("CHK-30", "nothing is executed", TRAVELLED, drop_reports("B"), fact="no step"),
    twin("CHK-30", "the steps behind the checkpoint stay", TRAVELLED,
         messages(lambda found: [*found, *found[2:]]), fact="A.answer A.result A.answer"),
    twin("CHK-29", "the times are reversed", TOOLS, history(times_reversed), fact="2025-"),
    twin("CHK-29", "one time for all", TOOLS,
         history(lambda e: [of(one, created_at="2025-01-01T00:00:00.5Z") for one in e]), fact="in each of them"),
    twin("CHK-31", "no state of the child graph", CHILD, bodies("state with children", "main",
         lambda b: of(b, tasks=[of(t, state=None) for t in b["tasks"]])), fact="1 tasks, none of which has a `state`"),
    twin("CHK-31", "no steps of the child graph", CHILD, bodies("state with children", "main", lambda b: of(b,
         tasks=[of(t, state=of(t["state"], values={})) for t in b["tasks"]])), fact="`null`"),
    twin("CHK-31", "the next step of the parent", CHILD, bodies("state with children", "main", lambda b: of(b,
         tasks=[of(t, state=of(t["state"], next=["research"])) for t in b["tasks"]])), fact='`["research"]`'),
    twin("CHK-31", "refused", CHILD, status_code("state with children", "main", 422), fact="HTTP 422"),
    twin("CHK-32", "the step is still to come", AS_NODE, bodies("mid state", "main", lambda b: of(b, next=["tools"]),
         last=True), fact='`["tools"]`'),
    twin("CHK-32", "the question stays", AS_NODE, bodies("mid state", "main",
         lambda b: of(b, interrupts=[{"id": "x", "value": "Go on?"}]), last=True), fact="Go on?"),
    twin("CHK-32", "refused", AS_NODE, status_code("update state", "main", 422), fact="HTTP 422"),
    twin("CHK-32", "nothing is executed", AS_NODE, drop_reports("B"), fact="no step"),
    twin("CHK-32", "the run fails", AS_NODE, run_status("B", "error"), fact="`error`"),
    twin("CHK-34", "a step is stored at once", "interrupt/during-tools/create/unwatched/durability-exit",
         history_of_the_end, fact="1"),
    twin("CHK-35", "the task has no error", "none/failed/create/late", bodies("final state", "main",
         lambda state: of(state, tasks=[of(task, error=None) for task in state["tasks"]])), fact="`error` [null"),
    twin("CHK-33", "one entry", LISTED, default_history, fact="entries 0"),
]  # fmt: skip
