"""Requirements that no defect kills, and defects that kill nothing, with the reason.

The tests fail for an entry that is no longer true.
"""

from __future__ import annotations

SURVIVORS: dict[str, str] = {}
"""Requirements of level MUST or SHOULD that no defect kills, with the reason."""

BLIND: dict[str, str] = {}
"""Defects that no requirement notices, with the reason."""

FREEDOMS: dict[str, str] = {
    "default_reject": "the default is documented as `enqueue`, and a server may declare another",
    "reject_422": "a refusal is documented as 409, and a server may declare 422",
    "cancel_terminal_409": "such a cancel is documented to be answered 404, and a server may declare 409",
}
"""Defects that kill only requirements of level PROFILE, with the freedom that a server may take."""

_INVENTED = (
    "It forbids something that is not in the record. The edits change, drop, duplicate and swap, and add nothing new."
)
_DELIVERED = "It reads the deliveries of webhooks, which no edit changes."
_ORDERED = (
    "It compares an order. A changed id gains a character at its end and sorts as before, and no edit reorders a list."
)
_RARE = "A single value among hundreds of its record decides, and none of the edits hit it."

UNMOVED: dict[str, str] = {
    **dict.fromkeys(("RUN-08", "INT-08", "INT-11", "PST-03", "CHK-09", "REJ-03"), _INVENTED),
    **dict.fromkeys(("RBK-03", "RBK-05", "RBK-08", "RBK-12"), _INVENTED),
    **dict.fromkeys(("STR-03", "STR-14", "STR-18", "STR-25", "STR-33", "WHK-06"), _INVENTED),
    **dict.fromkeys(("WHK-01", "WHK-02", "WHK-04"), _DELIVERED),
    **dict.fromkeys(("RUN-10", "CHK-04", "ENQ-02"), _ORDERED),
    **dict.fromkeys(("PST-06", "PST-07", "CHK-02", "REJ-01", "RBK-07", "STR-11", "STR-22"), _RARE),
    **dict.fromkeys(("HIL-07", "HIL-08", "THR-09", "ERR-12"), _RARE),
}
"""Requirements whose checks catch none of the random edits, with the reason. Each catches its broken twin."""
