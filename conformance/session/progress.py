"""Progress in the terminal: the scenario that is being played, and the number that are left.

On a terminal one line is rewritten for each scenario, and only a test that does not pass leaves a mark. In a CI log
each scenario has its own line. With -v, -q or xdist pytest's own progress is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from conformance.session.order import play_of


class Progress:
    """A pytest plugin for one run. `scenarios` maps the id of each test of the suite to its play."""

    def __init__(self, terminal: pytest.TerminalReporter, scenarios: Mapping[str, str]) -> None:
        self._terminal = terminal
        self._scenarios = scenarios
        self._total = len(set(scenarios.values()))
        self._seen: set[str] = set()
        self._now = ""
        self._marked = False
        self._unjudgeable: set[str] = set()
        # Scenarios are judged as they come, so the file changes with each, and its name says nothing more.
        terminal.showfspath = False
        # Rewriting a line needs ANSI codes, which pytest does not write with --color=no even to a terminal.
        self._rewrites = terminal.isatty and terminal.hasmarkup

    # Last, because pytest's own reporter writes the name of a new test file in the same hook.
    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Write the scenario when the first of its tests starts."""
        scenario = self._scenarios.get(nodeid)
        if scenario is None or scenario == self._now or _deployment(scenario) in self._unjudgeable:
            return
        self._now = scenario
        self._seen.add(scenario)
        line = f"[{len(self._seen)}/{self._total}] {scenario}, {self._left()} "
        # A line with marks (F, x, s) is kept, and so is the line before the first scenario, which is pytest's.
        if self._rewrites and not self._marked and len(self._seen) > 1:
            self._terminal.rewrite(line, erase=True)
        else:
            self._terminal.write(f"\n{line}")
        # Into a pipe or a file, a line without an end would be kept back until the play is over.
        self._terminal.flush()
        self._marked = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record a deployment that cannot be judged."""
        # Such a deployment is reported by one failure. A line for each of its scenarios would bury that failure.
        if getattr(report, "doubletext", {}).get("unjudged"):
            self._unjudgeable.add(_deployment(self._scenarios[report.nodeid]))

    def _left(self) -> str:
        left = self._total - len(self._seen)
        return f"{left} left" if left else "the last one"

    # First, because pytest takes the first answer to this hook, and its own reporter answers for every test.
    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Return no mark for a PASS on a terminal, so that the line stays short enough to be rewritten."""
        if not self._rewrites or report.nodeid not in self._scenarios or report.when != "call":
            return None
        # A report with `wasxfail` is an XPASS, which keeps its mark.
        if report.passed and not hasattr(report, "wasxfail"):
            return "passed", "", "PASSED"
        self._marked = True
        return None


def _deployment(scenario: str) -> str:
    """Return the deployment's name in front of a scenario. It is empty where there is one deployment."""
    return scenario.rpartition("::")[0]


def register(config: pytest.Config, scenarios: Mapping[str, str]) -> None:
    """Show progress in this run, unless pytest's options ask for another output."""
    # With -s the output of tests and plugins would land in the line that is rewritten.
    terminal: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    if scenarios and terminal is not None and config.get_verbosity() == 0 and config.option.capture != "no":
        config.pluginmanager.register(Progress(terminal, scenarios), "doubletext-progress")


def scenarios_of(items: Sequence[pytest.Item]) -> dict[str, str]:
    """Return the play of each test of the suite, by the test's id."""
    return {item.nodeid: play for item in items if (play := play_of(item)) is not None}
