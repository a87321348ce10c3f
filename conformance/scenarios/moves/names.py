"""The names of threads and runs in a scenario, and the values of the fields of its moves."""

from __future__ import annotations

from typing import Final, Literal

Strategy = Literal["enqueue", "reject", "interrupt", "rollback"]
Endpoint = Literal["create", "stream", "wait"]
RunStatus = Literal["pending", "running", "error", "success", "timeout", "interrupted"]
StreamMode = Literal[
    "values", "updates", "messages-tuple", "messages", "custom", "events", "tasks", "checkpoints", "debug"
]

Mistake = Literal["strategy", "assistant", "thread", "unknown", "join", "id", "json", "field", "query", "bulk", "odd"]
"""The kind of error in a request.

`unknown` is a well-formed id of nothing, and `join` the same in a request that waits for a run. `id` is a malformed id.
`odd` is unusual, but possibly valid.
"""

MAIN = "main"
OTHER = "other"
FRESH = "fresh"
MISSING = "missing"
UNKNOWN_RUN = "nobody"
"""The names of threads and runs in a scenario.

The client chooses the id of the fresh thread, and the first run on it creates it.
The missing thread and the unknown run are never created.
"""

STATELESS = "stateless"
"""Used in place of a thread: the run is created without one. The thread it gets is named `thread_of(label)`."""

UNKNOWN_ASSISTANT: Final = "00000000-0000-4000-8000-000000000000"
"""A well-formed id that no assistant has."""

ASKED = "asked"
"""The label of the runs that a server creates if it accepts the request of an `Ask`."""


ON_THREAD: Final = {
    MAIN: None,
    OTHER: "on another thread",
    FRESH: "on a thread that does not exist yet",
    MISSING: "on a thread that does not exist",
    STATELESS: "without a thread",
}
"""The descriptions of the threads. The main thread is the usual one and is not mentioned."""


def thread_of(label: str) -> str:
    """Return the name of the thread of the stateless run `label`."""
    return f"thread of {label}"


def nodes(named: tuple[str, ...]) -> Literal["*"] | list[str] | None:
    """Return nodes at which a run stops as a request names them."""
    return "*" if named == ("*",) else list(named) or None
