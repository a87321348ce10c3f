"""Random histories, in a run with `--conformance-explore`."""

from __future__ import annotations

from collections.abc import Callable


def test_explore(conformance_exploration: int, explore: Callable[[int], None]) -> None:
    """Explore one deployment."""
    explore(conformance_exploration)
