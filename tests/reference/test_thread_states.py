"""The thread states that real servers leave today after the guides' double texts, compared with the reviewed ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.report.load import read_transcript
from conformance.report.report import transcript_path
from conformance.snapshots import from_transcript, render
from tests.conformance.runs import EVERYTHING, run_suite
from tests.reference.references import Reference, javascript, python
from tests.snapshots.recordings import STRATEGIES, newest, scenario_of, snapshot

REFERENCES = [
    pytest.param(python(4), "langgraph-api", marks=pytest.mark.reference, id="python"),
    pytest.param(javascript("2.0"), "langgraph-js", marks=pytest.mark.javascript, id="javascript"),
]
CHANGED = "{server} differs from {reviewed}, see below. Review it: python -m tests.snapshots REPORT_DIR"


@pytest.mark.parametrize(("reference", "name"), REFERENCES)
async def test_a_server_leaves_what_was_reviewed(reference: Reference, name: str, tmp_path: Path) -> None:
    """Return whether an unrecorded version leaves the same states, and print every change where it does not."""
    played = " or ".join(f"{scenario_of(strategy)}::" for strategy in STRATEGIES)
    with reference.serve(tmp_path / "server.log") as url:
        arguments = (f"--deployment-url={url}", f"--conformance-report={tmp_path}", "-k", played)
        run = await run_suite(*arguments, suite=EVERYTHING)
    left, reviewed = {}, {}
    for strategy in STRATEGIES:
        path = tmp_path / transcript_path(scenario_of(strategy))
        assert path.exists(), run.output
        state = from_transcript(read_transcript(path))
        left[strategy], reviewed[strategy] = render(state), snapshot(newest(name), strategy)
        server = (state.server or "a server without a name").replace(" ", "-")
    assert left == reviewed, CHANGED.format(server=server, reviewed=newest(name))
