from __future__ import annotations

import pytest

from conformance.transcript import Transcript
from tests.conformance.plays import play_catalogue


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `--dist loadgroup`, one process plays the catalogue for all tests that look at its plays."""
    for item in items:
        if "plays" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("plays"))


@pytest.fixture(scope="session")
def plays() -> dict[str, Transcript]:
    """Every scenario of the catalogue as the correct mock plays it."""
    return play_catalogue()
