"""The fixtures `judge` and `explore`, which only the suites have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conformance import pytest_plugin
from conformance.session.session import Case
from doubletext import pytest_conformance


def pytest_configure(config: pytest.Config) -> None:
    """Load the suite's plugin where pytest finds the suites without an argument that names them. Raise UsageError."""
    # The front door decides by the arguments, so it misses suites that pytest finds through `testpaths` or a parent
    # folder.
    if not config.pluginmanager.is_registered(pytest_conformance):
        raise pytest.UsageError(
            "the conformance suite needs the pytest plugin of doubletext; omit -p no:doubletext, or add "
            "-p doubletext.pytest_conformance where PYTEST_DISABLE_PLUGIN_AUTOLOAD is set"
        )
    pytest_conformance.load(config, "the conformance suite")


@pytest.fixture
def judge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], None]:
    """Return a function that judges one case. It returns for PASS and WARN, and otherwise fails, xfails or skips."""
    return lambda case: pytest_plugin.judge(request, case, tmp_path_factory.getbasetemp)


@pytest.fixture
def explore(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], None]:
    """Return a function that explores one deployment. It returns if it finds nothing, and otherwise fails or xfails."""
    return lambda position: pytest_plugin.explore(request, position, tmp_path_factory.getbasetemp)


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str) -> list[pytest.Item] | None:
    """Make no test of a file none of whose cases can be selected."""
    # pytest makes a test that is skipped where there is no value of a parameter.
    if (
        not isinstance(collector, pytest.Module)
        or not hasattr(collector.obj, "FAMILIES")
        or not name.startswith("test_")
    ):
        return None
    return None if pytest_plugin.cases_of(collector.config, collector) else []


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore the test of an exploration in a run without `--conformance-explore`."""
    return True if collection_path.name == "test_explore.py" and config.option.conformance_explore is None else None
