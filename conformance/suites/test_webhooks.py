"""Webhooks of runs that have ended."""

from __future__ import annotations

from collections.abc import Callable

from conformance.session.session import Case

FAMILIES = ("webhook",)


def test_webhooks(conformance_case: Case, judge: Callable[[Case], None]) -> None:
    """Judge the deployment by one requirement in one scenario."""
    judge(conformance_case)
