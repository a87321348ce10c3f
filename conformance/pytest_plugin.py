"""The pytest plugin: one test per scenario and requirement, the markers, the report and the exit code.

`doubletext.pytest_conformance` declares the options, and loads this module into every run that gives one of them or
selects the suite. The hooks of a run, in order:

1. `pytest_configure` declares the markers. `pytest_sessionstart` checks the options, and from there on SIGTERM ends the
   run with a report. `pytest_collection` starts the process that plays, where there is one.
2. `pytest_generate_tests` makes the tests, and `pytest_collection_modifyitems` deselects by level and tier.
3. `pytest_collection_finish` starts to play the selected scenarios in the background. `session/order.py` orders the
   tests by the ends of their plays.
4. `judge` waits for the play of a test, judges it and stores a record. `session/runtest.py` leaves out the steps of
   pytest that only a red test needs. `pytest_runtest_makereport` attaches the record to the test's report, which xdist
   sends from the worker to the controller.
5. `pytest_sessionfinish` stops the players, writes the reports from all records, and sets the exit code.
   `pytest_terminal_summary` shows the same findings.

Modules of the suite are imported in functions, so that `pytest --help` and `--collect-only` stay fast.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from conformance.requirements.areas import AREAS, MARKERS
from conformance.session import garbage

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from conformance.session.options import Options
    from conformance.session.session import Case, CaseResult, Session

_T = TypeVar("_T")

EXPLORATION = "exploration"
"""The marker of the test that explores a deployment, its area in a JUnit file, and its name there."""

PROPERTIES = ("requirement", "scenario", "deployment", "area", "level", "verdict", "reason")
"""The properties of every case in a JUnit file."""

LEVELS = ("MUST", "SHOULD", "PROFILE")
"""The levels of requirements, in the order in which `--conformance-level` includes them."""

SUITE_FAILED = 10
"""The exit code of a run that failed by errors of the suite alone. pytest uses 0 to 5."""

WHOLE = 1
"""The number of failed tests up to which pytest shows each of them whole. Two would fill a screen above the causes."""

WHOLE_RUNS = (
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.NO_TESTS_COLLECTED,
    pytest.ExitCode.USAGE_ERROR,
)
"""The exit codes of runs that nothing ended before their time."""

TERMINATED = "terminated by SIGTERM"
"""The reason for an end by SIGTERM, in the summary and the report."""

SELECTED: pytest.StashKey[bool] = pytest.StashKey()
"""True if an argument names tests of the suite. The front door sets it."""
LAUNCHED: pytest.StashKey[subprocess.Popen[bytes]] = pytest.StashKey()
"""The process that plays, which is started before there is a session."""
OPTIONS: pytest.StashKey[Options] = pytest.StashKey()
SESSION: pytest.StashKey[Session] = pytest.StashKey()
RECORD: pytest.StashKey[dict[str, Any]] = pytest.StashKey()
FOUND: pytest.StashKey[list[dict[str, Any]]] = pytest.StashKey()
LEFT_OUT: pytest.StashKey[bool] = pytest.StashKey()
CASES: pytest.StashKey[dict[str, list[Case]]] = pytest.StashKey()
"""The cases of each file of the suite, by the id of its node."""
EXCLUDED: pytest.StashKey[int] = pytest.StashKey()
"""The number of cases that `-k` left out before their tests were made."""


def pytest_configure(config: pytest.Config) -> None:
    """Declare the suite's markers: one for the whole suite, and one for each area of the rule book."""
    _declare(config, "conformance", "a test that judges a deployment by one requirement in one scenario")
    for area, marker in MARKERS.items():
        _declare(config, marker, f"area {area} of the rule book, {AREAS[area]}")
    _declare(config, EXPLORATION, "the exploration of a deployment with random histories")
    _expect_settings_found(config)
    _leave_out_xdist(config)
    config.stash[FOUND] = []
    config.pluginmanager.register(_Reports(config.stash[FOUND]), "doubletext-reports")


def _declare(config: pytest.Config, marker: str, what: str) -> None:
    config.addinivalue_line("markers", f"{marker}: {what} (doubletext)")


def _leave_out_xdist(config: pytest.Config) -> None:
    """Ignore `-n` where it would make the run slower."""
    # Only a run with `-n` needs xdist.
    if config.getoption("dist", "no") == "load":
        from conformance.session.xdist import leave_out

        config.stash[LEFT_OUT] = leave_out(config)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Return the line that explains why `-n` has no effect."""
    if not config.stash.get(LEFT_OUT, False):
        return []
    from conformance.session.xdist import NO_EFFECT

    return [NO_EFFECT]


def _expect_settings_found(config: pytest.Config) -> None:
    """Raise UsageError when pytest took the value of one of the suite's options for a folder of tests."""
    # pytest searches for its settings before plugins declare their options. With `--conformance-report DIR` and an
    # existing DIR it takes DIR for the folder of the tests, does not find the settings of the folder in which it was
    # started, and collects everything below that. `--conformance-report=DIR` has no such effect.
    given = config.invocation_params.args
    for option in ("--conformance-report", "--deployment-profile"):
        if option in given[:-1] and config.inipath is None:
            value = given[given.index(option) + 1]
            here = config.invocation_params.dir
            if (here / str(value)).exists() and (here / "pyproject.toml").is_file():
                raise pytest.UsageError(
                    f"pytest took {value} for a folder of tests and ignored pyproject.toml; write {option}={value}"
                )


class _Reports:
    """The collector of the records of all verdicts, in the only process or on xdist's controller."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        self._found = found
        self._first_unjudged: dict[int, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        record = _record(report)
        if record is not None:
            self._found.append(record)

    # The outermost wrapper: pytest's JUnit plugin writes its file in the same hook, and it must be there after the
    # yield.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Name the cases of a JUnit file after their requirements, once pytest has written it."""
        yield
        path = session.config.getoption("xmlpath", None)
        if not path or hasattr(session.config, "workerinput"):
            return
        from conformance.report import junit

        # The same expansions as pytest's own, which writes to `~/junit.xml` and `$DIR/junit.xml`.
        file = Path(os.path.expandvars(path)).expanduser()
        if self._found:
            junit.name_by_requirement(file, session.config.stash.get(INCOMPLETE, None))
        elif (reason := session.config.stash.get(UNJUDGED, None)) is not None:
            junit.add_error(file, reason)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Count the suite's own errors, and deployments that cannot be judged after the first test, separately."""
        record = _record(report)
        if record is not None and report.failed and record.get("result", {}).get("verdict") == "ERROR":
            return "error", "E", "ERROR"
        # All of them fail with the same reason. The first is shown as a failure, and the others are only counted.
        if record is None or not record["unjudged"]:
            return None
        first = self._first_unjudged.setdefault(record["position"], report.nodeid)
        return None if first == report.nodeid else ("not judged", "", "NOT JUDGED")

    # Outside of pytest's own reporter, which writes the failures in the same hook.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
        """Keep pytest from showing the failures of the suite one by one, except with -v. Causes are shown instead."""
        stats = terminalreporter.stats
        every: dict[str, list[Any]] = {name: stats[name] for name in ("failed", "error") if name in stats}
        others = {name: [report for report in found if _record(report) is None] for name, found in every.items()}
        # The reason for a deployment that cannot be judged is shown once, by the summary.
        unjudged = any((_record(report) or {}).get("unjudged") for report in stats.get("failed", []))
        many = sum(len(found) - len(others[name]) for name, found in every.items()) > WHOLE
        if terminalreporter.verbosity <= 0 and (unjudged or many):
            stats.update(others)
        try:
            yield
        finally:
            # Counted in the last line of the run.
            stats.update(every)


def _record(report: pytest.TestReport) -> dict[str, Any] | None:
    """Return the record of a verdict, or None for a test that is not one of the suite."""
    return getattr(report, "doubletext", None)


# First, before xdist starts its workers: each of them would report the same error.
@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Check the options before anything is collected, and let SIGTERM end the run with a report. Raise UsageError."""
    _options(session.config)
    # xdist ends its workers itself, and the controller reports for them.
    if not session.config.option.collectonly and not hasattr(session.config, "workerinput"):
        _report_when_terminated(session)


def _options(config: pytest.Config) -> Options:
    """Return the run's options, which are parsed once. Raise UsageError."""
    if OPTIONS not in config.stash:
        from conformance.session import options

        config.stash[OPTIONS] = options.read(config)
    return config.stash[OPTIONS]


def _session(config: pytest.Config) -> Session:
    """Return the session, which is opened when the first test of the suite is collected."""
    if SESSION not in config.stash:
        from conformance.session.session import Session

        config.stash[SESSION] = suite = Session(_options(config), config.stash.get(LAUNCHED, None))
        for marker in suite.family_markers:
            if marker not in MARKERS.values():
                _declare(config, marker, "scenarios whose id starts with this word")
    return config.stash[SESSION]


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Start what will play. Once the tests are collected, let the garbage collector ignore them."""
    _launch(session.config)
    try:
        return (yield)
    finally:
        garbage.start_again(session.config)


def _launch(config: pytest.Config) -> None:
    """Start the process that plays, if there will be one. It imports what it needs while the tests are collected."""
    # A run that resumes another may have nothing to play.
    if config.option.collectonly or config.option.conformance_resume or config.getoption("dist", "no") != "no":
        return
    from conformance.session import processes

    if config.stash[SELECTED] and processes.apart(_options(config)):
        with suppress(OSError):  # the next attempt raises it, where a play needs the process
            config.stash[LAUNCHED] = processes.started(processes.PLAYS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Generate a test for each scenario of the module's FAMILIES and each requirement that it shows.

    The test of an exploration is generated for each deployment.
    """
    if "conformance_exploration" in metafunc.fixturenames:
        if metafunc.config.option.conformance_explore is None:
            raise pytest.UsageError("conformance/suites/test_explore.py: give --conformance-explore=SECONDS")
        names = _options(metafunc.config).names
        marks = _marks("conformance", EXPLORATION)
        metafunc.parametrize(
            "conformance_exploration", [pytest.param(n, id=name, marks=marks) for n, name in enumerate(names)]
        )
    if "conformance_case" not in metafunc.fixturenames:
        return
    garbage.stop(metafunc.config)
    file = metafunc.definition.getparent(pytest.Module)
    assert file is not None
    metafunc.parametrize(
        "conformance_case",
        [
            pytest.param(case, id=case.id, marks=_marks("conformance", *case.markers))
            for case in cases_of(metafunc.config, file)
        ],
    )


def cases_of(config: pytest.Config, file: pytest.Module) -> list[Case]:
    """Return the cases of a file of the suite, without those that `-k` leaves out for certain."""
    found = config.stash.setdefault(CASES, {})
    if file.nodeid not in found:
        from conformance.session import keywords

        cases = _session(config).cases(file.obj.FAMILIES)
        found[file.nodeid] = kept = keywords.without_excluded(config, file, cases)
        config.stash[EXCLUDED] = config.stash.get(EXCLUDED, 0) + len(cases) - len(kept)
    return found[file.nodeid]


@cache  # there are some forty combinations, and more than ten thousand tests
def _marks(*names: str) -> list[pytest.MarkDecorator]:
    return [getattr(pytest.mark, name) for name in names]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that `--conformance-level` and `--conformance-tier` do not include.

    Explorations come last, when no play of the suite needs a worker of the deployment.
    """
    if config.option.conformance_explore is not None:  # no other run has one, and the search takes time
        items.sort(key=_explores)  # stable, so the others keep their order
    level, tier = config.option.conformance_level, config.option.conformance_tier
    if level is None and tier is None:
        return
    from conformance.scenarios import tiers
    from conformance.session.order import case_of

    levels = LEVELS if level is None else LEVELS[: LEVELS.index(level.upper()) + 1]
    kept: list[pytest.Item] = []
    deselected: list[pytest.Item] = []
    for item in items:
        case = case_of(item)
        included = case is None or (
            case.requirement.level in levels and tiers.includes(tier or "full", case.scenario.id)
        )
        (kept if included else deselected).append(item)
    if deselected:
        # The hook makes pytest count them in its summary line.
        config.hook.pytest_deselected(items=deselected)
        items[:] = kept


def _explores(item: pytest.Item) -> bool:
    return item.get_closest_marker(EXPLORATION) is not None


# First: pytest's own reporter asks in this hook for the line on what a resumed run has to play.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Start to play the selected scenarios, ahead of the tests that wait for them."""
    config, option = session.config, session.config.option
    if SESSION not in config.stash or option.collectonly:
        return
    suite = config.stash[SESSION]
    # `--setup-show` and its kind show the steps of pytest, which `RunTest` leaves out.
    if not option.setupshow:
        from conformance.session.runtest import RunTest

        plugin = RunTest(config, lambda case: _or_exit(lambda: suite.accept(case)), _conclude)
        config.pluginmanager.register(plugin, "doubletext-runtest")
    # xdist's controller plays nothing. A worker may get any of the tests that it has collected, and each starts its own
    # play, except where the worker has a share.
    if hasattr(config, "workerinput"):
        from conformance.session.xdist import share

        suite.begin(_cases(share(config, session.items)))
    elif config.getoption("dist", "no") == "no":
        _play_in_order(session, suite)


def _play_in_order(session: pytest.Session, suite: Session) -> None:
    """Start all plays of a run in one process, and order its tests by the ends of the plays."""
    from conformance.session import order, progress

    suite.begin(_cases(session.items))
    session.config.pluginmanager.register(order.Order(session.items, suite.first_over), "doubletext-order")
    shown = progress.scenarios_of(session.items)
    # Named like a scenario, with the deployment in front where there are several.
    if session.config.option.conformance_explore is not None:
        explored = filter(_explores, session.items)
        shown |= {item.nodeid: f"{item.callspec.id}::{EXPLORATION}" for item in explored}  # type: ignore[attr-defined]
    progress.register(session.config, shown)


def _cases(items: Sequence[pytest.Item]) -> list[Case]:
    from conformance.session.order import case_of

    return [case for item in items if (case := case_of(item)) is not None]


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Return how many cases `-k` left out, and what happens before the first verdict."""
    lines = [f"excluded by -k: {excluded} cases"] if (excluded := config.stash.get(EXCLUDED, 0)) else []
    # With xdist each worker finds out for itself, when it is given a test.
    if SESSION in config.stash and not config.option.collectonly:
        lines += config.stash[SESSION].beginning()
    return lines


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the record of a verdict to the test's report, with which xdist sends it to the controller."""
    report = yield
    if call.when == "call" and RECORD in item.stash:
        report.doubletext = item.stash[RECORD]  # type: ignore[attr-defined]  # reports carry what plugins add
    return report


def judge(request: pytest.FixtureRequest, case: Case, scratch: Callable[[], Path]) -> None:
    """Judge one case. Return for PASS and WARN, and otherwise fail, xfail or skip the test."""
    _conclude(request.node, case, _or_exit(lambda: _session(request.config).judge(case, scratch)))


def _or_exit(work: Callable[[], _T]) -> _T:
    """Return the result of work that a signal may interrupt. End the run if one did."""
    from conformance.session.players import Interrupted

    try:
        return work()
    except Interrupted:
        pytest.exit(TERMINATED)


def _conclude(item: pytest.Item, case: Case, outcome: CaseResult) -> None:
    """Keep the record of a case with its test. Fail, xfail or skip the test, or return."""
    item.stash[RECORD] = outcome.record
    # Set here because the fixture `record_property` warns with `junit_family=xunit2`, pytest's default.
    values = {**outcome.record["result"], "deployment": case.deployment, "area": MARKERS[case.requirement.area]}
    item.user_properties += [(name, values[name]) for name in PROPERTIES]
    if outcome.how == "fail":
        # No traceback: it would show the suite's code, where the fault is not.
        pytest.fail(outcome.text, pytrace=False)
    if outcome.how == "xfail":
        pytest.xfail(outcome.text)
    if outcome.how == "skip":
        pytest.skip(outcome.text)


def explore(request: pytest.FixtureRequest, position: int, scratch: Callable[[], Path]) -> None:
    """Explore one deployment. Return where every history has an order, and otherwise fail or xfail the test."""
    from conformance.explore import item

    config, session = request.config, _session(request.config)
    # pytest makes no report of a test that a signal ends.
    outcome = _or_exit(lambda: item.explore(session, position, scratch, interrupted=config.stash[FOUND].append))
    request.node.stash[RECORD] = outcome.record
    found = outcome.record["exploration"]
    name = session.options.names[position]
    values = {"deployment": name, "area": EXPLORATION, "verdict": found["verdict"], "reason": found["reason"]}
    request.node.user_properties += list(values.items())
    if outcome.how == "fail":
        pytest.fail(outcome.text, pytrace=False)
    if outcome.how == "xfail":
        pytest.xfail(outcome.text)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """Return a scheduler that keeps the tests of a scenario on one worker, so that it is played once.

    Any distribution but xdist's default was chosen by the user, and is kept.
    """
    if config.getoption("dist", "no") != "load":
        return None
    from conformance.session.xdist import ScenarioScheduling

    return ScenarioScheduling(config, log, shared=_is_shared(config))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let a worker of xdist know that it has a share of the scenarios."""
    from conformance.session.xdist import SHARE

    node.workerinput[SHARE] = _is_shared(node.config)


def _is_shared(config: pytest.Config) -> bool:
    """Return whether each worker of xdist plays a share of the scenarios, on a mock of its own."""
    return config.getoption("dist", "no") == "load" and not _options(config).urls


# Last: xdist's controller still receives records while it shuts its workers down in this hook.
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Close the session, write the reports, and fail a run that should fail although no test failed."""
    config = session.config
    if SESSION in config.stash:
        config.stash[SESSION].close()
    launched = config.stash.get(LAUNCHED, None)
    if launched is not None and launched.poll() is None:
        from conformance.session import processes

        processes.abandon(launched)
    incomplete = _incomplete(session, exitstatus)
    if incomplete is not None:
        config.stash[INCOMPLETE] = incomplete
    records = config.stash[FOUND]
    # A run that ends while pytest collects its files may have no session yet.
    if not records and incomplete is not None and (SESSION in config.stash or _options(config).folder):
        records = _session(config).heads()
        config.stash[UNJUDGED] = incomplete
    if hasattr(config, "workerinput") or not records:
        return
    from conformance.report.summary import Findings

    findings = Findings(
        records,
        _options(config).profile,
        incomplete,
        config.option.conformance_tier or "full",
    )
    findings.write()
    config.stash[FINDINGS] = findings
    # Any other exit code, such as that of an interrupted run, says more than this one.
    if exitstatus == pytest.ExitCode.OK and findings.failures():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if exitstatus == pytest.ExitCode.TESTS_FAILED and session.testsfailed == len(findings.errors()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED if findings.failures() else SUITE_FAILED
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and (stale := findings.stale()):
        # pytest counts in its last line whatever is in `stats`. Other plugins look for attributes of its entries:
        # that of hypothesis crashes on a string, which has none.
        terminal.stats["stale in the profile"] = [SimpleNamespace(longrepr=entry) for entry in stale]


def _incomplete(session: pytest.Session, exitstatus: int) -> str | None:
    """Return what ended the run before all selected tests were made. Return None for a whole run."""
    stopped = session.shouldstop or session.shouldfail
    if not stopped and exitstatus in WHOLE_RUNS:
        return None
    why = stopped if isinstance(stopped, str) else "interrupted"
    made, selected = len(session.config.stash[FOUND]), session.testscollected
    if made == selected > 0:
        return None  # the signal came after the last verdict
    # The controller of xdist collects no tests itself.
    return f"{why}, after {made} of {selected} verdicts" if selected else f"{why}, after {made} verdicts"


def _report_when_terminated(session: pytest.Session) -> None:
    """Make SIGTERM, with which CI ends a job at its time limit, end the run with a report."""
    # Only the main thread may set a handler. One of another plugin is kept, and so is SIGTERM that is ignored.
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    # It raises nothing: an exception in the middle of any code at all may be taken for a failure of that code.
    def end(number: int, _: object) -> None:
        # The next signal ends the process at once.
        signal.signal(number, signal.SIG_DFL)
        session.shouldstop = TERMINATED
        # xdist's controller has a flag of its own.
        if (distributed := session.config.pluginmanager.get_plugin("dsession")) is not None:
            distributed.shouldstop = TERMINATED
        if SESSION in session.config.stash:
            session.config.stash[SESSION].interrupt()

    signal.signal(signal.SIGTERM, end)
    session.config.stash[ENDS] = end


# Not in `pytest_sessionfinish`: until here, a signal must not end the run in the middle of its report.
def pytest_unconfigure(config: pytest.Config) -> None:
    """Give SIGTERM back to a program that runs pytest inside itself."""
    end = config.stash.get(ENDS, None)
    if end is not None and signal.getsignal(signal.SIGTERM) is end:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


ENDS: pytest.StashKey[Callable[[int, Any], None]] = pytest.StashKey()
FINDINGS: pytest.StashKey[Any] = pytest.StashKey()
INCOMPLETE: pytest.StashKey[str] = pytest.StashKey()
"""The reason why the run ended before its time."""

UNJUDGED: pytest.StashKey[str] = pytest.StashKey()
"""The reason why a run ended before its first verdict."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write the summary: the causes of failures, and the verdicts by area."""
    if FINDINGS in config.stash:
        config.stash[FINDINGS].show(terminalreporter)
