"""The steps of a turn of the probe agent."""

from __future__ import annotations

from typing import Final

from doubletext.probe import Work

STEPS: Final = ("agent:1", "tools:1", "agent:2")
"""The steps of a turn with a tool call. Each writes one message: the call, its result, the answer."""

WORKERS: Final[dict[Work, tuple[str, ...]]] = {
    "tools": ("tools:1",),
    # One message in spite of two steps: the node `research` writes the result when its child graph has finished.
    "subgraph": ("search:1", "quote:1"),
    "parallel": ("tools:1", "audit:1"),
}
"""The steps that replace the second step. The tool's result is written when all of them have finished."""
