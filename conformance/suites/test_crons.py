"""Crons on a thread, also those that fire while the thread is busy."""

from __future__ import annotations

from collections.abc import Callable

from conformance.session.session import Case

FAMILIES = ("cron",)


def test_crons(conformance_case: Case, judge: Callable[[Case], None]) -> None:
    """Judge the deployment by one requirement in one scenario."""
    judge(conformance_case)
