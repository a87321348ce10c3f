"""The strategy `multitask_strategy="rollback"`: the run in flight is cancelled, and all of its traces are deleted."""

from __future__ import annotations

from collections.abc import Callable

from conformance.session.session import Case

FAMILIES = ("rollback",)


def test_rollback(conformance_case: Case, judge: Callable[[Case], None]) -> None:
    """Judge the deployment by one requirement in one scenario."""
    judge(conformance_case)
