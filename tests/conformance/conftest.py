from __future__ import annotations

import pytest

from conformance.transcript import Transcript
from tests.conformance.plays import play_catalogue


@pytest.fixture(scope="session")
def plays() -> dict[str, Transcript]:
    """Every scenario of the catalogue as the correct mock plays it."""
    return play_catalogue()
