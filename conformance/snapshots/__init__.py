"""Snapshots of a thread's state that can be compared between servers, versions and days.

`read_thread` reads everything that a deployment tells about a thread; `render` writes it down so that ids and times are
no part of it, but who refers to whom is. The pytest fixture `thread_state_snapshot` compares it with what was kept.
"""

from __future__ import annotations

from conformance.snapshots.noise import RULES, NoiseRule
from conformance.snapshots.record import ThreadState, from_transcript, read_thread
from conformance.snapshots.render import render

__all__ = ["RULES", "NoiseRule", "ThreadState", "from_transcript", "read_thread", "render"]
