"""Broken twins of the requirements CON."""

from __future__ import annotations

from tests.conformance.plays import move_report, witness
from tests.conformance.twins.edits import ROLLED_BACK, twin

TWINS = [
    twin("CON-07", "the new run does not wait", ROLLED_BACK,
         move_report("A", "exit", behind=witness("B", "exit"), step="tools:1"),
         fact="tools:1 of run A was still executing"),
]  # fmt: skip
