"""What no defect kills, and what kills nothing, with the reason; an entry that is not so any more fails the tests."""

from __future__ import annotations

SURVIVORS: dict[str, str] = {}
"""Requirements of level MUST or SHOULD, and why no defect turns their verdict."""

BLIND: dict[str, str] = {}
"""Defects, and why no requirement notices them."""

FREEDOMS: dict[str, str] = {
    "default_reject": "the default is documented as `enqueue`, and a server may declare another",
    "reject_422": "a refusal is documented as 409, and a server may declare 422",
    "cancel_terminal_409": "such a cancel is documented to be answered 404, and a server may declare 409",
}
"""Defects that turn only requirements of level PROFILE, and why: what they do is a freedom that a server may take."""

UNMOVED: dict[str, str] = {}
"""Requirements whose checks catch none of a machine's edits, and why."""
