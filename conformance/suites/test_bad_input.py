"""Invalid requests: their answers, and the absence of side effects."""

from __future__ import annotations

from collections.abc import Callable

from conformance.session.session import Case

FAMILIES = ("bad-input",)


def test_bad_input(conformance_case: Case, judge: Callable[[Case], None]) -> None:
    """Judge the deployment by one requirement in one scenario."""
    judge(conformance_case)
