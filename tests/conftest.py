from __future__ import annotations

import gc
import os
from functools import cache

import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from httpx._transports import default as transports
from hypothesis import HealthCheck, settings
from xdist.scheduler.loadscope import LoadScopeScheduling  # type: ignore[import-untyped]

from tests import forks

# How long an example takes is the machine's affair; a test that hangs is ended by its time-out. The examples are the
# same in every run; `--hypothesis-profile=search` looks for others.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("doubletext", settings.get_profile("search"), derandomize=True)
settings.load_profile("doubletext")

# Every client of httpx loads the certificates of the machine, which takes 20 ms, also where it speaks plain HTTP, as
# with the deployments of the tests. That was a third of the time of the mock's tests.
transports.create_ssl_context = cache(transports.create_ssl_context)  # type: ignore[attr-defined]

# Five seconds are short on a machine that runs four processes of tests, and no test is about them.
for _part in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, _part, 120.0)

# More than a hundred tests start a process. Without stored bytecode each process that is not a fork compiles the suite
# and the mock, which takes a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

LOOKING_AT_PLAYS = (
    *("catalogue_histories", "checks", "fuzz", "moves", "premises", "recording", "schemas", "started_unseen"),
    *("strange_fields", "without_witness"),
)
PLAYING_SOME = ("by_hand", "load", "rejudge", "report_page", "timeline")
TOGETHER = (
    tuple(f"conformance/test_{name}.py" for name in LOOKING_AT_PLAYS),
    *((f"conformance/test_{name}.py",) for name in PLAYING_SOME),
    *(("snapshots/test_recorded_states.py",), ("mockserver/test_replay.py",)),
    ("guide/test_guides.py",),
    *(("test_package.py",), ("test_docs_in_a_clone.py",)),
)
"""Modules whose tests share what takes long to make: plays of scenarios, plays of the guides, and a wheel."""


class SharedPlays(LoadScopeScheduling):  # type: ignore[misc]  # xdist's schedulers are untyped
    """Distribution in which one process runs all tests that share a play, and any process each of the others.

    This is what `--dist loadgroup` is for, which does nothing with pytest 9.2
    (https://github.com/pytest-dev/pytest-xdist/issues/1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return next((modules[0] for modules in TOGETHER if module in modules), nodeid)


@pytest.fixture
def pytester(pytester: pytest.Pytester) -> pytest.Pytester:
    """The fixture of pytest, whose runs are forks."""
    pytester.popen = forks.popen  # type: ignore[method-assign, assignment]
    return pytester


@pytest.fixture
def starting_pytester(pytester: pytest.Pytester) -> pytest.Pytester:
    """The fixture of pytest as it is, for a test of what a run imports."""
    del pytester.popen
    return pytester


@pytest.fixture
def earlier_objects_are_kept() -> None:
    """Let `gc.collect` search what the test makes, and not the plays of other tests, which takes a second."""
    gc.freeze()


def pytest_collection_finish() -> None:
    """Let the garbage collector ignore what was collected, and work less often."""
    # It took a fifth of the processor time. The tests, the imported modules and the plays stay until the end.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> SharedPlays:
    return SharedPlays(config, log)
