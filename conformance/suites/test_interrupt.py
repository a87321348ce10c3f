"""What `multitask_strategy="interrupt"` does to the run in flight, to the newcomer, and to the thread."""

from __future__ import annotations

from collections.abc import Callable

from conformance.session.session import Case

FAMILIES = ("interrupt",)


def test_interrupt(conformance_case: Case, judge: Callable[[Case], None]) -> None:
    """The deployment meets the requirement in the scenario."""
    judge(conformance_case)
