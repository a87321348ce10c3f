"""The plays of an earlier run that ended before its time, which another run need not play again."""

from __future__ import annotations

from pathlib import Path

from conformance.report.load import Unreadable, read_transcript
from conformance.report.report import transcript_path
from conformance.scenarios.scenario import Scenario
from conformance.transcript.transcript import NetworkFault, Request, SuiteInfo, Transcript


def kept(folder: Path, scenario: Scenario, url: str, assistant: str, suite: SuiteInfo) -> Transcript | None:
    """Return the transcript of this scenario in a report's folder. Return None if it is to be played again.

    A transcript is used only if it is whole, of the same deployment, assistant, rule book and scenario, and without a
    broken connection. The deployment may have ended at that time.
    """
    path = folder / transcript_path(scenario.id)
    if not path.is_file():
        return None
    try:
        found = read_transcript(path)
    except Unreadable:
        # A run that was killed may leave a file that is not whole.
        return None
    same = (found.target.url, found.suite.revision, found.scenario) == (url, suite.revision, scenario)
    played = bool(found.moments) and not found.cut
    broken = any(isinstance(moment, NetworkFault) for one in (*found.earlier, found) for moment in one.moments)
    asked = {m.body["assistant_id"] for m in found.moments if isinstance(m, Request) and _names_assistant(m.body)}
    # A deployment that refuses a name is also asked with the id of the assistant.
    return found if same and played and not broken and (not asked or assistant in asked) else None


def _names_assistant(body: object) -> bool:
    return isinstance(body, dict) and isinstance(body.get("assistant_id"), str)
