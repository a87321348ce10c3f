"""The run of a test of the suite without the steps of pytest that it does not need.

pytest prepares each test for fixtures, captured output and logs, which takes four times as long as to judge a play. A
verdict that is not red needs none of these, so its test is run here, with the same reports. A red one is run by pytest
itself, for all that pytest shows of a failure. So is any test for which the user has written something: a fixture that
starts the deployment, a hook, or a marker that skips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from _pytest.runner import runtestprotocol

from conformance.session.order import case_of
from conformance.session.session import Case, CaseResult

OWN_FIXTURES = frozenset({"conformance_case", "judge", "request", "tmp_path_factory"})
"""The fixtures that a test of the suite has by itself."""

HOOKS = ("pytest_runtest_setup", "pytest_runtest_call", "pytest_runtest_teardown", "pytest_pyfunc_call")
"""The hooks of the steps that are left out."""

OF_PYTEST = frozenset({"_pytest", "pytest", "conformance", "doubletext"})
"""The packages that pytest and the suite have their own plugins in."""


class RedError(Exception):
    """The verdict is red, so that pytest has to run the test."""


class RunTest:
    """A pytest plugin for one run.

    `accept` judges a case. It returns None, and changes nothing, if the verdict is red. `conclude` ends a test.
    """

    def __init__(
        self,
        config: pytest.Config,
        accept: Callable[[Case], CaseResult | None],
        conclude: Callable[[pytest.Item, Case, CaseResult], None],
    ) -> None:
        self._accept = accept
        self._conclude = conclude
        self._of_others = _of_others(config)
        self._hooked = is_hooked(config, HOOKS)
        self._lines: dict[object, tuple[str, int | None, str]] = {}
        """The location of the first test of each function."""
        self._plain: dict[tuple[str, ...], bool] = {}
        """True for the fixtures of tests that have none of the user's."""
        # pytest itself reads them for durations and JUnit files alone.
        readers = config.hook.pytest_runtest_logreport.get_hookimpls()
        self._reports_steps = (
            config.getoption("durations", None) is not None
            or config.getoption("xmlpath", None) is not None
            or any(_package(impl.plugin) not in OF_PYTEST for impl in readers)
        )
        """True if an option or a plugin may read the reports of the steps before and after the call."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a test, and return True. Return None to leave it to pytest."""
        case = case_of(item)
        if case is None or not isinstance(item, pytest.Function) or not self._is_plain(item):
            return None
        self._locate(item)

        def judge(case: Case) -> None:
            result = self._accept(case)
            if result is None:
                raise RedError
            self._conclude(item, case, result)

        reraised = (pytest.exit.Exception, KeyboardInterrupt)
        hook = item.ihook
        # First, because it shows the scenario for which the run waits.
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        call = pytest.CallInfo.from_call(lambda: item.obj(conformance_case=case, judge=judge), "call", reraise=reraised)
        if call.excinfo is not None and call.excinfo.errisinstance(RedError):
            runtestprotocol(item, nextitem=nextitem)
        else:
            if self._reports_steps:
                hook.pytest_runtest_logreport(report=_passed(item, "setup", call.start))
            hook.pytest_runtest_logreport(report=hook.pytest_runtest_makereport(item=item, call=call))
            if self._reports_steps:
                hook.pytest_runtest_logreport(report=_passed(item, "teardown", call.stop))
            # pytest expects this after every test: a red one before may have set up a module that the next one leaves.
            item.session._setupstate.teardown_exact(nextitem)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _locate(self, item: pytest.Function) -> None:
        """Set the location of a test, for which pytest would look for its file on the disk, thousands of times."""
        if item.function in self._lines:
            path, line, _ = self._lines[item.function]
            # In place of the value that the property would find and keep.
            vars(item)["location"] = (path, line, item.getmodpath())
        else:
            self._lines[item.function] = item.location

    def _is_plain(self, item: pytest.Function) -> bool:
        """Return whether a test needs nothing of pytest but a call."""
        if self._hooked or any(marker.name in ("skip", "skipif", "xfail") for marker in item.iter_markers()):
            return False
        names = tuple(item.fixturenames)
        if names not in self._plain:
            found = item._fixtureinfo.name2fixturedefs
            modules = {found[name][-1].func.__module__ for name in names if name in found and name not in OWN_FIXTURES}
            self._plain[names] = {module.partition(".")[0] for module in modules} <= self._of_others
        return self._plain[names]


def is_hooked(config: pytest.Config, names: Iterable[str]) -> bool:
    """Return whether one of these hooks is in a conftest.py or in a plugin of this run alone."""
    others = _of_others(config)
    hooks = [impl for name in names for impl in getattr(config.hook, name).get_hookimpls()]
    return any(_package(impl.plugin) not in others for impl in hooks)


def _of_others(config: pytest.Config) -> frozenset[str]:
    """Return the packages whose plugins and fixtures are there for every project, and not for this run."""
    return OF_PYTEST.union(_package(plugin) for plugin, _ in config.pluginmanager.list_plugin_distinfo())


def _package(plugin: object) -> str:
    """Return the package that a plugin is in: a module, or an object of a class."""
    name = getattr(plugin, "__name__", None) or type(plugin).__module__
    return str(name).partition(".")[0]


def _passed(item: pytest.Item, when: str, at: float) -> pytest.TestReport:
    # A JUnit file takes the properties from the last report.
    return pytest.TestReport(
        item.nodeid,
        item.location,
        {},
        "passed",
        None,
        when,  # type: ignore[arg-type]
        user_properties=item.user_properties,
        start=at,
        stop=at,
    )
