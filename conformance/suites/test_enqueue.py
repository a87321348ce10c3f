"""What `multitask_strategy="enqueue"`, the default, does: the newcomer waits its turn."""

from __future__ import annotations

from collections.abc import Callable

from conformance.session.session import Case

FAMILIES = ("enqueue",)


def test_enqueue(conformance_case: Case, judge: Callable[[Case], None]) -> None:
    """The deployment meets the requirement in the scenario."""
    judge(conformance_case)
