"""Broken twins of the requirements RUN."""

from __future__ import annotations

from tests.conformance.plays import (
    Edit,
    Json,
    bodies,
    messages,
    move_report,
    requests,
    run_status,
    status_code,
    without,
    witness,
)
from tests.conformance.twins.edits import (
    CANCELLED,
    TOOLS,
    append_final_look,
    begins_at_once,
    drop_header,
    drop_reports,
    late_report,
    of,
    pending_all_the_time,
    reported,
    twin,
)


def every_thread(status: str) -> Edit:
    """Show another status in every reading of the thread."""
    return bodies("look", "main", lambda body: of(body, status=status))


def behind_all(label: str, step: str, event: str, outcome: str | None = None) -> Edit:
    """Add a report of a run behind the last reading."""
    report = {"kind": "witness", "seq": 0, "label": label, "step": step, "event": event, "outcome": outcome}
    return lambda raw: raw["moments"].append({**report, "t": raw["moments"][-1]["t"]})


def still_running_after_the_join(raw: Json) -> None:
    """Show run B as `running` in the first reading after its join was answered."""
    _, answer = next(requests(raw, "join", "B"))
    since = raw["moments"].index(answer)
    later = [found for request, found in requests(raw, "look", "run B") if raw["moments"].index(request) > since]
    later[0]["body"]["status"] = "running"


GOTO = "none/finished/create/unwatched/goto"
CONTEXT = "none/finished/create/unwatched/context"


def without_probe(state: Json) -> Json:
    """Return a state in which run B had no probe."""
    values = state["values"]
    return of(state, values=of(values, steps=[step.replace("B/", "run/") for step in values["steps"]]))


def first_step_elsewhere(raw: Json) -> None:
    """Let run B report its first step as one of another node."""
    for moment in raw["moments"]:
        if moment.get("label") == "B" and moment["kind"] == "witness" and moment["step"] == "agent:1":
            moment["step"] = "tools:1"


TWINS = [
    twin("RUN-01", "a status of its own", TOOLS, run_status("A", "cancelled"), fact="`cancelled`"),
    twin("RUN-01", "an error with 200", TOOLS, bodies("final run", "run A", lambda _: {"error": "not found"}),
         fact="no `status` in `{\"error\":\"not found\"}`"),
    twin("RUN-02", "201 for a create", TOOLS, status_code("submit", "B", 201), fact="201"),
    twin(
        "RUN-02", "a create that tells only the id", TOOLS,
        bodies("submit", "B", lambda b: {"run_id": b["run_id"]}), fact="no thread_id",
    ),
    twin(
        "RUN-02", "a create that answers when all is over", TOOLS,
        bodies("submit", "B", lambda b: of(b, status="success")), fact="`success`",
    ),
    twin("RUN-02", "no Content-Location", TOOLS, drop_header("content-location"), fact="no such header"),
    twin("RUN-03", "interrupted turns success", TOOLS, append_final_look("A", "success"), fact="`success` later"),
    twin("RUN-04", "success turns pending", TOOLS, append_final_look("B", "pending"), fact="`pending` later"),
    twin(
        "RUN-05", "both execute at once", TOOLS,
        move_report("A", "exit", behind=witness("B", "exit"), step="tools:1"),
        fact="a step of run A reported after that",
    ),
    twin(
        "RUN-32", "a step that returns after the end", CANCELLED, behind_all("A", "tools:1", "exit", "returned"),
        fact="tools:1 reported `exit` after that",
    ),
    twin(
        "RUN-32", "a step that begins after the end", TOOLS, behind_all("B", "agent:3", "enter"),
        fact="agent:3 reported `enter` after that",
    ),
    twin("RUN-33", "still running after the join", TOOLS, still_running_after_the_join, fact="`running`"),
    twin(
        "RUN-06", "another strategy is told", TOOLS,
        bodies("final run", "run B", lambda b: of(b, multitask_strategy="enqueue")), fact="`enqueue`",
    ),
    twin(
        "RUN-15", "the metadata is lost", TOOLS,
        bodies("final run", "run A", lambda b: of(b, metadata={})), fact="{}",
    ),
    twin(
        "RUN-15", "no assistant", TOOLS,
        bodies("final run", "run B", lambda b: of(b, assistant_id=None)), fact="assistant_id null",
    ),
    twin(
        "RUN-15", "another thread", TOOLS,
        bodies("final run", "run B", lambda b: of(b, thread_id="x")), fact="thread_id x",
    ),
    twin(
        "RUN-07", "the default is reject", "default/during-tools/create/unwatched",
        status_code("submit", "B", 409), fact="`reject`",
    ),
    twin(
        "RUN-07", "the default is interrupt", "default/during-tools/create/unwatched",
        run_status("A", "interrupted"), fact="`interrupt`",
    ),
    twin(
        "RUN-08", "a status for being stopped", "interrupt/lingering/create/unwatched",
        bodies("look", "run A", lambda b: of(b, status="cancelling") if b["status"] == "running" else b),
        fact="`cancelling`",
    ),
    twin(
        "RUN-10", "the filter by status does nothing", f"{TOOLS}/second-turn",
        bodies("list runs", "main", lambda runs: runs * 2), fact="B, E, B, E",
    ),
    twin(
        "RUN-10", "a run is listed twice", f"{TOOLS}/second-turn",
        bodies("final runs", "main", lambda runs: [*runs, runs[-1]]), fact="twice: E",
    ),
    twin("RUN-20", "a delay is not kept", "none/delayed/create/unwatched", begins_at_once("A"),
         fact="the first one after 0"),
    twin("RUN-20", "a delayed run is refused its turn", "enqueue/behind-delay/create/unwatched",
         run_status("B", "interrupted"), fact="`interrupted`"),
    twin("RUN-30", "a failed run succeeds", "interrupt/failed/create/unwatched", run_status("A", "success"),
         fact="`success`"),
    twin("RUN-31", "a run that executes is pending", TOOLS, pending_all_the_time("A"), fact="`pending` for"),
    twin("RUN-37", "a run is not listed", TOOLS, bodies("final runs", "main", lambda runs: runs[1:]),
         fact="1 runs without it"),
    twin("RUN-13", "the run stays", "delete/finished/run/unwatched", status_code("final run", "run A", 200),
         bodies("final run", "run A", lambda _: {"status": "success"}), fact="`success`"),
    twin("RUN-14", "a deleted run goes on", "delete/during-tools/run/unwatched", late_report("A", "agent:2", "enter"),
         fact="agent:2 reported `enter`"),
    twin("RUN-21", "the run does not stop", "none/stopped-before/create/unwatched",
         late_report("A", "tools:1", "enter"), fact="agent:1 tools:1"),
    twin("RUN-21", "nothing is next", "none/stopped-after/create/unwatched",
         bodies("mid state", "main", lambda b: of(b, next=[])), fact="[]"),
    twin("RUN-22", "the thread is idle", "none/stopped-before/create/unwatched", every_thread("idle"), fact="`idle`"),
    twin("RUN-23", "the first run's too", f"{TOOLS}/configurable",
         reported("configurable", {"doubletext_first": "of A"}), fact='{"doubletext_first":"of A"}'),
    twin("RUN-35", "the limit is ignored", "none/limited/create/unwatched", run_status("A", "success"),
         fact="`success`"),
    twin("RUN-35", "more steps than the limit", "none/limited/create/unwatched", bodies("final state", "main",
         lambda state: of(state, values=of(state["values"], steps=["A/agent:1", "A/tools:1"]))), fact="2"),
    twin("RUN-36", "refused", CONTEXT, status_code("submit", "B", 422), fact="HTTP 422"),
    twin("RUN-36", "another value", CONTEXT, reported("configurable", {"doubletext_of": "B"}), fact='"B"'),
    twin("RUN-36", "the agent works without it", CONTEXT, drop_reports("B"),
         bodies("final state", "main", without_probe), fact="run/agent:1"),
    twin("RUN-34", "another node", GOTO, first_step_elsewhere, fact="the steps tools:1"),
    twin("RUN-34", "the update is lost", GOTO, messages(without("nyc")), fact="no such message"),
]  # fmt: skip
