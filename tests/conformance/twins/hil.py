"""Broken twins of the requirements HIL."""

from __future__ import annotations

from collections.abc import Callable

from tests.conformance.plays import Edit, Json, bodies, run_status, status_code, thread_status
from tests.conformance.twins.edits import (
    PARKED,
    begins_anew,
    late_report,
    of,
    reported,
    resumes,
    sent_to,
    twin,
)

TWO = "resume/parked/create/unwatched/two-questions"
STREAMED = "none/parking/stream/unwatched"
AGAIN = "resume/parked/create/unwatched/asks-again"


def question_as_text(state: Json) -> Json:
    tasks = [of(t, interrupts=[of(q, value=str(q["value"])) for q in t["interrupts"]]) for t in state["tasks"]]
    return of(state, tasks=tasks)


def asked_in(step: str) -> Callable[[Json], Json]:
    """Let the open questions of a state be those of another step."""

    def change(state: Json) -> Json:
        value = {"question": "Go on?", "step": step}
        tasks = [of(t, interrupts=[of(q, value=value) for q in t["interrupts"]]) for t in state["tasks"]]
        return of(state, tasks=tasks)

    return change


def one_question(sent: list[Json]) -> list[Json]:
    """Leave out the question of the tool wherever a stream shows it."""

    def kept(data: Json) -> Json:
        asked = [one for one in data["__interrupt__"] if one["value"]["step"] != "tools:1"]
        return of(data, __interrupt__=asked)

    return [of(e, data=kept(e["data"])) if "__interrupt__" in (e["data"] or {}) else e for e in sent]


def same_ids(state: Json) -> Json:
    return of(state, tasks=[of(t, interrupts=[of(q, id="one") for q in t["interrupts"]]) for t in state["tasks"]])


def without_step(label: str, step: str) -> Edit:
    def edit(raw: Json) -> None:
        raw["moments"] = [m for m in raw["moments"] if (m.get("label"), m.get("step")) != (label, step)]

    return edit


def never_paused(label: str) -> Edit:
    """Let every step of a run return."""

    def edit(raw: Json) -> None:
        for moment in raw["moments"]:
            if moment["kind"] == "witness" and moment["label"] == label and moment.get("outcome"):
                moment["outcome"] = "returned"

    return edit


def asked_again(raw: Json) -> None:
    """Let run B ask its question again in place of returning."""
    for moment in raw["moments"]:
        if moment.get("label") == "B" and moment["kind"] == "witness":
            moment.pop("resume", None)
            if moment.get("outcome") is not None:
                moment["outcome"] = "interrupted"


TWINS = [
    twin("HIL-01", "no question in the thread", PARKED,
         bodies("look", "main", lambda b: of(b, interrupts={})), fact="`{}`"),
    twin("HIL-01", "the thread reads idle", PARKED, thread_status("idle", purpose="look"), fact="`idle`"),
    twin("HIL-02", "another status", PARKED, run_status("A", "interrupted"), fact="`interrupted`"),
    twin("HIL-03", "a dead question stays", PARKED,
         bodies("final thread", "main", lambda b: of(b, interrupts={"t": [{"value": 1}]})), fact='"value":1'),
    twin("HIL-04", "the parked step is resumed", PARKED, resumes, fact="run B began with tools:1"),
    twin("HIL-05", "the answer starts all over", "resume/parked/create/unwatched", begins_anew("B"),
         fact="agent:1 agent:2"),
    twin("HIL-07", "the question is in the stream alone", "none/parking/stream/unwatched",
         bodies("final thread", "main", lambda b: of(b, interrupts={})), fact="`{}`"),
    twin("HIL-08", "the thread keeps a dead question", "interrupt/resuming/create/unwatched",
         bodies("final thread", "main", lambda b: of(b, interrupts={"t": [{"value": 1}]})), fact='"value":1'),
    twin("HIL-09", "both answers are taken", "resume/burst/create/unwatched/reject",
         late_report("B", "tools:1", "enter"),
         late_report("C", "tools:1", "enter"), fact="3 times"),
    twin("HIL-10", "an odd answer executes", "resume/finished/create/unwatched", late_report("B", "tools:1", "enter"),
         fact="tools:1"),
    twin("HIL-11", "a question as text", TWO, bodies("mid state", "main", question_as_text), fact="Go on?"),
    twin("HIL-11", "a question as text in a join", TWO, bodies("join", "A", lambda values: of(values,
         __interrupt__=[of(one, value="Go on?") for one in values["__interrupt__"]])), fact="Go on?"),
    twin("HIL-11", "a join that returns no question", TWO, bodies("join", "A", lambda values: of(values,
         __interrupt__=[])), fact="`[]`"),
    twin("HIL-11", "the answered question in the state", AGAIN, bodies("final state", "main", asked_in("tools:1")),
         fact="those of tools:1"),
    twin("HIL-11", "the answered question in the thread", AGAIN, bodies("final thread", "main",
         lambda b: of(b, interrupts={"t": [{"id": "x", "value": {"question": "Go on?", "step": "tools:1"}}]})),
         fact="those of tools:1"),
    twin("HIL-11", "no new question in the thread", AGAIN, bodies("final thread", "main",
         lambda b: of(b, interrupts={})), fact="no step"),
    twin("HIL-12", "one question is hidden", TWO,
         bodies("mid state", "main", lambda b: of(b, tasks=b["tasks"][:1])), fact="those of tools:1"),
    twin("HIL-12", "one id for both", TWO, bodies("mid state", "main", same_ids), fact="one"),
    twin("HIL-13", "refused", TWO, status_code("submit", "B", 422), fact="HTTP 422"),
    twin("HIL-13", "only one step resumes", TWO, without_step("B", "audit:1"), fact="tools:1 agent:2"),
    twin("HIL-14", "the answer as text", "resume/parked/create/unwatched/value", reported("resume", "{}"), fact="{}"),
    twin("HIL-15", "the other question is gone", "resume/parked/create/unwatched/partial", bodies("mid state", "main",
         lambda b: of(b, tasks=[of(task, interrupts=[]) for task in b["tasks"]]), last=True), fact="no step"),
    twin("HIL-15", "both steps resume", "resume/parked/create/unwatched/partial", never_paused("B"),
         fact="audit:1 tools:1"),
    twin("HIL-16", "a wait without the question", "none/parking/wait/unwatched", bodies("submit", "A",
         lambda values: {name: values[name] for name in values if name != "__interrupt__"}), fact="`null`"),
    twin("HIL-16", "an empty list", "none/parking/wait/unwatched", bodies("submit", "A",
         lambda values: of(values, __interrupt__=[])), fact="`[]`"),
    twin("HIL-17", "no question in the stream", STREAMED, sent_to("A", lambda sent: [e for e in sent
         if "__interrupt__" not in (e["data"] or {})]), fact="no event has `__interrupt__`"),
    twin("HIL-17", "one of two questions in the stream", f"{STREAMED}/two-questions", sent_to("A", one_question),
         fact="audit:1"),
    twin("HIL-17", "an event of its own", STREAMED, sent_to("A", lambda sent: [of(e, event="__interrupt__")
         if "__interrupt__" in (e["data"] or {}) else e for e in sent]), fact="no event has `__interrupt__`"),
    twin("HIL-14", "a refusal is no answer", "resume/parked/create/unwatched/false-value", asked_again,
         fact="it asked again"),
]  # fmt: skip
