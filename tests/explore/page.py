"""The page of the proof."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def render(rows: Sequence[dict[str, Any]]) -> str:
    """Return the page of these rows."""
    return "\n".join(str(row) for row in rows)
