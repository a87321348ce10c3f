"""Broken twins of the requirements HIL."""

from __future__ import annotations

from tests.conformance.plays import bodies, run_status, thread_status
from tests.conformance.twins.edits import (
    PARKED,
    begins_anew,
    late_report,
    of,
    resumes,
    twin,
)

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
]  # fmt: skip
