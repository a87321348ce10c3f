"""What no defect kills, and what kills nothing, with the reason; an entry that is not so any more fails the tests."""

from __future__ import annotations

SURVIVORS: dict[str, str] = {}
"""Requirements of level MUST or SHOULD, and why no defect turns their verdict."""

BLIND: dict[str, str] = {}
"""Defects, and why no requirement notices them."""

UNMOVED: dict[str, str] = {}
"""Requirements whose checks catch none of a machine's edits, and why."""
