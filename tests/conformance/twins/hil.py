"""Broken twins of the requirements HIL."""

from __future__ import annotations

from tests.conformance.plays import bodies, run_status, thread_status
from tests.conformance.twins.edits import PARKED, of, resumes, twin

TWINS = [
    twin("HIL-01", "no question in the thread", PARKED,
         bodies("look", "main", lambda b: of(b, interrupts={})), fact="`{}`"),
    twin("HIL-01", "the thread reads idle", PARKED, thread_status("idle", purpose="look"), fact="`idle`"),
    twin("HIL-02", "another status", PARKED, run_status("A", "interrupted"), fact="`interrupted`"),
    twin("HIL-03", "a dead question stays", PARKED,
         bodies("final thread", "main", lambda b: of(b, interrupts={"t": [{"value": 1}]})), fact="'value': 1"),
    twin("HIL-04", "the parked step is resumed", PARKED, resumes, fact="run B began with tools:1"),
]  # fmt: skip
