"""Runs that resume a thread with an answer to a human-in-the-loop interrupt."""

from __future__ import annotations

from collections.abc import Callable

from conformance.session.session import Case

FAMILIES = ("resume",)


def test_resume(conformance_case: Case, judge: Callable[[Case], None]) -> None:
    """Judge the deployment by one requirement in one scenario."""
    judge(conformance_case)
