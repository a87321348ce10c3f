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
    "thread_without_values": "no description requires these fields, and a server may declare that it shows neither",
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
_TIMED = (
    "The check compares times. A changed time has an appended character, so it is no time any more, which SHP-04 "
    "judges."
)
_LASTING = "The check needs one contradiction in two readings, and an edit changes one reading."
_REPORTED = "The check reads what the agent reported. The edits drop and swap reports, but change none."
_ENTERED = (
    "The check reads the agent's reports. The verdict about a record in which one is missing or out of order is "
    "inconclusive."
)
_ADAPTED = "The check reads what the driver changed in a refused request. No edit adds such a change."
_STREAMED = "The check reads the data of stream events, which no edit changes."
_SPELLED = "The check compares the case of the letters of ids, which no edit changes."
_HEADERS = "The check compares numbers in headers with the length of a list. The edits drop headers and change none."
_RARE = "The check depends on one of several hundred facts in a record, and no edit hit that fact."

UNMOVED: dict[str, str] = {
    **dict.fromkeys(("RUN-08", "INT-08", "INT-11", "PST-03", "CHK-09", "REJ-03"), _INVENTED),
    **dict.fromkeys(("CHK-34",), _INVENTED),
    **dict.fromkeys(("CHK-33", "CHK-35", "THR-34", "THR-37", "CRN-15"), _RARE),
    **dict.fromkeys(("RBK-03", "RBK-05", "RBK-08", "RBK-10", "RBK-12"), _INVENTED),
    **dict.fromkeys(("STR-03", "STR-14", "STR-18", "STR-25", "STR-33", "THR-31", "WHK-06"), _INVENTED),
    **dict.fromkeys(("WHK-01", "WHK-02", "WHK-04", "WHK-11", "WHK-12"), _DELIVERED),
    **dict.fromkeys(("SHP-05", "STR-42", "STR-49"), _STREAMED),
    **dict.fromkeys(("RUN-10", "CHK-04", "ENQ-02"), _ORDERED),
    **dict.fromkeys(("CHK-29", "CRN-10"), _TIMED),
    **dict.fromkeys(("AGR-13",), _SPELLED),
    **dict.fromkeys(("CLI-15",), _HEADERS),
    **dict.fromkeys(("RUN-31", "THR-02", "THR-05"), _LASTING),
    **dict.fromkeys(("RUN-23", "HIL-14"), _REPORTED),
    **dict.fromkeys(("PST-12", "HIL-04"), _ENTERED),
    **dict.fromkeys((f"FRM-{number:02}" for number in range(1, 10)), _ADAPTED),
    **dict.fromkeys(("PST-06", "PST-07", "PST-11", "CHK-02", "REJ-01", "RBK-07", "STR-11", "STR-22"), _RARE),
    **dict.fromkeys(("CHK-20", "CHK-21", "CHK-22", "CHK-28", "ENQ-08"), _RARE),
    **dict.fromkeys(("HIL-03", "HIL-07", "HIL-08", "HIL-12", "THR-21", "AGR-12", "CRN-11", "ERR-12"), _RARE),
}
"""The requirements whose checks catch none of the random edits, with the reason. Each catches its broken twin."""
