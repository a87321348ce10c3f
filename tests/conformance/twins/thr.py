"""Broken twins of the requirements THR."""

from __future__ import annotations

from tests.conformance.plays import Edit, Json, bodies, requests, status_code, thread_status
from tests.conformance.twins.edits import (
    CANCELLED,
    CANCELLED_PENDING,
    TOOLS,
    late_report,
    looks_during,
    of,
    search_finds_nothing,
    twin,
)

CHANGED = "none/finished/create/unwatched/change-thread"
TOGETHER = "missing-thread/created-together"
PARKED_WAIT = "none/parking/wait/unwatched"
COPIED = "none/finished/create/unwatched/copied"
EXISTS = "none/during-tools/create/unwatched/exists-already"
THREADS = "none/finished/create/unwatched/threads"


def whole_list(raw: Json) -> list[Json]:
    """Return the first list of threads, which has all of them."""
    found: list[Json] = next(requests(raw, "list threads"))[1]["body"]
    return found


def deleted_state_is_shown(raw: Json) -> None:
    """Answer the request for the state of the deleted thread with an empty state."""
    _, response = next(requests(raw, "mid state", "main"))
    response |= {"status": 200, "body": {}}


def deleted_thread_is_shown(raw: Json) -> None:
    """Answer the requests for the deleted thread with a thread."""
    for _, response in requests(raw, "look", "main"):
        response |= {"status": 200, "body": response["body"] if response["status"] == 200 else {}}


def last_of_together(code: int) -> Edit:
    """Let the last creation of the second thread have this status."""

    def edit(raw: Json) -> None:
        *_, (_, response) = requests(raw, "create together", "second")
        response["status"] = code

    return edit


def with_old_message(state: Json) -> Json:
    """Return a state that also has the message of the deleted conversation."""
    old = {"type": "human", "id": "old", "content": "what's the weather in sf?"}
    return of(state, values=of(state["values"], messages=[old, *state["values"]["messages"]]))


def metadata_after_creation(raw: Json) -> None:
    """Show no metadata of the thread in the readings that follow its second creation."""
    _, creation = next(requests(raw, "create together", "main"))
    since = raw["moments"].index(creation)
    for request, response in requests(raw, "look", "main"):
        if raw["moments"].index(request) > since:
            response["body"]["metadata"] = {}


TWINS = [
    twin("THR-01", "a status of its own", TOOLS, thread_status("cancelled"), fact="`cancelled`"),
    twin("THR-02", "idle while a run is in flight", TOOLS, looks_during("A", "idle"), fact="`idle`"),
    twin("THR-03", "busy for ever", TOOLS, thread_status("busy"), fact="`busy`"),
    twin("THR-03", "interrupted in the end", TOOLS, thread_status("interrupted"), fact="`interrupted`"),
    twin("THR-07", "a failure does not show", "interrupt/failed/create/unwatched",
         thread_status("idle", purpose="look"), fact="`idle`"),
    twin("THR-07", "a failure is never cleared", "interrupt/failed/create/unwatched", thread_status("error"),
         fact="`error`"),
    twin("THR-08", "busy after join", TOOLS, thread_status("busy", purpose="look"),
         thread_status("busy"), fact="`busy`"),
    twin("THR-09", "search does not see it", f"{TOOLS}/elsewhere", search_finds_nothing, fact="not found"),
    twin("THR-09", "search shows another status", f"{TOOLS}/elsewhere", bodies("search threads", "busy",
         lambda found: [of(thread, status="idle") for thread in found]), fact='`["idle"]`'),
    twin("THR-10", "idle before the successor began", TOOLS, looks_during("B", "idle"), fact="`idle`"),
    twin("THR-04", "another status", CANCELLED, thread_status("idle"), fact="`idle`"),
    twin("THR-05", "idle while another run executes", CANCELLED_PENDING, looks_during("Z", "idle"), fact="`idle`"),
    twin("THR-06", "busy for ever", CANCELLED, thread_status("busy"), fact="`busy`"),
    twin("THR-11", "the thread stays", "delete/during-tools/thread/unwatched", status_code("final thread", "main", 200),
         fact="HTTP 200"),
    twin("THR-11", "its run goes on", "delete/during-tools/thread/unwatched", late_report("A", "agent:2", "enter"),
         fact="agent:2 reported `enter`"),
    twin("THR-20", "every thread is found", THREADS,
         lambda raw: bodies("list threads", "main", lambda _: whole_list(raw))(raw), fact=", "),
    twin("THR-21", "every page is the first", THREADS,
         bodies("list threads", "main", lambda found: found[:1]), fact="["),
    twin("THR-22", "an order is ignored", THREADS,
         bodies("list threads", "main", lambda found: found[::-1]), fact=", "),
    twin("THR-23", "all are counted", THREADS, bodies("count threads", "main", lambda _: 2), fact="2"),
    twin("THR-30", "the state of a deleted thread is shown", "delete/finished/thread/unwatched/created-again",
         deleted_state_is_shown, fact="HTTP 200"),
    twin("THR-37", "the thread is still there", "delete/finished/thread/unwatched/created-again",
         deleted_thread_is_shown, fact="HTTP 200"),
    twin("THR-31", "an old message is back", "delete/finished/thread/unwatched/created-again",
         bodies("final state", "main", with_old_message), fact="A.human"),
    twin("THR-32", "a conflict", TOGETHER, status_code("create together", "fresh", 409), fact="HTTP 409"),
    twin("THR-32", "another thread", TOGETHER, bodies("create together", "fresh", lambda b: of(b, thread_id="x")),
         fact="`x`"),
    twin("THR-33", "all succeed", TOGETHER, status_code("create together", "second", 200), fact="8 2xx answers"),
    twin("THR-33", "none succeeds", TOGETHER, status_code("create together", "second", 409), fact="0 2xx answers"),
    twin("THR-33", "a failure of the server", TOGETHER, last_of_together(500), fact="HTTP 500"),
    twin("THR-34", "no questions", PARKED_WAIT, bodies("final thread", "main", lambda b: of(b, interrupts={})),
         fact="values"),
    twin("THR-34", "no values", PARKED_WAIT, bodies("final thread", "main", lambda b: of(b, values=None)),
         fact="interrupts"),
    twin("THR-35", "refused", CHANGED, status_code("change thread", "main", 404), fact="HTTP 404"),
    twin("THR-35", "the rest is lost", CHANGED, bodies("final thread", "main",
         lambda b: of(b, metadata={"doubletext_title": "Weather"})), fact='{"doubletext":null'),
    twin("THR-35", "nothing is changed", CHANGED, bodies("final thread", "main",
         lambda b: of(b, metadata={**b["metadata"], "doubletext_title": None})), fact="doubletext_title"),
    twin("THR-35", "the values are lost", CHANGED, bodies("final thread", "main", lambda b: of(b, values=None)),
         fact="null"),
    twin("THR-32", "the thread that exists gets other metadata", EXISTS, metadata_after_creation, fact="{}"),
    twin("THR-36", "no copies", COPIED, status_code("copy thread", "copy", 404), fact="HTTP 404"),
    twin("THR-36", "a copy without a history", COPIED, bodies("copied history", "main", lambda _: []),
         fact="values: []"),
    twin("THR-36", "the run is on the thread", COPIED, bodies("final history", "main", lambda e: [e[0], *e]),
         fact="another one"),
    twin("THR-36", "the run leaves no trace", COPIED,
         bodies("copied history", "main", lambda e: e[-5:], last=True), fact="5"),
]  # fmt: skip
