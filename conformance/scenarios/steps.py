"""The steps of a turn of the probe agent."""

from __future__ import annotations

from typing import Final

from doubletext.probe import Work

STEPS: Final = ("agent:1", "tools:1", "agent:2")
"""The steps of a turn that asks for the weather; each writes the part that follows the input."""

WORKERS: Final[dict[Work, tuple[str, ...]]] = {
    "tools": ("tools:1",),
    "subgraph": ("search:1", "quote:1"),
    "parallel": ("tools:1", "audit:1"),
}
"""What stands in the place of the second step; its part is written when the last of them is done, or all are."""
