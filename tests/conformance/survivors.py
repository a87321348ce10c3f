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

_INVENTED = "It forbids something that is not there; the edits change, drop, double and swap, and invent nothing."
_DELIVERED = "It looks at what webhooks delivered, which no edit touches."
_ORDERED = "It looks at an order: a changed id has one more sign at its end and sorts as before; no list is sorted."
_RARE = "The fact that decides is one among hundreds of its record, and none of the edits hit it."

UNMOVED: dict[str, str] = {
    **dict.fromkeys(("RUN-08", "INT-08", "INT-11", "PST-03", "CHK-09", "REJ-03"), _INVENTED),
    **dict.fromkeys(("RBK-03", "RBK-05", "RBK-08", "RBK-12"), _INVENTED),
    **dict.fromkeys(("STR-03", "STR-14", "STR-18", "STR-25", "STR-33", "WHK-06"), _INVENTED),
    **dict.fromkeys(("WHK-01", "WHK-02", "WHK-04"), _DELIVERED),
    **dict.fromkeys(("RUN-10", "CHK-04", "ENQ-02"), _ORDERED),
    **dict.fromkeys(("PST-06", "PST-07", "CHK-02", "REJ-01", "RBK-07", "STR-11", "STR-22"), _RARE),
    **dict.fromkeys(("HIL-07", "HIL-08", "THR-09", "ERR-12"), _RARE),
}
"""Requirements whose checks catch none of a machine's edits, and why; each catches its broken twin."""
