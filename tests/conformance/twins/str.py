"""Broken twins of the requirements STR."""

from __future__ import annotations

from tests.conformance.plays import bodies
from tests.conformance.twins.edits import (
    QUEUED_STREAM,
    ROLLED_BACK,
    STREAMED,
    TOOLS,
    closed_at_once,
    drop_response,
    foreign_update,
    metadata_of,
    twin,
    without_metadata,
    without_updates,
)

TWINS = [
    twin("STR-01", "metadata comes late", STREAMED, without_metadata, fact="`values`"),
    twin("STR-01", "another run's id", STREAMED, metadata_of("somebody"), fact="run_id somebody"),
    twin("STR-05", "join hangs", f"{TOOLS[:-9]}joined", drop_response("join", "A"), fact="connection broken"),
    twin("STR-05", "join reports an error", TOOLS, bodies("join", "A", lambda _: {"__error__": {}}),
         fact="`__error__`"),
    twin("STR-06", "the error is swallowed", "interrupt/failed/create/unwatched",
         bodies("join", "A", lambda _: {"messages": []}), fact="values of 1 channels"),
    twin("STR-14", "another run's id", STREAMED, metadata_of("somebody"), fact="run somebody"),
    twin("STR-14", "another run's update", STREAMED, foreign_update, fact="A.call"),
    twin("STR-15", "the stream of a queued run ends at once", QUEUED_STREAM, closed_at_once, fact="closed before"),
    twin("STR-15", "the stream leaves the answer out", QUEUED_STREAM, without_updates, fact="no B.call"),
    twin("STR-19", "join hangs", ROLLED_BACK, drop_response("join", "A"), fact="connection broken"),
]  # fmt: skip
