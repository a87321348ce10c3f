"""The gaps of the proofs, each with its reason. The tests fail if an entry is no longer true."""

from __future__ import annotations

UNPROVED: dict[str, str] = {
    "FRM-09": "the deadlines of these plays are shorter than a Retry-After of one second, so no request is sent again, "
    "and `tests/conformance/test_driver_needs.py` shows the verdict",
    "ERR-18": "no seam of the mock shows a state of a thread that does not exist, and a twin breaks it",
}
"""The requirements of level MUST or SHOULD whose verdict no defect changes, with the reason."""

UNDETECTED: dict[str, str] = {}
"""The defects that change no verdict, with the reason."""

FREEDOMS: dict[str, str] = {
    "default_reject": "the documented default is `enqueue`, and a server may declare another one",
    "reject_422": "the documented status of a refusal is 409, and a server may declare 422",
    "cancel_terminal_409": "the documented answer to such a cancel is 404, and a server may declare 409",
    "late_join_own_values": "the documented answer is the thread's state, and a server may declare the run's values",
}
"""The defects that change only verdicts of level PROFILE, with the freedom that a server may take."""

_INVENTED = (
    "The check fails only on data that must not exist. The edits change, drop, repeat and swap data but add none."
)
_DELIVERED = "The check reads the delivered webhooks, which no edit changes."
_ORDERED = (
    "The check compares an order. A changed id has an appended character, so it sorts as before, and no edit "
    "sorts a list."
)
_STREAMED = "The check reads the data of stream events, which no edit changes."
_RARE = "The check depends on one of several hundred facts in a record, and no edit hit that fact."

UNMOVED: dict[str, str] = {
    **dict.fromkeys(("RUN-08", "INT-08", "INT-11", "PST-03", "CHK-09", "REJ-03"), _INVENTED),
    **dict.fromkeys(("RBK-03", "RBK-05", "RBK-08", "RBK-12"), _INVENTED),
    **dict.fromkeys(("STR-03", "STR-14", "STR-18", "STR-25", "STR-33", "WHK-06"), _INVENTED),
    **dict.fromkeys(("WHK-01", "WHK-02", "WHK-04"), _DELIVERED),
    "SHP-05": _STREAMED,
    **dict.fromkeys(("RUN-10", "CHK-04", "ENQ-02"), _ORDERED),
    **dict.fromkeys(("PST-06", "PST-07", "CHK-02", "REJ-01", "RBK-07", "STR-11", "STR-22"), _RARE),
    **dict.fromkeys(("HIL-07", "HIL-08", "THR-09", "ERR-12"), _RARE),
}
"""The requirements whose checks catch none of the random edits, with the reason. Each catches its broken twin."""
