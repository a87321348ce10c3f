"""Transcripts of the suite as respx routes: what the deployment answered, a client gets again, without any server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from langgraph_sdk import get_sync_client

from conformance.scenarios.catalogue import catalogue
from mockserver.replay import NotRecordedError, TranscriptError, replaying
from tests.conformance.plays import play

URL = "http://deployment.test/base"


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    """Hold a conversation with streams, in which a watched run supersedes another."""
    scenario = next(one for one in catalogue() if one.id == "interrupt/during-tools/stream/unwatched")
    (transcript,) = play([scenario]).values()
    found: dict[str, Any] = msgspec.to_builtins(transcript)
    return found


def of_kind(recorded: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [moment for moment in recorded["moments"] if moment["kind"] == kind]


def test_every_request_is_answered_as_it_was(recorded: dict[str, Any]) -> None:
    answers = {moment["exchange"]: moment for moment in of_kind(recorded, "response")}
    events = of_kind(recorded, "stream")
    streams = 0
    with replaying(recorded, base_url=URL), httpx.Client() as http:
        for request in of_kind(recorded, "request"):
            answer = answers[request["exchange"]]
            got = http.request(request["method"], URL + request["path"], json=request["body"])
            assert got.status_code == answer["status"]
            if answer.get("streamed"):
                streams += 1
                names = [event["event"] for event in events if event["exchange"] == request["exchange"]]
                assert [line[7:] for line in got.text.splitlines() if line.startswith("event: ")] == names
            elif isinstance(answer.get("body"), dict | list):
                assert got.json() == answer["body"]
    assert streams >= 1


def test_the_official_client_reads_it(recorded: dict[str, Any]) -> None:
    thread = recorded["threads"]["main"]
    with replaying(recorded, base_url=URL):
        client = get_sync_client(url=URL)
        assert client.threads.create()["thread_id"] == thread
        run = client.runs.create(thread, "agent", input={})
        assert (run["thread_id"], run["status"]) == (thread, "pending")
        assert client.runs.get(thread, run["run_id"])["run_id"] == run["run_id"]


def test_one_request_too_many_and_one_that_nobody_made(recorded: dict[str, Any]) -> None:
    with replaying(recorded, base_url=URL), httpx.Client(base_url=URL) as http:
        http.post("/threads", json={})
        with pytest.raises(NotRecordedError, match=r"POST .*/threads was sent 2 times, .* recorded responses is 1"):
            http.post("/threads", json={})
        with pytest.raises(Exception, match="not mocked"):
            http.get("/nothing")


def test_a_connection_that_broke_breaks_again(recorded: dict[str, Any]) -> None:
    fault = {"kind": "fault", "seq": 1, "t": 0.1, "exchange": 1, "error": "ReadError: reset"}
    request = {"kind": "request", "seq": 0, "t": 0, "exchange": 1, "method": "GET", "path": "/ok", "body": None}
    broken = {**recorded, "moments": [request, fault]}
    with replaying(broken, base_url=URL), pytest.raises(httpx.ReadError, match="reset"):
        httpx.get(f"{URL}/ok")


def test_what_is_no_transcript_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text, told in (("{", "truncated"), ("{}", "is not a transcript"), ("[]", "is not a transcript")):
        path.write_text(text)
        with pytest.raises(TranscriptError, match=told):
            replaying(path, base_url=URL)
    with pytest.raises(TranscriptError, match="No such file"):
        replaying(tmp_path / "missing.json", base_url=URL)
