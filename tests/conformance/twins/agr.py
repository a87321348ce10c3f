"""Broken twins of the requirements AGR."""

from __future__ import annotations

import unicodedata
from typing import Any

from tests.conformance.plays import Edit, Json, bodies, requests, status_code, thread_status
from tests.conformance.twins.edits import PARKED, QUEUED, REJECTED, STREAMED, TOOLS, of, sent_to, twin

LATER = "2026-01-01T00:00:00+00:00"
ANY_TEXT = "none/any-text/wait/unwatched"
ANY_STREAM = "none/any-text/stream/streamed"
PARALLEL = "interrupt/half-superstep/create/unwatched"
SECOND_TURN = "interrupt/during-tools/create/unwatched/second-turn"


def first(change: Any) -> Any:
    return lambda entries: [change(entries[0]), *entries[1:]]


def renamed_update(raw: Json) -> None:
    """Give the messages in the updates of run B other ids."""
    for moment in raw["moments"]:
        if moment["kind"] == "stream" and moment["event"] == "updates":
            for write in moment["data"].values():
                write["messages"] = [of(one, id="another") for one in write["messages"]]


def exit_after_the_next_entry(raw: Json) -> None:
    """Report the end of run B's first step after the entry into its second."""
    moments = raw["moments"]
    mine = [m for m in moments if m["kind"] == "witness" and m["label"] == "B"]
    end = next(m for m in mine if (m["step"], m["event"]) == ("agent:1", "exit"))
    entry = next(m for m in mine if (m["step"], m["event"]) == ("tools:1", "enter"))
    moments.remove(end)
    moments.insert(moments.index(entry) + 1, end)


def cut_result(result: Any) -> Any:
    """Return what a finished task wrote, with messages that are cut."""
    if not result or "messages" not in result:
        return result
    return of(result, messages=[of(message, content="…") for message in result["messages"]])


def normalized(shown: Json) -> Json:
    """Bring every text of a state into a normal form of Unicode."""
    found = shown["values"]["messages"]
    messages = [of(m, content=unicodedata.normalize("NFC", m["content"])) for m in found]
    return of(shown, values=of(shown["values"], messages=messages))


def trimmed(shown: Json) -> Json:
    """Remove the last character of every text of a state."""
    messages = [of(m, content=m["content"][:-1]) for m in shown["values"].get("messages", ())]
    return of(shown, values=of(shown["values"], messages=messages))


def cut(thread: Json) -> Json:
    messages = [of(m, content="…") for m in thread["values"]["messages"]]
    return of(thread, values=of(thread["values"], messages=messages))


def tasks_with(**changes: Any) -> Any:
    """Change every task in the history."""
    return bodies(
        "final history",
        "main",
        lambda entries: [of(one, tasks=[of(task, **changes) for task in one["tasks"]]) for one in entries],
    )


def other_events(raw: Json) -> None:
    """Cut the messages in the results of the `tasks` events."""
    for moment in raw["moments"]:
        if moment["kind"] == "stream" and moment["event"] == "tasks" and "result" in moment["data"]:
            moment["data"] = of(moment["data"], result=cut_result(moment["data"]["result"]))


def stale_event(raw: Json) -> None:
    """Show no steps in the `values` events of the streams."""
    for moment in raw["moments"]:
        if moment["kind"] == "stream" and moment["event"] == "values":
            moment["data"] = of(moment["data"], steps=[])


def flickers(raw: Json) -> None:
    """Show another status in one answer about the thread, after its failed run and before the next."""
    failed = [answer for _, answer in requests(raw, "look", "main") if answer["body"]["status"] == "error"]
    failed[-2]["body"]["status"] = "interrupted"


def first_history_cut(raw: Json) -> None:
    """Drop the oldest entry of the first of several readings of one history."""
    read = list(requests(raw, "final history", "main"))
    assert len(read) > 1, "the history was read once"
    read[0][1]["body"].pop()


def thread_reads(status: str) -> Edit:
    """Let the thread have a status in one reading, between others."""

    def edit(raw: Json) -> None:
        [*_, (_, response), _, _] = list(requests(raw, "look", "main"))
        response["body"] = of(response["body"], status=status)

    return edit


TWINS = [
    twin("AGR-01", "another creation", TOOLS, bodies("final run", "run A", lambda run: of(run, created_at=LATER)),
         fact=LATER),
    twin("AGR-01", "two changes", TOOLS, bodies("final runs", "main", lambda runs: [of(run, created_at=LATER,
         multitask_strategy="reject") for run in runs]), fact="`reject` for `multitask_strategy`"),
    twin("AGR-02", "no input", TOOLS, bodies("final run", "run B", lambda run: of(run, kwargs={})),
         fact="kwargs.input"),
    twin("AGR-03", "an update before the creation", TOOLS, bodies("final run", "run B", lambda run: of(run,
         updated_at="2020-01-01T00:00:00+00:00")), fact="2020-01-01T00:00:00+00:00"),
    twin("AGR-03", "a run of the future", TOOLS, bodies("final run", "run A", lambda run: of(run,
         created_at="2030-01-01T00:00:00+00:00", updated_at="2030-01-01T00:00:01+00:00")),
         fact="2030-01-01T00:00:00+00:00"),
    twin("AGR-03", "a frozen time", QUEUED, *(bodies(purpose, "run A", lambda run: of(run,
         updated_at="2025-01-01T00:00:00.500000+00:00", created_at="2025-01-01T00:00:00.400000+00:00"))
         for purpose in ("look", "final run")), fact="2025-01-01T00:00:00.500000+00:00"),
    twin("AGR-03", "a state that changes at no other time", TOOLS, *(bodies(purpose, "main", lambda thread: of(thread,
         state_updated_at="2025-01-01T00:00:00.500000+00:00")) for purpose in ("look", "final thread")),
         fact="two different `values`"),
    twin("AGR-04", "another step", TOOLS, bodies("final state", "main", lambda state: of(state, metadata=of(
         state["metadata"], step=77))), fact="77"),
    twin("AGR-04", "questions of no task", PARKED, bodies("final state", "main", lambda state: of(state,
         interrupts=[{"id": "x", "value": {}}])), fact='"id":"x"'),
    twin("AGR-05", "a parent without its thread", TOOLS, bodies("final history", "main", first(lambda entry: of(entry,
         parent_checkpoint={"checkpoint_id": entry["parent_checkpoint"]["checkpoint_id"]}))), fact="thread_id"),
    twin("AGR-05", "a checkpoint that changes", SECOND_TURN, bodies("mid history", "main", first(lambda entry: of(entry,
         created_at=LATER)), last=True), fact=LATER),
    twin("AGR-06", "a list that lags", QUEUED, bodies("final runs", "main", lambda runs: [of(run, updated_at=LATER)
         for run in runs]), fact=LATER),
    twin("AGR-06", "questions that are not in the state", PARKED, bodies("final thread", "main", lambda thread: of(
         thread, interrupts={"x": [{"id": "q", "value": {}}]})), fact='"id":"q"'),
    twin("AGR-07", "messages that are cut", QUEUED, bodies("final thread", "main", cut), fact="…"),
    twin("AGR-08", "a step before its turn", TOOLS, exit_after_the_next_entry,
         fact="tools:1 was entered before agent:1"),
    twin("AGR-09", "a new thread has failed", TOOLS, thread_status("error", purpose="create thread"), fact="`error`"),
    twin("AGR-09", "no state of a thread", TOOLS, status_code("final state", "main", 404), fact="404"),
    twin("AGR-09", "busy for ever", REJECTED, thread_status("busy"), fact="`busy`"),
    twin("AGR-07", "a result of a task that is not what was written", PARALLEL, bodies("final history", "main",
         lambda entries: [of(one, tasks=[of(task, result=cut_result(task["result"])) for task in one["tasks"]])
         for one in entries]), fact="…"),
    twin("AGR-10", "no next step where one followed", TOOLS, bodies("final history", "main", lambda entries: [of(one,
         next=[]) for one in entries]), fact="`[]`"),
    twin("AGR-10", "a step that is no task", TOOLS, bodies("final history", "main", lambda entries: [of(one,
         next=["zz"]) if one["next"] else one for one in entries]), fact='`["zz"]`'),
    twin("AGR-10", "an open task that is not next", PARKED, bodies("mid state", "main", lambda state: of(state,
         next=[])), fact="`[]`"),
    twin("AGR-10", "two tasks with one id", PARALLEL, bodies("final history", "main", lambda entries: [of(one,
         tasks=[of(task, id="same") for task in one["tasks"]]) for one in entries]), fact="same, same"),
    twin("AGR-06", "a status that comes and goes", "rollback/failed/create/unwatched", flickers,
         fact="`interrupted` for `status` of the thread at rest"),
    twin("AGR-06", "questions under a foreign key", "none/parking/stream/unwatched", bodies("final thread", "main",
         lambda thread: of(thread, interrupts={"x": next(iter(thread["interrupts"].values()))})), fact="`x`"),
    twin("AGR-10", "one id for the tasks of all steps", TOOLS, tasks_with(id="same"), fact="checkpoint 1"),
    twin("AGR-10", "a finished step that failed", TOOLS, tasks_with(error="x"), fact="`x`"),
    twin("AGR-10", "a finished step that asks", TOOLS, tasks_with(interrupts=[{"value": "x", "id": "y"}]), fact='"x"'),
    twin("AGR-10", "a finished step that wrote nothing", TOOLS, tasks_with(result=None), fact="`null`"),
    twin("AGR-10", "a finished step that wrote another message", TOOLS, tasks_with(result={"messages": [{"id": "zz"}]}),
         fact="`zz`"),
    twin("AGR-10", "a step without tasks", TOOLS, bodies("final history", "main", lambda entries: [of(one, tasks=[])
         for one in entries]), fact="`[]`"),
    twin("AGR-07", "another answer in an event", "none/during-tools/stream/streamed/debug-modes", other_events,
         fact="`…`"),
    twin("AGR-11", "a join without the last step", TOOLS, bodies("join", "B", lambda values: of(values,
         steps=values["steps"][:-1])), fact="values.steps"),
    twin("AGR-11", "a stale wait", "interrupt/during-tools/wait/unwatched", bodies("submit", "B", lambda values: of(
         values, steps=[])), fact="values.steps"),
    twin("AGR-11", "a stale event", STREAMED, stale_event, fact="values.steps"),
    twin("AGR-12", "a message under two ids", STREAMED, renamed_update, fact="B.call in the updates of the stream of"),
    twin("AGR-13", "an id in capitals", TOOLS, bodies("final run", "run B", lambda run: of(run,
         run_id=run["run_id"].upper())), fact="for the run_id in the answer to GET"),
    twin("AGR-05", "a parent in another namespace", TOOLS, bodies("final history", "main", lambda entries: [
         of(entries[0], parent_checkpoint=of(entries[0]["parent_checkpoint"], checkpoint_ns="?")), *entries[1:]]),
         fact='"checkpoint_ns":"?"'),
    twin("AGR-05", "a history without its oldest entry", "cancel/half-superstep/interrupt/unwatched",
         first_history_cut, fact="no entry for checkpoint"),
    twin("AGR-09", "an error without a cause", "none/finished/create/unwatched/history", thread_reads("error"),
         fact="`error` for the status of the thread, all of whose runs end `success`"),
    twin("AGR-09", "a pause without a question", "reject/burst/create/unwatched/two", thread_reads("interrupted"),
         fact="`interrupted` for the status"),
    twin("AGR-11", "the join of an earlier run", "rollback/pending/create/unwatched/second-turn", bodies("join", "E",
         lambda values: of(values, steps=["E/agent:1"])), fact="values.steps"),
    twin("AGR-14", "another normal form in the state", ANY_TEXT, bodies("final state", "main", normalized),
         fact="instead of"),
    twin("AGR-14", "a space is trimmed in the history", ANY_TEXT, bodies("final history", "main",
         lambda entries: [trimmed(one) for one in entries]), fact="instead of"),
    twin("AGR-14", "an escape is decoded in an event", ANY_STREAM, sent_to("A", lambda sent: [of(e,
         data=trimmed({"values": e["data"]})["values"]) if e["event"] == "values" else e for e in sent]),
         fact="instead of"),
]  # fmt: skip
