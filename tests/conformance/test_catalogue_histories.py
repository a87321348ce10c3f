from __future__ import annotations

from collections.abc import Mapping

import pytest

from conformance.histories.checker import check
from conformance.histories.freedoms import DEFAULT, EXACT, Freedoms
from conformance.histories.transcribe import transcribe
from conformance.judge.play import Play
from conformance.transcript.transcript import Transcript


@pytest.mark.parametrize("freedoms", [EXACT, DEFAULT], ids=["exact", "default"])
def test_every_history_of_the_catalogue_on_the_mock_is_legal(
    plays: Mapping[str, Transcript], freedoms: Freedoms
) -> None:
    verdicts = {name: check(transcribe(Play(transcript)), freedoms) for name, transcript in plays.items()}
    assert {name: verdict for name, verdict in verdicts.items() if verdict.kind == "illegal"} == {}
    judged = sum(verdict.kind == "legal" for verdict in verdicts.values())
    # The others have features that the model names as outside of it.
    assert judged / len(verdicts) > 0.8
    assert {v.why for v in verdicts.values() if v.kind == "unknown" and "outside" not in v.why} == set()
