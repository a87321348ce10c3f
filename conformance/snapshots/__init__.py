"""Snapshots of a thread's state that can be compared between servers, versions and days.

`read_thread` reads everything that a deployment reports about a thread. `render` turns it into text without ids and
times that still shows which entry refers to which. The pytest fixture `thread_state_snapshot` compares that text with
a file.
"""

from __future__ import annotations

from conformance.snapshots.noise import RULES, NoiseRule
from conformance.snapshots.record import ThreadState, from_transcript, read_thread
from conformance.snapshots.render import render

__all__ = ["RULES", "NoiseRule", "ThreadState", "from_transcript", "read_thread", "render"]
