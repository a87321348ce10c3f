"""Broken twins of the requirements STR."""

from __future__ import annotations

from tests.conformance.plays import Json, bodies, requests, run_status
from tests.conformance.twins.edits import (
    QUEUED_STREAM,
    ROLLED_BACK,
    STREAMED,
    TOOLS,
    answered_at_once,
    answered_behind,
    changed,
    closed_at_once,
    drop_header,
    drop_response,
    foreign_update,
    header,
    late_events,
    metadata_of,
    named,
    never_closed,
    of,
    of_later_run,
    one_less,
    repeated,
    sent_to,
    twin,
    with_early_update,
    with_newcomer,
    with_token_twice,
    without_ids,
    without_last_token,
    without_metadata,
    without_updates,
)

OWN = "interrupt/during-tools/create/streamed"
JOINED = "interrupt/during-tools/create/join-streamed"
TWO = "none/during-answer/create/two-joined"
BACK = "none/during-tools/stream/reconnected"
LATE = "none/finished/create/late"
WAITED = "interrupt/during-answer/create/waited"
MODES = "none/during-tools/stream/streamed"


def with_call_twice(sent: list[Json]) -> list[Json]:
    """Repeat the chunk of the tool call."""
    return [each for e in sent for each in ([e, e] if _has_call(e) else [e])]


def with_half_a_call(sent: list[Json]) -> list[Json]:
    """Cut the arguments in the chunk of the tool call."""

    def half(event: Json) -> Json:
        piece, beside = event["data"]
        chunks = [of(chunk, args=chunk["args"][:9]) for chunk in piece["tool_call_chunks"]]
        return of(event, data=[of(piece, tool_call_chunks=chunks), beside])

    return [half(e) if _has_call(e) else e for e in sent]


def _has_call(event: Json) -> bool:
    return event["event"] == "messages" and bool(event["data"][0].get("tool_call_chunks"))


def metadata_of_next_run(raw: Json) -> None:
    """Name run B in the `metadata` event of every stream."""
    [(_, created)] = requests(raw, "submit", "B")
    metadata_of(created["body"]["run_id"])(raw)


def pieces_alone(sent: list[Json]) -> list[Json]:
    """Show only the last word of a message in each event of it."""

    def last_word(event: Json) -> Json:
        [message] = event["data"]
        text = message["content"]
        return of(event, data=[of(message, content=text.split()[-1])]) if isinstance(text, str) else event

    return [last_word(e) if e["event"] == "messages/partial" else e for e in sent]


TWINS = [
    twin("STR-01", "metadata comes late", STREAMED, without_metadata, fact="`values`"),
    twin("STR-01", "another run's id", STREAMED, metadata_of("somebody"), fact="run_id somebody"),
    twin("STR-02", "the stream of the superseded run stays open", OWN, never_closed("A"), fact="still open"),
    twin("STR-02", "a joined stream stays open", JOINED, never_closed("V"), fact="still open"),
    twin("STR-03", "being interrupted is an error", OWN,
         sent_to("A", lambda sent: [*sent, of(sent[-1], event="error", data={"error": "UserInterrupt"})]),
         fact="UserInterrupt"),
    twin("STR-04", "join hangs", LATE, drop_response("watch", "J"), fact="connection broken"),
    twin("STR-04", "join answers without the values", LATE, bodies("watch", "J", lambda _: {}), fact="[]"),
    twin("STR-05", "join hangs", f"{TOOLS[:-9]}joined", drop_response("join", "A"), fact="connection broken"),
    twin("STR-05", "join reports an error", TOOLS, bodies("join", "A", lambda _: {"__error__": {}}),
         fact="`__error__`"),
    twin("STR-05", "a late join hangs", "cancel/during-tools/interrupt/late", drop_response("watch", "J"),
         fact="connection broken"),
    twin("STR-06", "the error is swallowed", "interrupt/failed/create/unwatched",
         bodies("join", "A", lambda _: {"messages": []}), fact='values with the channels ["messages"]'),
    twin("STR-06", "an error without a text", "interrupt/failed/create/unwatched",
         bodies("join", "A", lambda _: {"__error__": {"error": "ValueError"}}), fact="no `__error__.message`"),
    twin("STR-07", "one joiner is sent nothing", TWO, sent_to("W", lambda _: []), fact="[]"),
    twin("STR-07", "one joiner misses the last event", TWO, sent_to("V", lambda sent: sent[:-1]), fact="up to number"),
    twin("STR-08", "the replay leaves the beginning out", BACK, sent_to("W", one_less), fact="up to number 0"),
    twin("STR-09", "a rejoined stream stays open", BACK, never_closed("V"), fact="still open"),
    twin("STR-10", "no ids", BACK, sent_to("W", without_ids), fact="without an id"),
    twin("STR-10", "an id twice", BACK, sent_to("W", repeated), fact="twice"),
    twin("STR-11", "who asks for a mode is sent nothing of the child graph", "none/in-child/create/two-joined",
         sent_to("V", lambda sent: [e for e in sent if "|" not in e["event"]]), fact="only `updates`"),
    twin("STR-12", "leaving cancels", "leave/during-tools/stream/default", run_status("A", "interrupted"),
         fact="`cancel`"),
    twin("STR-13", "the parameter does nothing", "leave/during-tools/join/cancel", run_status("A", "success"),
         fact="`success`"),
    twin("STR-13", "leaving cancels all the same", "leave/during-tools/join-stream/default",
         run_status("A", "interrupted"), fact="`interrupted`"),
    twin("STR-14", "another run's id", OWN, metadata_of_next_run, fact="the id of run B"),
    twin("STR-14", "another run's update", STREAMED, foreign_update, fact="A.call"),
    twin("STR-15", "the stream of a queued run ends at once", QUEUED_STREAM, closed_at_once, fact="closed before"),
    twin("STR-15", "the stream leaves the answer out", QUEUED_STREAM, without_updates, fact="no B.call"),
    twin("STR-16", "wait hangs", WAITED, drop_response("submit", "A"), fact="connection broken"),
    twin("STR-16", "wait reports an error", WAITED, bodies("submit", "A", lambda _: {"__error__": {}}),
         fact="`__error__`"),
    twin("STR-16", "wait tells the newcomer's values", WAITED, bodies("submit", "A", with_newcomer), fact="B.human"),
    twin("STR-18", "events behind `end`", OWN, sent_to("A", named("end")), fact="`values`"),
    twin("STR-19", "join hangs", ROLLED_BACK, drop_response("join", "A"), fact="connection broken"),
    twin("STR-21", "the run fails", "none/during-answer/stream/stalled", run_status("A", "error"), fact="`error`"),
    twin("STR-21", "the run ends when its client has left", "none/during-answer/stream/stalled",
         bodies("look", "run A", lambda b: of(b, status="running")), fact="before its client disconnected"),
    twin("STR-22", "a joiner is sent what was before", "none/during-tools/create/join-streamed/updates",
         sent_to("V", with_early_update), fact="A.call"),
    twin("STR-23", "resuming leaves an event out", BACK, sent_to("V", one_less), fact="up to number"),
    twin("STR-23", "resuming repeats an event", BACK, sent_to("V", lambda sent: [sent[0], *sent]),
         fact="up to number"),
    twin("STR-24", "cancel does nothing", "leave/during-tools/stream/cancel", run_status("A", "success"),
         fact="`success`"),
    twin("STR-24", "continue cancels", "leave/during-tools/wait/continue", run_status("A", "interrupted"),
         fact="`interrupted`"),
    twin("STR-25", "a mode that nobody asked for", f"{MODES}/updates", sent_to("A", named("values")),
         fact="also `values`"),
    twin("STR-25", "a mode is missing", f"{MODES}/values", sent_to("A", lambda sent: sent[:1]), fact="no `values`"),
    twin("STR-26", "an update is missing", OWN, without_updates, fact="[]"),
    twin("STR-26", "an update comes twice", f"{MODES}/updates", sent_to("A", repeated), fact="A.answer A.answer"),
    twin("STR-33", "only the last mode counts", "none/during-tools/create/join-streamed/several-modes",
         sent_to("V", lambda sent: [e for e in sent if e["event"] != "updates"]), fact="no `updates`"),
    twin("STR-27", "the stream of a run that is over stays open", LATE, never_closed("W"), fact="still open"),
    twin("STR-28", "wait answers with the first values", "interrupt/during-tools/wait/unwatched",
         bodies("submit", "B", lambda b: of(b, messages=b["messages"][:1])), fact="A.human"),
    twin("STR-29", "join answers at once", f"{TOOLS[:-9]}joined", answered_at_once("join", "A"),
         fact="before the hold of run A ended"),
    twin("STR-29", "wait answers at once", WAITED, answered_behind("submit", "A", "look"),
         fact="before the hold of run A ended"),
    twin("STR-30", "no Content-Location", STREAMED, drop_header("content-location"), fact="no such header"),
    twin("STR-30", "Content-Location names nobody", STREAMED, header("content-location", "/threads/1/runs/2"),
         fact="/threads/1/runs/2"),
    twin("STR-31", "the first update comes at the end", f"{MODES}/updates", late_events("A"),
         fact="only after run A was released"),
    twin("STR-32", "a token is lost", f"{MODES}/messages-tuple", sent_to("A", without_last_token),
         fact="pieces that add up to"),
    twin("STR-32", "a token comes twice", f"{MODES}/all-modes", sent_to("A", with_token_twice),
         fact="pieces that add up to"),
    twin("STR-14", "the values of the next run", OWN, sent_to("A", of_later_run), fact="B.human"),
    twin("STR-40", "the failure is not streamed", "enqueue/failing/create/streamed",
         sent_to("A", lambda sent: [e for e in sent if e["event"] != "error"]), fact="only `metadata`"),
    twin("STR-41", "the last values are those before", OWN.replace("interrupt", "enqueue"),
         sent_to("A", lambda sent: [*sent[:-1], next(e for e in sent if e["event"] == "values")]), fact="[A.human]"),
    twin("STR-41", "the last values are missing", OWN.replace("interrupt", "enqueue"),
         sent_to("A", lambda sent: sent[:-1]), fact="no A.answer"),
    twin("STR-41", "values are null", f"{MODES}/values",
         sent_to("A", lambda sent: [*sent[:-1], of(sent[-1], data=None)]), fact="[]"),
    twin("STR-42", "the tool's update is the agent's", f"{MODES}/updates",
         sent_to("A", lambda sent: [of(e, data=dict.fromkeys(["agent"], *e["data"].values()))
                                    if e["event"] == "updates" else e for e in sent]), fact="`agent`"),
    twin("STR-42", "the write alone", f"{MODES}/updates",
         sent_to("A", lambda sent: [of(e, data=next(iter(e["data"].values())))
                                    if e["event"] == "updates" else e for e in sent]), fact="messages, steps"),
    twin("STR-43", "a large event is not sent", "none/large/stream/streamed", sent_to("A", lambda sent: sent[:-1]),
         fact="the last with [A.human]"),
    twin("STR-44", "the values of the run", "interrupt/during-tools/create/late/followed",
         bodies("watch", "J", lambda b: of(b, messages=b["messages"][:2])), fact="the values of the run"),
    twin("STR-27", "no answer to the stream of a run that is gone", "cancel/during-tools/rollback/late",
         drop_response("watch", "V"), fact="connection broken"),
    twin("STR-45", "a task without a result", f"{MODES}/debug-modes", sent_to("A", lambda sent: [e for e in sent
         if not (e["event"] == "tasks" and "result" in e["data"])]), fact="0 results"),
    twin("STR-45", "a task twice", f"{MODES}/debug-modes", sent_to("A", lambda sent: [each for e in sent for each in
         ([e, dict(e)] if e["event"] == "tasks" else [e])]), fact="another beginning"),
    twin("STR-45", "a checkpoint is not streamed", f"{MODES}/debug-modes", sent_to("A", lambda sent: [e for e in sent
         if e["event"] != "checkpoints" or e["data"]["metadata"]["step"] != 1]), fact="[-1,0,2"),
    twin("STR-45", "tasks without their data", f"{MODES}/debug-modes", sent_to("A", lambda sent: [of(e, data={})
         if e["event"] == "tasks" else e for e in sent]), fact="(1) `{}`"),
    twin("STR-45", "debug has no tasks", f"{MODES}/debug-modes", sent_to("A", lambda sent: [e for e in sent
         if not (e["event"] == "debug" and e["data"]["type"] == "task")]), fact='"task":0'),
    twin("STR-45", "a checkpoint without values", f"{MODES}/debug-modes", sent_to("A", changed("checkpoints",
         values={})), fact="values"),
    twin("STR-45", "a checkpoint without a next step", f"{MODES}/debug-modes", sent_to("A", changed("checkpoints",
         next=[])), fact="next"),
    twin("STR-45", "a checkpoint that is its parent", f"{MODES}/debug-modes", sent_to("A", lambda sent: [of(e,
         data=of(e["data"], config=e["data"]["parent_config"])) if e["event"] == "checkpoints" else e for e in sent]),
         fact="config.configurable.checkpoint_id"),
    twin("STR-45", "another task", f"{MODES}/debug-modes", sent_to("A", changed("tasks", name="x")), fact="name"),
    twin("STR-45", "an unknown task", f"{MODES}/debug-modes", sent_to("A", lambda sent: [of(e, data=of(e["data"],
         id=e["data"]["id"] + "x")) if e["event"] == "tasks" else e for e in sent]), fact="x`"),
    twin("STR-45", "a time without zone", f"{MODES}/debug-modes", sent_to("A", changed("debug",
         timestamp="2025-01-01T00:00:00")), fact="`2025-01-01T00:00:00` for `timestamp`"),
    twin("STR-45", "one step for all", f"{MODES}/debug-modes", sent_to("A", changed("debug", step=77)), fact="77"),
    twin("STR-32", "a token of another node", f"{MODES}/messages-tuple", sent_to("A", lambda sent: [of(e,
         data=[e["data"][0], of(e["data"][1], langgraph_node="x")]) if e["event"] == "messages" else e for e in sent]),
         fact="`x`"),
    twin("STR-46", "a call without an end", f"{MODES}/events", sent_to("A", lambda sent: [e for e in sent
         if not (e["event"] == "events" and e["data"]["event"] == "on_chat_model_end")]), fact="1 and 0"),
    twin("STR-46", "no events", f"{MODES}/events", sent_to("A", lambda sent: [e for e in sent
         if e["event"] != "events"]), fact="none"),
    twin("STR-46", "events without data", f"{MODES}/events", sent_to("A", lambda sent: [of(e, data=None)
         if e["event"] == "events" else e for e in sent]), fact="`{}`"),
    twin("STR-46", "a call without a name", f"{MODES}/events", sent_to("A", changed("events", name=None)),
         fact='"name":null'),
    twin("STR-46", "a call without data", f"{MODES}/events", sent_to("A", changed("events", data=None)),
         fact='"data":null'),
    twin("STR-45", "a task without its input", f"{MODES}/debug-modes", sent_to("A", lambda sent: [of(e,
         data=of(e["data"], input=None)) if e["event"] == "tasks" and "input" in e["data"] else e for e in sent]),
         fact='"input":null'),
    twin("STR-45", "a task without its triggers", f"{MODES}/debug-modes", sent_to("A", lambda sent: [of(e,
         data=of(e["data"], triggers=None)) if e["event"] == "tasks" and "input" in e["data"] else e for e in sent]),
         fact="`{"),
    twin("STR-45", "a finished task without a result", f"{MODES}/debug-modes", sent_to("A", lambda sent: [of(e,
         data=of(e["data"], result={})) if e["event"] == "tasks" and "result" in e["data"] else e for e in sent]),
         fact="result.messages: null"),
    twin("STR-45", "debug shows other values", f"{MODES}/debug-modes", sent_to("A", lambda sent: [of(e,
         data=of(e["data"], payload=of(e["data"]["payload"], values={"messages": []}))) if e["event"] == "debug"
         and e["data"]["type"] == "checkpoint" else e for e in sent]), fact="values.messages"),
    twin("STR-32", "a chunk of the call twice", f"{MODES}/messages-tuple", sent_to("A", with_call_twice),
         fact='2 chunks that add up to {"query": "weather in san francisco"}{"query"'),
    twin("STR-32", "the arguments of the call are cut", f"{MODES}/messages-tuple", sent_to("A", with_half_a_call),
         fact='1 chunks that add up to {"query"'),
    twin("STR-11", "the namespace of another node", "none/in-child/create/two-joined",
         sent_to("V", lambda sent: [of(e, event=e["event"].replace("research", "tools")) for e in sent]),
         fact="`updates|tools:"),
    twin("STR-11", "the namespace of no task", "none/in-child/create/two-joined",
         sent_to("V", lambda sent: [of(e, event=e["event"].split(":")[0] + ":x" * ("|" in e["event"])) for e in sent]),
         fact="`updates|research:x`"),
    twin("STR-49", "the class is not named", "enqueue/failing/create/streamed",
         sent_to("A", changed("error", error="InternalServerError")), fact="`InternalServerError`"),
    twin("STR-50", "an attempt as text", STREAMED, sent_to("B", changed("metadata", attempt="first")), fact="`first`"),
    twin("STR-50", "one attempt twice", STREAMED, sent_to("B", lambda sent: [one for event in sent for one in
         ([event, event] if event["event"] == "metadata" else [event])]), fact="another one for attempt 1"),
    twin("STR-30", "no Content-Location without a thread", "stateless/wait", drop_header("content-location"),
         fact="no such header"),
    twin("STR-48", "no event after the tool", STREAMED, sent_to("B", lambda sent: [e for e in sent
         if not (e["event"] == "values" and e["data"]["messages"][-1]["type"] == "tool")]),
         fact="none that ends with B.result"),
    twin("STR-08", "a replay has another event", BACK, sent_to("W", lambda sent: [of(e, event="custom")
         if e["event"] == "updates" else e for e in sent]), fact="`custom`"),
    twin("STR-08", "a replay has no data", BACK, sent_to("W", lambda sent: [of(e, data=None) for e in sent]),
         fact="data"),
    twin("STR-23", "a resumed stream has no data", BACK, sent_to("V", lambda sent: [of(e, data=None) for e in sent]),
         fact="data"),
    twin("STR-51", "pieces and not the message up to them", f"{MODES}/messages", sent_to("A", pieces_alone),
         fact="search"),
    twin("STR-51", "messages without nodes", f"{MODES}/messages", sent_to("A", lambda sent: [e for e in sent
         if e["event"] != "messages/metadata"]), fact="[]"),
    twin("STR-51", "the end of an answer is lost", f"{MODES}/messages", sent_to("A", lambda sent: [e for e in sent
         if e["event"] != "messages/partial" or "details!" not in str(e["data"])]), fact="characters in the last"),
    twin("STR-52", "a piece is lost", f"{MODES}/events", sent_to("A", lambda sent: [e for e in sent
         if "details!" not in str(e["data"]) or e["data"]["event"] != "on_chat_model_stream"]), fact="characters"),
]  # fmt: skip
