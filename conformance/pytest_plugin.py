"""The pytest plugin: one test per scenario and requirement, the markers, the report and the exit code.

`doubletext.pytest_conformance` declares the options, and loads this module into every run that gives one of them or
selects the suite. It imports nothing heavy until the run starts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.requirements.areas import AREAS, MARKERS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from conformance.session.options import Options
    from conformance.session.session import Case, Session

PROPERTIES = ("requirement", "scenario", "deployment", "area", "level", "verdict", "reason")
"""What a JUnit file tells of every case."""

LEVELS = ("MUST", "SHOULD", "PROFILE")

OPTIONS: pytest.StashKey[Options] = pytest.StashKey()
SESSION: pytest.StashKey[Session] = pytest.StashKey()
RECORD: pytest.StashKey[dict[str, Any]] = pytest.StashKey()
FOUND: pytest.StashKey[list[dict[str, Any]]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the suite's markers: one for all of it, one for each area of the rule book."""
    _declare(config, "conformance", "judges a deployment by one requirement in one scenario")
    for area, marker in MARKERS.items():
        _declare(config, marker, f"area {area} of the rule book, {AREAS[area]}")
    _expect_settings_found(config)
    config.stash[FOUND] = []
    config.pluginmanager.register(_Reports(config.stash[FOUND]), "doubletext-reports")


def _declare(config: pytest.Config, marker: str, what: str) -> None:
    config.addinivalue_line("markers", f"{marker}: {what} (doubletext)")


def _expect_settings_found(config: pytest.Config) -> None:
    """Raise UsageError when pytest took the value of one of our options for a folder of tests.

    It looks for its settings before it knows any plugin's options; `--conformance-report DIR` with an existing DIR
    then makes it overlook the settings of the folder in which it was started, and collect everything below that.
    """
    given = config.invocation_params.args
    for option in ("--conformance-report", "--deployment-profile"):
        if option in given[:-1] and config.inipath is None:
            value = given[given.index(option) + 1]
            here = config.invocation_params.dir
            if (here / str(value)).exists() and (here / "pyproject.toml").is_file():
                raise pytest.UsageError(
                    f"pytest took {value} for a folder of tests and overlooked pyproject.toml: write {option}={value}"
                )


class _Reports:
    """Collects what tests report about their verdicts, on xdist's controller too."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        self._found = found
        self._told: dict[int, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        record = _record(report)
        if record is not None:
            self._found.append(record)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Name the cases of a JUnit file by requirement, once it is written."""
        yield
        path = session.config.getoption("xmlpath", None)
        if path and self._found and not hasattr(session.config, "workerinput"):
            from conformance.report import junit

            junit.name_by_requirement(Path(os.path.expandvars(path)).expanduser())

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """That a deployment cannot be judged is told by one failure; the others are failures that are only counted."""
        record = _record(report)
        if record is None or not record["unjudged"]:
            return None
        told = self._told.setdefault(record["position"], report.nodeid)
        return None if told == report.nodeid else ("not judged", "?", "NOT JUDGED")


def _record(report: pytest.TestReport) -> dict[str, Any] | None:
    """What a test of the suite recorded about its verdict, None for any other test."""
    return getattr(report, "doubletext", None)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Check the options before anything is collected; raise UsageError."""
    _options(session.config)


def _options(config: pytest.Config) -> Options:
    """The run's options, read once; raises UsageError."""
    if OPTIONS not in config.stash:
        from conformance.session import options

        config.stash[OPTIONS] = options.read(config)
    return config.stash[OPTIONS]


def _session(config: pytest.Config) -> Session:
    """The session, opened when the first test of the suite is collected."""
    if SESSION not in config.stash:
        from conformance.session.session import Session

        config.stash[SESSION] = suite = Session(_options(config))
        for marker in suite.family_markers:
            if marker not in MARKERS.values():
                _declare(config, marker, "scenarios with this first part of the id")
    return config.stash[SESSION]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per scenario of the module's FAMILIES and requirement that it shows."""
    if "conformance_case" not in metafunc.fixturenames:
        return
    cases = _session(metafunc.config).cases(metafunc.module.FAMILIES)
    metafunc.parametrize(
        "conformance_case",
        [pytest.param(case, id=case.id, marks=_marks("conformance", *case.markers)) for case in cases],
    )


def _marks(*names: str) -> list[pytest.MarkDecorator]:
    return [getattr(pytest.mark, name) for name in names]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the requirements that `--conformance-level` does not ask for."""
    level = config.option.conformance_level
    if level is None:
        return
    asked = LEVELS[: LEVELS.index(level.upper()) + 1]
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        case = _case(item)
        (kept if case is None or case.requirement.level in asked else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def _case(item: pytest.Item) -> Case | None:
    """What a test of the suite judges, None for any other test."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("conformance_case") if callspec else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to play what was selected, ahead of the tests that will ask for it."""
    # xdist's controller plays nothing, and each worker only what it is given.
    distributed = hasattr(session.config, "workerinput") or session.config.getoption("dist", "no") != "no"
    if SESSION in session.config.stash and not session.config.option.collectonly and not distributed:
        from conformance.session import progress

        session.config.stash[SESSION].begin([case for item in session.items if (case := _case(item)) is not None])
        progress.register(session.config, progress.scenarios_of(session.items))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the record of a verdict travel with the test's report, also from xdist's workers."""
    report = yield
    if call.when == "call" and RECORD in item.stash:
        report.doubletext = item.stash[RECORD]  # type: ignore[attr-defined]  # reports carry what plugins add
    return report


def judge(request: pytest.FixtureRequest, case: Case, scratch: Callable[[], Path]) -> None:
    """Judge one case: return for PASS and WARN, and fail, xfail or skip the test otherwise."""
    outcome = _session(request.config).judge(case, scratch)
    result = outcome.record["result"]
    request.node.stash[RECORD] = outcome.record
    # For JUnit files; the fixture record_property would warn about their newer format.
    told = {**result, "deployment": case.deployment, "area": MARKERS[case.requirement.area]}
    request.node.user_properties += [(name, told[name]) for name in PROPERTIES]
    if outcome.how == "fail":
        pytest.fail(outcome.text, pytrace=False)
    if outcome.how == "xfail":
        pytest.xfail(outcome.text)
    if outcome.how == "skip":
        pytest.skip(outcome.text)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """With xdist's default distribution, tests of one scenario stay on one worker, so that it is played once."""
    if config.getoption("dist", "no") != "load":
        return None
    from conformance.session.xdist import ScenarioScheduling

    return ScenarioScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Close the session, write the reports, and fail a run that the tests alone would let pass."""
    config = session.config
    if SESSION in config.stash:
        config.stash[SESSION].close()
    if hasattr(config, "workerinput") or not config.stash[FOUND]:
        return
    from conformance.report.summary import Findings

    findings = Findings(config.stash[FOUND], _options(config).profile)
    findings.write()
    config.stash[FINDINGS] = findings
    if exitstatus == pytest.ExitCode.OK and findings.failures():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


FINDINGS: pytest.StashKey[Any] = pytest.StashKey()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was judged, by area and verdict, per deployment."""
    if FINDINGS in config.stash:
        config.stash[FINDINGS].show(terminalreporter)
