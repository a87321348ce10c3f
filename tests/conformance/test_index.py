"""The index of a record, compared with a search of the whole record after every moment."""

from __future__ import annotations

import pytest

from conformance.scenarios.catalogue import catalogue
from conformance.transcript.index import Index
from conformance.transcript.transcript import (
    AnyMoment,
    NetworkFault,
    Request,
    Response,
    StreamEvent,
    Transcript,
    WitnessEvent,
)
from tests.conformance.plays import play_named

RECONNECTED = next(one.id for one in catalogue() if one.id.endswith("/reconnected"))
NAMES = ("interrupt/during-tools/create/unwatched", "interrupt/during-tools/create/streamed", RECONNECTED)


def naively_exchanges(moments: list[AnyMoment], purpose: str, about: str) -> list[int]:
    wanted = (purpose, f"{purpose} again")
    return [m.exchange for m in moments if isinstance(m, Request) and m.purpose in wanted and m.about == about]


def naively_result(moments: list[AnyMoment], exchange: int) -> AnyMoment | None:
    found = [m for m in moments if isinstance(m, Response | NetworkFault) and m.exchange == exchange]
    return found[-1] if found else None


def naively_reading(moments: list[AnyMoment], purpose: str, about: str) -> AnyMoment | None:
    asked = naively_exchanges(moments, purpose, about)
    found = [m for m in moments if isinstance(m, Response) and m.exchange in asked and m.status < 300]
    return found[-1] if found else None


@pytest.fixture(scope="module")
def plays() -> dict[str, Transcript]:
    return play_named(*NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_as_a_search_of_the_record_does(plays: dict[str, Transcript], name: str) -> None:
    play = plays[name]
    asked = {(m.purpose, m.about) for m in play.moments if isinstance(m, Request)}
    labels = {m.label for m in play.moments if isinstance(m, WitnessEvent)}
    index, before = Index(), list[AnyMoment]()
    for moment in play.moments:
        index.add(moment)
        before.append(moment)
        for purpose, about in asked:
            exact = [m for m in before if isinstance(m, Request) and (m.purpose, m.about) == (purpose, about)]
            assert index.exchange(purpose, about) == (exact[-1].exchange if exact else 0)
            if purpose.endswith("again"):
                continue
            numbers = naively_exchanges(before, purpose, about)
            assert index.exchanges(purpose, about) == numbers
            assert index.reading(purpose, about) is naively_reading(before, purpose, about)
            events = [m for m in before if isinstance(m, StreamEvent) and m.exchange in numbers]
            assert index.events(index.exchanges(purpose, about)) == events
        for label in labels:
            reports = [m for m in before if isinstance(m, WitnessEvent) and m.label == label]
            assert index.reports(label) == reports
    for request in (m for m in before if isinstance(m, Request)):
        assert index.result(request.exchange) is naively_result(before, request.exchange)
