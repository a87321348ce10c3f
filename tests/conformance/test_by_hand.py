"""The shell script with which a failure can be repeated without the suite."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from conformance.judge.play import Play
from conformance.report.failure import by_hand
from conformance.transcript.transcript import Transcript
from tests.conformance.plays import edited, play_named
from tests.conformance.reports import NAMES, TOOLS


@pytest.fixture(scope="module")
def plays() -> dict[str, Transcript]:
    return play_named(*NAMES)


def words(transcript: Transcript) -> list[list[str]]:
    """Return the lines of the script as a shell splits them. Raise ValueError for an unclosed quotation mark."""
    return [shlex.split(line) for line in by_hand(Play(transcript)).splitlines()]


def test_an_interrupt_is_repeated_on_a_new_thread(plays: dict[str, Transcript]) -> None:
    script = by_hand(Play(plays[TOOLS]))
    thread, run_a, *_ = script.splitlines()
    url = plays[TOOLS].target.url
    assert thread == (
        f"THREAD_main=$(curl -sS -X POST '{url}/threads' -H 'content-type: application/json' --data '{{}}' "
        "| jq -r .thread_id)"
    )
    assert run_a.startswith(f"""RUN_A=$(curl -sS -X POST '{url}/threads/'"$THREAD_main"'/runs' -H 'content-type:""")
    [second] = [line for line in script.splitlines() if line.startswith("RUN_B=")]
    assert '"multitask_strategy":"interrupt"' in second
    assert '"hold":{"tools:1/enter":' in run_a
    # The witness of the play is gone when a person runs the script: holds are timed, and the thread is a new one.
    assert "witness" not in script
    assert plays[TOOLS].threads["main"] not in script
    assert script.splitlines()[-3:][0].endswith("/state?subgraphs=false' | jq .")


def test_every_script_is_one_for_a_shell(plays: dict[str, Transcript]) -> None:
    for transcript in plays.values():
        assert all(words(transcript))


def test_a_record_from_a_stranger_puts_no_command_into_the_script(plays: dict[str, Transcript]) -> None:
    evil = "x'; touch /tmp/owned; '$(touch /tmp/owned)"

    def spoil(raw: dict[str, Any]) -> None:
        raw["threads"] = {"main": evil, evil: "12345678"}
        for moment in raw["moments"]:
            if moment["kind"] == "request":
                moment |= {"method": evil, "path": f"/{evil}", "body": {"x": evil}}
                moment["about"] = moment["about"] if moment["purpose"] != "submit" else evil
            if moment["kind"] == "response" and isinstance(moment["body"], dict):
                moment["body"]["run_id"] = evil

    for line in words(edited(plays[TOOLS], spoil)):
        # Without quotation marks the shell would split it into separate words.
        assert not {"touch", "/tmp/owned;"} & set(line), line
