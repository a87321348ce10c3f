"""The fixture that judges, for the suites alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance import pytest_plugin
from conformance.session.session import Case
from doubletext import pytest_conformance


def pytest_configure(config: pytest.Config) -> None:
    """Load the suite's plugin where pytest came upon the suites without an argument that leads to them."""
    if not config.pluginmanager.is_registered(pytest_conformance):
        raise pytest.UsageError(
            "the conformance suite needs the pytest plugin of doubletext: leave out -p no:doubletext, or add "
            "-p doubletext.pytest_conformance where plugins are not loaded by themselves"
        )
    pytest_conformance.load(config, "the conformance suite")


@pytest.fixture
def judge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], None]:
    """Judge one case: returns for PASS and WARN, and fails, xfails or skips the test otherwise."""
    return lambda case: pytest_plugin.judge(request, case, tmp_path_factory.getbasetemp)
