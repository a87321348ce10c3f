"""Broken twins of the requirements INT."""

from __future__ import annotations

from tests.conformance.plays import (
    bodies,
    history,
    messages,
    move_report,
    run_status,
    status_code,
    without,
    witness,
)
from tests.conformance.twins.edits import (
    TOOLS,
    append_final_look,
    drop_reports,
    drop_response,
    late_checkpoint,
    late_report,
    late_result,
    listed_without,
    never_cancelled,
    of,
    reparent_second_run,
    second_input_first,
    twin,
    without_reports,
)

TWINS = [
    twin("INT-01", "interrupt is a conflict", TOOLS, status_code("submit", "B", 409), fact="HTTP 409"),
    twin("INT-01", "no answer", TOOLS, drop_response("submit", "B"), drop_reports("B"),
         bodies("final history", "main", lambda _: []), fact="connection broken"),
    twin("INT-02", "the superseded run ends error", TOOLS, run_status("A", "error"), fact="`error`"),
    twin("INT-02", "the superseded run is gone", TOOLS, status_code("final run", "run A", 404), fact="404"),
    twin("INT-03", "the superseded run is gone", TOOLS, status_code("final run", "run A", 404), fact="404"),
    twin("INT-03", "the superseded run is not listed", TOOLS, listed_without(1), fact="only B"),
    twin("INT-04", "the new run ends error", TOOLS, run_status("B", "error"), fact="`error`"),
    twin("INT-05", "the first run's call is lost", TOOLS, messages(without("toolu_01Mj")), fact="[A.human B.human"),
    twin("INT-05", "the second input comes first", TOOLS, messages(second_input_first), fact="[B.human A.human"),
    twin("INT-06", "the new run branches off", TOOLS, history(reparent_second_run), fact="its parent is"),
    twin(
        "INT-07", "the first run's tool ends late", TOOLS,
        move_report("A", "exit", behind=witness("B", "exit"), step="tools:1"),
        fact="tools:1 of run A was still executing",
    ),
    twin("INT-08", "a late checkpoint", TOOLS, history(late_checkpoint), fact="checkpoint zzz of run A"),
    twin("INT-08", "a late message", TOOLS, messages(late_result), fact="A.result"),
    twin(
        "INT-09", "only one of two is superseded", "interrupt/pending/create/unwatched",
        run_status("A", "success"), fact="`success`",
    ),
    twin(
        "INT-10", "the pending run executes", "interrupt/pending/create/unwatched",
        late_report("A", "agent:1", "enter"), fact="run A entered agent:1",
    ),
    twin(
        "INT-10", "the pending run's input is kept", "interrupt/pending/create/unwatched",
        messages(lambda found: [*found, {"type": "human", "id": "x", "content": "what's the weather in sf?"}]),
        fact="A.human",
    ),
    twin(
        "INT-11", "the pending run's input is kept", "interrupt/pending/create/unwatched",
        messages(lambda found: [*found, {"type": "human", "id": "x", "content": "what's the weather in sf?"}]),
        fact="A.human",
    ),
    twin(
        "INT-12", "a conflict with nothing in flight", "interrupt/finished/create/unwatched",
        status_code("submit", "B", 409), fact="HTTP 409",
    ),
    twin(
        "INT-12", "a finished run is rewritten", "interrupt/finished/create/unwatched",
        append_final_look("A", "interrupted"), fact="`interrupted`",
    ),
    twin(
        "INT-13", "another thread's run is stopped", f"{TOOLS}/elsewhere", run_status("X", "interrupted"),
        fact="`interrupted`",
    ),
    twin(
        "INT-13", "another thread's data is lost", f"{TOOLS}/elsewhere", messages(lambda _: [], name="other"),
        fact="[]",
    ),
    twin(
        "INT-14", "stream ignores the strategy", "interrupt/during-tools/stream/unwatched",
        run_status("A", "success"), fact="run A ended `success`",
    ),
    twin(
        "INT-14", "wait ignores the strategy", "interrupt/during-tools/wait/unwatched",
        run_status("A", "success"), fact="run A ended `success`",
    ),
    twin(
        "INT-15", "the first run's reject counts", f"{TOOLS}/first-reject", status_code("submit", "B", 409),
        fact="HTTP 409",
    ),
    twin(
        "INT-15", "the first run's rollback counts", f"{TOOLS}/first-rollback",
        status_code("final run", "run A", 404), fact="404",
    ),
    twin("INT-16", "one of three is stuck", "interrupt/thrice/create/unwatched",
         bodies("final run", "run D", lambda b: of(b, status="pending")), fact="`pending`"),
    twin("INT-16", "one of three is refused", "interrupt/thrice/create/unwatched",
         status_code("submit", "D", 500), fact="HTTP 500"),
    twin("INT-17", "the new run is lost in the race", "interrupt/finishing/create/unwatched",
         status_code("submit", "B", 500), fact="HTTP 500"),
    twin("INT-17", "success without its answer", "interrupt/finishing/create/unwatched",
         run_status("A", "success"), messages(without("results give")), fact="A success, B success"),
    twin("INT-18", "the first run goes on", TOOLS, late_report("A", "agent:2", "enter"), fact="reported `enter`"),
    twin("INT-18", "the first run's tool returns", TOOLS, late_report("A", "tools:1", "exit", "returned"),
         fact="tools:1 reported `exit`"),
    twin("INT-20", "accepted and ignored", TOOLS, run_status("A", "success"), never_cancelled("A"),
         fact="continued to `success`"),
    twin("INT-20", "refused with a crash", TOOLS, status_code("submit", "B", 500), fact="HTTP 500"),
    twin("INT-21", "the second input is lost", "interrupt/at-once/create/unwatched", messages(without("in nyc?")),
         fact="0 times"),
    twin("INT-19", "the child graph goes on", "interrupt/in-subgraph/create/unwatched",
         late_report("A", "agent:2", "enter"), fact="run A entered agent:2"),
    twin("INT-19", "the child graph is not told", "cancel/in-subgraph/interrupt/unwatched",
         without_reports("A", "cancelled", "gone"), fact="it was not"),
]  # fmt: skip
