"""The bound on the size of a transcript in a file: what is over it is cut, and the transcript states how much.

A verdict is given on the whole record, before anything is cut. A server that answers every poll with a megabyte would
else leave forty megabytes for each of 258 scenarios.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from conformance.transcript.transcript import AnyMoment, Delivery, Request, Response, StreamEvent, Transcript

MAX_KEPT: Final = 8 * 1024 * 1024
"""Bytes of the bodies of one transcript. Those of the mock, which answers no more than it must, have about 100 kB."""

_FIELDS: Final[dict[type[AnyMoment], str]] = {Request: "body", Response: "body", StreamEvent: "data", Delivery: "body"}
"""By the type of a moment: the field whose size is up to the deployment, or to the scenario."""


def bounded(transcript: Transcript, limit: int = MAX_KEPT) -> Transcript:
    """Return the transcript with its largest bodies cut until those that are left have `limit` bytes in all.

    Each of its earlier plays is bounded by itself.
    """
    earlier = tuple(bounded(one, limit) for one in transcript.earlier)
    transcript = msgspec.structs.replace(transcript, earlier=earlier) if earlier else transcript
    sizes = {
        index: len(msgspec.json.encode(_body(moment)))
        for index, moment in enumerate(transcript.moments)
        if type(moment) in _FIELDS
    }
    excess = sum(sizes.values()) - limit
    if excess <= 0:
        return transcript
    moments, cut = list(transcript.moments), 0
    for index in sorted(sizes, key=lambda one: sizes[one], reverse=True):
        if cut >= excess:
            break
        cut += sizes[index]
        moment = moments[index]
        moments[index] = msgspec.structs.replace(moment, **{_FIELDS[type(moment)]: f"[cut: {sizes[index]} bytes]"})
    return msgspec.structs.replace(transcript, moments=moments, cut=cut)


def _body(moment: AnyMoment) -> Any:
    return getattr(moment, _FIELDS[type(moment)])
