"""The strategy `multitask_strategy="enqueue"`, the default: a new run waits until the run in flight has ended."""

from __future__ import annotations

from collections.abc import Callable

from conformance.session.session import Case

FAMILIES = ("enqueue",)


def test_enqueue(conformance_case: Case, judge: Callable[[Case], None]) -> None:
    """Judge the deployment by one requirement in one scenario."""
    judge(conformance_case)
