"""The ids of runs and threads, read from the record of a play.

A deployment may report an id in several ways, and does not have to use all of them. The driver reads a record that
still grows. The judge reads a complete one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from conformance import api
from conformance.api import Purpose
from conformance.transcript.transcript import AnyMoment, Request, Response, StreamEvent, Transcript, WitnessEvent


def run_id(moments: Sequence[AnyMoment], label: str) -> str | None:
    """Return the id of run `label`. Return None while the record does not show it.

    The sources, in order of precedence, are the body and headers of the response to its creation, the `metadata` event
    of its stream (also after the client reconnected), the reports of its agent, and a list of the thread's runs.
    """
    return next(_run_ids(moments, label), None)


def _run_ids(moments: Sequence[AnyMoment], label: str) -> Iterator[str]:
    created = _exchanges(moments, label, "submit")
    for answer in _made(moments, created):
        if found := api.run_id(_of_success(answer), answer.headers):
            yield found
    # The official client reconnects to a stream that was cut, and the `metadata` event may come only then.
    streams = created | _exchanges(moments, label, "submit again")
    for moment in moments:
        if (
            isinstance(moment, StreamEvent)
            and moment.exchange in streams
            and (found := api.streamed_run_id(moment.event, moment.data))
        ):
            yield found
    yield from (m.run_id for m in moments if isinstance(m, WitnessEvent) and m.label == label and m.run_id)
    for answer in _accepted(moments, _exchanges(moments, label, "find run", "find run again")):
        if found := api.listed_run(answer.body, label):
            yield found


def thread_id(moments: Sequence[AnyMoment], label: str) -> str | None:
    """Return the id of the thread of the stateless run `label`, from the body or headers of the response."""
    answers = _made(moments, _exchanges(moments, label, "submit"))
    return next(filter(None, (api.thread_id(_of_success(answer), answer.headers) for answer in answers)), None)


_UUID: Final = re.compile(rb"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b")


def in_small_letters(transcript: Transcript) -> Transcript:
    """Return a record with every UUID in small letters, however a deployment and its agent spell them."""
    found = msgspec.json.encode(transcript)
    return msgspec.json.decode(_UUID.sub(lambda one: one[0].lower(), found), type=Transcript)


def _exchanges(moments: Sequence[AnyMoment], label: str, *purposes: Purpose) -> set[int]:
    return {m.exchange for m in moments if isinstance(m, Request) and m.about == label and m.purpose in purposes}


def _made(moments: Sequence[AnyMoment], exchanges: set[int]) -> Iterator[Response]:
    """Yield the responses to these exchanges that show that a run was created, in order."""
    answers = (m for m in moments if isinstance(m, Response) and m.exchange in exchanges)
    yield from (answer for answer in answers if api.made_run(answer.status, answer.headers))


def _of_success(answer: Response) -> object:
    """Return the body of a 2xx response. That of an error may name other things."""
    return answer.body if answer.status < 300 else None


def _accepted(moments: Sequence[AnyMoment], exchanges: set[int]) -> Iterator[Response]:
    """Yield the 2xx responses to these exchanges, in order."""
    for moment in moments:
        if isinstance(moment, Response) and moment.exchange in exchanges and 200 <= moment.status < 300:
            yield moment
