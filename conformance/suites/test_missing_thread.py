"""Runs on a thread that does not exist, with and without `if_not_exists="create"`."""

from __future__ import annotations

from collections.abc import Callable

from conformance.session.session import Case

FAMILIES = ("missing-thread",)


def test_missing_thread(conformance_case: Case, judge: Callable[[Case], None]) -> None:
    """Judge the deployment by one requirement in one scenario."""
    judge(conformance_case)
