"""What `multitask_strategy="rollback"` does: the run in flight is stopped and leaves no trace."""

from __future__ import annotations

from collections.abc import Callable

from conformance.session.session import Case

FAMILIES = ("rollback",)


def test_rollback(conformance_case: Case, judge: Callable[[Case], None]) -> None:
    """The deployment meets the requirement in the scenario."""
    judge(conformance_case)
