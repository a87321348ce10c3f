"""The strategy `multitask_strategy="interrupt"`: its effects on the run in flight, the new run, and the thread."""

from __future__ import annotations

from collections.abc import Callable

from conformance.session.session import Case

FAMILIES = ("interrupt",)


def test_interrupt(conformance_case: Case, judge: Callable[[Case], None]) -> None:
    """Judge the deployment by one requirement in one scenario."""
    judge(conformance_case)
