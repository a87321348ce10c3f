"""Runs that start, write their input and are superseded before their first step reports anything.

Observed on `langgraph dev` with one worker: the third of four runs had started when the fourth was created.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from conformance.judge.judging import judge
from conformance.judge.play import Play
from conformance.judge.profiles import NOTHING_DECLARED
from conformance.requirements import registry
from conformance.transcript.transcript import Transcript
from tests.conformance.plays import edited, messages

THRICE = "interrupt/thrice/create/unwatched"


def with_input_of(label: str, plays: Mapping[str, Transcript]) -> Play:
    """Return the play of four texts with the input of run `label` added to the state, in the order of the texts."""
    texts = [move.text for move in plays[THRICE].scenario.submits()]
    text = next(move.text for move in plays[THRICE].scenario.submits() if move.label == label)
    later = texts[texts.index(text) + 1 :]

    def change(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        # The mock may have started the run itself, and a second input would be illegal.
        if any(message["content"] == text for message in found):
            return found
        at = next(index for index, message in enumerate(found) if message["content"] in later)
        return [*found[:at], {"type": "human", "id": "of-its-own", "content": text}, *found[at:]]

    return Play(edited(plays[THRICE], messages(change)))


@pytest.mark.parametrize("requirement", ["INT-05", "INT-08"])
@pytest.mark.parametrize("label", ["C", "D"])
def test_the_input_of_a_run_that_was_started_unseen_is_legal(
    plays: Mapping[str, Transcript], requirement: str, label: str
) -> None:
    verdict = judge(registry.load().get(requirement), with_input_of(label, plays), NOTHING_DECLARED)
    assert verdict.word == "PASS", verdict
