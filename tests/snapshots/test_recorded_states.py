"""The thread states of the guides' double texts, on every server that was recorded, and on the mock as it is now."""

from __future__ import annotations

import pytest

from conformance.report.load import read_thread_state
from conformance.snapshots import from_transcript, render
from conformance.transcript.transcript import Transcript
from tests.conformance.plays import play_named
from tests.snapshots.recordings import FOLDER, STRATEGIES, newest, scenario_of, servers, snapshot

MOCK = "doubletext-mockserver"


@pytest.fixture(scope="module")
def plays() -> dict[str, Transcript]:
    return play_named(*(scenario_of(strategy) for strategy in STRATEGIES))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("server", servers())
def test_a_recording_reads_as_it_was_reviewed(server: str, strategy: str) -> None:
    assert render(read_thread_state(FOLDER / server / f"{strategy}.json")) == snapshot(server, strategy)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_mock_leaves_what_was_reviewed(strategy: str, plays: dict[str, Transcript]) -> None:
    assert render(from_transcript(plays[scenario_of(strategy)])) == snapshot(newest(MOCK), strategy)


@pytest.mark.parametrize("server", ["langgraph-api", "langgraph-js", MOCK])
def test_every_server_of_the_field_is_recorded(server: str) -> None:
    assert all((FOLDER / newest(server) / f"{strategy}.json").exists() for strategy in STRATEGIES)
