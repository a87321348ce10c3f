"""Deadlines that fit a deployment."""

from __future__ import annotations

import pytest

from conformance.driver.deadlines import Deadlines


@pytest.mark.parametrize(
    ("starts", "window"),
    [
        # A deployment that starts runs at once.
        ([0.001, 0.002, 0.001], 0.5),
        # At least two seconds for one that polls, and at most four.
        ([0.2, 0.3, 0.1], 2.0),
        ([0.9, 0.6, 0.7], 3.6),
        ([3.0, 6.0, 2.0], 4.0),
        # The more starts were seen, the better is the period known.
        ([0.9, 0.6, 0.7, 0.9, 0.8, 0.5], 2.0),
        ([1.5, 0.6, 0.7, 0.9, 0.8, 0.5], 3.0),
        ([0.6], 4.0),
    ],
)
def test_the_window_fits_the_slowest_start_and_the_number_of_starts(starts: list[float], window: float) -> None:
    assert Deadlines().calibrated(starts).observe == pytest.approx(window)
    assert Deadlines().scaled(2).calibrated(starts).observe == pytest.approx(2 * window)
