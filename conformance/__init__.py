"""A conformance suite for the double-texting semantics of the LangGraph Agent Server API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from doubletext import lazy

if TYPE_CHECKING:
    from conformance.judge.judging import Verdict
    from conformance.judge.judging import judge as judge_play
    from conformance.judge.play import Play
    from conformance.judge.profiles import Profile, ProfileError
    from conformance.judge.profiles import load as load_profile
    from conformance.report.load import Unreadable, read_report, read_thread_state, read_transcript
    from conformance.report.report import Report, Result
    from conformance.requirements.registry import Registry, Requirement
    from conformance.requirements.registry import load as load_requirements
    from conformance.scenarios.scenario import Scenario
    from conformance.snapshots.record import ThreadState, read_thread
    from conformance.transcript.transcript import Transcript

# `doubletext.packages` searches the source for this line, to distinguish this package from another of the same name.
__distribution__ = "doubletext"

AGENTS: Final = Path(__file__).parent / "agents"
"""The folder with the probe agents, one for each language, and the contract that they implement."""

__all__ = [
    "AGENTS",
    "Play",
    "Profile",
    "ProfileError",
    "Registry",
    "Report",
    "Requirement",
    "Result",
    "Scenario",
    "ThreadState",
    "Transcript",
    "Unreadable",
    "Verdict",
    "judge_play",
    "load_profile",
    "load_requirements",
    "read_report",
    "read_thread",
    "read_thread_state",
    "read_transcript",
]

# Resolved on first use. Every run of pytest that selects the suite imports this package, and most names import half
# of it.
if not TYPE_CHECKING:
    __getattr__ = lazy.attributes(
        __name__,
        {
            "Play": "conformance.judge.play",
            "Profile": "conformance.judge.profiles",
            "ProfileError": "conformance.judge.profiles",
            "Registry": "conformance.requirements.registry",
            "Report": "conformance.report.report",
            "Requirement": "conformance.requirements.registry",
            "Result": "conformance.report.report",
            "Scenario": "conformance.scenarios.scenario",
            "ThreadState": "conformance.snapshots.record",
            "Transcript": "conformance.transcript.transcript",
            "Unreadable": "conformance.report.load",
            "Verdict": "conformance.judge.judging",
            "judge_play": "conformance.judge.judging:judge",
            "load_profile": "conformance.judge.profiles:load",
            "load_requirements": "conformance.requirements.registry:load",
            "read_report": "conformance.report.load",
            "read_thread": "conformance.snapshots.record",
            "read_thread_state": "conformance.report.load",
            "read_transcript": "conformance.report.load",
        },
    )
