"""Broken twins of the requirements RBK."""

from __future__ import annotations

from tests.conformance.plays import (
    bodies,
    history,
    messages,
    status_code,
)
from tests.conformance.twins.edits import (
    ROLLED_BACK,
    finished_step_is_kept,
    left_over,
    of,
    still_listed,
    twin,
)

TWINS = [
    twin("RBK-13", "a busy thread is not rolled back", ROLLED_BACK, status_code("submit", "B", 409), fact="HTTP 409"),
    twin("RBK-01", "the record stays", ROLLED_BACK, status_code("final run", "run A", 200),
         bodies("final run", "run A", lambda _: {"status": "error"}), fact="`error`"),
    twin("RBK-01", "the record is still listed", ROLLED_BACK, still_listed, fact="it is listed"),
    twin("RBK-02", "its input stays", ROLLED_BACK,
         messages(lambda f: [{"type": "human", "id": "x", "content": "what's the weather in sf?"}, *f]),
         fact="[A.human B.human"),
    twin("RBK-03", "a checkpoint stays", ROLLED_BACK, history(left_over), fact="A.human"),
    twin("RBK-04", "an earlier turn's checkpoint is gone", f"{ROLLED_BACK}/second-turn", history(lambda e: e[:-1]),
         fact="gone"),
    twin("RBK-04", "an earlier turn is changed", f"{ROLLED_BACK}/second-turn",
         history(lambda e: [*e[:-1], of(e[-1], created_at="later")]), fact="changed"),
    twin("RBK-05", "a late write comes back", "rollback/swallowing/create/unwatched", history(left_over),
         fact="A.human"),
    twin("RBK-06", "a running run ends error", ROLLED_BACK,
         status_code("final run", "run A", 200), bodies("final run", "run A", lambda _: {"status": "error"}),
         fact="`error`"),
    twin("RBK-07", "another channel keeps its values", ROLLED_BACK,
         bodies("final state", "main", lambda b: of(b, values=of(b["values"], steps=["A/agent:1"]))),
         fact="A/agent:1"),
    twin("RBK-08", "a pending run's input is kept", "rollback/pending/create/unwatched",
         messages(lambda f: [*f, {"type": "human", "id": "x", "content": "what's the weather in sf?"}]),
         fact="A.human"),
    twin("RBK-09", "the thread shows the old values", ROLLED_BACK,
         bodies("final thread", "main", lambda b: of(b, values=None)), fact="`null`"),
    twin("RBK-11", "only one of two is rolled back", "rollback/pending/create/unwatched",
         status_code("final run", "run Z", 200), bodies("final run", "run Z", lambda _: {"status": "success"}),
         fact="`success`"),
    twin("RBK-10", "half a superstep reappears", "rollback/half-superstep/create/unwatched", finished_step_is_kept,
         fact="A/audit:1"),
    twin("RBK-12", "a child's checkpoint stays", "rollback/in-subgraph/create/unwatched",
         bodies("final child history", "main", lambda _: [{"next": ["search"]}]), fact="1 in the history"),
]  # fmt: skip
