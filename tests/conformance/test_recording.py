"""The recorder: a record has what the clients of the scenario would have seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from conformance.transcript.recorder import Recorder
from conformance.transcript.redaction import Redactor
from conformance.transcript.transcript import Closed, Request, Response, Transcript


@pytest.mark.parametrize(
    ("raw", "content_type", "recorded"),
    [
        (b"", "application/json", None),
        (b"null", "application/json", None),
        (b'"text"', "application/json", "text"),
        (b'\n\n{"messages": []}', "text/plain; charset=UTF-8", {"messages": []}),
        (b"[1, 2]", "", [1, 2]),
        (b"{broken", "application/json", "{broken"),
        (b"[draft] of an answer", "text/plain", "[draft] of an answer"),
        (b"404", "text/plain", "404"),
    ],
)
async def test_a_body_is_json_where_a_client_would_read_it_as_such(
    raw: bytes, content_type: str, recorded: Any
) -> None:
    assert Recorder(Redactor({}, httpx.URL("http://127.0.0.1"))).body(raw, content_type) == recorded


@pytest.mark.parametrize(
    ("scenario", "whole"),
    [
        ("none/during-tools/stream/streamed/updates", Closed),
        ("cancel/during-tools/interrupt/streamed", Closed),
        ("interrupt/during-agent/create/waited", Response),
    ],
)
def test_the_client_of_a_run_is_its_only_reader(
    plays: Mapping[str, Transcript], scenario: str, whole: type[Closed | Response]
) -> None:
    moments = plays[scenario].moments
    submitted = next(m.exchange for m in moments if isinstance(m, Request) and (m.purpose, m.about) == ("submit", "A"))
    finished = next(m.seq for m in moments if isinstance(m, whole) and m.exchange == submitted)
    joins = [m.seq for m in moments if isinstance(m, Request) and (m.purpose, m.about) == ("join", "A")]
    assert joins
    # A join of the driver during the stream would be a second client, which a server may treat differently.
    assert min(joins) > finished
