from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]

# How long an example takes is the machine's affair; a test that hangs is ended by its time-out. The examples are the
# same in every run; `--hypothesis-profile=search` looks for others.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("doubletext", settings.get_profile("search"), derandomize=True)
settings.load_profile("doubletext")


LOOKING_AT_PLAYS = tuple(
    f"conformance/test_{name}.py::"
    for name in ("checks", "fuzz", "recording", "schemas", "started_unseen", "without_witness")
)
"""Modules whose tests look at what the correct mock plays."""


class OnePlay(LoadScopeScheduling):  # type: ignore[misc]  # xdist's schedulers are untyped
    """One process plays the catalogue, for all tests that look at its plays; the others go wherever there is room.

    This is what `--dist loadgroup` is for, which does nothing with pytest 9.2
    (https://github.com/pytest-dev/pytest-xdist/issues/1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return "plays" if nodeid.startswith(LOOKING_AT_PLAYS) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OnePlay:
    return OnePlay(config, log)
