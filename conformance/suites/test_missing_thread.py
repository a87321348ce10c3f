"""Runs on a thread that does not exist, and that they are to create."""

from __future__ import annotations

from collections.abc import Callable

from conformance.session.session import Case

FAMILIES = ("missing-thread",)


def test_missing_thread(conformance_case: Case, judge: Callable[[Case], None]) -> None:
    """The deployment meets the requirement in the scenario."""
    judge(conformance_case)
