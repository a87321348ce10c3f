"""Runs without a thread: that they never meet, and what is left of them."""

from __future__ import annotations

from collections.abc import Callable

from conformance.session.session import Case

FAMILIES = ("stateless",)


def test_stateless(conformance_case: Case, judge: Callable[[Case], None]) -> None:
    """The deployment meets the requirement in the scenario."""
    judge(conformance_case)
